"""Sinks: who takes the rows that are new between two steps, so that nobody has to hold a whole run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

from framework.compiled.records import at, rows_in
from framework.engine.halves import DeskHalf
from framework.engine.replay import Replay
from framework.market.records import Fill

Take = Callable[[NDArray[Any]], None]
TakeTicks = Callable[[NDArray[Any], int, int], None]
"""Gets rows, how many more there was no room for, and when they were done (ns, on the tape's clock)."""
EVERY = 10
"""One tick in so many is kept; source: spec/calibration_readiness.md, the tick logger's default."""


class Sink(Protocol):
    """Take the rows that are new since the last call; called between two steps."""

    def drain(self) -> None:
        """Take them; never waits."""
        ...


class FillSink:
    """Hand on every fill once, when the second after it has passed."""

    def __init__(self, replay: Replay, *, take: Take) -> None:
        self._replay, self._take, self._taken = replay, take, 0

    def drain(self) -> None:
        """Hand on those whose second has passed since the last call."""
        settled = int(at(self._replay.exchange, 0).settled_1s)
        if settled > self._taken:
            self._take(rows_in(Fill, self._replay.fills, self._taken, settled).copy())
            self._taken = settled


class AuditSink:
    """Hand on every audit row of a desk once, when nothing can change it any more."""

    def __init__(self, desk: DeskHalf, *, take: Take) -> None:
        self._desk, self._take, self._taken = desk, take, 0

    def drain(self) -> None:
        """Hand on those that have settled since the last call."""
        settled = self._desk.settled_audits
        if settled > self._taken:
            self._take(self._desk.audit_rows(self._taken)[: settled - self._taken].copy())
            self._taken = settled


class TickSink:
    """Hand on every tenth tick of a desk, with when it was done and how many more there was no room for."""

    def __init__(self, desk: DeskHalf, *, now_ns: Callable[[], int], take: TakeTicks) -> None:
        self._desk, self._now_ns, self._take = desk, now_ns, take
        desk.sample_ticks(every=EVERY)

    def drain(self) -> None:
        """Hand on those since the last call."""
        rows, lost = self._desk.take_ticks()
        if len(rows) or lost:
            self._take(rows, lost, self._now_ns())
