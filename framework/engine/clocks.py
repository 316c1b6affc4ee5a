"""The two clocks: the exchange runs on alone as far as the desk cannot reach it, then the desk catches up."""

from __future__ import annotations

from typing import Any

from framework.compiled.jit import core, hot
from framework.edge.ledger import Ledger
from framework.engine.exchange_time import step_time
from framework.engine.records import Cursor
from framework.market.book import EXCHANGE, LOCAL, Book, clear_book, clear_side, set_level
from framework.market.events import CLEAR, DEPTH, TRADE
from framework.market.records import ACCEPTED, AMENDED, Fill, Report
from framework.quoting.records import FOREVER, Audit, Desk, Params, Pending, Quote, View
from framework.quoting.tick import on_local_trade, on_report
from framework.venue.matching.feed import on_depth, on_trade
from framework.venue.matching.liquidity import forget_side
from framework.venue.matching.orders import depth_concerns, trade_concerns
from framework.venue.matching.records import Exchange, Order, Taken, Venue

SPARE = 64


@core
def clear(books: list[Book], levels: list[int], which: int, side: int) -> None:
    """Empty a side of a book, or with side 0 the book, which may be trusted again."""
    if side == 0:
        clear_book(books, levels, which)
    else:
        clear_side(books, levels, which, side)


@hot
def exchange_to(
    bound: int,
    tick_floor: int,
    exch_ts_ns: Any,
    kind: Any,
    side: Any,
    price_ticks: Any,
    qty_lots: Any,
    funding_ts_ns: Any,
    funding_rate: Any,
    funding_mark: Any,
    cursor: Cursor,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: list[int],
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: list[int],
    costs: list[float],
) -> int:
    """Run the exchange alone up to ``bound``, or up to the instant at which the desk could answer a new
    report.
    """
    i = cursor.exch_i
    n = len(exch_ts_ns)
    book = books[EXCHANGE]
    while i < n and exch_ts_ns[i] <= bound:
        ts = exch_ts_ns[i]
        if ts > ex.now_ns:
            step_time(ts, cursor, venue, ex, books, fills, ledger, funding_ts_ns, funding_rate, funding_mark)
        known = ex.responses
        what = kind[i]
        if what == DEPTH:
            if book.trusted == 0 or not depth_concerns(ex, side[i], price_ticks[i]):
                set_level(books, levels, EXCHANGE, side[i], price_ticks[i], qty_lots[i])
            else:
                on_depth(
                    side[i],
                    price_ticks[i],
                    qty_lots[i],
                    venue,
                    ex,
                    books,
                    levels,
                    orders,
                    taken,
                    fills,
                    reports,
                    ledger,
                    response_ns,
                )
        elif what == TRADE:
            ex.traded_lots += qty_lots[i]
            if trade_concerns(ex, side[i], price_ticks[i]):
                on_trade(
                    side[i],
                    price_ticks[i],
                    qty_lots[i],
                    venue,
                    ex,
                    orders,
                    fills,
                    reports,
                    ledger,
                    response_ns,
                    costs,
                )
        elif what == CLEAR:
            clear(books, levels, EXCHANGE, side[i])
            forget_side(ex, taken, side[i])
        else:
            book.trusted = 0
        i += 1
        if ex.responses != known:
            answer = max(reports[ex.report_head].arrive_ns, tick_floor)
            if answer < bound:
                bound = max(answer, ts)
            if ex.fills + SPARE > len(fills):
                bound = ts
                break
    cursor.exch_i = i
    return bound


@hot
def local_to(
    bound: int,
    local_ts_ns: Any,
    kind: Any,
    side: Any,
    price_ticks: Any,
    qty_lots: Any,
    cursor: Cursor,
    ex: Exchange,
    books: list[Book],
    levels: list[int],
    reports: list[Report],
    p: Params,
    desk: Desk,
    view: View,
    quotes: list[Quote],
    pending: list[Pending],
    audits: list[Audit],
) -> None:
    """Let the desk see market data and reports up to ``bound``, in order of arrival, data first at one
    instant.
    """
    i = cursor.local_i
    n = len(local_ts_ns)
    book = books[LOCAL]
    while True:
        report_ns = FOREVER
        if ex.report_count > 0:
            report_ns = reports[ex.report_head].arrive_ns
        last = min(bound, report_ns)
        while i < n and local_ts_ns[i] <= last:
            what = kind[i]
            if what == DEPTH:
                set_level(books, levels, LOCAL, side[i], price_ticks[i], qty_lots[i])
                cursor.dirty = 1
                cursor.dirty_ns = local_ts_ns[i]
                book.updated_ns = local_ts_ns[i]
            elif what == TRADE:
                on_local_trade(side[i], price_ticks[i], qty_lots[i], desk, view, quotes)
            else:
                if what == CLEAR:
                    clear(books, levels, LOCAL, side[i])
                else:
                    book.trusted = 0
                cursor.dirty = 1
                cursor.dirty_ns = local_ts_ns[i]
            i += 1
        if report_ns > bound:
            break
        report = reports[ex.report_head]
        ex.report_head = (ex.report_head + 1) & (len(reports) - 1)
        ex.report_count -= 1
        full = desk.inflight >= p.inflight_max
        on_report(report, p, desk, view, quotes, pending, books, levels, audits)
        if full or (report.report_kind != ACCEPTED and report.report_kind != AMENDED):
            cursor.dirty = 1
            cursor.dirty_ns = report_ns
    cursor.local_i = i
