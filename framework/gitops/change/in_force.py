"""What judges now: the newest policy and what it replaced of late, and the tiers environments were in.

A loosening is never used at once. For ``settle_h`` after it came in, changes are judged by the stricter of
old and new. When that was is read off the first parents of the base; a commit is no older than what it lies
on, whatever date it bears.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from framework.errors import QuoteopsError
from framework.gitops.change.admission import TIERS
from framework.gitops.change.directions import SCHEMA, directions
from framework.gitops.change.strictness import strictest
from framework.gitops.desired.revision import Revision
from framework.gitops.repo.git import Git
from framework.settings.gitops_files import ENVIRONMENTS, POLICY, read_environment, read_policy
from framework.settings.overrides import Change, Effect
from framework.settings.schema.gitops import Policy

Read = TypeVar("Read")


@dataclass(frozen=True)
class InForce:
    """The policies that judge, the newest first, and the strictest tier each environment was in of late."""

    policies: tuple[Policy, ...]
    tiers: dict[str, str] = field(default_factory=dict)
    turned: frozenset[str] = frozenset()
    """Fields whose direction of risk was another one of late: neither way of them reduces it yet."""

    @property
    def policy(self) -> Policy:
        """Return the stricter of all of them, field by field."""
        return strictest(self.policies)

    def tier(self, name: str, now: str) -> str:
        """Return the tier an environment is judged in: the strictest, what it says now among them."""
        return max(now, self.tiers.get(name, now), key=TIERS.index)

    def effect(self, change: Change) -> Change:
        """Return a change as it counts: what reduces risk since a direction was turned round increases it."""
        turned = change.name.rpartition(".")[2] in self.turned and change.effect is Effect.REDUCING
        return replace(change, effect=Effect.INCREASING) if turned else change


def in_force(base: Revision, now: datetime) -> InForce:
    """Read what judges a change of a base at a moment. Raises GitError, and what reads the base's policy."""
    git = base.git
    since = _came_in(git, base.sha)
    touched = _touched(git, base.sha)

    def before(path: str, read: Callable[[Path], Read], settle_h: Callable[[Read], float]) -> list[Read]:
        """Return what a file said before, as far as it still counts, the newest first."""
        found, settles = list[Read](), 0.0
        commits = touched.get(path, [])
        for newer, commit in pairwise(commits):
            value = _read_at(git, commit, path, read)
            if value is None:
                continue
            settles = max(settles, settle_h(value))
            if since[newer] <= now - timedelta(hours=max(settles, base.policy.settle_h)):
                break
            found.append(value)
        return found

    policies = (base.policy, *before(POLICY, read_policy, lambda policy: policy.settle_h))
    longest = max(policy.settle_h for policy in policies)
    tiers: dict[str, str] = {}
    for path in touched:
        name = Path(path).stem
        if path.startswith(ENVIRONMENTS):
            earlier = before(path, partial(read_environment, name=name), lambda _: longest)
            tiers |= {name: max((file.tier for file in earlier), key=TIERS.index)} if earlier else {}
    late = now - timedelta(hours=longest)
    turned = _turned(
        git, base.sha, since, {c for p in touched if p.startswith(SCHEMA) for c in touched[p]}, late
    )
    return InForce(policies, tiers, turned)


def _turned(
    git: Git, sha: str, since: dict[str, datetime], touching: set[str], late: datetime
) -> frozenset[str]:
    """Return the fields that reduced risk another way when the time that counts began, or soon after."""
    young = [commit for commit in since if commit in touching and since[commit] > late]
    if not young:
        return frozenset()
    began = [commit for commit in since if since[commit] <= late][-1:]
    new = _all_directions(git, sha)
    old = [_all_directions(git, commit) for commit in (*began, young[0])]
    return frozenset(
        name.rpartition(".")[2] for one in old for name in one if name in new and one[name] != new[name]
    )


def _all_directions(git: Git, sha: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="quoteops-judge-") as folder:
        git.export(sha, git.files(sha, SCHEMA), Path(folder))
        files = sorted(Path(folder).rglob("*.py"))
        return {name: way for file in files for name, way in directions(file.read_bytes()).items()}


def _came_in(git: Git, sha: str) -> dict[str, datetime]:
    """Return when each commit of the first parents came in."""
    rows = git.run("rev-list", "--first-parent", "--reverse", "--timestamp", "--end-of-options", sha)
    found, latest = dict[str, datetime](), 0
    for row in rows.decode().splitlines():
        stamp, commit = row.split()
        latest = max(latest, int(stamp))
        found[commit] = datetime.fromtimestamp(latest, UTC)
    return found


def _touched(git: Git, sha: str) -> dict[str, list[str]]:
    """Return the commits that changed each file that decides how something is judged, the newest first."""
    words = ("log", "--first-parent", "--diff-merges=first-parent", "--no-renames", "--format=%x00%H")
    log = git.run(*words, "--name-only", "-z", "--end-of-options", sha, "--", POLICY, ENVIRONMENTS, SCHEMA)
    found: dict[str, list[str]] = {}
    commit = ""
    for word in _words(log.decode(errors="replace").split("\0")):
        if len(word) in (40, 64) and "/" not in word:
            commit = word
        elif word.endswith((".yaml", ".py")):
            found.setdefault(word, []).append(commit)
    return found


def _words(parts: Iterable[str]) -> Iterable[str]:
    return (part.strip("\n") for part in parts if part.strip("\n"))


def _read_at(git: Git, commit: str, path: str, read: Callable[[Path], Read]) -> Read | None:
    """Read a file of a commit; None where it is not there, or no file of today's kind."""
    data = git.show(commit, path)
    if data is None:
        return None
    with tempfile.TemporaryDirectory(prefix="quoteops-judge-") as folder:
        file = Path(folder) / path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        try:
            return read(Path(folder))
        except QuoteopsError:
            return None
