"""Was every ordered change really in force? Compared by value, not by the presence of keys."""

from dataclasses import dataclass, replace

from framework.tuning.params import Field, TuningParams
from framework.tuning.state import Delta, Tally, TunerState


@dataclass(frozen=True, slots=True)
class Miss:
    """An ordered change that was not found in force."""

    field: Field
    before: float
    expected: float
    found: float


@dataclass(frozen=True, slots=True)
class Verification:
    """The changes of the last decision against the package the engine ran.

    ``outside`` names parameters that changed without an order.
    """

    ordered: int
    in_force: int
    misses: tuple[Miss, ...]
    outside: tuple[Delta, ...]

    @property
    def full_apply_ratio(self) -> float | None:
        """Share of the last decision's changes found in force; None when it ordered none."""
        return self.in_force / self.ordered if self.ordered else None


def verify(*, state: TunerState, params: TuningParams) -> Verification:
    """Compare the package read back from the engine with what the last decision ordered."""
    misses = tuple(
        Miss(d.field, d.before, d.after, params.value(d.field))
        for d in state.pending
        if params.value(d.field) != d.after
    )
    ordered = {delta.field for delta in state.pending}
    outside = tuple(
        Delta(field, state.expected.value(field), params.value(field))
        for field in Field
        if field not in ordered and params.value(field) != state.expected.value(field)
    )
    count = len(state.pending)
    return Verification(ordered=count, in_force=count - len(misses), misses=misses, outside=outside)


def tallied(*, state: TunerState, verification: Verification) -> TunerState:
    """Add a verification to the run's tally and stop waiting for the checked changes."""
    tally = Tally(state.tally.ordered + verification.ordered, state.tally.in_force + verification.in_force)
    return replace(state, tally=tally, pending=())
