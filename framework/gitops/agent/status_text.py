"""A status as people read it."""

from __future__ import annotations

from framework.gitops.agent.observed import Desired
from framework.gitops.agent.status import BotStatus, Condition, RenderedStatus, Status


def status_lines(status: Status) -> list[str]:
    """Write a status for people: one screen, the answer first."""
    sync, health, permission = status.sync, status.health, status.permission
    lines = [
        f"{status.environment}  {sync.stands} · {health.stands} · {permission.stands}",
        f"  sync        {_condition(sync)}",
        f"  health      {_condition(health)}",
        f"  permission  {_condition(permission)}",
    ]
    lines += [_asked_line(status.desired), *_rendered_lines(status.rendered)]
    lines += _bot_lines(status.bot, status.rendered)
    if hold := status.hold:
        owes = bool(hold.get("quarantined"))
        revert = "" if not owes else ", revert proposed" if hold["proposed"] else ", revert not proposed yet"
        lines.append(
            f"  hold        {hold.get('hold', '?')} since {hold.get('at')} by {hold.get('by')}{revert}"
        )
    for row in status.quarantine:
        lines.append(f"  quarantine  config {row.config_sha[:12]} until {row.until}: {row.reason}")
    for topic, text in status.alerts.items():
        lines.append(f"  alert       {topic}: {text}")
    if verdict := status.last_verdict:
        commit = f" for commit {verdict.commit[:12]}" if verdict.commit else ""
        lines.append(f"  verdict     {verdict.verdict} by {verdict.subject}{commit} at {verdict.at}")
    return [*lines, *_agent_lines(status)]


def _condition(condition: Condition) -> str:
    return condition.stands + (f" ({condition.why})" if condition.why else "")


def _asked_line(desired: Desired | None) -> str:
    if desired is None:
        return "  git asks    nothing is known yet"
    if desired.refusal:
        return f"  git asks    commit {desired.commit[:12]}, which cannot be taken"
    return f"  git asks    commit {desired.commit[:12]}  config {desired.config_sha[:12]}"


def _rendered_lines(rendered: RenderedStatus | None) -> list[str]:
    if rendered is None:
        return ["  rendered    nothing yet"]
    until = f"until {rendered.proven_at}" if rendered.proven_at else "not running yet"
    good = "known good" if rendered.proven else f"on probation, {until}"
    values = ", ".join(f"{name}={value}" for name, value in (rendered.values or {}).items())
    lines = [
        f"  rendered    commit {rendered.commit[:12]}  config {rendered.config_sha[:12]}"
        f"  generation {rendered.generation}  by {rendered.cause} at {rendered.at}; {good}",
        f"              {values or 'no values beyond the profile'}",
    ]
    return [*lines, f"              ends {rendered.expires}"] if rendered.expires else lines


def _bot_lines(bot: BotStatus | None, rendered: RenderedStatus | None) -> list[str]:
    if bot is None:
        return ["  in force    no bot"]
    lines = [
        f"  in force    config {(bot.config_sha or '?')[:12]}  since {bot.since or '?'},"
        f" heard {bot.heartbeat_at}"
    ]
    same_file = rendered is not None and bot.overrides_sha == rendered.overrides_sha
    if same_file and rendered and bot.config_sha != rendered.config_sha and not bot.pending:
        lines.append(
            "              not the config that was rendered: were its profile and words the environment's?"
        )
    if bot.pending:
        lines.append(f"              waits until flat: {', '.join(bot.pending)}")
    if bot.refused:
        lines.append(f"              the bot refused the live content: {bot.refused}")
    return lines


def _agent_lines(status: Status) -> list[str]:
    agent, seq = status.agent, status.journal_seq
    written = f"entry {seq}  {status.journal_sha256[:16]}" if seq else "empty"
    if agent.fetched_at is None:
        start = f"quoteops gitops reconcile --environment {status.environment}"
        return [f"  journal     {written}", f"  agent       none has read a branch here; {start} starts one"]
    return [
        f"  journal     {written}",
        f"  agent       {agent.branch or '?'} of {agent.remote or '?'}, read {agent.fetched_at},"
        f" next {agent.next_poll_at}",
    ]
