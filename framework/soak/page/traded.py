"""Who traded when: buys against sells, hours of the day, how long a position was held."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge.attribution import attribute_fills
from framework.edge.window import WindowData
from framework.soak.page.series import Floats
from framework.soak.page.words import NONE, fixed, milliseconds, num, whole
from framework.units import HOUR, SECOND

HEAD = ("fills", "turnover", "gross bps", "30-s markout net bps", "30-s markout net")


@dataclass(frozen=True, kw_only=True)
class Row:
    """Fills of one kind; the bar is what they came to, from the middle to the right where it is a gain."""

    name: str
    cells: list[str]
    tint: str
    left: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Traded:
    """Rows by side and by hour of the day, and the holding time in words."""

    sides: list[Row]
    hours: list[Row]
    held: str


@dataclass(frozen=True)
class _Fills:
    side: Any
    hour: Any
    worth: Floats
    gross: Floats
    net_30s: Floats


def traded(windows: Sequence[WindowData]) -> Traded | None:
    """Split the fills of all windows by side and by hour; None without fills."""
    fills = _joined(windows)
    if not len(fills.side):
        return None
    hours = [(f"{h:02d}:00", fills.hour == h) for h in np.unique(fills.hour)]
    return Traded(
        sides=_rows(fills, [("buys", fills.side > 0), ("sells", fills.side < 0)]),
        hours=_rows(fills, hours) if len(hours) > 1 else [],
        held=_held_words(windows),
    )


def _joined(windows: Sequence[WindowData]) -> _Fills:
    parts = []
    for window in windows:
        rows, edge = window.fills, attribute_fills(window)
        net = rows["side"] * (rows["m_30s"] - rows["price"]) * rows["qty"] + edge.fees_eff
        parts.append((rows["side"], rows["exch_ts_ns"] // HOUR % 24, edge.notional, edge.gross, net))
    return _Fills(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _rows(fills: _Fills, kinds: Sequence[tuple[str, Any]]) -> list[Row]:
    known = np.isfinite(fills.net_30s)
    sums = [math.fsum(fills.net_30s[chosen & known]) for _, chosen in kinds]
    most = max((abs(x) for x in sums), default=0.0) or 1.0
    return [
        _row(fills, name, chosen, known, share=x / most)
        for (name, chosen), x in zip(kinds, sums, strict=True)
    ]


def _row(fills: _Fills, name: str, chosen: Any, known: Any, *, share: float) -> Row:
    worth, judged = math.fsum(fills.worth[chosen]), math.fsum(fills.worth[chosen & known])
    net = math.fsum(fills.net_30s[chosen & known])
    width = round(50.0 * abs(share), 1)
    return Row(
        name=name,
        cells=[
            whole(int(chosen.sum())),
            num(worth),
            fixed(math.fsum(fills.gross[chosen]) / worth * 1e4, plus=True) if worth else NONE,
            fixed(net / judged * 1e4, plus=True) if judged else NONE,
            num(net, plus=True) if judged else NONE,
        ],
        tint="good" if share >= 0.0 else "bad",
        left=50.0 if share >= 0.0 else round(50.0 - width, 1),
        width=width,
    )


def _held_words(windows: Sequence[WindowData]) -> str:
    """Say how long what was bought or sold stayed open, first in, first out."""
    held = [lot for window in windows for lot in holding_times(window)]
    if not held:
        return "No position that a fill opened was closed by another."
    seconds, lots = np.array(sorted(held)).T
    share = np.cumsum(lots) / lots.sum()
    middle, late = (milliseconds(1e3 * seconds[np.searchsorted(share, q)]) for q in (0.5, 0.95))
    return f"Of what was closed, half was open for at most {middle}, 95 % for {late} (first in, first out)."


def holding_times(window: WindowData) -> list[tuple[float, float]]:
    """Return seconds and quantity of all that a later fill closed; what was open at first has no age."""
    opened: deque[list[float]] = deque()
    if window.opening.position:
        opened.append([math.nan, window.opening.position])
    closed = []
    for ts_ns, side, qty in window.fills[["exch_ts_ns", "side", "qty"]].tolist():
        left = float(qty)
        while left > 0.0 and opened and opened[0][1] * side < 0.0:
            taken = min(left, abs(opened[0][1]))
            if not math.isnan(opened[0][0]):
                closed.append(((ts_ns - opened[0][0]) / SECOND, taken))
            left -= taken
            opened[0][1] += side * taken
            if abs(opened[0][1]) < window.lot / 2.0:
                opened.popleft()
        if left >= window.lot / 2.0:
            opened.append([ts_ns, side * left])
    return closed
