"""The compiled flow of the synthetic market: takers chase a latent price, makers follow it late.

One step is a fixed slice of exchange time (1 ms or more), so every decay is a constant and the loop needs no
exp, log or pow. Randomness comes pre-drawn in pools; the loop returns early when one runs low.

Informed takers who pick off late quotes are those of Glosten and Milgrom (1985), the self-exciting flow is of
Hawkes (1971), and the signs' long memory a discrete autoregression (Jacobs and Lewis 1983).
"""

from __future__ import annotations

from framework.compiled.jit import core, entry
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
    World,
)


@core
def print_trades(w: World, sign: int, price: int, qty: int) -> None:
    """Write the trades of one order at one price, a row for each resting order it met."""
    left = qty
    count = 1
    while left > 0:
        part = 1 + int(w.model.print_lots * draw(w, LEVEL))
        if part > left or count >= w.model.max_prints:
            part = left
        put(w, TRADE, sign, price, part)
        left -= part
        count += 1


@core
def take(w: World, sign: int, qty: int) -> None:
    """Execute a taker order: all its trades, then the levels it changed, then the excitement it leaves."""
    model, state = w.model, w.state
    i = 1 if sign > 0 else 0
    away = 2 * i - 1
    left = qty
    price = best(w, i)
    reached = price
    met = 0
    while left > 0 and met < model.order_levels and (price - edge(w, i)) * away < 0:
        there = held(w, i, price)
        if there > 0:
            part = min(left, there)
            print_trades(w, sign, price, part)
            left -= part
            reached = price
            met += 1
        price += away
    left = qty
    price = best(w, i)
    while (price - reached) * away <= 0:
        there = held(w, i, price)
        part = min(left, there)
        set_level(w, i, price, there - part)
        left -= part
        price += away
    settle(w, i)
    state.fast += model.kick_fast
    state.mid += model.kick_mid
    state.slow += model.kick_slow


@core
def noise_sign(w: World) -> int:
    """Draw an uninformed order's sign: often a copy of one that lies a power-law number of orders back."""
    sign = 1 if draw(w, UNIFORM) < 0.5 else -1
    if draw(w, UNIFORM) < w.model.sign_copy:
        back = w.lags[int(draw(w, UNIFORM) * LAGS)]
        sign = w.signs[(w.signs[SIGNS] - back) & (SIGNS - 1)]
    return sign


@core
def remember_sign(w: World, sign: int) -> None:
    """Keep an order's sign for those that will copy it."""
    at = w.signs[SIGNS]
    w.signs[at] = sign
    w.signs[SIGNS] = (at + 1) & (SIGNS - 1)


@core
def move_latent(w: World, vol: float, drift: float) -> None:
    """Jump the latent price, mostly the way the book leans, and let the book lean anew."""
    model, state = w.model, w.state
    size = min(model.jump_ticks * vol * draw(w, JUMP), model.jump_cap)
    sign = state.lean if draw(w, UNIFORM) < model.leak else -state.lean
    if draw(w, UNIFORM) < abs(drift):
        sign = 1.0 if drift > 0 else -1.0
    state.latent = max(state.latent + sign * size, 2.0 * model.levels)
    state.lean = sign if draw(w, UNIFORM) < model.momentum else -sign
    kick = model.news_kick * min(size / model.jump_ticks, 4.0)
    state.fast += model.kick_fast * kick
    state.mid += model.kick_mid * kick
    state.slow += model.kick_slow * kick


@core
def chase(w: World) -> int:
    """Let informed takers and late makers race for quotes the latent price left behind; 1 if one acted."""
    model, state = w.model, w.state
    sign = 0
    if state.latent > state.best_ask + model.threshold:
        sign = 1
    elif state.latent < state.best_bid - model.threshold:
        sign = -1
    if sign == 0:
        return 0
    i = 1 if sign > 0 else 0
    gap = (state.latent - best(w, i)) * sign
    u = draw(w, UNIFORM) / (1.0 + model.urgency * gap)
    if u >= model.informed + model.pull:
        return 0
    behind_by = model.catch_up * min(gap, 0.5 * model.levels)
    price = best(w, i) + sign * max(1, int(behind_by))
    if u < model.informed:
        more = 1.0 + model.take_size * draw(w, UNIFORM)
        take(w, sign, int(held(w, i, best(w, i)) * more))
        remember_sign(w, sign)
        if draw(w, UNIFORM) >= model.follow:
            return 1
    if (price - best(w, i)) * sign > 0:
        retreat(w, i, price)
    if state.best_ask - state.best_bid > 1 and draw(w, UNIFORM) < model.quick:
        improve(w, 1 - i, best(w, i) - sign)
    return 1


@core
def narrow(w: World) -> None:
    """Close a wide spread from the side that the latent price favours, mostly."""
    model, state = w.model, w.state
    spread = state.best_ask - state.best_bid
    gap = (state.latent - 0.5 * (state.best_ask + state.best_bid)) * model.close_skill
    rise = min(max(0.5 + gap, 0.02), 0.98)
    step = spread - 1 if model.close_full == 1 else 1
    i = 0
    if draw(w, UNIFORM) >= rise:
        i = 1
    improve(w, i, best(w, i) + (1 - 2 * i) * step)


@core
def update_touch(w: World) -> None:
    """Add to or cancel from one touch, drawn back to its target, which moves too."""
    model, state = w.model, w.state
    i = 1 if draw(w, UNIFORM) < 0.5 else 0
    if draw(w, UNIFORM) < model.touch_redraw:
        fresh_touch(w, i)
    target = state.target_bid if i == 0 else state.target_ask
    price = best(w, i)
    there = held(w, i, price)
    size = max(1, int(model.touch * model.touch_step * state.depth * draw(w, LEVEL)))
    grow = 0.5 + model.touch_pull * (target - there) / (target + there)
    if draw(w, UNIFORM) < grow:
        set_level(w, i, price, there + size)
    elif size < there:
        set_level(w, i, price, there - size)
    elif draw(w, UNIFORM) < model.deplete:
        set_level(w, i, price, 0)
        settle(w, i)


@core
def publish_depth(w: World) -> None:
    """Redraw some levels behind the touches in one depth message, the near ones more often."""
    count = int(w.model.flush_levels * (0.5 + draw(w, UNIFORM)) + 0.5)
    for _ in range(count):
        i = 1 if draw(w, UNIFORM) < 0.5 else 0
        u = draw(w, UNIFORM)
        distance = 1 + int((w.model.levels - 1) * u * u * u)
        qty = behind(w, distance)
        set_level(w, i, best(w, i) + (2 * i - 1) * distance, qty)


@core
def open_book(w: World) -> None:
    """Write the snapshot: a clear, then every level of both sides from the touch outwards."""
    put(w, CLEAR, 0, 0, 0)
    for i in range(2):
        set_edge(w, i, best(w, i))
        set_level(w, i, best(w, i), 2 * fresh_touch(w, i))
        reach(w, i)


@core
def low(w: World) -> bool:
    """Tell whether a pool may run out within one step."""
    furthest = 0
    for which in range(POOLS):
        furthest = max(furthest, w.cursor[which])
    return furthest > POOL - POOL_MARGIN


@core
def ordinary(w: World, at: int, may_trade: bool) -> None:
    """Let at most one ordinary event happen in this step: order, news, touch update or depth message."""
    model, state = w.model, w.state
    flow = w.mods[MOD_FLOW * model.mods + at]
    intensity = model.order_base * flow + state.fast + state.mid + state.slow
    heat = intensity / model.order_mean
    u = draw(w, UNIFORM)
    u -= min(intensity, 0.5) * (1.0 if state.best_ask - state.best_bid == 1 else model.wide_flow)
    if u < 0.0:
        if may_trade:
            sign = noise_sign(w)
            remember_sign(w, sign)
            size = max(1, int(model.size_median * draw(w, SIZE)))
            i = 1 if sign > 0 else 0
            touch = held(w, i, best(w, i))
            state.latent += sign * model.impact * min(size / touch, 1.5)
            take(w, sign, size)
        return
    u -= model.jump * min(1.0 + model.jump_coupling * (heat - 1.0), 8.0)
    if u < 0.0:
        vol = w.mods[MOD_VOL * model.mods + at]
        move_latent(w, vol, w.mods[MOD_DRIFT * model.mods + at])
        return
    u -= model.touch_update * min(1.0 + model.touch_coupling * (heat - 1.0), 3.0)
    if u < 0.0:
        update_touch(w)
    elif u < model.flush:
        publish_depth(w)


@entry()
def advance(w: World) -> int:
    """Step the market until the modulation ends or a pool or the output runs low; return the step reached."""
    model, state = w.model, w.state
    state.rows = 0
    if state.step == 0:
        open_book(w)
        state.step = 1
        state.ts_ns += model.step_ns
    last = model.mods * model.steps_per_mod
    while state.step < last and state.rows < state.rows_max - OUT_MARGIN and not low(w):
        at = state.step // model.steps_per_mod
        state.depth = w.mods[MOD_DEPTH * model.mods + at]
        state.fast *= model.decay_fast
        state.mid *= model.decay_mid
        state.slow *= model.decay_slow
        acted = chase(w)
        ordinary(w, at, acted == 0)
        spread = state.best_ask - state.best_bid
        if spread > 1 and draw(w, UNIFORM) < (model.close if spread == 2 else model.close_wide):
            narrow(w)
        state.step += 1
        state.ts_ns += model.step_ns
    return int(state.step)
