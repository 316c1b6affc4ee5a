"""Arms for the honest comparison: static, corner, and the random-walk placebo."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.tuning.baselines import (
    corner_arm,
    placebo_draws,
    placebo_schedule,
    ratchet_corner,
    static_arm,
)
from framework.tuning.params import RUNTIME_LIMITS, Field, TuningError, TuningParams, check_params
from tests.tuning.tuning_cases import AUDIT, START, measured, run, sure

CHURN = measured(cancel_ratio=sure(0.6), adverse_p95=sure(4.5))


def trajectory(iterations: int = 6) -> list[TuningParams]:
    """Return the packages in force in each iteration of a tuned run."""
    return [START, *(d.new_params for d in run([CHURN] * (iterations - 1)))]


def sizes(packages: Sequence[TuningParams]) -> Counter[tuple[Field, float]]:
    """Count the changes of a trajectory by field and size."""
    return Counter(
        (field, round(abs(after.value(field) - before.value(field)), 6))
        for before, after in pairwise(packages)
        for field in Field
        if after.value(field) != before.value(field)
    )


def test_static_keeps_the_start_package() -> None:
    assert static_arm(start=START, iterations=3).packages == (START,) * 3


def test_the_corner_is_where_the_rules_lead_when_nothing_leads_back() -> None:
    corner = TuningParams(120, 150, 0.6, 900, 0.06, 0.10)
    assert ratchet_corner(rules=AUDIT, start=START) == corner
    assert corner_arm(rules=AUDIT, start=START, iterations=2).packages == (corner, corner)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_placebo_takes_the_same_steps_at_random_times_and_signs(seed: int) -> None:
    tuned = trajectory()
    draws = np.random.default_rng(seed).random(placebo_draws(tuned=tuned))
    arm = placebo_schedule(start=START, tuned=tuned, draws=list(draws), bounds=RUNTIME_LIMITS)
    assert len(arm.packages) == len(tuned)
    assert arm.packages[0] == START
    assert sizes(arm.packages) == sizes(tuned)
    assert arm.notes == ()
    for package in arm.packages:
        check_params(where="placebo", params=package)


def test_the_placebo_is_a_function_of_its_draws() -> None:
    tuned = trajectory()
    draws = list(np.random.default_rng(7).random(placebo_draws(tuned=tuned)))
    arms = [placebo_schedule(start=START, tuned=tuned, draws=draws, bounds=RUNTIME_LIMITS) for _ in range(2)]
    assert arms[0] == arms[1]
    others = {
        placebo_schedule(
            start=START, tuned=tuned, draws=list(np.random.default_rng(s).random(99)), bounds=RUNTIME_LIMITS
        ).packages
        for s in range(20)
    }
    assert len(others) > 5


def test_the_placebo_shuffles_when_steps_happen() -> None:
    tuned = [START] + [START.with_value(Field.TAIL_AGE, 700)] * 5
    when = set()
    for seed in range(30):
        draws = list(np.random.default_rng(seed).random(placebo_draws(tuned=tuned)))
        arm = placebo_schedule(start=START, tuned=tuned, draws=draws, bounds=RUNTIME_LIMITS)
        when.add(sum(package == START for package in arm.packages))
    assert when == {1, 2, 3, 4, 5}


def test_the_placebo_of_a_run_without_steps_stands_still() -> None:
    arm = placebo_schedule(start=START, tuned=[START] * 4, draws=[0.1, 0.2], bounds=RUNTIME_LIMITS)
    assert arm.packages == (START,) * 4


def test_a_step_too_large_for_either_side_is_cut_short_and_noted() -> None:
    middle = START.with_value(Field.SPREAD, 0.3)
    tuned = [START.with_value(Field.SPREAD, 0.0), START.with_value(Field.SPREAD, 0.5)]
    arm = placebo_schedule(start=middle, tuned=tuned, draws=[0.0], bounds=RUNTIME_LIMITS)
    assert arm.packages[1].base_spread_bps_delta == 0.6
    assert arm.notes == ("iteration 2: base_spread_bps_delta step of 0.5 was cut short",)


@pytest.mark.parametrize("draws", [[], [0.5] * 3, [1.0] * 20, [float("nan")] * 20])
def test_too_few_or_foreign_draws_are_refused(draws: list[float]) -> None:
    with pytest.raises(TuningError, match="allowed at least"):
        placebo_schedule(start=START, tuned=trajectory(), draws=draws, bounds=RUNTIME_LIMITS)
