"""The buffers of the two halves and of the wire between them, made once by a driver.

A record that the driver reads or writes is an attribute holding a buffer of length one, for ``at``; what an
entry takes is ``bound``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from framework.compiled.bundles import bind, rebind
from framework.compiled.records import at, dtype_of, interpreted, rows_in, to_array, zeros
from framework.edge.ledger import Ledger
from framework.engine.desk import desk_advance, desk_pause
from framework.engine.exchange import exchange_advance
from framework.engine.records import AUDITS_FULL, BROKEN, FILLS_FULL, REACHED, Feed
from framework.errors import QuoteopsError
from framework.market.book import Book
from framework.market.records import Fill, Report, Request
from framework.market.wire import Rings, Wire
from framework.quoting.inputs import Account, Exposure, Signal
from framework.quoting.records import (
    FOREVER,
    NO_TIME,
    Audit,
    Desk,
    DeskClock,
    DeskState,
    Intent,
    Params,
    PendingMarkout,
    Quote,
    Repeat,
    Snapshot,
    TickRow,
)
from framework.units import HOUR
from framework.venue.matching.records import Exchange, Order, Sim, Taken, VenueRules

ORDERS = 64
TAKEN = 64
RING = 4096
TICK_ROWS = 4096


class EngineError(QuoteopsError):
    """The replay contradicted itself; its results are not to be used."""


class WireBuffers:
    """Requests and reports under way; the delays repeat, and their lengths are powers of two."""

    def __init__(self, *, entry_ns: NDArray[np.int64], response_ns: NDArray[np.int64]) -> None:
        self.rings = zeros(Rings, 1)
        self.requests = zeros(Request, RING)
        self.reports = zeros(Report, RING)
        self.bound = bind(
            Wire,
            rings=self.rings,
            requests=self.requests,
            reports=self.reports,
            entry_ns=entry_ns,
            response_ns=response_ns,
        )

    @classmethod
    def straight(cls) -> Self:
        """Make a wire without delays of its own, for a desk whose gateway has them."""
        return cls(entry_ns=np.zeros(1, np.int64), response_ns=np.zeros(1, np.int64))

    def submit(self, *, arrive_ns: int, sent_ns: int, **fields: Any) -> None:
        """Put a request on the wire that reaches the exchange at ``arrive_ns``, not before earlier ones."""
        rings = at(self.rings, 0)
        if rings.request_count >= RING:
            raise EngineError(f"wire: {RING} requests are under way, allowed no more")
        row = at(self.requests, (rings.request_head + rings.request_count) % RING)
        for name in dtype_of(Request).names or ():
            setattr(row, name, fields.get(name, 0))
        row.arrive_ns, row.sent_ns = max(arrive_ns, rings.request_last_ns), sent_ns
        rings.request_last_ns = row.arrive_ns
        rings.request_count += 1
        rings.requests += 1

    def pending_requests(self) -> NDArray[Any]:
        """Give the requests under way, oldest first."""
        rings = at(self.rings, 0)
        return _ring_rows(Request, self.requests, rings.request_head, rings.request_count)

    def take_requests(self) -> NDArray[Any]:
        """Take all requests off the wire, for a gateway that carries them itself; oldest first."""
        rings, rows = at(self.rings, 0), self.pending_requests()
        rings.request_head = (rings.request_head + rings.request_count) % RING
        rings.request_count = 0
        return rows

    def take_reports(self, *, until_ns: int = FOREVER) -> NDArray[Any]:
        """Take the reports that arrive up to an instant off the wire, oldest first."""
        rings = at(self.rings, 0)
        rows = _ring_rows(Report, self.reports, rings.report_head, rings.report_count)
        if not len(rows):
            return rows
        rows = rows[rows["arrive_ns"] <= until_ns]
        rings.report_head = (rings.report_head + len(rows)) % RING
        rings.report_count -= len(rows)
        return rows

    def put_report(self, row: Any) -> None:
        """Put one report on the wire, as it is, for the desk to see at its ``arrive_ns``."""
        rings = at(self.rings, 0)
        if rings.report_count >= RING:
            raise EngineError(f"wire: {RING} reports are under way, allowed no more")
        target = at(self.reports, (rings.report_head + rings.report_count) % RING)
        for name in dtype_of(Report).names or ():
            setattr(target, name, row[name].item())
        rings.report_count += 1
        rings.reports += 1


def _ring_rows(cls: type[Any], ring: Any, head: int, count: int) -> NDArray[Any]:
    """Copy the rows of a ring that are under way, oldest first."""
    if count == 0:
        return np.zeros(0, dtype_of(cls))
    places = (head + np.arange(count)) % RING
    if isinstance(ring, np.ndarray):
        return ring[places]
    return to_array(cls, [ring[k] for k in places])


class ExchangeHalf:
    """The simulated exchange of one symbol.

    ``ladder`` is the first tick and the number of slots of its book, ``costs`` the table of ``make_costs``,
    ``funding`` the columns of times (ns), rates and marks.
    """

    def __init__(
        self,
        *,
        rules: list[VenueRules],
        ladder: tuple[int, int],
        costs: NDArray[np.float64] | None = None,
        funding: tuple[Any, Any, Any] = ((), (), ()),
    ) -> None:
        knots = int(at(rules, 0).cost_knots)
        if knots and (costs is None or len(costs) <= 3 * knots):
            raise EngineError(f"replay: the venue has a cost model of {knots} knots but no table for it")
        self._advance: Callable[..., int] | None = None
        self.rules = rules
        self.book, levels = _book(ladder)
        self.state = zeros(Exchange, 1)
        at(self.state, 0).now_ns = NO_TIME
        at(self.state, 0).due_ns = FOREVER
        self.ledger = zeros(Ledger, 1)
        self.orders = zeros(Order, ORDERS)
        # Pages of a zeroed array cost nothing until they are touched; growing copies all of them.
        self.fills = zeros(Fill, 256 if interpreted() else 1 << 18)
        self.bound = bind(
            Sim,
            rules=rules,
            exchange=self.state,
            book=self.book,
            levels=levels,
            orders=self.orders,
            taken=zeros(Taken, TAKEN),
            fills=self.fills,
            ledger=self.ledger,
            costs=np.zeros(0) if costs is None else costs,
            funding_ts_ns=np.ascontiguousarray(funding[0], np.int64),
            funding_rate=np.ascontiguousarray(funding[1], np.float64),
            funding_mark=np.ascontiguousarray(funding[2], np.float64),
        )

    def more_fills(self) -> None:
        """Make room for twice as many fills."""
        self.fills = grown(Fill, self.fills)
        self.bound = rebind(self.bound, fills=self.fills)

    def fill_rows(self, first: int = 0) -> NDArray[Any]:
        """Copy the fills so far: the mids after a fill are still to come when it is written."""
        return rows_in(Fill, self.fills, first, int(at(self.state, 0).fills)).copy()

    def advance(self, until_ns: int, *, feed: Feed, wire: WireBuffers, quiet_until_ns: int = FOREVER) -> int:
        """Run the exchange alone up to and including an instant; raises EngineError as a replay does.

        Give how far it came: to the first report that arrives, but not before ``quiet_until_ns``.
        """
        run = self._advance = self._advance or exchange_advance.load()
        while (status := run(until_ns, quiet_until_ns, feed, wire.bound, self.bound)) != REACHED:
            if status == FILLS_FULL:
                self.more_fills()
            elif status == BROKEN:
                raise EngineError(self.why_broken())
        return int(at(self.state, 0).reached_ns)

    def load(self) -> None:
        """Load the compiled code, which ``advance`` else does."""
        self._advance = exchange_advance.load()

    def why_broken(self) -> str:
        """Say what contradicted itself at the exchange."""
        state = at(self.state, 0)
        if state.no_mid:
            return f"replay at {state.now_ns} ns: a fill before any two-sided book has no mid to judge it by"
        return f"replay at {state.now_ns} ns: a ring of requests, reports or taken levels overflowed"


class DeskHalf:
    """The trading side of one symbol; ``params`` are versions by ``from_ns``, ``ladder`` its book's."""

    def __init__(
        self,
        *,
        params: list[Params],
        ladder: tuple[int, int],
        start_ns: int,
    ) -> None:
        self._advance: Callable[..., int] | None = None
        self._pause: Callable[..., int] | None = None
        self._params = params
        self._taken = 0
        self.account = zeros(Account, 1)
        self.exposure = zeros(Exposure, 1)
        self.signal = zeros(Signal, 1)
        self.repeat = zeros(Repeat, 1)
        self.ticks = zeros(TickRow, TICK_ROWS)
        self.book, levels = _book(ladder)
        self.clock = zeros(DeskClock, 1)
        at(self.clock, 0).last_tick_ns = start_ns - HOUR
        self.desk = zeros(Desk, 1)
        at(self.desk, 0).wake_ns = FOREVER
        at(self.desk, 0).tokens = at(params, 0).replace_capacity
        at(self.desk, 0).tokens_ns = start_ns
        self.view = zeros(Snapshot, 1)
        self.quotes = zeros(Quote, 2)
        for k in range(2):
            at(self.quotes, k).updated_ns = NO_TIME
            at(self.quotes, k).off_since_ns = NO_TIME
        self.audits = zeros(Audit, 512 if interpreted() else 1 << 19)
        self.bound = bind(
            DeskState,
            params=params,
            account=self.account,
            exposure=self.exposure,
            signal=self.signal,
            repeat=self.repeat,
            clock=self.clock,
            desk=self.desk,
            view=self.view,
            quotes=self.quotes,
            pending=zeros(PendingMarkout, 16),
            book=self.book,
            levels=levels,
            intents=zeros(Intent, 4),
            audits=self.audits,
            ticks=self.ticks,
        )

    @property
    def params(self) -> list[Params]:
        """The versions of the parameters, by the time they come into force."""
        return self._params

    @params.setter
    def params(self, versions: list[Params]) -> None:
        self._params = versions
        self.bound = rebind(self.bound, params=versions)

    def more_audits(self) -> None:
        """Make room for twice as many audit rows."""
        self.audits = grown(Audit, self.audits)
        self.bound = rebind(self.bound, audits=self.audits)

    def audit_rows(self, first: int = 0) -> NDArray[Any]:
        """Give the audit rows so far to read, where they lie."""
        return rows_in(Audit, self.audits, first, int(at(self.desk, 0).audits))

    @property
    def settled_audits(self) -> int:
        """Count the audit rows that never change again: an answer on its way may still add to an age."""
        waiting = [int(at(self.quotes, k).audit_row) for k in range(2)]
        return min([int(at(self.desk, 0).audits), *(row for row in waiting if row != NO_TIME)])

    @property
    def due_ns(self) -> int:
        """When the desk wants to be advanced, though nothing arrives by then (``FOREVER``: never)."""
        return int(at(self.clock, 0).due_ns)

    def share(self, account: list[Account]) -> None:
        """Trade on an account that other desks trade on too; before anything is played."""
        self.account = account
        self.bound = rebind(self.bound, account=account)

    def reconsider(self) -> None:
        """Let the next tick work everything out: what the driver wrote of exposure or account has changed."""
        at(self.repeat, 0).until_ns = 0

    def sample_ticks(self, *, every: int) -> None:
        """Let one tick in so many leave a row from now on (0: none), for whoever takes them."""
        at(self.clock, 0).row_every = every

    def take_ticks(self) -> tuple[NDArray[Any], int]:
        """Give the sampled ticks since the last call, oldest first, and how many the ring had no room for."""
        written = int(at(self.clock, 0).rows)
        lost = max(0, written - self._taken - TICK_ROWS)
        places = np.arange(self._taken + lost, written) % TICK_ROWS
        self._taken = written
        rows: Any = self.ticks
        taken = rows[places] if isinstance(rows, np.ndarray) else to_array(TickRow, [rows[k] for k in places])
        return taken, lost

    def advance(self, until_ns: int, *, feed: Feed, events: int, wire: WireBuffers) -> None:
        """Let the desk see the first ``events`` rows of a buffer and the wire's reports, up to an instant.

        Its requests lie on the wire afterwards; raises EngineError when time does not pass or a ring is full.
        """
        run = self._advance = self._advance or desk_advance.load()
        first = 0
        while True:
            status = run(until_ns, first, events, feed, wire.bound, self.bound)
            if status == REACHED:
                return
            if status == BROKEN:
                raise EngineError(f"desk at {until_ns} ns: it ticks without end, or a ring overflowed")
            assert status == AUDITS_FULL
            self.more_audits()
            first = int(at(self.clock, 0).event_i)

    def pause(
        self, until_ns: int, *, feed: Feed, events: int, wire: WireBuffers, end_runs: bool = False
    ) -> None:
        """Let the desk see what has come up to an instant before it may tick.

        ``end_runs`` also writes the block runs still open then, as ``Replay.advance`` does.
        """
        pause = self._pause = self._pause or desk_pause.load()
        pause(until_ns, events, int(end_runs), feed, wire.bound, self.bound)

    def load(self) -> None:
        """Load the compiled code, which ``advance`` and ``pause`` else do."""
        self._advance, self._pause = desk_advance.load(), desk_pause.load()

    @property
    def quiet_until_ns(self) -> int:
        """Return the first instant at which the desk may tick again."""
        clock = at(self.clock, 0)
        return int(clock.last_tick_ns + at(self.params, clock.params_i).tick_interval_ns)

    def wake(self, at_ns: int) -> None:
        """Let the desk tick at an instant (ns) at the latest, though nothing happens then."""
        desk = at(self.desk, 0)
        desk.wake_ns = min(desk.wake_ns, at_ns)


def _book(ladder: tuple[int, int]) -> tuple[list[Book], Any]:
    base_tick, slots = ladder
    book = zeros(Book, 1)
    at(book, 0).base_tick = base_tick
    at(book, 0).slots = slots
    return book, [0] * (2 * slots) if interpreted() else np.zeros(2 * slots, np.int64)


def grown(cls: type[Any], buffer: list[Any]) -> list[Any]:
    """Give a buffer twice as long that begins with the rows of another."""
    if interpreted():
        return buffer + zeros(cls, len(buffer))
    wider = np.zeros(2 * len(buffer), dtype_of(cls))
    wider[: len(buffer)] = np.asarray(buffer)
    return wider  # type: ignore[return-value]
