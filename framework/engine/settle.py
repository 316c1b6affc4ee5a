"""What time brings at the exchange: mids close, markouts settle, funding is paid."""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.edge.ledger import pay_funding
from framework.market.book import two_sided
from framework.market.records import Fill
from framework.quoting.records import FOREVER
from framework.units import MS
from framework.venue.matching.records import Exchange, Sim


@hot
def step_time(ts: int, sim: Sim) -> None:
    """Let the exchange's clock reach ``ts``: close the mid of the past instant, pay funding.

    Markouts wait until the mid changes: up to then every horizon that passes has the same one.
    """
    ex, book = sim.exchange, sim.book
    ex.mid_held = 1
    if two_sided(book):
        ex.mid_held = 0
        mid = 0.5 * (book.best_bid + book.best_ask) * sim.rules.tick
        if mid != ex.mid:
            if ex.due_ns < ex.now_ns:
                settle(ex.now_ns, ex, sim.fills)
            ex.mid = mid
    pay_due_funding(ts, sim)
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
def settle_known(until: int, sim: Sim) -> None:
    """Settle the horizons that lie no later than ``until`` once every event up to there has happened."""
    ex, book = sim.exchange, sim.book
    if ex.due_ns > until:
        return
    if ex.due_ns < ex.now_ns:
        settle(ex.now_ns, ex, sim.fills)
    closed = ex.mid
    if two_sided(book):
        ex.mid = 0.5 * (book.best_bid + book.best_ask) * sim.rules.tick
    settle(until + 1, ex, sim.fills)
    ex.mid = closed


@core
def pay_due_funding(ts: int, sim: Sim) -> None:
    """Exchange the funding due by ``ts`` on the position held just before it."""
    ex = sim.exchange
    while ex.funding_i < len(sim.funding_ts_ns) and sim.funding_ts_ns[ex.funding_i] <= ts:
        pay_funding(sim.ledger, sim.funding_rate[ex.funding_i], sim.funding_mark[ex.funding_i])
        ex.funding_i += 1
