"""A branch, a commit and a pull request that ask an environment for other values, with their evidence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.files.atomic import write_atomic
from framework.files.moments import iso_utc
from framework.gitops.agent.state_dir import StateDir
from framework.gitops.change.classify import classify
from framework.gitops.desired.environment_revision import EnvironmentRevision, read_revision
from framework.gitops.desired.rendered import rendered_of
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.evidence import tapes_of
from framework.gitops.proposal.promotion import promotion_of
from framework.gitops.proposal.source import Source
from framework.gitops.proposal.world import check_world
from framework.gitops.repo.git import Git
from framework.gitops.repo.pull_request import open_pull_request, push_branch
from framework.settings.gitops_files import read_tapes

if TYPE_CHECKING:
    from framework.settings.overrides import Change
    from framework.settings.patch import Patch, Window


@dataclass(frozen=True)
class Proposal:
    """What was proposed, and where it is."""

    branch: str
    commit: str
    base: str
    title: str
    body: Path
    url: str
    """Of the pull request; empty when there is no token and the body waits in ``body``."""


def propose(
    state_dir: StateDir,
    *,
    remote: str,
    source: Source | None,
    now: datetime,
    branch: str = "main",
    title: str | None = None,
    sign: Path | None = None,
    token: str | None = None,
) -> Proposal:
    """Commit the values into the environment's patch, push the branch, open the pull request.

    Without a source the candidate is promoted: its values, and no rollout any more, in the one commit.
    Nothing of the caller's worktree is read or changed. Raises GitopsError when the environment has these
    values already or no patch to put them in, ConfigError for values it may not have, GitError.
    """
    git = Git.mirror(state_dir.mirror)
    head = git.fetch(remote, branch)
    before = read_revision(git, commit=head, environment=state_dir.environment, scratch=state_dir.staging)
    if before.fault:
        raise GitopsError(f"{branch}: cannot be proposed to: {before.fault}")
    files: dict[str, bytes | None] = {}
    if source is None:
        source, files = promotion_of(git, before, environment=state_dir.environment)
    path, text, summary = _edited(git, before, source, environment=state_dir.environment, now=now)
    short = hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()[:8]
    title = title or f"feat({state_dir.environment}): {summary}"
    message = f"{title}\n\n{source.reason}\n"
    commit = git.commit_files(head, {**files, path: text.encode()}, message, sign)
    after = read_revision(git, commit=commit, environment=state_dir.environment, scratch=state_dir.staging)
    if after.fault:
        raise GitopsError(f"{after.fault}")
    _checked(git, state_dir.environment, base=head, commit=commit, source=source, now=now)
    name, commit = push_branch(
        git, remote, branch=f"quoteops/proposal-{state_dir.environment}-{short}", commit=commit, base=head
    )
    body = proposal_body(state_dir.environment, before=before, after=after, source=source)
    file = state_dir.folder / "proposals" / f"{name.replace('/', '_')}.md"
    write_atomic(path=file, data=body)
    url = open_pull_request(remote=remote, branch=name, base=branch, title=title, body=body, token=token)
    return Proposal(name, commit, head, title, file, url)


def _checked(git: Git, environment: str, *, base: str, commit: str, source: Source, now: datetime) -> None:
    """Refuse what the check will refuse, and values of another world, before anything is pushed."""
    with Revision(git, base) as old, Revision(git, commit) as new:
        if source.world is not None:
            tapes = tapes_of(old.environment(environment), read_tapes(old.root))
            check_world(
                source.world, environment=environment, settings=old.settings(environment), tapes=tapes
            )
        report = classify(old, new, environment, now=now)
    if report.refusals:
        raise GitopsError(f"{environment}: the check refuses it, so nothing is pushed: {report.refusals[0]}")


def _edited(
    git: Git, before: EnvironmentRevision, source: Source, *, environment: str, now: datetime
) -> tuple[str, str, str]:
    """Return the environment's patch with the values that differ: path, text, and the change in words."""
    if before.overrides is None:
        raise GitopsError(
            f"gitops/environments/{environment}.yaml: names no overrides; allowed a file for values"
        )
    fields = rendered_of(before, environment=environment, now=now).fields
    values = {name: value for name, value in source.values.items() if fields.get(name) != value}
    if not values:
        raise GitopsError(f"{environment}: has these values already; allowed a difference")
    old = git.show(before.commit, before.overrides)
    text = patched(
        old.decode() if old is not None else "", where=before.overrides, values=values, source=source
    )
    return before.overrides, text, _summary(fields, values)


def patched(text: str, *, where: str, values: dict[str, Any], source: Source) -> str:
    """Return the patch file with new values and what they were tuned on; comments and formatting stay."""
    from framework.settings.edit import edit_patch, new_patch
    from framework.settings.patch import parse_patch

    written = {name: json.dumps(value) for name, value in values.items()}
    windows: tuple[Window, ...] = source.windows
    if text:
        patch = parse_patch(text, where=where)
        windows = tuple(dict.fromkeys([*patch.tuned_on, *source.windows]))
        gone = {"tuned_on": None} if patch.tuned_on else {}
        text = edit_patch(text, where=where, values=written, head={"reason": source.reason, **gone})
    else:
        text = new_patch(values=written, head={"reason": source.reason, "owner": "quoteops"})
    if windows:
        text = f"{text.rstrip()}\n{_tuned_on(windows)}"
    written_patch: Patch = parse_patch(text, where=where)
    if written_patch.tuned_on != windows or any(
        written_patch.values.get(name) != value for name, value in values.items()
    ):
        raise GitopsError(f"{where}: is written in a way that cannot be changed in place; edit it by hand")
    return text


def proposal_body(
    environment: str, *, before: EnvironmentRevision, after: EnvironmentRevision, source: Source
) -> str:
    """Write the pull request: what changes, which way it moves risk, and what is known of it."""
    from framework.settings.overrides import direction_of
    from framework.settings.traded import traded_changes, traded_fields

    assert before.settings is not None
    assert after.settings is not None
    moved = traded_changes(traded_fields(before.settings), traded_fields(after.settings))
    changes = [c for c in moved if c.reload != "restart"]
    lines = [
        f"`{environment}`: {source.reason}. Direction of risk: **{direction_of(changes)}**.",
        "",
        "| field | from | to | unit | risk | in force |",
        "|---|--:|--:|---|---|---|",
        *(_change_row(change) for change in changes),
        "",
        "## Evidence",
        "",
        *source.lines,
        "",
        f"config `{before.settings.config_sha[:12]}` → `{after.settings.config_sha[:12]}`",
    ]
    if source.windows:
        lines += ["", "Seen in finding the values, and left out when the gate judges:"]
        lines += [f"- `{w.tape[:16]}` {_z(w.start)} to {_z(w.end)}" for w in source.windows]
    return "\n".join(lines) + "\n"


def _change_row(change: Change) -> str:
    cells = (f"`{change.name}`", change.old, change.new, change.unit, change.effect, change.reload)
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _summary(fields: Any, values: dict[str, Any]) -> str:
    parts: Sequence[str] = [f"{name} {fields.get(name)} to {value}" for name, value in values.items()]
    return parts[0] if len(parts) == 1 else f"{len(parts)} values, {parts[0]} among them"


def _tuned_on(windows: Sequence[Window]) -> str:
    rows = [f"  - {{tape: {w.tape}, start: {_z(w.start)}, end: {_z(w.end)}}}" for w in windows]
    return "\n".join(["tuned_on:", *rows]) + "\n"


def _z(moment: datetime) -> str:
    return iso_utc(moment, timespec="auto")
