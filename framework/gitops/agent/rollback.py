"""Going back: at once and on this machine alone, then a proposal that brings git to the same."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from framework.files.moments import iso_utc
from framework.gitops.agent.decide import rollback_target
from framework.gitops.agent.hold import place_hold
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.desired.history import Applied, History
from framework.gitops.desired.rendered import (
    read_rendered,
    rendered_of,
    require_rendered,
    store_rendered,
    successor,
)
from framework.gitops.errors import GitError, GitopsError
from framework.gitops.repo.git import Git
from framework.holds.hold import Grounds, Hold, new_hold


def roll_back(
    state_dir: StateDir,
    view: JournalView,
    grounds: Grounds,
    *,
    cooldown_s: float,
    to: str | None = None,
    revoked: Container[str] = (),
) -> tuple[Hold, Applied]:
    """Put the last good content back, hold it against git, and quarantine what was in force.

    The caller has the turn and has finished what was cut off. Returns the hold and what it went back to.
    Raises GitopsError when there is nothing to go back to.
    """
    history = view.history()
    bad = history.applied
    if bad is None:
        raise GitopsError(
            f"{state_dir.environment}: nothing is in force; allowed after a first commit is applied"
        )
    best = rollback_target(history, now=grounds.at, revoked=revoked)
    target = best if to is None else _named(history, bad, to)
    if target is None:
        raise GitopsError(
            f"{state_dir.environment}: nothing earlier differs from {bad.commit[:12]} and is out of"
            " quarantine; allowed a hold (quoteops gitops hold) and a new commit"
        )
    good = require_rendered(target.overrides_sha, folder=state_dir.contents)
    before = read_rendered(bad.overrides_sha, folder=state_dir.contents)
    rendered = successor(replace(good, cause="rollback"), applied=bad, before=before)
    sha = store_rendered(rendered, folder=state_dir.contents)
    data = new_hold(
        replace(
            grounds,
            head=grounds.head or bad.commit,
            head_config_sha=grounds.head_config_sha or bad.config_sha,
        ),
        seq=view.head.seq + 1,
        held={
            "commit": target.commit,
            "config_sha": target.config_sha,
            "overrides_sha": sha,
            "generation": rendered.generation,
            "proven": target.config_sha in history.proven,
        },
        quarantined={
            "config_sha": bad.config_sha,
            "commit": bad.commit,
            "overrides_sha": bad.overrides_sha,
            "until": iso_utc(grounds.at + timedelta(seconds=cooldown_s)),
        },
    )
    return place_hold(state_dir, view, data), target


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

    overwritten: tuple[str, ...]
    """The same, and restored nevertheless: without them the held content cannot be had."""


def make_revert(
    git: Git,
    hold: Hold,
    *,
    environment: str,
    head: str,
    scratch: Path,
    now: datetime,
    sign: Path | None = None,
) -> Revert:
    """Commit the least that restores the held content on top of the branch; nothing is pushed.

    First the environment's patch alone, then its file in gitops/environments, then conf/ besides, what has
    changed again since left alone; at last the environment's own files whatever they have become. The first
    that composes to the held config_sha is taken, else the first that composes.
    """
    good, bad = hold.plain["held"]["commit"], hold.plain["quarantined"]["commit"]
    revision = read_revision(git, commit=good, environment=environment, scratch=scratch)
    moved = set(git.changed(good, bad))
    since = {path for path in moved if _differs(git, path, head, bad)}
    own = {revision.overrides} & moved
    named = {f"gitops/environments/{environment}.yaml"} & moved
    conf = {path for path in moved if path.startswith(("conf/", "runtime_overrides/"))}
    branch = f"quoteops/revert-{environment}-{bad[:8]}"
    best: Revert | None = None
    for paths in _sets(own, named, conf, since):
        files = {path: git.show(good, path) for path in paths}
        commit = git.commit_files(head, files, _message(hold, environment, bad, paths), sign)
        revision = read_revision(git, commit=commit, environment=environment, scratch=scratch)
        exact = (
            not revision.fault
            and rendered_of(revision, environment=environment, now=now).config_sha == hold.config_sha
        )
        left, over = sorted(since - set(paths)), sorted(since & set(paths))
        candidate = Revert(branch, commit, head, tuple(paths), exact, tuple(left), tuple(over))
        if exact:
            return candidate
        best = best or (None if revision.fault else candidate)
    if best is None:
        raise GitopsError(
            f"{environment}: no revert of {', '.join(sorted(moved)) or 'nothing'} composes; make one by hand"
        )
    return best


def _differs(git: Git, path: str, one: str, other: str) -> bool:
    try:
        return git.show(one, path) != git.show(other, path)
    except GitError:  # a link or a file beyond the limit, which is not what was there
        return True


def revert_body(revert: Revert, hold: Hold, environment: str) -> str:
    """Write the pull request of a revert."""
    held, bad = hold.plain["held"], hold.plain["quarantined"]
    exact = (
        "Composed from this branch, the environment is exactly what is held."
        if revert.exact
        else "**Composed from this branch, the environment is not what is held: look before you merge.**"
    )
    lines = [
        f"`{environment}` went back at {hold.plain['at']} and is held: {hold.reason}",
        "",
        "| | commit | config |",
        "|---|---|---|",
        f"| ran badly | `{bad['commit'][:12]}` | `{bad['config_sha'][:12]}` |",
        f"| held now | `{held['commit'][:12]}` | `{held['config_sha'][:12]}` |",
        "",
        f"{exact} Merging it ends the hold `{hold.name}`. Until then nothing of the branch is put in force.",
        f"The content that ran badly is refused under any commit until {bad['until']}.",
    ]
    if not held["proven"]:
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


def _message(hold: Hold, environment: str, bad: str, paths: Sequence[str]) -> str:
    names = ", ".join(paths)
    return (
        f"revert({environment}): back to {hold.plain['held']['commit'][:12]}\n\n"
        f"{hold.reason}\n\nRestores {names}.\n\nReverts: {bad}\nClears-Hold: {hold.name}\n"
    )


def _named(history: History, bad: Applied, to: str) -> Applied:
    fit = [item for item in reversed(history.trail) if item.commit.startswith(to) and len(to) >= 4]
    other = [item for item in fit if item.config_sha != bad.config_sha]
    if other:
        return other[0]
    ever = list(dict.fromkeys(item.commit[:12] for item in reversed(history.trail)))[:8]
    what = "is what is in force" if fit else "was never put in force here"
    raise GitopsError(f"--to {to}: {what}; allowed one of {', '.join(ever)}")
