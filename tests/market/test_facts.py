"""The measurement of stylised facts, on tapes small enough to work out by hand."""

from __future__ import annotations

import math

import pytest

from framework.market.errors import TapeError
from framework.market.events import BUY, CLEAR, DEPTH, GAP, SELL, TRADE
from framework.market.facts import measure, replay
from framework.market.synthetic_presets import INSTRUMENTS
from framework.market.tape import Tape

S = 1_000_000_000
Row = tuple[float, int, int, int, int]
BOOK: list[Row] = [
    (0.0, CLEAR, 0, 0, 0),
    (0.0, DEPTH, BUY, 1000, 50),
    (0.0, DEPTH, BUY, 999, 70),
    (0.0, DEPTH, SELL, 1001, 40),
    (0.0, DEPTH, SELL, 1003, 60),
]


def tape(*rows: Row) -> Tape:
    table = [*BOOK, *rows]
    return Tape.from_columns(
        instrument=INSTRUMENTS["thin_spot"],
        exch_ts_ns=[round(row[0] * S) for row in table],
        kind=[row[1] for row in table],
        side=[row[2] for row in table],
        price_ticks=[row[3] for row in table],
        qty_lots=[row[4] for row in table],
    )


def test_spread_shares_are_shares_of_time() -> None:
    facts = measure(
        tape=tape((6.0, DEPTH, SELL, 1001, 0), (8.0, DEPTH, SELL, 1002, 5), (10.0, DEPTH, BUY, 1000, 51))
    )
    assert facts["spread_1_share"] == pytest.approx(0.6)
    assert facts["spread_2_share"] == pytest.approx(0.2)
    assert facts["spread_3_share"] == pytest.approx(0.2)
    assert facts["bbo_moving_mid"] == pytest.approx(2 / 3)


def test_trades_of_one_time_and_side_are_one_order() -> None:
    facts = measure(
        tape=tape(
            (30.0, TRADE, BUY, 1001, 10),
            (30.0, TRADE, BUY, 1001, 30),
            (40.0, TRADE, SELL, 1000, 5),
            (60.0, DEPTH, BUY, 999, 71),
        )
    )
    assert facts["trades_per_min"] == pytest.approx(3)
    assert facts["orders_per_min"] == pytest.approx(2)
    assert facts["clearing_share"] == 0.5
    assert facts["size_over_touch_p50"] == pytest.approx((1.0 + 0.1) / 2)


def test_depth_counts_one_side_within_the_band() -> None:
    seen = replay(tape=tape((5.0, DEPTH, BUY, 999, 71)), probe_ms=100)
    within_5_bps, within_25_bps = seen.depths[0][1], seen.depths[0][3]
    assert (within_5_bps, within_25_bps) == (45, 110)


def test_the_probe_is_filled_only_after_the_queue_ahead_of_it() -> None:
    part = [(2.0, TRADE, SELL, 1000, 50), (2.0, DEPTH, BUY, 1000, 10)]
    assert len(replay(tape=tape(*part), probe_ms=100).fills) == 0
    fills = replay(tape=tape(*part, (3.0, TRADE, SELL, 1000, 11)), probe_ms=100).fills
    assert [(fill["side"], fill["price_ticks"], fill["ts_ns"]) for fill in fills] == [(BUY, 1000, 3 * S)]


def test_cancels_shorten_the_queue_but_never_fill() -> None:
    rows = [(2.0, DEPTH, SELL, 1001, 3), (2.5, DEPTH, SELL, 1001, 90), (3.0, TRADE, BUY, 1001, 4)]
    assert len(replay(tape=tape(*rows[:2]), probe_ms=100).fills) == 0
    assert [fill["side"] for fill in replay(tape=tape(*rows), probe_ms=100).fills] == [SELL]


def test_a_trade_through_our_price_fills_and_its_markout_is_signed_by_our_side() -> None:
    facts = measure(
        tape=tape(
            (2.0, TRADE, SELL, 1000, 50),
            (2.0, TRADE, SELL, 999, 1),
            (2.0, DEPTH, BUY, 1000, 0),
            (2.05, DEPTH, SELL, 1000, 9),
            (40.0, DEPTH, BUY, 999, 60),
        )
    )
    assert facts["markout_fill_bps"] == pytest.approx(1e4 * 0.5 / 1000)
    assert facts["markout_0.1s_bps"] == pytest.approx(-1e4 * 0.5 / 1000)
    assert facts["markout_30s_bps"] == pytest.approx(-1e4 * 0.5 / 1000)


def test_a_fact_without_evidence_is_not_a_number() -> None:
    facts = measure(tape=tape((2.0, DEPTH, BUY, 999, 71)))
    assert math.isnan(facts["markout_1s_bps"])
    assert math.isnan(facts["clearing_share"])
    assert math.isnan(facts["kurtosis_1s"])


def test_a_book_broken_by_a_gap_is_not_measured_until_it_clears() -> None:
    seen = replay(tape=tape((2.0, GAP, 0, 0, 0), (3.0, DEPTH, BUY, 1000, 9)), probe_ms=100)
    assert len(seen.touches) == 1


def test_a_tape_without_a_two_sided_book_is_refused() -> None:
    lonely = Tape.from_columns(
        instrument=INSTRUMENTS["thin_spot"],
        exch_ts_ns=[0],
        kind=[DEPTH],
        side=[BUY],
        price_ticks=[10],
        qty_lots=[1],
    )
    with pytest.raises(TapeError, match="never two-sided"):
        measure(tape=lonely)
