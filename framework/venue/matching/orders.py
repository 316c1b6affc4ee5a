"""The orders that rest: in order of arrival, with the range of their prices and their place in the queue."""

from __future__ import annotations

from framework.compiled.jit import core
from framework.edge.ledger import Ledger
from framework.market.book import Book, level_lots
from framework.market.events import BUY
from framework.venue.matching.records import Exchange, Order, VenueRules

NOWHERE_LOW = -(1 << 60)
NOWHERE_HIGH = 1 << 60


@core
def reducing_lots(side: int, rules: VenueRules, ledger: Ledger) -> int:
    """Give how many lots of this side would bring the position towards zero."""
    return int(max(0.0, -side * ledger.position) / rules.lot + 1e-6)


@core
def open_lots(order: Order, rules: VenueRules, ledger: Ledger) -> int:
    """Give how much of an order may still be filled; a reduce-only order never turns the position."""
    if order.reduce_only == 0:
        return order.leaves_lots
    return min(order.leaves_lots, reducing_lots(order.side, rules, ledger))


@core
def join_queue(order: Order, book: Book, levels: list[int]) -> None:
    order.ahead_lots = float(level_lots(book, levels, order.side, order.price_ticks))
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
    target.link_id = source.link_id
    target.route = source.route


@core
def remove(k: int, ex: Exchange, orders: list[Order]) -> None:
    """Take an order off the book, keeping the others in order of arrival."""
    for j in range(k, ex.live - 1):
        _copy_order(orders[j + 1], orders[j])
    ex.live -= 1
    orders[ex.live].order_id = 0
    orders[ex.live].leaves_lots = 0
    note_prices(ex, orders)


@core
def to_back(k: int, ex: Exchange, orders: list[Order]) -> None:
    """Make an order the youngest; ``orders`` keeps one spare row at its end for the swap."""
    if k == ex.live - 1:
        return
    spare = orders[len(orders) - 1]
    _copy_order(orders[k], spare)
    for j in range(k, ex.live - 1):
        _copy_order(orders[j + 1], orders[j])
    _copy_order(spare, orders[ex.live - 1])
