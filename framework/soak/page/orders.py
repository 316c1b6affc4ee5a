"""Charts of the market and our orders: price and fills, quotes, inventory, queue, ages, parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from framework.edge.measures import ages_ms
from framework.edge.window import WindowData
from framework.soak.page.chart import (
    canvas,
    colour,
    end_labels,
    logarithmic,
    svg,
    write_numbers,
    write_times,
    zero_line,
)
from framework.soak.page.money import mark_iterations
from framework.soak.page.series import busiest, every, seconds_of, shares_below, thin
from framework.soak.page.words import NONE, compact, num, percent, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_FILLS = 320
CLOSE_UP_S = 120.0
SIDES = ((1, "buy", "gross", "^"), (-1, "sell", "adverse", "v"))


def price_chart(
    *, window: WindowData, edges: tuple[int, ...], limit_quote: float | None, narrow: bool
) -> str:
    """Draw the mid with our fills on it, above our quoted spread and our inventory with its limit."""
    width = 380 if narrow else 1040
    figure, panels = canvas(width=width, height=560, rows=(1.6, 0.5, 0.9), share_x=True, left=62, right=18)
    price, spread, inventory = panels
    _mid_and_fills(price, window)
    _quoted_spread(spread, window)
    _inventory(inventory, window, limit_quote)
    for axes in panels:
        mark_iterations(axes, window=window, edges=edges, numbers=axes is price)
        axes.tick_params(labelbottom=axes is inventory)
    write_times(inventory, start_ns=window.start_ns, end_ns=window.end_ns, most=4 if narrow else 10)
    label = f"Mid price of {window.symbol} with fills, quoted spread and inventory over time"
    return svg(figure, name=f"price-{narrow}", label=label)


def _mid_and_fills(axes: Axes, window: WindowData) -> None:
    samples = window.samples
    x, y = thin(seconds_of(window, samples["ts_ns"]), np.where(samples["mid"] > 0.0, samples["mid"], np.nan))
    axes.plot(x, y, color=colour("muted"), linewidth=1.0)
    rows, step = every(window.fills, most=MOST_FILLS)
    for side, _, tint, marker in SIDES:
        mine = rows[rows["side"] == side]
        axes.scatter(
            seconds_of(window, mine["exch_ts_ns"]), mine["price"], marker=marker, s=17, color=colour(tint),
            alpha=0.75, zorder=3, linewidths=0,
        )  # fmt: skip
    shown = (
        f"every {_ordinal(step)} of {whole(len(window.fills))}" if step > 1 else f"all {len(window.fills)}"
    )
    axes.set_title(f"Mid and fills, {shown}: ▲ buys, ▼ sells")
    axes.margins(y=0.10)
    write_numbers(axes.yaxis)


def _ordinal(n: int) -> str:
    return {2: "second", 3: "third"}.get(n, f"{n}th")


def _quoted_spread(axes: Axes, window: WindowData) -> None:
    rows = window.samples
    both = (rows["bid_ticks"] > 0) & (rows["ask_ticks"] > 0) & np.isfinite(rows["mid"]) & (rows["mid"] > 0.0)
    rows = rows[both]
    wide = (rows["ask_ticks"] - rows["bid_ticks"]) * window.tick / rows["mid"] * 1e4
    x, y = thin(seconds_of(window, rows["ts_ns"]), wide, columns=240)
    axes.plot(x, y, color=colour("net"), linewidth=0.8, alpha=0.8)
    share = len(rows) / len(window.samples) if len(window.samples) else None
    middle = num(np.median(wide)) if len(wide) else NONE
    axes.set_title(f"Our spread, bps: median {middle}, two-sided {percent(share)} of the time")
    axes.set_ylim(bottom=0.0)
    write_numbers(axes.yaxis, most=3)


def _inventory(axes: Axes, window: WindowData, limit_quote: float | None) -> None:
    rows = window.samples
    worth = np.where(rows["position"] == 0.0, 0.0, rows["position"] * rows["mid"])
    x, y = thin(seconds_of(window, rows["ts_ns"]), worth)
    axes.fill_between(x, y, 0.0, step="post", color=colour("carry"), alpha=0.25)
    axes.step(x, y, where="post", color=colour("carry"), linewidth=0.9)
    zero_line(axes)
    axes.margins(y=0.15)
    if limit_quote is not None:
        for sign in (1.0, -1.0):
            axes.axhline(sign * limit_quote, color=colour("bad"), linewidth=1.0, linestyle=(0, (4, 3)))
    beside = "" if limit_quote is None else f", limit ±{num(limit_quote)}"
    axes.set_title(f"Inventory at the mid ({window.quote}){beside}")
    write_numbers(axes.yaxis, plus=True, most=4)


def close_up(*, window: WindowData) -> str | None:
    """Draw the two minutes with the most fills: mid, our quotes and the fills; None without fills."""
    span = busiest(window, seconds=CLOSE_UP_S)
    if span is None:
        return None
    start, end = span
    rows = window.samples
    rows = rows[(rows["ts_ns"] >= start) & (rows["ts_ns"] <= end)]
    fills = window.fills[(window.fills["exch_ts_ns"] >= start) & (window.fills["exch_ts_ns"] <= end)]
    figure, (axes,) = canvas(width=440, height=270, left=62, right=64)
    at = (rows["ts_ns"] - start) / 1e9
    axes.plot(at, np.where(rows["mid"] > 0, rows["mid"], np.nan), color=colour("muted"), linewidth=1.2)
    ends = [(float(rows["mid"][-1]), "mid", "muted")] if len(rows) and np.isfinite(rows["mid"][-1]) else []
    for (side, _, tint, marker), field in zip(SIDES, ("bid_ticks", "ask_ticks"), strict=True):
        quoted = np.where(rows[field] > 0, rows[field] * window.tick, np.nan)
        axes.step(at, quoted, where="post", color=colour(tint), linewidth=1.1, alpha=0.75)
        mine = fills[fills["side"] == side]
        axes.scatter(
            (mine["exch_ts_ns"] - start) / 1e9, mine["price"], marker=marker, s=34, color=colour(tint),
            zorder=3, linewidths=0,
        )  # fmt: skip
        seen = np.flatnonzero(np.isfinite(quoted))
        if len(seen):
            ends.append((float(quoted[seen[-1]]), "our bid" if side > 0 else "our ask", tint))
    axes.margins(y=0.10)
    axes.set_title(f"The busiest two minutes, {len(fills)} fills")
    write_numbers(axes.yaxis)
    write_times(axes, start_ns=start, end_ns=end, most=4)
    end_labels(axes, labels=ends)
    return svg(figure, name="close-up", label="Mid, our quotes and fills in the busiest two minutes")


def queue_chart(*, window: WindowData) -> str | None:
    """Draw how much was ahead of us when an order was placed and when it was filled; None without fills."""
    rows = window.fills[window.fills["is_maker"] != 0]
    if not len(rows):
        return None
    figure, (axes,) = canvas(width=440, height=250, left=52, right=20, bottom=40)
    _shares(
        axes,
        (
            ("at entry", rows["queue_ahead_entry_lots"] * window.lot, "adverse"),
            ("when filled", rows["queue_ahead_fill_lots"] * window.lot, "net"),
        ),
        floor=window.lot,
    )
    axes.set_title("Queue ahead of us, share of maker fills at or below")
    axes.set_xlabel("base units, logarithmic; an empty queue stands at one lot")
    return svg(figure, name="queue", label="Distribution of the queue ahead at entry and at fill")


def age_chart(*, window: WindowData) -> str | None:
    """Draw how long orders rested, were off target, and took to fill; None where there are no ages."""
    makers = window.fills[window.fills["is_maker"] != 0]
    lines = (
        ("off target", ages_ms(window, field="off_target_age_ns")[1], "adverse"),
        ("resting", ages_ms(window, field="resting_age_ns")[1], "carry"),
        ("placed → filled", (makers["exch_ts_ns"] - makers["order_ts_ns"]) / 1e6, "net"),
    )
    if not any(len(values) for _, values, _ in lines):
        return None
    figure, (axes,) = canvas(width=440, height=250, left=52, right=20, bottom=40)
    _shares(axes, lines, floor=1.0)
    axes.set_title("Ages of quotes, share at or below")
    axes.set_xlabel("ms, logarithmic; what is shorter than 1 ms stands at 1")
    return svg(figure, name="ages", label="Distribution of off-target age, resting age and time to fill")


def _shares(axes: Axes, lines: Any, *, floor: float) -> None:
    logarithmic(axes)
    for word, values, tint in lines:
        x, share = shares_below(values)
        if not len(x):
            continue
        axes.plot(
            np.maximum(x, floor),
            share * 100.0,
            color=colour(tint),
            drawstyle="steps-post",
            label=word,
        )
    axes.set_ylim(0.0, 103.0)
    axes.set_yticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    if axes.lines:
        axes.legend(loc="lower right", frameon=False, fontsize=10.5, handlelength=1.4, labelcolor="linecolor")


def parameter_charts(
    *, packages: list[dict[str, float]], bounds: dict[str, tuple[float, float]]
) -> list[str]:
    """Draw each run-time parameter over the iterations within its bounds; one that never moved is faint."""
    return [_parameter(name, [float(p[name]) for p in packages], bounds.get(name)) for name in packages[0]]


def _parameter(name: str, values: list[float], bound: tuple[float, float] | None) -> str:
    figure, (axes,) = canvas(width=170, height=116, left=34, right=34, top=24, bottom=20)
    tint, last = "net" if len(set(values)) > 1 else "faint", len(values)
    axes.step([*range(1, last + 2)], [*values, values[-1]], where="post", color=colour(tint), linewidth=1.8)
    axes.set_title(name, fontsize=10, x=-0.3)
    low, high = bound or (min(values), max(values))
    low, high = min(low, *values), max(high, *values)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    axes.set_ylim(low - room, high + room)
    axes.set_yticks([low, high], [compact(low), compact(high)])
    axes.set_xlim(1.0, last + 1.0)
    axes.set_xticks([1.5, last + 0.5], ["1", str(last)]) if last > 1 else axes.set_xticks([1.5], ["1"])
    axes.tick_params(axis="x", length=0)
    end_labels(axes, labels=[(values[-1], compact(values[-1]), tint)])
    return svg(
        figure, name=name, label=f"{name}: {compact(values[0])} at first, {compact(values[-1])} at last"
    )
