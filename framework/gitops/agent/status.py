"""What is live and why: desired, rendered, in force; sync, health, permission; hold, quarantine, journal."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from framework.files.moments import iso_utc
from framework.gitops.agent.conditions import (
    Permission,
    Sync,
    health_of,
    permission_of,
    probation_ends,
    sync_of,
)
from framework.gitops.agent.observed import Desired, Observed, Rules
from framework.gitops.agent.state_dir import JournalView, StateDir, read_bot, read_state
from framework.gitops.desired.rendered import read_rendered
from framework.holds.hold import read_hold
from framework.journal.entry import Kind


def read_status(state_dir: StateDir, *, now: datetime) -> dict[str, Any]:
    """Return everything of an environment as plain data, from its folder alone; the journal is verified."""
    view = JournalView(state_dir.journal)
    history, state = view.history(), read_state(state_dir.state)
    applied = history.applied
    desired = state.get("desired")
    observed = Observed(
        now=now,
        history=history,
        rules=Rules(**state["rules"]) if "rules" in state else Rules(),
        desired=Desired(**{**desired, "clears": frozenset(desired["clears"])}) if desired else None,
        fetched_at=datetime.fromisoformat(state["fetched_at"]) if state.get("fetched_at") else None,
        fetch_fault=state.get("fetch_fault", ""),
        hold=read_hold(state_dir.hold, history.hold),
        live_sha=_sha(state_dir),
        bot=read_bot(state_dir.bot),
    )
    rendered = (
        read_rendered(applied.overrides_sha, folder=state_dir.contents) if applied is not None else None
    )
    proven_at = probation_ends(observed)
    head = view.head
    return {
        "environment": state_dir.environment,
        "at": iso_utc(now),
        **{name: {"is": is_, "why": why} for name, (is_, why) in _three(observed).items()},
        "desired": desired,
        "rendered": None
        if applied is None
        else {
            "commit": applied.commit,
            "config_sha": applied.config_sha,
            "overrides_sha": applied.overrides_sha,
            "generation": applied.generation,
            "cause": applied.cause,
            "at": iso_utc(applied.at),
            "proven": applied.config_sha in history.proven,
            "proven_at": iso_utc(proven_at) if proven_at is not None else None,
            "values": dict(rendered.values) if rendered is not None else None,
            "expires": rendered.expires if rendered is not None else None,
            "live_sha": observed.live_sha,
        },
        "bot": _bot(observed),
        "hold": None
        if observed.hold is None
        else {**observed.hold.plain, "proposed": (observed.hold.name, Kind.PROPOSED) in history.done},
        "quarantine": [
            {"config_sha": q.config_sha, "commit": q.commit, "until": iso_utc(q.until), "reason": q.reason}
            for q in history.quarantines
            if q.until > now
        ],
        "alerts": dict(history.alerts),
        "last_verdict": _last_verdict(view),
        "last_refused": _last_refused(history.refused),
        "journal": {"seq": head.seq, "sha256": head.sha256},
        "agent": {
            "branch": state.get("branch"),
            "remote": state.get("remote"),
            "fetched_at": state.get("fetched_at"),
            "next_poll_at": _next_poll(state),
            "pid": state.get("pid"),
        },
    }


def status_lines(status: dict[str, Any]) -> list[str]:
    """Write a status for people: one screen, the answer first."""
    sync, health, permission = (status[name] for name in ("sync", "health", "permission"))
    shown = [f"{part['is']}" + (f" ({part['why']})" if part["why"] else "") for part in (sync, health)]
    lines = [
        f"{status['environment']}  {sync['is']} · {health['is']} · {permission['is']}",
        f"  sync        {shown[0]}",
        f"  health      {shown[1]}",
        f"  permission  {permission['is']}" + (f" ({permission['why']})" if permission["why"] else ""),
    ]
    desired, rendered, bot = status["desired"], status["rendered"], status["bot"]
    if desired is None:
        lines.append("  git asks    nothing is known yet")
    elif desired["refusal"]:
        lines.append(f"  git asks    commit {desired['commit'][:12]}, which cannot be taken")
    else:
        lines.append(f"  git asks    commit {desired['commit'][:12]}  config {desired['config_sha'][:12]}")
    if rendered is None:
        lines.append("  rendered    nothing yet")
    else:
        until = f"until {rendered['proven_at']}" if rendered["proven_at"] else "not running yet"
        good = "known good" if rendered["proven"] else f"on probation, {until}"
        lines.append(
            f"  rendered    commit {rendered['commit'][:12]}  config {rendered['config_sha'][:12]}"
            f"  generation {rendered['generation']}  by {rendered['cause']} at {rendered['at']}; {good}"
        )
        values = ", ".join(f"{name}={value}" for name, value in (rendered["values"] or {}).items())
        lines.append(f"              {values or 'no values beyond the profile'}")
        if rendered["expires"]:
            lines.append(f"              ends {rendered['expires']}")
    lines += _bot_lines(bot, rendered)
    if hold := status["hold"]:
        owes = bool(hold.get("quarantined"))
        revert = "" if not owes else ", revert proposed" if hold["proposed"] else ", revert not proposed yet"
        lines.append(
            f"  hold        {hold.get('hold', '?')} since {hold.get('at')} by {hold.get('by')}{revert}"
        )
    for row in status["quarantine"]:
        lines.append(f"  quarantine  config {row['config_sha'][:12]} until {row['until']}: {row['reason']}")
    for topic, text in status["alerts"].items():
        lines.append(f"  alert       {topic}: {text}")
    if verdict := status["last_verdict"]:
        commit = f" for commit {verdict['commit'][:12]}" if verdict["commit"] else ""
        lines.append(f"  verdict     {verdict['verdict']} by {verdict['subject']}{commit} at {verdict['at']}")
    return [*lines, *_agent_lines(status["agent"], status["journal"], status["environment"])]


def status_code(status: dict[str, Any]) -> int:
    """Return 0 in sync and allowed, 3 when sync is not known, 1 otherwise."""
    if status["sync"]["is"] == Sync.UNKNOWN:
        return 3
    return 0 if (status["sync"]["is"], status["permission"]["is"]) == (Sync.SYNCED, Permission.ALLOWED) else 1


def _three(observed: Observed) -> dict[str, tuple[str, str]]:
    conditions = {
        "sync": sync_of(observed),
        "health": health_of(observed),
        "permission": permission_of(observed),
    }
    return {name: (str(is_), why) for name, (is_, why) in conditions.items()}


def _bot(observed: Observed) -> dict[str, Any] | None:
    bot = observed.bot
    if bot is None:
        return None
    return {
        "config_sha": bot.config_sha,
        "overrides_sha": bot.overrides_sha,
        "since": iso_utc(bot.since) if bot.since is not None else None,
        "heartbeat_at": iso_utc(bot.heartbeat_at),
        "pending": list(bot.pending),
        "refused": bot.refused_why or None,
    }


def _bot_lines(bot: dict[str, Any] | None, rendered: dict[str, Any] | None) -> list[str]:
    if bot is None:
        return ["  in force    no bot"]
    lines = [
        f"  in force    config {(bot['config_sha'] or '?')[:12]}  since {bot['since'] or '?'},"
        f" heard {bot['heartbeat_at']}"
    ]
    same_file = rendered is not None and bot["overrides_sha"] == rendered["overrides_sha"]
    if same_file and rendered and bot["config_sha"] != rendered["config_sha"] and not bot["pending"]:
        lines.append(
            "              not the config that was rendered: were its profile and words the environment's?"
        )
    if bot["pending"]:
        lines.append(f"              waits until flat: {', '.join(bot['pending'])}")
    if bot["refused"]:
        lines.append(f"              the bot refused the live content: {bot['refused']}")
    return lines


def _agent_lines(agent: dict[str, Any], journal: dict[str, Any], environment: str) -> list[str]:
    written = f"entry {journal['seq']}  {journal['sha256'][:16]}" if journal["seq"] else "empty"
    if agent["fetched_at"] is None:
        start = f"quoteops gitops reconcile --environment {environment}"
        return [f"  journal     {written}", f"  agent       none has read a branch here; {start} starts one"]
    return [
        f"  journal     {written}",
        f"  agent       {agent['branch'] or '?'} of {agent['remote'] or '?'}, read {agent['fetched_at']},"
        f" next {agent['next_poll_at']}",
    ]


def _sha(state_dir: StateDir) -> str | None:
    try:
        return hashlib.sha256(state_dir.live.read_bytes()).hexdigest()
    except OSError:
        return None


def _last_verdict(view: JournalView) -> dict[str, Any] | None:
    for entry in reversed(view.journal.entries()):
        if entry.kind is Kind.VERDICT:
            subject = entry.data.get("subject") or entry.data.get("bundle") or ""
            commit = entry.data.get("commit") or ""
            return {
                "at": entry.at,
                "verdict": entry.data.get("verdict"),
                "subject": subject,
                "commit": commit,
            }
    return None


def _last_refused(refused: Any) -> dict[str, str] | None:
    if not refused:
        return None
    commit = next(reversed(refused))
    return {"commit": commit, "reason": refused[commit]}


def _next_poll(state: dict[str, Any]) -> str | None:
    if not state.get("fetched_at"):
        return None
    return iso_utc(datetime.fromisoformat(state["fetched_at"]) + timedelta(seconds=state["poll_s"]))
