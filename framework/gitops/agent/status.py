"""What is live and why: desired, rendered, in force; sync, health, permission; hold, quarantine, journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from framework.files.moments import iso_utc
from framework.files.printable import one_line
from framework.gitops.agent.conditions import (
    Health,
    Permission,
    Sync,
    health_of,
    permission_of,
    probation_ends,
    sync_of,
)
from framework.gitops.agent.observed import Desired, Observed
from framework.gitops.agent.state import AgentState, Plain, Verdict, read_state, verdict_of
from framework.gitops.agent.state_dir import JournalView, StateDir, read_bot, read_live_sha
from framework.gitops.desired.history import History
from framework.gitops.desired.rendered import read_rendered
from framework.holds.hold import read_hold
from framework.journal.entry import Kind

DEAD = (Health.STALE, Health.FAILING)
"""How a bot is that should trade and does not."""


@dataclass(frozen=True)
class Condition:
    """How a thing stands, and why when that needs saying."""

    stands: str
    why: str

    def as_dict(self) -> Plain:
        """Return plain data for JSON."""
        return {"is": self.stands, "why": self.why}


@dataclass(frozen=True, kw_only=True)
class RenderedStatus:
    """The content in the live file: whence it is, and whether it has proven itself."""

    commit: str
    config_sha: str
    overrides_sha: str
    generation: int
    cause: str
    at: str
    proven: bool
    proven_at: str | None
    values: Plain | None
    expires: str | None
    live_sha: str | None
    reason: str
    """Why, in the words of the patch."""


@dataclass(frozen=True, kw_only=True)
class BotStatus:
    """What the bot says it trades."""

    config_sha: str | None
    overrides_sha: str | None
    since: str | None
    heartbeat_at: str
    pending: tuple[str, ...]
    refused: str | None
    stopped: str | None
    standing: str
    pid: int | None


@dataclass(frozen=True, kw_only=True)
class QuarantineStatus:
    """A content that is refused for a while."""

    config_sha: str
    commit: str
    until: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AgentStatus:
    """What the agent reads, and when."""

    branch: str | None
    remote: str | None
    fetched_at: str | None
    next_poll_at: str | None
    pid: int | None
    fault: str
    """Why the branch could not be read last; empty when it was."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """Everything of an environment."""

    environment: str
    at: str
    sync: Condition
    health: Condition
    permission: Condition
    desired: Desired | None
    rendered: RenderedStatus | None
    bot: BotStatus | None
    hold: Plain | None
    """As the agent's file has it, and whether its revert is ``proposed``."""

    quarantine: tuple[QuarantineStatus, ...]
    alerts: Mapping[str, str]
    last_verdict: Verdict | None
    last_refused: tuple[str, str] | None
    """Commit and reason."""

    journal_seq: int
    journal_sha256: str
    agent: AgentStatus

    @property
    def exit_code(self) -> int:
        """Return 0 in sync and allowed, 3 when sync is not known, 1 otherwise and when the bot is dead."""
        if self.health.stands in DEAD:
            return 1
        if self.sync.stands == Sync.UNKNOWN:
            return 3
        return 0 if (self.sync.stands, self.permission.stands) == (Sync.SYNCED, Permission.ALLOWED) else 1

    def as_dict(self) -> Plain:
        """Return plain data for JSON."""
        desired, refused = self.desired, self.last_refused
        return {
            "environment": self.environment,
            "at": self.at,
            "sync": self.sync.as_dict(),
            "health": self.health.as_dict(),
            "permission": self.permission.as_dict(),
            "desired": None if desired is None else desired.as_dict(),
            "rendered": None if self.rendered is None else asdict(self.rendered),
            "bot": None if self.bot is None else asdict(self.bot),
            "hold": self.hold,
            "quarantine": [asdict(row) for row in self.quarantine],
            "alerts": dict(self.alerts),
            "last_verdict": None if self.last_verdict is None else asdict(self.last_verdict),
            "last_refused": None if refused is None else {"commit": refused[0], "reason": refused[1]},
            "journal": {"seq": self.journal_seq, "sha256": self.journal_sha256},
            "agent": asdict(self.agent),
        }


def read_status(state_dir: StateDir, *, now: datetime) -> Status:
    """Read everything of an environment from its folder alone; the journal is verified."""
    view = JournalView(state_dir.journal)
    history, state = view.history(), read_state(state_dir.state)
    observed = _observed(state_dir, state, history, now)
    hold, head = observed.hold, view.head
    proposed = hold is not None and (hold.name, Kind.PROPOSED) in history.done
    sync, health, permission = sync_of(observed), health_of(observed), permission_of(observed)
    return Status(
        environment=state_dir.environment,
        at=iso_utc(now),
        sync=Condition(str(sync[0]), sync[1]),
        health=Condition(str(health[0]), health[1]),
        permission=Condition(str(permission[0]), permission[1]),
        desired=observed.desired,
        rendered=_rendered(state_dir, observed),
        bot=_bot(observed),
        hold=None if hold is None else {**hold.plain, "proposed": proposed},
        quarantine=tuple(
            QuarantineStatus(
                config_sha=q.config_sha, commit=q.commit, until=iso_utc(q.until), reason=q.reason
            )
            for q in history.quarantines
            if q.until > now
        ),
        alerts=history.alerts,
        last_verdict=_last_verdict(history, state.verdict),
        last_refused=next(iter(reversed([*history.refused.items()])), None),
        journal_seq=head.seq,
        journal_sha256=head.sha256,
        agent=AgentStatus(
            branch=state.branch,
            remote=state.remote,
            fetched_at=iso_utc(state.fetched_at) if state.fetched_at is not None else None,
            next_poll_at=_next_poll(state),
            pid=state.pid,
            fault=one_line(state.fetch_fault),
        ),
    )


def _observed(state_dir: StateDir, state: AgentState, history: History, now: datetime) -> Observed:
    return Observed(
        now=now,
        history=history,
        rules=state.rules,
        desired=state.desired,
        fetched_at=state.fetched_at,
        fetch_fault=state.fetch_fault,
        restrained=state.restrained,
        hold=read_hold(state_dir.hold, history.hold),
        live_sha=read_live_sha(state_dir.live),
        bot=read_bot(state_dir.bot),
    )


def _rendered(state_dir: StateDir, observed: Observed) -> RenderedStatus | None:
    applied = observed.history.applied
    if applied is None:
        return None
    rendered = read_rendered(applied.overrides_sha, folder=state_dir.contents)
    proven_at = probation_ends(observed)
    return RenderedStatus(
        commit=applied.commit,
        config_sha=applied.config_sha,
        overrides_sha=applied.overrides_sha,
        generation=applied.generation,
        cause=applied.cause,
        at=iso_utc(applied.at),
        proven=applied.config_sha in observed.history.proven,
        proven_at=iso_utc(proven_at) if proven_at is not None else None,
        values=dict(rendered.values) if rendered is not None else None,
        expires=rendered.expires if rendered is not None else None,
        live_sha=observed.live_sha,
        reason=one_line(str(rendered.patch.get("reason") or "")) if rendered is not None else "",
    )


def _bot(observed: Observed) -> BotStatus | None:
    bot = observed.bot
    if bot is None:
        return None
    return BotStatus(
        config_sha=bot.config_sha,
        overrides_sha=bot.overrides_sha,
        since=iso_utc(bot.since) if bot.since is not None else None,
        heartbeat_at=iso_utc(bot.heartbeat_at),
        pending=bot.pending,
        refused=bot.refused_why or None,
        stopped=bot.stopped or None,
        standing=bot.standing,
        pid=bot.pid,
    )


def _last_verdict(history: History, gate: Verdict | None) -> Verdict | None:
    """Return what was found of the content in force; what was found of another says nothing of it."""
    applied = history.applied
    for verdict in (gate, verdict_of(history.last_verdict)):
        if applied is not None and verdict is not None and verdict.config_sha == applied.config_sha:
            return verdict
    return None


def _next_poll(state: AgentState) -> str | None:
    if state.fetched_at is None:
        return None
    return iso_utc(state.fetched_at + timedelta(seconds=state.poll_s))
