"""Putting a hold in force: file, live content and journal, from wherever a crash has cut them off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from framework.files.atomic import write_atomic
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.desired.history import History
from framework.gitops.desired.rendered import read_rendered, require_rendered
from framework.holds.hold import Hold, drop_hold, write_hold
from framework.journal.entry import Kind


def place_hold(state_dir: StateDir, view: JournalView, data: Mapping[str, Any], *, bot_health: str) -> Hold:
    """Put a hold in force and journal it; the caller has the turn. Raises FileError, JournalError."""
    hold = write_hold(state_dir.hold, data, staging=state_dir.staging)
    settle(state_dir, view, hold, bot_health=bot_health)
    return hold


def settle(state_dir: StateDir, view: JournalView, hold: Hold, *, bot_health: str = "unknown") -> None:
    """Bring file, live content and journal to what a hold says, from wherever they were cut off."""
    history = view.history()
    if hold.name in history.cleared:
        drop_hold(state_dir.hold)
        return
    if hold.gone:
        write_hold(state_dir.hold, hold.plain, staging=state_dir.staging)
    older = history.hold
    if older is not None and older["hold"] != hold.name:
        view.note(Kind.CLEARED, {"hold": older["hold"], "cause": f"superseded by {hold.name}"})
    if hold.quarantined is not None or _is_elsewhere(hold, history):
        _go_back(state_dir, view, hold, history, bot_health)
    if (hold.name, Kind.HOLD) not in history.done:
        view.note(Kind.HOLD, hold.plain)


def lost_content(state_dir: StateDir, hold: Hold, history: History) -> str:
    """Say that a hold has still to put a content in force that is nowhere, and what ends it; or nothing.

    A hold that somebody made up is one: it keeps everything out, and a release ends it.
    """
    sha = hold.overrides_sha
    owes = (hold.name, Kind.ROLLBACK) not in history.done
    if hold.fault or sha is None or not owes or not (hold.quarantined or _is_elsewhere(hold, history)):
        return ""
    if read_rendered(sha, folder=state_dir.contents) is not None:
        return ""
    return (
        f"{hold.name} goes back to a content that is not in contents/ ({sha[:12]}): nothing is put in force;"
        f" bring it back, or quoteops gitops release --environment {state_dir.environment} --reason TEXT"
    )


def put_live(state_dir: StateDir, data: bytes) -> None:
    """Replace the live file; its folder never holds another file. Raises FileError."""
    write_atomic(path=state_dir.live, data=data, staging=state_dir.staging, vital=True)


def _go_back(state_dir: StateDir, view: JournalView, hold: Hold, history: History, bot_health: str) -> None:
    if (hold.name, Kind.ROLLBACK) not in history.done:
        assert hold.overrides_sha is not None
        rendered = require_rendered(hold.overrides_sha, folder=state_dir.contents)
        put_live(state_dir, rendered.live_bytes())
        entry = rendered.entry(bot_health=bot_health, hold=hold.name, reason=hold.reason)
        view.note(Kind.ROLLBACK, {**entry, "from": _from(hold, history)})
    if hold.quarantined is not None and (hold.name, Kind.QUARANTINED) not in history.done:
        assert hold.bad is not None
        view.note(Kind.QUARANTINED, {**hold.bad.as_dict(), "hold": hold.name, "reason": hold.reason})


def _is_elsewhere(hold: Hold, history: History) -> bool:
    """Say whether a hold that is not in the journal yet keeps another content than the journal's newest."""
    applied = history.applied
    if hold.overrides_sha is None or applied is None or (hold.name, Kind.HOLD) in history.done:
        return False
    return hold.overrides_sha != applied.overrides_sha


def _from(hold: Hold, history: History) -> dict[str, Any]:
    """Return what was in force before going back."""
    if hold.bad is not None:
        return hold.bad.as_dict()
    applied = history.applied
    assert applied is not None
    names = ("config_sha", "commit", "overrides_sha")
    return {name: getattr(applied, name) for name in names}
