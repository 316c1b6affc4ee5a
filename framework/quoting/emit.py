"""The last stage: compare what is wanted with what rests, and ask for the difference as far as the limits
allow.

Blocks are checked in the order risk, min_interval, concurrency, throttle; one reason per blocked side and
tick. Cancels are free: neither the interval nor the bucket holds them back.
"""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.market.events import BUY, SELL
from framework.market.records import AMEND, CANCEL, NEW
from framework.quoting.records import (
    AT_LIMIT,
    BLOCK,
    CANCEL_QUOTE,
    CONCURRENCY,
    IMPACT,
    LIQUIDITY_INSUFFICIENT,
    LOSS,
    MIN_INTERVAL,
    NEAR_LIQUIDATION,
    NO_MARKET,
    NO_TIME,
    NOT_BLOCKED,
    PLACE,
    POSITION_LIMIT,
    QTY_ZERO,
    REDUCE_ONLY,
    REPLACE,
    RISK,
    STALE,
    THROTTLE,
    VOLATILITY,
    Desk,
    DeskState,
    Intent,
    Params,
    Quote,
    Snapshot,
)
from framework.quoting.stages import reducing, wake_at

CUT_SHARE = 8  # an order is shrunk to its room once it exceeds it by this part of a quote
USUAL_WEIGHT = 0.05  # of a new quote's size in the moving average of sizes
UNKNOWN_AHEAD = 1e18  # until the next tick has looked at the level


@hot
def emit(now: int, p: Params, state: DeskState) -> int:
    """Write the intents of this tick; give their number (at most one a side)."""
    _refill(now, p, state.desk)
    count = 0
    for k in range(2):
        count = _emit_side(now, p, state, k, count)
    return count


@core
def _refill(now: int, p: Params, desk: Desk) -> None:
    desk.tokens = min(p.replace_capacity, desk.tokens + p.replace_per_ns * (now - desk.tokens_ns))
    desk.tokens_ns = now


@hot
def _emit_side(now: int, p: Params, state: DeskState, k: int, count: int) -> int:
    desk, quote = state.desk, state.quotes[k]
    if quote.want == 0:
        _count_withheld(desk, quote.withheld)
        block(now, AT_LIMIT if quote.withheld == POSITION_LIMIT else RISK, state, k, p)
        if quote.order_id != 0 and quote.cancelling == 0:
            quote.cancelling = 1
            if quote.off_since_ns == NO_TIME:
                quote.off_since_ns = now
            intent = _ask(CANCEL, p, state, k, count)
            intent.price_ticks = quote.price_ticks
            intent.qty_lots = 0
            _note(now, CANCEL_QUOTE, quote.withheld, state, k, p)
            quote.updated_ns = now
            desk.cancels += 1
            return count + 1
        return count
    if quote.cancelling + quote.unknown > 0:
        block(now, NOT_BLOCKED, state, k, p)
        return count
    on_target = quote.order_id != 0 and quote.want_ticks == quote.price_ticks
    reason = NOT_BLOCKED
    if on_target:
        _confirm(now, p, desk, quote)
    else:
        if quote.order_id != 0 and quote.off_since_ns == NO_TIME:
            quote.off_since_ns = now
        reason = _blocked_by(now, p, desk, quote)
    block(now, reason, state, k, p)
    if on_target or reason != NOT_BLOCKED:
        if quote.order_id != 0 and quote.leaves_lots - quote.room_lots > desk.quote_lots // CUT_SHARE:
            _cut(now, p, state, k, count)
            return count + 1
        return count
    if quote.order_id == 0:
        desk.next_order_id += 1
        quote.order_id = desk.next_order_id
        quote.off_since_ns = NO_TIME
        intent = _ask(NEW, p, state, k, count)
        intent.qty_lots = quote.want_lots
        _accept(now, desk, state.view, quote)
        _note(now, PLACE, 0, state, k, p)
        desk.places += 1
    else:
        desk.tokens -= 1.0
        intent = _ask(AMEND, p, state, k, count)
        intent.qty_lots = quote.filled_lots + quote.want_lots
        _note(now, REPLACE, 0, state, k, p)
        _accept(now, desk, state.view, quote)
        desk.replaces += 1
    intent.price_ticks = quote.want_ticks
    wake_at(desk, now + p.tail_age_ns)
    return count + 1


@hot
def _confirm(now: int, p: Params, desk: Desk, quote: Quote) -> None:
    """Leave a quote that is where the tick wants it; past its tail age it counts as decided again, in its
    place.
    """
    quote.off_since_ns = NO_TIME
    if now - quote.confirmed_ns >= p.tail_age_ns:
        quote.confirmed_ns = now
        quote.distance_bps = quote.want_distance_bps
    wake_at(desk, quote.confirmed_ns + p.tail_age_ns)


@core
def _cut(now: int, p: Params, state: DeskState, k: int, count: int) -> None:
    """Shrink an order to the room the position limit leaves; it reduces risk, so it is as free as a
    cancel.
    """
    quote = state.quotes[k]
    quote.want_ticks = quote.price_ticks
    quote.want_lots = quote.room_lots
    intent = _ask(AMEND, p, state, k, count)
    intent.price_ticks = quote.price_ticks
    intent.qty_lots = quote.filled_lots + quote.room_lots
    _note(now, REPLACE, POSITION_LIMIT, state, k, p)
    quote.leaves_lots = quote.room_lots
    quote.updated_ns = now
    state.desk.replaces += 1


@hot
def _blocked_by(now: int, p: Params, desk: Desk, quote: Quote) -> int:
    """Give the first limit in the way, and ask to be woken when it is gone."""
    ready = quote.updated_ns + p.min_interval_ns
    if quote.updated_ns != NO_TIME and now < ready:
        wake_at(desk, ready)
        return MIN_INTERVAL
    if desk.inflight >= p.inflight_max:
        return CONCURRENCY
    if now < quote.backoff_until_ns:
        wake_at(desk, quote.backoff_until_ns)
        return THROTTLE
    if quote.order_id != 0 and desk.tokens < 1.0:
        wake_at(desk, now + int((1.0 - desk.tokens) / p.replace_per_ns) + 1)
        return THROTTLE
    return NOT_BLOCKED


@core
def _accept(now: int, desk: Desk, view: Snapshot, quote: Quote) -> None:
    """Take the wanted price as the quote's own from this decision on."""
    if desk.usual_lots == 0.0:
        desk.usual_lots = float(quote.capped_lots)
    desk.usual_lots += USUAL_WEIGHT * (quote.capped_lots - desk.usual_lots)
    quote.price_ticks = quote.want_ticks
    quote.leaves_lots = quote.want_lots
    quote.distance_bps = quote.want_distance_bps
    quote.left_target_ns = quote.off_since_ns if quote.off_since_ns != NO_TIME else now
    quote.ahead_lots = UNKNOWN_AHEAD
    quote.m0 = view.mid
    quote.decided_ns = now
    quote.confirmed_ns = now
    quote.updated_ns = now
    quote.off_since_ns = NO_TIME


@core
def _ask(action: int, p: Params, state: DeskState, k: int, count: int) -> Intent:
    """Write the next intent for a side; price and quantity are the caller's to set."""
    intent = state.intents[count]
    intent.action = action
    intent.side = BUY if k == 0 else SELL
    intent.order_id = state.quotes[k].order_id
    intent.order_kind = p.order_kind
    intent.reduce_only = 1 if reducing(p, state.account) else 0
    intent.m0 = state.view.mid
    state.desk.inflight += 1
    return intent


@hot
def block(now: int, reason: int, state: DeskState, k: int, p: Params) -> None:
    """Count a blocked side; rows are written one per run of the same reason (``NOT_BLOCKED`` ends a run)."""
    desk, quote = state.desk, state.quotes[k]
    if reason == RISK:
        desk.blocks_risk += 1
    elif reason == MIN_INTERVAL:
        desk.blocks_min_interval += 1
    elif reason == CONCURRENCY:
        desk.blocks_concurrency += 1
    elif reason == THROTTLE:
        desk.blocks_throttle += 1
    if reason == quote.run_reason:
        quote.run_count += 1
        return
    end_run(state, k, p)
    quote.run_reason = reason
    quote.run_count = 1
    quote.run_from_ns = now


@core
def end_run(state: DeskState, k: int, p: Params) -> None:
    """Write the row of a run of blocked ticks that is over."""
    desk, quote, audits = state.desk, state.quotes[k], state.audits
    if quote.run_reason != NOT_BLOCKED and desk.audits < len(audits):
        row = audits[desk.audits]
        desk.audits += 1
        row.ts_ns = quote.run_from_ns
        row.side = BUY if k == 0 else SELL
        row.action = BLOCK
        row.reason = quote.run_reason
        row.count = quote.run_count
        row.order_id = quote.order_id
        row.price_ticks = quote.price_ticks
        row.qty_lots = quote.leaves_lots
        row.off_target_age_ns = NO_TIME
        row.resting_age_ns = NO_TIME
        row.mid = state.view.mid
        row.params_version = p.version
        row.route = p.route
    quote.run_reason = NOT_BLOCKED
    quote.run_count = 0


@core
def _note(now: int, action: int, reason: int, state: DeskState, k: int, p: Params) -> None:
    """Write the row of a place, replace or cancel with the ages the quote had."""
    desk, quote, audits = state.desk, state.quotes[k], state.audits
    if desk.audits >= len(audits):
        return
    row = audits[desk.audits]
    desk.audits += 1
    row.ts_ns = now
    row.side = BUY if k == 0 else SELL
    row.action = action
    row.reason = reason
    row.count = 1
    row.order_id = quote.order_id
    row.price_ticks = quote.want_ticks if action != CANCEL_QUOTE else quote.price_ticks
    row.qty_lots = quote.want_lots if action != CANCEL_QUOTE else quote.leaves_lots
    row.off_target_age_ns = NO_TIME
    row.resting_age_ns = NO_TIME
    quote.audit_row = NO_TIME
    if action != PLACE:
        quote.audit_row = desk.audits - 1
        row.off_target_age_ns = now - quote.off_since_ns if quote.off_since_ns != NO_TIME else 0
        row.resting_age_ns = now - quote.decided_ns
    row.mid = state.view.mid
    row.params_version = p.version
    row.route = p.route


@core
def _count_withheld(desk: Desk, reason: int) -> None:
    if reason == NO_MARKET:
        desk.drops_no_market += 1
    elif reason == STALE:
        desk.drops_stale += 1
    elif reason == VOLATILITY:
        desk.drops_volatility += 1
    elif reason == LOSS:
        desk.drops_loss += 1
    elif reason == QTY_ZERO:
        desk.drops_qty_zero += 1
    elif reason == NEAR_LIQUIDATION:
        desk.drops_near_liquidation += 1
    elif reason == LIQUIDITY_INSUFFICIENT:
        desk.drops_liquidity += 1
    elif reason == POSITION_LIMIT:
        desk.drops_position_limit += 1
    elif reason == IMPACT:
        desk.drops_impact += 1
    elif reason == REDUCE_ONLY:
        desk.drops_reduce_only += 1
