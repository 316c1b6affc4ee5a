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
from framework.edge.ledger import Ledger, pay_funding
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
from framework.market.book import (
    EXCHANGE,
    LOCAL,
    Book,
    clear_book,
    clear_side,
    empty_book,
    set_level,
    two_sided,
)
from framework.market.events import BUY, CLEAR, DEPTH, SELL, TRADE
from framework.market.records import ACCEPTED, AMENDED, Fill, Report, Request
from framework.quoting.emit import end_run
from framework.quoting.records import (
    FOREVER,
    NO_TIME,
    Audit,
    Desk,
    Intent,
    Params,
    Pending,
    Quote,
    View,
)
from framework.quoting.tick import on_local_trade, on_report, run_tick
from framework.venue.matching import (
    Exchange,
    Order,
    Taken,
    Venue,
    depth_concerns,
    forget_side,
    note_prices,
    on_depth,
    on_request,
    on_trade,
    trade_concerns,
)

MS = 1_000_000
SPARE = 64

TIMES = array("i8", writable=False)
KINDS = array("u1", writable=False)
SIDES = array("i1", writable=False)
FLOATS = array("f8", writable=False)
LEVELS = array("i8")


@hot
def step_time(
    ts: int,
    cursor: Cursor,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    fills: list[Fill],
    ledger: Ledger,
    funding_ts_ns: Any,
    funding_rate: Any,
    funding_mark: Any,
) -> None:
    """Let the exchange's clock reach ``ts``: close the mid of the past instant, settle markouts, pay
    funding.
    """
    book = books[EXCHANGE]
    if two_sided(book):
        ex.mid = 0.5 * (book.best_bid + book.best_ask) * venue.tick
        ex.mid_held = 0
    else:
        ex.mid_held = 1
    if ex.due_ns < ts:
        settle(ts, ex, fills)
    pay_due_funding(ts, cursor, ledger, funding_ts_ns, funding_rate, funding_mark)
    ex.now_ns = ts


@core
def settle(ts: int, ex: Exchange, fills: list[Fill]) -> None:
    """Give every fill whose horizon ended before ``ts`` the mid in force there."""
    while ex.settled_100ms < ex.fills and fills[ex.settled_100ms].exch_ts_ns + 100 * MS < ts:
        fills[ex.settled_100ms].m_100ms = ex.mid
        ex.settled_100ms += 1
    while ex.settled_500ms < ex.fills and fills[ex.settled_500ms].exch_ts_ns + 500 * MS < ts:
        fills[ex.settled_500ms].m_500ms = ex.mid
        ex.settled_500ms += 1
    while ex.settled_1s < ex.fills and fills[ex.settled_1s].exch_ts_ns + 1_000 * MS < ts:
        fills[ex.settled_1s].m_1s = ex.mid
        ex.settled_1s += 1
    while ex.settled_5s < ex.fills and fills[ex.settled_5s].exch_ts_ns + 5_000 * MS < ts:
        fills[ex.settled_5s].m_5s = ex.mid
        ex.settled_5s += 1
    while ex.settled_30s < ex.fills and fills[ex.settled_30s].exch_ts_ns + 30_000 * MS < ts:
        fills[ex.settled_30s].m_30s = ex.mid
        ex.settled_30s += 1
    due = FOREVER
    if ex.settled_100ms < ex.fills:
        due = min(due, fills[ex.settled_100ms].exch_ts_ns + 100 * MS)
    if ex.settled_500ms < ex.fills:
        due = min(due, fills[ex.settled_500ms].exch_ts_ns + 500 * MS)
    if ex.settled_1s < ex.fills:
        due = min(due, fills[ex.settled_1s].exch_ts_ns + 1_000 * MS)
    if ex.settled_5s < ex.fills:
        due = min(due, fills[ex.settled_5s].exch_ts_ns + 5_000 * MS)
    if ex.settled_30s < ex.fills:
        due = min(due, fills[ex.settled_30s].exch_ts_ns + 30_000 * MS)
    ex.due_ns = due


@core
def settle_known(until: int, venue: Venue, ex: Exchange, books: list[Book], fills: list[Fill]) -> None:
    """Settle the horizons that lie no later than ``until`` once every event up to there has happened."""
    if ex.due_ns > until:
        return
    closed = ex.mid
    book = books[EXCHANGE]
    if two_sided(book):
        ex.mid = 0.5 * (book.best_bid + book.best_ask) * venue.tick
    settle(until + 1, ex, fills)
    ex.mid = closed


@core
def pay_due_funding(
    ts: int, cursor: Cursor, ledger: Ledger, funding_ts_ns: Any, funding_rate: Any, funding_mark: Any
) -> None:
    """Exchange the funding due by ``ts`` on the position held just before it."""
    while cursor.funding_i < len(funding_ts_ns) and funding_ts_ns[cursor.funding_i] <= ts:
        pay_funding(ledger, funding_rate[cursor.funding_i], funding_mark[cursor.funding_i])
        cursor.funding_i += 1


@core
def clear(books: list[Book], levels: list[int], which: int, side: int) -> None:
    """Empty a side of a book, or with side 0 the book, which may be trusted again."""
    if side == 0:
        clear_book(books, levels, which)
    else:
        clear_side(books, levels, which, side)


@hot
def exchange_to(
    bound: int,
    tick_floor: int,
    exch_ts_ns: Any,
    kind: Any,
    side: Any,
    price_ticks: Any,
    qty_lots: Any,
    funding_ts_ns: Any,
    funding_rate: Any,
    funding_mark: Any,
    cursor: Cursor,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    levels: list[int],
    orders: list[Order],
    taken: list[Taken],
    fills: list[Fill],
    reports: list[Report],
    ledger: Ledger,
    response_ns: list[int],
    costs: list[float],
) -> int:
    """Run the exchange alone up to ``bound``, or up to the instant at which the desk could answer a new
    report.
    """
    i = cursor.exch_i
    n = len(exch_ts_ns)
    book = books[EXCHANGE]
    while i < n and exch_ts_ns[i] <= bound:
        ts = exch_ts_ns[i]
        if ts > ex.now_ns:
            step_time(ts, cursor, venue, ex, books, fills, ledger, funding_ts_ns, funding_rate, funding_mark)
        known = ex.responses
        what = kind[i]
        if what == DEPTH:
            if book.trusted == 0 or not depth_concerns(ex, side[i], price_ticks[i]):
                set_level(books, levels, EXCHANGE, side[i], price_ticks[i], qty_lots[i])
            else:
                on_depth(
                    side[i],
                    price_ticks[i],
                    qty_lots[i],
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
                )
        elif what == TRADE:
            ex.traded_lots += qty_lots[i]
            if trade_concerns(ex, side[i], price_ticks[i]):
                on_trade(
                    side[i],
                    price_ticks[i],
                    qty_lots[i],
                    venue,
                    ex,
                    orders,
                    fills,
                    reports,
                    ledger,
                    response_ns,
                    costs,
                )
        elif what == CLEAR:
            clear(books, levels, EXCHANGE, side[i])
            forget_side(ex, taken, side[i])
        else:
            book.trusted = 0
        i += 1
        if ex.responses != known:
            answer = max(reports[ex.report_head].arrive_ns, tick_floor)
            if answer < bound:
                bound = max(answer, ts)
            if ex.fills + SPARE > len(fills):
                bound = ts
                break
    cursor.exch_i = i
    return bound


@hot
def local_to(
    bound: int,
    local_ts_ns: Any,
    kind: Any,
    side: Any,
    price_ticks: Any,
    qty_lots: Any,
    cursor: Cursor,
    ex: Exchange,
    books: list[Book],
    levels: list[int],
    reports: list[Report],
    p: Params,
    desk: Desk,
    view: View,
    quotes: list[Quote],
    pending: list[Pending],
    audits: list[Audit],
) -> None:
    """Let the desk see market data and reports up to ``bound``, in order of arrival, data first at one
    instant.
    """
    i = cursor.local_i
    n = len(local_ts_ns)
    book = books[LOCAL]
    while True:
        report_ns = FOREVER
        if ex.report_count > 0:
            report_ns = reports[ex.report_head].arrive_ns
        last = min(bound, report_ns)
        while i < n and local_ts_ns[i] <= last:
            what = kind[i]
            if what == DEPTH:
                set_level(books, levels, LOCAL, side[i], price_ticks[i], qty_lots[i])
                cursor.dirty = 1
                cursor.dirty_ns = local_ts_ns[i]
                book.updated_ns = local_ts_ns[i]
            elif what == TRADE:
                on_local_trade(side[i], price_ticks[i], qty_lots[i], desk, view, quotes)
            else:
                if what == CLEAR:
                    clear(books, levels, LOCAL, side[i])
                else:
                    book.trusted = 0
                cursor.dirty = 1
                cursor.dirty_ns = local_ts_ns[i]
            i += 1
        if report_ns > bound:
            break
        report = reports[ex.report_head]
        ex.report_head = (ex.report_head + 1) & (len(reports) - 1)
        ex.report_count -= 1
        full = desk.inflight >= p.inflight_max
        on_report(report, p, desk, view, quotes, pending, books, levels, audits)
        if full or (report.report_kind != ACCEPTED and report.report_kind != AMENDED):
            cursor.dirty = 1
            cursor.dirty_ns = report_ns
    cursor.local_i = i


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


@core
def note_ages(cursor: Cursor, ex: Exchange, quotes: list[Quote], fills: list[Fill]) -> None:
    """Give new maker fills their off-target age: how long the filled price had not been what the tick
    wanted.
    """
    while cursor.fills_noted < ex.fills:
        fill = fills[cursor.fills_noted]
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
def sample(
    ts: int,
    version: int,
    cursor: Cursor,
    venue: Venue,
    ex: Exchange,
    books: list[Book],
    quotes: list[Quote],
    ledger: Ledger,
    samples: list[Sample],
) -> None:
    """Write the account as it stands at ``ts``."""
    book = books[EXCHANGE]
    row = samples[cursor.samples]
    cursor.samples += 1
    row.ts_ns = ts
    row.mid = 0.5 * (book.best_bid + book.best_ask) * venue.tick if two_sided(book) else ex.mid
    row.position = ledger.position
    row.cash = ledger.cash
    row.fees = ledger.fees
    row.funding = ledger.funding
    row.turnover = ledger.turnover
    row.bid_ticks = quotes[0].price_ticks if quotes[0].order_id != 0 else 0
    row.ask_ticks = quotes[1].price_ticks if quotes[1].order_id != 0 else 0
    row.params_version = version
    cursor.next_sample_ns += cursor.sample_interval_ns


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
            cursor.last_tick_ns = now
            if cursor.by_stage == 1:
                return TICK_DUE
            count = run_tick(now, p, desk, view, quotes, pending, books, levels, intents, audits)
            if count > 0:
                send(now, count, p.version, cursor, intents, requests, entry_ns)
        if ex.overflow + cursor.overflow + ex.no_mid > 0:
            return BROKEN
        if now == until and due > until:
            settle_known(until, venue, ex, books, fills)
            if cursor.end_runs == 1:
                end_run(desk, view, quotes[0], BUY, p.version, audits)
                end_run(desk, view, quotes[1], SELL, p.version, audits)
            return REACHED
