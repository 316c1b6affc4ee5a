"""Sync, health and permission: three questions about what is seen, with three answers.

Whether git, the live file and the bot agree; how the bot is; whether what git asks for may be put in force.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from framework.files.moments import iso_utc
from framework.gitops.agent.observed import Desired, Observed
from framework.gitops.desired.history import Applied


class Sync(StrEnum):
    """Whether the branch head, the live file and the bot hold one content."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class Health(StrEnum):
    """How the bot is."""

    HEALTHY = "Healthy"
    DEGRADED = "Degraded"
    FAILING = "Failing"
    MISSING = "Missing"
    STALE = "Stale"
    STOPPED = "Stopped"


class Permission(StrEnum):
    """Whether what the branch head asks for may be put in force."""

    ALLOWED = "Allowed"
    HELD = "Held"
    FROZEN = "Frozen"
    QUARANTINED = "Quarantined"
    REFUSED = "Refused"
    WAITING = "Waiting"


def sync_of(observed: Observed) -> tuple[Sync, str]:
    """Say whether git, the live file and the bot agree, and where they do not."""
    applied, desired = observed.history.applied, observed.desired
    if desired is None or observed.fetched_at is None:
        return Sync.UNKNOWN, observed.fetch_fault or "the branch has not been read yet"
    age = (observed.now - observed.fetched_at).total_seconds()
    if abs(age) > observed.rules.unknown_s:
        return Sync.UNKNOWN, f"the branch was read {ago(age)}: {observed.fetch_fault or 'no agent runs'}"
    if applied is None:
        return Sync.OUT_OF_SYNC, "nothing is in force yet"
    if desired.refusal or desired.config_sha != applied.config_sha:
        return Sync.OUT_OF_SYNC, f"git asks for {desired.commit[:12]}, in force is {applied.commit[:12]}"
    if observed.live_sha != applied.overrides_sha:
        return Sync.OUT_OF_SYNC, "the live file is not what was put in force"
    return _bot_sync(observed, applied)


def _bot_sync(observed: Observed, applied: Applied) -> tuple[Sync, str]:
    if not fresh(observed):
        return Sync.SYNCED, "no bot runs"
    assert observed.bot is not None
    if observed.bot.overrides_sha != applied.overrides_sha:
        return Sync.OUT_OF_SYNC, "the bot has another content in force"
    stale = [
        name
        for item in observed.history.trail
        if observed.bot.started_at is not None and item.at > observed.bot.started_at
        for name in item.restart
    ]
    if stale:
        return Sync.OUT_OF_SYNC, f"a restart is needed for {', '.join(sorted(set(stale)))}"
    if observed.bot.pending:
        return Sync.SYNCED, f"waits until flat: {', '.join(observed.bot.pending)}"
    if observed.bot.config_sha not in (None, applied.config_sha):
        return Sync.OUT_OF_SYNC, "the bot trades another configuration: words or tuning of its own"
    return Sync.SYNCED, ""


def health_of(observed: Observed) -> tuple[Health, str]:
    """Say how the bot is; nothing heard of it is no health."""
    bot = observed.bot
    if bot is None:
        return Health.MISSING, "no bot has written bot.json"
    if bot.stopped:
        return Health.STOPPED, bot.stopped
    if not fresh(observed):
        heard = ago((observed.now - bot.heartbeat_at).total_seconds())
        return Health.STALE, f"last heard {heard}" + (f": {bot.reason}" if bot.reason else "")
    known = {"healthy": Health.HEALTHY, "degraded": Health.DEGRADED}
    return known.get(bot.health, Health.FAILING), bot.reason


def permission_of(observed: Observed) -> tuple[Permission, str]:
    """Say whether what git asks for may be put in force."""
    if observed.hold is not None:
        return Permission.HELD, observed.hold.fault or observed.hold.reason
    if observed.desired is None:
        return Permission.ALLOWED, ""
    return admission_of(observed, observed.desired)


def admission_of(observed: Observed, desired: Desired) -> tuple[Permission, str]:
    """Say whether a content may be put in force, were nothing held: what reduces risk, and what was promoted.

    What the gate refused is let in by nothing, and what ran badly by no promotion of before.
    """
    if refusal := refusal_of(observed, desired) or desired.denied:
        return Permission.REFUSED, refusal
    if not is_new(observed, desired):
        return Permission.ALLOWED, ""
    bad = observed.history.quarantined(config_sha=desired.config_sha, commit=desired.commit, now=observed.now)
    if bad is not None:
        return Permission.QUARANTINED, f"until {iso_utc(bad.until)}: {bad.reason}"
    if desired.reducing:
        return Permission.ALLOWED, ""
    if observed.restrained:
        return Permission.WAITING, observed.restrained
    if desired.frozen:
        return Permission.FROZEN, desired.frozen
    if desired.adopted and observed.history.applied is None:
        return Permission.ALLOWED, ""
    lacks = desired.lacks or _outdated(observed, desired)
    if desired.promoted_at and not lacks:
        return Permission.ALLOWED, ""
    return Permission.WAITING, "waiting for promotion" + (f": {lacks}" if lacks else "")


def _outdated(observed: Observed, desired: Desired) -> str:
    """Say since when a content that ran badly needs another promotion than the one it has."""
    since = [row.at for row in observed.history.quarantines if row.config_sha == desired.config_sha]
    if not desired.promoted_at or not since or datetime.fromisoformat(desired.promoted_at) > max(since):
        return ""
    return f"it ran badly at {iso_utc(max(since))}, after it was promoted"


def fresh(observed: Observed) -> bool:
    """Say whether a bot runs: not stopped, and heard within its limit; a word from the future is none."""
    if observed.bot is None or observed.bot.stopped:
        return False
    return abs((observed.now - observed.bot.heartbeat_at).total_seconds()) <= observed.rules.heartbeat_s


def ago(seconds: float) -> str:
    """Write how long ago something was."""
    if seconds < 0:
        return f"{-seconds:.0f} s in the future: a clock was set back"
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if (seconds >= 2 * size and size > 60) or (seconds >= 600 and size == 60):
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def probation_ends(observed: Observed) -> datetime | None:
    """Give when the content in force will have proven itself, or None when no bot runs it."""
    applied, bot = observed.history.applied, observed.bot
    if applied is None or bot is None or bot.since is None or applied.config_sha in observed.history.proven:
        return None
    return max(bot.since, applied.at) + timedelta(seconds=observed.rules.probation_s)


def refusal_of(observed: Observed, desired: Desired) -> str:
    """Say why a commit cannot be taken, or nothing."""
    return desired.refusal or observed.history.refused.get(desired.commit, "")


def is_new(observed: Observed, desired: Desired) -> bool:
    """Say whether a commit asks for another content than the one in force."""
    applied = observed.history.applied
    return applied is None or applied.config_sha != desired.config_sha
