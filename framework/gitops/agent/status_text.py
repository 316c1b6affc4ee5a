"""A status as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap

from framework.files.printable import visible
from framework.gitops.agent.observed import Desired
from framework.gitops.agent.status import BotStatus, Condition, RenderedStatus, Status

MARGIN = 14


def status_lines(status: Status, *, width: int | None = None) -> list[str]:
    """Write a status for people: one screen, the answer first; broken to a terminal's ``width``."""
    return [part for line in _lines(status) for part in _wrapped(line, width)]


def overview_lines(statuses: Mapping[str, Status | str], *, width: int | None = None) -> list[str]:
    """Write every environment on a line, then what is wrong with each; a text says why there is no status."""
    wide = max([11, *(len(name) for name in statuses)])
    lines = [f"{'environment':{wide}}  {'sync':9}  {'health':8}  {'permission':11}  in force"]
    for name, status in statuses.items():
        if isinstance(status, str):
            lines.append(f"{name:{wide}}  {status}")
            continue
        config = status.rendered.config_sha[:12] if status.rendered is not None else "nothing"
        stands = f"{status.sync.stands:9}  {status.health.stands:8}  {status.permission.stands:11}"
        lines.append(f"{name:{wide}}  {stands}  {config}")
    for name, status in statuses.items():
        if not isinstance(status, str):
            lines += _wrong(name, status)
    lines.append("quoteops gitops status --environment NAME tells all of one")
    return [part for line in lines for part in _wrapped(line, width, margin=2)]


def _wrong(name: str, status: Status) -> list[str]:
    parts = {"sync": status.sync, "health": status.health, "permission": status.permission}
    said = [f"{name}: {part} {_condition(how)}" for part, how in parts.items() if how.why]
    if status.bot is not None and status.bot.standing:
        said.append(f"{name}: {status.bot.standing}")
    return [*said, *(f"{name}: alert {topic}: {text}" for topic, text in status.alerts.items())]


def _wrapped(line: str, width: int | None, *, margin: int = MARGIN) -> list[str]:
    """Break a line between words, where it must be, under its own text; nothing hidden passes."""
    shown = visible(line)
    if width is None:
        return [shown]
    return wrap(shown, width, subsequent_indent=" " * margin, break_long_words=False, break_on_hyphens=False)


def _lines(status: Status) -> list[str]:
    sync, health, permission = status.sync, status.health, status.permission
    lines = [
        f"{status.environment}  {sync.stands} · {health.stands} · {permission.stands}  at {status.at}",
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
    elif status.rendered is not None:
        lines.append("  verdict     none is known of what is in force")
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
        start = f"quoteops gitops reconcile --environment {status.environment}"
        return [f"  journal     {written}", f"  agent       none has read a branch here; {start} starts one"]
    return [
        f"  journal     {written}",
        f"  agent       {agent.branch or '?'} of {agent.remote or '?'}, read {agent.fetched_at},"
        f" next {agent.next_poll_at}",
    ]
