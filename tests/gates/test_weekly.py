"""A week of reports: level, age, maker share, and a net that is not falling."""

from typing import Any

import pytest
from scipy import stats

from framework.gates.kpi import judge_totals
from framework.gates.totals import Totals, parse_totals
from framework.gates.verdict import Verdict
from framework.gates.weekly import weekly_totals
from tests.gates.kpi_cases import SHIPPED, totals


def week(*nets: float, **changed: Any) -> list[dict[str, Any]]:
    return [totals(net_bps=n, turnover_quote=1000.0, **changed) for n in nets]


def parsed(reports: list[dict[str, Any]]) -> list[Totals]:
    return [parse_totals(report, where="r") for report in reports]


def verdict(reports: list[dict[str, Any]]) -> Verdict:
    return judge_totals(
        totals=weekly_totals(parsed(reports)), profile=SHIPPED["weekly"], wall_clock=False
    ).verdict


def test_a_steady_or_rising_week_passes_and_a_falling_one_fails() -> None:
    assert verdict(week(3.0, 3.1, 2.9, 3.05, 2.95, 3.0, 3.02)) is Verdict.PASS
    assert verdict(week(3.0, 3.5, 4.0)) is Verdict.PASS
    assert verdict(week(6.0, 5.5, 5.1, 4.4, 4.1, 3.4, 3.0)) is Verdict.FAIL


@pytest.mark.parametrize("changed", [{"maker_share_pct": 84.0}, {"order_age_p95_ms": 351.0}])
def test_each_level_counts(changed: dict[str, float]) -> None:
    assert verdict(week(3.0, 3.1, 3.0, **changed)) is Verdict.FAIL
    assert verdict(week(2.6, 2.7, 2.7)) is Verdict.FAIL


def test_fewer_than_three_reports_have_no_trend() -> None:
    assert verdict(week(3.0, 3.0)) is Verdict.INCONCLUSIVE
    assert weekly_totals(parsed(week(3.0, 3.0))).value("net_trend_upper_bps") is None
    assert verdict([]) is Verdict.INCONCLUSIVE


def test_the_trend_bound_is_that_of_a_least_squares_line() -> None:
    nets = [3.0, 2.2, 3.1, 2.0, 2.8]
    line = stats.linregress(range(5), nets)
    expected = line.slope + stats.t.ppf(0.95, 3) * line.stderr
    assert weekly_totals(parsed(week(*nets))).value("net_trend_upper_bps") == pytest.approx(expected)


def test_levels_are_weighted_by_turnover_and_the_age_is_the_worst() -> None:
    reports = week(1.0, 3.0, 3.0)
    reports[0]["turnover_quote"] = 8000.0
    reports[1]["order_age_p95_ms"] = 320.0
    found = weekly_totals(parsed(reports))
    assert found.value("net_bps") == pytest.approx(1.4)
    assert (found.value("order_age_p95_ms"), found.fills, found.hours) == (320.0, 300, 9.0)


@pytest.mark.parametrize(
    "missing", ["net_bps", "turnover_quote", "maker_share_pct", "order_age_p95_ms", "fills"]
)
def test_one_report_without_a_measurement_leaves_the_week_without_it(missing: str) -> None:
    reports = week(3.0, 3.1, 3.0)
    reports[1][missing] = None
    assert verdict(reports) is Verdict.INCONCLUSIVE
