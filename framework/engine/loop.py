"""Tape, tick, matching and ledger as one compiled loop over two clocks.

The exchange's clock runs ahead of the desk's by the feed latency; requests and reports cross with latencies
of their own. Between two instants at which the desk could act the exchange may run on alone, because nothing
can reach it: that is what makes the loop fast. At one instant the order is: market data at the exchange,
market data and reports at the desk, requests at the exchange, sample, tick.
"""

from __future__ import annotations

from typing import Any

from framework.compiled.jit import array, core, entry, hot
from framework.compiled.rows import rows
from framework.edge.ledger import Ledger
from framework.engine.clocks import SPARE, exchange_to, local_to
from framework.engine.exchange_time import note_ages, pay_due_funding, sample, settle_known, step_time
from framework.engine.records import (
    AUDITS_FULL,
    BROKEN,
    FILLS_FULL,
    REACHED,
    SAMPLES_FULL,
    TICK_DUE,
    Cursor,
    Sample,
)
from framework.market.book import EXCHANGE, LOCAL, Book, empty_book
from framework.market.events import BUY, SELL
from framework.market.records import Fill, Report, Request
from framework.quoting.emit import end_run
from framework.quoting.records import Audit, Desk, Intent, Params, Pending, Quote, View
from framework.quoting.tick import run_tick
from framework.venue.matching.orders import note_prices
from framework.venue.matching.records import Exchange, Order, Taken, Venue
from framework.venue.matching.requests import on_request

STUCK = 10_000  # ticks at one instant: time does not pass

TIMES = array("i8", writable=False)
KINDS = array("u1", writable=False)
SIDES = array("i1", writable=False)
FLOATS = array("f8", writable=False)
LEVELS = array("i8")


@core
def send(
    now: int,
    count: int,
    version: int,
    cursor: Cursor,
    intents: list[Intent],
    requests: list[Request],
    entry_ns: list[int],
) -> None:
    """Put intents on their way to the exchange, in order, each after an entry latency."""
    size = len(requests)
    for k in range(count):
        if cursor.request_count >= size:
            cursor.overflow += 1
            return
        intent = intents[k]
        request = requests[(cursor.request_head + cursor.request_count) & (size - 1)]
        cursor.request_count += 1
        arrive = max(cursor.request_last_ns, now + entry_ns[cursor.requests & (len(entry_ns) - 1)])
        cursor.request_last_ns = arrive
        cursor.requests += 1
        request.arrive_ns = arrive
        request.sent_ns = now
        request.action = intent.action
        request.order_id = intent.order_id
        request.side = intent.side
        request.order_kind = intent.order_kind
        request.price_ticks = intent.price_ticks
        request.qty_lots = intent.qty_lots
        request.reduce_only = intent.reduce_only
        request.m0 = intent.m0
        request.quote_ts_ns = now
        request.params_version = version


@hot
def next_instant(
    local_ts_ns: Any,
    tick_interval_ns: int,
    cursor: Cursor,
    ex: Exchange,
    desk: Desk,
    requests: list[Request],
    reports: list[Report],
) -> int:
    """Give the earliest instant at which anything but market data at the exchange can happen."""
    floor = cursor.last_tick_ns + tick_interval_ns
    at = cursor.next_sample_ns
    if cursor.request_count > 0:
        at = min(at, requests[cursor.request_head].arrive_ns)
    if cursor.dirty == 1:
        at = min(at, max(cursor.dirty_ns, floor))
    elif cursor.local_i < len(local_ts_ns):
        at = min(at, max(local_ts_ns[cursor.local_i], floor))
    if ex.report_count > 0:
        at = min(at, max(reports[ex.report_head].arrive_ns, floor))
    return min(at, max(desk.wake_ns, floor))


@entry(
    LEVELS.dtype,
    TIMES,
    TIMES,
    KINDS,
    SIDES,
    TIMES,
    TIMES,
    TIMES,
    FLOATS,
    FLOATS,
    TIMES,
    TIMES,
    FLOATS,
    Params,
    Cursor,
    Venue,
    Exchange,
    Book,
    LEVELS,
    Order,
    Taken,
    Request,
    Report,
    Ledger,
    Desk,
    View,
    Quote,
    Pending,
    Intent,
    Fill,
    Audit,
    Sample,
)
def advance(
    until: int,
    exch_ts_ns: Any,
    local_ts_ns: Any,
    kind: Any,
    side: Any,
    price_ticks: Any,
    qty_lots: Any,
    funding_ts_ns: Any,
    funding_rate: Any,
    funding_mark: Any,
    entry_ns: list[int],
    response_ns: list[int],
    costs: list[float],
    params: list[Params],
    cursors: list[Cursor],
    venues: list[Venue],
    exchanges: list[Exchange],
    books: list[Book],
    levels: list[int],
    orders: list[Order],
    taken: list[Taken],
    requests: list[Request],
    reports: list[Report],
    ledgers: list[Ledger],
    desks: list[Desk],
    views: list[View],
    quotes: list[Quote],
    pending: list[Pending],
    intents: list[Intent],
    fills: list[Fill],
    audits: list[Audit],
    samples: list[Sample],
) -> int:
    """Replay up to and including ``until``; all state lies in the records, so a run may stop anywhere and go
    on.

    Gives REACHED, or FILLS_FULL, AUDITS_FULL, SAMPLES_FULL when the driver must give more room and call
    again, BROKEN when a ring overflowed or a fill had no mid, or with ``by_stage`` TICK_DUE when the driver
    must run the tick of ``last_tick_ns`` itself and leave the number of intents in ``staged``.
    """
    exch_ts_ns = rows(exch_ts_ns)
    local_ts_ns = rows(local_ts_ns)
    kind = rows(kind)
    side = rows(side)
    price_ticks = rows(price_ticks)
    qty_lots = rows(qty_lots)
    funding_ts_ns = rows(funding_ts_ns)
    funding_rate = rows(funding_rate)
    funding_mark = rows(funding_mark)
    entry_ns = rows(entry_ns)
    response_ns = rows(response_ns)
    costs = rows(costs)
    params = rows(params)
    books = rows(books)
    levels = rows(levels)
    orders = rows(orders)
    taken = rows(taken)
    requests = rows(requests)
    reports = rows(reports)
    quotes = rows(quotes)
    pending = rows(pending)
    intents = rows(intents)
    fills = rows(fills)
    audits = rows(audits)
    samples = rows(samples)
    cursor = cursors[0]
    venue = venues[0]
    ex = exchanges[0]
    ledger = ledgers[0]
    desk = desks[0]
    view = views[0]
    if cursor.started == 0:
        empty_book(books, EXCHANGE)
        empty_book(books, LOCAL)
        note_prices(ex, orders)
        ex.first_ns = exch_ts_ns[0] if len(exch_ts_ns) > 0 else 0
        cursor.started = 1
    if cursor.staged > 0:
        send(
            cursor.last_tick_ns,
            cursor.staged,
            params[cursor.params_i].version,
            cursor,
            intents,
            requests,
            entry_ns,
        )
        cursor.staged = 0
    while True:
        if ex.fills + SPARE > len(fills):
            return FILLS_FULL
        if desk.audits + SPARE > len(audits):
            return AUDITS_FULL
        if cursor.samples >= len(samples):
            return SAMPLES_FULL
        p = params[cursor.params_i]
        due = next_instant(local_ts_ns, p.tick_interval_ns, cursor, ex, desk, requests, reports)
        if cursor.params_i + 1 < len(params):
            due = min(due, params[cursor.params_i + 1].from_ns)
        now = min(due, until)
        now = exchange_to(
            now,
            cursor.last_tick_ns + p.tick_interval_ns,
            exch_ts_ns,
            kind,
            side,
            price_ticks,
            qty_lots,
            funding_ts_ns,
            funding_rate,
            funding_mark,
            cursor,
            venue,
            ex,
            books,
            levels,
            orders,
            taken,
            fills,
            reports,
            ledger,
            response_ns,
            costs,
        )
        if cursor.fills_noted < ex.fills:
            note_ages(cursor, ex, quotes, fills)
        if cursor.funding_i < len(funding_ts_ns) and funding_ts_ns[cursor.funding_i] <= now:
            pay_due_funding(now, cursor, ledger, funding_ts_ns, funding_rate, funding_mark)
        if desk.funding != ledger.funding:
            desk.cash += ledger.funding - desk.funding
            desk.funding = ledger.funding
        while cursor.params_i + 1 < len(params) and params[cursor.params_i + 1].from_ns <= now:
            cursor.params_i += 1
        p = params[cursor.params_i]
        local_to(
            now,
            local_ts_ns,
            kind,
            side,
            price_ticks,
            qty_lots,
            cursor,
            ex,
            books,
            levels,
            reports,
            p,
            desk,
            view,
            quotes,
            pending,
            audits,
        )
        while cursor.request_count > 0 and requests[cursor.request_head].arrive_ns <= now:
            if now > ex.now_ns:
                step_time(
                    now, cursor, venue, ex, books, fills, ledger, funding_ts_ns, funding_rate, funding_mark
                )
            on_request(
                requests[cursor.request_head],
                venue,
                ex,
                books,
                levels,
                orders,
                taken,
                fills,
                reports,
                ledger,
                response_ns,
                costs,
            )
            cursor.request_head = (cursor.request_head + 1) & (len(requests) - 1)
            cursor.request_count -= 1
        if cursor.fills_noted < ex.fills:
            note_ages(cursor, ex, quotes, fills)
        if cursor.next_sample_ns <= now:
            sample(now, p.version, cursor, venue, ex, books, quotes, ledger, samples)
        floor = cursor.last_tick_ns + p.tick_interval_ns
        if now >= floor and ((cursor.dirty == 1 and cursor.dirty_ns <= now) or desk.wake_ns <= now):
            cursor.dirty = 0
            cursor.same_instant = cursor.same_instant + 1 if now == cursor.last_tick_ns else 0
            cursor.last_tick_ns = now
            if cursor.by_stage == 1:
                return TICK_DUE
            count = run_tick(now, p, desk, view, quotes, pending, books, levels, intents, audits)
            if count > 0:
                send(now, count, p.version, cursor, intents, requests, entry_ns)
        if ex.overflow + cursor.overflow + ex.no_mid > 0 or cursor.same_instant > STUCK:
            return BROKEN
        if now == until and due > until:
            settle_known(until, venue, ex, books, fills)
            if cursor.end_runs == 1:
                end_run(desk, view, quotes[0], BUY, p.version, audits)
                end_run(desk, view, quotes[1], SELL, p.version, audits)
            return REACHED
