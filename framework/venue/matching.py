"""The simulated exchange: queues, fills, cancels and amends against a recorded market; pure and compiled.

Orders that rest take their place behind the quantity displayed at their price. Trades and shrinking levels move
the queue by one of two models: risk-averse (only trades and a level smaller than what is ahead) or probabilistic
(a shrinking level is shared between ahead and behind by 1 - (ahead/level)^n). Two conventions are offered: the
native one has partial fills, one queue that our own orders share, and liquidity that is consumed once; the plain one
(``partial_fills = 0``, ``shared_queue = 0``) judges every order alone against the whole print and fills it whole, as
the engines this one is checked against do.
"""

from __future__ import annotations

from typing import Any

from framework.compiled.jit import core
from framework.compiled.records import f8, i8, record
from framework.edge.ledger import Ledger, book_fill
from framework.market.book import EXCHANGE, Book, level_lots, set_level
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

RISK_AVERSE = 0
PROB_POWER = 1

NAN = float("nan")


@record
class Venue:
    """How the exchange behaves: fees as fractions of notional, queue model, conventions, response latency."""

    tick: f8
    lot: f8
    maker_fee: f8
    taker_fee: f8
    fee_in_base: i8
    queue_model: i8
    queue_power: i8
    partial_fills: i8
    shared_queue: i8
    slippage_rate: f8


@record
class Order:
    """One order resting at the exchange; ``ahead_lots`` is the foreign quantity before it in the queue."""

    order_id: i8
    side: i8
    order_kind: i8
    price_ticks: i8
    leaves_lots: i8
    reduce_only: i8
    ahead_lots: f8
    entry_lots: f8
    traded_lots: f8
    m0: f8
    quote_ts_ns: i8
    order_ts_ns: i8
    rested_ns: i8
    entry_latency_ns: i8
    params_version: i8


@record
class Taken:
    """Displayed liquidity that our orders have already consumed, until the feed next speaks of the level."""

    side: i8
    price_ticks: i8
    lots: i8


@record
class Exchange:
    """The exchange's clock, mids and counters, and how full its buffers are."""

    now_ns: i8
    mid: f8
    mid_before: f8
    mid_held: i8
    mid_before_held: i8
    live: i8
    taken: i8
    fills: i8
    settled_100ms: i8
    settled_500ms: i8
    settled_1s: i8
    settled_5s: i8
    settled_30s: i8
    due_ns: i8
    report_head: i8
    report_count: i8
    report_last_ns: i8
    responses: i8
    rejects: i8
    trades: i8
    book_updates: i8
    no_mid: i8
    overflow: i8


@core
def on_depth(
    side: int,
    tick: int,
    lots: int,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: Any,
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Apply one level of the exchange's book, move the queues at it, fill orders the book has moved through."""
    book = books[EXCHANGE]
    bid_before = book.best_bid
    ask_before = book.best_ask
    before = set_level(books, levels, EXCHANGE, side, tick, lots)
    if ex.taken > 0:
        _forget_taken(ex, taken, side, tick)
    if ex.live == 0 or before < 0:
        return
    for k in range(ex.live):
        order = orders[k]
        if order.side == side and order.price_ticks == tick:
            move_queue(venue, order, before, lots)
    if (side == BUY and book.best_bid > bid_before) or (side == SELL and book.best_ask < ask_before):
        _fill_crossed(side, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)


@core
def move_queue(venue: Venue, order: Order, before: int, after: int) -> None:
    """Move an order's place when its level changes from ``before`` to ``after`` lots other than by our own fills."""
    if venue.queue_model == RISK_AVERSE:
        if order.ahead_lots > after:
            order.ahead_lots = float(after)
        return
    change = before - after - order.traded_lots
    order.traded_lots = 0.0
    if before <= 0 and change >= 0.0:
        order.ahead_lots = float(after)
        return
    if change < 0.0:
        if order.ahead_lots > after:
            order.ahead_lots = float(after)
        return
    behind = before - order.ahead_lots
    ratio = order.ahead_lots / before
    power = ratio
    for _ in range(venue.queue_power - 1):
        power *= ratio
    prob = 1.0 - power
    ahead = order.ahead_lots - (1.0 - prob) * change + min(behind - prob * change, 0.0)
    order.ahead_lots = min(ahead, float(after))


@core
def _fill_crossed(
    side: int,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: Any,
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Fill orders of the other side that the book's ``side`` has moved onto or through."""
    book = books[EXCHANGE]
    best = book.best_bid if side == BUY else book.best_ask
    k = 0
    while k < ex.live:
        order = orders[k]
        if order.side == side or side * (best - order.price_ticks) < 0:
            k += 1
            continue
        lots = order.leaves_lots
        if venue.partial_fills == 1:
            lots = _consume(side, order.price_ticks, lots, ex, books, levels, taken)
        gone = lots == order.leaves_lots
        if lots > 0:
            _fill(k, lots, order.price_ticks, 1, venue, ex, orders, fills, reports, ledger, response_ns)
        if not gone:
            k += 1


@core
def on_trade(
    aggressor: int,
    tick: int,
    lots: int,
    venue: Venue,
    ex: Exchange,
    orders: list[Order],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Let a print run into our resting orders, best price first and oldest first at one price."""
    ex.trades += 1
    if venue.shared_queue == 0:
        _trade_alone(aggressor, tick, lots, venue, ex, orders, fills, reports, ledger, response_ns)
        return
    left = float(lots)
    while left > 0.0:
        best = -1
        for k in range(ex.live):
            order = orders[k]
            if order.side != aggressor and aggressor * (tick - order.price_ticks) > 0:
                if best < 0 or aggressor * (orders[best].price_ticks - order.price_ticks) > 0:
                    best = k
        if best < 0:
            break
        whole = min(orders[best].leaves_lots, int(left))
        if venue.partial_fills == 0:
            whole = orders[best].leaves_lots
        if whole <= 0:
            break
        left -= whole
        _fill(
            best, whole, orders[best].price_ticks, 1, venue, ex, orders, fills, reports, ledger, response_ns
        )
    if left > 0.0:
        _trade_at(aggressor, tick, lots, left, venue, ex, orders, fills, reports, ledger, response_ns)


@core
def _trade_at(
    aggressor: int,
    tick: int,
    printed: int,
    left: float,
    venue: Venue,
    ex: Exchange,
    orders: list[Order],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Run what is left of a print through the queue at its own price: foreign lots ahead first, then our orders."""
    own_lots = 0
    k = 0
    while k < ex.live:
        order = orders[k]
        if order.side == aggressor or order.price_ticks != tick:
            k += 1
            continue
        reach = int(left - order.ahead_lots + 1e-9) - own_lots
        order.ahead_lots = max(0.0, order.ahead_lots - (left - own_lots))
        order.traded_lots += printed
        lots = min(reach, order.leaves_lots)
        if lots > 0 and venue.partial_fills == 0:
            lots = order.leaves_lots
        if lots <= 0:
            k += 1
            continue
        own_lots += lots
        gone = lots == order.leaves_lots
        _fill(k, lots, tick, 1, venue, ex, orders, fills, reports, ledger, response_ns)
        if not gone:
            k += 1


@core
def _trade_alone(
    aggressor: int,
    tick: int,
    lots: int,
    venue: Venue,
    ex: Exchange,
    orders: list[Order],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Judge each of our orders alone against the whole print."""
    k = 0
    while k < ex.live:
        order = orders[k]
        through = aggressor * (tick - order.price_ticks)
        if order.side == aggressor or through < 0:
            k += 1
            continue
        if through == 0:
            order.ahead_lots -= lots
            order.traded_lots += lots
            if order.ahead_lots > -0.5:
                k += 1
                continue
        if venue.partial_fills == 1:
            size = lots if through > 0 else int(0.5 - order.ahead_lots)
            size = min(order.leaves_lots, size)
        else:
            size = order.leaves_lots
        if order.ahead_lots < 0.0:
            order.ahead_lots = 0.0
        gone = size == order.leaves_lots
        _fill(k, size, order.price_ticks, 1, venue, ex, orders, fills, reports, ledger, response_ns)
        if not gone:
            k += 1


@core
def on_request(
    request: Request,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: Any,
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Carry out one request that has just arrived; every request gets exactly one report besides its fills."""
    if request.action == CANCEL:
        k = find_order(ex, orders, request.order_id)
        if k < 0:
            _answer(CANCEL_REJECTED, UNKNOWN_ORDER, request, 0, ex, reports, response_ns)
        else:
            leaves = orders[k].leaves_lots
            _remove(k, ex, orders)
            _answer(CANCELLED, NO_REASON, request, leaves, ex, reports, response_ns)
    elif request.action == AMEND:
        _amend(request, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)
    else:
        _place(request, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)


@core
def _amend(
    request: Request,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: Any,
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Change price or open quantity; a new price or a larger quantity goes to the back of the queue."""
    k = find_order(ex, orders, request.order_id)
    if k < 0:
        _answer(AMEND_REJECTED, UNKNOWN_ORDER, request, 0, ex, reports, response_ns)
        return
    order = orders[k]
    if request.qty_lots <= 0:
        _answer(AMEND_REJECTED, BAD_ORDER, request, order.leaves_lots, ex, reports, response_ns)
        return
    if request.price_ticks == order.price_ticks and request.qty_lots <= order.leaves_lots:
        order.leaves_lots = request.qty_lots
        _answer(AMENDED, NO_REASON, request, order.leaves_lots, ex, reports, response_ns)
        return
    moved = request.price_ticks != order.price_ticks
    if marketable(books, order.side, request.price_ticks):
        request.order_kind = order.order_kind
        request.side = order.side
        request.reduce_only = order.reduce_only
        _remove(k, ex, orders)
        if request.order_kind == POST_ONLY:
            _answer(CANCELLED, WOULD_TAKE, request, 0, ex, reports, response_ns)
            ex.rejects += 1
        else:
            _place(request, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)
        return
    order.price_ticks = request.price_ticks
    order.leaves_lots = request.qty_lots
    if moved:
        order.m0 = request.m0
        order.quote_ts_ns = request.quote_ts_ns
        order.params_version = request.params_version
        order.rested_ns = ex.now_ns
    order.entry_latency_ns = ex.now_ns - request.sent_ns
    _join_queue(order, books, levels)
    _to_back(k, ex, orders)
    _answer(AMENDED, NO_REASON, request, request.qty_lots, ex, reports, response_ns)


@core
def marketable(books: list[Book], side: int, tick: int) -> bool:
    """Tell whether an order of this side and price would take from the exchange's book."""
    book = books[EXCHANGE]
    if side == BUY:
        return book.best_ask < book.base_tick + book.slots and tick >= book.best_ask
    return book.best_bid >= book.base_tick and tick <= book.best_bid


@core
def _place(
    request: Request,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: Any,
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Accept, refuse or execute a new order."""
    lots = request.qty_lots
    if request.reduce_only == 1:
        room = int(max(0.0, -request.side * ledger.position) / venue.lot + 1e-9)
        lots = min(lots, room)
        if lots <= 0:
            _refuse(NOT_REDUCING, request, ex, reports, response_ns)
            return
    if lots <= 0:
        _refuse(BAD_ORDER, request, ex, reports, response_ns)
        return
    takes = request.order_kind == MARKET or marketable(books, request.side, request.price_ticks)
    if takes and request.order_kind == POST_ONLY:
        _refuse(WOULD_TAKE, request, ex, reports, response_ns)
        return
    rests = request.order_kind != IOC and request.order_kind != MARKET
    if not takes and not rests:
        _refuse(NO_LIQUIDITY, request, ex, reports, response_ns)
        return
    if ex.live >= len(orders):
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
    order.reduce_only = request.reduce_only
    order.m0 = request.m0
    order.quote_ts_ns = request.quote_ts_ns
    order.order_ts_ns = request.quote_ts_ns
    order.rested_ns = ex.now_ns
    order.entry_latency_ns = ex.now_ns - request.sent_ns
    order.params_version = request.params_version
    order.entry_lots = 0.0
    order.ahead_lots = 0.0
    order.traded_lots = 0.0
    if takes:
        _answer(ACCEPTED, NO_REASON, request, lots, ex, reports, response_ns)
        _take(k, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)
        if orders[k].order_id != request.order_id or k >= ex.live:
            return
        if not rests:
            leaves = orders[k].leaves_lots
            _remove(k, ex, orders)
            _answer(EXPIRED, NO_LIQUIDITY, request, leaves, ex, reports, response_ns)
            return
    _join_queue(orders[k], books, levels)
    if not takes:
        _answer(ACCEPTED, NO_REASON, request, lots, ex, reports, response_ns)


@core
def _refuse(reason: int, request: Request, ex: Exchange, reports: list[Report], response_ns: Any) -> None:
    ex.rejects += 1
    _answer(REJECTED, reason, request, 0, ex, reports, response_ns)


@core
def _take(
    k: int,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: Any,
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Walk an aggressive order through the other side's displayed levels, each consumed once."""
    book = books[EXCHANGE]
    side = orders[k].side
    order_id = orders[k].order_id
    if venue.partial_fills == 0:
        best = book.best_ask if side == BUY else book.best_bid
        _fill(k, orders[k].leaves_lots, best, 0, venue, ex, orders, fills, reports, ledger, response_ns)
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
                _note_taken(ex, taken, -side, tick, lots)
                _fill(k, lots, tick, 0, venue, ex, orders, fills, reports, ledger, response_ns)
                if k >= ex.live or orders[k].order_id != order_id:
                    return
        tick += side


@core
def _consume(
    side: int, tick: int, wanted: int, ex: Exchange, books: list[Book], levels: Any, taken: list[Taken]
) -> int:
    """Take up to ``wanted`` lots from the levels of ``side`` that reach our price; give what was there."""
    book = books[EXCHANGE]
    price = book.best_bid if side == BUY else book.best_ask
    got = 0
    while got < wanted and side * (price - tick) >= 0:
        shown = level_lots(books, levels, EXCHANGE, side, price)
        if shown > 0:
            lots = min(wanted - got, shown - taken_lots(ex, taken, side, price))
            if lots > 0:
                _note_taken(ex, taken, side, price, lots)
                got += lots
        price -= side
    return got


@core
def taken_lots(ex: Exchange, taken: list[Taken], side: int, tick: int) -> int:
    """Give how much of a displayed level our orders have already consumed."""
    for k in range(ex.taken):
        if taken[k].price_ticks == tick and taken[k].side == side:
            return taken[k].lots
    return 0


@core
def _note_taken(ex: Exchange, taken: list[Taken], side: int, tick: int, lots: int) -> None:
    for k in range(ex.taken):
        if taken[k].price_ticks == tick and taken[k].side == side:
            taken[k].lots += lots
            return
    if ex.taken >= len(taken):
        ex.overflow += 1
        return
    row = taken[ex.taken]
    row.side = side
    row.price_ticks = tick
    row.lots = lots
    ex.taken += 1


@core
def _forget_taken(ex: Exchange, taken: list[Taken], side: int, tick: int) -> None:
    for k in range(ex.taken):
        if taken[k].price_ticks == tick and taken[k].side == side:
            last = taken[ex.taken - 1]
            taken[k].side = last.side
            taken[k].price_ticks = last.price_ticks
            taken[k].lots = last.lots
            ex.taken -= 1
            return


@core
def _join_queue(order: Order, books: list[Book], levels: Any) -> None:
    order.ahead_lots = float(level_lots(books, levels, EXCHANGE, order.side, order.price_ticks))
    order.entry_lots = order.ahead_lots
    order.traded_lots = 0.0


@core
def find_order(ex: Exchange, orders: list[Order], order_id: int) -> int:
    """Give the place of a resting order, -1 when it does not rest."""
    for k in range(ex.live):
        if orders[k].order_id == order_id:
            return k
    return -1


@core
def _copy_order(source: Order, target: Order) -> None:
    target.order_id = source.order_id
    target.side = source.side
    target.order_kind = source.order_kind
    target.price_ticks = source.price_ticks
    target.leaves_lots = source.leaves_lots
    target.reduce_only = source.reduce_only
    target.ahead_lots = source.ahead_lots
    target.entry_lots = source.entry_lots
    target.traded_lots = source.traded_lots
    target.m0 = source.m0
    target.quote_ts_ns = source.quote_ts_ns
    target.order_ts_ns = source.order_ts_ns
    target.rested_ns = source.rested_ns
    target.entry_latency_ns = source.entry_latency_ns
    target.params_version = source.params_version


@core
def _remove(k: int, ex: Exchange, orders: list[Order]) -> None:
    """Take an order off the book, keeping the others in order of arrival."""
    for j in range(k, ex.live - 1):
        _copy_order(orders[j + 1], orders[j])
    ex.live -= 1
    orders[ex.live].order_id = 0
    orders[ex.live].leaves_lots = 0


@core
def _to_back(k: int, ex: Exchange, orders: list[Order]) -> None:
    """Make an order the youngest; ``orders`` keeps one spare row at its end for the swap."""
    if k == ex.live - 1:
        return
    spare = orders[len(orders) - 1]
    _copy_order(orders[k], spare)
    for j in range(k, ex.live - 1):
        _copy_order(orders[j + 1], orders[j])
    _copy_order(spare, orders[ex.live - 1])


@core
def _fill(
    k: int,
    lots: int,
    tick: int,
    is_maker: int,
    venue: Venue,
    ex: Exchange,
    orders: list[Order],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: Any,
) -> None:
    """Execute ``lots`` of an order at a price: one fill row, one ledger entry, one report."""
    order = orders[k]
    if ex.fills >= len(fills):
        ex.overflow += 1
        return
    fill = fills[ex.fills]
    ex.fills += 1
    fill.exch_ts_ns = ex.now_ns
    fill.order_id = order.order_id
    fill.side = order.side
    fill.price_ticks = tick
    fill.qty_lots = lots
    fill.is_maker = is_maker
    fill.price = tick * venue.tick
    if is_maker == 0:
        fill.price *= 1.0 + order.side * venue.slippage_rate
    fill.qty = lots * venue.lot
    fill.m0 = order.m0
    fill.m = ex.mid_before
    fill.mid_held = ex.mid_before_held
    if not fill.m > 0.0:
        ex.no_mid += 1
    fill.m_100ms = NAN
    fill.m_500ms = NAN
    fill.m_1s = NAN
    fill.m_5s = NAN
    fill.m_30s = NAN
    rate = venue.maker_fee if is_maker == 1 else venue.taker_fee
    fill.fee_quote = 0.0
    fill.fee_base = 0.0
    if venue.fee_in_base == 1 and order.side == BUY:
        fill.fee_base = rate * fill.qty
    else:
        fill.fee_quote = rate * fill.qty * fill.price
    fill.quote_ts_ns = order.quote_ts_ns
    fill.order_ts_ns = order.order_ts_ns
    fill.queue_ahead_entry_lots = order.entry_lots
    fill.queue_ahead_fill_lots = order.ahead_lots
    fill.off_target_age_ns = -1
    fill.resting_age_ns = ex.now_ns - order.rested_ns
    fill.entry_latency_ns = order.entry_latency_ns
    fill.params_version = order.params_version
    order.leaves_lots -= lots
    order.ahead_lots = 0.0
    book_fill(ledger, fill)
    report = _push_report(ex, reports, response_ns)
    fill.local_ts_ns = report.arrive_ns
    fill.response_latency_ns = report.arrive_ns - ex.now_ns
    report.report_kind = FILLED
    report.reason = NO_REASON
    report.order_id = order.order_id
    report.side = order.side
    report.sent_ns = order.quote_ts_ns
    report.price_ticks = tick
    report.qty_lots = lots
    report.leaves_lots = order.leaves_lots
    report.is_maker = is_maker
    report.fee_quote = fill.fee_quote
    report.fee_base = fill.fee_base
    if fill.exch_ts_ns + 100_000_000 < ex.due_ns:
        ex.due_ns = fill.exch_ts_ns + 100_000_000
    if order.leaves_lots == 0:
        _remove(k, ex, orders)


@core
def _push_report(ex: Exchange, reports: list[Report], response_ns: Any) -> Report:
    """Take the next place in the ring of reports; they arrive in order, each after a response latency."""
    size = len(reports)
    if ex.report_count >= size:
        ex.overflow += 1
        ex.report_count -= 1
    report = reports[(ex.report_head + ex.report_count) % size]
    ex.report_count += 1
    arrive = ex.now_ns + response_ns[ex.responses % len(response_ns)]
    ex.responses += 1
    if arrive < ex.report_last_ns:
        arrive = ex.report_last_ns
    ex.report_last_ns = arrive
    report.arrive_ns = arrive
    report.exch_ts_ns = ex.now_ns
    return report


@core
def _answer(
    kind: int,
    reason: int,
    request: Request,
    leaves: int,
    ex: Exchange,
    reports: list[Report],
    response_ns: Any,
) -> None:
    report = _push_report(ex, reports, response_ns)
    if request.action == AMEND and kind == ACCEPTED:
        kind = AMENDED
    if request.action == AMEND and kind == REJECTED:
        kind = CANCELLED
    report.report_kind = kind
    report.reason = reason
    report.order_id = request.order_id
    report.side = request.side
    report.sent_ns = request.sent_ns
    report.price_ticks = request.price_ticks
    report.qty_lots = request.qty_lots
    report.leaves_lots = leaves
    report.is_maker = 0
    report.fee_quote = 0.0
    report.fee_base = 0.0
