"""The arms a tuned run is compared with on the same tape: static, corner and a random-walk placebo."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from framework.tuning.guards import limited
from framework.tuning.params import (
    Bounds,
    Field,
    TuningError,
    TuningParams,
    quantise,
)
from framework.tuning.rules import Kind, TuningRules


@dataclass(frozen=True, slots=True)
class Arm:
    """A package for each iteration, decided before the run; ``notes`` says what was cut short."""

    name: str
    packages: tuple[TuningParams, ...]
    notes: tuple[str, ...] = ()


def static_arm(*, start: TuningParams, iterations: int) -> Arm:
    """Keep the start package."""
    return Arm("static", (start,) * iterations)


def corner_arm(*, rules: TuningRules, start: TuningParams, iterations: int) -> Arm:
    """Sit in the corner from the first iteration on."""
    return Arm("corner", (ratchet_corner(rules=rules, start=start),) * iterations)


def ratchet_corner(*, rules: TuningRules, start: TuningParams) -> TuningParams:
    """Return where drivers and triggers lead when every symptom stays and nothing ever leads back."""
    params = start
    outward = (rule for rule in rules.rules if rule.kind in (Kind.DRIVER, Kind.TRIGGER))
    steps = [step for rule in outward for step in rule.steps]
    while True:
        before = params
        for step in steps:
            value = params.value(step.field)
            after, _ = limited(rules=rules, step=step, current=value, start=value)
            params = params.with_value(step.field, after)
        if params == before:
            return params


def placebo_draws(*, tuned: Sequence[TuningParams]) -> int:
    """Return how many numbers in [0, 1) a placebo of this trajectory consumes."""
    return max(0, len(tuned) - 2) + sum(len(changes) for changes in _changes(tuned))


def placebo_schedule(
    *,
    start: TuningParams,
    tuned: Sequence[TuningParams],
    draws: Sequence[float],
    bounds: Bounds,
) -> Arm:
    """Walk at random with the tuned run's own changes, each at a shuffled time and with a drawn sign.

    ``tuned`` holds the package in force in each iteration; ``draws`` are numbers in [0, 1) from a seeded
    generator, at least ``placebo_draws``. A step that would leave the limits turns round; one that fits on
    neither side is cut short and noted.
    """
    needed = placebo_draws(tuned=tuned)
    if len(draws) < needed or not all(0.0 <= number < 1.0 for number in draws[:needed]):
        raise TuningError(
            f"tuning: placebo has {len(draws)} draws; allowed at least {needed}, each in [0, 1)"
        )
    numbers = iter(draws[:needed])
    steps = list(_changes(tuned))
    for last in range(len(steps) - 1, 0, -1):
        other = int(next(numbers) * (last + 1))
        steps[last], steps[other] = steps[other], steps[last]
    packages, notes = [start], list[str]()
    for changes in steps:
        params = packages[-1]
        for field, size in changes:
            sign = 1.0 if next(numbers) < 0.5 else -1.0
            after, cut = _reflected(field=field, value=params.value(field), step=sign * size, bounds=bounds)
            if cut:
                notes.append(f"iteration {len(packages) + 1}: {field.value} step of {size} was cut short")
            params = params.with_value(field, after)
        packages.append(params)
    return Arm("placebo", tuple(packages[: len(tuned)]), tuple(notes))


def _changes(tuned: Sequence[TuningParams]) -> list[tuple[tuple[Field, float], ...]]:
    return [
        tuple(
            (field, quantise(field, abs(after.value(field) - before.value(field))))
            for field in Field
            if after.value(field) != before.value(field)
        )
        for before, after in pairwise(tuned)
    ]


def _reflected(*, field: Field, value: float, step: float, bounds: Bounds) -> tuple[float, bool]:
    for target in (quantise(field, value + step), quantise(field, value - step)):
        if bounds[field].holds(target):
            return target, False
    room = bounds[field].high if step > 0 else bounds[field].low
    return room, True
