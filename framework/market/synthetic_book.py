"""The book of the synthetic market: what stands at each price, and how makers withdraw, improve and refill.

Sides are indexed 0 bid, 1 ask. The book is a ring of lots: ``book[side * RING + (price & (RING - 1))]``.
Every change of a level is published as it happens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framework.compiled.jit import core
from framework.market.events import DEPTH
from framework.market.synthetic_records import LEVEL, POOL, RING, TOUCH, UNIFORM, Model, Row, State

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@core
def draw(pool: Floats, cursor: Ints, which: int) -> float:
    """Take the next number of a pool."""
    at = cursor[which]
    cursor[which] = at + 1
    return pool[which * POOL + at]  # type: ignore[no-any-return]


@core
def put(s: list[State], out: list[Row], kind: int, side: int, price: int, qty: int) -> None:
    """Write one event at the current time."""
    row = out[s[0].rows]
    row.ts_ns = s[0].ts_ns
    row.kind = kind
    row.side = side
    row.price_ticks = price
    row.qty_lots = qty
    s[0].rows += 1


@core
def held(book: Ints, i: int, price: int) -> int:
    """Tell the lots at a price."""
    return book[i * RING + (price & (RING - 1))]  # type: ignore[no-any-return]


@core
def set_level(s: list[State], book: Ints, out: list[Row], i: int, price: int, qty: int) -> None:
    """Hold these lots at a price and publish the change, if it is one."""
    at = i * RING + (price & (RING - 1))
    if book[at] != qty:
        book[at] = qty
        put(s, out, DEPTH, 1 - 2 * i, price, qty)


@core
def best(s: list[State], i: int) -> int:
    """Tell the touch of a side."""
    return s[0].best_bid if i == 0 else s[0].best_ask


@core
def set_best(s: list[State], i: int, price: int) -> None:
    """Move the touch of a side."""
    if i == 0:
        s[0].best_bid = price
    else:
        s[0].best_ask = price


@core
def edge(s: list[State], i: int) -> int:
    """Tell the furthest price that a side publishes."""
    return s[0].edge_bid if i == 0 else s[0].edge_ask


@core
def set_edge(s: list[State], i: int, price: int) -> None:
    """Move the furthest price of a side."""
    if i == 0:
        s[0].edge_bid = price
    else:
        s[0].edge_ask = price


@core
def behind(m: list[Model], s: list[State], profile: Floats, pool: Floats, cursor: Ints, distance: int) -> int:
    """Draw the lots of a level behind the touch; most prices are empty on a fine grid.

    ``profile`` holds the share of occupied prices by distance, then the mean lots of an occupied one.
    """
    d = min(max(distance, 1), m[0].levels)
    if draw(pool, cursor, UNIFORM) >= profile[d]:
        return 0
    return max(1, int(profile[m[0].levels + 1 + d] * s[0].depth * draw(pool, cursor, LEVEL)))


@core
def fresh_touch(m: list[Model], s: list[State], pool: Floats, cursor: Ints, i: int) -> int:
    """Choose a new target for the depth at a touch, and the lots that stand there at first."""
    tilt = 1.0 + m[0].tilt * s[0].lean * (1 - 2 * i)
    target = m[0].touch * s[0].depth * tilt * draw(pool, cursor, TOUCH)
    if i == 0:
        s[0].target_bid = target
    else:
        s[0].target_ask = target
    return max(1, int(target * m[0].touch_start * (0.5 + draw(pool, cursor, UNIFORM))))


@core
def reach(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    i: int,
) -> None:
    """Keep the published depth between ``levels`` and ``levels + slack`` ticks behind the touch."""
    away = 2 * i - 1
    far = best(s, i) + away * m[0].levels
    price = edge(s, i)
    while (price - far) * away < 0:
        price += away
        qty = behind(m, s, profile, pool, cursor, (price - best(s, i)) * away)
        set_level(s, book, out, i, price, qty)
    while (price - far) * away > m[0].slack:
        set_level(s, book, out, i, price, 0)
        price -= away
    set_edge(s, i, price)


@core
def settle(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    i: int,
) -> None:
    """Find the touch again after levels went, from where it was outwards."""
    away = 2 * i - 1
    price = best(s, i)
    while held(book, i, price) == 0 and (price - edge(s, i)) * away < 0:
        price += away
    set_best(s, i, price)
    if held(book, i, price) == 0:
        set_level(s, book, out, i, price, fresh_touch(m, s, pool, cursor, i))
    reach(m, s, book, profile, pool, cursor, out, i)


@core
def retreat(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    i: int,
    price: int,
) -> None:
    """Withdraw every level better than ``price`` and make that price the touch."""
    away = 2 * i - 1
    at = best(s, i)
    while (price - at) * away > 0:
        set_level(s, book, out, i, at, 0)
        at += away
    start = fresh_touch(m, s, pool, cursor, i)
    if held(book, i, price) < start:
        set_level(s, book, out, i, price, start)
    set_best(s, i, price)
    reach(m, s, book, profile, pool, cursor, out, i)


@core
def improve(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    i: int,
    price: int,
) -> None:
    """Set a better touch; what stood at the old one thins out and the prices between fill."""
    away = 2 * i - 1
    old = best(s, i)
    set_level(s, book, out, i, price, fresh_touch(m, s, pool, cursor, i))
    set_best(s, i, price)
    at = price + away
    while at != old:
        set_level(s, book, out, i, at, behind(m, s, profile, pool, cursor, (at - price) * away))
        at += away
    if draw(pool, cursor, UNIFORM) < m[0].trim:
        set_level(s, book, out, i, old, behind(m, s, profile, pool, cursor, (old - price) * away))
    reach(m, s, book, profile, pool, cursor, out, i)
