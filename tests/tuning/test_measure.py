"""Measurements: intervals, shares, the net margin, and reading them from an edge report."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.edge.intervals import Interval
from framework.edge.report import build_edge_report
from framework.edge.section import Amount, Cost, blocked_shares
from framework.gates.verdict import Verdict
from framework.tuning.evidence import Standing, standing_of
from framework.tuning.measure import Metric, block_share, counted, margin_over, net_margin
from framework.tuning.params import TuningError
from framework.tuning.rules import Relation
from framework.tuning.totals import input_from_totals
from tests.edge.builders import window
from tests.tuning.tuning_cases import measured

EMPTY = build_edge_report(windows=[window()]).totals
BLOCKS = {"risk": 0, "min_interval": 90, "concurrency": 10, "throttle": 0}


def between(lower: float | None, upper: float | None) -> Interval:
    return Interval(lower, upper, 0.9, 100, 100.0, None)


TOTALS = replace(
    EMPTY,
    fills=84,
    parts={
        **EMPTY.parts,
        **{name: Amount(bps, bps) for name, bps in (("net", -14.5), ("gross", 13.4), ("slippage", -3.2))},
        "adverse_1s": Amount(-10.8, -10.8),
    },
    percentiles={
        **EMPTY.percentiles,
        "adverse_u_p95": 4.4,
        "adverse_bps_p95": 30.0,
        "slippage_u_p95": 1.2,
        "slippage_bps_p95": 9.0,
        "order_age_p95_ms": 250.0,
        "ws_lag_p95_ms": 80.0,
    },
    cost_ranking=tuple(Cost(name, -1.0, None) for name in ("inventory_bps", "adverse_bps")),
    block_reasons=blocked_shares(BLOCKS),
    intervals={
        "net_bps": between(-30.0, 1.0),
        "adverse_u_p95": between(3.9, None),
        "adverse_1s_bps": between(-12.0, -9.0),
    },
)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(TuningError, match="not finite"):
        Metric(1.0, bad, 2.0)


def test_a_reversed_interval_is_refused() -> None:
    with pytest.raises(TuningError, match="reversed"):
        Metric(1.0, 2.0, 0.0)


def test_a_share_of_nothing_is_unknown_but_no_blocked_tick_is_a_known_zero() -> None:
    assert counted(count=0, total=0) is None
    assert block_share(count=0, blocked=0) == Metric(0.0, 0.0, 0.0)
    with pytest.raises(TuningError, match="not a share"):
        counted(count=3, total=2)


@given(total=st.integers(1, 10_000), share=st.floats(0.0, 1.0))
def test_the_interval_of_a_share_holds_it_and_stays_a_share(total: int, share: float) -> None:
    metric = counted(count=int(share * total), total=total)
    assert metric is not None
    assert metric.lo is not None
    assert metric.hi is not None
    assert 0.0 <= metric.lo <= metric.value + 1e-12
    assert metric.value - 1e-12 <= metric.hi <= 1.0


@pytest.mark.parametrize(
    ("relation", "metric", "standing"),
    [
        (Relation.ABOVE, Metric(5.0, 4.1, 6.0), Standing.EVIDENT),
        (Relation.ABOVE, Metric(5.0, 4.0, 6.0), Standing.SEEN),
        (Relation.ABOVE, Metric(5.0, 4.1, None), Standing.EVIDENT),
        (Relation.ABOVE, Metric(5.0, None, 6.0), Standing.SEEN),
        (Relation.ABOVE, Metric(4.0, 3.9, 4.1), Standing.QUIET),
        (Relation.ABOVE, Metric(3.0, 2.0, 3.6), Standing.GONE),
        (Relation.ABOVE, Metric(3.0, 2.0, 3.7), Standing.QUIET),
        (Relation.BELOW, Metric(3.0, 2.0, 3.9), Standing.EVIDENT),
        (Relation.BELOW, Metric(3.0, 2.0, 4.0), Standing.SEEN),
        (Relation.BELOW, Metric(5.0, 4.4, 6.0), Standing.GONE),
        (Relation.BELOW, Metric(5.0, 4.3, 6.0), Standing.QUIET),
        (Relation.AT_MOST, Metric(3.0, 2.0, 4.0), Standing.EVIDENT),
        (Relation.AT_MOST, Metric(3.0, 2.0, 4.1), Standing.SEEN),
        (Relation.AT_MOST, Metric(4.1, 2.0, 5.0), Standing.QUIET),
        (Relation.ABOVE, None, Standing.UNKNOWN),
    ],
)
def test_a_metric_stands_to_its_limit_by_its_interval(
    relation: Relation, metric: Metric | None, standing: Standing
) -> None:
    assert standing_of(metric=metric, relation=relation, limit=4.0, margin=0.1) is standing


def test_the_net_margin_is_bounded_whatever_the_correlation() -> None:
    margin = margin_over(
        net=Metric(3.0, 2.0, 4.0), gross=Metric(8.0, 7.0, 9.0), floor_bps=0.0, gross_share=0.5
    )
    assert margin == Metric(-1.0, -2.5, 0.5)
    assert margin_over(net=Metric(3.0, 2.0, 4.0), gross=None, floor_bps=2.5, gross_share=0.0) == Metric(
        0.5, -0.5, 1.5
    )
    assert margin_over(net=Metric(3.0), gross=None, floor_bps=0.0, gross_share=0.3) is None
    assert margin_over(net=Metric(3.0), gross=Metric(8.0), floor_bps=0.0, gross_share=0.25) == Metric(1.0)


def test_the_interval_of_net_to_gross_decides_where_it_is_known() -> None:
    exact = measured(
        net_bps=Metric(4.0, 0.0, 8.0), gross_bps=Metric(8.0), net_to_gross=Metric(0.5, 0.25, 0.75)
    )
    assert net_margin(measurement=exact, floor_bps=0.0, gross_share=0.25) == Metric(2.0, 0.0, 4.0)
    assert net_margin(measurement=measured(net_bps=None), floor_bps=0.0, gross_share=0.25) is None


def test_totals_are_read_in_the_unit_asked_for() -> None:
    found = input_from_totals(totals=TOTALS, unit="u", verdict=Verdict.FAIL, wall_clock=False)
    assert found.adverse_p95 == Metric(4.4, 3.9, None)
    assert found.slippage_p95 == Metric(1.2)
    assert found.net_bps == Metric(-14.5, -30.0, 1.0)
    assert (found.net_to_gross, found.ws_lag_p95_ms, found.fills) == (None, None, 84)
    in_bps = input_from_totals(totals=TOTALS, unit="bps", verdict=Verdict.FAIL, wall_clock=True)
    assert in_bps.adverse_p95 == Metric(30.0)
    assert in_bps.ws_lag_p95_ms == Metric(80.0)


def test_drivers_keep_their_order_and_take_the_interval_of_their_component() -> None:
    found = input_from_totals(totals=TOTALS, unit="u", verdict=Verdict.FAIL, wall_clock=False)
    assert [(d.name, d.bps) for d in found.neg_edge_drivers] == [
        ("inventory_bps", None),
        ("adverse_bps", Metric(-10.8, -12.0, -9.0)),
    ]


def test_block_shares_take_the_report_s_interval_and_else_their_counts() -> None:
    found = input_from_totals(totals=TOTALS, unit="u", verdict=Verdict.FAIL, wall_clock=False)
    assert found.block_min_interval == counted(count=90, total=100)
    bounded = replace(TOTALS, intervals={"block_min_interval": between(0.2, 0.95)})
    better = input_from_totals(totals=bounded, unit="u", verdict=Verdict.FAIL, wall_clock=False)
    assert better.block_min_interval == Metric(0.9, 0.2, 0.95)
    opened = replace(TOTALS, intervals={"block_min_interval": between(None, None)})
    none = input_from_totals(totals=opened, unit="u", verdict=Verdict.FAIL, wall_clock=False)
    assert none.block_min_interval == Metric(0.9)


def test_no_blocked_tick_is_known_even_where_the_report_s_interval_is_open() -> None:
    found = input_from_totals(totals=EMPTY, unit="u", verdict=Verdict.PASS, wall_clock=False)
    assert EMPTY.intervals["block_risk"].upper is None
    assert found.block_risk == Metric(0.0, 0.0, 0.0)


def test_a_run_without_fills_measures_nothing() -> None:
    found = input_from_totals(totals=EMPTY, unit="u", verdict=Verdict.INCONCLUSIVE, wall_clock=True)
    assert (found.fills, found.net_bps, found.adverse_p95, found.neg_edge_drivers) == (0, None, None, ())
