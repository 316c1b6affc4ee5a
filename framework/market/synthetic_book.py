"""The book of the synthetic market: what stands at each price, and how makers withdraw, improve and refill.

Sides are indexed 0 bid, 1 ask. The book is a ring of lots: ``book[side * RING + (price & (RING - 1))]``.
Every change of a level is published as it happens.
"""

from __future__ import annotations

from framework.compiled.jit import core
from framework.market.events import DEPTH
from framework.market.synthetic_records import LEVEL, POOL, RING, TOUCH, UNIFORM, World


@core
def draw(w: World, which: int) -> float:
    """Take the next number of a pool."""
    at = w.cursor[which]
    w.cursor[which] = at + 1
    return w.pool[which * POOL + at]


@core
def put(w: World, kind: int, side: int, price: int, qty: int) -> None:
    """Write one event at the current time."""
    state = w.state
    row = w.out[state.rows]
    row.ts_ns = state.ts_ns
    row.kind = kind
    row.side = side
    row.price_ticks = price
    row.qty_lots = qty
    state.rows += 1


@core
def held(w: World, i: int, price: int) -> int:
    """Tell the lots at a price."""
    return w.book[i * RING + (price & (RING - 1))]


@core
def set_level(w: World, i: int, price: int, qty: int) -> None:
    """Hold these lots at a price and publish the change, if it is one."""
    at = i * RING + (price & (RING - 1))
    if w.book[at] != qty:
        w.book[at] = qty
        put(w, DEPTH, 1 - 2 * i, price, qty)


@core
def best(w: World, i: int) -> int:
    """Tell the touch of a side."""
    return w.state.best_bid if i == 0 else w.state.best_ask


@core
def set_best(w: World, i: int, price: int) -> None:
    """Move the touch of a side."""
    if i == 0:
        w.state.best_bid = price
    else:
        w.state.best_ask = price


@core
def edge(w: World, i: int) -> int:
    """Tell the furthest price that a side publishes."""
    return w.state.edge_bid if i == 0 else w.state.edge_ask


@core
def set_edge(w: World, i: int, price: int) -> None:
    """Move the furthest price of a side."""
    if i == 0:
        w.state.edge_bid = price
    else:
        w.state.edge_ask = price


@core
def behind(w: World, distance: int) -> int:
    """Draw the lots of a level behind the touch; most prices are empty on a fine grid.

    ``profile`` holds the share of occupied prices by distance, then the mean lots of an occupied one.
    """
    model, state = w.model, w.state
    d = min(max(distance, 1), model.levels)
    if draw(w, UNIFORM) >= w.profile[d]:
        return 0
    return max(1, int(w.profile[model.levels + 1 + d] * state.depth * draw(w, LEVEL)))


@core
def fresh_touch(w: World, i: int) -> int:
    """Choose a new target for the depth at a touch, and the lots that stand there at first."""
    model, state = w.model, w.state
    tilt = 1.0 + model.tilt * state.lean * (1 - 2 * i)
    target = model.touch * state.depth * tilt * draw(w, TOUCH)
    if i == 0:
        state.target_bid = target
    else:
        state.target_ask = target
    return max(1, int(target * model.touch_start * (0.5 + draw(w, UNIFORM))))


@core
def reach(w: World, i: int) -> None:
    """Keep the published depth between ``levels`` and ``levels + slack`` ticks behind the touch."""
    away = 2 * i - 1
    far = best(w, i) + away * w.model.levels
    price = edge(w, i)
    while (price - far) * away < 0:
        price += away
        qty = behind(w, (price - best(w, i)) * away)
        set_level(w, i, price, qty)
    while (price - far) * away > w.model.slack:
        set_level(w, i, price, 0)
        price -= away
    set_edge(w, i, price)


@core
def settle(w: World, i: int) -> None:
    """Find the touch again after levels went, from where it was outwards."""
    away = 2 * i - 1
    price = best(w, i)
    while held(w, i, price) == 0 and (price - edge(w, i)) * away < 0:
        price += away
    set_best(w, i, price)
    if held(w, i, price) == 0:
        set_level(w, i, price, fresh_touch(w, i))
    reach(w, i)


@core
def retreat(w: World, i: int, price: int) -> None:
    """Withdraw every level better than ``price`` and make that price the touch."""
    away = 2 * i - 1
    at = best(w, i)
    while (price - at) * away > 0:
        set_level(w, i, at, 0)
        at += away
    start = fresh_touch(w, i)
    if held(w, i, price) < start:
        set_level(w, i, price, start)
    set_best(w, i, price)
    reach(w, i)


@core
def improve(w: World, i: int, price: int) -> None:
    """Set a better touch; what stood at the old one thins out and the prices between fill."""
    away = 2 * i - 1
    old = best(w, i)
    set_level(w, i, price, fresh_touch(w, i))
    set_best(w, i, price)
    at = price + away
    while at != old:
        set_level(w, i, at, behind(w, (at - price) * away))
        at += away
    if draw(w, UNIFORM) < w.model.trim:
        set_level(w, i, old, behind(w, (old - price) * away))
    reach(w, i)
