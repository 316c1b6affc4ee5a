"""Charts of the market and our orders: price and fills, quotes, inventory, queue, ages, parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge.measures import ages_ms
from framework.edge.window import Rows, WindowData
from framework.soak.page.axes import axis_x, below, end_labels, legend, numbers_y, title
from framework.soak.page.layout import Box, reach, stacked
from framework.soak.page.over_time import Span
from framework.soak.page.panel import Panel, Pen, svg
from framework.soak.page.series import Floats, busiest, every, seconds_of, shares_below, thin
from framework.soak.page.ticks import powers
from framework.soak.page.words import NONE, compact, num, percent, whole
from framework.units import MS, SECOND

APART = 2.6
"""At most one fill is drawn in so many pixels of the time axis, on average."""
CLOSE_UP_S = 120.0
SIDES = ((1, "gross"), (-1, "adverse"))
"""Side and its colour: buys, sells."""


def price_chart(
    *, window: WindowData, edges: tuple[int, ...], limit_quote: float | None, narrow: bool
) -> str:
    """Draw the mid with our fills on it, above our quoted spread and our inventory with its limit."""
    width = 380 if narrow else 1040
    boxes = stacked(width=width, height=560, rows=(1.6, 0.5, 0.9), left=62, right=18)
    span = Span(window.start_ns, window.end_ns, edges)
    panels = (
        _mid_and_fills(boxes[0], span, window),
        _quoted_spread(boxes[1], span, window),
        _inventory(boxes[2], span, window, limit_quote),
    )
    span.write_times(panels, most=4 if narrow else 10)
    label = f"Mid price of {window.symbol} with fills, quoted spread and inventory over time"
    return svg(*panels, width=width, height=560, label=label)


def _mid_and_fills(box: Box, span: Span, window: WindowData) -> Panel:
    samples = window.samples
    mids = np.where(samples["mid"] > 0.0, samples["mid"], np.nan)
    x, y = thin(seconds_of(window, samples["ts_ns"]), mids, columns=round(box.width))
    rows, step = every(window.fills, most=round(box.width / APART))
    panel = span.panel(box, y=reach(y, rows["price"], margin=0.10), most=5, numbered=True)
    panel.line(x, y, Pen("muted", 1.0))
    _fills(panel, seconds_of(window, rows["exch_ts_ns"]), rows, size=5.0)
    shown = (
        f"every {_ordinal(step)} of {whole(len(window.fills))}" if step > 1 else f"all {len(window.fills)}"
    )
    title(panel, f"Mid and fills, {shown}: ▲ buys, ▼ sells")
    return panel


def _fills(panel: Panel, seconds: Floats, rows: Any, *, size: float) -> None:
    for side, tint in SIDES:
        mine = rows["side"] == side
        panel.triangles(seconds[mine], rows["price"][mine], Pen(tint, size, 0.8), up=side > 0)


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")


def _quoted_spread(box: Box, span: Span, window: WindowData) -> Panel:
    rows = window.samples
    both = (rows["bid_ticks"] > 0) & (rows["ask_ticks"] > 0) & np.isfinite(rows["mid"]) & (rows["mid"] > 0.0)
    rows = rows[both]
    wide = (rows["ask_ticks"] - rows["bid_ticks"]) * window.tick / rows["mid"] * 1e4
    x, y = thin(seconds_of(window, rows["ts_ns"]), wide, columns=round(box.width / 3))
    panel = span.panel(box, y=(0.0, 1.08 * float(y.max()) if len(y) else 1.0), most=3)
    panel.line(x, y, Pen("net", 0.9, 0.8))
    share = len(rows) / len(window.samples) if len(window.samples) else None
    middle = num(np.median(wide)) if len(wide) else NONE
    title(panel, f"Our spread, bps: median {middle}, two-sided {percent(share)} of the time")
    return panel


def _inventory(box: Box, span: Span, window: WindowData, limit_quote: float | None) -> Panel:
    rows = window.samples
    worth = np.where(rows["position"] == 0.0, 0.0, rows["position"] * rows["mid"])
    x, y = thin(seconds_of(window, rows["ts_ns"]), worth, columns=round(box.width))
    limits = () if limit_quote is None else (limit_quote, -limit_quote)
    panel = span.panel(box, y=reach(y, limits, margin=0.12, zero=True), most=4, plus=True)
    if len(x):
        panel.step_area(x, y, Pen("carry", opacity=0.25))
        panel.steps(x, y, Pen("carry", 0.9))
    panel.zero()
    for limit in limits:
        panel.level(limit, Pen("bad", 1.0, dashed=True))
    beside = "" if limit_quote is None else f", limit ±{num(limit_quote)}"
    title(panel, f"Inventory at the mid ({window.quote}){beside}")
    return panel


@dataclass(frozen=True)
class Busy:
    """The stretch of a window with the most fills."""

    start_ns: int
    end_ns: int
    samples: Rows
    fills: Rows


def busy_minutes(window: WindowData) -> Busy | None:
    """Give the two minutes with the most fills; None without fills."""
    stretch = busiest(window, seconds=CLOSE_UP_S)
    if stretch is None:
        return None
    parts = [
        rows[(rows[name] >= stretch[0]) & (rows[name] <= stretch[1])]
        for rows, name in ((window.samples, "ts_ns"), (window.fills, "exch_ts_ns"))
    ]
    return Busy(*stretch, *parts)


def quotes(rows: Rows, tick: float) -> list[Floats]:
    """Give mid, our bid and our ask of some samples; what is not there is not finite."""
    sides = [np.where(rows[name] > 0, rows[name] * tick, np.nan) for name in ("bid_ticks", "ask_ticks")]
    return [np.where(rows["mid"] > 0.0, rows["mid"], np.nan), *sides]


def close_up(*, window: WindowData) -> str | None:
    """Draw the two minutes with the most fills: mid, our quotes and the fills; None without fills."""
    busy = busy_minutes(window)
    if busy is None:
        return None
    rows, fills, start = busy.samples, busy.fills, busy.start_ns
    at, mids, bids, asks = (rows["ts_ns"] - start) / SECOND, *quotes(rows, window.tick)
    span = Span(start, busy.end_ns)
    box = stacked(width=440, height=270, left=62, right=64)[0]
    panel = span.panel(box, y=reach(mids, bids, asks, fills["price"], margin=0.08), most=5)
    panel.line(at, mids, Pen("muted", 1.2))
    for quoted, (_, tint) in zip((bids, asks), SIDES, strict=True):
        panel.steps(at, quoted, Pen(tint, 1.1, 0.75))
    _fills(panel, (fills["exch_ts_ns"] - start) / SECOND, fills, size=7.0)
    title(panel, f"The busiest two minutes, {len(fills)} fills")
    span.write_times([panel], most=4)
    named = ((mids, "mid", "muted"), (bids, "our bid", "gross"), (asks, "our ask", "adverse"))
    ends = [(float(y[np.isfinite(y)][-1]), word, tint) for y, word, tint in named if np.isfinite(y).any()]
    end_labels(panel, ends)
    return svg(panel, width=440, height=270, label="Mid, our quotes and fills in the busiest two minutes")


def queue_chart(*, window: WindowData) -> str | None:
    """Draw how much was ahead of us when an order was placed and when it was filled; None without fills."""
    rows = window.fills[window.fills["is_maker"] != 0]
    if not len(rows):
        return None
    panel = _shares(
        (
            ("at entry", rows["queue_ahead_entry_lots"] * window.lot, "adverse"),
            ("when filled", rows["queue_ahead_fill_lots"] * window.lot, "net"),
        ),
        floor=window.lot,
    )
    title(panel, "Queue ahead of us, share of maker fills at or below")
    below(panel, "base units, logarithmic; an empty queue stands at one lot")
    return svg(panel, width=440, height=250, label="Distribution of the queue ahead at entry and at fill")


def age_chart(*, window: WindowData) -> str | None:
    """Draw how long orders rested, were off target, and took to fill; None where there are no ages."""
    makers = window.fills[window.fills["is_maker"] != 0]
    lines = (
        ("off target", ages_ms(window, field="off_target_age_ns")[1], "adverse"),
        ("resting", ages_ms(window, field="resting_age_ns")[1], "carry"),
        ("placed → filled", (makers["exch_ts_ns"] - makers["order_ts_ns"]) / MS, "net"),
    )
    if not any(len(values) for _, values, _ in lines):
        return None
    panel = _shares(lines, floor=1.0)
    title(panel, "Ages of quotes, share at or below")
    below(panel, "ms, logarithmic; what is shorter than 1 ms stands at 1")
    return svg(
        panel, width=440, height=250, label="Distribution of off-target age, resting age and time to fill"
    )


def _shares(lines: Any, *, floor: float) -> Panel:
    drawn = [(word, tint, *shares_below(values)) for word, values, tint in lines]
    drawn = [(word, tint, np.maximum(x, floor), share) for word, tint, x, share in drawn if len(x)]
    values = np.concatenate([x for *_, x, _ in drawn] or [np.array([floor])])
    x = float(values.min()) / 1.3, float(values.max()) * 1.3
    panel = Panel(stacked(width=440, height=250, right=96, bottom=40)[0], x=x, y=(0.0, 103.0), log_x=True)
    numbers_y(panel, [(0, "0"), (25, "25"), (50, "50"), (75, "75"), (100, "100 %")])
    for _, tint, at, share in drawn:
        # A share starts from nothing and lasts to the end of the axis.
        panel.steps([at[0], *at, x[1]], [0.0, *share * 100.0, 100.0], Pen(tint))
    axis_x(panel, powers(*x, most=5))
    legend(panel, [(word, tint) for word, tint, *_ in drawn])
    return panel


def parameter_charts(
    *, packages: list[dict[str, float]], bounds: dict[str, tuple[float, float]]
) -> list[str]:
    """Draw each run-time parameter over the iterations within its bounds; one that never moved is faint."""
    return [_parameter(name, [float(p[name]) for p in packages], bounds.get(name)) for name in packages[0]]


def _parameter(name: str, values: list[float], bound: tuple[float, float] | None) -> str:
    tint, last = "net" if len(set(values)) > 1 else "faint", len(values)
    low, high = bound or (min(values), max(values))
    low, high = min(low, *values), max(high, *values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    box = stacked(width=170, height=116, left=34, right=34, bottom=20)[0]
    panel = Panel(box, x=(1.0, last + 1.0), y=(low - room, high + room))
    numbers_y(panel, [(low, compact(low)), (high, compact(high))])
    panel.steps([*range(1, last + 2)], [*values, values[-1]], Pen(tint, 1.8))
    axis_x(panel, [(1.5, "1"), (last + 0.5, str(last))][: 2 if last > 1 else 1], marked=False)
    title(panel, name, left=-32.0)
    end_labels(panel, [(values[-1], compact(values[-1]), tint)])
    label = f"{name}: {compact(values[0])} at first, {compact(values[-1])} at last"
    return svg(panel, width=170, height=116, label=label)
