"""Charts of a sweep: every cell across its parameters, what each parameter does, every pair of them."""

from __future__ import annotations

import re
from itertools import combinations

from framework.soak.page.axes import axis_x, below, numbers_y, title
from framework.soak.page.layout import Box, reach, stacked
from framework.soak.page.panel import FAINT, Panel, Pen, svg
from framework.soak.page.paths import number
from framework.soak.page.ticks import numbers
from framework.soak.page.words import compact, num
from framework.soak.sweep.grid import Axis, Grid
from framework.soak.sweep.row import RankedRow
from framework.soak.sweep.table import label_of

PAIRED = 4
"""Parameters whose pairs are drawn: the most influential."""
LINES = 400
"""Lines of the parallel coordinates; the best and the failed ones first."""
SPREAD = 0.08
"""How far the lines of one value are spread over its axis."""
LETTER = 6.4
"""Width of a letter of an axis's name, in pixels."""
SHADES = ("faint", "net", "adverse", "good")
NOWHERE = -0.14
"""Where a line ends that has no gain."""


def parallel(grid: Grid, *, narrow: bool) -> str | None:
    """Draw a line a cell through its parameters to its gain; None without anything to draw."""
    if not grid.axes or not grid.rows:
        return None
    axes_shown = tuple(reversed(grid.axes[: 2 if narrow else 7]))  # the most influential beside the result
    width, last = 380 if narrow else 1040, len(axes_shown)
    box = stacked(width=width, height=380, left=14, right=46, top=52, bottom=16)[0]
    panel = Panel(box, x=(-0.02 * last, float(last)), y=(-0.17, 1.05))
    for row in _drawn(grid):
        _line(panel, grid, axes_shown, row)
    longest = round(0.62 * box.width / last / LETTER)
    for x, axis in enumerate(axes_shown):
        _upright(panel, x, broken(axis.short, longest=longest))
        for y, text in axis.ticks():
            panel.text(*_beside(panel, x, y), text, colour="ink", kind="clear")
    _result_axis(panel, grid, last, broken(grid.name, longest=longest))
    label = f"A line a cell through {last} parameters to its {grid.name}: {num(grid.low)} to {num(grid.high)}"
    return svg(panel, width=width, height=380, label=label)


def _drawn(grid: Grid) -> list[RankedRow]:
    """Give the rows to draw, the best last so that it lies on top."""
    failed = [row for row in grid.rows if grid.worth(row) is None]
    return [*failed[:LINES], *(row for row, _ in reversed(grid.measured[:LINES]))]


def _line(panel: Panel, grid: Grid, shown: tuple[Axis, ...], row: RankedRow) -> None:
    worth = grid.worth(row)
    share = None if worth is None else grid.share(worth)
    # Lines that share a value lie side by side in the order of what they earned, not one on the other.
    crowded = len(grid.rows) > max(len(axis.values) for axis in shown)
    aside = SPREAD * (share - 0.5) if share is not None and crowded else 0.0
    heights = [axis.place(row.values[axis.name]) + aside for axis in shown]
    heights.append(NOWHERE if share is None else share)
    leads = row is grid.rows[0] and share is not None
    name = "bad" if share is None else shade_of(grid, row)
    strength = 0.75 if share is None else 1.0 if leads else 0.15 + 0.5 * depth(grid, worth)
    panel.stroke(_curves(panel, heights), Pen(name, 2.6 if leads else 1.3, strength, dashed=share is None))


def _curves(panel: Panel, heights: list[float]) -> str:
    """Give the path that swings from axis to axis."""
    xs, ys = panel.at_x(range(len(heights))).tolist(), panel.at_y(heights).tolist()
    data = f"M{number(xs[0])} {number(ys[0])}"
    for k in range(1, len(xs)):
        half = number((xs[k - 1] + xs[k]) / 2.0)
        data += f"C{half} {number(ys[k - 1])} {half} {number(ys[k])} {number(xs[k])} {number(ys[k])}"
    return data


def broken(name: str, *, longest: int) -> list[str]:
    """Break a name after underscores and spaces into lines of at most so many letters, where it can be."""
    lines = [""]
    for part in re.findall(r"[^_ ]*[_ ]?", name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > longest:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines if line]


def _upright(panel: Panel, x: float, name: list[str], *, kind: str = "mid strong") -> None:
    panel.uprights([x], [-0.04], [1.04], FAINT)
    at, floor = float(panel.at_x(x)), float(panel.at_y(1.04)) - 10.0
    for line, text in enumerate(reversed(name)):
        panel.text(at, floor - 13.0 * line, text, colour="ink", kind=kind if x else "strong")


def _beside(panel: Panel, x: float, y: float) -> tuple[float, float]:
    return float(panel.at_x(x)) + 7.0, float(panel.at_y(y)) + 4.0


def _result_axis(panel: Panel, grid: Grid, x: int, name: list[str]) -> None:
    _upright(panel, x, name, kind="end strong")
    for shade in SHADES:
        rows = [(row, value) for row, value in grid.measured if shade == shade_of(grid, row)]
        places = [grid.share(value) for _, value in rows]
        texts = [_cell_words(grid, row) for row, _ in rows]
        panel.dots([x] * len(places), places, Pen(shade, 4.0), words=texts)
    if grid.high > grid.low:
        for value, text in numbers(grid.low, grid.high, most=6):
            panel.text(*_beside(panel, x, grid.share(value)), text)
    elif grid.measured:
        panel.text(*_beside(panel, x, 1.0), compact(grid.high))
    if any(grid.worth(row) is None for row in grid.rows):
        panel.text(*_beside(panel, x, NOWHERE), "none", colour="bad")


def _cell_words(grid: Grid, row: RankedRow) -> str:
    """Say which cell it is and what it earned, for the pointer that rests on it."""
    return f"{label_of(row.values)}: {grid.name} {num(grid.worth(row), plus=True)}"


def tone(worth: float | None) -> str:
    """Give the colour of what is above zero, or of what is below."""
    return "adverse" if (worth or 0.0) < 0.0 else "net"


def shade_of(grid: Grid, row: RankedRow) -> str:
    """Give the colour of a cell: proven, above zero, below, or too quiet for its gain to count."""
    if row.proven:
        return "good"
    return "faint" if grid.quiet(row) else tone(grid.worth(row))


def depth(grid: Grid, worth: float | None) -> float:
    """Give how far from zero a worth is, as a share of the farthest."""
    farthest = max(abs(grid.low), abs(grid.high))
    return abs(worth or 0.0) / farthest if farthest else 0.0


def effects(grid: Grid) -> list[str]:
    """Draw, for each parameter, the gain of every cell over its values and the line of their means."""
    if not grid.measured:
        return []
    one = len(grid.axes) == 1
    return [_effect(grid, axis, wide=one) for axis in grid.axes[:6] if len(axis.values) > 1]


def _effect(grid: Grid, axis: Axis, *, wide: bool) -> str:
    width, height = (440, 240) if wide else (330, 200)
    xs = [axis.place(row.values[axis.name]) for row, _ in grid.measured]
    ys = [value for _, value in grid.measured]
    bounds = [grid.bounds(row) if wide else (value, value) for row, value in grid.measured]
    low, high = zip(*bounds, strict=True)
    y = reach(low, high, margin=0.12, zero=grid.compared)
    panel = Panel(stacked(width=width, height=height, left=46)[0], x=(-0.14, 1.14), y=y)
    numbers_y(panel, numbers(*y, most=4, plus=True))
    panel.zero()
    if wide:
        panel.uprights(xs, low, high, Pen("net", 1.2, 0.45))
    size, strength = (6.0, 1.0) if wide else (4.0, 0.55)
    for name in SHADES:
        places = [k for k, (row, _) in enumerate(grid.measured) if shade_of(grid, row) == name]
        texts = [_cell_words(grid, grid.measured[k][0]) for k in places]
        panel.dots([xs[k] for k in places], [ys[k] for k in places], Pen(name, size, strength), words=texts)
    means = {value[0]: mean for value, mean in grid.means(axis).items() if mean is not None}
    known_values = [value for value in axis.values if value in means]
    at = [axis.place(value) for value in known_values]
    panel.line(at, [means[value] for value in known_values], Pen("net", 1.7))
    axis_x(panel, axis.ticks())
    title(panel, axis.short)
    return svg(panel, width=width, height=height, label=f"{grid.name} over {axis.name}")


def heat_maps(grid: Grid) -> list[str]:
    """Draw the mean gain over each pair of the most influential parameters, in two colours around zero."""
    if not grid.measured:
        return []
    chosen = [axis for axis in grid.axes if len(axis.values) > 1][:PAIRED]
    pairs = [(x, y) for y, x in combinations(chosen, 2)]
    means = [mean for pair in pairs for mean in grid.means(*pair).values() if mean is not None]
    farthest = max(map(abs, means), default=0.0)
    return [_heat(grid, x, y, farthest=farthest, wide=len(pairs) == 1) for x, y in pairs]


def _heat(grid: Grid, x: Axis, y: Axis, *, farthest: float, wide: bool) -> str:
    width = 440 if wide else 330
    height = min(40 * len(y.values), 420) + 70 if wide else 250
    panel = _checkered(x, y, width=width, height=height)
    means = grid.means(x, y)
    written = len(x.values) * 44 <= width and len(y.values) <= 10
    for column, a in enumerate(x.values):
        for line, b in enumerate(y.values):
            if (a, b) in means:
                quiet = grid.quiet(*grid.with_values({x.name: a, y.name: b}))
                mean = means[a, b]
                strength = 0.04 + 0.84 * (abs(mean or 0.0) / farthest if farthest else 0.0)
                pen = Pen("faint", opacity=0.22) if quiet else Pen(tone(mean), opacity=strength)
                _tile(panel, (column, line), mean, pen, written=written)
    title(panel, y.short)
    below(panel, x.short)
    return svg(panel, width=width, height=height, label=f"Mean {grid.name}, over {x.name} and {y.name}")


def _checkered(x: Axis, y: Axis, *, width: int, height: int) -> Panel:
    """Make a panel with a place for every pair of values, and the values beside it."""
    named = _all_ticks(y)
    left = 26 + round(6.6 * max(len(name) for _, name in named))
    box: Box = stacked(width=width, height=height, left=left, right=6, top=28, bottom=40)[0]
    panel = Panel(box, x=(-0.5, len(x.values) - 0.5), y=(-0.5, len(y.values) - 0.5))
    numbers_y(panel, named, lines=False)
    for place, text in _all_ticks(x):
        panel.text(float(panel.at_x(place)), box.bottom + 14.0, text, kind="mid")
    return panel


def _all_ticks(axis: Axis) -> list[tuple[float, str]]:
    step = -(-len(axis.values) // 12)
    texts = [Axis(axis.name, (value,)).ticks()[0][1] for value in axis.values]
    return [(float(place), text) for place, text in enumerate(texts) if place % step == 0]


def _tile(panel: Panel, place: tuple[int, int], mean: float | None, pen: Pen, *, written: bool) -> None:
    column, line = place
    sides = (column - 0.48, column + 0.48), (line - 0.46, line + 0.46)
    if mean is None:
        panel.bar(*sides, Pen("faint", opacity=0.1), "no gain")
        panel.note(column, line, "none", colour="muted", up=-4.0)
        return
    panel.bar(*sides, pen, num(mean, plus=True))
    if written:
        panel.note(
            column, line, num(mean, plus=True), colour="paper" if pen.opacity > 0.55 else "ink", up=-4.0
        )
