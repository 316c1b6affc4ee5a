"""The edge report: numbers from windows worked out by hand, nothing invented without evidence."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.edge.canonical import canonical
from framework.edge.errors import EdgeInputError
from framework.edge.measures import Grid, block_seconds, equity_at, sigma_1s, unit_move
from framework.edge.report import build_edge_report
from framework.edge.window import LedgerPoint, WindowData, chain
from framework.files.atomic import canonical_json
from framework.quoting.records import BLOCK, CANCEL_QUOTE, PLACE, REJECT, REPLACE
from framework.units import MS
from tests.edge.builders import S, fill, window


def totals(*windows: WindowData) -> dict[str, Any]:
    return build_edge_report(windows=windows).totals.as_dict()


def busy_window(**more: Any) -> WindowData:
    """Return an hour with a fill every 20 s that loses 0.03 within a second of earning 0.05."""
    fills = []
    for i in range(180):
        side = 1 if i % 2 else -1
        m = 100.0 + 0.01 * (i % 7)
        fills.append(fill(20 * i + 5, side, m - side * 0.05, 2.0, m0=m, m=m, m_1s=m - side * 0.03))
    mids = [(float(t), 100.0 + 0.01 * (t % 5)) for t in range(0, 3600, 1)]
    audit = [{"ts_ns": t * 7 * S, "action": REPLACE, "off_target_age_ns": 50 * MS} for t in range(500)]
    return window(fills, mids=mids, audit=audit, trades=60_000, **more)


def test_components_come_in_quote_and_in_bps_of_turnover() -> None:
    got = totals(
        window([fill(10, +1, 99.9, 2.0, m0=100.1, m=100.0, m_1s=99.8, fee_quote=0.02)], closing_mid=100.5)
    )
    turnover = 199.8
    assert got["turnover_quote"] == pytest.approx(turnover)
    assert got["gross_bps"] == pytest.approx(0.4 / turnover * 1e4)
    assert got["slippage_bps"] == pytest.approx(-0.2 / turnover * 1e4)
    assert got["fees_eff_bps"] == pytest.approx(-0.02 / turnover * 1e4)
    assert got["adverse_1s_bps"] == pytest.approx(-0.4 / turnover * 1e4)
    assert got["inventory_bps"] == pytest.approx(1.0 / turnover * 1e4)
    assert got["net_quote"] == pytest.approx(0.4 - 0.2 - 0.02 + 1.0)
    assert got["component_breakdown"]["carry"]["quote"] == pytest.approx(1.4)
    assert got["carry_share_of_net"] == pytest.approx(1.4 / 1.18)


def test_net_is_the_sum_of_gross_fees_slippage_and_inventory_in_the_report_too() -> None:
    got = totals(busy_window())
    parts = got["gross_bps"] + got["fees_eff_bps"] + got["slippage_bps"] + got["inventory_bps"]
    assert got["net_bps"] == got["net_bps_total"] == pytest.approx(parts, rel=1e-9)


@given(gain=st.sampled_from(["gross", "slippage", "fees", "adverse", "inventory"]))
def test_a_gain_is_never_named_a_driver_of_a_loss(gain: str) -> None:
    sign = {
        name: (1.0 if name == gain else -1.0)
        for name in ("gross", "slippage", "fees", "adverse", "inventory")
    }
    m0 = 100.0 + sign["gross"] * 1.0
    m = m0 + sign["slippage"] * 2.0
    later = m + sign["adverse"] * 3.0
    row = fill(10, +1, 100.0, 1.0, m0=m0, m=m, m_1s=later, fee_quote=-sign["fees"] * 4.0)
    got = totals(window([row], closing_mid=later + sign["inventory"] * 5.0))
    names = {
        "gross": "gross_bps",
        "slippage": "slippage_bps",
        "fees": "fees_eff_bps",
        "adverse": "adverse_bps",
    }
    losing = [
        names.get(n, "inventory_bps")
        for n in ("inventory", "fees", "adverse", "slippage", "gross")
        if n != gain
    ]
    assert [r["driver"] for r in got["cost_ranking"]] == losing
    assert got["neg_edge_drivers"] == losing[:2]


def test_a_run_that_earned_has_no_negative_drivers_but_still_ranks_its_costs() -> None:
    got = totals(window([fill(10, +1, 99.0, 1.0, m0=100.0, m=99.9, m_1s=99.9)], closing_mid=99.9))
    assert got["net_quote"] > 0
    assert got["neg_edge_drivers"] == []
    assert [r["driver"] for r in got["cost_ranking"]] == ["slippage_bps"]


def test_percentiles_are_costs_and_leave_out_fills_whose_second_passes_the_end() -> None:
    loser = fill(10, +1, 100.0, 1.0, m0=100.0, m=99.9, m_1s=99.8)  # costs 10 bps adverse, 10 bps slippage
    winner = fill(20, -1, 100.0, 1.0, m0=100.0, m=100.1, m_1s=100.0)
    unknown = fill(3599.5, +1, 100.0, 1.0, m0=100.0, m=50.0)
    got = totals(window([loser, winner, unknown], closing_mid=99.0))
    assert got["adverse_bps_p95"] == pytest.approx(np.quantile([10.0, -10.0], 0.95))
    assert got["slippage_bps_p95"] == pytest.approx(np.quantile([10.0, 10.0, 5000.0], 0.95))
    assert got["fills_past_1s_horizon"] == 1
    assert got["markouts"]["1s"]["fills"] == 2
    assert got["markouts"]["1s"]["past_end"] == 1


def test_unit_moves_are_the_larger_of_one_second_volatility_and_one_tick() -> None:
    wild = window(mids=[(t, 100.0 + (t % 2)) for t in range(100)])
    assert sigma_1s(wild) == pytest.approx(1.0)
    assert unit_move(wild) == pytest.approx(1.0)
    assert unit_move(window(mids=[(t, 100.0) for t in range(100)], tick=0.05)) == 0.05
    assert unit_move(window(mids=[(0, 100.0)])) is None


def test_volatility_skips_gaps_and_scales_with_the_square_root_of_the_sampling_step() -> None:
    jump = window(mids=[(0, 100.0), (1, 101.0), (2, 100.0), (500, 900.0), (501, 901.0)])
    assert sigma_1s(jump) == pytest.approx(1.0)
    half = window(mids=[(t / 2, 100.0 + (t % 2)) for t in range(100)])
    assert sigma_1s(half) == pytest.approx(math.sqrt(2.0))


def test_unit_percentiles_are_null_while_volatility_is_unknown() -> None:
    got = totals(window([fill(10, +1, 100.0, 1.0, m0=100.0, m=100.0, m_1s=99.9)], closing_mid=99.9))
    assert got["adverse_u_p95"] is None
    assert got["slippage_u_p95"] is None
    assert got["adverse_bps_p95"] == pytest.approx(10.0)


def test_order_age_is_off_target_age_at_fills_replaces_and_cancels() -> None:
    audit = [
        {"action": PLACE, "off_target_age_ns": 9_000 * MS, "resting_age_ns": 9_000 * MS},
        {"action": REPLACE, "off_target_age_ns": 100 * MS, "resting_age_ns": 500 * MS},
        {"action": CANCEL_QUOTE, "off_target_age_ns": 300 * MS, "resting_age_ns": 700 * MS},
        {"action": CANCEL_QUOTE},  # age unknown
    ]
    maker = fill(10, +1, 100.0, 1.0, m0=100.0, m=100.0, off_target_age_ns=200 * MS, resting_age_ns=600 * MS)
    taker = fill(11, -1, 100.0, 1.0, m0=100.0, m=100.0, is_maker=0)
    got = totals(window([maker, taker], audit=audit))
    assert got["order_age_p95_ms"] == pytest.approx(np.quantile([100, 200, 300], 0.95))
    assert got["resting_age_p95_ms"] == pytest.approx(np.quantile([500, 600, 700], 0.95))
    assert got["maker_share_pct"] == pytest.approx(50.0)


def test_ratios_count_requests_and_blocks_count_ticks() -> None:
    audit = (
        [{"action": PLACE}] * 2
        + [{"action": REPLACE}] * 5
        + [{"action": CANCEL_QUOTE}] * 3
        + [{"action": REJECT}]
    )
    audit += [{"action": BLOCK, "reason": 2, "count": 30}, {"action": BLOCK, "reason": 4, "count": 10}]
    row = fill(10, +1, 100.0, 1.0, m0=100.0, m=100.0)
    got = totals(window([row, row], audit=audit))
    assert (got["replace_ratio"], got["cancel_ratio"], got["requests_per_fill"]) == (0.5, 0.3, 5.0)
    assert got["block_reasons"] == {
        "min_interval": {"count": 30, "ratio": 0.75},
        "throttle": {"count": 10, "ratio": 0.25},
        "concurrency": {"count": 0, "ratio": 0.0},
        "risk": {"count": 0, "ratio": 0.0},
    }


def test_markouts_start_at_the_fill_and_end_net_of_fees() -> None:
    horizons = {"m_100ms": 99.95, "m_500ms": 99.9, "m_5s": 99.8, "m_30s": 100.3}
    row = fill(10, +1, 99.9, 2.0, m0=100.0, m=100.0, m_1s=99.85, fee_quote=0.02) | horizons
    got = totals(window([row]))
    shown = {h: c["bps"] for h, c in got["markouts"].items()}
    expected = {"fill": 0.1, "100ms": 0.05, "500ms": 0.0, "1s": -0.05, "5s": -0.1, "30s": 0.4}
    assert shown == pytest.approx({h: move / 99.9 * 1e4 for h, move in expected.items()}, abs=1e-6)
    assert got["markout_net_30s_bps"] == pytest.approx((0.8 - 0.02) / 199.8 * 1e4)
    assert got["markout_net_30s_se_bps"] is None, "one fill says nothing about its own error"


def test_intervals_hold_the_value_and_narrow_with_evidence() -> None:
    got = totals(busy_window())
    assert got["blocks"] == {"seconds": 60, "count": 60}
    for name in ("net_bps", "gross_bps", "net_to_gross", "cancel_ratio", "maker_share_pct", "adverse_1s_bps"):
        interval = got["intervals"][name]
        assert interval["lower"] <= got[name] + 1e-9, name
        assert got[name] - 1e-9 <= interval["upper"], name
    age = got["intervals"]["order_age_p95_ms"]
    assert age["lower"] == age["upper"] == 50.0


def test_the_block_length_follows_the_market_not_our_fills() -> None:
    assert block_seconds([window(trades=6_000)]) == 60
    assert block_seconds([window(trades=5_999)]) == 600
    assert block_seconds([window()]) == 600


def test_blocks_of_equity_add_up_to_the_net() -> None:
    w = busy_window(opening=LedgerPoint(3.0, 99.0, 7.0, 0.0))
    grid = Grid(w.start_ns, w.end_ns, 600)
    assert np.diff(equity_at(w, times=grid.edges)).sum() == pytest.approx(totals(w)["net_quote"])


def test_drawdown_is_the_largest_fall_of_equity_from_a_high() -> None:
    bought = fill(5, +1, 100.0, 1.0, m0=100.0, m=100.0, m_1s=100.0)
    mids = [(10, 100.0), (20, 103.0), (30, 99.0), (40, 102.0)]
    got = totals(window([bought], mids=mids, closing_mid=101.0))
    assert got["max_drawdown_quote"] == pytest.approx(4.0)
    assert got["rms_inventory_base"] == pytest.approx(1.0)


def test_a_window_without_fills_reports_nulls_and_never_a_number() -> None:
    got = totals(window())
    for name in (
        "net_bps",
        "gross_bps",
        "net_to_gross",
        "adverse_bps_p95",
        "order_age_p95_ms",
        "maker_share_pct",
    ):
        assert got[name] is None, name
    assert got["cancel_ratio"] is None
    assert got["requests_per_fill"] is None
    assert got["intervals"]["net_bps"]["lower"] is None
    assert got["ws_lag_p95_ms"] is None
    assert (got["fills"], got["net_quote"]) == (0, 0.0)


def test_the_same_window_gives_the_same_bytes_and_no_number_json_cannot_hold() -> None:
    first, second = (canonical_json(build_edge_report(windows=[busy_window()]).as_dict()) for _ in range(2))
    assert first == second
    assert canonical({"a": math.nan, "b": -0.0, "c": np.float64(0.1) + 0.2, "d": np.int64(3), "e": True}) == {
        "a": None,
        "b": 0.0,
        "c": 0.3,
        "d": 3,
        "e": True,
    }
    assert math.copysign(1.0, canonical(-0.0)) == 1.0


def test_the_report_of_a_chained_run_nets_what_its_iterations_net() -> None:
    first = busy_window()
    second = dataclasses.replace(
        window(
            [fill(3700, +1, 99.0, 5.0, m0=100.0, m=99.8, m_1s=99.1)],
            start_s=3600,
            end_s=7200,
            opening=first.closing,
            closing_mid=101.0,
        )
    )
    whole = totals(chain([first, second]))
    assert whole["net_quote"] == pytest.approx(
        totals(first)["net_quote"] + totals(second)["net_quote"], rel=1e-11
    )
    assert whole["fills"] == 181
    assert whole["hours"] == 2.0


def test_symbols_add_up_in_one_quote_currency_and_only_in_one() -> None:
    a = window([fill(10, +1, 99.0, 1.0, m0=100.0, m=100.0, m_1s=100.0)], symbol="AUSDT")
    b = window([fill(10, -1, 10.0, 5.0, m0=9.0, m=9.0, m_1s=9.0)], symbol="BUSDT", closing_mid=9.0)
    report = build_edge_report(windows=[b, a]).as_dict()
    assert list(report["symbols"]) == ["AUSDT", "BUSDT"]
    assert report["totals"]["net_quote"] == pytest.approx(1.0 + 5.0)
    assert report["totals"]["turnover_quote"] == pytest.approx(99.0 + 50.0)
    with pytest.raises(EdgeInputError, match="given twice"):
        build_edge_report(windows=[a, a])
    with pytest.raises(EdgeInputError, match="do not add up"):
        build_edge_report(windows=[a, dataclasses.replace(b, quote="EUR")])
    with pytest.raises(EdgeInputError, match="no windows"):
        build_edge_report(windows=[])


def test_feed_lag_is_measured_on_the_wall_clock_only() -> None:
    live = dataclasses.replace(window(), ws_lag_ms=np.array([10.0, 20.0, 30.0]))
    assert totals(live)["ws_lag_p95_ms"] == pytest.approx(29.0)
