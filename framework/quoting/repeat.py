"""A tick that finds everything as the last one did wants the same, without working it out again.

Most updates of a book change neither its touch nor anything the desk knows; only depth differs. The stages
before ``queue_aware`` look at depth in one place, the exit liquidity, which is judged again; none of their
other inputs may have changed. What comes out is what the stages give, to the last bit. A driver that writes
the exposure, or moves the account's limits, sets ``until_ns`` to 0.
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
    SIGNAL,
    SPREAD,
    exit_too_thin,
    note_serving,
    wake_on_silence,
)
from framework.units import SECOND

REPEATED = FETCH_MD | SIGNAL << 4 | SPREAD << 8 | GUARDS << 12 | INVENTORY << 16
"""How a plan begins whose outcome can be repeated: with these stages, in this order."""
REPEATED_BITS = 20


@hot
def repeat_last(now: int, p: Params, state: DeskState) -> bool:
    """Want what the last tick wanted and tell so, if that is what the first five stages would come to.

    They read the touch, what fills and funding leave (position, cash, drift), the usual size, the signal's
    score and the parameters, which must be those of then; estimates, which stay until ``until_ns``; and the
    exit liquidity, whose verdict must stand.
    """
    desk, view, quotes, last = state.desk, state.view, state.quotes, state.repeat
    if (
        now >= last.until_ns
        or view.best_bid != last.bid
        or view.best_ask != last.ask
        or state.exposure.position != last.position
        or desk.cash != last.cash
        or desk.drift_bps != last.drift_bps
        or desk.usual_lots != last.usual_lots
        or p.version != last.version
        or p.plan & ((1 << REPEATED_BITS) - 1) != REPEATED
        or (p.signal_weight_bps > 0.0 and state.signal.score != last.score)
        or state.account.loss_halted + state.account.trading_state != 0
        or not _served(p, view, state.book)
    ):
        return False
    for k in range(2):
        thin = quotes[k].last_withheld == LIQUIDITY_INSUFFICIENT
        if exit_too_thin(BUY if k == 0 else SELL, p, state) != thin:
            return False
    note_serving(now, p, desk, view)
    wake_on_silence(p, desk, state.book)
    for k in range(2):
        quote = quotes[k]
        quote.want = quote.last_want
        quote.withheld = quote.last_withheld
        quote.want_lots = quote.last_lots
        quote.want_distance_bps = quote.last_distance_bps
    return True


@core
def keep_last(p: Params, state: DeskState) -> None:
    """Note what the first five stages want, what it came from, and until when it may stand.

    A halt has a memory: it is never repeated.
    """
    desk, view, quotes, last = state.desk, state.view, state.quotes, state.repeat
    last.until_ns = 0
    if desk.halted != 0 or not _served(p, view, state.book):
        return
    last.until_ns = min(desk.vol_ns + SECOND, desk.pending_due_ns)
    last.bid = view.best_bid
    last.ask = view.best_ask
    last.position = state.exposure.position
    last.cash = desk.cash
    last.drift_bps = desk.drift_bps
    last.usual_lots = desk.usual_lots
    last.version = p.version
    last.score = state.signal.score
    for k in range(2):
        quote = quotes[k]
        quote.last_want = quote.want
        quote.last_withheld = quote.withheld
        quote.last_lots = quote.want_lots
        quote.last_distance_bps = quote.want_distance_bps


@hot
def _served(p: Params, view: Snapshot, book: Book) -> bool:
    """Tell whether there is a market to quote in and its feed is neither broken nor silent."""
    heard = view.silent_ns <= min(p.md_gap_ns, p.stale_halt_ns)
    return heard and view.usable == 1 and book.trusted == 1
