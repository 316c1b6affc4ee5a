"""The recorded market meets our resting orders: levels move queues and cross prices, prints run through them.

Two conventions are offered. The native one has partial fills, one queue that our own orders share, and
liquidity that is consumed once. The plain one (``partial_fills = 0``, ``shared_queue = 0``) judges every
order alone against the whole print and fills it whole, as the engines this one is checked against do.
"""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.market.book import set_level
from framework.market.events import BUY, SELL
from framework.market.wire import Wire
from framework.venue.matching.fills import fill_order, trim_reducing
from framework.venue.matching.liquidity import consume, keep_taken, note_taken, passed_over
from framework.venue.matching.orders import open_lots
from framework.venue.matching.records import RISK_AVERSE, Order, Sim, VenueRules


@hot
def on_depth(side: int, tick: int, lots: int, wire: Wire, sim: Sim) -> None:
    """Apply one level of the exchange's book, move the queues at it, fill orders it has reached.

    A level that grows where it already reaches an order fills it from what has joined; what was taken of it
    stays taken when it shrinks, too.
    """
    ex, book, orders = sim.exchange, sim.book, sim.orders
    bid_before = book.best_bid
    ask_before = book.best_ask
    before = set_level(book, sim.levels, side, tick, lots)
    better = (side == BUY and book.best_bid > bid_before) or (side == SELL and book.best_ask < ask_before)
    reaches = before >= 0 and not better and lots > 0 and _first_through(side, tick, 1, sim) >= 0
    if ex.taken > 0:
        keep_taken(ex, sim.taken, side, tick, lots if reaches else 0)
    if ex.live == 0 or before < 0:
        return
    for k in range(ex.live):
        order = orders[k]
        if order.side == side and order.price_ticks == tick:
            move_queue(sim.rules, order, before, lots)
    known = ex.fills
    if better:
        _fill_crossed(side, wire, sim)
    elif reaches and lots > before:
        _fill_grown(side, tick, lots - before, wire, sim)
    if ex.fills > known:
        trim_reducing(wire, sim)


@hot
def move_queue(rules: VenueRules, order: Order, before: int, after: int) -> None:
    """Move an order's place when its level changes from ``before`` to ``after`` lots other than by our own
    fills.
    """
    if rules.queue_model == RISK_AVERSE:
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
    for _ in range(rules.queue_power - 1):
        power *= ratio
    prob = 1.0 - power
    ahead = order.ahead_lots - (1.0 - prob) * change + min(behind - prob * change, 0.0)
    order.ahead_lots = min(ahead, float(after))


@core
def _fill_crossed(side: int, wire: Wire, sim: Sim) -> None:
    """Fill orders of the other side that the book's ``side`` has moved onto or through."""
    book, orders = sim.book, sim.orders
    best = book.best_bid if side == BUY else book.best_ask
    while True:
        k = _first_through(side, best, 1, sim)
        if k < 0:
            return
        order = orders[k]
        lots = open_lots(order, sim.rules, sim.ledger)
        wanted = lots
        if sim.rules.partial_fills == 1:
            lots = consume(side, order.price_ticks, lots, sim)
        if lots > 0:
            fill_order(k, lots, order.price_ticks, 1, wire, sim)
        if lots < wanted:
            return


@core
def _fill_grown(side: int, tick: int, joined: int, wire: Wire, sim: Sim) -> None:
    """Fill orders of the other side from what has joined a level that reaches them."""
    ex, orders = sim.exchange, sim.orders
    while True:
        k = _first_through(side, tick, 1, sim)
        if k < 0:
            return
        order = orders[k]
        wanted = open_lots(order, sim.rules, sim.ledger)
        lots = wanted
        if sim.rules.partial_fills == 1:
            lots = min(wanted, joined)
            if lots <= 0:
                return
            joined -= lots
            note_taken(ex, sim.taken, side, tick, lots)
        fill_order(k, lots, order.price_ticks, 1, wire, sim)
        if lots < wanted:
            return


@core
def _first_through(aggressor: int, tick: int, at_price: int, sim: Sim) -> int:
    """Give the order the market reaches first on its way to ``tick`` (1: and at it): best price, then
    oldest.
    """
    orders = sim.orders
    best = -1
    for k in range(sim.exchange.live):
        order = orders[k]
        if order.side == aggressor or aggressor * (tick - order.price_ticks) + at_price <= 0:
            continue
        if best >= 0 and aggressor * (orders[best].price_ticks - order.price_ticks) <= 0:
            continue
        if open_lots(order, sim.rules, sim.ledger) > 0:
            best = k
    return best


@hot
def on_trade(aggressor: int, tick: int, lots: int, wire: Wire, sim: Sim) -> None:
    """Let a print run into our resting orders, best price first and oldest first at one price."""
    ex, orders = sim.exchange, sim.orders
    known = ex.fills
    if sim.rules.shared_queue == 0:
        _trade_alone(aggressor, tick, lots, wire, sim)
    else:
        left = lots
        while left > 0:
            k = _first_through(aggressor, tick, 0, sim)
            if k < 0:
                break
            whole = open_lots(orders[k], sim.rules, sim.ledger)
            if sim.rules.partial_fills == 1:
                whole = min(whole, left)
            left -= whole
            fill_order(k, whole, orders[k].price_ticks, 1, wire, sim)
        if left > 0:
            _trade_at(aggressor, tick, lots, left, wire, sim)
    if ex.fills > known:
        trim_reducing(wire, sim)


@hot
def _trade_at(aggressor: int, tick: int, printed: int, left: int, wire: Wire, sim: Sim) -> None:
    """Run what is left of a print through the queue at its own price: foreign lots ahead first, then our
    orders.
    """
    ex, orders = sim.exchange, sim.orders
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
        lots = min(reach, open_lots(order, sim.rules, sim.ledger))
        if lots > 0 and sim.rules.partial_fills == 0:
            lots = open_lots(order, sim.rules, sim.ledger)
        if lots <= 0 or passed_over(order.leaves_lots, sim.rules, ex, sim.costs):
            k += 1
            continue
        own_lots += lots
        gone = lots == order.leaves_lots
        fill_order(k, lots, tick, 1, wire, sim)
        if not gone:
            k += 1


@core
def _trade_alone(aggressor: int, tick: int, lots: int, wire: Wire, sim: Sim) -> None:
    """Judge each of our orders alone against the whole print."""
    ex, orders = sim.exchange, sim.orders
    k = 0
    while k < ex.live:
        order = orders[k]
        through = aggressor * (tick - order.price_ticks)
        if order.side == aggressor or through < 0:
            k += 1
            continue
        size = open_lots(order, sim.rules, sim.ledger)
        if through == 0:
            order.ahead_lots -= lots
            order.traded_lots += lots
            if order.ahead_lots > -0.5 or passed_over(order.leaves_lots, sim.rules, ex, sim.costs):
                k += 1
                continue
        if sim.rules.partial_fills == 1:
            size = min(size, lots if through > 0 else int(0.5 - order.ahead_lots))
        if order.ahead_lots < 0.0:
            order.ahead_lots = 0.0
        if size == 0:
            k += 1
            continue
        gone = size == order.leaves_lots
        fill_order(k, size, order.price_ticks, 1, wire, sim)
        if not gone:
            k += 1
