"""One tick from snapshot to intents, and the desk's bookkeeping of what the exchange reports."""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.market.book import level_lots
from framework.market.events import BUY, SELL
from framework.market.records import (
    ACCEPTED,
    AMENDED,
    CANCEL_REJECTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    NO_REASON,
    REJECTED,
    UNKNOWN,
    Report,
)
from framework.quoting.emit import emit
from framework.quoting.records import (
    FOREVER,
    HALT,
    NO_TIME,
    REJECT,
    DeskState,
    Params,
    Quote,
)
from framework.quoting.repeat import REPEATED_BITS, keep_last, repeat_last
from framework.quoting.stages import (
    EMIT,
    FETCH_MD,
    GUARDS,
    INVENTORY,
    QUEUE_AWARE,
    SIGNAL,
    SPREAD,
    fetch_md,
    guards,
    inventory,
    queue_aware,
    refresh_view,
    signal,
    spread,
)
from framework.units import SECOND


def pack_plan(stage_ids: list[int]) -> int:
    """Pack an ordered list of at most 15 stage ids into the plan of ``Params``, four bits a stage.

    ``signal`` comes before ``spread``, which needs what it measures, and need not be named.
    """
    if SIGNAL not in stage_ids and SPREAD in stage_ids:
        at = stage_ids.index(SPREAD)
        stage_ids = [*stage_ids[:at], SIGNAL, *stage_ids[at:]]
    plan = 0
    for place, stage in enumerate(stage_ids):
        plan |= stage << (4 * place)
    return plan


@core
def run_tick(now: int, p: Params, state: DeskState) -> int:
    """Run the planned stages once, the first ones only where they have news; give the number of intents.

    It has registers of its own: compiled into the loop it would be slower, and the loop too.
    """
    begin_tick(now, p, state)
    count = 0
    plan = p.plan
    if p.signal_weight_bps > 0.0:  # it may have moved, whatever else stayed
        signal(now, p, state)
    if repeat_last(now, p, state):
        plan >>= REPEATED_BITS
    while plan != 0:
        count += run_stage(plan & 15, now, p, state)
        plan >>= 4
    end_tick(now, p, state)
    return count


@hot
def begin_tick(now: int, p: Params, state: DeskState) -> None:
    """Count the tick, forget when it was wanted, and refresh the snapshot it is served from."""
    desk = state.desk
    desk.ticks += 1
    desk.wake_ns = FOREVER
    desk.halted_before = desk.halted
    refresh_view(now, p, state.view, state.book)


@hot
def run_stage(stage: int, now: int, p: Params, state: DeskState) -> int:
    """Run one stage by its id; give the number of intents it wrote."""
    if stage == FETCH_MD:
        fetch_md(now, p, state)
    elif stage == SIGNAL:
        signal(now, p, state)
    elif stage == SPREAD:
        spread(p, state)
    elif stage == GUARDS:
        guards(now, p, state)
    elif stage == INVENTORY:
        inventory(p, state)
        keep_last(p, state)
    elif stage == QUEUE_AWARE:
        queue_aware(now, p, state)
    elif stage == EMIT:
        return emit(now, p, state)
    return 0


@hot
def end_tick(now: int, p: Params, state: DeskState) -> None:
    """Note a halt that this tick has begun."""
    desk, clock = state.desk, state.clock
    if clock.row_every > 0 and desk.ticks % clock.row_every == 0:
        note_tick(now, p, state)
    if desk.halted != desk.halted_before and desk.halted != 0:
        desk.halts += 1
        _note_halt(now, p, state)


@core
def note_tick(now: int, p: Params, state: DeskState) -> None:
    """Write a sampled tick into the ring of rows, over the oldest."""
    desk, view, book, clock = state.desk, state.view, state.book, state.clock
    row = state.ticks[clock.rows & (len(state.ticks) - 1)]
    clock.rows += 1
    row.ts_ns = now
    row.cache_hit = view.hit
    row.cache_age_ns = now - view.copied_ns
    row.used_stale = 1 if p.md_enabled == 1 and view.silent_ns > p.md_gap_ns else 0
    row.waited_ns = clock.waited_ns
    row.mid = view.mid
    row.bid_lots = level_lots(book, state.levels, BUY, view.best_bid)
    row.ask_lots = level_lots(book, state.levels, SELL, view.best_ask)
    row.sigma_bps = desk.sigma_bps
    row.absorbed_lots = desk.absorb_bid + desk.absorb_ask
    row.half_spread_bps = desk.half_spread_bps
    row.score = state.signal.score
    row.position = state.exposure.position
    row.loss = desk.loss


@core
def _note_halt(now: int, p: Params, state: DeskState) -> None:
    desk, view, audits = state.desk, state.view, state.audits
    if desk.audits >= len(audits):
        return
    row = audits[desk.audits]
    desk.audits += 1
    row.ts_ns = now
    row.side = 0
    row.action = HALT
    row.reason = desk.halted
    row.count = 1
    row.order_id = 0
    row.price_ticks = 0
    row.qty_lots = 0
    row.off_target_age_ns = NO_TIME
    row.resting_age_ns = NO_TIME
    row.mid = view.mid
    row.params_version = p.version
    row.route = p.route


@core
def on_local_trade(aggressor: int, tick: int, lots: int, state: DeskState) -> None:
    """Move our estimate of the queue ahead and the absorption of the touch by a print the desk has seen."""
    desk, view, quotes = state.desk, state.view, state.quotes
    if aggressor == SELL:
        if tick <= view.best_bid:
            desk.absorbed_bid += lots
        quote = quotes[0]
    else:
        if tick >= view.best_ask:
            desk.absorbed_ask += lots
        quote = quotes[1]
    if quote.order_id != 0 and quote.price_ticks == tick:
        quote.ahead_lots = max(0.0, quote.ahead_lots - lots)


@core
def on_report(report: Report, p: Params, state: DeskState) -> None:
    """Book what the exchange says into quotes, position and money; unknown orders change only the count in
    flight.

    After UNKNOWN the side asks for nothing but a cancel until the exchange says what became of its order.
    """
    desk, quotes = state.desk, state.quotes
    kind = report.report_kind
    quote = quotes[0] if report.side == BUY else quotes[1]
    ours = quote.order_id == report.order_id and quote.order_id != 0
    if kind == FILLED:
        _on_fill(report, ours, p, state, quote)
    elif kind == UNKNOWN:
        quote.unknown = 1 if ours else quote.unknown
        return
    elif kind != EXPIRED:
        desk.inflight -= 1
    if ours:
        quote.unknown = 0
    if ours and quote.audit_row != NO_TIME and kind in (AMENDED, CANCELLED):
        # Until the exchange carried it out, the resting quote was still not what the tick wanted.
        state.audits[quote.audit_row].off_target_age_ns += report.exch_ts_ns - report.sent_ns
        quote.audit_row = NO_TIME
    if ours and kind in (ACCEPTED, AMENDED):
        if report.sent_ns == quote.decided_ns:
            quote.ahead_lots = float(level_lots(state.book, state.levels, report.side, report.price_ticks))
        if report.sent_ns == quote.updated_ns:
            quote.leaves_lots = report.leaves_lots
    elif ours and kind in (CANCELLED, REJECTED, EXPIRED):
        if report.reason != NO_REASON:
            desk.rejects += 1
            quote.backoff_until_ns = report.arrive_ns + p.backoff_ns
            _note_reject(report, p, state)
        _forget(quote)
    elif ours and kind == CANCEL_REJECTED:
        quote.cancelling = 0


@core
def _on_fill(report: Report, ours: bool, p: Params, state: DeskState, quote: Quote) -> None:
    desk, view, pending = state.desk, state.view, state.pending
    qty = report.qty_lots * p.lot
    state.exposure.position += report.side * qty - report.fee_base
    desk.cash -= report.side * qty * report.price + report.fee_quote
    if view.mid > 0.0 and ours and quote.m0 > 0.0:
        cost = -report.side * (view.mid - quote.m0) / view.mid * 1e4
        desk.drift_bps += 0.1 * (cost - desk.drift_bps)
    if view.mid > 0.0 and desk.pending < len(pending):
        row = pending[desk.pending]
        row.due_ns = report.arrive_ns + SECOND
        desk.pending_due_ns = min(desk.pending_due_ns, row.due_ns)
        row.side = report.side
        row.mid = view.mid
        desk.pending += 1
    if ours:
        quote.leaves_lots -= report.qty_lots
        quote.filled_lots += report.qty_lots
        if report.leaves_lots == 0:
            _forget(quote)


@core
def _forget(quote: Quote) -> None:
    """The order is gone; the side may be quoted anew."""
    quote.order_id = 0
    quote.cancelling = 0
    quote.leaves_lots = 0
    quote.filled_lots = 0
    quote.off_since_ns = NO_TIME
    quote.price_ticks = 0


@core
def _note_reject(report: Report, p: Params, state: DeskState) -> None:
    desk, view, audits = state.desk, state.view, state.audits
    if desk.audits >= len(audits):
        return
    row = audits[desk.audits]
    desk.audits += 1
    row.ts_ns = report.arrive_ns
    row.side = report.side
    row.action = REJECT
    row.reason = report.reason
    row.count = 1
    row.order_id = report.order_id
    row.price_ticks = report.price_ticks
    row.qty_lots = report.qty_lots
    row.off_target_age_ns = NO_TIME
    row.resting_age_ns = NO_TIME
    row.mid = view.mid
    row.params_version = p.version
    row.route = p.route
