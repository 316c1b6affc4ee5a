"""Play a tape in real time, in slices that end when the wall clock says so.

The tape's first instant is "now"; every later one comes due when as much real time has passed. What a slice
decides depends on the tape alone, so fills and audit rows are those of a replay byte for byte; what real time
adds is measured beside them: how late each slice was served, and how often later than the deadline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from framework.engine.replay import Replay
from framework.quoting.records import FOREVER
from framework.units import MS, SECOND

SLICE_NS = 10 * MS
"""Least tape time a slice covers; market data within one comes to the desk together."""
LOOK_NS = 50 * MS
"""Most tape time between two slices."""
WINDOW_NS = 100 * MS
"""One lag is kept for this much tape time, the worst: days of running stay small, and p95 is on the safe
side.
"""

Between = Callable[[int], int]


class Clock(Protocol):
    """Real time, in ns that never go back."""

    def now_ns(self) -> int:
        """Give the time."""
        ...

    def sleep_until(self, ns: int) -> None:
        """Return at this time or as soon after it as the machine can."""
        ...


class MonotonicClock:
    """The machine's clock, which no adjustment of the date moves."""

    def now_ns(self) -> int:
        """Give the time."""
        return time.monotonic_ns()

    def sleep_until(self, ns: int) -> None:
        """Sleep until then."""
        left = ns - time.monotonic_ns()
        if left > 0:
            time.sleep(left / SECOND)


class Advancing(Protocol):
    """Whatever can be played up to an instant: a replay, a session."""

    def advance(self, until_ns: int, *, end_runs: bool = False) -> None:
        """Play up to and including an instant; ``end_runs`` also writes the block runs still open then."""
        ...


class Paced:
    """Drive a replay or a session by a clock; ``advance`` returns when that time has come.

    ``replay`` says when market events reach the desk.
    """

    def __init__(
        self,
        *,
        driven: Advancing,
        replay: Replay,
        deadline_ns: int,
        clock: Clock | None = None,
        slice_ns: int = SLICE_NS,
    ) -> None:
        self.driven, self.start_ns = driven, replay.start_ns
        self.clock = clock or MonotonicClock()
        self.deadline_ns = deadline_ns
        self.slice_ns = slice_ns
        self.slices = 0
        self.deadline_misses = 0
        self._due_ns: NDArray[np.int64] = replay.local_ts_ns
        self._delay_ns = replay.delay_ns
        self._at = replay.start_ns - 1
        self._offset_ns: int | None = None
        self._lag_at: list[int] = []
        self._lag_ns: list[int] = []

    def advance(self, until_ns: int, *, end_runs: bool = False, between: Between = lambda _: FOREVER) -> None:
        """Play up to and including an instant of the tape; raises EngineError as a replay does.

        ``between`` is called before each slice, once its time has come, with the instant played so far; it
        may change what is in force after that, and gives how far the slice may go; no further than it has
        been played ends the call.
        """
        if self._offset_ns is None:
            self._offset_ns = self.clock.now_ns() - self.start_ns
        while self._at < until_ns:
            due = self._next_due(until_ns)
            self.clock.sleep_until(self._offset_ns + due)
            limit = between(self._at)
            if limit <= self._at:
                return
            # A late clock serves everything that came due meanwhile in one slice, as a late process would.
            now = min(until_ns, limit, max(due, self.clock.now_ns() - self._offset_ns))
            self.driven.advance(now, end_runs=end_runs and now == until_ns)
            if now >= due:  # a slice cut short has served nothing that was due
                self._note(due, self.clock.now_ns() - self._offset_ns)
            self._at = now

    @property
    def at_ns(self) -> int:
        """Return the instant up to which it has been played."""
        return self._at

    def now_ns(self) -> int:
        """Return the instant of the tape that real time has come to; before the first slice, its start."""
        return self.start_ns if self._offset_ns is None else self.clock.now_ns() - self._offset_ns

    def _next_due(self, until_ns: int) -> int:
        """Give the instant of the desk's next market event, at least a slice and at most LOOK_NS away."""
        nearest = self._at + self.slice_ns
        i = int(np.searchsorted(self._due_ns, self._at - self._delay_ns, side="right"))
        event = int(self._due_ns[i]) + self._delay_ns if i < len(self._due_ns) else until_ns
        # Without market data the exchange still answers, the desk still wakes and a patch may come: look in.
        return min(until_ns, max(nearest, min(event, self._at + LOOK_NS)))

    def _note(self, due_ns: int, served_ns: int) -> None:
        """Keep how late the slice was served."""
        lag = max(0, served_ns - due_ns)
        self.slices += 1
        self.deadline_misses += int(lag > self.deadline_ns)
        if self._lag_at and due_ns // WINDOW_NS == self._lag_at[-1] // WINDOW_NS:
            self._lag_ns[-1] = max(self._lag_ns[-1], lag)
        else:
            self._lag_at.append(due_ns)
            self._lag_ns.append(lag)

    def recent_lag_ns(self, span_ns: int) -> int:
        """Give the worst lag of the last ``span_ns`` of tape time, 0 when nothing came due."""
        worst, k = 0, len(self._lag_at) - 1
        while k >= 0 and self._lag_at[k] > self._at - span_ns:
            worst = max(worst, self._lag_ns[k])
            k -= 1
        return worst

    def lags(self, *, start_ns: int, end_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give tape times and lags (ms) of start <= time < end, the worst of each tenth of a second."""
        at = np.array(self._lag_at, np.int64)
        first, last = np.searchsorted(at, [start_ns, end_ns])
        return at[first:last], np.array(self._lag_ns[first:last], np.float64) / MS
