"""A hold: the one thing that wins over git, a file with its reason that a commit or an operator ends.

``hold.json`` is written first and is in force from that moment; the journal follows. ``settle`` completes
whatever a crash left between the two, however often it is called.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from framework.files.atomic import write_atomic, write_json
from framework.gitops.agent.observed import Hold
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.desired.history import History
from framework.gitops.desired.rendered import iso, require_rendered
from framework.gitops.errors import GitopsError
from framework.journal.entry import Kind
from framework.settings.documents import cut

KEYS = ("hold", "reason", "cause", "by", "at", "head", "head_config_sha", "held", "quarantined")


def read_hold(state_dir: StateDir, history: History) -> Hold | None:
    """Return the hold in force, from its file or, when that is gone, from the journal."""
    try:
        text = state_dir.hold.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None if history.hold is None else _hold(history.hold, gone=True)
    except (OSError, ValueError) as error:
        return _unreadable(f"{state_dir.hold}: cannot be read ({error}); it holds until it can")
    try:
        return _hold(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if history.hold is not None:
            return _hold(history.hold, gone=True)
        return _unreadable(f"{state_dir.hold}: is not a hold ({error}); it holds until it is or is released")


def hold_data(
    *,
    view: JournalView,
    reason: str,
    cause: str,
    by: str,
    now: datetime,
    head: str | None,
    head_config_sha: str | None,
    quarantined: Mapping[str, Any] | None = None,
    held: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of a new hold.json; a hold is named by its place in the journal."""
    if not reason.strip():
        raise GitopsError("hold: reason is empty; allowed a sentence that says why")
    return {
        "hold": f"hold-{view.head.seq + 1}",
        "reason": reason,
        "cause": cause,
        "by": by,
        "at": iso(now),
        "head": head,
        "head_config_sha": head_config_sha,
        "held": held,
        "quarantined": quarantined,
    }


def place_hold(state_dir: StateDir, view: JournalView, data: Mapping[str, Any]) -> Hold:
    """Put a hold in force and journal it; the caller has the turn. Raises FileError, JournalError."""
    write_json(path=state_dir.hold, value=dict(data), staging=state_dir.staging)
    hold = _hold(data)
    settle(state_dir, view, hold)
    return hold


def settle(state_dir: StateDir, view: JournalView, hold: Hold, *, bot_health: str = "missing") -> None:
    """Bring file, live content and journal to what a hold says, from wherever they were cut off."""
    history = view.history()
    if hold.name in history.cleared:
        state_dir.hold.unlink(missing_ok=True)
        return
    if hold.gone:
        write_json(path=state_dir.hold, value=dict(hold.plain), staging=state_dir.staging)
    older = history.hold
    if older is not None and older["hold"] != hold.name:
        view.note(Kind.CLEARED, {"hold": older["hold"], "cause": f"superseded by {hold.name}"})
    if hold.quarantined is not None:
        _go_back(state_dir, view, hold, history, bot_health)
    if (hold.name, Kind.HOLD) not in history.done:
        view.note(Kind.HOLD, hold.plain)


def end_hold(state_dir: StateDir, view: JournalView, hold: Hold, *, cause: str, **more: Any) -> None:
    """End a hold: the journal first, for the file alone means nothing once the journal says it has ended."""
    view.note(Kind.CLEARED, {"hold": hold.name, "cause": cause, **more})
    state_dir.hold.unlink(missing_ok=True)


def put_live(state_dir: StateDir, data: bytes) -> None:
    """Replace the live file; its folder never holds another file. Raises FileError."""
    write_atomic(path=state_dir.live, data=data, staging=state_dir.staging)


def _go_back(state_dir: StateDir, view: JournalView, hold: Hold, history: History, bot_health: str) -> None:
    if (hold.name, Kind.ROLLBACK) not in history.done:
        assert hold.overrides_sha is not None
        rendered = require_rendered(hold.overrides_sha, folder=state_dir.contents)
        put_live(state_dir, rendered.live_bytes())
        entry = rendered.entry(bot_health=bot_health, hold=hold.name, reason=hold.reason)
        view.note(Kind.ROLLBACK, {**entry, "from": hold.plain["quarantined"]})
    if (hold.name, Kind.QUARANTINED) not in history.done:
        view.note(Kind.QUARANTINED, {**hold.plain["quarantined"], "hold": hold.name, "reason": hold.reason})


def _hold(data: Mapping[str, Any], *, gone: bool = False) -> Hold:
    plain = {key: data[key] for key in KEYS}
    held, bad = plain["held"] or {}, plain["quarantined"]
    _check(plain, held, bad)
    return Hold(
        name=plain["hold"],
        reason=plain["reason"],
        cause=plain["cause"],
        head=plain["head"],
        head_config_sha=plain["head_config_sha"],
        config_sha=held.get("config_sha"),
        overrides_sha=held.get("overrides_sha"),
        quarantined=bad["config_sha"] if bad is not None else None,
        plain=plain,
        gone=gone,
    )


def _check(plain: Mapping[str, Any], held: Mapping[str, Any], bad: Mapping[str, Any] | None) -> None:
    """Raise TypeError or KeyError unless everything is what the agent writes."""
    texts = [plain[key] for key in ("hold", "reason", "cause", "by", "at")]
    texts += [plain[key] for key in ("head", "head_config_sha") if plain[key] is not None]
    if held or bad is not None:
        texts += [held[key] for key in ("commit", "config_sha", "overrides_sha")]
    if bad is not None:
        texts += [bad[key] for key in ("config_sha", "commit", "overrides_sha", "until")]
    wrong = next((text for text in texts if not isinstance(text, str) or not text), None)
    if wrong is not None or None in texts:
        raise TypeError(f"{cut(str(wrong))} where a text belongs")
    if bad is not None and datetime.fromisoformat(bad["until"]).tzinfo is None:
        raise ValueError(f"until is {cut(bad['until'])}, which has no time zone")


def _unreadable(fault: str) -> Hold:
    return Hold("unreadable", fault, "unreadable", None, None, None, None, None, {}, fault=fault)
