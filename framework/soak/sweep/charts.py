"""Charts of a sweep: every cell across its parameters, what each parameter does, and every pair of them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from framework.soak.page.chart import canvas, colour, svg, write_numbers, zero_line
from framework.soak.page.words import compact, num
from framework.soak.sweep.grid import Axis, Grid, markout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIRED = 4
"""Parameters whose pairs are drawn: the most influential."""
LINES = 400
"""Lines of the parallel coordinates; the best and the failed ones first."""
SPREAD = 0.08
"""How far the lines of one value are spread over its axis."""
NOWHERE = -0.14
"""Where a line ends that has no markout."""
Z90 = 1.645


def parallel(grid: Grid, *, narrow: bool) -> str | None:
    """Draw a line a cell through its parameters to its markout; None without anything to draw."""
    if not grid.axes or not grid.rows:
        return None
    axes_shown = tuple(reversed(grid.axes[: 2 if narrow else 7]))  # the most influential beside the result
    figure, (axes,) = canvas(width=380 if narrow else 1040, height=380, left=14, right=46, top=52, bottom=16)
    last = len(axes_shown)
    for row in _drawn(grid):
        _line(axes, grid, axes_shown, row)
    for x, axis in enumerate(axes_shown):
        _upright(axes, x, axis.short, axis.ticks())
    _result_axis(axes, grid, last)
    axes.set_xlim(-0.02 * last, last)
    axes.set_ylim(-0.17, 1.05)
    axes.set_axis_off()
    label = f"A line a cell through {last} parameters to its markout, {num(grid.low)} to {num(grid.high)} bps"
    return svg(figure, name=f"parallel-{narrow}", label=label)


def _drawn(grid: Grid) -> list[dict[str, Any]]:
    """Give the rows to draw, the best last so that it lies on top."""
    failed = [row for row in grid.rows if markout(row) is None]
    return [*failed[:LINES], *reversed(grid.measured[:LINES])]


def _line(axes: Axes, grid: Grid, shown: tuple[Axis, ...], row: dict[str, Any]) -> None:
    value = markout(row)
    share = None if value is None else grid.share(value)
    # Lines that share a value lie side by side in the order of what they earned, not one on the other.
    crowded = len(grid.rows) > max(len(axis.values) for axis in shown)
    aside = SPREAD * (share - 0.5) if share is not None and crowded else 0.0
    heights = [axis.place(row["values"][axis.name]) + aside for axis in shown]
    heights.append(NOWHERE if share is None else share)
    points: list[tuple[float, float]] = [(0.0, heights[0])]
    for x in range(1, len(heights)):
        points += [(x - 0.5, heights[x - 1]), (x - 0.5, heights[x]), (float(x), heights[x])]
    codes = [Path.MOVETO, *([Path.CURVE4] * (len(points) - 1))]
    leads = row is grid.rows[0] and share is not None
    name = "bad" if share is None else "good" if row["proven"] else "net"
    style: dict[str, Any] = {"linestyle": (0, (4, 3))} if share is None else {}
    strength = 0.75 if share is None else 1.0 if leads else 0.12 + 0.55 * share**2
    axes.add_patch(
        PathPatch(
            Path(points, codes),
            fill=False,
            edgecolor=colour(name),
            linewidth=2.6 if leads else 1.3,
            alpha=strength,
            zorder=2.0,
            **style,
        )
    )


def _upright(axes: Axes, x: float, name: str, ticks: list[tuple[float, str]], *, ha: str = "center") -> None:
    axes.plot([x, x], [-0.04, 1.04], color=colour("faint"), linewidth=1.0, zorder=3)
    axes.annotate(
        name, xy=(x, 1.04), xytext=(0, 14), textcoords="offset points", color=colour("ink"),
        ha="left" if x == 0 else ha, weight="bold",
    )  # fmt: skip
    for y, text in ticks:
        axes.annotate(
            text,
            xy=(x, y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            color=colour("ink"),
            zorder=5,
            bbox={
                "boxstyle": "square,pad=0.15",
                "facecolor": colour("paper"),
                "alpha": 0.8,
                "linewidth": 0.0,
            },
        )


def _result_axis(axes: Axes, grid: Grid, x: int) -> None:
    _upright(axes, x, "markout bps", [], ha="right")
    for name, proven in (("net", False), ("good", True)):
        places = [grid.share(markout(row) or 0.0) for row in grid.measured if row["proven"] == proven]
        axes.plot([x] * len(places), places, "o", color=colour(name), markersize=3.5, zorder=4, clip_on=False)
    if grid.high > grid.low:
        for value in MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(grid.low, grid.high):
            if grid.low <= value <= grid.high:
                _beside(axes, x, grid.share(float(value)), compact(float(value)), "muted")
    elif grid.measured:
        _beside(axes, x, 1.0, compact(grid.high), "muted")
    if any(markout(row) is None for row in grid.rows):
        _beside(axes, x, NOWHERE, "none", "bad")


def _beside(axes: Axes, x: float, y: float, text: str, name: str) -> None:
    axes.annotate(text, xy=(x, y), xytext=(8, 0), textcoords="offset points", va="center", color=colour(name))


def effects(grid: Grid) -> list[str]:
    """Draw, for each parameter, the markout of every cell over its values and the line of their means."""
    if not grid.measured:
        return []
    one = len(grid.axes) == 1
    return [_effect(grid, axis, wide=one) for axis in grid.axes[:6] if len(axis.values) > 1]


def _effect(grid: Grid, axis: Axis, *, wide: bool) -> str:
    figure, (axes,) = canvas(width=1040 if wide else 330, height=260 if wide else 200, left=46)
    xs = [axis.place(row["values"][axis.name]) for row in grid.measured]
    ys = [markout(row) or 0.0 for row in grid.measured]
    if wide:
        half = [Z90 * (row["markout_net_30s_se_bps"] or 0.0) for row in grid.measured]
        low = [y - h for y, h in zip(ys, half, strict=True)]
        high = [y + h for y, h in zip(ys, half, strict=True)]
        axes.vlines(xs, low, high, color=colour("net"), linewidth=1.2, alpha=0.45)
    size, strength = (5.0, 1.0) if wide else (3.0, 0.35)
    axes.plot(xs, ys, "o", color=colour("net"), markersize=size, alpha=strength)
    means = {value[0]: mean for value, mean in grid.means(axis).items() if mean is not None}
    known_values = [value for value in axis.values if value in means]
    axes.plot(
        [axis.place(value) for value in known_values],
        [means[value] for value in known_values],
        color=colour("net"),
        linewidth=1.7,
    )
    if axes.get_ylim()[0] < 0.0 < axes.get_ylim()[1]:
        zero_line(axes)
    axes.margins(y=0.12)
    axes.set_xlim(-0.14, 1.14)
    _name_values(axes.xaxis, axis)
    write_numbers(axes.yaxis, plus=True, most=4)
    axes.set_title(f"{axis.short}")
    return svg(figure, name=f"effect-{axis.name}", label=f"Markout over {axis.name}")


def _name_values(along: Any, axis: Axis) -> None:
    ticks = axis.ticks()
    names = {round(place, 9): text for place, text in ticks}
    along.set_major_locator(FixedLocator([place for place, _ in ticks]))
    along.set_major_formatter(FuncFormatter(lambda x, _: names.get(round(x, 9), "")))


def heat_maps(grid: Grid) -> list[str]:
    """Draw the mean markout over each pair of the most influential parameters."""
    if not grid.measured:
        return []
    chosen = [axis for axis in grid.axes if len(axis.values) > 1][:PAIRED]
    pairs = [(x, y) for y, x in combinations(chosen, 2)]
    means = [mean for pair in pairs for mean in grid.means(*pair).values() if mean is not None]
    span = (min(means), max(means)) if means else (0.0, 0.0)
    return [_heat(grid, x, y, span=span, wide=len(pairs) == 1) for x, y in pairs]


def _heat(grid: Grid, x: Axis, y: Axis, *, span: tuple[float, float], wide: bool) -> str:
    width = 1040 if wide else 330
    height = min(46 * len(y.values), 420) + 60 if wide else 250
    names = [text for _, text in _all_ticks(y)]
    left = 26 + round(6.6 * max(len(name) for name in names))
    figure, (axes,) = canvas(width=width, height=height, left=left, right=6, top=28, bottom=40)
    means = grid.means(x, y)
    written = len(x.values) * (30 if wide else 44) <= width and len(y.values) <= 10
    for column, a in enumerate(x.values):
        for line, b in enumerate(y.values):
            if (a, b) in means:
                _tile(axes, column, line, means[a, b], span=span, written=written)
    axes.set_xlim(-0.5, len(x.values) - 0.5)
    axes.set_ylim(-0.5, len(y.values) - 0.5)
    axes.grid(visible=False)
    for along, axis in ((axes.xaxis, x), (axes.yaxis, y)):
        ticks = _all_ticks(axis)
        along.set_major_locator(FixedLocator([place for place, _ in ticks]))
        along.set_major_formatter(FuncFormatter(lambda at, _, ticks=ticks: dict(ticks).get(round(at), "")))
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(y.short)
    axes.set_xlabel(x.short, loc="right")
    return svg(figure, name=f"heat-{x.name}-{y.name}", label=f"Mean markout over {x.name} and {y.name}")


def _all_ticks(axis: Axis) -> list[tuple[int, str]]:
    step = -(-len(axis.values) // 12)
    texts = [Axis(axis.name, (value,)).ticks()[0][1] for value in axis.values]
    return [(place, text) for place, text in enumerate(texts) if place % step == 0]


def _tile(
    axes: Axes, column: int, line: int, mean: float | None, *, span: tuple[float, float], written: bool
) -> None:
    corner = (column - 0.48, line - 0.46)
    if mean is None:
        axes.add_patch(Rectangle(corner, 0.96, 0.92, fill=False, edgecolor=colour("bad"), linewidth=1.0))
        axes.text(column, line, "none", ha="center", va="center", color=colour("bad"))
        return
    low, high = span
    strength = 0.06 + 0.86 * ((mean - low) / (high - low) if high > low else 1.0)
    axes.add_patch(Rectangle(corner, 0.96, 0.92, facecolor=colour("net"), alpha=strength))
    if written:
        ink = colour("paper" if strength > 0.55 else "ink")
        axes.text(column, line, num(mean), ha="center", va="center", color=ink)
