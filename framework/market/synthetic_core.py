"""The compiled flow of the synthetic market: takers chase a latent price, makers follow it late.

One step is a fixed slice of exchange time (1 ms or more), so every decay is a constant and the loop needs no
exp, log or pow. Randomness comes pre-drawn in pools; the loop returns early when one runs low.

Informed takers who pick off late quotes are those of Glosten and Milgrom (1985), the self-exciting flow is of
Hawkes (1971), and the signs' long memory a discrete autoregression (Jacobs and Lewis 1983).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from framework.compiled.jit import array, core, entry
from framework.market.events import CLEAR, TRADE
from framework.market.synthetic_book import (
    behind,
    best,
    draw,
    edge,
    fresh_touch,
    held,
    improve,
    put,
    reach,
    retreat,
    set_edge,
    set_level,
    settle,
)
from framework.market.synthetic_records import (
    JUMP,
    LAGS,
    LEVEL,
    MOD_DEPTH,
    MOD_DRIFT,
    MOD_FLOW,
    MOD_VOL,
    OUT_MARGIN,
    POOL,
    POOL_MARGIN,
    POOLS,
    SIGNS,
    SIZE,
    UNIFORM,
    Model,
    Row,
    State,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@core
def print_trades(
    m: list[Model],
    s: list[State],
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    sign: int,
    price: int,
    qty: int,
) -> None:
    """Write the trades of one order at one price, a row for each resting order it met."""
    left = qty
    count = 1
    while left > 0:
        part = 1 + int(m[0].print_lots * draw(pool, cursor, LEVEL))
        if part > left or count >= m[0].max_prints:
            part = left
        put(s, out, TRADE, sign, price, part)
        left -= part
        count += 1


@core
def take(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    sign: int,
    qty: int,
) -> None:
    """Execute a taker order: all its trades, then the levels it changed, then the excitement it leaves."""
    i = 1 if sign > 0 else 0
    away = 2 * i - 1
    left = qty
    price = best(s, i)
    reached = price
    met = 0
    while left > 0 and met < m[0].order_levels and (price - edge(s, i)) * away < 0:
        there = held(book, i, price)
        if there > 0:
            part = min(left, there)
            print_trades(m, s, pool, cursor, out, sign, price, part)
            left -= part
            reached = price
            met += 1
        price += away
    left = qty
    price = best(s, i)
    while (price - reached) * away <= 0:
        there = held(book, i, price)
        part = min(left, there)
        set_level(s, book, out, i, price, there - part)
        left -= part
        price += away
    settle(m, s, book, profile, pool, cursor, out, i)
    s[0].fast += m[0].kick_fast
    s[0].mid += m[0].kick_mid
    s[0].slow += m[0].kick_slow


@core
def noise_sign(m: list[Model], signs: Ints, lag: Ints, s: list[State], pool: Floats, cursor: Ints) -> int:
    """Draw an uninformed order's sign: often a copy of one that lies a power-law number of orders back."""
    sign = 1 if draw(pool, cursor, UNIFORM) < 0.5 else -1
    if draw(pool, cursor, UNIFORM) < m[0].sign_copy:
        back = lag[int(draw(pool, cursor, UNIFORM) * LAGS)]
        sign = signs[(signs[SIGNS] - back) & (SIGNS - 1)]
    return sign


@core
def remember_sign(signs: Ints, sign: int) -> None:
    """Keep an order's sign for those that will copy it."""
    at = signs[SIGNS]
    signs[at] = sign
    signs[SIGNS] = (at + 1) & (SIGNS - 1)


@core
def move_latent(m: list[Model], s: list[State], pool: Floats, cursor: Ints, vol: float, drift: float) -> None:
    """Jump the latent price, mostly the way the book leans, and let the book lean anew."""
    size = min(m[0].jump_ticks * vol * draw(pool, cursor, JUMP), m[0].jump_cap)
    sign = s[0].lean if draw(pool, cursor, UNIFORM) < m[0].leak else -s[0].lean
    if draw(pool, cursor, UNIFORM) < abs(drift):
        sign = 1.0 if drift > 0 else -1.0
    s[0].latent = max(s[0].latent + sign * size, 2.0 * m[0].levels)
    s[0].lean = sign if draw(pool, cursor, UNIFORM) < m[0].momentum else -sign
    kick = m[0].news_kick * min(size / m[0].jump_ticks, 4.0)
    s[0].fast += m[0].kick_fast * kick
    s[0].mid += m[0].kick_mid * kick
    s[0].slow += m[0].kick_slow * kick


@core
def chase(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    signs: Ints,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
) -> int:
    """Let informed takers and late makers race for quotes the latent price left behind; 1 if one acted."""
    sign = 0
    if s[0].latent > s[0].best_ask + m[0].threshold:
        sign = 1
    elif s[0].latent < s[0].best_bid - m[0].threshold:
        sign = -1
    if sign == 0:
        return 0
    i = 1 if sign > 0 else 0
    gap = (s[0].latent - best(s, i)) * sign
    u = draw(pool, cursor, UNIFORM) / (1.0 + m[0].urgency * gap)
    if u >= m[0].informed + m[0].pull:
        return 0
    behind_by = m[0].catch_up * min(gap, 0.5 * m[0].levels)
    price = best(s, i) + sign * max(1, int(behind_by))
    if u < m[0].informed:
        more = 1.0 + m[0].take_size * draw(pool, cursor, UNIFORM)
        take(m, s, book, profile, pool, cursor, out, sign, int(held(book, i, best(s, i)) * more))
        remember_sign(signs, sign)
        if draw(pool, cursor, UNIFORM) >= m[0].follow:
            return 1
    if (price - best(s, i)) * sign > 0:
        retreat(m, s, book, profile, pool, cursor, out, i, price)
    if s[0].best_ask - s[0].best_bid > 1 and draw(pool, cursor, UNIFORM) < m[0].quick:
        improve(m, s, book, profile, pool, cursor, out, 1 - i, best(s, i) - sign)
    return 1


@core
def narrow(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
) -> None:
    """Close a wide spread from the side that the latent price favours, mostly."""
    spread = s[0].best_ask - s[0].best_bid
    gap = (s[0].latent - 0.5 * (s[0].best_ask + s[0].best_bid)) * m[0].close_skill
    rise = min(max(0.5 + gap, 0.02), 0.98)
    step = spread - 1 if m[0].close_full == 1 else 1
    i = 0
    if draw(pool, cursor, UNIFORM) >= rise:
        i = 1
    improve(m, s, book, profile, pool, cursor, out, i, best(s, i) + (1 - 2 * i) * step)


@core
def update_touch(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
) -> None:
    """Add to or cancel from one touch, drawn back to its target, which moves too."""
    i = 1 if draw(pool, cursor, UNIFORM) < 0.5 else 0
    if draw(pool, cursor, UNIFORM) < m[0].touch_redraw:
        fresh_touch(m, s, pool, cursor, i)
    target = s[0].target_bid if i == 0 else s[0].target_ask
    price = best(s, i)
    there = held(book, i, price)
    size = max(1, int(m[0].touch * m[0].touch_step * s[0].depth * draw(pool, cursor, LEVEL)))
    grow = 0.5 + m[0].touch_pull * (target - there) / (target + there)
    if draw(pool, cursor, UNIFORM) < grow:
        set_level(s, book, out, i, price, there + size)
    elif size < there:
        set_level(s, book, out, i, price, there - size)
    elif draw(pool, cursor, UNIFORM) < m[0].deplete:
        set_level(s, book, out, i, price, 0)
        settle(m, s, book, profile, pool, cursor, out, i)


@core
def publish_depth(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
) -> None:
    """Redraw some levels behind the touches in one depth message, the near ones more often."""
    count = int(m[0].flush_levels * (0.5 + draw(pool, cursor, UNIFORM)) + 0.5)
    for _ in range(count):
        i = 1 if draw(pool, cursor, UNIFORM) < 0.5 else 0
        u = draw(pool, cursor, UNIFORM)
        distance = 1 + int((m[0].levels - 1) * u * u * u)
        qty = behind(m, s, profile, pool, cursor, distance)
        set_level(s, book, out, i, best(s, i) + (2 * i - 1) * distance, qty)


@core
def open_book(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
) -> None:
    """Write the snapshot: a clear, then every level of both sides from the touch outwards."""
    put(s, out, CLEAR, 0, 0, 0)
    for i in range(2):
        set_edge(s, i, best(s, i))
        set_level(s, book, out, i, best(s, i), 2 * fresh_touch(m, s, pool, cursor, i))
        reach(m, s, book, profile, pool, cursor, out, i)


@core
def low(cursor: Ints) -> bool:
    """Tell whether a pool may run out within one step."""
    furthest = 0
    for which in range(POOLS):
        furthest = max(furthest, cursor[which])
    return furthest > POOL - POOL_MARGIN


@core
def ordinary(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    signs: Ints,
    lag: Ints,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    mods: Floats,
    at: int,
    may_trade: bool,
) -> None:
    """Let at most one ordinary event happen in this step: order, news, touch update or depth message."""
    flow = mods[MOD_FLOW * m[0].mods + at]
    intensity = m[0].order_base * flow + s[0].fast + s[0].mid + s[0].slow
    heat = intensity / m[0].order_mean
    u = draw(pool, cursor, UNIFORM)
    u -= min(intensity, 0.5) * (1.0 if s[0].best_ask - s[0].best_bid == 1 else m[0].wide_flow)
    if u < 0.0:
        if may_trade:
            sign = noise_sign(m, signs, lag, s, pool, cursor)
            remember_sign(signs, sign)
            size = max(1, int(m[0].size_median * draw(pool, cursor, SIZE)))
            i = 1 if sign > 0 else 0
            touch = held(book, i, best(s, i))
            s[0].latent += sign * m[0].impact * min(size / touch, 1.5)
            take(m, s, book, profile, pool, cursor, out, sign, size)
        return
    u -= m[0].jump * min(1.0 + m[0].jump_coupling * (heat - 1.0), 8.0)
    if u < 0.0:
        vol = mods[MOD_VOL * m[0].mods + at]
        move_latent(m, s, pool, cursor, vol, mods[MOD_DRIFT * m[0].mods + at])
        return
    u -= m[0].touch_update * min(1.0 + m[0].touch_coupling * (heat - 1.0), 3.0)
    if u < 0.0:
        update_touch(m, s, book, profile, pool, cursor, out)
    elif u < m[0].flush:
        publish_depth(m, s, book, profile, pool, cursor, out)


@entry(
    Model,
    State,
    array("i8"),
    array("f8"),
    array("i8"),
    array("i8", writable=False),
    array("f8", writable=False),
    array("i8"),
    Row,
    array("f8", writable=False),
)
def advance(
    m: list[Model],
    s: list[State],
    book: Ints,
    profile: Floats,
    signs: Ints,
    lag: Ints,
    pool: Floats,
    cursor: Ints,
    out: list[Row],
    mods: Floats,
) -> int:
    """Step the market until the modulation ends or a pool or the output runs low; return the step reached."""
    s[0].rows = 0
    if s[0].step == 0:
        open_book(m, s, book, profile, pool, cursor, out)
        s[0].step = 1
        s[0].ts_ns += m[0].step_ns
    last = m[0].mods * m[0].steps_per_mod
    while s[0].step < last and s[0].rows < s[0].rows_max - OUT_MARGIN and not low(cursor):
        at = s[0].step // m[0].steps_per_mod
        s[0].depth = mods[MOD_DEPTH * m[0].mods + at]
        s[0].fast *= m[0].decay_fast
        s[0].mid *= m[0].decay_mid
        s[0].slow *= m[0].decay_slow
        acted = chase(m, s, book, profile, signs, pool, cursor, out)
        ordinary(m, s, book, profile, signs, lag, pool, cursor, out, mods, at, acted == 0)
        spread = s[0].best_ask - s[0].best_bid
        if spread > 1 and draw(pool, cursor, UNIFORM) < (m[0].close if spread == 2 else m[0].close_wide):
            narrow(m, s, book, profile, pool, cursor, out)
        s[0].step += 1
        s[0].ts_ns += m[0].step_ns
    return int(s[0].step)
