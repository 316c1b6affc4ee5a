"""A chart as inline SVG: panels with a scale along each side, and the marks that can be drawn into them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from framework.soak.page.layout import Box, Range
from framework.soak.page.paths import Floats, area_path, as_steps, line_path, number

DASHES = "4 3"


class Pen(NamedTuple):
    """What a mark is drawn with: a colour of the page, a width in pixels, how opaque, in dashes or not."""

    colour: str
    width: float = 1.5
    opacity: float = 1.0
    dashed: bool = False


FAINT, GRID, RULE = Pen("faint", 1.0), Pen("grid", 1.0), Pen("rule", 1.0)


class Panel:
    """A box with a scale along each side; what is drawn first lies below what is drawn later."""

    def __init__(self, box: Box, *, x: Range, y: Range, log_x: bool = False) -> None:
        self.box, self.x, self.y, self.log_x = box, x, y, log_x
        self.parts: list[str] = []

    def at_x(self, value: Any) -> Floats:
        """Give where a value lies from the left, in pixels."""
        low, high, values = *self.x, np.asarray(value, dtype=np.float64)
        if self.log_x:
            low, high, values = math.log10(low), math.log10(high), np.log10(values)
        return np.asarray(self.box.left + (values - low) / (high - low) * self.box.width)

    def at_y(self, value: Any) -> Floats:
        """Give where a value lies from the top, in pixels."""
        low, high = self.y
        share = (np.asarray(value, dtype=np.float64) - low) / (high - low)
        return np.asarray(self.box.top + (1.0 - share) * self.box.height)

    def line(self, x: Any, y: Any, pen: Pen) -> None:
        """Draw a line through points; what is not finite is a gap."""
        self.stroke(line_path(self.at_x(x), self.at_y(y)), pen)

    def steps(self, x: Any, y: Any, pen: Pen) -> None:
        """Draw a line that keeps each value until the next point."""
        self.stroke(line_path(*as_steps(self.at_x(x), self.at_y(y))), pen)

    def area(self, x: Any, low: Any, high: Any, pen: Pen) -> None:
        """Fill what lies between two lines over the same points."""
        at = self.at_x(x)
        below, over = (np.broadcast_to(self.at_y(value), at.shape) for value in (low, high))
        self.fill(area_path(at, below, over), pen)

    def step_area(self, x: Any, y: Any, pen: Pen) -> None:
        """Fill what lies between zero and a line of steps."""
        at, over = as_steps(self.at_x(x), self.at_y(y))
        self.fill(area_path(at, np.broadcast_to(self.at_y(0.0), at.shape), over), pen)

    def bar(self, x: Range, y: Range, pen: Pen, words: str = "") -> None:
        """Fill a rectangle."""
        (left, right), (low, high) = self.at_x(x).tolist(), self.at_y(y).tolist()
        self.fill(f"M{number(left)} {number(low)}H{number(right)}V{number(high)}H{number(left)}z", pen, words)

    def uprights(self, x: Any, low: Any, high: Any, pen: Pen, *, cap: float = 0.0) -> None:
        """Draw an upright from low to high at each x, with a cap of so many pixels to each side."""
        ends = (self.at_x(x).tolist(), self.at_y(low).tolist(), self.at_y(high).tolist())
        wide, data = number(2.0 * cap), ""
        for at, down, up in zip(*ends, strict=True):
            data += f"M{number(at)} {number(down)}V{number(up)}"
            if cap:
                data += "".join(f"M{number(at - cap)} {number(end)}h{wide}" for end in (down, up))
        self.stroke(data, pen)

    def dots(self, x: Any, y: Any, pen: Pen, *, words: Sequence[str] = ()) -> None:
        """Draw a dot of the pen's width at each point; ``words`` are shown while the pointer rests on it."""
        places = zip(self.at_x(x).tolist(), self.at_y(y).tolist(), strict=True)
        self.parts.append(f"<g{_filled(pen)}>")
        for k, (across, down) in enumerate(places):
            dot = f'<circle cx="{number(across)}" cy="{number(down)}" r="{pen.width / 2.0:g}"'
            self.parts.append(f"{dot}/>" if not words else f"{dot}>{_hint(words[k])}</circle>")
        self.parts.append("</g>")

    def triangles(self, x: Any, y: Any, pen: Pen, *, up: bool) -> None:
        """Draw a triangle of the pen's width at each point, pointing up or down."""
        tall = pen.width if up else -pen.width
        shape = f"l{number(pen.width / 2.0)} {number(tall)}h{number(-pen.width)}z"
        places = zip(self.at_x(x).tolist(), (self.at_y(y) - tall / 2.0).tolist(), strict=True)
        self.fill("".join(f"M{number(across)} {number(down)}{shape}" for across, down in places), pen)

    def level(self, y: float, pen: Pen = FAINT) -> None:
        """Draw a line across the panel at a value."""
        self.line(self.x, (y, y), pen)

    def zero(self) -> None:
        """Draw the line of zero where the axis has one."""
        if self.y[0] <= 0.0 <= self.y[1]:
            self.level(0.0)

    def text(self, x: float, y: float, text: str, *, colour: str = "", kind: str = "") -> None:
        """Write a text at a place in pixels; ``kind`` names classes of the style sheet: mid, end, clear."""
        shade = f' style="fill:var(--{colour})"' if colour else ""
        shade += f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}"{shade}>{escape(text, quote=False)}</text>')

    def note(self, x: float, y: float, text: str, *, colour: str, up: float = 0.0) -> None:
        """Write a value so many pixels over a point, in its middle."""
        self.text(float(self.at_x(x)), float(self.at_y(y)) - up, text, colour=colour, kind="mid strong")

    def stroke(self, data: str, pen: Pen) -> None:
        """Draw a path given in pixels."""
        if data:
            more = f' stroke-opacity="{pen.opacity:.3g}"' if pen.opacity < 1.0 else ""
            more += f' stroke-dasharray="{DASHES}"' if pen.dashed else ""
            drawn = f'<path d="{data}" fill="none" stroke-width="{pen.width:g}"{more}'
            self.parts.append(f'{drawn} style="stroke:var(--{pen.colour})"/>')

    def fill(self, data: str, pen: Pen, words: str = "") -> None:
        """Fill a path given in pixels; ``words`` are shown while the pointer rests on it."""
        if data:
            drawn = f'<path d="{data}"{_filled(pen)}'
            self.parts.append(f"{drawn}>{_hint(words)}</path>" if words else f"{drawn}/>")


def svg(*panels: Panel, width: int, height: int, label: str) -> str:
    """Write panels as one inline SVG in the colours and the face of the page; ``label`` is read aloud."""
    head = f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img"'
    body = "\n".join(part for panel in panels for part in panel.parts)
    return f'{head} aria-label="{escape(label)}">{body}</svg>'


def _filled(pen: Pen) -> str:
    shade = f' fill-opacity="{pen.opacity:.3g}"' if pen.opacity < 1.0 else ""
    return f'{shade} style="fill:var(--{pen.colour})"'


def _hint(words: str) -> str:
    return f"<title>{escape(words)}</title>"
