"""What holds a move back. Priority: freeze > oscillation > velocity > cooldown; then budgets and limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.tuning.params import (
    Field,
    TuningParams,
    format_value,
    quantise,
    signature,
)
from framework.tuning.propose import Move, wanted
from framework.tuning.rows import Reason, Row
from framework.tuning.rules import PACKAGES, FieldStep, TuningRules
from framework.tuning.state import TunerState
from framework.tuning.turn import Turn

Hold = tuple[Reason, str]
Holder = Callable[[Move], Hold | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A package after some moves, with a row for each."""

    params: TuningParams
    rows: tuple[Row, ...]


def guarded(*, turn: Turn, moves: Sequence[Move]) -> Draft:
    """Apply the moves the guards let through and write down why the others stay."""

    def draft(*holders: Holder) -> Draft:
        return _apply(turn, moves, holders)

    if turn.last:
        return draft(lambda _: (Reason.LAST_ITERATION, "no iteration left to measure it"))
    if turn.phase.max_keys == 0:
        return draft(lambda _: (Reason.WARM_UP, f"phase {turn.phase.name} holds the start package"))

    def freeze(move: Move) -> Hold | None:
        return frozen(turn=turn, field=move.step.field)

    def oscillation(move: Move) -> Hold | None:
        return None if move.kind in PACKAGES else (Reason.OSCILLATION, "back to the package before this one")

    def pace(move: Move) -> Hold | None:
        if move.kind in PACKAGES:
            return None
        return paced(turn=turn, field=move.step.field)

    first = draft(freeze)
    if reverses(state=turn.state, params=first.params):
        return draft(freeze, oscillation)
    second = draft(freeze, pace)
    if reverses(state=turn.state, params=second.params):
        return draft(freeze, oscillation)
    return second


def frozen(*, turn: Turn, field: Field) -> Hold | None:
    """Hold keys a patch has set, and keys frozen after stable iterations."""
    trail = turn.state.trails[field]
    if trail.patched:
        return Reason.PATCHED, "set by a patch during this run"
    if turn.iteration <= trail.frozen_until:
        return Reason.FREEZE, f"stable: frozen until iteration {trail.frozen_until}"
    return None


def reverses(*, state: TunerState, params: TuningParams) -> bool:
    """Return whether a package completes A-B-A over the last two iterations and itself."""
    if len(state.signatures) < 2:
        return False
    before, now = state.signatures[-2:]
    return signature(params) == before != now


def paced(*, turn: Turn, field: Field) -> Hold | None:
    """Hold keys that changed in every one of the last iterations, then keys that cool down."""
    changed = turn.state.trails[field].changed_at
    window = turn.rules.guards.velocity_window
    if all(turn.iteration - back in changed for back in range(1, window + 1)):
        return Reason.VELOCITY, f"changed in each of the last {window} iterations"
    wait = turn.rules.guards.cooldown.get(field, 0)
    if changed and turn.iteration - changed[-1] <= wait:
        return Reason.COOLDOWN, f"changed in iteration {changed[-1]}, waits {wait}"
    return None


def _apply(turn: Turn, moves: Sequence[Move], holders: Sequence[Holder]) -> Draft:
    working, rows = turn.params, list[Row]()
    for move in moves:
        field = move.step.field
        before = working.value(field)
        hold = next((held for holder in holders if (held := holder(move))), None)
        hold = hold or _budget(turn, move, rows, before=before)
        if hold is not None:
            rows.append(
                move.row(
                    iteration=turn.iteration,
                    before=before,
                    after=None,
                    reason=hold[0],
                    detail=hold[1],
                )
            )
            continue
        after, detail = limited(
            rules=turn.rules, step=move.step, current=before, start=turn.params.value(field)
        )
        if after == before:
            reason = Reason.AT_LIMIT
        else:
            reason = Reason.CLAMPED if detail else Reason.APPLIED
        rows.append(
            move.row(
                iteration=turn.iteration,
                before=before,
                after=after,
                reason=reason,
                detail=detail,
            )
        )
        working = working.with_value(field, after)
    return Draft(working, tuple(rows))


def _budget(turn: Turn, move: Move, rows: Sequence[Row], *, before: float) -> Hold | None:
    """Hold moves beyond the budgets of a field or a micro-step, and moves against an earlier one."""
    applied = [row for row in rows if row.applied]
    same = [row for row in applied if row.field is move.step.field]
    if len(same) >= turn.rules.guards.max_changes_per_field:
        return (
            Reason.MAX_CHANGES,
            f"already changed {len(same)} times in this iteration",
        )
    direction = wanted(step=move.step, current=before) - before
    against = next((row for row in same if _change(row) * direction < 0), None)
    if against is not None:
        return Reason.OPPOSED, f"{against.rule} moved it the other way"
    keys = {row.field for row in applied}
    allowed = turn.phase.max_keys
    if move.kind not in PACKAGES and move.step.field not in keys and len(keys) >= allowed:
        return Reason.MAX_KEYS, f"a micro-step moves at most {allowed} keys"
    return None


def _change(row: Row) -> float:
    return (row.after or 0.0) - (row.before or 0.0)


def limited(*, rules: TuningRules, step: FieldStep, current: float, start: float) -> tuple[float, str]:
    """Return where a move may lead and which limit, if any, cut it short.

    The step's own limit, the runtime limit and the rise allowed in one iteration (from ``start``) apply; none
    of them ever turns a move around: a value already past a limit stays where it is.
    """
    field, target = step.field, wanted(step=step, current=current)
    bound, rise = rules.bounds[field], rules.guards.max_rise.get(field)
    up = target > current
    limits = [(bound.high if up else bound.low, "runtime limit")]
    if step.limit is not None:
        limits.append((step.limit, "limit of the rule"))
    if up and rise is not None:
        limits.append((quantise(field, start + rise), "rise per iteration"))
    limit, name = min(limits) if up else max(limits)
    if (target <= limit) if up else (target >= limit):
        return target, "" if target != current else "already there"
    cut = max(current, limit) if up else min(current, limit)
    return cut, f"{name} {format_value(field, limit)}"
