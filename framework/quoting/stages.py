"""The stages of a tick, a closed table of compiled functions.

Half-spread and skew follow Guéant, Lehalle, Fernandez-Tapia, "Dealing with the inventory risk" (2013),
closed-form approximation: half = ln(1+gamma/kappa)/gamma + sigma*c/2 and skew = sigma*c*q with c =
sqrt(gamma/(2 kappa A) * (1+gamma/kappa)^(1+kappa/gamma)); both constants are computed where parameters are
made, so no transcendental function runs here. q is the position in quote sizes.
"""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.market.book import Book, depth_of_levels, depth_to, level_lots, two_sided
from framework.market.events import BUY, SELL
from framework.quoting.estimates import learn_adverse, momentum, observe, tanh
from framework.quoting.inputs import HALTED, PROXY, REDUCING, Account, Exposure
from framework.quoting.records import (
    FOREVER,
    IMPACT,
    LIQUIDITY_INSUFFICIENT,
    LOSS,
    NEAR_LIQUIDATION,
    NO_MARKET,
    POSITION_LIMIT,
    QTY_ZERO,
    REDUCE_ONLY,
    STALE,
    STOPPED,
    VOLATILITY,
    Desk,
    DeskState,
    Params,
    Quote,
    Snapshot,
)
from framework.quoting.sizing import compute_order_qty, exit_liquidity_suffices, near_liquidation
from framework.units import SECOND

FETCH_MD = 1
SPREAD = 2
GUARDS = 3
INVENTORY = 4
QUEUE_AWARE = 5
EMIT = 6
SIGNAL = 7
STAGES = {
    "fetch_md": FETCH_MD,
    "signal": SIGNAL,
    "spread": SPREAD,
    "guards": GUARDS,
    "inventory": INVENTORY,
    "queue_aware": QUEUE_AWARE,
    "emit": EMIT,
}


REACH_TICKS = 4096
NEGLIGIBLE_BPS = 0.1


@hot
def refresh_view(now: int, p: Params, view: Snapshot, book: Book) -> None:
    """Copy the top of the local book into the snapshot when the cache's rules ask for it."""
    view.silent_ns = now - book.updated_ns
    if p.md_enabled == 1 and view.usable == 1 and book.trusted == 1 and view.silent_ns <= p.md_gap_ns:
        moved = abs(book.best_bid - view.best_bid) + abs(book.best_ask - view.best_ask)
        if moved < p.md_jump_ticks and now - view.copied_ns <= p.md_fresh_ns:
            view.hit = 1
            return
    view.hit = 0
    view.copied_ns = now
    view.usable = 1 if two_sided(book) else 0
    if view.usable == 1:
        view.best_bid = book.best_bid
        view.best_ask = book.best_ask
        view.mid_ticks = 0.5 * (book.best_bid + book.best_ask)
        view.mid = view.mid_ticks * p.tick
        view.tick_bps = 1e4 / view.mid_ticks


@hot
def fetch_md(now: int, p: Params, state: DeskState) -> None:
    """Judge the snapshot's age, and the feed's silence unless stale data will do; start both sides anew."""
    desk, view, quotes = state.desk, state.view, state.quotes
    note_serving(now, p, desk, view)
    aged = p.md_enabled == 1 and now - view.copied_ns > p.md_fresh_ns
    silent = p.md_enabled == 1 and p.md_stale_ok == 0 and view.silent_ns > p.md_gap_ns
    for k in range(2):
        quotes[k].want = 1
        quotes[k].withheld = 0
        quotes[k].room_lots = FOREVER
        if view.usable == 0:
            withhold(quotes[k], NO_MARKET)
        elif aged or silent:
            withhold(quotes[k], STALE)


@hot
def note_serving(now: int, p: Params, desk: Desk, view: Snapshot) -> None:
    """Count where the snapshot came from, and where stale data will not do be awake when it becomes that."""
    if view.hit == 1:
        desk.md_hits += 1
    else:
        desk.md_misses += 1
    if p.md_enabled == 1 and p.md_stale_ok == 0 and view.silent_ns <= p.md_gap_ns:
        wake_at(desk, now - view.silent_ns + p.md_gap_ns + 1)


@core
def withhold(quote: Quote, reason: int) -> None:
    """Refuse to quote a side; the first reason stands."""
    if quote.want == 1:
        quote.want = 0
        quote.withheld = reason


@core
def signal(now: int, p: Params, state: DeskState) -> None:
    """Measure the market and set the lean from where its price is said to go.

    Twice at one instant is as once.
    """
    desk, view, told = state.desk, state.view, state.signal
    observe(now, p, desk, view)
    if view.usable == 1 and desk.pending_due_ns <= now:
        learn_adverse(now, p.adverse_tau_ns, desk, view.mid, state.pending)
    desk.lean_bps = 0.0
    if p.signal_weight_bps <= 0.0 or view.usable == 0:
        return
    if p.signal_source == PROXY or told.usable == 0:
        told.score = tanh(p.signal_k * momentum(now, p, desk, view))
        told.computed_ns = now
    desk.lean_bps = p.signal_weight_bps * told.score


@hot
def spread(p: Params, state: DeskState) -> None:
    """Set the half-spread from volatility, fees and expected adverse selection, and the fair price."""
    desk, view, quotes = state.desk, state.view, state.quotes
    half = p.glft_base_bps + 0.5 * p.glft_risk * desk.sigma_bps
    if half < p.base_half_spread_bps:
        half = p.base_half_spread_bps
    half += max(0.0, p.maker_fee_bps)
    half += p.adverse_weight * max(0.0, desk.adverse_bps)
    half += p.slippage_penalty_coef * max(0.0, desk.drift_bps)
    half = half * p.spread_multiplier + p.base_spread_bps_delta
    desk.half_spread_bps = max(half, p.min_half_spread_bps)
    for k in range(2):
        quotes[k].want_distance_bps = desk.half_spread_bps
    desk.fair = view.mid * (1.0 + desk.lean_bps * 1e-4)


@hot
def guards(now: int, p: Params, state: DeskState) -> None:
    """Size the quotes and refuse what the halts, the liquidation distance or the exit liquidity forbid."""
    desk, view, quotes, book = state.desk, state.view, state.quotes, state.book
    account, exposure = state.account, state.exposure
    halted = 0
    equity = 0.0
    if view.usable == 0 or book.trusted == 0:
        halted = NO_MARKET
    elif now - book.updated_ns > p.stale_halt_ns:
        halted = STALE
    elif desk.sigma_bps > p.vol_halt_bps or (
        desk.halted == VOLATILITY and desk.sigma_bps > 0.8 * p.vol_halt_bps
    ):
        halted = VOLATILITY
    if view.usable == 1:
        equity = desk.cash + exposure.position * view.mid
        if desk.opened == 0:
            desk.opened = 1
            desk.equity_open = equity
            account.equity_open += equity
        desk.loss = desk.equity_open - equity
        desk.margin = abs(exposure.position) * view.mid / p.leverage
        account.day_loss = desk.loss + exposure.elsewhere_loss
        account.equity = p.equity_start - account.day_loss
        if account.loss_halted == 1 or account.day_loss > p.loss_halt:
            account.loss_halted = 1
            halted = LOSS
    if account.trading_state == HALTED:
        halted = STOPPED
    desk.halted = halted
    desk.quote_lots = 0
    if halted == 0:
        wake_on_silence(p, desk, book)
        free = p.equity_start + equity - desk.equity_open - desk.margin
        free -= exposure.elsewhere_loss + exposure.elsewhere_margin
        account.free_balance = free
        desk.quote_lots = compute_order_qty(free, view.mid, p)
        # What rests may be no more either: a lower cap in mid-run shrinks it.
        cap_lots = int(p.notional_cap / (view.mid * p.lot))
        quotes[0].room_lots = cap_lots
        quotes[1].room_lots = cap_lots
    too_near = _near_liquidation(p, view, exposure)
    for k in range(2):
        side = BUY if k == 0 else SELL
        quotes[k].want_lots = desk.quote_lots
        adds = side * exposure.position >= 0.0
        if halted != 0:
            withhold(quotes[k], halted)
        elif desk.quote_lots == 0:
            withhold(quotes[k], QTY_ZERO)
        elif reducing(p, account) and adds:
            withhold(quotes[k], REDUCE_ONLY)
        elif too_near and adds:
            withhold(quotes[k], NEAR_LIQUIDATION)
        elif exit_too_thin(side, p, state):
            withhold(quotes[k], LIQUIDITY_INSUFFICIENT)


@core
def _near_liquidation(p: Params, view: Snapshot, exposure: Exposure) -> bool:
    """Tell whether liquidation is too near, by leverage or by the price that the venue names."""
    if p.near_liq_enabled == 0:
        return False
    if near_liquidation(p.leverage, p.maintenance_margin, p.assumed_sl, p.sl_buffer_multiplier):
        return True
    if exposure.liq_price <= 0.0 or view.usable == 0:
        return False
    return abs(view.mid - exposure.liq_price) < p.assumed_sl * p.sl_buffer_multiplier * view.mid


@core
def reducing(p: Params, account: Account) -> bool:
    """Tell whether only what brings the position towards zero may be asked for."""
    return p.reduce_only == 1 or account.trading_state == REDUCING


@hot
def exit_too_thin(side: int, p: Params, state: DeskState) -> bool:
    """Tell whether a quote of this side would add to a position that the book could hardly take back."""
    desk = state.desk
    if p.liquidity_enabled == 0 or side * state.exposure.position < 0.0:
        return False
    enough = int(p.liquidity_alpha * desk.quote_lots) + 1
    shown = depth_of_levels(state.book, state.levels, side, p.liquidity_levels, REACH_TICKS, enough)
    return not exit_liquidity_suffices(shown, desk.quote_lots, p.liquidity_alpha)


@core
def wake_on_silence(p: Params, desk: Desk, book: Book) -> None:
    """Be awake at the instant from which the feed has been silent for too long."""
    wake_at(desk, book.updated_ns + p.stale_halt_ns + 1)


@hot
def inventory(p: Params, state: DeskState) -> None:
    """Lean both distances against the position and keep it inside its limit.

    The position is counted in quotes of their usual size, which on a thin book is what the impact cap leaves.
    """
    desk, quotes = state.desk, state.quotes
    if desk.quote_lots == 0:
        return
    usual = float(desk.quote_lots)
    if desk.usual_lots > 0.0:
        usual = min(usual, desk.usual_lots)
    position_lots = state.exposure.position / p.lot
    skew = p.inventory_skew * p.glft_risk * desk.sigma_bps * position_lots / usual
    cap = p.inventory_tilt_cap * desk.half_spread_bps
    skew = min(cap, max(-cap, skew))
    for k in range(2):
        side = BUY if k == 0 else SELL
        quote = quotes[k]
        quote.want_distance_bps = max(p.min_half_spread_bps, desk.half_spread_bps + side * skew)
        room = int(p.max_position_quotes * usual - side * position_lots + 1e-6)
        if reducing(p, state.account):
            room = min(room, int(-side * position_lots + 1e-6))
        quote.room_lots = min(quote.room_lots, room)
        lots = min(quote.want_lots, room)
        quote.want_lots = lots
        if lots < p.min_lots or lots * p.lot * desk.fair < p.min_notional:
            withhold(quote, POSITION_LIMIT)


@hot
def queue_aware(now: int, p: Params, state: DeskState) -> None:
    """Turn distances into prices: limit the change, round away from the market, keep or nudge for the queue,
    cap size.
    """
    desk, view, quotes = state.desk, state.view, state.quotes
    enough = int(desk.quote_lots / p.impact_cap_ratio) + 1
    for k in range(2):
        quote = quotes[k]
        if quote.want == 0:
            continue
        side = BUY if k == 0 else SELL
        distance = quote.want_distance_bps * (1.0 + desk.lean_bps * 1e-4) - side * desk.lean_bps
        if quote.order_id != 0:
            step = p.max_delta_ratio * max(abs(quote.distance_bps), NEGLIGIBLE_BPS)
            distance = min(max(distance, quote.distance_bps - step), quote.distance_bps + step)
        quote.want_distance_bps = distance
        price = view.mid_ticks * (1.0 - side * distance * 1e-4)
        if side == BUY:
            want = int(price + 1e-9)
            want = min(want, view.best_ask - 1)
        else:
            want = -int(1e-9 - price)
            if want < price - 1e-9:
                want += 1
            want = max(want, view.best_bid + 1)
        minded = _mind_queue(now, p, state, quote, side, want)
        lots = _capped_lots(p, state, quote, side, minded, enough)
        stays = quote.order_id != 0 and minded == quote.price_ticks
        if minded != want and not stays and _too_small(p, lots, minded):
            minded = want
            lots = _capped_lots(p, state, quote, side, minded, enough)
            stays = minded == quote.price_ticks
        quote.want_ticks = minded
        quote.want_lots = lots
        if not stays and _too_small(p, lots, minded):
            withhold(quote, IMPACT)


@hot
def _mind_queue(now: int, p: Params, state: DeskState, quote: Quote, side: int, want: int) -> int:
    """Keep a place in the queue that is worth more than the last tick, or step in front of one that is
    not.
    """
    desk, view, book, levels = state.desk, state.view, state.book, state.levels
    if quote.order_id == 0:
        return want
    shown = level_lots(book, levels, side, quote.price_ticks)
    if quote.ahead_lots > shown:
        quote.ahead_lots = float(shown)
    off = abs(want - quote.price_ticks)
    near = off * view.tick_bps <= p.requote_tolerance_bps and now - quote.confirmed_ns < p.tail_age_ns
    if (
        off != 0
        and near
        and side * (view.best_ask if side == BUY else view.best_bid) > side * quote.price_ticks
    ):
        return quote.price_ticks
    if p.queue_nudge_ticks == 0 or off > p.queue_nudge_ticks:
        return want
    rate = desk.absorb_bid if side == BUY else desk.absorb_ask
    slow = _slow_queue(p, quote.ahead_lots, rate)
    if off == 0 and slow:
        stepped = want + side
        if _slow_queue(p, float(level_lots(book, levels, side, stepped)), rate):
            return want
        room = side * (view.best_ask - 1 - stepped) if side == BUY else side * (view.best_bid + 1 - stepped)
        distance = side * (desk.fair / p.tick - stepped) * view.tick_bps
        if room >= 0 and distance >= p.min_half_spread_bps + max(0.0, p.maker_fee_bps):
            return stepped
    if off != 0 and not slow and side * (quote.price_ticks - want) > 0:
        distance = side * (desk.fair / p.tick - quote.price_ticks) * view.tick_bps
        if distance >= p.min_half_spread_bps + max(0.0, p.maker_fee_bps):
            return quote.price_ticks
    return want


@core
def _slow_queue(p: Params, ahead_lots: float, rate: float) -> bool:
    """Tell whether, at ``rate`` lots a second, the turn behind ``ahead_lots`` comes later than the target."""
    return ahead_lots > 0.0 and (rate <= 0.0 or ahead_lots / rate * SECOND > p.queue_eta_target_ns)


@hot
def _capped_lots(p: Params, state: DeskState, quote: Quote, side: int, tick: int, enough: int) -> int:
    """Hold the size at its share of the cumulative visible depth up to a price, the touch when we improve
    it.
    """
    desk, view = state.desk, state.view
    touch = view.best_bid if side == BUY else view.best_ask
    deepest = tick if side * (touch - tick) > 0 else touch
    shown = depth_to(state.book, state.levels, side, deepest, enough)
    quote.capped_lots = min(desk.quote_lots, int(p.impact_cap_ratio * shown + 1e-9))
    return min(quote.want_lots, quote.capped_lots)


@core
def _too_small(p: Params, lots: int, tick: int) -> bool:
    return lots < p.min_lots or lots * p.lot * (tick * p.tick) < p.min_notional


@core
def wake_at(desk: Desk, ns: int) -> None:
    """Ask the driver for a tick at the latest at this time."""
    if ns < desk.wake_ns:
        desk.wake_ns = ns
