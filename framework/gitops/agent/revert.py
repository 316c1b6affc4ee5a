"""The proposal that brings git to what is held: the least commit that asks for exactly that."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from framework.errors import QuoteopsError
from framework.gitops.desired.environment_revision import EnvironmentRevision, read_revision
from framework.gitops.desired.rendered import Rendered, rendered_of
from framework.gitops.errors import GitError, GitopsError
from framework.gitops.repo.git import Git
from framework.holds.hold import Hold


@dataclass(frozen=True)
class Revert:
    """A commit that brings the branch to what is held, and how well it does."""

    branch: str
    commit: str
    base: str
    paths: tuple[str, ...]
    exact: bool
    """Whether the environment composed from it is the held content, to the hash."""

    left: tuple[str, ...]
    """Files that have changed again since the bad commit and were left alone."""

    title: str
    overwritten: tuple[str, ...]
    """The same, and restored nevertheless: without them the held content cannot be had."""


@dataclass(frozen=True)
class Reverting:
    """What a revert is made of: what is held, the branch as it is, and where to compose it."""

    git: Git
    hold: Hold
    environment: str
    head: str
    scratch: Path
    now: datetime
    held: Rendered | None = None
    """The content that is held, from the store: what no commit asks for as a whole is written from it."""

    sign: Path | None = None

    @property
    def good(self) -> str:
        """Return the commit that was gone back to."""
        assert self.hold.held is not None
        return self.hold.held.commit

    @property
    def bad(self) -> str:
        """Return the commit that ran badly."""
        assert self.hold.bad is not None
        return self.hold.bad.commit

    @property
    def title(self) -> str:
        """Return what the revert is called."""
        return f"revert({self.environment}): back to {self.good[:12]}"

    def committed(self, files: Mapping[str, bytes | None]) -> EnvironmentRevision:
        """Commit files on top of the branch; give what the environment composes to."""
        message = _message(self, sorted(files))
        commit = self.git.commit_files(self.head, files, message, self.sign)
        return read_revision(self.git, commit=commit, environment=self.environment, scratch=self.scratch)

    def composed(self, revision: EnvironmentRevision) -> Rendered | None:
        """Return what a commit asks for, None where it says nothing that may be asked for."""
        if revision.fault:
            return None
        return rendered_of(revision, environment=self.environment, now=self.now)

    def exact(self, revision: EnvironmentRevision) -> bool:
        """Say whether a commit asks for the very content that is held."""
        composed = self.composed(revision)
        return composed is not None and composed.config_sha == self.hold.config_sha


def make_revert(work: Reverting) -> Revert:
    """Commit the least that restores the held content on top of the branch; nothing is pushed.

    First the environment's patch alone, then its file in gitops/environments, then conf/ besides, what has
    changed again since left alone; at last the environment's own files whatever they have become; then each
    of these, and the branch as it is, with the held values written into the patch. The first that composes
    to the held config_sha is taken, else the first that composes.
    """
    git, bad = work.git, work.bad
    own = read_revision(git, commit=work.good, environment=work.environment, scratch=work.scratch).overrides
    moved = set(git.changed(work.good, bad))
    since = {path for path in moved if _differs(git, path, work.head, bad)}
    named = {f"gitops/environments/{work.environment}.yaml"} & moved
    conf = {path for path in moved if path.startswith(("conf/", "runtime_overrides/"))}
    sets = [
        {path: git.show(work.good, path) for path in paths}
        for paths in _sets({own} & moved, named, conf - _judging(conf), since)
    ]
    best: Revert | None = None
    for files in _tries(work, sets, own):
        revision = work.committed(files)
        left, over = sorted(since - set(files)), sorted(since & set(files))
        branch, exact = f"quoteops/revert-{work.environment}-{bad[:8]}", work.exact(revision)
        candidate = Revert(
            branch=branch,
            commit=revision.commit,
            base=work.head,
            paths=tuple(sorted(files)),
            exact=exact,
            left=tuple(left),
            title=work.title,
            overwritten=tuple(over),
        )
        if exact:
            return candidate
        best = best or (None if revision.fault else candidate)
    if best is None:
        raise GitopsError(
            f"{work.environment}: no revert of {', '.join(sorted(moved)) or 'nothing'} composes; make one by"
            " hand"
        )
    return best


Files = Mapping[str, bytes | None]


def _tries(work: Reverting, sets: Sequence[Files], own: str | None) -> Iterator[Files]:
    """Yield the files to try: as they were, then with the held values written into the patch."""
    yield from sets
    if work.held is None or own is None:
        return
    for files in (*sets, dict[str, bytes | None]()):
        composed = work.composed(work.committed(files))
        text = files[own] if own in files else work.git.show(work.head, own)
        written = None if composed is None or text is None else _written(work.held, composed, text, own)
        if written is not None:
            yield {**files, own: written}


def _written(held: Rendered, composed: Rendered, text: bytes, where: str) -> bytes | None:
    """Write into a patch what is held and would not be asked for; None where that cannot be."""
    from framework.settings.edit import edit_patch

    values = {
        name: json.dumps(value) for name, value in held.fields.items() if composed.fields.get(name) != value
    }
    head: dict[str, str | None] = {"expires": None} if composed.expires and not held.expires else {}
    try:
        return edit_patch(text.decode(), where=where, values=values, head=head).encode()
    except (QuoteopsError, UnicodeDecodeError):
        return None


def _judging(paths: Iterable[str]) -> set[str]:
    """Return what judges, which is never part of what is judged and trades nothing."""
    return {path for path in paths if path.startswith("conf/kpi/")}


def _differs(git: Git, path: str, one: str, other: str) -> bool:
    try:
        return git.show(one, path) != git.show(other, path)
    except GitError:  # a link or a file beyond the limit, which is not what was there
        return True


def revert_body(revert: Revert, hold: Hold, environment: str) -> str:
    """Write the pull request of a revert."""
    held, bad = hold.held, hold.bad
    assert held is not None
    assert bad is not None
    exact = (
        "Composed from this branch, the environment is exactly what is held."
        if revert.exact
        else "**Composed from this branch, the environment is not what is held: look before you merge.**"
    )
    lines = [
        f"`{environment}` went back at {hold.at} and is held: {hold.reason}",
        "",
        "| | commit | config |",
        "|---|---|---|",
        f"| ran badly | `{bad.commit[:12]}` | `{bad.config_sha[:12]}` |",
        f"| held now | `{held.commit[:12]}` | `{held.config_sha[:12]}` |",
        "",
        f"{exact} Merging it ends the hold `{hold.name}`. Until then nothing of the branch is put in force.",
        f"The content that ran badly is refused under any commit until {bad.until}.",
    ]
    if not held.proven:
        lines += ["", "No bot was seen healthy under the held content for the whole probation time."]
    lines += ["", "Restored:", *(f"- `{path}`" for path in revert.paths)]
    if revert.overwritten:
        lines += ["", "Of these, changed again since; **the later change is undone too**:"]
        lines += [f"- `{path}`" for path in revert.overwritten]
    if revert.left:
        lines += ["", "Changed again since and left alone:", *(f"- `{path}`" for path in revert.left)]
    return "\n".join(lines) + "\n"


def _sets(own: set[str | None], named: set[str], conf: set[str], since: set[str]) -> Sequence[list[str]]:
    steps: list[list[str]] = []
    so_far: set[str] = set()
    for more in ({path for path in own if path is not None}, named, conf):
        so_far |= more - since
        paths = sorted(so_far)
        if paths and paths not in steps:
            steps.append(paths)
    last = sorted(so_far | {path for path in own if path is not None} | named)
    return steps if last in steps or not last else [*steps, last]


def _message(work: Reverting, paths: Sequence[str]) -> str:
    names, hold = ", ".join(paths), work.hold
    return (
        f"{work.title}\n\n"
        f"{hold.reason}\n\nRestores {names}.\n\nReverts: {work.bad}\nClears-Hold: {hold.name}\n"
    )
