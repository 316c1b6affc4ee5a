"""The tuner's memory: immutable, one value an iteration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from framework.tuning.params import (
    Bounds,
    Field,
    TuningError,
    TuningParams,
    check_value,
    field_named,
    signature,
)


@dataclass(frozen=True, slots=True)
class Trail:
    """What happened to one parameter since its start value was set."""

    start: float
    causes: tuple[str, ...] = ()
    clean: int = 0
    relapses: int = 0
    returned: bool = False
    changed_at: tuple[int, ...] = ()
    frozen_until: int = 0
    patched: bool = False


@dataclass(frozen=True, slots=True)
class Delta:
    """A change of one parameter that the tuner ordered."""

    field: Field
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Ordered changes over the whole run, and how many of them were found in force."""

    ordered: int = 0
    in_force: int = 0

    @property
    def full_apply_ratio(self) -> float | None:
        """Share of ordered changes found in force; None before the first order was checked."""
        return self.in_force / self.ordered if self.ordered else None


@dataclass(frozen=True, slots=True)
class TunerState:
    """Everything a step remembers; ``expected`` is the package that should be in force now."""

    trails: Mapping[Field, Trail]
    expected: TuningParams
    pending: tuple[Delta, ...] = ()
    signatures: tuple[str, ...] = ()
    iteration: int = 0
    negative_streak: int = 0
    evident_streak: int = 0
    last_fallback: int | None = None
    stable_streak: int = 0
    tally: Tally = Tally()

    def map_trails(self, change: Callable[[Field, Trail], Trail]) -> "TunerState":
        """Return the state with every trail replaced by ``change(field, trail)``."""
        return replace(
            self,
            trails={field: change(field, trail) for field, trail in self.trails.items()},
        )

    def with_signature(self, params: TuningParams) -> "TunerState":
        """Remember the package in force this iteration; two iterations are enough to see A-B-A."""
        return replace(self, signatures=(*self.signatures[-1:], signature(params)))


def start_state(*, params: TuningParams) -> TunerState:
    """Begin a run at a package; its values are where the way back leads."""
    trails = {field: Trail(start=params.value(field)) for field in Field}
    return TunerState(trails=trails, expected=params)


def rebase(
    *, state: TunerState, patch: Mapping[str, float], bounds: Bounds
) -> tuple[TunerState, TuningParams]:
    """Take a patch from outside: its values become start values, its keys are frozen for the rest of the run.

    Returns the state and the package now expected in force. Unknown or out-of-range keys raise a TuningError
    and change nothing. Ordered changes of patched keys are no longer waited for.
    """
    values = {field_named(name): value for name, value in patch.items()}
    if not values:
        raise TuningError("tuning: patch is empty; allowed: at least one tuned parameter")
    params = state.expected
    for field, value in values.items():
        check_value(where="tuning: patch", field=field, value=value, bounds=bounds)
        params = params.with_value(field, value)
    patched = params

    def freeze(field: Field, trail: Trail) -> Trail:
        if field not in values:
            return trail
        return Trail(start=patched.value(field), changed_at=trail.changed_at, patched=True)

    pending = tuple(delta for delta in state.pending if delta.field not in values)
    moved = replace(state.map_trails(freeze), expected=params, pending=pending)
    return moved, params
