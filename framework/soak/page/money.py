"""Charts of the money: equity, its components, the waterfall, markouts, and the arms of the tuner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.edge.window import WindowData
from framework.soak.page.axes import axis_x, end_labels, numbers_y, title
from framework.soak.page.layout import Box, reach, stacked
from framework.soak.page.over_time import Span
from framework.soak.page.panel import FAINT, GRID, Panel, Pen, svg
from framework.soak.page.series import Floats, Money, above_zero, drawdown, thin
from framework.soak.page.ticks import numbers
from framework.soak.page.words import fixed, num

if TYPE_CHECKING:
    from framework.edge.intervals import Interval
    from framework.edge.section import Markout, Section
    from framework.soak.baselines import ArmRow

Z90 = 1.645
"""Half-width of a 90 % interval in standard errors."""

PARTS = {
    "gross": ("gross", "gross"),
    "slippage": ("slippage", "slippage"),
    "fees_eff": ("fees", "fees"),
    "adverse_1s": ("adverse 1 s", "adverse"),
    "carry": ("carry", "carry"),
    "opening": ("opening", "carry"),
    "funding": ("funding", "fees"),
}
"""Component: its word and its colour."""

HORIZON_WORDS = {
    "fill": "at fill",
    "100ms": "0.1 s",
    "500ms": "0.5 s",
    "1s": "1 s",
    "5s": "5 s",
    "30s": "30 s",
}


def equity_chart(*, window: WindowData, money: Money, edges: tuple[int, ...], narrow: bool) -> str:
    """Draw the equity with its drawdown over the components that add up to it, iterations marked."""
    width, right = (380, 108) if narrow else (1040, 132)
    boxes = stacked(width=width, height=520, rows=(1.0, 0.34, 1.5), right=right)
    span = Span(window.start_ns, window.end_ns, edges)
    panels = (
        _equity(boxes[0], span, money, window.quote),
        _drawdown(boxes[1], span, money),
        _components(boxes[2], span, money, window.quote),
    )
    span.write_times(panels, most=4 if narrow else 10)
    label = f"Equity, drawdown and components over time; net {num(money.net[-1] if len(money.net) else None)}"
    return svg(*panels, width=width, height=520, label=f"{label} {window.quote}")


def _equity(box: Box, span: Span, money: Money, quote: str) -> Panel:
    x, y = thin(money.seconds, money.net, columns=round(box.width))
    panel = span.panel(box, y=reach(y, margin=0.12, zero=True), most=4, plus=True, numbered=True)
    for at, gain, name in ((*above_zero(x, y), "good"), (*above_zero(x, -y), "bad")):
        if gain.any():
            panel.area(at, 0.0, gain if name == "good" else -gain, Pen(name, opacity=0.14))
    panel.zero()
    panel.line(x, y, Pen("net", 1.7))
    title(panel, f"Equity, change since the start ({quote})")
    if len(y):
        end_labels(panel, [(float(y[-1]), f"net {num(y[-1], plus=True)}", "net")])
    return panel


def _drawdown(box: Box, span: Span, money: Money) -> Panel:
    x, y = thin(money.seconds, drawdown(money.net), columns=round(box.width))
    worst = float(y.min()) if len(y) else 0.0
    panel = span.panel(box, y=(worst * 1.05 or -1.0, 0.0), most=2)
    panel.area(x, y, 0.0, Pen("bad", opacity=0.30))
    title(panel, "Drawdown")
    if len(y):
        end_labels(panel, [(worst / 2, f"worst {num(worst)}", "muted")])
    return panel


def shown_parts(money: Money) -> list[tuple[str, str, Floats]]:
    """Give word, colour and line of each component that is there."""
    return [
        (*PARTS[name], values) for name, values in money.parts.items() if name != "funding" or values.any()
    ]


def _components(box: Box, span: Span, money: Money, quote: str) -> Panel:
    drawn = [
        (word, tint, *thin(money.seconds, values, columns=round(box.width)))
        for word, tint, values in [*shown_parts(money), ("net", "net", money.net)]
    ]
    panel = span.panel(box, y=reach(*(y for *_, y in drawn), margin=0.06, zero=True), most=6, plus=True)
    panel.zero()
    labels = []
    for word, tint, x, y in drawn:
        panel.line(x, y, Pen(tint, 2.4 if word == "net" else 1.4, dashed=word == "funding"))
        if len(y):
            labels.append((float(y[-1]), f"{word} {num(y[-1], plus=True)}", tint))
    title(panel, f"What it is made of, cumulative ({quote})")
    end_labels(panel, labels)
    return panel


def waterfall(*, totals: Section) -> str | None:
    """Draw the components in bps of turnover, each from where the one before ended; None without a net."""
    net = totals.net_bps
    if net is None:
        return None
    shown = [n for n in PARTS if n not in ("opening", "funding") or _counts(totals.parts[n].bps)]
    steps = [totals.parts[name].bps or 0.0 for name in shown]
    levels = np.concatenate(([0.0], np.cumsum(steps)))
    y = reach(levels, [net], margin=0.13)
    panel = Panel(stacked(width=440, height=270, left=44, bottom=38)[0], x=(-0.46, len(shown) + 0.46), y=y)
    numbers_y(panel, numbers(*y, most=5, plus=True))
    bars = [(*PARTS[name], levels[k], levels[k + 1]) for k, name in enumerate(shown)]
    for k, (word, tint, low, high) in enumerate([*bars, ("net", "net", 0.0, net)]):
        panel.bar((k - 0.31, k + 0.31), (low, high), Pen(tint))
        if word != "net":
            panel.line((k - 0.31, k + 1.31), (high, high), Pen("faint", 0.8))
        panel.note(k, max(low, high), fixed(high - low, plus=True), colour=tint, up=5.0)
    panel.zero()
    names = [word.replace(" ", "\n", 1) for word, *_ in bars]
    axis_x(panel, list(enumerate([*names, "net"])), marked=False)
    title(panel, "Basis points of turnover")
    return svg(panel, width=440, height=270, label="Components of the net in basis points of turnover")


def _counts(bps: float | None) -> bool:
    """Tell whether a component shows at two decimals."""
    return abs(bps or 0.0) >= 0.005


def markout_chart(*, totals: Section) -> str | None:
    """Draw what fills are worth at each horizon's mid, before and after fees; None without fills."""
    curve = [totals.markouts[name] for name in HORIZON_WORDS]
    if curve[0].bps is None:
        return None
    lines = [
        ("before fees", "gross", *_curve([(m.bps, m.se_bps) for m in curve])),
        ("after fees", "net", *_curve([(m.net_bps, m.net_se_bps) for m in curve])),
    ]
    names = list(HORIZON_WORDS.values())
    y = reach(*(part for *_, low, high in lines for part in (low, high)), margin=0.12)
    box = stacked(width=440, height=270, left=44, right=84, bottom=38)[0]
    panel = Panel(box, x=(-0.3, len(names) - 0.7), y=y)
    numbers_y(panel, numbers(*y, most=5, plus=True))
    panel.zero()
    for _, tint, at, values, low, high in lines:
        panel.area(at, low, high, Pen(tint, opacity=0.12))
        panel.uprights(at, low, high, Pen(tint, 1.3), cap=3.0)
        panel.line(at, values, Pen(tint, 1.6))
        panel.dots(at, values, Pen(tint, 5.0))
    axis_x(panel, list(enumerate(names)))
    title(panel, "Markout, bps of turnover, bars 90 %")
    end_labels(panel, [(float(values[-1]), word, tint) for word, tint, _, values, *_ in lines if len(values)])
    return svg(panel, width=440, height=270, label="Markout of the fills by horizon, before and after fees")


def _curve(points: list[tuple[float | None, float | None]]) -> tuple[Floats, Floats, Floats, Floats]:
    """Give the horizons with a markout, the markouts, and the ends of their 90 % intervals."""
    drawn = [(k, value, se or 0.0) for k, (value, se) in enumerate(points) if value is not None]
    values = np.array([value for _, value, _ in drawn])
    half = np.array([Z90 * se for *_, se in drawn])
    return np.array([k for k, *_ in drawn], np.float64), values, values - half, values + half


def arms_charts(*, arms: Sequence[ArmRow]) -> list[str]:
    """Draw net and 30-s markout net of each arm with 90 % intervals, one chart each; none without fills."""
    if all(row.totals.net_bps is None for row in arms):
        return []
    names, totals = [row.arm for row in arms], [row.totals for row in arms]
    nets = [(t.net_bps, _closed(t.intervals["net_bps"])) for t in totals]
    markouts = [(t.markout_30s.net_bps, _around(t.markout_30s)) for t in totals]
    return [_arms(names, nets, "Net, bps"), _arms(names, markouts, "30-s markout net, bps")]


Bounds = tuple[float, float] | None


def _arms(names: Sequence[str], values: Sequence[tuple[float | None, Bounds]], heading: str) -> str:
    height = 58 + 32 * len(names)
    drawn = [(k, value, bounds) for k, (value, bounds) in enumerate(values)]
    x = reach(*(v for _, v, _ in drawn if v is not None), *(b for *_, b in drawn if b), margin=0.1)
    panel = Panel(stacked(width=440, height=height, left=62)[0], x=x, y=(len(names) - 0.5, -0.8))
    ticks = numbers(*x, most=5, plus=True)
    panel.uprights([at for at, _ in ticks], [panel.y[0]] * len(ticks), [panel.y[1]] * len(ticks), GRID)
    if x[0] <= 0.0 <= x[1]:
        panel.uprights([0.0], [panel.y[0]], [panel.y[1]], FAINT)
    for k, value, bounds in drawn:
        if value is None:
            continue
        tint = "net" if k == 0 else "muted"
        if bounds:
            panel.line(bounds, (k, k), Pen(tint, 3.0, 0.4))
        panel.dots([value], [k], Pen(tint, 7.0))
        panel.note(value, k, fixed(value, plus=True), colour=tint, up=7.0)
    numbers_y(panel, list(enumerate(names)), lines=False)
    axis_x(panel, ticks)
    title(panel, heading)
    return svg(panel, width=440, height=height, label=f"{heading}: tuned against static, corner and placebo")


def _closed(given: Interval) -> Bounds:
    return None if given.lower is None or given.upper is None else (given.lower, given.upper)


def _around(given: Markout) -> Bounds:
    if given.net_bps is None or given.net_se_bps is None:
        return None
    return given.net_bps - Z90 * given.net_se_bps, given.net_bps + Z90 * given.net_se_bps
