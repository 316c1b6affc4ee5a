"""A chart: matplotlib without pyplot, drawn once, cleaned into an inline SVG that the page colours.

Text stays text in the page's own face; nothing names a file, a font or a time.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from framework.soak.page.palette import LIGHT, by_name
from framework.soak.page.words import compact, utc

SMALL = 11.0
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "quoteops",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": SMALL,
    "axes.unicode_minus": True,
    "axes.edgecolor": LIGHT["rule"],
    "axes.linewidth": 1.0,
    "axes.labelcolor": LIGHT["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.titlesize": SMALL,
    "axes.titlecolor": LIGHT["muted"],
    "axes.titlelocation": "left",
    "axes.titlepad": 7.0,
    "axes.titley": 1.0,
    "grid.color": LIGHT["grid"],
    "grid.linewidth": 1.0,
    "lines.linewidth": 1.5,
    "lines.solid_joinstyle": "round",
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["rule"],
    "xtick.labelcolor": LIGHT["muted"],
    "xtick.labelsize": SMALL,
    "xtick.major.size": 3.0,
    "ytick.color": LIGHT["rule"],
    "ytick.labelcolor": LIGHT["muted"],
    "ytick.labelsize": SMALL,
    "ytick.major.size": 0.0,
    "patch.linewidth": 0.0,
    "hatch.linewidth": 0.0,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style whatever matplotlibrc the machine has; the global state is put back."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def canvas(
    *,
    width: int,
    height: int,
    rows: Sequence[float] = (1.0,),
    columns: int = 1,
    left: int = 52,
    right: int = 12,
    top: int = 24,
    bottom: int = 26,
    between: int = 34,
    apart: int = 46,
    share_x: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Make a figure in CSS pixels with a grid of axes, given left to right and top to bottom."""
    figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="none")
    inner_w, inner_h = width - left - right, height - top - bottom
    cell_w = (inner_w - apart * (columns - 1)) / columns
    scale = (inner_h - between * (len(rows) - 1)) / sum(rows)
    made: list[Axes] = []
    y = float(height - top)
    for share in rows:
        y -= share * scale
        for column in range(columns):
            x = left + column * (cell_w + apart)
            box = (x / width, y / height, cell_w / width, share * scale / height)
            shared = made[0] if share_x and made else None
            made.append(figure.add_axes(box, facecolor="none", sharex=shared))
        y -= between
    return figure, made


def svg(figure: Figure, *, name: str, label: str) -> str:
    """Write a figure as inline SVG; ``name`` keeps its ids apart from others', ``label`` is read aloud."""
    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        canvas_of: Any = FigureCanvasSVG(figure)
        canvas_of.print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    width, height = (round(x * 72) for x in figure.get_size_inches())
    body = out.getvalue()
    body = body[body.index("<g ") : body.rindex("</svg>")]
    for pattern, new in _CLEAN:
        body = pattern.sub(new, body)
    body = _TAG.sub(lambda tag: _LONG.sub(_rounded, tag[0]), body)
    head = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label='
    return f'{head}"{escape(label)}">{by_name(body)}</svg>'


def _rounded(found: re.Match[str]) -> str:
    """Write a coordinate to a tenth of a pixel."""
    return f"{float(found[0]):.1f}".removesuffix(".0")


_TAG = re.compile(r"<[^>]+>")
_LONG = re.compile(r"(?<!opacity: )-?\d+\.\d{2,}")
_CLEAN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<!--.*?-->\s*", re.S), ""),
    (re.compile(r"<style.*?</style>", re.S), ""),
    (re.compile(r"<defs>\s*</defs>\s*"), ""),
    (re.compile(r'(<g) id="[^"]*"'), r"\1"),
    (re.compile(r"xlink:href"), "href"),
    (re.compile(r"font-family: 'DejaVu Sans'; "), ""),
    (re.compile(r"\s*\n\s*"), "\n"),
)


def colour(name: str) -> str:
    """Give a colour by its name in the palette."""
    return LIGHT[name]


def write_numbers(axis: Any, *, plus: bool = False, most: int = 5) -> None:
    """Write an axis's numbers as the page does, at most ``most`` of them."""
    axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(value, plus=plus)))


_STEPS_S = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    172800,
    604800,
)


def write_times(axes: Axes, *, start_ns: int, end_ns: int, most: int) -> None:
    """Put UTC times under an axis whose unit is seconds since ``start_ns``."""
    length = max((end_ns - start_ns) / 1e9, 1e-9)
    step = next(
        (s for s in _STEPS_S if length / s <= most), _STEPS_S[-1] * (1 + int(length / _STEPS_S[-1] / most))
    )
    first = -(-start_ns // (step * 1_000_000_000)) * step * 1_000_000_000
    at = np.arange(first, end_ns + 1, step * 1_000_000_000)
    form = (
        "%H:%M:%S"
        if step < 60
        else "%H:%M"
        if length <= 1.5 * 86400
        else "%d %b"
        if step >= 86400
        else "%d %b %H:%M"
    )
    axes.set_xlim(0.0, length)
    axes.xaxis.set_major_locator(FixedLocator(((at - start_ns) / 1e9).tolist()))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: utc(start_ns + round(x * 1e9) + 500_000, form=form))
    )


def logarithmic(axes: Axes) -> None:
    """Make the x axis logarithmic, with a number at each power of ten."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    axes.xaxis.set_minor_locator(NullLocator())


def zero_line(axes: Axes) -> None:
    """Draw the line of zero where an axis has one."""
    axes.axhline(0.0, color=colour("faint"), linewidth=1.0, zorder=1.5)


def end_labels(axes: Axes, *, labels: Sequence[tuple[float, str, str]], gap: float = 14.0) -> None:
    """Write (value, text, colour) beside the right end of each line, moved apart where they would touch."""
    if not labels:
        return
    low, high = axes.get_ylim()
    box = axes.get_position()
    tall = box.height * axes.figure.bbox.height
    wanted = [(value - low) / (high - low) * tall for value, _, _ in labels]
    for place, (_, text, name) in zip(spread_out(wanted, gap=gap, top=tall), labels, strict=True):
        axes.annotate(
            text, xy=(1.0, place / tall), xycoords="axes fraction", xytext=(7, 0), textcoords="offset points",
            va="center", color=colour(name),
        )  # fmt: skip


def spread_out(places: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Move places apart to at least ``gap``, in their order and, where there is room, within 0 to ``top``."""
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    moved = [places[i] for i in order]
    for _ in range(60):
        for k in range(1, len(moved)):
            short = gap - (moved[k] - moved[k - 1])
            if short > 0.0:
                moved[k - 1] -= short / 2
                moved[k] += short / 2
        if moved:
            moved[0] = max(moved[0], 0.0)
            moved[-1] = min(moved[-1], top)
    back = [0.0] * len(places)
    for k, i in enumerate(order):
        back[i] = moved[k]
    return back
