"""What an environment is compared with where the base says nothing of it that composes.

A broken content was never in force: agents refuse it. So its repair is compared with the newest content below
the base that composes, or with what its journals say is in force there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from framework.gitops.desired.revision import DEPTH, Revision
from framework.gitops.errors import GitopsError
from framework.gitops.repo.git import Git
from framework.settings.gitops_files import ENVIRONMENTS


@dataclass(frozen=True)
class Ground:
    """A commit that an environment is compared with, and what that commit is to it."""

    commit: str
    why: str


FindGround = Callable[[str], Ground]
"""Gives, by the environment's name, what it is compared with; raises QuoteopsError where there is nothing."""
FindStanding = Callable[[str], Ground | None]
"""Gives what an environment runs in place of a base that composes, None where it runs the base."""


def earlier(git: Git, sha: str, name: str) -> Iterator[str]:
    """Give the commits below one along its first parents, as far as they changed what an environment runs."""
    paths = ("conf", "runtime_overrides", f"{ENVIRONMENTS}/{name}.yaml")
    words = ("log", "--first-parent", "--format=%P", f"--max-count={DEPTH}", sha, "--", *paths)
    yield from (parents.split()[0] for parents in git.run(*words).decode().splitlines() if parents)


def newest_composed(base: Revision, name: str, now: datetime) -> Ground:
    """Return the newest content below a base that composes. Raises GitopsError when there is none."""
    for commit in earlier(base.git, base.sha, name):
        with Revision(base.git, commit) as revision:
            if revision.config_sha(name, now=now) is not None:
                return Ground(commit, "the newest content below it that composes")
    raise GitopsError(
        f"{name}: does not compose in the base {base.sha[:12]}, nor in {DEPTH} contents below it, so there is"
        " nothing to compare it with; allowed a new name for a new environment"
    )
