"""A status as people read it: what is live, since when, why, and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from textwrap import wrap

from framework.files.printable import visible
from framework.gitops.agent.conditions import ago
from framework.gitops.agent.next_step import NOTHING, next_steps, reconcile_command
from framework.gitops.agent.observed import Desired
from framework.gitops.agent.status import BotStatus, Condition, RenderedStatus, Status

MARGIN = 14
LEAST = 72
"""Columns below which a table of environments becomes a line each."""


def status_lines(status: Status, *, width: int | None = None) -> list[str]:
    """Write a status for people: one screen, the answer first; broken to a terminal's ``width``."""
    return [part for line in _lines(status) for part in _wrapped(line, width)]


def overview_lines(statuses: Mapping[str, Status | str], *, width: int | None = None) -> list[str]:
    """Write every environment on a line, then what is wrong with each and what to type; a text says why there
    is no status.
    """
    wide = max([11, *(len(name) for name in statuses)])
    table = width is None or width >= max(LEAST, wide + 61)
    lines = (
        [f"{'environment':{wide}}  {'sync':9}  {'health':8}  {'permission':11}  in force      since"]
        if table
        else []
    )
    for name, status in statuses.items():
        if isinstance(status, str):
            lines.append(f"{name:{wide}}  {status}" if table else f"{name}  {status}")
        elif table:
            stands = f"{status.sync.stands:9}  {status.health.stands:8}  {status.permission.stands:11}"
            lines.append(f"{name:{wide}}  {stands}  {_in_force(status)}")
        else:
            stands = f"{status.sync.stands} · {status.health.stands} · {status.permission.stands}"
            lines.append(f"{name}  {stands}, {_in_force(status)}")
    for name, status in statuses.items():
        if not isinstance(status, str):
            lines += _wrong(name, status)
    nobody = [name for name, status in statuses.items() if isinstance(status, str)]
    if len(nobody) == len(statuses):
        lines.append(f"next: start an agent: {reconcile_command(nobody[0] if nobody else 'NAME')}")
    lines.append("quoteops gitops status --environment NAME tells all of one")
    return [part for line in lines for part in _wrapped(line, width, margin=2)]


def _in_force(status: Status) -> str:
    if status.rendered is None:
        return "nothing"
    return f"{status.rendered.config_sha[:12]}  {_age(status.rendered.at, status.at)}"


def _wrong(name: str, status: Status) -> list[str]:
    parts = {"sync": status.sync, "health": status.health, "permission": status.permission}
    lines = [f"{name}: {part} {_condition(how)}" for part, how in parts.items() if how.why]
    if status.bot is not None and status.bot.standing:
        lines.append(f"{name}: {status.bot.standing}")
    lines += [f"{name}: alert {topic}: {text}" for topic, text in status.alerts.items()]
    return [*lines, *(f"{name}: next: {step}" for step in next_steps(status) if step != NOTHING)]


def _wrapped(line: str, width: int | None, *, margin: int = MARGIN) -> list[str]:
    """Break a line between words, where it must be, under its own text; nothing hidden passes."""
    shown = visible(line)
    if width is None:
        return [shown]
    under = " " * min(margin, width // 4)
    return wrap(shown, width, subsequent_indent=under, break_long_words=False, break_on_hyphens=False)


def _lines(status: Status) -> list[str]:
    sync, health, permission = status.sync, status.health, status.permission
    stands = f"{sync.stands} · {health.stands} · {permission.stands}"
    lines = [
        f"{status.environment}  {stands}  at {_second(status.at)}",
        f"  sync        {_condition(sync)}",
        f"  health      {_condition(health)}",
        f"  permission  {_condition(permission)}",
        *(f"  next        {step}" for step in next_steps(status)),
    ]
    lines += [_asked_line(status.desired), *_rendered_lines(status.rendered, status.at)]
    lines += [*_bot_lines(status.bot, status), *_hold_lines(status)]
    for topic, text in status.alerts.items():
        lines.append(f"  alert       {topic}: {text}")
    if verdict := status.last_verdict:
        commit = f" for commit {verdict.commit[:12]}" if verdict.commit else ""
        lines.append(f"  verdict     {verdict.verdict} by {verdict.subject}{commit} at {_second(verdict.at)}")
    elif status.rendered is not None:
        lines.append("  verdict     none is known of what is in force")
    return [*lines, *_agent_lines(status)]


def _hold_lines(status: Status) -> list[str]:
    lines = []
    if hold := status.hold:
        owes = bool(hold.get("quarantined"))
        revert = "" if not owes else ", revert proposed" if hold["proposed"] else ", revert not proposed yet"
        since = _since(str(hold.get("at")), status.at)
        lines.append(f"  hold        {hold.get('hold', '?')} {since} by {hold.get('by')}{revert}")
    for row in status.quarantine:
        until = _second(row.until)
        lines.append(f"  quarantine  config {row.config_sha[:12]} until {until}: {row.reason}")
    return lines


def _condition(condition: Condition) -> str:
    return condition.stands + (f" ({condition.why})" if condition.why else "")


def _asked_line(desired: Desired | None) -> str:
    if desired is None:
        return "  git asks    nothing is known yet"
    if desired.refusal:
        return f"  git asks    commit {desired.commit[:12]}, which cannot be taken"
    return f"  git asks    commit {desired.commit[:12]}  config {desired.config_sha[:12]}"


def _rendered_lines(rendered: RenderedStatus | None, now: str) -> list[str]:
    if rendered is None:
        return ["  rendered    nothing yet"]
    until = f"until {_second(rendered.proven_at)}" if rendered.proven_at else "not running yet"
    good = "known good" if rendered.proven else f"on probation, {until}"
    values = ", ".join(f"{name}={value}" for name, value in (rendered.values or {}).items())
    lines = [
        f"  rendered    commit {rendered.commit[:12]}  config {rendered.config_sha[:12]}"
        f"  generation {rendered.generation}  by {rendered.cause} {_since(rendered.at, now)}; {good}",
    ]
    if rendered.reason:
        lines.append(f"              because: {rendered.reason}")
    lines.append(f"              {values or 'no values beyond the profile'}")
    return [*lines, f"              ends {rendered.expires}"] if rendered.expires else lines


def _bot_lines(bot: BotStatus | None, status: Status) -> list[str]:
    if bot is None:
        return ["  in force    no bot"]
    rendered = status.rendered
    lines = [
        f"  in force    config {(bot.config_sha or '?')[:12]}  {_since(bot.since, status.at)},"
        f" heard {_second(bot.heartbeat_at)}"
    ]
    if bot.standing:
        lines.append(f"              {bot.standing}")
    if bot.stopped:
        lines.append(f"              stopped {bot.stopped}")
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
        return [f"  journal     {written}", "  agent       none has read a branch here"]
    return [
        f"  journal     {written}",
        f"  agent       {agent.branch or '?'} of {agent.remote or '?'}, read {_second(agent.fetched_at)},"
        f" next {_second(agent.next_poll_at)}",
    ]


def _second(at: str | None) -> str:
    """Write a moment to the second."""
    return "?" if at is None else f"{at[:19]}Z" if at.endswith("Z") else at


def _since(at: str | None, now: str) -> str:
    """Write since when, and how long ago that is."""
    return f"since {_second(at)} ({_age(at, now)})"


def _age(at: str | None, now: str) -> str:
    try:
        return ago((datetime.fromisoformat(now) - datetime.fromisoformat(str(at))).total_seconds())
    except (TypeError, ValueError):
        return "not known"
