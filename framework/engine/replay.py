"""Replay a tape through the compiled loop, as fast as the machine can or in slices of any size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from framework.compiled.bundles import bind, rebind
from framework.compiled.records import at, rows_in, to_array, zeros
from framework.edge.window import LedgerPoint
from framework.engine.halves import DeskHalf, EngineError, ExchangeHalf, WireBuffers, grown
from framework.engine.loop import advance
from framework.engine.records import (
    AUDITS_FULL,
    BROKEN,
    FILLS_FULL,
    REACHED,
    SAMPLES_FULL,
    STUCK,
    TICK_DUE,
    Cursor,
    Feed,
    Run,
    Sample,
)
from framework.engine.snapshot import COUNTED, DeskSnapshot
from framework.market.events import DEPTH, TRADE
from framework.market.records import Fill
from framework.market.tape import Tape, pieces
from framework.quoting.inputs import Account
from framework.quoting.records import Desk, Params
from framework.units import MS
from framework.venue.matching.records import VenueRules

__all__ = ["EngineError", "Latency", "Replay", "ladder"]

MAX_SLOTS = 1 << 20


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
            drawn = np.empty(n, np.int64)
            for rows in pieces(n):
                normal = rng.standard_normal(rows.stop - rows.start)
                drawn[rows] = np.rint(ms * MS * np.exp(sigma * normal))
            return drawn

        return cls(
            feed_ns=delays(feed_ms, max(events, 1), 1),
            entry_ns=delays(entry_ms, 65_536, 2),
            response_ns=delays(response_ms, 65_536, 3),
        )


def _seen(tape: Tape, latency: Latency) -> tuple[NDArray[np.int64], int]:
    """Give times in order, and how long after each of them the desk sees the event (ns)."""
    times = np.asarray(tape.exch_ts_ns)
    if len(latency.feed_ns) == 1:
        return times, int(latency.feed_ns[0])
    arrives_ns = times + latency.feed_ns
    return np.maximum.accumulate(arrives_ns, out=arrives_ns), 0


def ladder(price_ticks: NDArray[np.int64], kind: NDArray[np.uint8]) -> tuple[int, int]:
    """Choose the first tick and the number of slots of the price ladder for a tape; far outliers are left
    out.
    """
    ends: list[int] = []
    for rows in pieces(len(kind)):
        depth = price_ticks[rows][kind[rows] == DEPTH]
        ends += [int(depth.min()), int(depth.max())] if len(depth) else []
    if not ends:
        return 0, 8
    low, high = min(ends), max(ends)
    if high - low + 9 > MAX_SLOTS:
        depth = price_ticks[kind == DEPTH]
        middle = int(np.median(depth[-min(len(depth), 100_000) :]))
        low = max(low, middle - MAX_SLOTS // 2)
        high = min(high, low + MAX_SLOTS - 10)
    return low - 4, high - low + 9


FEW_SAMPLES = 4_096
"""Rows to begin with; a replay that needs more is given twice as many."""


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
        venue: list[VenueRules],
        latency: Latency,
        costs: NDArray[np.float64] | None = None,
        sample_ns: int = 1_000 * MS,
        start_ns: int | None = None,
    ) -> None:
        self.tape = tape
        first = int(tape.exch_ts_ns[0]) if len(tape.exch_ts_ns) else 0
        self.start_ns = first if start_ns is None else start_ns
        rungs = ladder(tape.price_ticks, tape.kind)
        funding = (tape.funding_ts_ns, tape.funding_rate, tape.funding_mark)
        self.wire = WireBuffers(entry_ns=latency.entry_ns, response_ns=latency.response_ns)
        self.exchange_half = ExchangeHalf(rules=venue, ladder=rungs, costs=costs, funding=funding)
        self.desk_half = DeskHalf(params=params, ladder=rungs, start_ns=self.start_ns)
        self.local_ts_ns, self.delay_ns = _seen(tape, latency)
        self.feed = bind(
            Feed,
            exch_ts_ns=np.asarray(tape.exch_ts_ns),
            local_ts_ns=self.local_ts_ns,
            delay_ns=np.array([self.delay_ns], np.int64),
            kind=np.asarray(tape.kind),
            side=np.asarray(tape.side),
            price_ticks=np.asarray(tape.price_ticks),
            qty_lots=np.asarray(tape.qty_lots),
        )
        self._counted = self._trades = 0
        self._advance: Callable[..., int] | None = None
        self.cursor = zeros(Cursor, 1)
        at(self.cursor, 0).sample_interval_ns = sample_ns
        at(self.cursor, 0).next_sample_ns = self.start_ns
        self.samples = zeros(Sample, FEW_SAMPLES)
        self.run = bind(Run, cursor=self.cursor, samples=self.samples)
        self.exchange, self.ledger = self.exchange_half.state, self.exchange_half.ledger
        self.orders, self.exchange_book = self.exchange_half.orders, self.exchange_half.book
        self.desk, self.quotes, self.view = self.desk_half.desk, self.desk_half.quotes, self.desk_half.view
        self.exposure = self.desk_half.exposure
        self.clock, self.desk_book = self.desk_half.clock, self.desk_half.book
        self.rings, self.requests, self.reports = self.wire.rings, self.wire.requests, self.wire.reports
        self.venue = venue

    @property
    def account(self) -> list[Account]:
        """The account, which the symbols of a portfolio share."""
        return self.desk_half.account

    @property
    def params(self) -> list[Params]:
        """The versions of the parameters, by the time they come into force."""
        return self.desk_half.params

    @params.setter
    def params(self, versions: list[Params]) -> None:
        self.desk_half.params = versions

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
        run = self._advance = self._advance or advance.load()
        while True:
            status: int = run(
                until_ns,
                self.run,
                self.feed,
                self.wire.bound,
                self.exchange_half.bound,
                self.desk_half.bound,
            )
            if status in (REACHED, TICK_DUE):
                return status
            if status == FILLS_FULL:
                self.exchange_half.more_fills()
            elif status == AUDITS_FULL:
                self.desk_half.more_audits()
            elif status == SAMPLES_FULL:
                self.more_samples()
            elif status == BROKEN:
                raise EngineError(self._why_broken())

    def more_samples(self) -> None:
        """Make room for twice as many samples."""
        self.samples = grown(Sample, self.samples)
        self.run = rebind(self.run, samples=self.samples)

    def _why_broken(self) -> str:
        exchange = at(self.exchange, 0)
        if not exchange.no_mid and at(self.clock, 0).same_instant > STUCK:
            return f"replay at {exchange.now_ns} ns: the desk ticks without end and time does not pass"
        return self.exchange_half.why_broken()

    @property
    def fills(self) -> list[Fill]:
        """The rows of fills; the first ``exchange.fills`` are written."""
        return self.exchange_half.fills

    def fill_rows(self, first: int = 0) -> NDArray[Any]:
        """Copy the fills so far: the mids after a fill are still to come when it is written."""
        return self.exchange_half.fill_rows(first)

    def audit_rows(self, first: int = 0) -> NDArray[Any]:
        """Give the audit rows so far to read, where they lie."""
        return self.desk_half.audit_rows(first)

    def sample_rows(self, first: int = 0) -> NDArray[Any]:
        """Give the samples so far to read, where they lie."""
        return rows_in(Sample, self.samples, first, int(at(self.cursor, 0).samples))

    def mid(self) -> float:
        """Give the exchange's mid now, the last two-sided one where a side is empty, 0 before any."""
        book = at(self.exchange_book, 0)
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
            version=int(at(self.clock, 0).params_i),
            books=LedgerPoint(
                position=float(ledger.position),
                mid=self.mid(),
                cash=float(ledger.cash),
                funding=float(ledger.funding),
            ),
            position=float(at(self.exposure, 0).position),
            halted=int(desk.halted),
            loss_halted=bool(at(self.account, 0).loss_halted),
        )

    def counters(self) -> dict[str, int]:
        """Give everything that is counted up to the instant played to, trades of the tape among it."""
        desk: Any = to_array(Desk, self.desk, 1)[0]
        ledger, book = at(self.ledger, 0), at(self.exchange_book, 0)
        exchange = at(self.exchange, 0)
        for rows in pieces(int(exchange.event_i), start=self._counted):
            self._trades += int(np.count_nonzero(self.tape.kind[rows] == TRADE))
        self._counted = int(exchange.event_i)
        return {
            **{name: int(desk[name]) for name in COUNTED},
            "trades": self._trades,
            "fills": int(ledger.fills),
            "maker_fills": int(ledger.maker_fills),
            "mids_held": int(ledger.mids_held),
            "exchange_rejects": int(exchange.rejects),
            "updates_crossed": int(book.crossed),
            "updates_beyond_ladder": int(book.out_of_range),
        }

    def wake(self, at_ns: int) -> None:
        """Let the desk tick at an instant (ns) at the latest, though nothing happens then."""
        self.desk_half.wake(at_ns)
