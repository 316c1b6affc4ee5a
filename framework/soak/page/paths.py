"""Lines as SVG path data: tenths of a pixel, relative, nothing that a pixel does not show."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]


def line_path(x: Floats, y: Floats) -> str:
    """Give the path through points in pixels; a point that is not finite is a gap."""
    return "".join(_trace(x[a:b], y[a:b]) for a, b in _runs(np.isfinite(x) & np.isfinite(y)))


def area_path(x: Floats, low: Floats, high: Floats) -> str:
    """Give the closed path around everything between two lines over the same points."""
    good = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    return "".join(
        _trace(np.append(x[a:b], x[a:b][::-1]), np.append(high[a:b], low[a:b][::-1])) + "z"
        for a, b in _runs(good)
    )


def as_steps(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Give the points of a line that keeps each value until the next point."""
    return np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]


def number(value: float) -> str:
    """Write a coordinate to a tenth, as short as it gets."""
    return _tenths(round(value * 10.0))


def _runs(good: np.ndarray[Any, np.dtype[np.bool_]]) -> Iterator[tuple[int, int]]:
    """Give where each stretch of good points begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8))).tolist()
    yield from zip(edges[::2], edges[1::2], strict=True)


def _trace(x: Floats, y: Floats) -> str:
    at_x, at_y = (np.round(values * 10.0).astype(np.int64) for values in (x, y))
    fresh = np.append(True, (np.diff(at_x) != 0) | (np.diff(at_y) != 0))
    at_x, at_y = at_x[fresh], at_y[fresh]
    keep = np.ones(len(at_x), bool)
    # A point in the middle of a level or upright stretch is on the line between its neighbours.
    for ours, other in ((at_y, at_x), (at_x, at_y)):
        level = (ours[1:-1] == ours[:-2]) & (ours[1:-1] == ours[2:])
        onward = (other[1:-1] > other[:-2]) == (other[2:] > other[1:-1])
        keep[1:-1] &= ~(level & onward)
    at_x, at_y = at_x[keep], at_y[keep]
    moves = zip(np.diff(at_x).tolist(), np.diff(at_y).tolist(), strict=True)
    return f"M{_pair(int(at_x[0]), int(at_y[0]))}" + "".join(_move(dx, dy) for dx, dy in moves)


def _move(dx: int, dy: int) -> str:
    if not dy:
        return f"h{_tenths(dx)}" if dx else ""
    return f"l{_pair(dx, dy)}" if dx else f"v{_tenths(dy)}"


def _pair(x: int, y: int) -> str:
    second = _tenths(y)
    return _tenths(x) + ("" if second[0] == "-" else " ") + second


@lru_cache(maxsize=8192)
def _tenths(value: int) -> str:
    whole, rest = divmod(abs(value), 10)
    text = f"{whole or ''}.{rest}" if rest else str(whole)
    return f"-{text}" if value < 0 else text
