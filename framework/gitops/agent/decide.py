"""What the agent does next, as a pure function of what it sees: a table of rows, the first to answer wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from framework.files.moments import iso_utc
from framework.gitops.agent.conditions import (
    Permission,
    admission_of,
    fresh,
    is_new,
    permission_of,
    refusal_of,
)
from framework.gitops.agent.observed import Bot, Desired, Observed
from framework.gitops.agent.way_back import rollback_targets
from framework.gitops.desired.history import Applied, Drift
from framework.holds.hold import Hold
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
    RESTORE = "repair again"
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


def decide(observed: Observed) -> Action:
    """Give the one next thing to do; WAIT when there is nothing."""
    for _, row in ROWS:
        action = row(observed)
        if action is not None:
            return action
    return WAIT


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


def _unsettled(observed: Observed) -> Action | None:
    """A hold that was cut off in the middle is completed before anything else."""
    hold, history = observed.hold, observed.history
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


def _unfinished(observed: Observed) -> Action | None:
    """A content that was written and not journalled is journalled."""
    if observed.cut_off is None or observed.hold is not None:
        return None
    return Action(Do.FINISH, "the live file was written and not recorded", topic=observed.cut_off)


def _remote(observed: Observed) -> Action | None:
    return _alerting(observed, "remote", observed.fetch_fault)


def _unpublished(observed: Observed) -> Action | None:
    return _alerting(observed, "journal", observed.publish_fault or observed.gate_journal_fault)


def _undecided(observed: Observed) -> Action | None:
    return _alerting(observed, "decisions", observed.undecided)


def _unreadable_hold(observed: Observed) -> Action | None:
    return _alerting(observed, "hold", observed.hold.fault if observed.hold is not None else "")


def _lost(observed: Observed) -> Action | None:
    fault = (
        "" if observed.restorable else "the content in force is not in contents/ any more: commit a new one"
    )
    return _alerting(observed, "contents", fault)


def _restrained(observed: Observed) -> Action | None:
    """Without the lease, or before the published journal was compared, only what reduces risk is done."""
    if not observed.restrained:
        return None
    if observed.hold is not None or observed.desired is None or not observed.desired.reducing:
        return _run_out(observed) or WAIT
    return None


def _cleared(observed: Observed) -> Action | None:
    """A commit ends a hold by name, or by asking for what may be put in force then."""
    hold, desired = observed.hold, observed.desired
    if hold is None or desired is None or refusal_of(observed, desired):
        return None
    if hold.name not in desired.clears and admission_of(observed, desired)[0] is not Permission.ALLOWED:
        return None
    why = clears(hold, desired)
    return Action(Do.CLEAR, why) if why else None


def _failed(observed: Observed) -> Action | None:
    """What the bot refuses, or fails under within the probation time, goes back."""
    applied, bot = observed.history.applied, observed.bot
    if observed.hold is not None or applied is None or bot is None or not fresh(observed):
        return None
    why = _bad(observed, applied, bot)
    if not why:
        return None
    stays = _stays(observed, applied)
    if not stays:
        return Action(Do.ROLLBACK, why)
    raised = "failing" in observed.history.alerts
    return None if raised else Action(Do.ALERT, f"{why}; {stays}", topic="failing")


def _bad(observed: Observed, applied: Applied, bot: Bot) -> str:
    if bot.refused_sha == applied.overrides_sha:
        return f"the bot refused it: {bot.refused_why}"
    if bot.overrides_sha != applied.overrides_sha or bot.health != "failing":
        return ""
    failed = applied.bot_health == "failing" and applied.cause != "rollback"
    if failed or applied.config_sha in observed.history.proven:
        return ""
    since = max(applied.at, bot.since or applied.at)
    late = (observed.now - since).total_seconds() > observed.rules.probation_s
    return "" if late else f"the bot fails under it: {bot.reason}"


def _fail_ended(observed: Observed) -> Action | None:
    applied, bot = observed.history.applied, observed.bot
    bad = applied is not None and bot is not None and fresh(observed) and _bad(observed, applied, bot)
    return Action(Do.RESOLVE, topic="failing") if "failing" in observed.history.alerts and not bad else None


def _revoked(observed: Observed) -> Action | None:
    """What did not pass when it was judged again goes back, unless git asks for something else by now."""
    applied, asked = observed.history.applied, observed.desired
    why = observed.revoked.get(applied.config_sha, "") if applied is not None else ""
    if applied is None or not why:
        return _alerting(observed, "revoked", "")
    if asked is not None and is_new(observed, asked) and permission_of(observed)[0] is Permission.ALLOWED:
        return None
    stays = _stays(observed, applied)
    return _alerting(observed, "revoked", f"{why}; {stays}") if stays else Action(Do.ROLLBACK, why, "revoked")


def _stays(observed: Observed, applied: Applied) -> str:
    """Say why a content that runs badly or was revoked stays in force all the same, or nothing."""
    if observed.hold is not None:
        return "it stays, for it is held"
    if applied.cause == "rollback":
        return "it stays, for somebody went back to it"
    if observed.stays:
        return f"it stays, for {observed.stays}"
    if not rollback_targets(observed.history, now=observed.now, revoked=observed.revoked):
        return "it stays, for there is nothing to go back to"
    return "" if observed.rules.automatic else "it stays, for going back by itself is switched off"


def _proven(observed: Observed) -> Action | None:
    """A content that the bot ran, to the hash, in good health for the probation time is one to go back to."""
    applied, bot = observed.history.applied, observed.bot
    if applied is None or bot is None or not fresh(observed) or applied.config_sha in observed.history.proven:
        return None
    if bot.overrides_sha != applied.overrides_sha or bot.config_sha != applied.config_sha:
        return None
    if bot.health != "healthy" or bot.since is None or bot.pending:
        return None
    if (observed.now - max(bot.since, applied.at)).total_seconds() < observed.rules.probation_s:
        return None
    return Action(Do.PROVE, f"healthy for {observed.rules.probation_s:.0f} s", topic=applied.config_sha)


def _drifted(observed: Observed) -> Action | None:
    """A live file that is not what was put in force is journalled, then set right; under a hold it stays."""
    applied, noted = observed.history.applied, observed.history.drift
    if applied is None:
        return None
    held = observed.hold is not None
    may = not held and observed.restorable and observed.compared and not _is_refused_here(observed, applied)
    if observed.live_sha != applied.overrides_sha:
        drift = Drift("file", observed.live_sha)
        if noted is None and may and _is_noted_lately(observed):
            return Action(Do.RESTORE, "the live file was changed again and is set right", drift=drift)
        if noted != drift:
            return Action(Do.NOTE, "somebody changed the live file", drift=drift)
        return Action(Do.REPAIR, "the live file is set right", drift=drift) if may else None
    if noted is not None and noted.where == "file":
        return Action(Do.REPAIR, "the live file is right again", drift=noted)
    if observed.repeats and not _is_noted_lately(observed):
        why = f"the live file was set right {observed.repeats} times more"
        return Action(Do.REPAIR, why, drift=Drift("file", observed.live_sha))
    return _bot_drifted(observed, applied, held)


def _is_refused_here(observed: Observed, applied: Applied) -> bool:
    """Say whether what was published as in force was refused, and this disk has never had it in its place.

    Where it takes risk away from what the live file has it stays in force, for anything else would add risk.
    """
    if applied.config_sha not in observed.revoked or observed.tightens:
        return False
    earlier = {item.overrides_sha for item in observed.history.trail}
    return observed.live_sha is None or observed.live_sha in earlier - {applied.overrides_sha}


def _is_noted_lately(observed: Observed) -> bool:
    """Say whether a change of the live file was journalled so lately that another is only counted."""
    at = observed.history.drift_at
    return at is not None and 0.0 <= (observed.now - at).total_seconds() < observed.rules.drift_s


def _bot_drifted(observed: Observed, applied: Applied, held: bool) -> Action | None:
    """A bot that follows another content is shown the file again once; if it stays, people are told."""
    noted, bot = observed.history.drift, observed.bot
    if bot is None or not fresh(observed):
        return None

    def late(since: datetime) -> bool:
        return (observed.now - since).total_seconds() > observed.rules.ack_s

    follows = applied.overrides_sha in (bot.overrides_sha, bot.refused_sha)
    if follows:
        if noted is not None:
            return Action(Do.REPAIR, "the bot follows again", drift=noted)
        return Action(Do.RESOLVE, topic="bot") if "bot" in observed.history.alerts else None
    if noted is None or noted.where != "bot":
        since = max(applied.at, bot.started_at or applied.at, observed.bot_heard or applied.at)
        drift = Drift("bot", bot.overrides_sha)
        return Action(Do.NOTE, "the bot has another content in force", drift=drift) if late(since) else None
    if held or "bot" in observed.history.alerts or not late(observed.history.drift_at or applied.at):
        return None
    return Action(Do.ALERT, "the bot does not take the live content", topic="bot")


def _revert_missing(observed: Observed) -> Action | None:
    hold = observed.hold
    if hold is None or hold.quarantined is None or not observed.can_push or observed.desired is None:
        return None
    if hold.fault:
        return None
    done = (hold.name, Kind.PROPOSED) in observed.history.done
    return None if done else Action(Do.PROPOSE, "the branch still asks for what ran badly")


def _held(observed: Observed) -> Action | None:
    return WAIT if observed.hold is not None else None


def _run_out(observed: Observed) -> Action | None:
    """A loosening patch that has run out is set back, whatever the branch asks for, and under a hold too."""
    if observed.run_out is None or not is_new(observed, observed.run_out):
        return None
    return Action(Do.APPLY, "the patch in force has run out", topic="run_out")


def _refused(observed: Observed) -> Action | None:
    """A commit gets one attempt."""
    desired = observed.desired
    if desired is None:
        return WAIT
    if desired.commit in observed.history.refused:
        return WAIT
    if desired.refusal:
        return Action(Do.REFUSE, desired.refusal)
    if not is_new(observed, desired):
        return None
    bad = observed.history.quarantined(config_sha=desired.config_sha, commit=desired.commit, now=observed.now)
    if bad is not None:
        return Action(Do.REFUSE, f"its content is in quarantine until {iso_utc(bad.until)}: {bad.reason}")
    return None


def _denied(observed: Observed) -> Action | None:
    """What the gate refused is said once and not taken; a later promotion of it may lift that."""
    desired = observed.desired
    new = desired is not None and is_new(observed, desired)
    return _alerting(observed, "refused", desired.denied if desired is not None and new else "")


def _late(observed: Observed) -> Action | None:
    return _alerting(observed, "late", observed.desired.late if observed.desired is not None else "")


def _not_admitted(observed: Observed) -> Action | None:
    desired = observed.desired
    if desired is None or admission_of(observed, desired)[0] is Permission.ALLOWED:
        return None
    return WAIT


def _apply(observed: Observed) -> Action | None:
    desired = observed.desired
    if desired is None or not is_new(observed, desired):
        return None
    return Action(Do.APPLY, f"{desired.cause} {desired.commit[:12]}")


def _alerting(observed: Observed, topic: str, fault: str) -> Action | None:
    """Raise an alert once when something begins to be wrong, and end it once it is right."""
    raised = topic in observed.history.alerts
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
    ("an entry of the gate's journal that decides nothing", _undecided),
    ("a state or a lease that is not sure", _restrained),
    ("a hold that a commit ends", _cleared),
    ("a revert nobody has proposed yet", _revert_missing),
    ("a loosening patch out of time", _run_out),
    ("a hold", _held),
    ("a commit that may not be taken", _refused),
    ("a content that the gate refused", _denied),
    ("a tightening patch out of time", _late),
    ("a content that nothing has let in", _not_admitted),
    ("a new content", _apply),
)
