"""A limit against a value, and against an interval where luck decides nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.gates.intervals import Measurement, Standing, hours_to_tell, stand_on_interval, stand_on_value

MET, MISSED, UNPROVEN, UNKNOWN = Standing.MET, Standing.MISSED, Standing.UNPROVEN, Standing.UNKNOWN


@pytest.mark.parametrize(
    ("value", "higher", "standing"),
    [(2.5, True, MET), (2.49, True, MISSED), (2.5, False, MET), (2.51, False, MISSED), (None, True, UNKNOWN)],
)
def test_a_value_on_the_limit_meets_it(value: float | None, higher: bool, standing: Standing) -> None:
    assert stand_on_value(measured=Measurement(value), limit=2.5, higher_is_better=higher) is standing


@pytest.mark.parametrize(
    ("lower", "upper", "higher", "standing"),
    [
        (2.5, 4.0, True, MET),
        (2.4, 4.0, True, UNPROVEN),
        (1.0, 2.4, True, MISSED),
        (1.0, 2.5, True, UNPROVEN),
        (1.0, 2.5, False, MET),
        (1.0, 2.6, False, UNPROVEN),
        (2.6, 9.0, False, MISSED),
        (None, 2.0, True, MISSED),
        (None, None, True, UNPROVEN),
        (2.6, None, False, MISSED),
        (1.0, None, False, UNPROVEN),
    ],
)
def test_only_a_whole_interval_meets_or_misses(
    lower: float | None, upper: float | None, higher: bool, standing: Standing
) -> None:
    measured = Measurement(2.5, lower, upper)
    assert stand_on_interval(measured=measured, limit=2.5, higher_is_better=higher) is standing


def test_what_was_not_measured_is_unknown_and_not_unproven() -> None:
    for value in (None, float("nan"), float("inf")):
        assert stand_on_interval(measured=Measurement(value), limit=0.0, higher_is_better=True) is UNKNOWN
        assert stand_on_value(measured=Measurement(value), limit=0.0, higher_is_better=True) is UNKNOWN


@given(value=st.floats(-50, 50), half=st.floats(0.01, 50), limit=st.floats(-50, 50), higher=st.booleans())
def test_judging_the_mirrored_metric_gives_the_mirrored_standing(
    value: float, half: float, limit: float, higher: bool
) -> None:
    one = stand_on_interval(
        measured=Measurement(value, value - half, value + half), limit=limit, higher_is_better=higher
    )
    other = stand_on_interval(
        measured=Measurement(-value, -value - half, -value + half), limit=-limit, higher_is_better=not higher
    )
    assert one is other


def test_half_the_interval_takes_four_times_the_hours() -> None:
    above = Measurement(5.0, 1.0, 9.0)
    assert hours_to_tell(measured=above, limit=3.0, hours=3.0, higher_is_better=True) == pytest.approx(12.0)
    assert hours_to_tell(measured=above, limit=7.0, hours=3.0, higher_is_better=True) == pytest.approx(12.0)
    assert hours_to_tell(measured=above, limit=7.0, hours=3.0, higher_is_better=False) == pytest.approx(12.0)


def test_an_open_percentile_first_needs_its_values() -> None:
    measured = Measurement(3.0, 2.0, None, n_eff=20.0)
    needed = hours_to_tell(measured=measured, limit=5.0, hours=1.0, higher_is_better=False, values_needed=59)
    assert needed == pytest.approx(59 / 20)


def test_nothing_is_foretold_from_nothing() -> None:
    for measured in (Measurement(None), Measurement(3.0), Measurement(5.0, 4.0, 6.0)):
        assert hours_to_tell(measured=measured, limit=5.0, hours=1.0, higher_is_better=True) is None
    assert (
        hours_to_tell(measured=Measurement(3.0, 2.0, 4.0), limit=3.5, hours=0.0, higher_is_better=True)
        is None
    )
