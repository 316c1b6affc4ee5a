"""The desk half: market events and reports in, ticks, requests out; it knows nothing of the exchange.

The replay runs it on a tape; a session feeds it one event at a time through ``desk_advance``. Both take their
events from a buffer, in order of arrival, market data before reports at one instant.
"""

from __future__ import annotations

from framework.compiled.jit import core, entry, hot
from framework.engine.records import AUDITS_FULL, BROKEN, REACHED, SPARE, STUCK, Feed
from framework.market.book import clear, empty_book, set_level
from framework.market.events import CLEAR, DEPTH, TRADE
from framework.market.records import ACCEPTED, AMENDED
from framework.market.wire import Wire, drop_report, push_request
from framework.quoting.emit import end_run
from framework.quoting.records import FOREVER, DeskState, Params
from framework.quoting.tick import on_local_trade, on_report, run_tick


@core
def send(now: int, count: int, p: Params, wire: Wire, state: DeskState) -> None:
    """Put the intents of a tick on the wire, in order."""
    for k in range(count):
        intent = state.intents[k]
        request = push_request(now, wire)
        request.action = intent.action
        request.order_id = intent.order_id
        request.side = intent.side
        request.order_kind = intent.order_kind
        request.price_ticks = intent.price_ticks
        request.qty_lots = intent.qty_lots
        request.reduce_only = intent.reduce_only
        request.m0 = intent.m0
        request.quote_ts_ns = now
        request.params_version = p.version
        request.route = p.route


@hot
def desk_instant(events: int, feed: Feed, wire: Wire, p: Params, state: DeskState) -> int:
    """Give the earliest instant at which the desk could tick or sees its parameters change."""
    clock, rings = state.clock, wire.rings
    floor = clock.last_tick_ns + p.tick_interval_ns
    at = FOREVER
    if clock.params_i + 1 < len(state.params):
        at = state.params[clock.params_i + 1].from_ns
    if clock.dirty == 1:
        at = min(at, max(clock.dirty_ns, floor))
    elif clock.event_i < events:
        at = min(at, max(feed.local_ts_ns[clock.event_i] + feed.delay_ns[0], floor))
    if rings.report_count > 0:
        at = min(at, max(wire.reports[rings.report_head].arrive_ns, floor))
    return min(at, max(state.desk.wake_ns, floor))


@hot
def params_at(now: int, state: DeskState) -> Params:
    """Give the parameters in force."""
    clock = state.clock
    while clock.params_i + 1 < len(state.params) and state.params[clock.params_i + 1].from_ns <= now:
        clock.params_i += 1
    return state.params[clock.params_i]


@hot
def local_to(bound: int, events: int, feed: Feed, wire: Wire, p: Params, state: DeskState) -> None:
    """Let the desk see market data and reports up to ``bound``, in order of arrival, data first at one
    instant.
    """
    local_ts_ns, delay_ns, kind, side = feed.local_ts_ns, feed.delay_ns[0], feed.kind, feed.side
    price_ticks, qty_lots = feed.price_ticks, feed.qty_lots
    clock, book, levels, rings = state.clock, state.book, state.levels, wire.rings
    i = clock.event_i
    while True:
        report_ns = FOREVER
        if rings.report_count > 0:
            report_ns = wire.reports[rings.report_head].arrive_ns
        last = min(bound, report_ns)
        while i < events and local_ts_ns[i] + delay_ns <= last:
            what = kind[i]
            if what == DEPTH:
                set_level(book, levels, side[i], price_ticks[i], qty_lots[i])
                clock.dirty = 1
                clock.dirty_ns = local_ts_ns[i] + delay_ns
                book.updated_ns = local_ts_ns[i] + delay_ns
            elif what == TRADE:
                on_local_trade(side[i], price_ticks[i], qty_lots[i], state)
            else:
                if what == CLEAR:
                    clear(book, levels, side[i])
                else:
                    book.trusted = 0
                clock.dirty = 1
                clock.dirty_ns = local_ts_ns[i] + delay_ns
            i += 1
        if report_ns > bound:
            break
        report = wire.reports[rings.report_head]
        drop_report(wire)
        full = state.desk.inflight >= p.inflight_max
        on_report(report, p, state)
        if full or (report.report_kind != ACCEPTED and report.report_kind != AMENDED):
            clock.dirty = 1
            clock.dirty_ns = report_ns
    clock.event_i = i


@hot
def tick_due(now: int, p: Params, state: DeskState) -> bool:
    """Tell whether the desk ticks at this instant, and note that it does."""
    clock = state.clock
    if now < clock.last_tick_ns + p.tick_interval_ns:
        return False
    if (clock.dirty == 0 or clock.dirty_ns > now) and state.desk.wake_ns > now:
        return False
    clock.waited_ns = now - clock.dirty_ns if clock.dirty == 1 else 0
    clock.dirty = 0
    clock.same_instant = clock.same_instant + 1 if now == clock.last_tick_ns else 0
    clock.last_tick_ns = now
    return True


@hot
def take_funding(state: DeskState) -> None:
    """Book what funding has come to since the start."""
    desk, funding = state.desk, state.exposure.funding
    if desk.funding != funding:
        desk.cash += funding - desk.funding
        desk.funding = funding


@entry()
def desk_advance(until: int, first: int, events: int, feed: Feed, wire: Wire, state: DeskState) -> int:
    """Let the desk see events ``first`` to ``events`` of a buffer and the wire's reports up to ``until``.

    It ticks whenever it is due and puts requests on the wire. Gives REACHED, AUDITS_FULL when the driver must
    give more room and call again from ``clock.event_i``, or BROKEN when time does not pass or a ring is full.
    """
    clock, desk = state.clock, state.desk
    if clock.started == 0:
        begin_desk(state)
    clock.event_i = first
    while True:
        if desk.audits + SPARE > len(state.audits):
            return AUDITS_FULL
        due = desk_instant(events, feed, wire, state.params[clock.params_i], state)
        now = min(due, until)
        take_funding(state)
        p = params_at(now, state)
        local_to(now, events, feed, wire, p, state)
        if tick_due(now, p, state):
            count = run_tick(now, p, state)
            if count > 0:
                send(now, count, p, wire, state)
        if wire.rings.overflow > 0 or clock.same_instant > STUCK:
            return BROKEN
        if now == until and due > until:
            clock.due_ns = due
            return REACHED


@entry()
def desk_pause(until: int, events: int, end_runs: int, feed: Feed, wire: Wire, state: DeskState) -> int:
    """Let the desk see what ``desk_advance`` would show it, without a tick; with ``end_runs`` its block runs
    end.
    """
    if state.clock.started == 0:
        begin_desk(state)
    state.clock.event_i = 0
    take_funding(state)
    p = params_at(until, state)
    local_to(until, events, feed, wire, p, state)
    if end_runs == 1:
        end_run(state, 0, p)
        end_run(state, 1, p)
    return REACHED


@hot
def begin_desk(state: DeskState) -> None:
    """Set up a desk that has seen nothing yet."""
    empty_book(state.book)
    state.clock.started = 1
