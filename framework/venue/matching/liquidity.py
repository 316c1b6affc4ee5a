"""Displayed liquidity, taken once, and what taking it or waiting for it costs under the cost model."""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.jit import core
from framework.market.book import Book, level_lots
from framework.market.events import BUY
from framework.venue.matching.records import Exchange, Sim, Taken, VenueRules

DAY = 86_400.0
MINUTE = 60.0


@core
def marketable(book: Book, side: int, tick: int) -> bool:
    """Tell whether an order of this side and price would take from the exchange's book."""
    if side == BUY:
        return book.best_ask < book.base_tick + book.slots and tick >= book.best_ask
    return book.best_bid >= book.base_tick and tick <= book.best_bid


@core
def other_side_shown(book: Book, side: int) -> bool:
    """Tell whether the exchange shows anything that an order of this side could take."""
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
def _from_table(x: float, column: int, knots: int, costs: Sequence[float]) -> float:
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
def impact_of(lots: int, rules: VenueRules, ex: Exchange, costs: Sequence[float]) -> float:
    """Give the price impact of an aggressive order as a fraction; 0 without a cost model."""
    if rules.cost_knots == 0:
        return 0.0
    return _from_table(participation(lots, ex), 1, rules.cost_knots, costs)


@core
def passed_over(lots: int, rules: VenueRules, ex: Exchange, costs: Sequence[float]) -> bool:
    """Draw whether a print at an order's price, whose turn has come, yet misses it; never without a cost
    model.

    A market that goes through the price always fills: only the kind fills are thinned.
    """
    if rules.cost_knots == 0:
        return False
    table = 3 * rules.cost_knots
    drawn = costs[table + ex.draws % (len(costs) - table)]
    ex.draws += 1
    return drawn >= _from_table(participation(lots, ex), 2, rules.cost_knots, costs)


@core
def consume(side: int, tick: int, wanted: int, sim: Sim) -> int:
    """Take up to ``wanted`` lots from the levels of ``side`` that reach our price; give what was there."""
    ex, book, taken = sim.exchange, sim.book, sim.taken
    price = book.best_bid if side == BUY else book.best_ask
    got = 0
    while got < wanted and side * (price - tick) >= 0:
        shown = level_lots(book, sim.levels, side, price)
        if shown > 0:
            lots = min(wanted - got, shown - taken_lots(ex, taken, side, price))
            if lots > 0:
                note_taken(ex, taken, side, price, lots)
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
def note_taken(ex: Exchange, taken: list[Taken], side: int, tick: int, lots: int) -> None:
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
def keep_taken(ex: Exchange, taken: list[Taken], side: int, tick: int, lots: int) -> None:
    """Hold at most ``lots`` of a level for consumed, 0 for a level that begins anew."""
    if lots == 0:
        forget_taken(ex, taken, side, tick)
        return
    for k in range(ex.taken):
        if taken[k].price_ticks == tick and taken[k].side == side:
            taken[k].lots = min(taken[k].lots, lots)
            return


@core
def forget_taken(ex: Exchange, taken: list[Taken], side: int, tick: int) -> None:
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
            forget_taken(ex, taken, taken[k].side, taken[k].price_ticks)
        else:
            k += 1
