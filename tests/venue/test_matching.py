"""The simulated exchange, asked by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from framework.compiled.records import at
from framework.engine.replay import EngineError
from framework.market.events import BUY, SELL
from framework.market.records import (
    ACCEPTED,
    AMEND,
    AMEND_REJECTED,
    AMENDED,
    BAD_ORDER,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    IOC,
    LIMIT,
    MARKET,
    NEW,
    NO_LIQUIDITY,
    NO_REASON,
    NOT_REDUCING,
    REJECTED,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    WOULD_TAKE,
)
from framework.venue.matching.records import PROB_POWER
from tests.engine.tapes import Trader, ask, bid, bought, clear, gap, sold, venue

BOOK = [bid(0, 9999, 5), ask(0, 10001, 5)]
LATER = bid(10_000, 9000, 1)


def asked(trader: Trader, action: int, **request: object) -> list[tuple[int, int, int]]:
    """Send one request at 50 ms and give the reports it causes at 51."""
    trader.send(50, action, 1, **request)  # type: ignore[arg-type]
    trader.play(51)
    return trader.answers()


def test_a_post_only_order_that_would_cross_is_cancelled_not_filled() -> None:
    trader = Trader([*BOOK, LATER])
    assert asked(trader, NEW, tick=10001, lots=2) == [(REJECTED, WOULD_TAKE, 1)]
    assert trader.live() == []
    assert len(trader.play(100)) == 0


def test_a_post_only_amend_that_would_cross_loses_the_order() -> None:
    trader = Trader([*BOOK, LATER])
    trader.place(10, 1, tick=9999, lots=2)
    assert asked(trader, AMEND, tick=10001, lots=2) == [(CANCELLED, WOULD_TAKE, 1)]
    assert trader.live() == []


def test_a_limit_amend_that_crosses_takes_and_keeps_the_orders_birth() -> None:
    trader = Trader([*BOOK, LATER])
    trader.place(10, 1, tick=9999, lots=7, kind=LIMIT, m0=1000.0)
    assert asked(trader, AMEND, tick=10001, lots=7, m0=1000.5) == [
        (AMENDED, NO_REASON, 1),
        (FILLED, NO_REASON, 1),
    ]
    fill = trader.play(60)[0]
    assert (fill["is_maker"], fill["qty_lots"], fill["m0"]) == (0, 5, 1000.5)
    assert fill["order_ts_ns"] < fill["quote_ts_ns"]
    assert trader.live() == [(1, 10001, 2, 0.0)]


def test_an_immediate_order_that_finds_nothing_is_refused_and_a_partial_one_expires() -> None:
    trader = Trader([*BOOK, LATER])
    assert asked(trader, NEW, tick=10000, lots=2, kind=IOC) == [(REJECTED, NO_LIQUIDITY, 1)]
    trader = Trader([*BOOK, LATER])
    assert [kind for kind, _, _ in asked(trader, NEW, tick=10001, lots=9, kind=IOC)] == [
        ACCEPTED,
        FILLED,
        EXPIRED,
    ]
    assert trader.live() == []


@pytest.mark.parametrize("action", [AMEND, CANCEL])
def test_a_request_for_an_unknown_order_is_answered(action: int) -> None:
    answer = {AMEND: AMEND_REJECTED, CANCEL: CANCEL_REJECTED}[action]
    assert asked(Trader([*BOOK, LATER]), action, tick=9999, lots=1) == [(answer, UNKNOWN_ORDER, 1)]


def test_an_amend_to_nothing_is_refused_and_one_below_what_is_filled_cancels_the_rest() -> None:
    trader = Trader([*BOOK, sold(20, 9999, 7), LATER])
    trader.place(10, 1, tick=9999, lots=4, m0=1000.0)
    assert asked(trader, AMEND, tick=9999, lots=0) == [(AMEND_REJECTED, BAD_ORDER, 1)]
    trader.send(60, AMEND, 1, tick=9999, lots=2)
    trader.play(61)
    assert trader.answers() == [(CANCELLED, NO_REASON, 1)]
    assert trader.live() == []


def test_an_order_without_size_is_refused() -> None:
    assert asked(Trader([*BOOK, LATER]), NEW, tick=9999, lots=0) == [(REJECTED, BAD_ORDER, 1)]


def test_the_exchange_holds_only_so_many_orders_and_keeps_them_apart() -> None:
    trader = Trader([*BOOK, LATER])
    for order_id in range(1, 65):
        trader.place(10, order_id, tick=9998 - order_id % 7, lots=1)
    trader.play(11)
    assert len(trader.live()) == 63
    assert trader.answers()[-1] == (REJECTED, TOO_MANY_ORDERS, 64)
    trader.send(20, AMEND, 1, tick=9000, lots=1)
    trader.play(21)
    assert sorted(order for order, *_ in trader.live()) == list(range(1, 64))
    assert trader.live()[-1][:2] == (1, 9000)


def test_a_reduce_only_order_never_turns_the_position() -> None:
    trader = Trader([*BOOK, LATER], position=0.003)
    assert asked(trader, NEW, side=BUY, tick=9999, lots=2, reduce_only=1) == [(REJECTED, NOT_REDUCING, 1)]
    trader = Trader([*BOOK, bought(60, 10002, 9), LATER], position=0.003)
    assert asked(trader, NEW, side=SELL, tick=10002, lots=8, reduce_only=1) == [(ACCEPTED, NO_REASON, 1)]
    assert trader.live() == [(1, 10002, 3, 0.0)]
    assert trader.play(70)["position_after"].tolist() == pytest.approx([0.0])


def test_a_resting_reduce_only_order_shrinks_with_the_position_and_goes_with_it() -> None:
    trader = Trader([*BOOK, bought(30, 10001, 7), bought(60, 10001, 9), LATER], position=0.003)
    trader.place(10, 1, side=SELL, tick=10003, lots=3, reduce_only=1)
    trader.place(10, 2, side=SELL, tick=10001, lots=3)
    trader.play(30)
    assert trader.live() == [(1, 10003, 1, 0.0), (2, 10001, 1, 0.0)]
    trader.play(60)
    assert trader.answers() == [(FILLED, NO_REASON, 2), (EXPIRED, NOT_REDUCING, 1)]
    assert trader.live() == []


@pytest.mark.parametrize(("partial", "shared"), [(1, 1), (1, 0), (0, 1), (0, 0)])
def test_a_reduce_only_order_is_held_to_the_position_in_every_convention(partial: int, shared: int) -> None:
    rows = [*BOOK, bought(30, 10002, 20), bid(40, 10005, 9), LATER]
    trader = Trader(rows, rules=venue(partial_fills=partial, shared_queue=shared), position=0.003)
    trader.place(10, 1, side=SELL, tick=10002, lots=2)
    trader.place(10, 2, side=SELL, tick=10002, lots=3, reduce_only=1)
    trader.place(10, 3, side=SELL, tick=10004, lots=3, reduce_only=1)
    fills = trader.play(50)
    assert fills["qty_lots"].sum() == 3
    assert at(trader.replay.ledger, 0).position == pytest.approx(0.0)
    assert trader.live() == []


def test_own_orders_at_one_price_share_one_queue() -> None:
    rows = [*BOOK, bid(25, 9999, 7), sold(30, 9999, 6), sold(40, 9999, 3), sold(50, 9999, 9), LATER]
    trader = Trader(rows)
    trader.place(10, 1, tick=9999, lots=3)
    trader.place(26, 2, tick=9999, lots=2)
    # order 1 behind 5, order 2 behind 7 foreign and the 3 of order 1; 6 printed: 5 foreign, 1 ours
    assert trader.play(30)[["order_id", "qty_lots"]].tolist() == [(1, 1)]
    assert trader.live() == [(1, 9999, 2, 0.0), (2, 9999, 2, 2.0)]
    # 3 printed: 2 ours, 1 foreign; then 9: 1 foreign, 2 ours
    assert trader.play(60)[["order_id", "qty_lots"]].tolist() == [(1, 1), (1, 2), (2, 2)]


def test_orders_judged_alone_each_see_the_whole_print() -> None:
    trader = Trader([*BOOK, sold(30, 9999, 7), sold(40, 9998, 1), LATER], rules=venue(shared_queue=0))
    trader.place(10, 1, tick=9999, lots=3)
    trader.place(10, 2, tick=9999, lots=3)
    # each alone: 7 printed less 5 ahead gives 2; a print through the price then gives at most itself to each
    assert trader.play(60)[["order_id", "qty_lots"]].tolist() == [(1, 2), (2, 2), (1, 1), (2, 1)]
    trader = Trader([*BOOK, sold(30, 9999, 6), LATER], rules=venue(shared_queue=0, partial_fills=0))
    trader.place(10, 1, tick=9999, lots=30)
    assert trader.play(60)["qty_lots"].tolist() == [30]


def test_displayed_liquidity_is_consumed_once_until_the_feed_speaks_of_it_again() -> None:
    trader = Trader([*BOOK, ask(30, 10001, 5), LATER])
    trader.place(10, 1, tick=10001, lots=3, kind=IOC, m0=1000.0)
    trader.place(15, 2, tick=10001, lots=3, kind=IOC, m0=1000.0)
    trader.place(20, 3, tick=10001, lots=3, kind=IOC, m0=1000.0)
    assert trader.play(25)[["order_id", "qty_lots"]].tolist() == [(1, 3), (2, 2)]
    trader.place(40, 4, tick=10001, lots=9, kind=MARKET, m0=1000.0)
    assert trader.play(50)["qty_lots"].tolist() == [3, 2, 5]


def test_clearing_one_side_forgets_what_was_consumed_there_and_leaves_the_other() -> None:
    trader = Trader([*BOOK, clear(30, SELL), ask(30, 10001, 2), LATER])
    trader.place(10, 1, tick=10001, lots=5, kind=IOC, m0=1000.0)
    trader.place(10, 2, side=SELL, tick=9999, lots=5, kind=IOC, m0=1000.0)
    trader.place(40, 3, tick=10001, lots=5, kind=IOC, m0=1000.0)
    trader.place(40, 4, side=SELL, tick=9999, lots=5, kind=IOC, m0=1000.0)
    fills = trader.play(50)
    assert fills[["order_id", "qty_lots"]].tolist() == [(1, 5), (2, 5), (3, 2)]


def test_a_crossing_book_reaches_the_best_of_our_prices_first() -> None:
    trader = Trader([*BOOK, bid(30, 10004, 4), LATER])
    trader.place(10, 1, side=SELL, tick=10004, lots=3)
    trader.place(10, 2, side=SELL, tick=10003, lots=3)
    assert trader.play(60)[["order_id", "qty_lots"]].tolist() == [(2, 3), (1, 1)]


def test_a_broken_feed_fills_nothing_until_its_snapshot_shows_where_the_market_went() -> None:
    rows = [*BOOK, gap(20), bid(30, 10004, 4), clear(40), bid(40, 10003, 2), ask(40, 10005, 2), LATER]
    trader = Trader(rows)
    trader.place(10, 1, side=SELL, tick=10003, lots=3)
    assert len(trader.play(35)) == 0
    fill = trader.play(60)[0]
    assert (fill["qty_lots"], fill["m"], fill["mid_held"]) == (2, 1000.0, 1)


def test_a_queue_survives_a_snapshot_of_the_same_book() -> None:
    rows = [*BOOK, sold(20, 9999, 2), clear(30), bid(30, 9999, 3), ask(30, 10001, 5), LATER]
    for model in (0, PROB_POWER):
        trader = Trader(rows, rules=venue(queue_model=model))
        trader.place(10, 1, tick=9999, lots=3)
        trader.play(40)
        assert trader.live() == [(1, 9999, 3, 3.0)]


def cost_table(*, impact: float, filled: float, draws: list[float]) -> NDArray[np.float64]:
    """A table of two knots: impact rises from 0 to ``impact``, the fill probability is ``filled``
    throughout.
    """
    return np.array([1e-9, 1.0, 0.0, impact, filled, filled, *draws])


def test_an_aggressive_order_pays_the_impact_of_its_share_of_the_days_volume() -> None:
    # 86400 lots printed in the first minute are 1440 * 86400 a day; 5 lots of it are 5/124416000
    share = 5 / (1440 * 86_400)
    trader = Trader(
        [*BOOK, bought(5, 10002, 86_400), LATER],
        rules=venue(cost_knots=2, slippage_rate=0.0005),
        costs=cost_table(impact=1000.0, filled=1.0, draws=[0.0]),
    )
    trader.place(10, 1, tick=10001, lots=5, kind=IOC, m0=1000.0)
    paid = trader.play(60)[0]["price"] / 1000.1 - 1.0
    assert paid == pytest.approx(0.0005 + 1000.0 * (share - 1e-9) / (1 - 1e-9), rel=1e-6)


def test_a_kind_fill_may_be_missed_but_a_market_through_our_price_always_fills() -> None:
    trader = Trader(
        [*BOOK, sold(20, 9999, 9), sold(30, 9999, 9), sold(40, 9998, 9), LATER],
        rules=venue(cost_knots=2),
        costs=cost_table(impact=0.0, filled=0.4, draws=[0.5, 0.3]),
    )
    trader.place(10, 1, tick=9999, lots=2)
    trader.place(35, 2, tick=9999, lots=1)
    fills = trader.play(60)  # at 20 the draw .5 misses, at 30 .3 hits; at 40 no draw is asked
    assert fills["exch_ts_ns"].tolist() == [fills["exch_ts_ns"][0], fills["exch_ts_ns"][0] + 10_000_000]
    assert at(trader.replay.exchange, 0).draws == 2


def test_a_cost_model_without_its_table_is_an_error() -> None:
    with pytest.raises(EngineError, match="no table"):
        Trader(BOOK, rules=venue(cost_knots=2))


def test_more_fills_than_the_buffer_holds_are_given_room() -> None:
    rows = [*BOOK, *(sold(20 + k, 9998, 1) for k in range(4_200)), LATER]
    trader = Trader(rows)
    trader.place(10, 1, tick=9998, lots=5_000)
    assert len(trader.play(10_000)) == 4_200
