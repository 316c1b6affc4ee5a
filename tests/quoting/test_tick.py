"""What the desk asks for, tick by tick, on tiny markets."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import at, zeros
from framework.engine.halves import TICK_ROWS
from framework.engine.replay import Replay
from framework.market.events import BUY, SELL
from framework.market.records import ACCEPTED, CANARY, REAL, UNKNOWN, Report
from framework.quoting.inputs import HALTED, REDUCING, TRADING
from framework.quoting.records import (
    AT_LIMIT,
    BLOCK,
    CANCEL_QUOTE,
    CONCURRENCY,
    HALT,
    LOSS,
    MIN_INTERVAL,
    NO_MARKET,
    PLACE,
    POSITION_LIMIT,
    REJECT,
    REPLACE,
    RISK,
    STALE,
    STOPPED,
    THROTTLE,
    VOLATILITY,
    Params,
)
from framework.units import MS, SECOND
from tests.engine.tapes import (
    Row,
    ask,
    bid,
    bought,
    clear,
    gap,
    latency,
    ns,
    opening,
    quoter,
    quoting,
    sold,
    versions,
)


def played(rows: list[Row], until: float, params: list[Params] | None = None, **options: Any) -> Replay:
    replay = quoter(rows, params, **options)
    replay.advance(ns(until), end_runs=True)
    return replay


def actions(replay: Replay, *wanted: int) -> list[tuple[float, int, int, int]]:
    """Give (ms, action, side, price) of the audit rows of the wanted actions."""
    rows = replay.audit_rows()
    return [
        ((int(r["ts_ns"]) - ns(0)) / MS, int(r["action"]), int(r["side"]), int(r["price_ticks"]))
        for r in rows
        if int(r["action"]) in (wanted or (PLACE, REPLACE, CANCEL_QUOTE))
    ]


def blocks(replay: Replay, side: int) -> list[tuple[float, int, int]]:
    """Give (ms, reason, ticks) of the runs of blocked ticks of a side."""
    rows = replay.audit_rows()
    return [
        ((int(r["ts_ns"]) - ns(0)) / MS, int(r["reason"]), int(r["count"]))
        for r in rows
        if r["action"] == BLOCK and r["side"] == side
    ]


def moved(ms: float, mid_tick: int) -> list[Row]:
    """A new book one tick each side of ``mid_tick``."""
    return [clear(ms), bid(ms, mid_tick - 1, 1_000), ask(ms, mid_tick + 1, 1_000)]


def walk(*moves: tuple[float, int]) -> list[Row]:
    return [row for ms, mid in moves for row in moved(ms, mid)]


def test_both_sides_are_placed_away_from_the_mid_on_the_tick_grid() -> None:
    # 5 bps of 1000.0 is .5; with 5.3 bps .53 away the bid is rounded down and the ask up, never towards the
    # market
    assert actions(played(opening(), 10)) == [(1.0, PLACE, BUY, 9995), (1.0, PLACE, SELL, 10005)]
    far = played(opening(), 10, quoting(base_half_spread_bps=5.3))
    assert [price for *_, price in actions(far)] == [9994, 10006]


def test_a_quote_is_left_alone_when_its_price_stays_and_keeps_its_decision_past_its_tail_age() -> None:
    replay = played(opening(), 5_000)
    assert len(actions(replay)) == 2
    quote = at(replay.quotes, 0)
    assert quote.decided_ns == ns(1)
    assert quote.confirmed_ns == ns(
        1 + 7 * 650
    )  # re-confirmed in place every 650 ms though the market is silent
    assert at(replay.desk, 0).replaces == 0


def test_within_the_tolerance_a_quote_waits_for_its_tail_age() -> None:
    # a move of .1 (1 bp) shifts the wanted price by one tick, within the tolerance until the quote is 650 ms
    # old
    rows = walk((0, 10000), (100, 10001))
    replay = played(rows, 1_000, quoting(requote_tolerance_bps=2.0))
    assert {ms for ms, *_ in actions(replay, REPLACE)} == {651.0}
    eager = played(rows, 1_000, quoting(requote_tolerance_bps=0.5))
    assert {ms for ms, *_ in actions(eager, REPLACE)} == {101.0}


def test_a_quote_moves_by_at_most_its_share_of_the_distance_per_update() -> None:
    # distance 5 bps; at 700 the half-spread jumps to 10: 10 % steps, 5.5 at once (the price changes), then
    # again as the
    # tail age passes: measured on unrounded distances, so 5 * 1.1^k although prices sit on the grid
    two = versions(
        (0, {"max_delta_ratio": 0.1}), (700, {"max_delta_ratio": 0.1, "base_half_spread_bps": 10.0})
    )  # fmt: skip
    rows = [*opening(), *(bid(100.0 * k, 9000, k + 1) for k in range(1, 100))]
    replay = quoter(rows, two)
    seen = []
    for k in range(60):
        replay.advance(ns(700.5 + 100 * k))
        seen.append(at(replay.quotes, 0).distance_bps)
    steps = [b / a for a, b in pairwise(seen) if b != a]
    assert all(step <= 1.1 + 1e-12 for step in steps)
    assert seen[-1] == pytest.approx(10.0)
    assert at(replay.quotes, 0).price_ticks == 9990


def test_the_size_is_held_at_its_share_of_the_depth_up_to_our_price_or_the_side_is_dropped() -> None:
    # bids 9999 and 9990 of 20: the bid at 9995 may be .1 of the 20 above it = 2 lots, not 5; asks the same
    replay = played(opening(20), 10, quoting(impact_cap_ratio=0.1))
    assert replay.audit_rows()["qty_lots"].tolist() == [2, 2]
    assert [lots for _, _, lots, _ in _orders(replay)] == [2, 2]
    # a quote below the second level counts both
    assert played(opening(20), 10, quoting(impact_cap_ratio=0.1, base_half_spread_bps=11.0)).audit_rows()[
        "qty_lots"
    ].tolist() == [4, 4]
    dropped = played(opening(9), 10, quoting(impact_cap_ratio=0.1))
    assert actions(dropped) == []
    assert at(dropped.desk, 0).drops_impact == 2


def _orders(replay: Replay) -> list[tuple[int, int, int, int]]:
    count = at(replay.exchange, 0).live
    rows = [at(replay.orders, k) for k in range(count)]
    return [(r.side, r.price_ticks, r.leaves_lots, r.reduce_only) for r in rows]


def test_a_side_waits_its_least_interval_and_then_moves_without_a_new_book() -> None:
    replay = played(walk((0, 10000), (20, 10020)), 200, quoting(min_interval_ns=70 * MS))
    # the bid wants 10015 (10019 less 5 bps rounded) from 21 on; 70 ms after 1 it gets it
    assert [(ms, action) for ms, action, side, _ in actions(replay) if side == BUY] == [
        (1.0, PLACE),
        (71.0, REPLACE),
    ]
    assert blocks(replay, BUY) == [(21.0, MIN_INTERVAL, 1)]
    assert at(replay.desk, 0).blocks_min_interval >= 1


def test_replaces_spend_tokens_that_both_sides_share_and_places_and_cancels_do_not() -> None:
    # a bucket of 2 that refills 1 a second: the move at 20 replaces both sides, the one at 40 waits for 1
    # token, then
    # for another
    moves = walk((0, 10000), (20, 10002), (40, 10004))
    replay = played(
        moves, 3_000, quoting(replace_capacity=2.0, replace_per_ns=1e-9), delays=latency(entry=0.1)
    )
    assert [(ms, side) for ms, _, side, _ in actions(replay, REPLACE)][:2] == [(21.0, BUY), (21.0, SELL)]
    late = [ms for ms, _, _, _ in actions(replay, REPLACE)][2:]
    assert late == [pytest.approx(1_021.0, abs=0.1), pytest.approx(2_021.0, abs=0.1)]
    assert {reason for _, reason, _ in blocks(replay, BUY) + blocks(replay, SELL)} == {THROTTLE}
    empty = played([*moves, gap(60)], 100, quoting(replace_capacity=2.0, replace_per_ns=1e-9))
    assert len(actions(empty, CANCEL_QUOTE)) == 2


def test_the_bucket_holds_ten_seconds_of_the_rate() -> None:
    from framework.engine.params import fill_params
    from framework.settings.compose import compose_run
    from tests.engine.tapes import INSTRUMENT

    rows = zeros(Params, 1)
    settings = compose_run(words=["params.replace_rate_per_min=300"], environ={}).settings
    fill_params(rows, settings=settings, instrument=INSTRUMENT)
    assert at(rows, 0).replace_capacity == pytest.approx(50.0)
    assert at(rows, 0).replace_per_ns * 60 * SECOND == pytest.approx(300.0)


def test_unanswered_requests_block_by_concurrency_and_an_answer_wakes_the_side() -> None:
    replay = played(opening(), 50, quoting(inflight_max=1), delays=latency(response=20))
    # the bid goes at 1, answered at 22; the ask is blocked until then
    assert actions(replay) == [(1.0, PLACE, BUY, 9995), (22.0, PLACE, SELL, 10005)]
    assert blocks(replay, SELL) == [(1.0, CONCURRENCY, 1)]


def test_one_reason_a_blocked_side_and_tick_in_the_order_risk_interval_concurrency_throttle() -> None:
    base: dict[str, Any] = {
        "min_interval_ns": 500 * MS,
        "inflight_max": 1,
        "replace_capacity": 0.5,
        "replace_per_ns": 1e-12,
    }
    rows = walk((0, 10000), (10, 10020))
    slow = latency(response=5_000)
    first = {"min_interval_ns": 0, "inflight_max": 1_000}

    def reason(**changes: Any) -> int:
        replay = played(rows, 12, quoting(**(base | changes)), delays=slow)
        return blocks(replay, BUY)[-1][1]

    assert reason(liquidity_enabled=1, liquidity_alpha=1e6) == RISK
    assert reason() == MIN_INTERVAL
    assert reason(min_interval_ns=0) == CONCURRENCY
    assert reason(**first) == THROTTLE


def test_runs_of_one_reason_are_one_row_and_their_counts_add_up() -> None:
    rows = [*opening(), *(bid(10 + k, 9000, k + 1) for k in range(30))]
    replay = played(rows, 60, quoting(liquidity_enabled=1, liquidity_alpha=1e6))
    found = replay.audit_rows()
    assert found["action"].tolist() == [BLOCK, BLOCK]
    assert found["count"].sum() == at(replay.desk, 0).blocks_risk == 2 * at(replay.desk, 0).ticks


def test_a_side_at_its_position_limit_is_counted_apart_from_risk() -> None:
    rows = [*opening(), *(bid(10 + k, 9000, k + 1) for k in range(30))]
    replay = played(rows, 60, quoting(max_position_quotes=0.0))
    found, desk = replay.audit_rows(), at(replay.desk, 0)
    assert found["reason"].tolist() == [AT_LIMIT, AT_LIMIT]
    assert found["count"].sum() == desk.drops_position_limit == 2 * desk.ticks
    assert desk.blocks_risk == 0


def test_a_position_at_its_limit_is_not_added_to_and_a_larger_order_is_cut_to_its_room() -> None:
    # limit 1 quote: 3 of 5 bought leave room for 2, which is what still rests; then the ask may be 5 + 3
    replay = played([*opening(), sold(50, 9995, 3), bid(60, 9000, 1)], 100, quoting(max_position_quotes=1.0))
    assert at(replay.exposure, 0).position == pytest.approx(0.003)
    assert _orders(replay) == [(BUY, 9995, 2, 0), (SELL, 10005, 5, 0)]
    full = played([*opening(), sold(50, 9995, 9), bid(60, 9000, 1)], 100, quoting(max_position_quotes=1.0))
    assert _orders(full) == [(SELL, 10005, 5, 0)]
    assert at(full.desk, 0).drops_position_limit > 0


def test_a_lower_limit_cuts_resting_orders_in_place_at_the_next_tick() -> None:
    strict = {"replace_capacity": 0.0}
    two = versions((0, strict), (50, strict | {"max_position_quotes": 0.4}))
    replay = played([*opening(), bid(60, 9000, 1)], 100, two)
    assert _orders(replay) == [(BUY, 9995, 2, 0), (SELL, 10005, 2, 0)]
    rows = replay.audit_rows()
    cut = rows[rows["action"] == REPLACE]
    assert (cut["reason"] == POSITION_LIMIT).all()
    assert (cut["params_version"] == 1).all()
    assert at(replay.quotes, 0).decided_ns == ns(1)  # the price and its decision stay


def test_reduce_only_works_off_the_position_and_never_turns_it() -> None:
    two = versions((0, {}), (70, {"reduce_only": 1}))
    rows = [*opening(), sold(50, 9995, 3), bid(80, 9000, 1), bought(120, 10005, 50), bid(130, 9000, 2)]
    replay = quoter(rows, two)
    replay.advance(ns(100))
    assert _orders(replay) == [(SELL, 10005, 3, 0)]
    replay.advance(ns(140))
    assert at(replay.ledger, 0).position == pytest.approx(0.0)
    assert _orders(replay) == []


def test_liquidity_guard_asks_the_side_an_order_must_later_leave_into() -> None:
    # a buy is later sold into the bids: thin bids (7 < 1.5 * 5) drop the bid, not the ask
    rows = [bid(0, 9999, 7), ask(0, 10001, 8)]
    replay = played(rows, 10, quoting(liquidity_enabled=1))
    assert actions(replay) == [(1.0, PLACE, SELL, 10005)]
    assert at(replay.desk, 0).drops_liquidity == 1
    # an order that leaves a position is itself the exit
    held = quoter(rows, quoting(liquidity_enabled=1))
    at(held.exposure, 0).position = -0.002
    held.advance(ns(10))
    assert actions(held) == [(1.0, PLACE, BUY, 9995), (1.0, PLACE, SELL, 10005)]


def test_an_entry_near_liquidation_is_refused_on_either_side() -> None:
    # distance 1/L - mmr: at leverage 100 .01 - .004 = .006 >= 1.5 * .003 = .0045; at 125 .004 is below it
    assert len(actions(played(opening(), 10, quoting(near_liq_enabled=1, leverage=100.0)))) == 2
    replay = quoter(opening(), quoting(near_liq_enabled=1, leverage=125.0))
    at(replay.exposure, 0).position = 0.001
    replay.advance(ns(10))
    assert actions(replay) == [(1.0, PLACE, SELL, 10005)]
    assert at(replay.desk, 0).drops_near_liquidation == 1


def test_too_little_money_quotes_nothing_and_says_so() -> None:
    replay = played(opening(), 10, quoting(equity_start=100.0, min_free_balance=200.0))
    assert actions(replay) == []
    assert at(replay.desk, 0).drops_qty_zero == 2
    small = played(opening(), 10, quoting(min_notional=10.0))
    assert at(small.desk, 0).drops_qty_zero == 2  # dropped, never inflated


def test_a_loss_halts_for_good_and_cancels_what_rests() -> None:
    # 5 lots bought at 999.5; the market falls by 10: loss about .05
    rows = [*opening(), sold(50, 9995, 9), *walk((100, 9895), (200, 10100), (300, 10200))]
    replay = played(rows, 400, quoting(loss_halt=0.04))
    assert at(replay.desk, 0).halted == LOSS
    assert _orders(replay) == []
    assert [ms for ms, *_ in actions(replay, HALT)] == [101.0]
    assert actions(replay, PLACE)[-1][0] < 101.0
    assert at(played(rows, 150, quoting(loss_halt=0.06, max_position_quotes=1.0)).desk, 0).halted == 0


def test_a_gain_given_back_is_not_a_loss_since_the_start() -> None:
    rows = [*opening(), sold(50, 9995, 9), *walk((100, 10100), (200, 10000))]
    assert at(played(rows, 400, quoting(loss_halt=0.04, max_position_quotes=1.0)).desk, 0).halted == 0


def test_a_silent_book_halts_and_a_word_from_it_resumes() -> None:
    replay = quoter([*opening(), bid(5_000, 9000, 1)], quoting(stale_halt_ns=1_000 * MS))
    replay.advance(ns(4_000))
    ms, action, *_ = actions(replay, CANCEL_QUOTE, HALT)[0]
    assert ms == pytest.approx(1_001.0, abs=0.01)
    assert action == CANCEL_QUOTE
    assert at(replay.desk, 0).halted == STALE
    assert _orders(replay) == []
    replay.advance(ns(5_010))
    assert at(replay.desk, 0).halted == 0
    assert len(_orders(replay)) == 2


def test_a_wild_market_halts_until_it_is_clearly_calmer() -> None:
    # 100 bps in 2 seconds is a 1-s volatility far above 15; a calm minute brings it below .8 of that
    rows = [*opening(), *walk((2_000, 10100)), *(bid(2_100 + 100 * k, 9000, k + 1) for k in range(6_000))]
    replay = quoter(rows, quoting(vol_halt_bps=15.0, vol_tau_s=10.0))
    replay.advance(ns(3_000))
    assert at(replay.desk, 0).halted == VOLATILITY
    assert _orders(replay) == []
    replay.advance(ns(600_000))
    assert at(replay.desk, 0).halted == 0
    assert at(replay.desk, 0).halts == 1


def test_a_gap_cancels_and_a_snapshot_resumes() -> None:
    replay = quoter([*opening(), gap(100), bid(150, 9999, 7), *walk((200, 10000))], quoting())
    replay.advance(ns(190))
    assert at(replay.desk, 0).halted == NO_MARKET
    assert [(ms, action) for ms, action, *_ in actions(replay, CANCEL_QUOTE)] == [(101.0, CANCEL_QUOTE)] * 2
    assert _orders(replay) == []
    replay.advance(ns(300))
    assert len(_orders(replay)) == 2


def test_a_one_sided_book_is_no_market() -> None:
    replay = played([*opening(), clear(100, SELL)], 150)
    assert _orders(replay) == []
    assert at(replay.desk, 0).drops_no_market > 0


def test_a_refused_order_backs_off_before_the_next_try() -> None:
    # the exchange's bid has moved above our ask before it arrives: post-only, refused
    rows = [
        *opening(),
        ask(0.5, 10001, 0),
        bid(1.5, 10006, 9),
        ask(1.5, 10010, 9),
        bid(2.1, 9000, 1),
        bid(60, 9000, 2),
    ]
    replay = played(rows, 100, quoting(backoff_ns=40 * MS, base_half_spread_bps=0.2, min_half_spread_bps=0.1))
    assert at(replay.desk, 0).rejects >= 1
    refused = actions(replay, REJECT)[0]
    later = [ms for ms, action, side, _ in actions(replay, PLACE) if side == refused[2] and ms > refused[0]]
    assert later[0] >= refused[0] + 40


def test_inventory_leans_both_quotes_against_the_position() -> None:
    replay = quoter(opening(), quoting(inventory_skew=1.0, glft_risk=1.0, inventory_tilt_cap=0.5))
    at(replay.exposure, 0).position = 0.005
    at(replay.desk, 0).vol_var, at(replay.desk, 0).vol_weight = 4.0, 1.0
    at(replay.desk, 0).sigma_bps = 2.0
    replay.advance(ns(10))
    # half 5 bps, skew 1*1*2*1 = 2 bps: the bid 7 bps away, the ask 3
    assert [price for *_, price in actions(replay)] == [9993, 10003]
    capped = quoter(opening(), quoting(inventory_skew=9.0, glft_risk=1.0, inventory_tilt_cap=0.5))
    at(capped.exposure, 0).position, at(capped.desk, 0).sigma_bps = 0.005, 2.0
    capped.advance(ns(10))
    assert [price for *_, price in actions(capped)] == [9992, 10003]  # 2.5 bps at most: 7.5 and 2.5


def test_the_half_spread_adds_fees_adverse_selection_drift_and_the_delta_after_the_multiplier() -> None:
    replay = quoter(
        opening(),
        quoting(
            base_half_spread_bps=1.0, glft_base_bps=2.0, glft_risk=1.0, maker_fee_bps=0.5, adverse_weight=0.5,
            slippage_penalty_coef=0.1, spread_multiplier=1.5, base_spread_bps_delta=0.3,
        ),
    )  # fmt: skip
    desk = at(replay.desk, 0)
    desk.sigma_bps, desk.adverse_bps, desk.drift_bps = 2.0, 4.0, 5.0
    replay.advance(ns(10))
    # (2 + .5*1*2 + .5 + .5*4 + .1*5) * 1.5 + .3 = 6 * 1.5 + .3
    assert at(replay.desk, 0).half_spread_bps == pytest.approx(9.3)


def test_adverse_selection_is_measured_a_second_after_a_fill() -> None:
    rows = [
        *opening(),
        sold(50, 9995, 5),
        *walk((500, 9990)),
        *(bid(1_000 + k, 9000, k + 1) for k in range(200)),
    ]
    replay = played(rows, 1_500, quoting(adverse_tau_ns=1.0))
    # the mid was 1000.0 at the fill and 999.0 a second later: 10 bps against a buy
    assert at(replay.desk, 0).adverse_bps == pytest.approx(10.0, rel=1e-6)


def test_the_proxy_leans_the_quotes_with_the_momentum() -> None:
    rows = [
        *opening(),
        *(row for k in range(1, 60) for row in moved(1_000 * k, 10_000 + 3 * (k % 2) + 2 * k)),
    ]
    plain = played(rows, 59_500, quoting())
    up = played(rows, 59_500, quoting(signal_weight_bps=5.0, signal_k=1.0))
    assert 0.0 < at(up.desk, 0).lean_bps <= 5.0
    assert at(plain.desk, 0).lean_bps == 0.0
    assert at(up.quotes, 0).price_ticks > at(plain.quotes, 0).price_ticks
    assert at(up.quotes, 1).price_ticks > at(plain.quotes, 1).price_ticks


def test_a_slow_queue_is_stepped_in_front_of_and_a_quick_one_kept() -> None:
    # the bid joins 1000 at 9995; nothing trades, so its turn would never come: one tick better, and it stays
    # there
    rows = [*opening(), bid(0, 9995, 1_000), *(bid(100.0 * k, 9000, k + 1) for k in range(1, 40))]
    nudged = played(rows, 3_900, quoting(queue_nudge_ticks=1, queue_eta_target_ns=3 * SECOND))
    assert [price for _, action, side, price in actions(nudged) if side == BUY] == [9995, 9996]
    assert [price for _, action, side, price in actions(played(rows, 3_900, quoting())) if side == BUY] == [
        9995
    ]


def test_a_snapshot_serves_ticks_while_it_is_fresh() -> None:
    rows = [*opening(), *(bid(10 + 10 * k, 9000, k + 1) for k in range(12))]
    cached = quoting(md_enabled=1, md_fresh_ns=60 * MS, md_jump_ticks=1, md_gap_ns=300 * MS)
    replay = played(rows, 200, cached)
    desk = at(replay.desk, 0)
    # copied at 1; 11…61 served from it, 71 copies again, 81…121 served
    assert (desk.md_hits, desk.md_misses) == (11, 2)
    jumped = played([*rows[:6], bid(35, 10000, 5)], 200, cached)
    assert at(jumped.desk, 0).md_misses == 2


@pytest.mark.parametrize(("stale_ok", "cancels"), [(1, 0), (0, 2)])
def test_a_silent_feed_stops_the_quotes_unless_stale_data_will_do(stale_ok: int, cancels: int) -> None:
    cached = quoting(md_enabled=1, md_fresh_ns=60 * MS, md_gap_ns=300 * MS, md_stale_ok=stale_ok)
    asked = actions(played(opening(), 500, cached))
    assert len([1 for _, action, _, _ in asked if action == CANCEL_QUOTE]) == cancels


def test_ticks_are_coalesced_to_the_cadence() -> None:
    rows = [*opening(), *(bid(1 + k, 9000, k + 1) for k in range(300))]
    # the first at 1 ms, then at least 100 ms apart: 101, 201, 301
    assert at(played(rows, 310, quoting(tick_interval_ns=100 * MS)).desk, 0).ticks == 4
    assert at(played(rows, 310, quoting()).desk, 0).ticks == 301


def test_fills_while_a_cancel_is_on_its_way_count_as_off_target() -> None:
    rows = [*opening(), gap(100), sold(101.5, 9995, 2), *walk((200, 10000))]
    fills = played(rows, 300).fill_rows()
    assert fills["off_target_age_ns"].tolist() == [MS // 2]


def test_tanh_is_the_hyperbolic_tangent() -> None:
    from framework.compiled.records import interpreted
    from framework.quoting import estimates

    if not interpreted():
        pytest.skip("inner functions are called from Python only in interpreted mode")
    for k in range(-400, 401):
        assert estimates.tanh(k / 16) == pytest.approx(math.tanh(k / 16), abs=1e-12)


def test_the_position_limit_counts_quotes_of_the_size_a_thin_book_allows() -> None:
    # 20 lots are asked for, 10 % of the 100 shown are 10: two quotes are 20 lots, not 40
    def held(cap: float) -> float:
        rows = [*opening(100), *(sold(100.0 * k, 9990, 100) for k in range(1, 40))]
        params = quoting(impact_cap_ratio=cap, quote_notional=20.0000001, max_position_quotes=2.0)
        return float(at(played(rows, 4_000, params).ledger, 0).position)

    assert held(0.1) == pytest.approx(0.020)
    assert held(1.0) == pytest.approx(0.040)


def test_an_account_that_may_only_reduce_adds_to_nothing_and_a_halted_one_quotes_nothing() -> None:
    replay = quoter([*opening(), bid(60, 9000, 1), bid(90, 9000, 2), bid(120, 9000, 3)])
    at(replay.exposure, 0).position = at(replay.ledger, 0).position = 0.003
    replay.advance(ns(50))
    assert len(_orders(replay)) == 2
    at(replay.account, 0).trading_state = REDUCING
    replay.advance(ns(80))
    assert _orders(replay) == [(SELL, 10005, 3, 0)]
    at(replay.account, 0).trading_state = HALTED
    replay.advance(ns(110))
    assert _orders(replay) == []
    assert at(replay.desk, 0).halted == STOPPED
    at(replay.account, 0).trading_state = TRADING
    replay.advance(ns(140))
    assert len(_orders(replay)) == 2


def test_what_the_other_symbols_have_lost_and_bind_counts_against_the_halt_and_the_free_balance() -> None:
    def ticked(**elsewhere: float) -> Replay:
        replay = quoter(opening(), quoting(loss_halt=10.0, equity_start=100.0, min_free_balance=90.0))
        for name, value in elsewhere.items():
            setattr(at(replay.exposure, 0), name, value)
        replay.advance(ns(10))
        return replay

    assert len(_orders(ticked(elsewhere_loss=5.0, elsewhere_margin=4.0))) == 2
    assert at(ticked(elsewhere_loss=5.0, elsewhere_margin=6.0).desk, 0).drops_qty_zero == 2
    assert at(ticked(elsewhere_loss=11.0).desk, 0).halted == LOSS


def test_a_liquidation_price_nearer_than_the_buffered_stop_refuses_what_adds() -> None:
    def placed(liq_price: float) -> list[int]:
        replay = quoter(opening(), quoting(near_liq_enabled=1, assumed_sl=0.003, sl_buffer_multiplier=1.5))
        at(replay.exposure, 0).position, at(replay.exposure, 0).liq_price = 0.003, liq_price
        replay.advance(ns(10))
        return [side for side, *_ in _orders(replay)]

    assert placed(995.4) == [BUY, SELL]  # 46 bps below the mid, the buffered stop is 45 away
    assert placed(995.6) == [SELL]


def test_a_side_whose_request_got_no_answer_asks_for_nothing_until_it_has_one() -> None:
    def after(*kinds: int) -> Replay:
        replay = quoter([*opening(), *walk((100, 10000), (200, 10003))])
        replay.advance(ns(50))
        for ms, kind in zip((110.0, 150.0), kinds, strict=False):
            row = np.zeros(1, Report.dtype)[0]  # type: ignore[attr-defined]
            row["arrive_ns"], row["report_kind"], row["order_id"], row["side"] = ns(ms), kind, 1, BUY
            replay.wire.put_report(row)
        replay.advance(ns(250))
        return replay

    assert {side for *_, side, _ in actions(after(UNKNOWN), REPLACE)} == {SELL}
    assert {side for *_, side, _ in actions(after(UNKNOWN, ACCEPTED), REPLACE)} == {BUY, SELL}


def test_every_request_fill_and_row_names_its_route_and_every_fill_its_request() -> None:
    two = versions((0, {"route": CANARY}), (100, {"route": REAL}))
    replay = played([*opening(), sold(50, 9995, 3), *walk((200, 10020)), sold(300, 10000, 3)], 400, two)
    audits, fills = replay.audit_rows(), replay.fill_rows()
    assert audits["route"].tolist() == [CANARY if ns(100) > ts else REAL for ts in audits["ts_ns"]]
    assert fills["route"].tolist() == [CANARY, CANARY, REAL]  # the second was quoted before the change
    assert fills["exec_id"].tolist() == [1, 2, 3]
    assert fills["link_id"][0] == 1


def test_sampled_ticks_leave_rows_and_those_the_ring_had_no_room_for_are_counted() -> None:
    def rows(count: int, every: int) -> tuple[Any, int]:
        replay = quoter([*opening(), *(bid(10 + k, 9000, k + 1) for k in range(count))])
        replay.desk_half.sample_ticks(every=every)
        replay.advance(ns(20 + count))
        return replay.desk_half.take_ticks()

    taken, lost = rows(100, 10)
    assert (len(taken), lost) == (10, 0)
    assert set(taken["mid"]) == {1000.0}
    assert set(taken["bid_lots"]) == {1_000}
    assert rows(TICK_ROWS + 50, 1)[1] == 51
