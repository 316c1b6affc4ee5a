"""What a merge is judged against: the content that its environment runs, not whatever the branch said before.

A commit that was refused, that nobody judged, or that does not compose, is no ground to stand on: a change
that only takes half of a refused risk away again would pass for a tightening. So the newest content below it
is taken that is in force, by the agent's published journal, or was promoted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from framework.errors import QuoteopsError
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.change.restores_held import restores_held
from framework.gitops.change.standing import Ground, earlier
from framework.gitops.desired.checkpoint import restored
from framework.gitops.desired.decisions import Answer, Decisions, fold_decisions
from framework.gitops.desired.history import History, fold, moment
from framework.gitops.desired.permits import Permits, Trust
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.request import GateRequest
from framework.gitops.repo.git import Git
from framework.holds.hold import newest_hold
from framework.journal.entry import Entry, Kind, Row
from framework.settings.overrides import Direction, direction_of
from framework.settings.traded import traded_changes, traded_fields


def ground_of(request: GateRequest, name: str, *, now: datetime) -> str:
    """Return the commit that a change of an environment is judged against. Raises what the journals raise."""
    ground = _ground(request, name, now=now)
    return request.base.sha if ground is None else ground.commit


def standing_ground(request: GateRequest, name: str, *, now: datetime) -> Ground:
    """Return what an environment is compared with that does not compose in the base.

    Raises GitopsError when there is nothing, and what the journals raise.
    """
    if name in request.grounds:
        commit, _, why = request.grounds[name].partition(" ")
        return Ground(commit, why)
    ground = _ground(request, name, now=now)
    if ground is None:
        raise GitopsError(
            f"{name}: does not compose in the base {request.base.sha[:12]}, and nothing below it that"
            " composes is in force, promoted or at least not refused; allowed a base that holds what runs"
        )
    return ground


def running_ground(request: GateRequest, name: str, *, now: datetime) -> Ground | None:
    """Return what an environment runs in place of a base that was refused, or that nobody let in.

    Only published journals say what runs. Raises what the journals raise.
    """
    if name in request.grounds:
        commit, _, why = request.grounds[name].partition(" ")
        return Ground(commit, why)
    return _ground(request, name, now=now) if request.published else None


def restores(request: GateRequest, change: EnvironmentChange, *, now: datetime) -> bool:
    """Tell whether a change only brings git to what its environment went back to, by its agent's journal."""
    hold = newest_hold(request.agent_rows(change.name))
    return hold is not None and restores_held(request.base, change, hold=hold, now=now)


def _ground(request: GateRequest, name: str, *, now: datetime) -> Ground | None:
    """Return what to judge against in place of the base, None where the base itself is that."""
    base = request.base
    decisions = counted(request, name, now=now)
    history = history_of(request.agent_rows(name))
    sha = base.config_sha(name, now=now)
    if sha is not None and (
        _stands(sha, decisions, history) or _is_let_in(request, name, decisions, history, now)
    ):
        return None
    for commit, why in _below(base.git, base.sha, name, decisions, history):
        with Revision(base.git, commit) as earlier:
            sha = earlier.config_sha(name, now=now)
        if sha is not None and not _answer(decisions, sha).refused:
            return Ground(commit, why)
    return None


def counted(request: GateRequest, name: str, *, now: datetime) -> Decisions:
    """Return what an environment's gate has decided, less what the base's policy does not count."""
    rows = [row for row in request.rows(name) if isinstance(row, Entry)]
    decisions = fold_decisions(rows, where="the gate's journal")
    try:
        trust = Trust(request.base.policy, request.base.environment(name).tier)
    except QuoteopsError:  # new there, or nothing that says who may promote
        trust = None
    permits = Permits(name)
    good = [row.entry for row in decisions.all if not row.promotes or not permits.fault(row, trust, now)]
    unknown = [row.entry for row in decisions.by_commit.values()]
    counting = fold_decisions([*good, *unknown], where="the gate's journal")
    return replace(counting, odd=decisions.odd, unclear=decisions.unclear)


def history_of(rows: Sequence[Row]) -> History:
    """Return what an agent's published journal amounts to."""
    first = rows[0] if rows else None
    if isinstance(first, Entry) and first.kind is Kind.SEGMENT:
        return fold(rows[1:], into=restored(first))
    return fold(rows)


def _stands(sha: str, decisions: Decisions, history: History) -> bool:
    """Say whether a content is one to be judged against: in force, let in, or the start of everything."""
    applied = history.applied
    if applied is not None and applied.config_sha == sha:
        return True
    answer = _answer(decisions, sha)
    bad = [row.at for row in history.quarantines if row.config_sha == sha]
    if answer.promoted is not None:
        return not bad or moment(answer.promoted.at) > max(bad)
    return applied is None and not decisions.by_config and not decisions.by_commit


def _is_let_in(
    request: GateRequest, name: str, decisions: Decisions, history: History, now: datetime
) -> bool:
    """Say whether an agent lets a content in by itself, though it has not told so yet: it takes risk away."""
    applied, base = history.applied, request.base
    sha, bad = base.config_sha(name, now=now), {row.config_sha for row in history.quarantines}
    if applied is None or sha is None or sha in bad or _answer(decisions, sha).refused:
        return False
    if not _contains(base.git, applied.commit, base.sha):
        return False
    with Revision(base.git, applied.commit) as runs:
        if runs.config_sha(name, now=now) != applied.config_sha:
            return False
        before, after = (traded_fields(one.settings(name, now=now)) for one in (runs, base))
    return direction_of(traded_changes(before, after)) in (Direction.REDUCING, Direction.NEUTRAL)


def _below(
    git: Git, base: str, name: str, decisions: Decisions, history: History
) -> Iterator[tuple[str, str]]:
    """Give commits to stand on instead and what each of them is, the best first."""
    applied, bad = history.applied, {row.config_sha for row in history.quarantines}
    named = [] if applied is None else [(applied.commit, "what is in force there by its agent's journal")]
    standing = [rows[-1] for sha, rows in decisions.by_config.items() if sha not in bad]
    newest = sorted(standing, key=lambda row: row.entry.seq, reverse=True)
    named += [(row.commit, "what was promoted there last") for row in newest if row.promotes]
    named += [(str(row.data.get("base")), "what everything began with") for row in decisions.all[:1]]
    yield from ((commit, why) for commit, why in named if _contains(git, commit, base))
    for commit in earlier(git, base, name):
        yield commit, "the newest content below it that composes"


def _contains(git: Git, commit: str, base: str) -> bool:
    try:
        return git.is_ancestor(git.rev(commit), base)
    except QuoteopsError:
        return False


def _answer(decisions: Decisions, sha: str) -> Answer:
    return decisions.on(config_sha=sha, commit="", counts=lambda _: "")
