"""What an environment is compared with where the base says nothing of it that composes.

A broken content was never in force: agents refuse it. So its repair is compared with the newest content below
the base that composes, or with what its journals say is in force there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from framework.errors import QuoteopsError
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.repo.git import Git
from framework.settings.gitops_files import ENVIRONMENTS

DEPTH = 64
"""Commits below the base that are looked at for one that composes."""


@dataclass(frozen=True)
class Ground:
    """A commit that an environment is compared with, and what that commit is to it."""

    commit: str
    why: str


FindGround = Callable[[str], Ground]
"""Gives, by the environment's name, what it is compared with; raises QuoteopsError where there is nothing."""


def config_sha_of(revision: Revision, name: str, now: datetime) -> str | None:
    """Return what an environment runs in a commit, None when nobody can say."""
    try:
        return revision.settings(name, now=now).config_sha
    except QuoteopsError:
        return None


def fault_of(revision: Revision, name: str, now: datetime) -> str:
    """Say why an environment that a commit holds does not compose there, or nothing."""
    if name not in revision.names:
        return ""
    try:
        revision.settings(name, now=now)
        return ""
    except QuoteopsError as error:
        return revision.plain(str(error))


def earlier(git: Git, sha: str, name: str) -> Iterator[str]:
    """Give the commits below one along its first parents, as far as they changed what an environment runs."""
    paths = ("conf", "runtime_overrides", f"{ENVIRONMENTS}/{name}.yaml")
    words = ("log", "--first-parent", "--format=%P", f"--max-count={DEPTH}", sha, "--", *paths)
    yield from (parents.split()[0] for parents in git.run(*words).decode().splitlines() if parents)


def newest_composed(base: Revision, name: str, now: datetime) -> Ground:
    """Return the newest content below a base that composes. Raises GitopsError when there is none."""
    for commit in earlier(base.git, base.sha, name):
        with Revision(base.git, commit) as revision:
            if config_sha_of(revision, name, now) is not None:
                return Ground(commit, "the newest content below it that composes")
    raise GitopsError(
        f"{name}: does not compose in the base {base.sha[:12]}, nor in {DEPTH} contents below it, so there is"
        " nothing to compare it with; allowed a new name for a new environment"
    )


@contextmanager
def readable(base: Revision) -> Iterator[Revision]:
    """Give a base, or, where its files and policy cannot be read, the newest commit below where they can."""
    try:
        _ = base.policy
        found: str | None = None
    except QuoteopsError:
        found = _newest_readable(base)  # without one, what asks for the policy says so
    if found is None:
        yield base
        return
    with Revision(base.git, found) as revision:
        yield revision


def unread_note(asked: Revision, base: Revision) -> str:
    """Say that another commit stands in for a base that cannot be read; or nothing."""
    if asked.sha == base.sha:
        return ""
    try:
        _ = asked.policy
        return ""
    except QuoteopsError as error:
        said = asked.plain(str(error))
        return f"note: {said}; compared with {base.sha[:12]}, the newest below it that can be read\n"


def _newest_readable(base: Revision) -> str | None:
    words = ("rev-list", "--first-parent", "--skip=1", f"--max-count={DEPTH}", base.sha, "--", *_READ)
    for commit in base.git.run(*words).decode().split():
        with Revision(base.git, commit) as revision:
            try:
                _ = revision.policy
                return commit
            except QuoteopsError:
                continue
    return None


_READ = ("conf", "runtime_overrides", "gitops")
