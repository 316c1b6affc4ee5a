"""A tick that finds everything as the last one did wishes the same, without working its wishes out again.

Most updates of a book change neither its touch nor anything the desk knows; only depth differs. The stages
before ``queue_aware`` look at depth in one place, the exit liquidity, which is judged again; none of their
other inputs may have changed. What comes out is what the stages give, to the last bit.
"""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.market.book import Book
from framework.market.events import BUY, SELL
from framework.quoting.records import LIQUIDITY_INSUFFICIENT, DeskState, Params, Snapshot
from framework.quoting.stages import (
    FETCH_MD,
    GUARDS,
    INVENTORY,
    SPREAD,
    exit_too_thin,
    note_serving,
    wake_on_silence,
)
from framework.units import SECOND

WISHING = FETCH_MD | SPREAD << 4 | GUARDS << 8 | INVENTORY << 12
"""How a plan begins whose wishes can be repeated: with the stages that make them, in this order."""
WISHING_BITS = 16


@hot
def repeat_wishes(now: int, p: Params, state: DeskState) -> bool:
    """Wish what the last tick wished and tell so, if that is what the first four stages would come to.

    They read the touch, what fills and funding leave (position, cash, drift), the usual size and the
    parameters, which must be those of then; estimates, which stay until ``asked_until_ns``; and the exit
    liquidity, whose verdict must stand.
    """
    desk, view, quotes = state.desk, state.view, state.quotes
    if (
        now >= desk.asked_until_ns
        or view.best_bid != desk.asked_bid
        or view.best_ask != desk.asked_ask
        or desk.position != desk.asked_position
        or desk.cash != desk.asked_cash
        or desk.drift_bps != desk.asked_drift_bps
        or desk.usual_lots != desk.asked_usual_lots
        or p.version != desk.asked_version
        or p.plan & ((1 << WISHING_BITS) - 1) != WISHING
        or not _served(p, view, state.book)
    ):
        return False
    for k in range(2):
        thin = quotes[k].asked_drop == LIQUIDITY_INSUFFICIENT
        if exit_too_thin(BUY if k == 0 else SELL, p, state) != thin:
            return False
    note_serving(now, p, desk, view)
    wake_on_silence(p, desk, state.book)
    for k in range(2):
        quote = quotes[k]
        quote.want = quote.asked
        quote.drop = quote.asked_drop
        quote.want_lots = quote.asked_lots
        quote.want_distance_bps = quote.asked_distance_bps
    return True


@core
def keep_wishes(p: Params, state: DeskState) -> None:
    """Note the wishes of the first four stages, what they came from, and until when they may stand.

    A halt has a memory and a signal moves with time: neither is ever repeated.
    """
    desk, view, quotes = state.desk, state.view, state.quotes
    desk.asked_until_ns = 0
    if desk.halted != 0 or p.signal_weight_bps > 0.0 or not _served(p, view, state.book):
        return
    desk.asked_until_ns = min(desk.vol_ns + SECOND, desk.pending_due_ns)
    desk.asked_bid = view.best_bid
    desk.asked_ask = view.best_ask
    desk.asked_position = desk.position
    desk.asked_cash = desk.cash
    desk.asked_drift_bps = desk.drift_bps
    desk.asked_usual_lots = desk.usual_lots
    desk.asked_version = p.version
    for k in range(2):
        quote = quotes[k]
        quote.asked = quote.want
        quote.asked_drop = quote.drop
        quote.asked_lots = quote.want_lots
        quote.asked_distance_bps = quote.want_distance_bps


@hot
def _served(p: Params, view: Snapshot, book: Book) -> bool:
    """Tell whether there is a market to quote in and its feed is neither broken nor silent."""
    heard = view.silent_ns <= min(p.md_gap_ns, p.stale_halt_ns)
    return heard and view.usable == 1 and book.trusted == 1
