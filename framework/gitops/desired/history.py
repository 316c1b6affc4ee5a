"""What an environment's journal says has happened, folded into one value: the agent's only memory.

Everything that decides is in the journal, so an agent that is killed anywhere and started again knows what it
knew. Nothing here reads a file or a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from framework.journal.entry import Kind, Row
from framework.journal.errors import JournalError


@dataclass(frozen=True)
class Applied:
    """A content that was put in force: by a commit, by an expiry, or by going back."""

    at: datetime
    commit: str
    config_sha: str
    overrides_sha: str
    generation: int
    cause: str
    """``commit``, ``expiry`` or ``rollback``."""

    carried: tuple[str, ...] = ()
    """Fields beyond the patch that conf/ has changed since the bot's start, so the live file states them."""

    restart: tuple[str, ...] = ()
    """Changed fields that only a restart puts in force."""

    bot_health: str = "missing"
    """The bot's health just before."""

    lapses_at: datetime | None = None
    """When a loosening patch in it ends: from then on it is nothing to go back to."""

    content_sha: str = ""
    """SHA-256 of all that the store keeps of it; empty of an older agent."""

    kept: tuple[str, ...] = ()
    """Names of values that are not the commit's: going back to it kept them as they were tightened since."""


@dataclass(frozen=True)
class Quarantine:
    """A content that ran badly: refused under any commit until the cooldown ends, under its own for good."""

    config_sha: str
    commit: str
    until: datetime
    reason: str
    at: datetime
    """When it was put there; a promotion of before no longer lets it in."""


@dataclass(frozen=True)
class Drift:
    """A difference that was journalled and is not repaired yet; ``where`` is file or bot."""

    where: str
    found: str | None


@dataclass(frozen=True)
class History:
    """The journal of one environment, folded."""

    trail: tuple[Applied, ...] = ()
    """Every content put in force, oldest first."""

    refused: Mapping[str, str] = field(default_factory=dict)
    """Commit to the reason it was refused for."""

    accepted: str | None = None
    """The newest commit that is known to have been taken as the branch's head."""

    trusted: str | None = None
    """The commit whose policy was in force once the newest content was; unknown to an older agent."""

    taken: tuple[int, str] = (0, "")
    """The last rewritten branch that an operator has taken: entry and commit."""

    vouched: tuple[int, str] = (0, "")
    """The last commit whose policy an operator let count here, whoever signed: entry and commit."""

    gate_head: tuple[int, str] = (0, "")
    """The newest entry of the gate's journal that its agent had read: it may grow, and no more."""

    quarantines: tuple[Quarantine, ...] = ()
    proven: frozenset[str] = frozenset()
    """config_sha of contents that a bot ran in good health for the whole probation time."""

    hold: Mapping[str, Any] | None = None
    """The hold that no entry has cleared yet."""

    last_hold: Mapping[str, Any] | None = None
    """The newest hold, whether it has ended or not."""

    cleared: frozenset[str] = frozenset()
    """Identities of the holds that ended."""

    done: frozenset[tuple[str, Kind]] = frozenset()
    """Hold and kind of entry, for each entry that a hold has left already."""

    last_verdict: Mapping[str, Any] | None = None
    """When, by what, on which commit and how was judged last."""

    drift: Drift | None = None
    drift_at: datetime | None = None
    alerts: Mapping[str, str] = field(default_factory=dict)
    """Topic to text of what is wrong now."""

    @property
    def applied(self) -> Applied | None:
        """Return what was put in force last."""
        return self.trail[-1] if self.trail else None

    @property
    def next_generation(self) -> int:
        """Return the number of the next content; no number is used twice."""
        return self.trail[-1].generation + 1 if self.trail else 1

    def quarantined(self, *, config_sha: str, commit: str, now: datetime) -> Quarantine | None:
        """Return the quarantine that forbids a content under a commit at this moment."""
        for row in reversed(self.quarantines):
            if row.config_sha == config_sha and (now < row.until or row.commit == commit):
                return row
        return None


def fold(rows: Iterable[Row], *, into: History | None = None) -> History:
    """Fold journal entries into what they amount to; ``into`` is the history of the entries before them.

    Raises JournalError for an entry that lacks what its kind says.
    """
    history = into or History()
    for row in rows:
        step = _STEPS.get(row.kind)
        if step is not None:
            try:
                history = _with_gate_head(step(history, row), row)
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise JournalError(
                    f"entry {row.seq}: an entry {row.kind} without what belongs to it"
                    f" ({type(error).__name__}: {error}); the journal was changed, or other code wrote it"
                ) from error
    return history


def _with_gate_head(history: History, row: Row) -> History:
    said = row.data.get("gate_head")
    return history if said is None else replace(history, gate_head=(said["seq"] + 0, said["sha256"] + ""))


def moment(text: str) -> datetime:
    """Read the journal's ISO moment."""
    return datetime.fromisoformat(text)


def _applied(history: History, row: Row) -> History:
    data = row.data
    _check_texts(data, "commit", "config_sha", "overrides_sha", "cause")
    if type(data["generation"]) is not int:
        raise TypeError(f"generation is {data['generation']!r}")
    item = Applied(
        at=moment(row.at),
        commit=data["commit"],
        config_sha=data["config_sha"],
        overrides_sha=data["overrides_sha"],
        generation=data["generation"],
        cause=data["cause"],
        carried=tuple(data.get("carried", ())),
        restart=tuple(data.get("restart", ())),
        bot_health=data.get("bot_health", "missing"),
        lapses_at=moment(data["expires"]) if data.get("lapses") and data.get("expires") else None,
        content_sha=data.get("content_sha", ""),
        kept=tuple(data.get("kept", ())),
    )
    return replace(
        history,
        trail=(*history.trail, item),
        accepted=item.commit if item.cause == "commit" else history.accepted,
        trusted=data.get("trusted", history.trusted),
        drift=None,
    )


def _check_texts(data: Mapping[str, Any], *names: str) -> None:
    """Raise KeyError or TypeError unless all of these are texts."""
    for name in names:
        if not isinstance(data[name], str):
            raise TypeError(f"{name} is {data[name]!r}")


def _rollback(history: History, row: Row) -> History:
    return _done(_applied(history, row), row)


def _refused(history: History, row: Row) -> History:
    if "commit" not in row.data:  # another's refusal: the journal is shared
        return history
    _check_texts(row.data, "commit", "reason")
    return replace(history, refused={**history.refused, row.data["commit"]: row.data["reason"]})


def _hold(history: History, row: Row) -> History:
    _check_texts(row.data, "hold")
    return _done(replace(history, hold=row.data, last_hold=row.data), row)


def _cleared(history: History, row: Row) -> History:
    """End a hold, or take a rewritten branch: both are said by an entry of this kind."""
    policy = row.data.get("policy")
    if policy is not None:
        _check_texts(row.data, "policy")
        history = replace(history, trusted=policy, vouched=(row.seq, policy))
    accepted = row.data.get("accepted")
    if accepted is not None:
        refused = {commit: why for commit, why in history.refused.items() if commit != accepted}
        history = replace(history, accepted=accepted, taken=(row.seq, accepted), refused=refused)
    ended = row.data.get("hold")
    if ended is None:
        return history
    still = history.hold if history.hold is not None and history.hold["hold"] != ended else None
    return replace(history, hold=still, cleared=history.cleared | {ended})


def _quarantined(history: History, row: Row) -> History:
    data = row.data
    _check_texts(data, "config_sha", "commit", "reason")
    until, at = moment(data["until"]), moment(row.at)
    if until.tzinfo is None:
        raise ValueError(f"until is {data['until']}, which has no time zone")
    item = Quarantine(data["config_sha"], data["commit"], until, data["reason"], at)
    return _done(replace(history, quarantines=(*history.quarantines, item)), row)


def _verdict(history: History, row: Row) -> History:
    history = replace(
        history,
        last_verdict={
            "at": row.at,
            "verdict": row.data.get("verdict"),
            "subject": row.data.get("subject") or row.data.get("bundle") or "",
            "commit": row.data.get("commit") or "",
            "config_sha": row.data.get("config_sha") or "",
        },
    )
    if row.data.get("subject") != "probation" or row.data["verdict"] != "PASS":
        return history
    return replace(history, proven=history.proven | {row.data["config_sha"]})


def _drift(history: History, row: Row) -> History:
    return replace(history, drift=Drift(row.data["where"], row.data["found"]), drift_at=moment(row.at))


def _repaired(history: History, row: Row) -> History:
    return replace(history, drift=None)


def _alert(history: History, row: Row) -> History:
    topic = row.data.get("topic", "")
    rest = {name: text for name, text in history.alerts.items() if name != topic}
    return replace(
        history, alerts=rest if row.data.get("resolved") else {**rest, topic: row.data.get("text", "")}
    )


def _adopted(history: History, row: Row) -> History:
    """Take over what came before as a claim: what nothing here let in was never in force, nobody took it."""
    if "disowned" not in row.data:  # an older agent's
        return history
    lost = set(row.data["disowned"])
    return replace(
        history,
        trail=tuple(item for item in history.trail if item.overrides_sha not in lost),
        accepted=row.data["accepted"],
        trusted=row.data["trusted"],
        taken=(0, ""),
        vouched=(0, ""),
    )


def _done(history: History, row: Row) -> History:
    hold = row.data.get("hold")
    return history if hold is None else replace(history, done=history.done | {(hold, row.kind)})


_STEPS = {
    Kind.APPLIED: _applied,
    Kind.ROLLBACK: _rollback,
    Kind.REFUSED: _refused,
    Kind.HOLD: _hold,
    Kind.CLEARED: _cleared,
    Kind.QUARANTINED: _quarantined,
    Kind.PROPOSED: _done,
    Kind.VERDICT: _verdict,
    Kind.DRIFT: _drift,
    Kind.REPAIRED: _repaired,
    Kind.ALERT: _alert,
    Kind.ADOPTED: _adopted,
}
