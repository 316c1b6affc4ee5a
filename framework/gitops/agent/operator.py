"""What an operator does by hand: hold, release, go back. On this machine first; the network comes after."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from framework.errors import QuoteopsError
from framework.files.atomic import locked
from framework.gitops.agent.conditions import Health, health_of
from framework.gitops.agent.hold import place_hold
from framework.gitops.agent.observed import Observed
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.rollback import roll_back
from framework.gitops.agent.state import read_state
from framework.gitops.agent.state_dir import TURN_S, StateDir, read_bot
from framework.gitops.agent.status import read_status
from framework.gitops.agent.way_back import WayBack
from framework.gitops.errors import GitopsError
from framework.holds.hold import Grounds, Held, Hold, end_hold, new_hold
from framework.journal.entry import Kind
from framework.journal.journal import utc_now

ANSWER_S = 5.0
RUNNING = (Health.HEALTHY, Health.DEGRADED, Health.FAILING)


def operator() -> str:
    """Return who is asking, as the system knows them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number without a name
        return "unknown"


def hold_environment(agent: Reconciler, *, reason: str) -> Hold:
    """Keep what is in force, whatever git asks for. Raises GitopsError when something is held already."""
    with _turn(agent) as observed:
        if observed.hold is not None:
            raise GitopsError(
                f"{agent.state_dir.environment}: is held already ({observed.hold.reason});"
                " allowed after a release"
            )
        applied = observed.history.applied
        if applied is None:
            raise GitopsError(
                f"{agent.state_dir.environment}: nothing is in force yet; allowed after a first commit"
            )
        grounds = _grounds(agent, observed, reason)
        data = new_hold(
            replace(
                grounds,
                head=grounds.head or applied.commit,
                head_config_sha=grounds.head_config_sha or applied.config_sha,
            ),
            seq=agent.view.head.seq + 1,
            held=Held(
                applied.commit,
                applied.config_sha,
                applied.overrides_sha,
                applied.generation,
                applied.config_sha in observed.history.proven,
            ),
        )
        return place_hold(agent.state_dir, agent.view, data, bot_health=_bot_health(observed))


def release_environment(
    agent: Reconciler, *, reason: str, accept: str | None = None, policy: str | None = None
) -> str:
    """End a hold, take a rewritten branch at the commit ``accept``, or the ``policy`` of a commit.

    Returns what was done.

    A content in quarantine stays there: ending the hold does not bring it back. Raises GitopsError.
    """
    if not reason.strip():
        raise GitopsError("release: reason is empty; allowed a sentence that says why")
    with _turn(agent) as observed:
        if accept is not None:
            return _accept(agent, accept, reason)
        if policy is not None:
            return _accept_policy(agent, policy, reason)
        if observed.hold is None:
            raise GitopsError(f"{agent.state_dir.environment}: is not held; allowed when status shows Held")
        more = {"reason": reason, "by": operator()}
        end_hold(agent.state_dir.hold, agent.view.journal, observed.hold, cause="release", **more)
        return f"{observed.hold.name} has ended"


def roll_back_environment(
    agent: Reconciler, *, reason: str, to: str | None = None, loosen: bool = False
) -> tuple[Hold, WayBack]:
    """Put the last good content back and hold it; git is told afterwards by ``propose_revert``.

    What was tightened since stays so, unless ``to`` names a commit and ``loosen`` says otherwise. Raises
    GitopsError when there is nothing to go back to.
    """
    if loosen and to is None:
        raise GitopsError("--loosen: says nothing alone; allowed with --to SHA, the content that is wanted")
    with _turn(agent) as observed:
        grounds = _grounds(agent, observed, reason)
        try:
            way = agent.observer.way_back(observed.history, to=to, loosen=loosen)
        except QuoteopsError as error:
            raise GitopsError(f"{agent.state_dir.environment}: {error}") from error
        cooldown_s = float(read_state(agent.state_dir.state).rules.cooldown_s)
        hold = roll_back(
            agent.state_dir,
            agent.view,
            grounds,
            way,
            cooldown_s=cooldown_s,
            bot_health=_bot_health(observed),
        )
        return hold, way


def _bot_health(observed: Observed) -> str:
    """Return the bot's health as the journal writes it."""
    return health_of(observed)[0].value.lower()


def bot_answer(state_dir: StateDir, hold: Hold, *, wait_s: float = ANSWER_S) -> str:
    """Say how the bot is and whether it has taken what is held; one that runs is waited for a moment."""
    deadline, held = time.monotonic() + wait_s, hold.overrides_sha
    while True:
        status, bot = read_status(state_dir, now=utc_now()), read_bot(state_dir.bot)
        runs = bot is not None and status.health.stands in RUNNING
        answered = bot is not None and held in (bot.overrides_sha, bot.refused_sha)
        if not runs or answered or time.monotonic() >= deadline:
            break
        time.sleep(0.05)
    how = f"{status.health.stands}" + (f" ({status.health.why})" if status.health.why else "")
    if not runs or bot is None:
        return f"{how}: no bot trades what is held"
    if bot.overrides_sha == held:
        return f"{how}: it trades what is held; {bot.standing}".removesuffix("; ")
    if answered:
        return f"{how}: it refuses what is held: {bot.refused_why}"
    return f"{how}: it has not taken what is held within {wait_s:g} s; look at it"


def _accept(agent: Reconciler, accept: str, reason: str) -> str:
    desired = read_state(agent.state_dir.state).desired
    commit = desired.commit if desired is not None else ""
    if len(accept) < 7 or not commit.startswith(accept):
        raise GitopsError(
            f"--accept {accept}: is not the branch's newest commit; allowed {commit or 'none yet'}"
        )
    agent.view.note(Kind.CLEARED, {"accepted": commit, "reason": reason, "by": operator()})
    return f"{commit[:12]} is taken as the branch's newest commit"


def _accept_policy(agent: Reconciler, policy: str, reason: str) -> str:
    """Let a commit's policy say who may promote from now on: where a key is lost, nobody else can."""
    commit = agent.git.rev(policy) if len(policy) >= 7 else ""
    desired = read_state(agent.state_dir.state).desired
    head = desired.commit if desired is not None else ""
    asked = agent.observer.of(commit) if commit else None
    if asked is None or not (commit == head or agent.observer.examination.descends(commit, head)):
        raise GitopsError(
            f"--accept-policy {policy}: is no commit of the branch; allowed {head or 'none yet'}, or one it"
            " contains"
        )
    if asked.policy is None:
        raise GitopsError(f"--accept-policy {policy}: its policy cannot be read: {asked.fault}")
    if not asked.policy.signers and asked.policy.signs_promotions(asked.tier):
        raise GitopsError(f"--accept-policy {policy}: names no signers, so nothing could be promoted by it")
    agent.view.note(Kind.CLEARED, {"policy": commit, "reason": reason, "by": operator()})
    return f"the policy of {commit[:12]} says who may promote"


def _grounds(agent: Reconciler, observed: Observed, reason: str) -> Grounds:
    """Return what the operator says, with the branch head the agent saw last and what it asks for."""
    desired = read_state(agent.state_dir.state).desired
    return Grounds(
        reason=reason,
        cause="operator",
        by=operator(),
        at=observed.now,
        head=desired.commit if desired is not None else None,
        head_config_sha=(desired.config_sha or None) if desired is not None else None,
    )


@contextmanager
def _turn(agent: Reconciler) -> Iterator[Observed]:
    with locked(path=agent.state_dir.turn, timeout_s=TURN_S):
        yield agent.complete()
