"""Requests that reach the exchange: place, amend, cancel; each gets exactly one answer besides its fills."""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.market.book import level_lots
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
    Request,
)
from framework.market.wire import Wire
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
from framework.venue.matching.records import Exchange, Order, Sim


@core
def on_request(request: Request, wire: Wire, sim: Sim) -> None:
    """Carry out one request that has just arrived; every request gets exactly one report besides its
    fills.
    """
    ex, orders = sim.exchange, sim.orders
    known = ex.fills
    if request.action == CANCEL:
        k = find_order(ex, orders, request.order_id)
        if k < 0:
            answer(CANCEL_REJECTED, UNKNOWN_ORDER, request, 0, wire, ex)
        else:
            leaves = orders[k].leaves_lots
            remove(k, ex, orders)
            answer(CANCELLED, NO_REASON, request, leaves, wire, ex)
    elif request.action == AMEND:
        _amend(request, wire, sim)
    else:
        _place(request, request.quote_ts_ns, 0, wire, sim)
    if ex.fills > known:
        trim_reducing(wire, sim)


@hot
def _amend(request: Request, wire: Wire, sim: Sim) -> None:
    """Change price or total quantity; a new price or a larger quantity goes to the back of the queue.

    A total that the fills have already reached cancels what is left.
    """
    ex, orders = sim.exchange, sim.orders
    k = find_order(ex, orders, request.order_id)
    if k < 0:
        answer(AMEND_REJECTED, UNKNOWN_ORDER, request, 0, wire, ex)
        return
    order = orders[k]
    if request.qty_lots <= 0:
        answer(AMEND_REJECTED, BAD_ORDER, request, order.leaves_lots, wire, ex)
        return
    filled = order.filled_lots
    lots = request.qty_lots - filled
    if order.reduce_only == 1:
        lots = min(lots, reducing_lots(order.side, sim.rules, sim.ledger))
    if lots <= 0:
        remove(k, ex, orders)
        answer(CANCELLED, NO_REASON, request, 0, wire, ex)
        return
    if request.price_ticks == order.price_ticks and lots <= order.leaves_lots:
        order.leaves_lots = lots
        answer(AMENDED, NO_REASON, request, order.leaves_lots, wire, ex)
        return
    moved = request.price_ticks != order.price_ticks
    if marketable(sim.book, order.side, request.price_ticks):
        request.order_kind = order.order_kind
        request.side = order.side
        request.reduce_only = order.reduce_only
        first_ns = order.order_ts_ns
        remove(k, ex, orders)
        if request.order_kind == POST_ONLY:
            answer(CANCELLED, WOULD_TAKE, request, 0, wire, ex)
            ex.rejects += 1
        else:
            _place(request, first_ns, filled, wire, sim)
        return
    order.price_ticks = request.price_ticks
    order.leaves_lots = lots
    note_prices(ex, orders)
    if moved:
        order.m0 = request.m0
        order.quote_ts_ns = request.quote_ts_ns
        order.params_version = request.params_version
        order.link_id = request.link_id
        order.route = request.route
        order.rested_ns = ex.now_ns
    order.entry_latency_ns = ex.now_ns - request.sent_ns
    join_queue(order, sim.book, sim.levels)
    to_back(k, ex, orders)
    answer(AMENDED, NO_REASON, request, lots, wire, ex)


@core
def _place(request: Request, first_ns: int, filled: int, wire: Wire, sim: Sim) -> None:
    """Accept, refuse or execute a new order, or an amended one that now takes and has ``filled`` lots behind
    it.
    """
    ex, orders = sim.exchange, sim.orders
    lots = request.qty_lots - filled
    if request.reduce_only == 1:
        lots = min(lots, reducing_lots(request.side, sim.rules, sim.ledger))
        if lots <= 0:
            _refuse(NOT_REDUCING, request, wire, ex)
            return
    if lots <= 0:
        _refuse(BAD_ORDER, request, wire, ex)
        return
    takes = marketable(sim.book, request.side, request.price_ticks)
    if request.order_kind == MARKET:
        takes = other_side_shown(sim.book, request.side)
    if takes and request.order_kind == POST_ONLY:
        _refuse(WOULD_TAKE, request, wire, ex)
        return
    rests = request.order_kind != IOC and request.order_kind != MARKET
    if not takes and not rests:
        _refuse(NO_LIQUIDITY, request, wire, ex)
        return
    if ex.live >= len(orders) - 1:  # the last row is spare, for the swap in to_back
        _refuse(TOO_MANY_ORDERS, request, wire, ex)
        return
    k = ex.live
    ex.live += 1
    order = orders[k]
    _enter(order, request, first_ns, lots, filled, ex.now_ns)
    note_prices(ex, orders)
    if takes:
        order.impact = impact_of(lots, sim.rules, ex, sim.costs)
        answer(ACCEPTED, NO_REASON, request, lots, wire, ex)
        _take(k, wire, sim)
        if orders[k].order_id != request.order_id or k >= ex.live:
            return
        if not rests:
            leaves = orders[k].leaves_lots
            remove(k, ex, orders)
            answer(EXPIRED, NO_LIQUIDITY, request, leaves, wire, ex)
            return
    join_queue(orders[k], sim.book, sim.levels)
    if not takes:
        answer(ACCEPTED, NO_REASON, request, lots, wire, ex)


@core
def _enter(order: Order, request: Request, first_ns: int, lots: int, filled: int, now_ns: int) -> None:
    """Write the row of an order that was accepted."""
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
    order.rested_ns = now_ns
    order.entry_latency_ns = now_ns - request.sent_ns
    order.params_version = request.params_version
    order.link_id = request.link_id
    order.route = request.route
    order.entry_lots = 0.0
    order.ahead_lots = 0.0
    order.traded_lots = 0.0


@core
def _refuse(reason: int, request: Request, wire: Wire, ex: Exchange) -> None:
    ex.rejects += 1
    answer(REJECTED, reason, request, 0, wire, ex)


@core
def _take(k: int, wire: Wire, sim: Sim) -> None:
    """Walk an aggressive order through the other side's displayed levels, each consumed once."""
    ex, book, orders, taken = sim.exchange, sim.book, sim.orders, sim.taken
    side = orders[k].side
    order_id = orders[k].order_id
    if sim.rules.partial_fills == 0:
        best = book.best_ask if side == BUY else book.best_bid
        fill_order(k, orders[k].leaves_lots, best, 0, wire, sim)
        return
    limit = orders[k].price_ticks
    free = orders[k].order_kind == MARKET
    tick = book.best_ask if side == BUY else book.best_bid
    last = book.high_ask if side == BUY else book.low_bid
    while side * (last - tick) >= 0 and (free or side * (limit - tick) >= 0):
        shown = level_lots(book, sim.levels, -side, tick)
        if shown > 0:
            lots = min(orders[k].leaves_lots, shown - taken_lots(ex, taken, -side, tick))
            if lots > 0:
                note_taken(ex, taken, -side, tick, lots)
                fill_order(k, lots, tick, 0, wire, sim)
                if k >= ex.live or orders[k].order_id != order_id:
                    return
        tick += side
