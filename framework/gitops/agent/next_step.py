"""What somebody on call types next: one line a thing that is to be done, the most urgent first."""

from __future__ import annotations

from framework.gitops.agent.conditions import Health, Permission, Sync
from framework.gitops.agent.status import Status

NOTHING = "nothing to do"
NO_BOT = (Health.MISSING, Health.STALE, Health.STOPPED)
WAITS = "waiting for promotion"


def next_steps(status: Status) -> list[str]:
    """Say what to do and the command that does it; one line says that there is nothing."""
    return [*_bot_fails(status), *_permission(status), *_agent(status), *_bot(status)] or [NOTHING]


def reconcile_command(environment: str) -> str:
    """Give the command that starts an agent."""
    return f"quoteops gitops reconcile --environment {environment}"


def _bot_fails(status: Status) -> list[str]:
    if status.health.stands != Health.FAILING or status.hold is not None:
        return []
    return [f'go back: quoteops gitops rollback --environment {status.environment} --reason "…"']


def _permission(status: Status) -> list[str]:
    name, desired = status.environment, status.desired
    match status.permission.stands:
        case Permission.HELD:
            return [_held(status)]
        case Permission.WAITING if desired is not None and status.permission.why.startswith(WAITS):
            base = "none" if status.rendered is None else status.rendered.commit[:12]
            asked = f"--base {base} --head {desired.commit[:12]} --environment {name}"
            return [f"let it in (above the sandbox with --sign KEY): quoteops gitops promote {asked}"]
        case Permission.REFUSED | Permission.QUARANTINED:
            return ["commit something else: git asks for what is not let in"]
        case Permission.FROZEN:
            return ["wait for the end of the freeze; what reduces risk passes"]
    return []


def _held(status: Status) -> str:
    hold, name = status.hold or {}, status.environment
    bad = hold.get("quarantined")
    release = f'quoteops gitops release --environment {name} --reason "…"'
    if bad and hold["proposed"]:
        branch = f"quoteops/revert-{name}-{bad['commit'][:8]}"
        return f"merge the revert: git fetch, git merge origin/{branch}, push; or commit something else"
    return f"end the hold when git may decide again: {release}"


def _agent(status: Status) -> list[str]:
    if status.sync.stands != Sync.UNKNOWN:
        return []
    if status.agent.fault:
        return [f"look at the remote {status.agent.remote}: {status.agent.fault}"]
    return [f"start the agent: {reconcile_command(status.environment)}"]


def _bot(status: Status) -> list[str]:
    start = f"quoteops soak soak.environment={status.environment} soak.clock=wall soak.hours=24"
    if status.health.stands == Health.STALE:
        pid = status.bot.pid if status.bot is not None and status.bot.pid is not None else "?"
        return [f"see whether process {pid} still lives, end it, and start the bot: {start}"]
    if status.health.stands in NO_BOT and status.rendered is not None:
        return [f"start the bot, when it should trade: {start}"]
    if "a restart is needed" in status.sync.why or "another configuration" in status.sync.why:
        return [f"restart the bot: Ctrl-C, then {start}"]
    return []
