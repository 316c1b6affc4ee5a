"""KPI profiles on totals: limits from the documents, and no evidence never a pass."""

import math
from typing import Any

import pytest

from framework.gates.errors import KpiError
from framework.gates.kpi import ProfileVerdict, judge_totals, profile_from
from framework.gates.metrics import METRICS
from framework.gates.totals import parse_totals
from framework.gates.verdict import Verdict
from framework.settings.schema.kpi import KpiLimits
from tests.gates.kpi_cases import SHIPPED, totals

PASS, WARN, FAIL, OPEN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.INCONCLUSIVE


def judge(name: str, given: dict[str, Any], *, wall_clock: bool = True) -> ProfileVerdict:
    return judge_totals(totals=parse_totals(given, where="r"), profile=SHIPPED[name], wall_clock=wall_clock)


def test_every_threshold_a_profile_may_name_is_a_metric_the_gate_knows() -> None:
    assert set(KpiLimits.model_fields) == set(METRICS)


@pytest.mark.parametrize("name", ["audit_3h", "readiness", "scaled"])
def test_a_good_run_with_tight_intervals_passes(name: str) -> None:
    found = judge(name, totals(half=0.01))
    assert (found.verdict, found.reasons) == (PASS, ())


@pytest.mark.parametrize(
    ("name", "metric", "value", "verdict", "reason"),
    [
        ("audit_3h", "net_bps", 2.8, PASS, None),
        ("audit_3h", "net_bps", 2.79, WARN, "EDGE:net"),
        ("audit_3h", "net_bps", 2.49, FAIL, "EDGE:net"),
        ("audit_3h", "adverse_bps_p95", 5.0, PASS, None),
        ("audit_3h", "adverse_bps_p95", 5.01, FAIL, "EDGE:adverse"),
        ("audit_3h", "cancel_ratio", 0.651, FAIL, "EDGE:cancel"),
        ("audit_3h", "maker_share_pct", 79.9, FAIL, "EDGE:maker"),
        ("audit_3h", "maker_share_pct", 84.9, WARN, "EDGE:maker"),
        ("audit_3h", "slippage_bps_p95", 9.0, WARN, "EDGE:slippage"),
        ("audit_3h", "order_age_p95_ms", 341.0, WARN, "EDGE:order_age"),
        ("audit_3h", "ws_lag_p95_ms", 131.0, WARN, "EDGE:ws_lag"),
        ("readiness", "adverse_bps_p95", 4.1, WARN, "EDGE:adverse"),
        ("readiness", "adverse_bps_p95", 6.1, FAIL, "EDGE:adverse"),
        ("readiness", "slippage_bps_p95", 5.1, FAIL, "EDGE:slippage"),
        ("readiness", "cancel_ratio", 0.56, WARN, "EDGE:cancel"),
        ("readiness", "order_age_p95_ms", 361.0, FAIL, "EDGE:order_age"),
        ("readiness", "ws_lag_p95_ms", 181.0, FAIL, "EDGE:ws_lag"),
        ("readiness", "net_bps", 2.4, FAIL, "EDGE:net"),
        ("readiness", "maker_share_pct", 84.0, FAIL, "EDGE:maker"),
        ("scaled", "net_to_gross", 0.29, FAIL, "EDGE:net"),
        ("scaled", "adverse_u_p95", 4.5, WARN, "EDGE:adverse"),
        ("scaled", "adverse_u_p95", 5.5, FAIL, "EDGE:adverse"),
        ("scaled", "slippage_u_p95", 2.0, WARN, "EDGE:slippage"),
        ("scaled", "slippage_u_p95", 2.6, FAIL, "EDGE:slippage"),
        ("scaled", "order_age_p95_ms", 345.0, WARN, "EDGE:order_age"),
    ],
)
def test_thresholds_are_the_documents(
    name: str, metric: str, value: Any, verdict: Verdict, reason: str | None
) -> None:
    found = judge(name, totals(half=0.001 if name == "scaled" else 5.0, **{metric: value}))
    assert (found.verdict, found.reasons) == (verdict, (reason,) if reason else ())


@pytest.mark.parametrize(
    ("net_to_gross", "half", "verdict"),
    [(0.36, 0.5, OPEN), (0.20, 0.6, OPEN), (0.36, 0.1, PASS), (0.2, 0.1, FAIL)],
)
def test_the_scaled_profile_decides_only_on_the_whole_interval(
    net_to_gross: float, half: float, verdict: Verdict
) -> None:
    given = totals(half=0.001)
    given["net_to_gross"] = net_to_gross
    given["intervals"]["net_to_gross"] = {
        "lower": net_to_gross * (1 - half),
        "upper": net_to_gross * (1 + half),
    }
    assert judge("scaled", given).verdict is verdict


def test_what_is_open_says_how_many_hours_would_close_it() -> None:
    given = totals(half=0.001)
    given["intervals"]["net_to_gross"] = {
        "lower": 0.18,
        "upper": 0.66,
    }  # .42 is .12 above the limit, half is .24
    assert judge("scaled", given).hours_needed == pytest.approx(3.0 * 4.0)


def test_the_hours_are_those_of_what_is_undecided_and_not_of_an_unproven_target() -> None:
    given = totals(half=0.001)
    given["intervals"]["net_to_gross"] = {"lower": 0.18, "upper": 0.66}
    alone = judge("scaled", given).hours_needed
    given["intervals"]["adverse_u_p95"] = {"lower": -90.0, "upper": 4.9}
    assert judge("scaled", given).hours_needed == alone


def test_a_soft_target_that_is_not_proven_warns() -> None:
    given = totals(half=0.001)
    given["intervals"]["adverse_u_p95"] = {"lower": 2.5, "upper": 4.5}
    found = judge("scaled", given)
    assert (found.verdict, found.reasons) == (WARN, ("EDGE:adverse",))


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_fewer_fills_than_needed_or_an_unknown_number_are_inconclusive(name: str) -> None:
    for fills, verdict in ((29, OPEN), (0, OPEN), (None, OPEN)):
        given = totals(half=0.01, net_bps=-9.0) | {"fills": fills}
        found = judge(name, given)
        assert found.verdict is verdict
        assert found.reasons[0] == "EDGE:fills"
    assert judge(name, totals(fills=10)).hours_needed == pytest.approx(9.0)
    assert judge(name, totals(fills=0)).hours_needed is None


@pytest.mark.parametrize("name", ["audit_3h", "readiness", "scaled"])
def test_any_judged_metric_that_is_missing_is_inconclusive(name: str) -> None:
    profile = SHIPPED[name]
    for metric in {*profile.hard, *profile.soft}:
        found = judge(name, totals(half=0.001) | {metric: None})  # an interval alone is no measurement
        assert found.verdict is OPEN, metric
        assert found.reasons == (f"EDGE:{METRICS[metric].code}",)


@pytest.mark.parametrize("value", [math.nan, math.inf, "3", True, [1.0]])
def test_a_metric_that_is_no_number_is_refused_by_its_path(value: object) -> None:
    with pytest.raises(KpiError, match=r"^r: totals\.net_bps is .*; allowed a finite number, or null$"):
        judge("scaled", totals() | {"net_bps": value})
    bounds = {"cancel_ratio": {"lower": value}}
    with pytest.raises(KpiError, match=r"^r: totals\.intervals\.cancel_ratio\.lower is "):
        judge("scaled", totals() | {"intervals": bounds})


@pytest.mark.parametrize("key", ["intervals", "cost_ranking"])
def test_a_part_of_another_shape_is_refused_by_its_path(key: str) -> None:
    with pytest.raises(KpiError, match=rf"^r: totals\.{key} is a str; allowed "):
        judge("scaled", totals() | {key: "none"})


def test_a_proven_failure_stays_one_beside_an_unknown() -> None:
    given = totals(adverse_bps_p95=9.0) | {"net_bps": None}
    assert judge("audit_3h", given).verdict is FAIL


def test_feed_lag_is_not_judged_in_replay_and_missing_it_on_the_wall_clock_is_inconclusive() -> None:
    given = totals() | {"ws_lag_p95_ms": None}
    assert judge("audit_3h", given, wall_clock=False).verdict is PASS
    (row,) = [r for r in judge("audit_3h", given, wall_clock=False).rows if r.metric == "ws_lag_p95_ms"]
    assert (row.applies, row.note) == (False, "not measured in replay")
    assert judge("audit_3h", given, wall_clock=True).verdict is OPEN


def test_a_cancel_ratio_of_no_cancel_is_no_pass_and_no_hindrance() -> None:
    sent = {"place": 20, "replace": 80, "cancel": 0, "total": 100}
    found = judge("audit_3h", totals(cancel_ratio=0.0) | {"requests": sent})
    (row,) = [r for r in found.rows if r.metric == "cancel_ratio"]
    assert (row.word, row.note) == ("N/A", "no request was a cancel")
    assert found.verdict is PASS
    one = judge("audit_3h", totals(cancel_ratio=0.01) | {"requests": {**sent, "cancel": 1}})
    assert [r.word for r in one.rows if r.metric == "cancel_ratio"] == ["PASS"]


def test_a_report_without_intervals_cannot_satisfy_a_profile_that_judges_them() -> None:
    assert judge("scaled", totals() | {"intervals": {}}).verdict is OPEN


def test_a_profile_that_judges_nothing_passes_nothing() -> None:
    empty = profile_from({"name": "x", "judge": "point", "min_fills": 0, "hard": {}, "soft": {}, "ideal": {}})
    assert (
        judge_totals(totals=parse_totals(totals(), where="r"), profile=empty, wall_clock=True).verdict is OPEN
    )
