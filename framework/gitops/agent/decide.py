"""What the agent does next, as a pure function of what it sees: a table of rows, the first to answer wins."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from framework.gitops.agent.conditions import Permission, fresh, is_new, permission_of, refusal_of
from framework.gitops.agent.observed import Bot, Desired, Hold, Observed
from framework.gitops.desired.history import Applied, Drift, History
from framework.journal.entry import Kind


class Do(StrEnum):
    """What there is to do."""

    WAIT = "wait"
    SETTLE = "settle the hold"
    FINISH = "finish"
    CLEAR = "clear the hold"
    PROPOSE = "propose the revert"
    ROLLBACK = "roll back"
    PROVE = "call it good"
    REFUSE = "refuse"
    NOTE = "note the drift"
    REPAIR = "repair"
    APPLY = "apply"
    ALERT = "alert"
    RESOLVE = "resolve the alert"


@dataclass(frozen=True)
class Action:
    """One thing to do and why; ``topic`` names the alert, drift or content it is about."""

    do: Do
    why: str = ""
    topic: str = ""
    drift: Drift | None = None


WAIT = Action(Do.WAIT)


def decide(seen: Observed) -> Action:
    """Give the one next thing to do; WAIT when there is nothing."""
    for _, row in ROWS:
        action = row(seen)
        if action is not None:
            return action
    return WAIT


def rollback_target(
    history: History, *, now: datetime, revoked: Container[tuple[str, str]] = ()
) -> Applied | None:
    """Give the newest earlier content that differs from the one in force, still holds and is not quarantined.

    Those ``revoked``, by config_sha and commit, are left out. A content whose health was good for the
    probation time comes before one of unknown health.
    """
    bad = history.applied
    if bad is None:
        return None
    fit = [
        item
        for item in reversed(history.trail)
        if item.config_sha != bad.config_sha
        and (item.lapses_at is None or now < item.lapses_at)
        and (item.config_sha, item.commit) not in revoked
        and history.quarantined(config_sha=item.config_sha, commit=item.commit, now=now) is None
    ]
    return next((item for item in fit if item.config_sha in history.proven), fit[0] if fit else None)


def clears(hold: Hold, desired: Desired) -> str:
    """Say why a commit ends a hold, or nothing.

    A commit ends it by naming it in a trailer, by asking for what is held where git asked for something
    else, and, after going back, by asking for neither: the bad content is gone from the branch.
    """
    if desired.refusal or desired.commit == hold.head or hold.fault:
        return ""
    if hold.name in desired.clears:
        return f"commit {desired.commit[:12]} names it"
    if hold.config_sha == desired.config_sha and hold.head_config_sha != hold.config_sha:
        return f"commit {desired.commit[:12]} asks for what is held"
    if hold.quarantined is not None and desired.config_sha != hold.quarantined:
        return f"commit {desired.commit[:12]} asks for another content"
    return ""


# -- the rows ------------------------------------------------------------------------------------------------


def _unsettled(seen: Observed) -> Action | None:
    """A hold that was cut off in the middle is completed before anything else."""
    hold, history = seen.hold, seen.history
    if hold is None or hold.fault:
        return None
    if hold.name in history.cleared:
        return Action(Do.SETTLE, "the hold has ended; its file goes")
    if hold.gone:
        return Action(Do.SETTLE, "hold.json is gone and no commit ended the hold")
    wanted = [Kind.HOLD] if hold.quarantined is None else [Kind.ROLLBACK, Kind.QUARANTINED, Kind.HOLD]
    if any((hold.name, kind) not in history.done for kind in wanted):
        return Action(Do.SETTLE, "the hold is not all in the journal")
    return None


def _unfinished(seen: Observed) -> Action | None:
    """A content that was written and not journalled is journalled."""
    if seen.cut_off is None or seen.hold is not None:
        return None
    return Action(Do.FINISH, "the live file was written and not recorded", topic=seen.cut_off)


def _remote(seen: Observed) -> Action | None:
    return _alerting(seen, "remote", seen.fetch_fault)


def _unpublished(seen: Observed) -> Action | None:
    return _alerting(seen, "journal", seen.publish_fault or seen.judged_fault)


def _unreadable_hold(seen: Observed) -> Action | None:
    return _alerting(seen, "hold", seen.hold.fault if seen.hold is not None else "")


def _lost(seen: Observed) -> Action | None:
    fault = "" if seen.restorable else "the content in force is not in contents/ any more: commit a new one"
    return _alerting(seen, "contents", fault)


def _cleared(seen: Observed) -> Action | None:
    if seen.hold is None or seen.desired is None or refusal_of(seen, seen.desired):
        return None
    why = clears(seen.hold, seen.desired)
    return Action(Do.CLEAR, why) if why else None


def _failed(seen: Observed) -> Action | None:
    """What the bot refuses, or fails under within the probation time, goes back."""
    applied, bot = seen.history.applied, seen.bot
    if seen.hold is not None or applied is None or bot is None or not fresh(seen):
        return None
    why = _bad(seen, applied, bot)
    if not why:
        return None
    target = rollback_target(seen.history, now=seen.now, revoked=seen.revoked)
    if not seen.rules.automatic or target is None or applied.cause == "rollback":
        return None if "failing" in seen.history.alerts else Action(Do.ALERT, why, topic="failing")
    return Action(Do.ROLLBACK, why)


def _bad(seen: Observed, applied: Applied, bot: Bot) -> str:
    if bot.refused_sha == applied.overrides_sha:
        return f"the bot refused it: {bot.refused_why}"
    if bot.overrides_sha != applied.overrides_sha or bot.health != "failing":
        return ""
    if applied.config_sha in seen.history.proven or applied.bot_health == "failing":
        return ""
    since = max(applied.at, bot.since or applied.at)
    late = (seen.now - since).total_seconds() > seen.rules.probation_s
    return "" if late else f"the bot fails under it: {bot.reason}"


def _fail_ended(seen: Observed) -> Action | None:
    applied, bot = seen.history.applied, seen.bot
    bad = applied is not None and bot is not None and fresh(seen) and _bad(seen, applied, bot)
    return Action(Do.RESOLVE, topic="failing") if "failing" in seen.history.alerts and not bad else None


def _revoked(seen: Observed) -> Action | None:
    """What did not pass when it was judged again goes back, unless git asks for something else by now."""
    applied, asked = seen.history.applied, seen.desired
    why = seen.revoked.get((applied.config_sha, applied.commit), "") if applied is not None else ""
    if applied is None or not why:
        return _alerting(seen, "revoked", "")
    if asked is not None and is_new(seen, asked) and permission_of(seen)[0] is Permission.ALLOWED:
        return None
    stays = _stays(seen, applied)
    return _alerting(seen, "revoked", f"{why}; {stays}") if stays else Action(Do.ROLLBACK, why, "revoked")


def _stays(seen: Observed, applied: Applied) -> str:
    """Say why a content that was revoked stays in force all the same, or nothing."""
    if seen.hold is not None:
        return "it stays, for it is held"
    if applied.cause == "rollback":
        return "it stays, for somebody went back to it"
    if seen.tightens:
        return "it stays, for going back would only add risk"
    if rollback_target(seen.history, now=seen.now, revoked=seen.revoked) is None:
        return "it stays, for there is nothing to go back to"
    return "" if seen.rules.automatic else "it stays, for going back by itself is switched off"


def _proven(seen: Observed) -> Action | None:
    """A content under which the bot stayed healthy for the probation time is one to go back to."""
    applied, bot = seen.history.applied, seen.bot
    if applied is None or bot is None or not fresh(seen) or applied.config_sha in seen.history.proven:
        return None
    if bot.overrides_sha != applied.overrides_sha or bot.health != "healthy" or bot.since is None:
        return None
    if (seen.now - max(bot.since, applied.at)).total_seconds() < seen.rules.probation_s:
        return None
    return Action(Do.PROVE, f"healthy for {seen.rules.probation_s:.0f} s", topic=applied.config_sha)


def _drifted(seen: Observed) -> Action | None:
    """A live file that is not what was put in force is journalled, then set right; under a hold it stays."""
    applied, noted = seen.history.applied, seen.history.drift
    if applied is None:
        return None
    held = seen.hold is not None
    may = not held and seen.restorable
    if seen.live_sha != applied.overrides_sha:
        drift = Drift("file", seen.live_sha)
        if noted != drift:
            return Action(Do.NOTE, "somebody changed the live file", drift=drift)
        return Action(Do.REPAIR, "the live file is set right", drift=drift) if may else None
    if noted is not None and noted.where == "file":
        return Action(Do.REPAIR, "the live file is right again", drift=noted)
    return _bot_drifted(seen, applied, held)


def _bot_drifted(seen: Observed, applied: Applied, held: bool) -> Action | None:
    """A bot that follows another content is shown the file again once; if it stays, people are told."""
    noted, bot = seen.history.drift, seen.bot
    if bot is None or not fresh(seen):
        return None

    def late(since: datetime) -> bool:
        return (seen.now - since).total_seconds() > seen.rules.ack_s

    follows = applied.overrides_sha in (bot.overrides_sha, bot.refused_sha)
    if follows:
        if noted is not None:
            return Action(Do.REPAIR, "the bot follows again", drift=noted)
        return Action(Do.RESOLVE, topic="bot") if "bot" in seen.history.alerts else None
    if noted is None or noted.where != "bot":
        since = max(applied.at, bot.started_at or applied.at)
        drift = Drift("bot", bot.overrides_sha)
        return Action(Do.NOTE, "the bot has another content in force", drift=drift) if late(since) else None
    if held or "bot" in seen.history.alerts or not late(seen.history.drift_at or applied.at):
        return None
    return Action(Do.ALERT, "the bot does not take the live content", topic="bot")


def _revert_missing(seen: Observed) -> Action | None:
    hold = seen.hold
    if hold is None or hold.quarantined is None or not seen.can_push or seen.desired is None:
        return None
    done = (hold.name, Kind.PROPOSED) in seen.history.done
    return None if done else Action(Do.PROPOSE, "the branch still asks for what ran badly")


def _held(seen: Observed) -> Action | None:
    return WAIT if seen.hold is not None else None


def _run_out(seen: Observed) -> Action | None:
    """A loosening patch that has run out is set back, whatever the branch asks for, and under a hold too."""
    if seen.run_out is None or not is_new(seen, seen.run_out):
        return None
    return Action(Do.APPLY, "the patch in force has run out", topic="run_out")


def _refused(seen: Observed) -> Action | None:
    """A commit gets one attempt."""
    desired = seen.desired
    if desired is None:
        return WAIT
    if desired.commit in seen.history.refused:
        return WAIT
    if desired.refusal:
        return Action(Do.REFUSE, desired.refusal)
    if not is_new(seen, desired):
        return None
    bad = seen.history.quarantined(config_sha=desired.config_sha, commit=desired.commit, now=seen.now)
    if bad is not None:
        return Action(Do.REFUSE, f"its content is in quarantine until {bad.until.isoformat()}: {bad.reason}")
    return None


def _late(seen: Observed) -> Action | None:
    return _alerting(seen, "late", seen.desired.late if seen.desired is not None else "")


def _frozen(seen: Observed) -> Action | None:
    desired = seen.desired
    if desired is None or not desired.frozen or desired.reducing or not is_new(seen, desired):
        return None
    return WAIT


def _apply(seen: Observed) -> Action | None:
    desired = seen.desired
    if desired is None or not is_new(seen, desired):
        return None
    return Action(Do.APPLY, f"{desired.cause} {desired.commit[:12]}")


def _alerting(seen: Observed, topic: str, fault: str) -> Action | None:
    """Raise an alert once when something begins to be wrong, and end it once it is right."""
    raised = topic in seen.history.alerts
    if fault and not raised:
        return Action(Do.ALERT, fault, topic=topic)
    return Action(Do.RESOLVE, topic=topic) if raised and not fault else None


Rule = Callable[[Observed], Action | None]
ROWS: tuple[tuple[str, Rule], ...] = (
    ("a hold cut off in the middle", _unsettled),
    ("a write cut off before its entry", _unfinished),
    ("a hold that cannot be read", _unreadable_hold),
    ("a content that runs badly", _failed),
    ("a content that ran badly and does no more", _fail_ended),
    ("a content that did not pass after its merge", _revoked),
    ("a live file or a bot that differs", _drifted),
    ("a content that has proven itself", _proven),
    ("a content that is lost", _lost),
    ("a remote that does not answer", _remote),
    ("a journal that is not published, or a gate's that cannot be read", _unpublished),
    ("a hold that a commit ends", _cleared),
    ("a revert nobody has proposed yet", _revert_missing),
    ("a loosening patch out of time", _run_out),
    ("a hold", _held),
    ("a commit that may not be taken", _refused),
    ("a tightening patch out of time", _late),
    ("a freeze window", _frozen),
    ("a new content", _apply),
)
