"""Profile switching: three falling windows tighten, a recovered day loosens, no evidence does nothing."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.edge.profile_switch import Average, QuotingProfile, SwitchState, step
from framework.settings.compose import compose_run
from tests.realdata import ROOT

MODERATE, CONSERVATIVE = QuotingProfile.MODERATE, QuotingProfile.CONSERVATIVE


def after(nets: Iterable[float | None], state: SwitchState | None = None) -> SwitchState:
    state = SwitchState() if state is None else state
    for net in nets:
        state = step(state=state, net_bps=net)
    return state


def test_the_third_negative_window_in_a_row_switches_to_conservative_and_the_second_does_not() -> None:
    assert after([-1.0, -1.0]).profile is MODERATE
    assert after([-1.0, -1.0, -1.0]).profile is CONSERVATIVE


def test_a_positive_one_hour_average_breaks_the_row() -> None:
    assert after([-1.0, -1.0, 50.0, -1.0, -1.0]).profile is MODERATE


def test_the_row_counts_the_one_hour_average_and_not_the_single_window() -> None:
    state = after([-10.0, 0.5, 0.5])  # the average stays below zero although two windows earned
    assert state.fast.value is not None
    assert state.fast.value < 0.0
    assert state.profile is CONSERVATIVE


def test_conservative_lasts_until_the_day_earns_one_and_a_half_bps() -> None:
    state = after([-1.0] * 3)
    state = after([1.4] * 400, state)
    assert state.profile is CONSERVATIVE
    assert after([1.6] * 400, state).profile is MODERATE


@given(st.lists(st.floats(-20.0, 20.0) | st.none(), max_size=80))
def test_windows_without_evidence_change_nothing(nets: list[float | None]) -> None:
    told = after(n for n in nets if n is not None)
    padded = after(nets)
    assert (padded.profile, padded.fast, padded.slow, padded.negative_windows) == (
        told.profile,
        told.fast,
        told.slow,
        told.negative_windows,
    )


def test_a_net_that_is_not_a_number_is_no_evidence() -> None:
    assert after([-1.0, -1.0, math.nan]).reason == "no evidence"
    assert after([-1.0, -1.0, math.inf]).profile is MODERATE


def test_an_average_is_exact_from_its_first_value_and_forgets_by_its_time_constant() -> None:
    assert Average(60).value is None
    assert Average(60).add(3.0).value == pytest.approx(3.0)
    old_weight, new_weight = math.exp(-0.5), 1.0
    two = Average(60).add(3.0).add(9.0).value
    assert two == pytest.approx((3.0 * old_weight + 9.0 * new_weight) / (old_weight + new_weight))


def test_both_profiles_are_files_of_conf_with_the_documents_numbers() -> None:
    found = {}
    for profile in QuotingProfile:
        traits = compose_run(root=ROOT, words=[f"profile={profile.value}"], environ={}).settings.profile
        found[profile] = (traits.spread_multiplier, traits.inflight_max, traits.backoff_ms)
    assert found == {CONSERVATIVE: (1.5, 5, 200), MODERATE: (1.0, 10, 100)}
