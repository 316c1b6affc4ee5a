"""Replay a tape through the compiled loop, as fast as the machine can or in slices of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from framework.compiled.records import at, dtype_of, interpreted, to_array, zeros
from framework.edge.ledger import Ledger
from framework.edge.window import LedgerPoint
from framework.engine.loop import STUCK, advance
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
from framework.engine.snapshot import COUNTED, DeskSnapshot
from framework.errors import QuoteopsError
from framework.market.book import EXCHANGE, LOCAL, Book
from framework.market.events import DEPTH, TRADE
from framework.market.records import Fill, Report, Request
from framework.market.tape import Tape
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
from framework.units import MS
from framework.venue.matching.records import Exchange, Order, Taken, Venue

MAX_SLOTS = 1 << 20
ORDERS = 64
RING = 4096


class EngineError(QuoteopsError):
    """The replay contradicted itself; its results are not to be used."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """One-way delays in ns: of each market event, and of the k-th request and report.

    The latter two are cyclic and their lengths powers of two.
    """

    feed_ns: NDArray[np.int64]
    entry_ns: NDArray[np.int64]
    response_ns: NDArray[np.int64]

    @classmethod
    def draw(
        cls, *, feed_ms: float, entry_ms: float, response_ms: float, sigma: float, seed: int, events: int
    ) -> Self:
        """Make constant delays (sigma 0) or log-normal ones with these medians, from a seed."""

        def delays(ms: float, n: int, stream: int) -> NDArray[np.int64]:
            if sigma == 0.0:
                return np.full(1, round(ms * MS), np.int64)
            rng = np.random.Generator(np.random.PCG64([seed, stream]))
            return np.rint(ms * MS * np.exp(sigma * rng.standard_normal(n))).astype(np.int64)

        return cls(
            feed_ns=delays(feed_ms, max(events, 1), 1),
            entry_ns=delays(entry_ms, 65_536, 2),
            response_ns=delays(response_ms, 65_536, 3),
        )


def ladder(price_ticks: NDArray[np.int64], kind: NDArray[np.uint8]) -> tuple[int, int]:
    """Choose the first tick and the number of slots of the price ladder for a tape; far outliers are left
    out.
    """
    depth = price_ticks[kind == DEPTH]
    if len(depth) == 0:
        return 0, 8
    low, high = int(depth.min()), int(depth.max())
    if high - low + 9 > MAX_SLOTS:
        middle = int(np.median(depth[-min(len(depth), 100_000) :]))
        low = max(low, middle - MAX_SLOTS // 2)
        high = min(high, low + MAX_SLOTS - 10)
    return low - 4, high - low + 9


class Replay:
    """One symbol's replay: every piece of state in flat records, so it can stop at any instant and go on.

    ``params`` is a buffer of ``Params`` versions ordered by ``from_ns``, ``venue`` one of length one;
    ``costs`` is the table of ``make_costs``, wanted when the venue has a cost model.
    """

    def __init__(
        self,
        *,
        tape: Tape,
        params: list[Params],
        venue: list[Venue],
        latency: Latency,
        costs: NDArray[np.float64] | None = None,
        sample_ns: int = 1_000 * MS,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> None:
        self.tape = tape
        first = int(tape.exch_ts_ns[0]) if len(tape.exch_ts_ns) else 0
        self.start_ns = first if start_ns is None else start_ns
        self.params = params
        self.venue = venue
        knots = int(at(venue, 0).cost_knots)
        if knots and (costs is None or len(costs) <= 3 * knots):
            raise EngineError(f"replay: the venue has a cost model of {knots} knots but no table for it")
        local = tape.exch_ts_ns + latency.feed_ns
        if len(latency.feed_ns) > 1:
            local = np.maximum.accumulate(local)
        self.local_ts_ns: NDArray[np.int64] = local
        columns = (
            np.asarray(tape.exch_ts_ns),
            local,
            np.asarray(tape.kind),
            np.asarray(tape.side),
            np.asarray(tape.price_ticks),
            np.asarray(tape.qty_lots),
            np.asarray(tape.funding_ts_ns),
            np.asarray(tape.funding_rate),
            np.asarray(tape.funding_mark),
            latency.entry_ns,
            latency.response_ns,
            np.zeros(0) if costs is None else costs,
        )
        self._tape_columns: Any = tuple(c.tolist() for c in columns) if interpreted() else columns
        self._make_state(sample_ns)
        self._run: Callable[..., int] | None = None
        last = int(tape.exch_ts_ns[-1]) if len(tape.exch_ts_ns) else 0
        expected = max(0, (stop_ns or last) - self.start_ns) // sample_ns + 2
        # Pages of a zeroed array cost nothing until they are touched; growing copies all of them.
        self.fills = zeros(Fill, 256 if interpreted() else 1 << 18)
        self.audits = zeros(Audit, 512 if interpreted() else 1 << 19)
        self.samples = zeros(Sample, int(expected))

    def _make_state(self, sample_ns: int) -> None:
        base_tick, slots = ladder(self.tape.price_ticks, self.tape.kind)
        self.books = zeros(Book, 2)
        for which in (EXCHANGE, LOCAL):
            at(self.books, which).base_tick = base_tick
            at(self.books, which).slots = slots
        size = 4 * slots
        self.levels: Any = [0] * size if interpreted() else np.zeros(size, np.int64)
        self.cursor = zeros(Cursor, 1)
        cursor = at(self.cursor, 0)
        cursor.sample_interval_ns = sample_ns
        cursor.next_sample_ns = self.start_ns
        cursor.last_tick_ns = self.start_ns - 3_600_000 * MS
        self.exchange = zeros(Exchange, 1)
        at(self.exchange, 0).now_ns = NO_TIME
        at(self.exchange, 0).due_ns = FOREVER
        self.ledger = zeros(Ledger, 1)
        self.desk = zeros(Desk, 1)
        at(self.desk, 0).wake_ns = FOREVER
        at(self.desk, 0).tokens = at(self.params, 0).replace_capacity
        at(self.desk, 0).tokens_ns = self.start_ns
        self.view = zeros(View, 1)
        self.quotes = zeros(Quote, 2)
        for k in range(2):
            at(self.quotes, k).updated_ns = NO_TIME
            at(self.quotes, k).off_since_ns = NO_TIME
        self.orders = zeros(Order, ORDERS)
        self.taken = zeros(Taken, 64)
        self.requests = zeros(Request, RING)
        self.reports = zeros(Report, RING)
        self.pending = zeros(Pending, 16)
        self.intents = zeros(Intent, 4)

    def advance(self, until_ns: int, *, end_runs: bool = False) -> None:
        """Replay up to and including an instant (ns); ``end_runs`` also writes the block runs still open
        then.

        Raises EngineError on an internal inconsistency.
        """
        at(self.cursor, 0).end_runs = int(end_runs)
        while self.step(until_ns) != REACHED:
            pass

    def step(self, until_ns: int) -> int:
        """Replay to an instant and give REACHED, or TICK_DUE at a tick that the driver is to run itself.

        Raises EngineError on an internal inconsistency.
        """
        run = self._run = self._run or advance.load()
        while True:
            status: int = run(
                until_ns,
                *self._tape_columns,
                self.params,
                self.cursor,
                self.venue,
                self.exchange,
                self.books,
                self.levels,
                self.orders,
                self.taken,
                self.requests,
                self.reports,
                self.ledger,
                self.desk,
                self.view,
                self.quotes,
                self.pending,
                self.intents,
                self.fills,
                self.audits,
                self.samples,
            )
            if status in (REACHED, TICK_DUE):
                return status
            if status == FILLS_FULL:
                self.fills = _grown(Fill, self.fills)
            elif status == AUDITS_FULL:
                self.audits = _grown(Audit, self.audits)
            elif status == SAMPLES_FULL:
                self.samples = _grown(Sample, self.samples)
            elif status == BROKEN:
                raise EngineError(self._why_broken())

    def _why_broken(self) -> str:
        exchange = at(self.exchange, 0)
        if exchange.no_mid:
            return (
                f"replay at {exchange.now_ns} ns: a fill before any two-sided book has no mid to judge it by"
            )
        if at(self.cursor, 0).same_instant > STUCK:
            return f"replay at {exchange.now_ns} ns: the desk ticks without end and time does not pass"
        return f"replay at {exchange.now_ns} ns: a ring of requests, reports or taken levels overflowed"

    def fill_rows(self) -> NDArray[Any]:
        """Give all fills so far as a structured array."""
        return to_array(Fill, self.fills, at(self.exchange, 0).fills)

    def audit_rows(self) -> NDArray[Any]:
        """Give all audit rows so far as a structured array."""
        return to_array(Audit, self.audits, at(self.desk, 0).audits)

    def sample_rows(self) -> NDArray[Any]:
        """Give all samples so far as a structured array."""
        return to_array(Sample, self.samples, at(self.cursor, 0).samples)

    def mid(self) -> float:
        """Give the exchange's mid now, the last two-sided one where a side is empty, 0 before any."""
        book = at(self.books, EXCHANGE)
        if book.trusted and book.base_tick <= book.best_bid and book.best_ask < book.base_tick + book.slots:
            return 0.5 * float(book.best_bid + book.best_ask) * float(at(self.venue, 0).tick)
        return float(at(self.exchange, 0).mid)

    def snapshot(self) -> DeskSnapshot:
        """Give what a driver may know of the instant played to."""
        exchange, desk, ledger = at(self.exchange, 0), at(self.desk, 0), at(self.ledger, 0)
        cursor = at(self.cursor, 0)
        return DeskSnapshot(
            fills=int(exchange.fills),
            settled=int(exchange.settled_1s),
            audits=int(desk.audits),
            samples=int(cursor.samples),
            version=int(cursor.params_i),
            books=LedgerPoint(
                position=float(ledger.position),
                mid=self.mid(),
                cash=float(ledger.cash),
                funding=float(ledger.funding),
            ),
            position=float(desk.position),
            halted=int(desk.halted),
            loss_halted=bool(desk.loss_halted),
        )

    def counters(self) -> dict[str, int]:
        """Give everything that is counted up to the instant played to, trades of the tape among it."""
        desk: Any = to_array(Desk, self.desk, 1)[0]
        ledger, book = at(self.ledger, 0), at(self.books, EXCHANGE)
        seen = self.tape.kind[: at(self.cursor, 0).exch_i]
        return {
            **{name: int(desk[name]) for name in COUNTED},
            "trades": int(np.count_nonzero(seen == TRADE)),
            "fills": int(ledger.fills),
            "maker_fills": int(ledger.maker_fills),
            "mids_held": int(ledger.mids_held),
            "exchange_rejects": int(at(self.exchange, 0).rejects),
            "updates_crossed": int(book.crossed),
            "updates_beyond_ladder": int(book.out_of_range),
        }

    def wake(self, at_ns: int) -> None:
        """Let the desk tick at an instant (ns) at the latest, though nothing happens then."""
        desk = at(self.desk, 0)
        desk.wake_ns = min(desk.wake_ns, at_ns)


def _grown(cls: type[Any], buffer: list[Any]) -> list[Any]:
    if interpreted():
        return buffer + zeros(cls, len(buffer))
    wider = np.zeros(2 * len(buffer), dtype_of(cls))
    wider[: len(buffer)] = np.asarray(buffer)
    return wider  # type: ignore[return-value]
