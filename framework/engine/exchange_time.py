"""What time brings at the exchange: mids close, markouts settle, funding is paid, the account is sampled."""

from __future__ import annotations

from typing import Any

from framework.compiled.jit import core, hot
from framework.edge.ledger import Ledger, pay_funding
from framework.engine.records import Cursor, Sample
from framework.market.book import EXCHANGE, Book, two_sided
from framework.market.events import BUY
from framework.market.records import Fill
from framework.quoting.records import FOREVER, NO_TIME, Quote
from framework.units import MS
from framework.venue.matching.records import Exchange, Venue


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
    """Let the exchange's clock reach ``ts``: close the mid of the past instant, pay funding.

    Markouts wait until the mid changes: up to then every horizon that passes has the same one.
    """
    book = books[EXCHANGE]
    ex.mid_held = 1
    if two_sided(book):
        ex.mid_held = 0
        mid = 0.5 * (book.best_bid + book.best_ask) * venue.tick
        if mid != ex.mid:
            if ex.due_ns < ex.now_ns:
                settle(ex.now_ns, ex, fills)
            ex.mid = mid
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
    if ex.due_ns < ex.now_ns:
        settle(ex.now_ns, ex, fills)
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
