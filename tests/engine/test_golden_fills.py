"""Fills whose every number was worked out by hand: the identity of the ledger cannot tell a wrong mid,
these can.
"""

from typing import Any

import pytest

from framework.compiled.records import at
from framework.market.events import BUY, SELL
from framework.market.records import AMEND, IOC, LIMIT, MARKET
from framework.venue.matching.records import PROB_POWER
from tests.engine.tapes import Trader, ask, bid, bought, clear, ns, quoter, quoting, sold, venue

BOOK = [bid(0, 9999, 5), ask(0, 10001, 5)]  # mid (999.9 + 1000.1)/2 = 1000.0


def ms_of(value: Any) -> float:
    return float(value) / 1e6


def test_a_print_at_our_price_fills_what_reaches_past_the_queue() -> None:
    trader = Trader(
        [
            *BOOK,
            ask(15, 10001, 0),
            ask(15, 10003, 4),  # mid (999.9 + 1000.3)/2 = 1000.1 from 15 on
            sold(20, 9999, 6),  # 5 ahead of us, then 1 of our 2
            bid(20, 9999, 1),  # same instant, after the print: m must not see what follows
            bid(20, 9998, 9),
            bid(120, 9999, 0),  # exactly at the 100 ms horizon: mid (999.8 + 1000.3)/2 = 1000.05
            ask(121, 10003, 9),
            ask(520, 10003, 0),
            ask(520, 10002, 4),  # mid (999.8 + 1000.2)/2 = 1000.0 at 500 ms
            bid(1_021, 9998, 0),
            bid(1_021, 9990, 3),  # 1 ms after the 1 s horizon, so 1000.0 stands there
            ask(30_500, 10002, 1),
        ]
    )
    trader.place(10, 1, side=BUY, tick=9999, lots=2, m0=1000.0, version=7)
    fills = trader.play(30_500)
    assert len(fills) == 1
    fill = fills[0]
    assert fill["exch_ts_ns"] == ns(20)
    assert fill["local_ts_ns"] == ns(21)
    assert (fill["side"], fill["price_ticks"], fill["qty_lots"], fill["is_maker"]) == (BUY, 9999, 1, 1)
    assert fill["price"] == pytest.approx(999.9, abs=1e-12)
    assert fill["qty"] == 0.001
    assert fill["m0"] == 1000.0
    assert fill["m"] == pytest.approx(1000.1, abs=1e-12)
    assert fill["mid_held"] == 0
    assert fill["m_100ms"] == pytest.approx(1000.05, abs=1e-12)
    assert fill["m_500ms"] == pytest.approx(1000.0, abs=1e-12)
    assert fill["m_1s"] == pytest.approx(1000.0, abs=1e-12)
    assert fill["m_5s"] == pytest.approx((999.0 + 1000.2) / 2, abs=1e-12)
    assert fill["m_30s"] == pytest.approx(999.6, abs=1e-12)
    assert fill["fee_quote"] == pytest.approx(0.0001 * 0.001 * 999.9, rel=1e-12)  # 1 bp of 0.9999
    assert fill["fee_base"] == 0.0
    assert (fill["queue_ahead_entry_lots"], fill["queue_ahead_fill_lots"]) == (5.0, 0.0)
    assert ms_of(fill["resting_age_ns"]) == 9.0  # rests from 11, where it arrived
    assert ms_of(fill["entry_latency_ns"]) == 1.0
    assert ms_of(fill["response_latency_ns"]) == 1.0
    assert fill["quote_ts_ns"] == fill["order_ts_ns"] == ns(10)
    assert fill["params_version"] == 7
    assert fill["position_after"] == 0.001
    # gross = (1000.0-999.9)*.001 = .0001, slippage = (1000.1-1000.0)*.001 = .0001, cash = -.9999-.00009999
    ledger = at(trader.replay.ledger, 0)
    assert ledger.gross == pytest.approx(0.0001, rel=1e-9)
    assert ledger.slippage == pytest.approx(0.0001, rel=1e-9)
    assert ledger.cash == pytest.approx(-0.99999999, rel=1e-12)


def test_partial_fills_share_one_decision_and_the_last_closes_the_order() -> None:
    trader = Trader([*BOOK, sold(20, 9999, 6), sold(30, 9999, 1), sold(40, 9999, 9), bid(50, 9999, 1)])
    trader.place(10, 1, tick=9999, lots=4, m0=1000.0)
    fills = trader.play(50)
    # 5 ahead: 6 gives 1, then 1 gives 1, then 9 gives the remaining 2
    assert fills["qty_lots"].tolist() == [1, 1, 2]
    assert fills["m0"].tolist() == [1000.0] * 3
    assert fills["queue_ahead_entry_lots"].tolist() == [5.0] * 3
    assert [ms_of(x) for x in fills["resting_age_ns"]] == [9.0, 19.0, 29.0]
    assert fills["position_after"].tolist() == pytest.approx([0.001, 0.002, 0.004])
    assert trader.live() == []


def test_a_print_through_our_price_fills_at_our_price_with_the_queue_still_ahead() -> None:
    trader = Trader([*BOOK, ask(12, 10004, 2), bought(20, 10004, 3), bid(30, 9998, 1)])
    trader.place(10, 1, side=SELL, tick=10003, lots=2, m0=1000.0)
    trader.place(10, 2, side=SELL, tick=10001, lots=1, m0=1000.0)
    fills = trader.play(30)
    # best price first: order 2 at 1000.1 (5 lots were ahead of it), then order 1 at 1000.3: 3 printed, 1 + 2
    # taken
    assert fills["order_id"].tolist() == [2, 1]
    assert fills["price_ticks"].tolist() == [10001, 10003]
    assert fills["qty_lots"].tolist() == [1, 2]
    assert fills["queue_ahead_fill_lots"].tolist() == [5.0, 0.0]
    assert fills["m"].tolist() == [1000.0, 1000.0]  # the far ask at 12 changed no best
    assert fills["position_after"].tolist() == pytest.approx([-0.001, -0.003])


def test_a_book_that_crosses_our_order_fills_as_much_as_it_shows() -> None:
    trader = Trader([*BOOK, bid(20, 10002, 3), bid(30, 10002, 4), bid(40, 10003, 5)])
    trader.place(10, 1, side=SELL, tick=10002, lots=6, m0=1000.0)
    fills = trader.play(40)
    # 3 shown at 20; at 30 one more joins them; at 40 the bids reach 10003: 5 there for the last 2
    assert [ms_of(x - ns(0)) for x in fills["exch_ts_ns"]] == [20.0, 30.0, 40.0]
    assert fills["qty_lots"].tolist() == [3, 1, 2]
    assert fills["price_ticks"].tolist() == [10002, 10002, 10002]
    assert fills["is_maker"].tolist() == [1, 1, 1]
    # at 20 the last mid before is 1000.0; from 20 on the ask 10001 is hidden by the bid 10002, so the mid is
    # held
    assert fills["m"].tolist() == [1000.0, 1000.0, 1000.0]
    assert fills["mid_held"].tolist() == [0, 1, 1]


def test_what_joins_a_level_that_reaches_our_order_fills_it_once() -> None:
    # 3 of 9 filled at 20; 5 - 3 at 30; nothing when the level shrinks to 1 and stays; 4 - 1 at 60
    rows = [bid(20, 10002, 3), bid(30, 10002, 5), bid(40, 10002, 1), bid(50, 10002, 1), bid(60, 10002, 4)]
    trader = Trader([*BOOK, *rows])
    trader.place(10, 1, side=SELL, tick=10002, lots=9, m0=1000.0)
    assert trader.play(60)["qty_lots"].tolist() == [3, 2, 3]


def test_what_was_taken_of_a_level_is_not_taken_again_after_it_has_shrunk() -> None:
    # 5 of 9 filled at 20; 2 of the 5 are left at 30 and stay at 40; of 1 + 2 at 50 only the 1 is new
    rows = [bid(20, 10002, 5), bid(30, 10002, 2), bid(40, 10002, 2), bid(50, 10003, 1)]
    trader = Trader([*BOOK, *rows])
    trader.place(10, 1, side=SELL, tick=10002, lots=9, m0=1000.0)
    assert trader.play(50)["qty_lots"].tolist() == [5, 1]


def test_a_level_that_is_deleted_and_shown_again_is_new() -> None:
    # 5 of 9 filled at 20; gone at 30; 3 others at 40
    trader = Trader([*BOOK, bid(20, 10002, 5), bid(30, 10002, 0), bid(40, 10002, 3)])
    trader.place(10, 1, side=SELL, tick=10002, lots=9, m0=1000.0)
    assert trader.play(40)["qty_lots"].tolist() == [5, 3]


def test_a_level_below_the_best_that_reaches_our_order_fills_it_when_it_is_new() -> None:
    # 1 of 9 filled at 20 by the bid 10004; the bid 10003 is worse than that and new at 30
    trader = Trader([*BOOK, bid(20, 10004, 1), bid(30, 10003, 2), bid(40, 10003, 3)])
    trader.place(10, 1, side=SELL, tick=10002, lots=9, m0=1000.0)
    assert trader.play(40)["qty_lots"].tolist() == [1, 2, 1]


def test_orders_that_a_level_reaches_share_what_joins_it() -> None:
    # at 20 the bids show 2: order 2, the better ask, gets 2 of its 3; at 30 of 4 more it gets 1 and order 1 3
    trader = Trader([*BOOK, bid(20, 10003, 2), bid(30, 10003, 6)])
    trader.place(10, 1, side=SELL, tick=10003, lots=9, m0=1000.0)
    trader.place(10, 2, side=SELL, tick=10002, lots=3, m0=1000.0)
    fills = trader.play(30)
    assert fills["order_id"].tolist() == [2, 2, 1]
    assert fills["qty_lots"].tolist() == [2, 1, 3]


def test_a_fill_before_the_amend_arrives_belongs_to_the_old_decision() -> None:
    trader = Trader([*BOOK, bid(15, 9997, 3), sold(20, 9999, 6), sold(40, 9997, 9), bid(50, 9990, 1)])
    trader.place(10, 1, tick=9999, lots=4, m0=1000.0, version=1)
    trader.send(19.5, AMEND, 1, tick=9997, lots=4, m0=1000.4, version=2)  # arrives at 20.5
    fills = trader.play(50)
    # at 20: 5 ahead, 1 of ours at the old price, old m0, old version; at 20.5 the total stays 4, so 3 are
    # open behind
    # 3 at 9997; at 40 the print of 9 gives them all at the new price, new m0, new version
    assert fills["price_ticks"].tolist() == [9999, 9997]
    assert fills["qty_lots"].tolist() == [1, 3]
    assert fills["m0"].tolist() == [1000.0, 1000.4]
    assert fills["params_version"].tolist() == [1, 2]
    assert fills["quote_ts_ns"].tolist() == [ns(10), ns(19.5)]
    assert fills["order_ts_ns"].tolist() == [ns(10), ns(10)]
    assert fills["queue_ahead_entry_lots"].tolist() == [5.0, 3.0]
    assert [ms_of(x) for x in fills["resting_age_ns"]] == [9.0, 19.5]


@pytest.mark.parametrize(
    ("total", "ahead", "filled"),
    [(4, 5.0, [2, 2]), (3, 5.0, [2, 1]), (9, 8.0, [2, 7])],
    ids=["confirmed", "smaller", "larger"],
)
def test_a_confirmation_or_a_size_change_keeps_m0_and_only_a_larger_size_loses_the_place(
    total: int, ahead: float, filled: list[int]
) -> None:
    trader = Trader([*BOOK, sold(20, 9999, 7), bid(21, 9999, 8), sold(40, 9999, 30), bid(50, 9990, 1)])
    trader.place(10, 1, tick=9999, lots=4, m0=1000.0, version=1)
    trader.send(29, AMEND, 1, tick=9999, lots=total, m0=2000.0, version=2)
    fills = trader.play(50)
    assert fills["qty_lots"].tolist() == filled
    assert fills["m0"].tolist() == [1000.0, 1000.0]
    assert fills["params_version"].tolist() == [1, 1]
    assert fills["quote_ts_ns"].tolist() == [ns(10), ns(10)]
    assert fills["queue_ahead_entry_lots"].tolist() == [5.0, ahead]


def test_a_taker_walks_the_book_at_the_taker_fee_and_the_mid_when_sent() -> None:
    trader = Trader(
        [bid(0, 9999, 5), ask(0, 10001, 2), ask(0, 10002, 3), ask(10.5, 10003, 1), bid(60, 9998, 2)],
        rules=venue(slippage_rate=0.001),
    )
    trader.place(10, 1, tick=10002, lots=7, kind=IOC, m0=1000.0)
    fills = trader.play(60)
    assert fills["price_ticks"].tolist() == [10001, 10002]
    assert fills["qty_lots"].tolist() == [2, 3]
    assert fills["is_maker"].tolist() == [0, 0]
    # 10 bps of slippage on top of the displayed price: 1000.1 * 1.001 = 1001.1001
    assert fills["price"].tolist() == pytest.approx([1001.1001, 1001.2002], rel=1e-12)
    assert fills["fee_quote"].tolist() == pytest.approx([5e-4 * 0.002 * 1001.1001, 5e-4 * 0.003 * 1001.2002])
    assert fills["m0"].tolist() == [1000.0, 1000.0]
    assert fills["m"].tolist() == [1000.0, 1000.0]
    assert fills["off_target_age_ns"].tolist() == [-1, -1]
    assert fills["resting_age_ns"].tolist() == [0, 0]
    assert trader.live() == []  # the 2 left of the IOC are gone


def test_a_limit_order_takes_what_its_price_allows_and_rests_with_the_remainder() -> None:
    trader = Trader([*BOOK, sold(30, 10001, 4), bid(60, 9998, 2)])
    trader.place(10, 1, tick=10001, lots=7, kind=LIMIT, m0=1000.0)
    fills = trader.play(60)
    # 5 displayed taken at 1000.1, 2 rest there with nothing ahead; the print of 4 at 30 gives both, as maker
    assert fills["qty_lots"].tolist() == [5, 2]
    assert fills["is_maker"].tolist() == [0, 1]
    assert fills["queue_ahead_entry_lots"].tolist() == [0.0, 0.0]


def test_a_base_coin_fee_lowers_the_position_and_counts_at_the_mid() -> None:
    trader = Trader(
        [*BOOK, sold(20, 9999, 7), bought(30, 10001, 9), bid(60, 9998, 2)], rules=venue(fee_in_base=1)
    )
    trader.place(10, 1, tick=9999, lots=2, m0=1000.0)
    trader.place(10, 2, side=SELL, tick=10001, lots=2, m0=1000.0)
    fills = trader.play(60)
    # buy .002: fee .0001*.002 = 2e-7 base, position .0019998; sell .002: fee in quote .0001*.002*1000.1
    assert fills["fee_base"].tolist() == pytest.approx([2e-7, 0.0])
    assert fills["fee_quote"].tolist() == pytest.approx([0.0, 0.00020002])
    assert fills["position_after"].tolist() == pytest.approx([0.0019998, -2e-7], rel=1e-9)
    ledger = at(trader.replay.ledger, 0)
    # cash -1.9998 + 2.0002 - .00020002; fees_eff -(2e-7*1000.0) - .00020002
    assert ledger.cash == pytest.approx(0.00019998, rel=1e-9)
    assert ledger.fees_eff == pytest.approx(-0.00040002, rel=1e-9)


def test_a_one_sided_book_holds_the_last_mid_and_says_so() -> None:
    trader = Trader([*BOOK, clear(15, SELL), sold(20, 9999, 7), ask(40, 10011, 1), bid(140, 9998, 2)])
    trader.place(10, 1, tick=9999, lots=2, m0=1000.0)
    fill = trader.play(140)[0]
    assert (fill["m"], fill["mid_held"]) == (1000.0, 1)
    assert fill["m_100ms"] == pytest.approx((999.9 + 1001.1) / 2)  # 120 lies between 40 and 140
    assert at(trader.replay.ledger, 0).mids_held == 1


def test_a_fill_before_any_mid_breaks_the_run() -> None:
    trader = Trader([bid(0, 9999, 5), sold(20, 9999, 7), bid(30, 9999, 5)])
    trader.place(10, 1, tick=9999, lots=2, m0=1000.0)
    with pytest.raises(Exception, match="before any two-sided book"):
        trader.play(30)


def test_a_market_order_pays_whatever_is_shown_and_is_refused_by_an_empty_book() -> None:
    trader = Trader([*BOOK, clear(20, SELL), bid(60, 9998, 2)])
    trader.place(10, 1, lots=2, kind=MARKET, m0=1000.0)
    trader.place(30, 2, lots=2, kind=MARKET, m0=1000.0)
    fills = trader.play(60)
    assert fills["order_id"].tolist() == [1]
    assert fills["price_ticks"].tolist() == [10001]
    assert at(trader.replay.exchange, 0).rejects == 1


def test_funding_is_paid_on_the_position_held_just_before_its_instant() -> None:
    funding = [(20.0, 0.01, 1000.0), (35.0, -0.02, 900.0), (70.0, 0.5, 100.0)]
    trader = Trader([*BOOK, sold(20, 9999, 7), bid(60, 9999, 2)], funding=funding)
    trader.place(10, 1, tick=9999, lots=2, m0=1000.0)
    trader.play(30)
    assert (
        at(trader.replay.ledger, 0).funding == 0.0
    )  # at 20 the funding came before the fill of that instant
    trader.play(40)
    assert at(trader.replay.ledger, 0).funding == pytest.approx(
        0.02 * 0.002 * 900.0
    )  # a long receives a negative rate
    trader.play(80)  # past the last event, yet due
    assert at(trader.replay.ledger, 0).funding == pytest.approx(0.036 - 0.5 * 0.002 * 100.0)
    # cash = -1.9998 - fee .00019998 + funding -.064
    assert at(trader.replay.ledger, 0).cash == pytest.approx(-1.9998 - 0.00019998 - 0.064)


@pytest.mark.parametrize(
    ("name", "after"),
    [("m_100ms", 100), ("m_500ms", 500), ("m_1s", 1_000), ("m_5s", 5_000), ("m_30s", 30_000)],
)
def test_what_happens_exactly_at_a_horizon_counts_and_what_comes_after_it_does_not(
    name: str, after: int
) -> None:
    at_horizon, beyond = 20 + after, 20 + after + 0.001
    moves = [
        ask(at_horizon, 10001, 0),
        ask(at_horizon, 10005, 3),
        ask(beyond, 10005, 0),
        ask(beyond, 10009, 3),
    ]
    trader = Trader([*BOOK, sold(20, 9999, 7), *moves])
    trader.place(10, 1, tick=9999, lots=2, m0=1000.0)
    assert trader.play(beyond)[0][name] == pytest.approx((999.9 + 1000.5) / 2)


def test_horizons_that_end_with_the_window_are_known_and_later_ones_are_not() -> None:
    trader = Trader([*BOOK, sold(20, 9999, 7)])
    trader.place(10, 1, tick=9999, lots=2, m0=1000.0)
    assert trader.play(119)["m_100ms"].tolist() == pytest.approx([float("nan")], nan_ok=True)
    fill = trader.play(520)[0]
    assert (fill["m_100ms"], fill["m_500ms"]) == (1000.0, 1000.0)
    assert fill["m_1s"] != fill["m_1s"]


def test_the_probabilistic_queue_shares_a_shrinking_level_between_ahead_and_behind() -> None:
    # we join behind 5; the level grows to 10, then shrinks by 4: behind 5, ratio .5, prob = 1-.5^3 = .875,
    # ahead = 5 - .125*4 + min(5 - .875*4, 0) = 4.5; a print of 6 then reaches 1.5 -> 1 lot
    trader = Trader(
        [*BOOK, bid(20, 9999, 10), bid(30, 9999, 6), sold(40, 9999, 6), bid(50, 9990, 1)],
        rules=venue(queue_model=PROB_POWER),
    )
    trader.place(10, 1, tick=9999, lots=3, m0=1000.0)
    trader.play(35)
    assert trader.live() == [(1, 9999, 3, 4.5)]
    assert trader.play(50)["qty_lots"].tolist() == [1]


def test_a_desk_that_quotes_books_the_same_numbers_by_itself() -> None:
    # The desk sees 1000.0 at 1 and quotes 5 bps = .5 away, there at 2: bid 9995, ask 10005.
    # At 100 the mid goes to 1000.5, seen at 101; .50025 away is 9999.9975 and 10010.0025, so bid 9999 and ask
    # 10011,
    # there at 102. In between a print of 3 hits the old ask, which has not been wanted since 101.
    # At 1000.5 the same money buys only 4 lots: the amend asks for that total, 1 is left, a print at 300
    # gives it.
    rows = [
        bid(0, 9999, 1000), ask(0, 10001, 1000),
        bid(100, 10003, 1000), ask(100, 10001, 0), ask(100, 10007, 1000),
        bought(101.5, 10005, 3), bought(300, 10011, 9), bid(400, 9000, 9),
    ]  # fmt: skip
    replay = quoter(rows, quoting())
    replay.advance(ns(400))
    fills = replay.fill_rows()
    assert fills["order_id"].tolist() == [2, 2]
    assert fills["side"].tolist() == [SELL, SELL]
    assert fills["price_ticks"].tolist() == [10005, 10011]
    assert fills["qty_lots"].tolist() == [3, 1]
    assert fills["m0"].tolist() == [1000.0, 1000.5]
    assert fills["m"].tolist() == [1000.5, 1000.5]
    assert [ms_of(x) for x in fills["off_target_age_ns"]] == [0.5, 0.0]
    assert [ms_of(x) for x in fills["resting_age_ns"]] == [99.5, 198.0]
    assert fills["quote_ts_ns"].tolist() == [ns(1), ns(101)]
    audit = replay.audit_rows()
    assert audit["action"].tolist()[:4] == [1, 1, 2, 2]
    assert audit["price_ticks"].tolist()[:4] == [9995, 10005, 9999, 10011]
    desk, ledger = at(replay.desk, 0), at(replay.ledger, 0)
    assert at(replay.exposure, 0).position == pytest.approx(ledger.position) == pytest.approx(-0.004)
    assert desk.cash == pytest.approx(ledger.cash, rel=1e-12)
