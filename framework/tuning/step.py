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
from framework.tuning.rows import Reason, Row, markers_of, whole_row
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


def step(
    rules: TuningRules,
    state: TunerState,
    measurement: TuningInput,
    params: TuningParams,
    *,
    iteration: int,
    last_iteration: bool,
) -> TuningDecision:
    """Decide the package of the next iteration from the measurement of this one.

    ``params`` is the package the engine ran in this iteration, read back from the engine, not from what the
    tuner wrote. Iterations count from 1 and rise. Raises TuningError for a package outside its limits, a
    measurement in another unit than the deciding profile's, or an iteration out of order.
    """
    if iteration <= state.iteration:
        raise TuningError(f"tuning: iteration {iteration} after {state.iteration}; allowed: a later one")
    check_params(where="tuning: package in force", params=params, bounds=rules.bounds)
    for field in Field:
        params = params.with_value(field, params.value(field))
    measured = read(rules=rules, measurement=measurement)
    found = verify(state=state, params=params)
    state = adopt(rules=rules, state=state, params=params, found=found, iteration=iteration)
    about = verification_rows(found=found, iteration=iteration)
    turn = Turn(rules, state, params, iteration=iteration, last=last_iteration)
    state, draft = _drafted(turn, measurement, measured)
    write = signature(draft.params) != signature(params)
    rows = (*about, *draft.rows)
    return TuningDecision(
        new_params=draft.params,
        state=settled(rules=rules, state=state, draft=draft, iteration=iteration),
        rows=rows,
        markers=markers_of(rows),
        verify=found,
        write=write,
        why="" if write else _why_not(draft),
        phase=turn.phase.name,
        verdict=lenient_verdict(rules=rules, iteration=iteration, verdict=measurement.verdict),
    )


def _drafted(
    turn: Turn, measurement: TuningInput, measured: Mapping[str, Metric]
) -> tuple[TunerState, Draft]:
    """Observe and draft the next package; an iteration that is no evidence drafts the same one."""
    unusable = _unusable(rules=turn.rules, measurement=measurement)
    if unusable is not None:
        row = whole_row(turn.iteration, "step", "", "STEP", *unusable)
        return observe_nothing(state=turn.state), Draft(turn.params, (row,))
    findings = weigh_all(rules=turn.rules, measured=measured)
    turn = replace(turn, state=observe(turn=turn, measurement=measurement, findings=findings))
    asked = propose(turn=turn, findings=findings)
    draft = guarded(turn=turn, moves=asked.moves)
    return turn.state, Draft(draft.params, (*asked.refused, *draft.rows))


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


def verification_rows(*, found: Verification, iteration: int) -> tuple[Row, ...]:
    """Write down orders that were not in force, and changes nobody ordered."""
    missed = [
        Row(
            iteration,
            "verify",
            "verify",
            "VERIFY",
            m.field,
            m.before,
            m.expected,
            m.found,
            Reason.NOT_IN_FORCE,
            f"ordered {m.expected}, found {m.found}",
        )
        for m in found.misses
    ]
    outside = [
        Row(
            iteration,
            "verify",
            "verify",
            "PATCH",
            d.field,
            d.before,
            None,
            d.after,
            Reason.CHANGED_OUTSIDE,
            "changed without an order: rebased and frozen",
        )
        for d in found.outside
    ]
    return (*missed, *outside)


def settled(*, rules: TuningRules, state: TunerState, draft: Draft, iteration: int) -> TunerState:
    """Remember what the decision ordered and what moved each parameter."""
    before, after = state.expected, draft.params
    kept = max(rules.guards.velocity_window, 1)

    def remember(field: Field, trail: Trail) -> Trail:
        value = after.value(field)
        if value == before.value(field):
            return trail
        moves = [row for row in draft.rows if row.applied and row.field is field]
        changed = (*trail.changed_at, iteration)[-kept:]
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
    state = replace(state.map_trails(remember), expected=after, pending=pending)
    if any(row.applied and row.kind == Kind.FALLBACK for row in draft.rows):
        state = replace(state, last_fallback=iteration, negative_streak=0, evident_streak=0)
    return state
