"""The agent of one environment: looks at the remote, takes its turn, looks again.

The remote is asked on a thread of its own, so that a remote that hangs keeps nothing here from being seen: a
drift, a bot that fails and an operator's hold are found within a second whatever the network does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from framework.errors import QuoteopsError
from framework.files.atomic import locked
from framework.files.errors import HeldError
from framework.files.spare import keep_spares
from framework.gitops.agent.conditions import Permission, Sync, fresh, permission_of, sync_of
from framework.gitops.agent.observed import Observed
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.proposals import Log
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.state_dir import StateDir
from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.desired.revision import sweep_scratch
from framework.gitops.errors import GitopsError
from framework.gitops.repo.git import Git
from framework.gitops.repo.leftovers import sweep
from framework.journal.journal import utc_now
from framework.session.tracked import check_untracked
from framework.telemetry.alerts import Severity, alert

TICK_S = 1.0
"""Longest pause between two looks at this machine."""

ACK_TICK_S = 0.05
"""The same while a bot has still to answer."""

TOKEN = "GITHUB_TOKEN"


def make_reconciler(
    *,
    environment: str,
    home: Path,
    remote: str | None,
    branch: str | None = None,
    publishes: bool = True,
    sign: Path | None = None,
    log: Log = print,
    now: Callable[[], datetime] = utc_now,
) -> Reconciler:
    """Open an environment's folder and its mirror; ``branch`` is by default what the checkout names, or main.

    Raises GitopsError when no remote is known.
    """
    state_dir = StateDir(home, environment)
    check_untracked(home, environment)
    checkout = read_checkout(home, environment)
    named = branch or (checkout.branch if checkout is not None else "") or "main"
    return Reconciler(
        Observer(state_dir, remote or remote_of(home), now, bootstrap=checkout, branch=named),
        log=log,
        publishes=publishes,
        sign=sign,
        token=token_of(checkout),
    )


def make_operator(*, environment: str, home: Path, sign: Path | None = None, log: Log = print) -> Reconciler:
    """Open an environment's folder for an operator: it needs neither remote nor checkout."""
    observer = Observer(StateDir(home, environment), "", utc_now)
    return Reconciler(observer, log=log, sign=sign, token=token_of(None))


def token_of(checkout: EnvironmentRevision | None) -> str | None:
    """Return the token for pull requests from the variable that the policy names, None when it is unset."""
    policy = checkout.policy if checkout is not None else None
    return os.environ.get(policy.token_env if policy is not None else TOKEN) or None


def serve(reconciler: Reconciler, *, stop: threading.Event) -> None:
    """Keep the environment until ``stop`` is set. Raises FileError when another agent keeps it."""
    with _alone(reconciler.state_dir):
        tidy(reconciler.state_dir)
        looked, jobs = threading.Event(), SimpleQueue[Callable[[], None]]()
        reconciler.proposals.outside = jobs.put
        fetcher = threading.Thread(
            target=_look, args=(reconciler, looked, jobs, stop), name="fetch", daemon=True
        )
        fetcher.start()
        last_error = ""
        while not stop.is_set():
            looked.clear()
            pause = TICK_S
            try:
                pause = _pause(reconciler.turn())
                last_error = ""
            except (
                QuoteopsError,
                OSError,
            ) as error:  # this machine refuses: the live state stays, and we say so
                if str(error) != last_error:
                    last_error = str(error)
                    reconciler.log(f"| gitops_reconcile | ERROR | {last_error} |")
            looked.wait(pause)
        reconciler.git.processes.end()  # what the network owes is asked for again by the next agent
        fetcher.join(timeout=reconciler.git.timeout_s)
        if not fetcher.is_alive() and not reconciler.tenancy.fault:  # else the lease runs out by itself
            reconciler.git.processes.ended = False
            reconciler.publish(release=True)


def once(reconciler: Reconciler, *, wait_s: float = 5.0) -> Observed:
    """Look at the remote once, do what there is to do, and wait a moment for a bot to answer."""
    with _alone(reconciler.state_dir):
        tidy(reconciler.state_dir)
        reconciler.look()
        observed = reconciler.turn()
        pause = threading.Event()
        for _ in range(int(wait_s / ACK_TICK_S)):
            if _pause(observed) != ACK_TICK_S:
                break
            pause.wait(ACK_TICK_S)
            observed = reconciler.turn()
        reconciler.publish(release=True)
        if reconciler.publish_fault:
            reconciler.log(f"| gitops_reconcile | ALERT | {reconciler.publish_fault} |")
        return replace(observed, publish_fault=reconciler.publish_fault)


def exit_code(observed: Observed) -> int:
    """Return 0 in sync and allowed, 3 when that is not known, 1 otherwise."""
    if sync_of(observed)[0] is Sync.UNKNOWN:
        return 3
    agreed = sync_of(observed)[0] is Sync.SYNCED and permission_of(observed)[0] is Permission.ALLOWED
    return 0 if agreed else 1


def tidy(state_dir: StateDir) -> None:
    """Remove what a killed agent left: half-made exports, files before their renaming, locks of its git.

    Only the one agent of the environment may call it.
    """
    sweep_scratch(state_dir.staging)
    for rest in state_dir.staging.glob(".*.tmp") if state_dir.staging.is_dir() else ():
        rest.unlink(missing_ok=True)
    sweep(state_dir.mirror, older_s=0.0)
    keep_spares(state_dir.staging)


def read_checkout(home: Path, environment: str) -> EnvironmentRevision | None:
    """Read policy and branch from the checkout the agent was started in, None where there is none."""
    from framework.settings.gitops_files import read_environment, read_policy

    if not (home / "gitops" / "policy.yaml").is_file():
        return None
    file = read_environment(home, environment)
    return EnvironmentRevision("checkout", branch=file.branch, tier=file.tier, policy=read_policy(home))


def remote_of(home: Path) -> str:
    """Return the URL of the checkout's origin. Raises GitopsError when there is none."""
    git = Git(home)
    git.run("rev-parse", "--git-dir")  # git config tells nothing of a repository that git does not trust
    try:
        url = git.run("config", "--get", "remote.origin.url").decode().strip()
    except QuoteopsError as error:
        raise GitopsError(f"{home}: has no remote origin; allowed --remote URL") from error
    local = "://" not in url and ":" not in url
    return str((home / url).resolve()) if local else url


def _look(
    reconciler: Reconciler,
    looked: threading.Event,
    jobs: SimpleQueue[Callable[[], None]],
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            _look_once(reconciler, looked, jobs, stop)
        except Exception as error:  # noqa: BLE001  without this thread nothing comes any more
            _cannot_look(reconciler, error)
        looked.set()
        stop.wait(max(0.0, reconciler.observer.poll_s - (time.monotonic() - began)))


def _look_once(
    reconciler: Reconciler,
    looked: threading.Event,
    jobs: SimpleQueue[Callable[[], None]],
    stop: threading.Event,
) -> None:
    reconciler.look()
    looked.set()
    while not jobs.empty() and not stop.is_set():
        jobs.get()()
    if not stop.wait(reconciler.observer.poll_s / 2):  # the turn comes first; what it journals is published
        reconciler.publish()


def _cannot_look(reconciler: Reconciler, error: Exception) -> None:
    """Say what keeps this agent from looking at the remote; the lease that is not renewed runs out."""
    text = f"the remote could not be looked at: {type(error).__name__}: {error}"
    if reconciler.tenancy.fault != text:
        name = reconciler.state_dir.environment
        alert(name="gitops_remote", severity=Severity.PAGE, text=text, environment=name)
        reconciler.log(f"| gitops_reconcile | ERROR | {text} |")
    reconciler.tenancy.fault = text


def _pause(observed: Observed) -> float:
    """Return how long to wait: hardly at all while a bot that is there has not answered."""
    applied, bot = observed.history.applied, observed.bot
    if applied is None or bot is None or not fresh(observed):
        return TICK_S
    answered = applied.overrides_sha in (bot.overrides_sha, bot.refused_sha)
    late = (observed.now - applied.at).total_seconds() > observed.rules.ack_s
    return TICK_S if answered or late else ACK_TICK_S


@contextmanager
def _alone(state_dir: StateDir) -> Iterator[None]:
    held = ExitStack()
    try:
        held.enter_context(locked(path=state_dir.agent, timeout_s=0.0))
    except HeldError as error:
        raise GitopsError(
            f"{state_dir.folder}: {state_dir.environment} has an agent already ({error})"
        ) from error
    with held:
        yield
