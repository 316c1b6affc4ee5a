"""The simulated exchange: queues, fills, cancels and amends against a recorded market; pure and compiled.

Orders that rest take their place behind the quantity displayed at their price. Trades and shrinking levels
move the queue by one of two models: risk-averse (only trades and a level smaller than what is ahead) or
probabilistic (a shrinking level is shared between ahead and behind by 1 - (ahead/level)^n). Two conventions
are offered: the native one has partial fills, one queue that our own orders share, and liquidity that is
consumed once; the plain one (``partial_fills = 0``, ``shared_queue = 0``) judges every order alone against
the whole print and fills it whole, as the engines this one is checked against do.
"""

from __future__ import annotations

from framework.compiled.jit import core, hot
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

DAY = 86_400.0
MINUTE = 60.0
RISK_AVERSE = 0
PROB_POWER = 1

NAN = float("nan")
NOWHERE_LOW = -(1 << 60)
NOWHERE_HIGH = 1 << 60


@record
class Venue:
    """How the exchange behaves: fees as fractions of notional, queue model, conventions, cost model (0 knots:
    off).
    """

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
    cost_knots: i8


@record
class Order:
    """One order resting at the exchange; ``ahead_lots`` is the foreign quantity before it in the queue."""

    order_id: i8
    side: i8
    order_kind: i8
    price_ticks: i8
    leaves_lots: i8
    filled_lots: i8
    reduce_only: i8
    impact: f8
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
    mid_held: i8
    live: i8
    bid_high: i8
    bid_low: i8
    ask_low: i8
    ask_high: i8
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
    first_ns: i8
    traded_lots: f8
    draws: i8
    no_mid: i8
    overflow: i8


@hot
def on_depth(
    side: int,
    tick: int,
    lots: int,
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
    """Apply one level of the exchange's book, move the queues at it, fill orders the book has moved
    through.
    """
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
        known = ex.fills
        _fill_crossed(side, venue, ex, books, levels, orders, taken, fills, reports, ledger, response_ns)
        if ex.fills > known:
            _trim_reducing(venue, ex, orders, reports, ledger, response_ns)


@hot
def move_queue(venue: Venue, order: Order, before: int, after: int) -> None:
    """Move an order's place when its level changes from ``before`` to ``after`` lots other than by our own
    fills.
    """
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
    levels: list[int],
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: list[int],
) -> None:
    """Fill orders of the other side that the book's ``side`` has moved onto or through."""
    book = books[EXCHANGE]
    best = book.best_bid if side == BUY else book.best_ask
    while True:
        k = _first_through(side, best, 1, venue, ex, orders, ledger)
        if k < 0:
            return
        order = orders[k]
        lots = open_lots(order, venue, ledger)
        wanted = lots
        if venue.partial_fills == 1:
            lots = _consume(side, order.price_ticks, lots, ex, books, levels, taken)
        if lots > 0:
            _fill(k, lots, order.price_ticks, 1, venue, ex, orders, fills, reports, ledger, response_ns)
        if lots < wanted:
            return


@core
def _first_through(
    aggressor: int, tick: int, at_price: int, venue: Venue, ex: Exchange, orders: list[Order], ledger: Ledger
) -> int:
    """Give the order the market reaches first on its way to ``tick`` (1: and at it): best price, then
    oldest.
    """
    best = -1
    for k in range(ex.live):
        order = orders[k]
        if order.side == aggressor or aggressor * (tick - order.price_ticks) + at_price <= 0:
            continue
        if best >= 0 and aggressor * (orders[best].price_ticks - order.price_ticks) <= 0:
            continue
        if open_lots(order, venue, ledger) > 0:
            best = k
    return best


@core
def reducing_lots(side: int, venue: Venue, ledger: Ledger) -> int:
    """Give how many lots of this side would bring the position towards zero."""
    return int(max(0.0, -side * ledger.position) / venue.lot + 1e-6)


@core
def open_lots(order: Order, venue: Venue, ledger: Ledger) -> int:
    """Give how much of an order may still be filled; a reduce-only order never turns the position."""
    if order.reduce_only == 0:
        return order.leaves_lots
    return min(order.leaves_lots, reducing_lots(order.side, venue, ledger))


@core
def _trim_reducing(
    venue: Venue,
    ex: Exchange,
    orders: list[Order],
    reports: list[Report],
    ledger: Ledger,
    response_ns: list[int],
) -> None:
    """Shrink reduce-only orders to the position that is left, and take off those that have nothing to
    reduce.
    """
    k = 0
    while k < ex.live:
        order = orders[k]
        if order.reduce_only == 1:
            order.leaves_lots = open_lots(order, venue, ledger)
        if order.leaves_lots > 0:
            k += 1
            continue
        report = _push_report(ex, reports, response_ns)
        report.report_kind = EXPIRED
        report.reason = NOT_REDUCING
        report.order_id = order.order_id
        report.side = order.side
        report.sent_ns = order.quote_ts_ns
        report.price_ticks = order.price_ticks
        report.price = 0.0
        report.qty_lots = 0
        report.leaves_lots = 0
        report.is_maker = 0
        report.fee_quote = 0.0
        report.fee_base = 0.0
        _remove(k, ex, orders)


@hot
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
    response_ns: list[int],
    costs: list[float],
) -> None:
    """Let a print run into our resting orders, best price first and oldest first at one price."""
    known = ex.fills
    if venue.shared_queue == 0:
        _trade_alone(aggressor, tick, lots, venue, ex, orders, fills, reports, ledger, response_ns, costs)
    else:
        left = lots
        while left > 0:
            k = _first_through(aggressor, tick, 0, venue, ex, orders, ledger)
            if k < 0:
                break
            whole = open_lots(orders[k], venue, ledger)
            if venue.partial_fills == 1:
                whole = min(whole, left)
            left -= whole
            _fill(k, whole, orders[k].price_ticks, 1, venue, ex, orders, fills, reports, ledger, response_ns)
        if left > 0:
            _trade_at(
                aggressor, tick, lots, left, venue, ex, orders, fills, reports, ledger, response_ns, costs
            )
    if ex.fills > known:
        _trim_reducing(venue, ex, orders, reports, ledger, response_ns)


@hot
def _trade_at(
    aggressor: int,
    tick: int,
    printed: int,
    left: int,
    venue: Venue,
    ex: Exchange,
    orders: list[Order],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: list[int],
    costs: list[float],
) -> None:
    """Run what is left of a print through the queue at its own price: foreign lots ahead first, then our
    orders.
    """
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
        lots = min(reach, open_lots(order, venue, ledger))
        if lots > 0 and venue.partial_fills == 0:
            lots = open_lots(order, venue, ledger)
        if lots <= 0 or passed_over(order.leaves_lots, venue, ex, costs):
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
    response_ns: list[int],
    costs: list[float],
) -> None:
    """Judge each of our orders alone against the whole print."""
    k = 0
    while k < ex.live:
        order = orders[k]
        through = aggressor * (tick - order.price_ticks)
        if order.side == aggressor or through < 0:
            k += 1
            continue
        size = open_lots(order, venue, ledger)
        if through == 0:
            order.ahead_lots -= lots
            order.traded_lots += lots
            if order.ahead_lots > -0.5 or passed_over(order.leaves_lots, venue, ex, costs):
                k += 1
                continue
        if venue.partial_fills == 1:
            size = min(size, lots if through > 0 else int(0.5 - order.ahead_lots))
        if order.ahead_lots < 0.0:
            order.ahead_lots = 0.0
        if size == 0:
            k += 1
            continue
        gone = size == order.leaves_lots
        _fill(k, size, order.price_ticks, 1, venue, ex, orders, fills, reports, ledger, response_ns)
        if not gone:
            k += 1


@hot
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
            _answer(CANCEL_REJECTED, UNKNOWN_ORDER, request, 0, ex, reports, response_ns)
        else:
            leaves = orders[k].leaves_lots
            _remove(k, ex, orders)
            _answer(CANCELLED, NO_REASON, request, leaves, ex, reports, response_ns)
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
        _trim_reducing(venue, ex, orders, reports, ledger, response_ns)


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
        _answer(AMEND_REJECTED, UNKNOWN_ORDER, request, 0, ex, reports, response_ns)
        return
    order = orders[k]
    if request.qty_lots <= 0:
        _answer(AMEND_REJECTED, BAD_ORDER, request, order.leaves_lots, ex, reports, response_ns)
        return
    filled = order.filled_lots
    lots = request.qty_lots - filled
    if order.reduce_only == 1:
        lots = min(lots, reducing_lots(order.side, venue, ledger))
    if lots <= 0:
        _remove(k, ex, orders)
        _answer(CANCELLED, NO_REASON, request, 0, ex, reports, response_ns)
        return
    if request.price_ticks == order.price_ticks and lots <= order.leaves_lots:
        order.leaves_lots = lots
        _answer(AMENDED, NO_REASON, request, order.leaves_lots, ex, reports, response_ns)
        return
    moved = request.price_ticks != order.price_ticks
    if marketable(books, order.side, request.price_ticks):
        request.order_kind = order.order_kind
        request.side = order.side
        request.reduce_only = order.reduce_only
        first_ns = order.order_ts_ns
        _remove(k, ex, orders)
        if request.order_kind == POST_ONLY:
            _answer(CANCELLED, WOULD_TAKE, request, 0, ex, reports, response_ns)
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
    _join_queue(order, books, levels)
    _to_back(k, ex, orders)
    _answer(AMENDED, NO_REASON, request, lots, ex, reports, response_ns)


@core
def marketable(books: list[Book], side: int, tick: int) -> bool:
    """Tell whether an order of this side and price would take from the exchange's book."""
    book = books[EXCHANGE]
    if side == BUY:
        return book.best_ask < book.base_tick + book.slots and tick >= book.best_ask
    return book.best_bid >= book.base_tick and tick <= book.best_bid


@core
def other_side_shown(books: list[Book], side: int) -> bool:
    """Tell whether the exchange shows anything that an order of this side could take."""
    book = books[EXCHANGE]
    if side == BUY:
        return book.best_ask < book.base_tick + book.slots
    return book.best_bid >= book.base_tick


@core
def participation(lots: int, ex: Exchange) -> float:
    """Give an order's share of a day's volume, as far as the tape has traded, at least a minute of it."""
    if ex.traded_lots <= 0.0:
        return 1.0
    seconds = max(MINUTE, (ex.now_ns - ex.first_ns) * 1e-9)
    return min(1.0, lots * seconds / (ex.traded_lots * DAY))


@core
def _from_table(x: float, column: int, knots: int, costs: list[float]) -> float:
    """Interpolate a column of the cost table at ``x`` between its ascending knots."""
    low = 0
    high = knots - 1
    if x <= costs[low]:
        return costs[column * knots]
    while high - low > 1:
        middle = (low + high) // 2
        if costs[middle] <= x:
            low = middle
        else:
            high = middle
    share = min(1.0, (x - costs[low]) / (costs[high] - costs[low]))
    below = costs[column * knots + low]
    return below + share * (costs[column * knots + high] - below)


@core
def impact_of(lots: int, venue: Venue, ex: Exchange, costs: list[float]) -> float:
    """Give the price impact of an aggressive order as a fraction; 0 without a cost model."""
    if venue.cost_knots == 0:
        return 0.0
    return _from_table(participation(lots, ex), 1, venue.cost_knots, costs)


@core
def passed_over(lots: int, venue: Venue, ex: Exchange, costs: list[float]) -> bool:
    """Draw whether a print at an order's price, whose turn has come, yet misses it; never without a cost
    model.

    A market that goes through the price always fills: only the kind fills are thinned.
    """
    if venue.cost_knots == 0:
        return False
    table = 3 * venue.cost_knots
    drawn = costs[table + ex.draws % (len(costs) - table)]
    ex.draws += 1
    return drawn >= _from_table(participation(lots, ex), 2, venue.cost_knots, costs)


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
    if ex.live >= len(orders) - 1:  # the last row is spare, for the swap in _to_back
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
def _refuse(
    reason: int, request: Request, ex: Exchange, reports: list[Report], response_ns: list[int]
) -> None:
    ex.rejects += 1
    _answer(REJECTED, reason, request, 0, ex, reports, response_ns)


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
    side: int, tick: int, wanted: int, ex: Exchange, books: list[Book], levels: list[int], taken: list[Taken]
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
def forget_side(ex: Exchange, taken: list[Taken], side: int) -> None:
    """Forget what was consumed of one side (0: of both)."""
    k = 0
    while k < ex.taken:
        if side == 0 or taken[k].side == side:
            _forget_taken(ex, taken, taken[k].side, taken[k].price_ticks)
        else:
            k += 1


@core
def _join_queue(order: Order, books: list[Book], levels: list[int]) -> None:
    order.ahead_lots = float(level_lots(books, levels, EXCHANGE, order.side, order.price_ticks))
    order.entry_lots = order.ahead_lots
    order.traded_lots = 0.0


@core
def note_prices(ex: Exchange, orders: list[Order]) -> None:
    """Keep the range of our resting prices a side, by which most market events are seen not to concern us."""
    ex.bid_high = NOWHERE_LOW
    ex.bid_low = NOWHERE_HIGH
    ex.ask_low = NOWHERE_HIGH
    ex.ask_high = NOWHERE_LOW
    for k in range(ex.live):
        tick = orders[k].price_ticks
        if orders[k].side == BUY:
            ex.bid_high = max(ex.bid_high, tick)
            ex.bid_low = min(ex.bid_low, tick)
        else:
            ex.ask_low = min(ex.ask_low, tick)
            ex.ask_high = max(ex.ask_high, tick)


@core
def depth_concerns(ex: Exchange, side: int, tick: int) -> bool:
    """Tell whether a level of ``side`` can move one of our queues or reach one of our orders."""
    if ex.taken > 0:
        return True
    if side == BUY:
        return (ex.bid_low <= tick and tick <= ex.bid_high) or tick >= ex.ask_low
    return (ex.ask_low <= tick and tick <= ex.ask_high) or tick <= ex.bid_high


@core
def trade_concerns(ex: Exchange, aggressor: int, tick: int) -> bool:
    """Tell whether a print can reach one of our orders."""
    return tick >= ex.ask_low if aggressor == BUY else tick <= ex.bid_high


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
    target.filled_lots = source.filled_lots
    target.impact = source.impact
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
    note_prices(ex, orders)


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
    response_ns: list[int],
) -> None:
    """Execute ``lots`` of an order at a price: one fill row, one ledger entry, one report."""
    order = orders[k]
    if ex.fills >= len(fills):
        ex.overflow += 1
        _remove(k, ex, orders)
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
        fill.price *= 1.0 + order.side * (venue.slippage_rate + order.impact)
    fill.qty = lots * venue.lot
    fill.m0 = order.m0
    fill.m = ex.mid
    fill.mid_held = ex.mid_held
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
    order.filled_lots += lots
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
    report.price = fill.price
    report.qty_lots = lots
    report.leaves_lots = order.leaves_lots
    report.is_maker = is_maker
    report.fee_quote = fill.fee_quote
    report.fee_base = fill.fee_base
    if fill.exch_ts_ns + 100_000_000 < ex.due_ns:
        ex.due_ns = fill.exch_ts_ns + 100_000_000
    if order.leaves_lots == 0:
        _remove(k, ex, orders)


@hot
def _push_report(ex: Exchange, reports: list[Report], response_ns: list[int]) -> Report:
    """Take the next place in the ring of reports, whose length is a power of two; they arrive in order."""
    size = len(reports)
    if ex.report_count >= size:
        ex.overflow += 1
        ex.report_count -= 1
    report = reports[(ex.report_head + ex.report_count) & (size - 1)]
    ex.report_count += 1
    arrive = ex.now_ns + response_ns[ex.responses & (len(response_ns) - 1)]
    ex.responses += 1
    if arrive < ex.report_last_ns:
        arrive = ex.report_last_ns
    ex.report_last_ns = arrive
    report.arrive_ns = arrive
    report.exch_ts_ns = ex.now_ns
    return report


@hot
def _answer(
    kind: int,
    reason: int,
    request: Request,
    leaves: int,
    ex: Exchange,
    reports: list[Report],
    response_ns: list[int],
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
    report.price = 0.0
    report.qty_lots = request.qty_lots
    report.leaves_lots = leaves
    report.is_maker = 0
    report.fee_quote = 0.0
    report.fee_base = 0.0
