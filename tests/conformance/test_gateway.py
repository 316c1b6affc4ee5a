"""What every gateway must do, numbered as docs/venue.md lists it; an adapter passes all of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from framework.market.events import BUY, SELL
from framework.market.records import (
    ACCEPTED,
    AMEND,
    AMEND_REJECTED,
    AMENDED,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    DUPLICATE,
    EXPIRED,
    FILLED,
    IOC,
    LIMIT,
    NEW,
    NO_LIQUIDITY,
    NO_REASON,
    NOT_REDUCING,
    REJECTED,
    UNKNOWN_ORDER,
    WOULD_TAKE,
)
from framework.venue.gateway import Gateway, GatewayError
from tests.conformance.adapters import ADAPTERS, BREAKS, SYMBOL, Trader
from tests.engine.tapes import LOT, Row, ask, bid, ns, sold

BOOK = (bid(0, 9_990, 50), ask(0, 10_010, 50))
QUIET = (*BOOK, bid(1_000, 9_980, 5))
"""A market in which nothing trades for a second."""


@pytest.fixture(params=sorted(ADAPTERS))
def trader(request: pytest.FixtureRequest) -> Callable[..., Trader]:
    def made(market: Sequence[Row] = QUIET, *, rows: int = 4096, **before: Any) -> Trader:
        gateway: Gateway = ADAPTERS[request.param](market, **before)
        found = Trader(gateway, rows=rows)
        found.run(10)
        return found

    return made


def place(trader: Trader, order_id: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Place an order that rests behind the touch, unless told otherwise."""
    trader.send(NEW, order_id, **{"price_ticks": 9_990, "qty_lots": 5, **fields})
    return trader.run(trader.at_ms + 10)


def said(reports: list[dict[str, Any]]) -> list[tuple[int, int, int]]:
    return [(row["report_kind"], row["reason"], row["order_id"]) for row in reports]


def test_g01_a_symbol_has_an_instrument_and_an_unknown_one_is_refused_by_name(trader: Any) -> None:
    gateway = trader().gateway
    assert gateway.instrument(SYMBOL).symbol == SYMBOL
    with pytest.raises(GatewayError, match="NOPEUSDT"):
        gateway.instrument("NOPEUSDT")


def test_g02_a_post_only_order_that_rests_is_accepted_once(trader: Any) -> None:
    here = trader()
    assert said(place(here)) == [(ACCEPTED, NO_REASON, 1)]
    assert said(here.run(900)) == []


def test_g03_a_post_only_order_that_would_take_is_rejected_and_never_fills(trader: Any) -> None:
    here = trader()
    assert said(place(here, price_ticks=10_010)) == [(REJECTED, WOULD_TAKE, 1)]
    assert here.gateway.state(since_ns=0).orders == ()


def test_g04_an_amend_is_confirmed_once_with_its_price_and_size(trader: Any) -> None:
    here = trader()
    place(here)
    here.send(AMEND, 1, price_ticks=9_985, qty_lots=3)
    (report,) = here.run(30)
    assert said([report]) == [(AMENDED, NO_REASON, 1)]
    (order,) = here.gateway.state(since_ns=0).orders
    assert (order.price_ticks, order.leaves_lots) == (9_985, 3)


def test_g05_an_amend_of_an_unknown_order_is_refused(trader: Any) -> None:
    here = trader()
    here.send(AMEND, 9, price_ticks=9_985, qty_lots=3)
    assert said(here.run(30)) == [(AMEND_REJECTED, UNKNOWN_ORDER, 9)]


def test_g06_a_cancel_is_confirmed_once_and_nothing_fills_after_it(trader: Any) -> None:
    here = trader((*BOOK, sold(500, 9_980, 500)))
    place(here)
    here.send(CANCEL, 1)
    assert said(here.run(30)) == [(CANCELLED, NO_REASON, 1)]
    assert said(here.run(600)) == []


def test_g07_a_cancel_of_an_unknown_order_is_refused(trader: Any) -> None:
    here = trader()
    here.send(CANCEL, 9)
    assert said(here.run(30)) == [(CANCEL_REJECTED, UNKNOWN_ORDER, 9)]


def test_g08_an_order_the_market_trades_through_is_filled_as_maker(trader: Any) -> None:
    here = trader((*BOOK, sold(500, 9_980, 500)))
    place(here)
    (report,) = here.run(600)
    assert said([report]) == [(FILLED, NO_REASON, 1)]
    assert (report["qty_lots"], report["leaves_lots"], report["is_maker"]) == (5, 0, 1)
    assert (report["price_ticks"], report["exec_id"] > 0) == (9_990, True)


def test_g09_partial_fills_add_up_and_what_is_left_rests(trader: Any) -> None:
    here = trader((*BOOK, sold(500, 9_990, 52), sold(700, 9_990, 2)))
    place(here)
    first = here.run(600)
    assert [(row["report_kind"], row["qty_lots"], row["leaves_lots"]) for row in first] == [(FILLED, 2, 3)]
    (order,) = here.gateway.state(since_ns=0).orders
    assert (order.leaves_lots, order.filled_lots) == (3, 2)
    (second,) = here.run(800)
    assert (second["qty_lots"], second["leaves_lots"]) == (2, 1)
    assert second["exec_id"] != first[0]["exec_id"]


def test_g10_a_link_that_was_used_is_refused_and_its_order_lives_on(trader: Any) -> None:
    here = trader()
    place(here)
    here.send(NEW, 2, link=1, price_ticks=9_985, qty_lots=5)
    assert said(here.run(30)) == [(REJECTED, DUPLICATE, 2)]
    assert [order.order_id for order in here.gateway.state(since_ns=0).orders] == [1]


@pytest.mark.parametrize("symbol", [SYMBOL, None])
def test_g11_cancel_all_reports_every_order_once(trader: Any, symbol: str | None) -> None:
    here = trader()
    for order_id in (1, 2, 3):
        place(here, order_id, price_ticks=9_990 - order_id)
    here.gateway.cancel_all(symbol)
    reports = here.run(100)
    assert sorted(said(reports)) == [(CANCELLED, NO_REASON, k) for k in (1, 2, 3)]
    assert {row["side"] for row in reports} == {BUY}
    assert here.gateway.state(since_ns=0).orders == ()


def test_g12_the_state_is_orders_position_and_executions(trader: Any) -> None:
    here = trader((*BOOK, sold(500, 9_980, 500)), position=0.01)
    place(here)
    place(here, 2, price_ticks=10_020, side=SELL)
    here.run(600)
    state = here.gateway.state(since_ns=0)
    assert state.positions[SYMBOL] == pytest.approx(0.01 + 5 * LOT)
    assert [(order.order_id, order.side) for order in state.orders] == [(2, SELL)]
    (fill,) = state.executions
    assert (fill.order_id, fill.side, fill.qty_lots, fill.is_maker) == (1, BUY, 5, True)
    assert fill.exec_id == here.reports[-1]["exec_id"]


def test_g13_executions_before_the_time_asked_for_are_left_out(trader: Any) -> None:
    here = trader((*BOOK, sold(500, 9_980, 500)))
    place(here)
    here.run(600)
    (fill,) = here.gateway.state(since_ns=0).executions
    assert here.gateway.state(since_ns=fill.exch_ts_ns).executions == (fill,)
    assert here.gateway.state(since_ns=fill.exch_ts_ns + 1).executions == ()


def test_g14_a_reduce_only_order_that_would_open_is_rejected(trader: Any) -> None:
    assert said(place(trader(), reduce_only=1)) == [(REJECTED, NOT_REDUCING, 1)]


def test_g15_what_an_order_cannot_take_expires_when_it_must_not_rest(trader: Any) -> None:
    here = trader()
    reports = place(here, price_ticks=10_010, qty_lots=60, order_kind=IOC)
    assert [(row["qty_lots"], row["report_kind"]) for row in reports if row["report_kind"] == FILLED] == [
        (50, FILLED)
    ]
    assert said(reports)[-1] == (EXPIRED, NO_LIQUIDITY, 1)
    assert here.gateway.state(since_ns=0).orders == ()


def test_g16_an_order_that_takes_is_filled_as_taker(trader: Any) -> None:
    reports = place(trader(), price_ticks=10_010, order_kind=LIMIT)
    fills = [row for row in reports if row["report_kind"] == FILLED]
    assert [(row["price_ticks"], row["qty_lots"], row["is_maker"]) for row in fills] == [(10_010, 5, 0)]


def test_g17_a_poll_comes_no_further_than_asked_and_never_back(trader: Any) -> None:
    here = trader((*BOOK, *(bid(k, 9_990, 50 + k) for k in range(20, 900, 7))))
    here.run(901)
    assert here.instants == sorted(here.instants)
    assert here.instants[-1] == ns(901)


def test_g18_market_events_come_once_in_the_order_of_arrival(trader: Any) -> None:
    rows = [bid(k // 3, 9_990, 50 + k) for k in range(60, 300)]
    here = trader((*BOOK, *rows))
    here.run(901)
    assert [row[4] for row in here.market] == [50, 50, *(row[4] for row in rows)]
    assert [row[0] for row in here.market] == sorted(row[0] for row in here.market)


def test_g19_a_full_buffer_ends_a_poll_between_two_instants(trader: Any) -> None:
    rows = [bid(100 + k // 3, 9_990, 50 + k) for k in range(60)]
    here = trader((*BOOK, *rows), rows=4)
    here.into.quiet_until_ns = ns(800)
    here.run(901)
    assert [row[4] for row in here.market][2:] == [row[4] for row in rows]


def test_g20_before_the_caller_acts_everything_comes_together(trader: Any) -> None:
    here = trader((*BOOK, *(bid(k, 9_990, 50 + k) for k in range(20, 900, 7))))
    here.into.quiet_until_ns = ns(800)
    assert here.gateway.poll(here.into, until_ns=ns(901)).at_ns == ns(800)


def test_g21_reports_come_in_the_order_of_arrival(trader: Any) -> None:
    here = trader()
    for order_id in (1, 2, 3):
        here.send(NEW, order_id, price_ticks=9_990, qty_lots=5)
    reports = here.run(30)
    assert [row["order_id"] for row in reports] == [1, 2, 3]
    assert [row["link_id"] for row in reports] == [1, 2, 3]
    assert [row["arrive_ns"] for row in reports] == sorted(row["arrive_ns"] for row in reports)


def test_g22_books_are_told_when_they_change(trader: Any) -> None:
    here = trader((*BOOK, sold(500, 9_980, 500)))
    place(here)
    here.run(400)
    assert here.into.accounts == {}
    here.gateway.poll(here.into, until_ns=ns(600))
    account = here.into.accounts[SYMBOL]
    assert account.position == pytest.approx(5 * LOT)
    assert account.cash == pytest.approx(-5 * LOT * 999.0 * (1 + 1e-4))


def test_g23_health_counts_events_and_says_how_long_nothing_came(trader: Any) -> None:
    here = trader((*BOOK, bid(100, 9_990, 40)))
    here.run(501)
    health = here.gateway.health
    assert health.sequence == 3
    assert 399_000_000 <= health.staleness_ns <= 401_000_000
    assert abs(health.clock_offset_ns) < 1_000_000_000


def test_g24_a_fill_is_reported_once(trader: Any) -> None:
    here = trader((*BOOK, *(sold(100 * k, 9_980, 1) for k in range(1, 6)), sold(700, 9_980, 500)))
    for order_id in (1, 2, 3):
        place(here, order_id, price_ticks=9_980, qty_lots=7)
    for ms in range(50, 1_000, 50):
        here.run(ms)
        here.gateway.state(since_ns=0)  # whoever asks does not hear it again
    reported = [row["exec_id"] for row in here.reports if row["report_kind"] == FILLED]
    assert len(reported) == len(set(reported)) > 2
    assert reported == [fill.exec_id for fill in here.gateway.state(since_ns=0).executions]


def test_g25_a_state_is_whole_however_much_there_is(trader: Any) -> None:
    here = trader((*BOOK, *(sold(500 + k, 9_989, 1) for k in range(250))))
    place(here, 1, price_ticks=9_990, qty_lots=1_000)
    for order_id in range(2, 60):
        place(here, order_id, price_ticks=9_900 - order_id)
    here.run(1_300)
    state = here.gateway.state(since_ns=0)
    assert len(state.orders) == 59
    assert [fill.exec_id for fill in state.executions] == [
        row["exec_id"] for row in here.reports if row["report_kind"] == FILLED
    ]
    assert len(state.executions) > 200


def test_g26_a_state_raises_when_it_is_not_whole_and_never_gives_a_part(
    trader: Any, request: pytest.FixtureRequest
) -> None:
    here = trader((*BOOK, sold(500, 9_980, 500)))
    place(here)
    BREAKS[request.node.callspec.params["trader"]](here.gateway)
    with pytest.raises(GatewayError, match=SYMBOL):
        here.gateway.state(since_ns=0)


def test_g27_cancel_all_takes_off_what_is_on_its_way(trader: Any) -> None:
    here = trader()
    here.send(NEW, 1, price_ticks=9_990, qty_lots=5)
    here.gateway.cancel_all(SYMBOL)
    assert said(here.run(100)) == [(ACCEPTED, NO_REASON, 1), (CANCELLED, NO_REASON, 1)]
    assert here.gateway.state(since_ns=0).orders == ()


def test_the_document_lists_every_case() -> None:
    text = Path(__file__).parents[2].joinpath("docs", "venue.md").read_text(encoding="utf-8")
    own = Path(__file__).read_text(encoding="utf-8")
    cases = re.findall(r"def test_(g\d\d)_(\w+)", own)
    listed = re.findall(r"^\| (G\d\d) \| (.+) \|$", text, re.MULTILINE)
    assert [(n.lower(), re.sub(r"\W", "_", words.lower())) for n, words in listed] == cases
