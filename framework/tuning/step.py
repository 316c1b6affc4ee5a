"""One step of the tuner: verify, observe, propose, guard, decide."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from framework.gates.verdict import Verdict
from framework.tuning.evidence import read, weigh_all
from framework.tuning.guards import Draft, guarded
from framework.tuning.measure import Metric, TuningInput
from framework.tuning.observe import adopt, observe, observe_nothing
from framework.tuning.params import (
    Field,
    TuningError,
    TuningParams,
    check_params,
    signature,
)
from framework.tuning.propose import propose
from framework.tuning.rows import Reason, Row, markers_of
from framework.tuning.rules import Kind, TuningRules, lenient_verdict
from framework.tuning.state import Delta, Trail, TunerState
from framework.tuning.turn import Turn
from framework.tuning.verify import Verification, verify

SAME_SIGNATURE = "same_signature"


@dataclass(frozen=True, slots=True)
class TuningDecision:
    """What a step decided.

    ``write`` says whether a new package must be put in force; ``why`` is the one-word reason when not.
    ``verify`` is about the previous decision. ``verdict`` is the iteration's, with the phase's leniency.
    """

    new_params: TuningParams
    state: TunerState
    rows: tuple[Row, ...]
    markers: tuple[str, ...]
    verify: Verification
    write: bool
    why: str
    phase: str
    verdict: Verdict


def step(turn: Turn, measurement: TuningInput) -> TuningDecision:
    """Decide the package of the next iteration from the measurement of this one.

    Raises TuningError for a package outside its limits, a measurement in another unit than the deciding
    profile's, or an iteration out of order.
    """
    rules, iteration = turn.rules, turn.iteration
    if iteration <= turn.state.iteration:
        raise TuningError(f"tuning: iteration {iteration} after {turn.state.iteration}; allowed: a later one")
    check_params(where="tuning: package in force", params=turn.params, bounds=rules.bounds)
    params = turn.params
    for field in Field:
        params = params.with_value(field, params.value(field))
    turn = replace(turn, params=params)
    measured = read(rules=rules, measurement=measurement)
    verification = verify(state=turn.state, params=turn.params)
    turn = replace(turn, state=adopt(turn=turn, verification=verification))
    turn, draft = _drafted(turn, measurement, measured)
    write = signature(draft.params) != signature(turn.params)
    rows = (*verification_rows(verification=verification, iteration=iteration), *draft.rows)
    return TuningDecision(
        new_params=draft.params,
        state=settled(turn=turn, draft=draft),
        rows=rows,
        markers=markers_of(rows),
        verify=verification,
        write=write,
        why="" if write else _why_not(draft),
        phase=turn.phase.name,
        verdict=lenient_verdict(rules=rules, iteration=iteration, verdict=measurement.verdict),
    )


def _drafted(turn: Turn, measurement: TuningInput, measured: Mapping[str, Metric]) -> tuple[Turn, Draft]:
    """Observe and draft the next package; an iteration that is no evidence drafts the same one."""
    unusable = _unusable(rules=turn.rules, measurement=measurement)
    if unusable is not None:
        reason, detail = unusable
        row = Row(iteration=turn.iteration, kind="step", rule="", marker="STEP", reason=reason, detail=detail)
        return replace(turn, state=observe_nothing(state=turn.state)), Draft(turn.params, (row,))
    findings = weigh_all(rules=turn.rules, measured=measured)
    turn = replace(turn, state=observe(turn=turn, measurement=measurement, findings=findings))
    asked = propose(turn=turn, findings=findings)
    draft = guarded(turn=turn, moves=asked.moves)
    return turn, Draft(draft.params, (*asked.refused, *draft.rows))


def _unusable(*, rules: TuningRules, measurement: TuningInput) -> tuple[Reason, str] | None:
    if measurement.verdict is Verdict.ERROR:
        return Reason.VERDICT_ERROR, "the iteration ended in ERROR"
    if measurement.fills < rules.min_fills:
        return (
            Reason.TOO_FEW_FILLS,
            f"{measurement.fills} fills, {rules.min_fills} needed",
        )
    return None


def _why_not(draft: Draft) -> str:
    """Return the last refusal's reason; with nothing proposed the package simply stays the same."""
    return draft.rows[-1].reason.value if draft.rows else SAME_SIGNATURE


def verification_rows(*, verification: Verification, iteration: int) -> tuple[Row, ...]:
    """Write down orders that were not in force, and changes nobody ordered."""
    missed = [
        Row(
            iteration=iteration,
            kind="verify",
            rule="verify",
            marker="VERIFY",
            field=m.field,
            before=m.before,
            proposed=m.expected,
            after=m.found,
            reason=Reason.NOT_IN_FORCE,
            detail=f"ordered {m.expected}, found {m.found}",
        )
        for m in verification.misses
    ]
    outside = [
        Row(
            iteration=iteration,
            kind="verify",
            rule="verify",
            marker="PATCH",
            field=d.field,
            before=d.before,
            after=d.after,
            reason=Reason.CHANGED_OUTSIDE,
            detail="changed without an order: rebased and frozen",
        )
        for d in verification.outside
    ]
    return (*missed, *outside)


def settled(*, turn: Turn, draft: Draft) -> TunerState:
    """Remember what the decision ordered and what moved each parameter."""
    before, after = turn.state.expected, draft.params
    kept = max(turn.rules.guards.velocity_window, 1)

    def remember(field: Field, trail: Trail) -> Trail:
        value = after.value(field)
        if value == before.value(field):
            return trail
        moves = [row for row in draft.rows if row.applied and row.field is field]
        changed = (*trail.changed_at, turn.iteration)[-kept:]
        if all(row.kind == Kind.RETURN for row in moves):
            moved = replace(trail, changed_at=changed, returned=True)
        else:
            causes = dict.fromkeys((*trail.causes, *(row.rule for row in moves)))
            relapses = trail.relapses + trail.returned
            moved = replace(
                trail,
                changed_at=changed,
                causes=tuple(causes),
                clean=0,
                relapses=relapses,
                returned=False,
            )
        return replace(moved, causes=(), clean=0) if value == trail.start else moved

    pending = tuple(
        Delta(field, before.value(field), after.value(field))
        for field in Field
        if after.value(field) != before.value(field)
    )
    state = replace(turn.state.map_trails(remember), expected=after, pending=pending)
    if any(row.applied and row.kind == Kind.FALLBACK for row in draft.rows):
        state = replace(state, last_fallback=turn.iteration, negative_streak=0, evident_streak=0)
    return state
