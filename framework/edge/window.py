"""What one stretch of one market gave back: fills, audit rows, samples, and the books at both ends."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from framework.edge.errors import LedgerError
from framework.units import HOUR

Rows = np.ndarray[Any, Any]

HORIZONS = {"100ms": "m_100ms", "500ms": "m_500ms", "1s": "m_1s", "5s": "m_5s", "30s": "m_30s"}
"""Markout horizons as reports name them, and the fill field that holds each mid."""


@dataclass(frozen=True)
class LedgerPoint:
    """The books at one moment: position (base), mid, cash (quote, after fees and funding) and funding.

    Cash and funding run from the start of the run; only their differences are used.
    """

    position: float
    mid: float
    cash: float
    funding: float

    @property
    def value(self) -> float:
        """Return the position at the mid; a flat book has no use for a mid."""
        return self.position * self.mid if self.position else 0.0

    @property
    def equity(self) -> float:
        """Return cash plus the position at the mid."""
        return self.cash + self.value


@dataclass(frozen=True)
class WindowData:
    """The evidence of one window of one symbol, as structured arrays.

    ``fills``, ``audit`` and ``samples`` hold the fields of the engine's Fill, Audit and Sample records, in
    time order. ``ws_lag_ms`` holds the feed lags of a session on the wall clock, ``ws_lag_ts_ns`` their tape
    times; both are None in replay.
    """

    symbol: str
    quote: str
    tick: float
    lot: float
    start_ns: int
    end_ns: int
    opening: LedgerPoint
    closing: LedgerPoint
    fills: Rows
    audit: Rows
    samples: Rows
    counters: Mapping[str, int] = field(default_factory=dict)
    ws_lag_ms: Rows | None = None
    ws_lag_ts_ns: Rows | None = None

    @property
    def hours(self) -> float:
        """Return the length in hours of tape."""
        return (self.end_ns - self.start_ns) / HOUR


def chain(windows: Sequence[WindowData]) -> WindowData:
    """Join consecutive windows of one symbol into the window they cover together.

    Raises LedgerError when one does not start where and with what the one before ended: their nets would not
    add up.
    """
    if not windows:
        raise LedgerError("edge window: no windows to join; at least one is needed")
    for before, after in itertools.pairwise(windows):
        _check_joint(before, after)
    first, last = windows[0], windows[-1]
    counters: dict[str, int] = {}
    for window in windows:
        for name, count in window.counters.items():
            counters[name] = counters.get(name, 0) + count
    lags = [w.ws_lag_ms for w in windows if w.ws_lag_ms is not None]
    times = [w.ws_lag_ts_ns for w in windows if w.ws_lag_ts_ns is not None]
    return replace(
        first,
        end_ns=last.end_ns,
        closing=last.closing,
        fills=np.concatenate([w.fills for w in windows]),
        audit=np.concatenate([w.audit for w in windows]),
        samples=np.concatenate([w.samples for w in windows]),
        counters=counters,
        ws_lag_ms=np.concatenate(lags) if lags else None,
        ws_lag_ts_ns=np.concatenate(times) if times else None,
    )


def _check_joint(before: WindowData, after: WindowData) -> None:
    same = (before.symbol, before.quote, before.tick, before.lot) == (
        after.symbol,
        after.quote,
        after.tick,
        after.lot,
    )
    a, b = before.closing, after.opening
    joined = a.position == b.position and a.cash == b.cash and a.value == b.value and a.funding == b.funding
    if not same or before.end_ns != after.start_ns or not joined:
        raise LedgerError(
            f"edge window {after.symbol} at {after.start_ns}: does not continue the window of {before.symbol}"
            f" that ends at {before.end_ns}; time, position, mid, cash and funding must carry over"
        )
