"""The exchange half: recorded market and requests in, fills and reports out; it knows nothing of the desk."""

from __future__ import annotations

from framework.compiled.jit import entry, hot
from framework.engine.records import BROKEN, FILLS_FULL, REACHED, SPARE, Feed
from framework.engine.settle import pay_due_funding, settle_known, step_time
from framework.market.book import clear, empty_book, set_level
from framework.market.events import CLEAR, DEPTH, TRADE
from framework.market.wire import Wire, drop_request
from framework.venue.matching.feed import on_depth, on_trade
from framework.venue.matching.liquidity import forget_side
from framework.venue.matching.orders import depth_concerns, note_prices, trade_concerns
from framework.venue.matching.records import Sim
from framework.venue.matching.requests import on_request


@hot
def begin_exchange(feed: Feed, sim: Sim) -> None:
    """Set up an exchange that has seen nothing yet."""
    empty_book(sim.book)
    note_prices(sim.exchange, sim.orders)
    sim.exchange.first_ns = feed.exch_ts_ns[0] if len(feed.exch_ts_ns) > 0 else 0
    sim.exchange.started = 1


@hot
def exchange_to(bound: int, tick_floor: int, feed: Feed, wire: Wire, sim: Sim) -> int:
    """Run the exchange alone up to ``bound``, or up to the instant at which the desk could answer a new
    report.
    """
    exch_ts_ns, kind, side = feed.exch_ts_ns, feed.kind, feed.side
    price_ticks, qty_lots = feed.price_ticks, feed.qty_lots
    ex, book, levels, rings = sim.exchange, sim.book, sim.levels, wire.rings
    i = ex.event_i
    n = len(exch_ts_ns)
    while i < n and exch_ts_ns[i] <= bound:
        ts = exch_ts_ns[i]
        if ts > ex.now_ns:
            step_time(ts, sim)
        known = rings.reports
        what = kind[i]
        if what == DEPTH:
            if book.trusted == 0 or not depth_concerns(ex, side[i], price_ticks[i]):
                set_level(book, levels, side[i], price_ticks[i], qty_lots[i])
            else:
                on_depth(side[i], price_ticks[i], qty_lots[i], wire, sim)
        elif what == TRADE:
            ex.traded_lots += qty_lots[i]
            if trade_concerns(ex, side[i], price_ticks[i]):
                on_trade(side[i], price_ticks[i], qty_lots[i], wire, sim)
        elif what == CLEAR:
            clear(book, levels, side[i])
            forget_side(ex, sim.taken, side[i])
        else:
            book.trusted = 0
        i += 1
        if rings.reports != known:
            answer = max(wire.reports[rings.report_head].arrive_ns, tick_floor)
            if answer < bound:
                bound = max(answer, ts)
            if ex.fills + SPARE > len(sim.fills):
                bound = ts
                break
    ex.event_i = i
    return bound


@hot
def requests_to(now: int, wire: Wire, sim: Sim) -> None:
    """Carry out the requests that have arrived by ``now``."""
    rings = wire.rings
    while rings.request_count > 0 and wire.requests[rings.request_head].arrive_ns <= now:
        if now > sim.exchange.now_ns:
            step_time(now, sim)
        on_request(wire.requests[rings.request_head], wire, sim)
        drop_request(wire)


@entry()
def exchange_advance(until: int, floor: int, feed: Feed, wire: Wire, sim: Sim) -> int:
    """Run the exchange alone up to and including ``until``: the market first, then what the wire brought.

    It stops where a report arrives, but not before ``floor``; ``reached_ns`` is where. Gives REACHED,
    FILLS_FULL when the driver must give more room and call again, or BROKEN when a ring overflowed or a fill
    had no mid. Reports that nobody takes off the wire pile up there.
    """
    ex, rings = sim.exchange, wire.rings
    if ex.started == 0:
        begin_exchange(feed, sim)
    while True:
        if ex.fills + SPARE > len(sim.fills):
            return FILLS_FULL
        last = until
        if rings.report_count > 0:
            last = min(last, max(wire.reports[rings.report_head].arrive_ns, floor))
        now = last
        if rings.request_count > 0:
            now = min(now, wire.requests[rings.request_head].arrive_ns)
        now = exchange_to(now, floor, feed, wire, sim)
        pay_due_funding(now, sim)
        requests_to(now, wire, sim)
        if ex.overflow + rings.overflow + ex.no_mid > 0:
            return BROKEN
        if rings.report_count > 0:
            last = min(last, max(wire.reports[rings.report_head].arrive_ns, floor))
        if now >= last and ex.fills + SPARE <= len(sim.fills):
            ex.reached_ns = now
            settle_known(now, sim)
            return REACHED
