"""Tape, tick, matching and ledger as one compiled loop over two clocks.

The exchange's clock runs ahead of the desk's by the feed latency; requests and reports cross with latencies
of their own. Between two instants at which the desk could act the exchange may run on alone, because nothing
can reach it: that is what makes the loop fast. At one instant the order is: market data at the exchange,
market data and reports at the desk, requests at the exchange, sample, tick.
"""

from __future__ import annotations

from framework.compiled.jit import core, entry
from framework.engine.desk import (
    begin_desk,
    desk_instant,
    local_to,
    params_at,
    send,
    take_funding,
    tick_due,
)
from framework.engine.exchange import begin_exchange, exchange_to, requests_to
from framework.engine.records import (
    AUDITS_FULL,
    BROKEN,
    FILLS_FULL,
    REACHED,
    SAMPLES_FULL,
    SPARE,
    STUCK,
    TICK_DUE,
    Feed,
    Run,
)
from framework.engine.settle import pay_due_funding, settle_known
from framework.market.book import two_sided
from framework.market.events import BUY
from framework.market.wire import Wire
from framework.quoting.emit import end_run
from framework.quoting.records import NO_TIME, DeskState
from framework.quoting.tick import run_tick
from framework.venue.matching.records import Sim


@core
def note_ages(run: Run, sim: Sim, state: DeskState) -> None:
    """Give new maker fills their off-target age: how long the filled price had not been what the tick
    wanted.
    """
    cursor, quotes = run.cursor, state.quotes
    while cursor.fills_noted < sim.exchange.fills:
        fill = sim.fills[cursor.fills_noted]
        cursor.fills_noted += 1
        if fill.is_maker == 0:
            continue
        quote = quotes[0] if fill.side == BUY else quotes[1]
        fill.off_target_age_ns = 0
        if quote.order_id == fill.order_id:
            if fill.quote_ts_ns < quote.decided_ns:
                fill.off_target_age_ns = fill.exch_ts_ns - quote.left_target_ns
            elif quote.off_since_ns != NO_TIME:
                fill.off_target_age_ns = fill.exch_ts_ns - quote.off_since_ns


@core
def sample(ts: int, version: int, run: Run, sim: Sim, state: DeskState) -> None:
    """Write the account as it stands at ``ts``."""
    cursor, book, ledger, quotes = run.cursor, sim.book, sim.ledger, state.quotes
    row = run.samples[cursor.samples]
    cursor.samples += 1
    row.ts_ns = ts
    row.mid = sim.exchange.mid
    if two_sided(book):
        row.mid = 0.5 * (book.best_bid + book.best_ask) * sim.rules.tick
    row.position = ledger.position
    row.cash = ledger.cash
    row.fees = ledger.fees
    row.funding = ledger.funding
    row.turnover = ledger.turnover
    row.bid_ticks = quotes[0].price_ticks if quotes[0].order_id != 0 else 0
    row.ask_ticks = quotes[1].price_ticks if quotes[1].order_id != 0 else 0
    row.params_version = version
    cursor.next_sample_ns += cursor.sample_interval_ns


@entry()
def advance(until: int, run: Run, feed: Feed, wire: Wire, sim: Sim, state: DeskState) -> int:
    """Replay up to and including ``until``; all state lies in the records, so a run may stop anywhere and go
    on.

    Gives REACHED, or FILLS_FULL, AUDITS_FULL, SAMPLES_FULL when the driver must give more room and call
    again, BROKEN when a ring overflowed or a fill had no mid, or with ``by_stage`` TICK_DUE when the driver
    must run the tick of ``last_tick_ns`` itself and leave the number of intents in ``staged``.
    """
    cursor, rings, ex = run.cursor, wire.rings, sim.exchange
    desk, clock = state.desk, state.clock
    events = len(feed.local_ts_ns)
    if cursor.started == 0:
        begin_exchange(feed, sim)
        begin_desk(state)
        cursor.started = 1
    if clock.staged > 0:
        send(clock.last_tick_ns, clock.staged, state.params[clock.params_i], wire, state)
        clock.staged = 0
    while True:
        if ex.fills + SPARE > len(sim.fills):
            return FILLS_FULL
        if desk.audits + SPARE > len(state.audits):
            return AUDITS_FULL
        if cursor.samples >= len(run.samples):
            return SAMPLES_FULL
        p = state.params[clock.params_i]
        due = min(cursor.next_sample_ns, desk_instant(events, feed, wire, p, state))
        if rings.request_count > 0:
            due = min(due, wire.requests[rings.request_head].arrive_ns)
        now = exchange_to(min(due, until), clock.last_tick_ns + p.tick_interval_ns, feed, wire, sim)
        if cursor.fills_noted < ex.fills:
            note_ages(run, sim, state)
        if ex.funding_i < len(sim.funding_ts_ns) and sim.funding_ts_ns[ex.funding_i] <= now:
            pay_due_funding(now, sim)
        state.exposure.funding = sim.ledger.funding
        take_funding(state)
        p = params_at(now, state)
        local_to(now, events, feed, wire, p, state)
        requests_to(now, wire, sim)
        if cursor.fills_noted < ex.fills:
            note_ages(run, sim, state)
        if cursor.next_sample_ns <= now:
            sample(now, p.version, run, sim, state)
        if tick_due(now, p, state):
            if cursor.by_stage == 1:
                return TICK_DUE
            count = run_tick(now, p, state)
            if count > 0:
                send(now, count, p, wire, state)
        if ex.overflow + rings.overflow + ex.no_mid > 0 or clock.same_instant > STUCK:
            return BROKEN
        if now == until and due > until:
            settle_known(until, sim)
            if cursor.end_runs == 1:
                end_run(state, 0, p)
                end_run(state, 1, p)
            return REACHED
