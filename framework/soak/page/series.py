"""The run as lines: money over time by component, thinned without losing a peak; shares below a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge.attribution import attribute_fills
from framework.edge.measures import equity_at
from framework.edge.window import Rows, WindowData
from framework.units import SECOND

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Money:
    """Cumulative result in quote currency, at seconds since the start; ``parts`` add up to ``net``."""

    seconds: Floats
    net: Floats
    parts: dict[str, Floats]


def seconds_of(window: WindowData, ts_ns: Any) -> Floats:
    """Give times as seconds since the window's start."""
    return np.asarray((np.asarray(ts_ns) - window.start_ns) / SECOND, dtype=np.float64)


def money_over_time(window: WindowData) -> Money:
    """Split the equity curve into its components as they added up; what no fill explains is carry.

    A fill's first second counts at the moment of the fill. Carry includes what the opening position gained.
    """
    edge = attribute_fills(window)
    ends = np.array([window.start_ns, window.end_ns], np.int64)
    times = np.unique(np.concatenate((window.samples["ts_ns"], ends)))
    net = equity_at(window, times=times) - window.opening.equity
    done = np.searchsorted(window.fills["exch_ts_ns"], times, side="right")

    def added(values: Floats) -> Floats:
        return np.asarray(np.concatenate(([0.0], np.cumsum(values)))[done], dtype=np.float64)

    parts = {name: added(getattr(edge, name)) for name in ("gross", "slippage", "fees_eff", "adverse_1s")}
    paid = np.concatenate(([window.opening.funding], window.samples["funding"], [window.closing.funding]))
    at = np.searchsorted(window.samples["ts_ns"], times, side="right")
    at[-1] = len(paid) - 1
    parts["funding"] = np.asarray(paid[at] - window.opening.funding, dtype=np.float64)
    parts["carry"] = net - np.sum(list(parts.values()), axis=0)
    keep = np.isfinite(net)
    return Money(
        seconds_of(window, times)[keep], net[keep], {name: values[keep] for name, values in parts.items()}
    )


def added_up(moneys: Sequence[Money]) -> Money:
    """Add the results of symbols over the same time; each is taken to move evenly between its samples."""
    if len(moneys) == 1:
        return moneys[0]
    seconds = np.unique(np.concatenate([money.seconds for money in moneys]))

    def total(lines: list[Floats]) -> Floats:
        on_one = [np.interp(seconds, money.seconds, y) for money, y in zip(moneys, lines, strict=True)]
        return np.asarray(np.sum(on_one, axis=0), dtype=np.float64)

    parts = {name: total([money.parts[name] for money in moneys]) for name in moneys[0].parts}
    return Money(seconds, total([money.net for money in moneys]), parts)


def thin(x: Floats, y: Floats, *, columns: int) -> tuple[Floats, Floats]:
    """Keep both ends and each column's lowest and highest point; leave out what is not finite."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) <= 2 * columns:
        return x, y
    cuts = np.searchsorted(x, np.linspace(x[0], x[-1], columns + 1)[1:-1])
    starts = np.unique(np.concatenate(([0], cuts)))
    column = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x))))
    index = np.unique(np.concatenate(([0, len(x) - 1], *_extremes(y, starts, column))))
    return x[index], y[index]


def _extremes(y: Floats, starts: Any, column: Any) -> list[Any]:
    """Give where each column's first lowest point is, and its first highest."""
    places = []
    for extreme in (np.minimum, np.maximum):
        hits = np.flatnonzero(y == extreme.reduceat(y, starts)[column])
        places.append(hits[np.unique(column[hits], return_index=True)[1]])
    return places


def slots(x: Floats, y: Floats, *, length: float, columns: int) -> Floats:
    """Give a line's values at ``2 * columns + 1`` even places from 0 to ``length``.

    Two places a column hold its lowest and highest value in their order; a column without any goes on with
    the last one known. The last place holds the last value.
    """
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    placed = np.full(2 * columns + 1, np.nan)
    if not len(x):
        return placed
    column = np.clip((x / length * columns).astype(np.int64), 0, columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    here = column[starts]
    low, high = _extremes(y, starts, np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x)))))
    placed[2 * here], placed[2 * here + 1] = y[np.minimum(low, high)], y[np.maximum(low, high)]
    placed[-1] = y[-1]
    known = np.maximum.accumulate(np.where(np.isfinite(placed), np.arange(len(placed)), -1))
    return np.where(known < 0, np.nan, placed[known])


def above_zero(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Cut a line off at zero, with a point where it comes to it."""
    turns = np.flatnonzero((y[:-1] < 0.0) != (y[1:] < 0.0))
    share = y[turns] / (y[turns] - y[turns + 1])
    crossings = x[turns] + share * (x[turns + 1] - x[turns])
    return np.insert(x, turns + 1, crossings), np.maximum(np.insert(y, turns + 1, 0.0), 0.0)


def every(rows: Rows, *, most: int) -> tuple[Rows, int]:
    """Keep each n-th row so that at most ``most`` stay; give them and n."""
    step = max(1, -(-len(rows) // most))
    return rows[::step], step


def shares_below(values: Any, *, points: int = 160) -> tuple[Floats, Floats]:
    """Give values in order and the share at or below each, thinned to ``points`` quantiles."""
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ordered = ordered[np.isfinite(ordered)]
    if not len(ordered):
        return np.zeros(0), np.zeros(0)
    at = np.unique(np.round(np.linspace(0, len(ordered) - 1, min(points, len(ordered)))).astype(np.int64))
    return ordered[at], (at + 1.0) / len(ordered)


def drawdown(net: Floats) -> Floats:
    """Give how far below its best the result stands, as a negative number."""
    return np.asarray(net - np.maximum.accumulate(np.maximum(net, 0.0)), dtype=np.float64)


def busiest(window: WindowData, *, seconds: float) -> tuple[int, int] | None:
    """Find the stretch of this length with the most fills; None without fills."""
    ts = window.fills["exch_ts_ns"]
    if not len(ts):
        return None
    length = min(round(seconds * SECOND), window.end_ns - window.start_ns)
    counts = np.searchsorted(ts, ts + length, side="left") - np.arange(len(ts))
    k = int(np.argmax(counts))
    centre = int(ts[k] + ts[k + int(counts[k]) - 1]) // 2
    start = min(max(centre - length // 2, window.start_ns), window.end_ns - length)
    return start, start + length
