"""Requests that reach the exchange: place, amend, cancel; each gets exactly one answer besides its fills."""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.edge.ledger import Ledger
from framework.market.book import EXCHANGE, Book, level_lots
from framework.market.events import BUY
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
    IOC,
    MARKET,
    NO_LIQUIDITY,
    NO_REASON,
    NOT_REDUCING,
    POST_ONLY,
    REJECTED,
    TOO_MANY_ORDERS,
    UNKNOWN_ORDER,
    WOULD_TAKE,
    Fill,
    Report,
    Request,
)
from framework.venue.matching.fills import answer, fill_order, trim_reducing
from framework.venue.matching.liquidity import impact_of, marketable, note_taken, other_side_shown, taken_lots
from framework.venue.matching.orders import (
    find_order,
    join_queue,
    note_prices,
    reducing_lots,
    remove,
    to_back,
)
from framework.venue.matching.records import Exchange, Order, Taken, Venue


@core
def on_request(
    request: Request,
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
) -> None:
    """Carry out one request that has just arrived; every request gets exactly one report besides its
    fills.
    """
    known = ex.fills
    if request.action == CANCEL:
        k = find_order(ex, orders, request.order_id)
        if k < 0:
            answer(CANCEL_REJECTED, UNKNOWN_ORDER, request, 0, ex, reports, response_ns)
        else:
            leaves = orders[k].leaves_lots
            remove(k, ex, orders)
            answer(CANCELLED, NO_REASON, request, leaves, ex, reports, response_ns)
    elif request.action == AMEND:
        _amend(request, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns, costs)
    else:
        first_ns = request.quote_ts_ns
        _place(
            request,
            first_ns,
            0,
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
            costs,
        )
    if ex.fills > known:
        trim_reducing(venue, ex, orders, reports, ledger, response_ns)


@hot
def _amend(
    request: Request,
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
) -> None:
    """Change price or total quantity; a new price or a larger quantity goes to the back of the queue.

    A total that the fills have already reached cancels what is left.
    """
    k = find_order(ex, orders, request.order_id)
    if k < 0:
        answer(AMEND_REJECTED, UNKNOWN_ORDER, request, 0, ex, reports, response_ns)
        return
    order = orders[k]
    if request.qty_lots <= 0:
        answer(AMEND_REJECTED, BAD_ORDER, request, order.leaves_lots, ex, reports, response_ns)
        return
    filled = order.filled_lots
    lots = request.qty_lots - filled
    if order.reduce_only == 1:
        lots = min(lots, reducing_lots(order.side, venue, ledger))
    if lots <= 0:
        remove(k, ex, orders)
        answer(CANCELLED, NO_REASON, request, 0, ex, reports, response_ns)
        return
    if request.price_ticks == order.price_ticks and lots <= order.leaves_lots:
        order.leaves_lots = lots
        answer(AMENDED, NO_REASON, request, order.leaves_lots, ex, reports, response_ns)
        return
    moved = request.price_ticks != order.price_ticks
    if marketable(books, order.side, request.price_ticks):
        request.order_kind = order.order_kind
        request.side = order.side
        request.reduce_only = order.reduce_only
        first_ns = order.order_ts_ns
        remove(k, ex, orders)
        if request.order_kind == POST_ONLY:
            answer(CANCELLED, WOULD_TAKE, request, 0, ex, reports, response_ns)
            ex.rejects += 1
        else:
            _place(
                request,
                first_ns,
                filled,
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
                costs,
            )
        return
    order.price_ticks = request.price_ticks
    order.leaves_lots = lots
    note_prices(ex, orders)
    if moved:
        order.m0 = request.m0
        order.quote_ts_ns = request.quote_ts_ns
        order.params_version = request.params_version
        order.rested_ns = ex.now_ns
    order.entry_latency_ns = ex.now_ns - request.sent_ns
    join_queue(order, books, levels)
    to_back(k, ex, orders)
    answer(AMENDED, NO_REASON, request, lots, ex, reports, response_ns)


@core
def _place(
    request: Request,
    first_ns: int,
    filled: int,
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
) -> None:
    """Accept, refuse or execute a new order, or an amended one that now takes and has ``filled`` lots behind
    it.
    """
    lots = request.qty_lots - filled
    if request.reduce_only == 1:
        lots = min(lots, reducing_lots(request.side, venue, ledger))
        if lots <= 0:
            _refuse(NOT_REDUCING, request, ex, reports, response_ns)
            return
    if lots <= 0:
        _refuse(BAD_ORDER, request, ex, reports, response_ns)
        return
    takes = marketable(books, request.side, request.price_ticks)
    if request.order_kind == MARKET:
        takes = other_side_shown(books, request.side)
    if takes and request.order_kind == POST_ONLY:
        _refuse(WOULD_TAKE, request, ex, reports, response_ns)
        return
    rests = request.order_kind != IOC and request.order_kind != MARKET
    if not takes and not rests:
        _refuse(NO_LIQUIDITY, request, ex, reports, response_ns)
        return
    if ex.live >= len(orders) - 1:  # the last row is spare, for the swap in to_back
        _refuse(TOO_MANY_ORDERS, request, ex, reports, response_ns)
        return
    k = ex.live
    ex.live += 1
    order = orders[k]
    order.order_id = request.order_id
    order.side = request.side
    order.order_kind = request.order_kind
    order.price_ticks = request.price_ticks
    order.leaves_lots = lots
    order.filled_lots = filled
    order.impact = 0.0
    order.reduce_only = request.reduce_only
    order.m0 = request.m0
    order.quote_ts_ns = request.quote_ts_ns
    order.order_ts_ns = first_ns
    order.rested_ns = ex.now_ns
    order.entry_latency_ns = ex.now_ns - request.sent_ns
    order.params_version = request.params_version
    order.entry_lots = 0.0
    order.ahead_lots = 0.0
    order.traded_lots = 0.0
    note_prices(ex, orders)
    if takes:
        order.impact = impact_of(lots, venue, ex, costs)
        answer(ACCEPTED, NO_REASON, request, lots, ex, reports, response_ns)
        _take(k, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)
        if orders[k].order_id != request.order_id or k >= ex.live:
            return
        if not rests:
            leaves = orders[k].leaves_lots
            remove(k, ex, orders)
            answer(EXPIRED, NO_LIQUIDITY, request, leaves, ex, reports, response_ns)
            return
    join_queue(orders[k], books, levels)
    if not takes:
        answer(ACCEPTED, NO_REASON, request, lots, ex, reports, response_ns)


@core
def _refuse(
    reason: int, request: Request, ex: Exchange, reports: list[Report], response_ns: list[int]
) -> None:
    ex.rejects += 1
    answer(REJECTED, reason, request, 0, ex, reports, response_ns)


@core
def _take(
    k: int,
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
) -> None:
    """Walk an aggressive order through the other side's displayed levels, each consumed once."""
    book = books[EXCHANGE]
    side = orders[k].side
    order_id = orders[k].order_id
    if venue.partial_fills == 0:
        best = book.best_ask if side == BUY else book.best_bid
        fill_order(k, orders[k].leaves_lots, best, 0, venue, ex, orders, fills, reports, ledger, response_ns)
        return
    limit = orders[k].price_ticks
    free = orders[k].order_kind == MARKET
    tick = book.best_ask if side == BUY else book.best_bid
    last = book.high_ask if side == BUY else book.low_bid
    while side * (last - tick) >= 0 and (free or side * (limit - tick) >= 0):
        shown = level_lots(books, levels, EXCHANGE, -side, tick)
        if shown > 0:
            lots = min(orders[k].leaves_lots, shown - taken_lots(ex, taken, -side, tick))
            if lots > 0:
                note_taken(ex, taken, -side, tick, lots)
                fill_order(k, lots, tick, 0, venue, ex, orders, fills, reports, ledger, response_ns)
                if k >= ex.live or orders[k].order_id != order_id:
                    return
        tick += side
