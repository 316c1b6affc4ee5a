"""Charts for the page's script: panels of lines, each thinned to what a screen shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from framework.edge.window import WindowData
from framework.soak.page.over_time import Span
from framework.soak.page.packed import Packed
from framework.soak.page.series import Floats, slots

COLUMNS = 1200
"""Columns of a run's lines, each with its lowest and its highest point; symbols share them."""
FEWEST = 200


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a panel; ``fill`` is empty, ``tone`` (its colour down to zero) or ``sign``."""

    name: str
    colour: str
    values: Packed
    width: float = 1.5
    dashed: bool = False
    steps: bool = False
    fill: str = ""
    digits: int | None = None
    plus: bool = False


@dataclass(frozen=True, kw_only=True)
class Fills:
    """Fills as points: when, where, and what each came to in bps."""

    columns: dict[str, Packed]
    digits: int


@dataclass(frozen=True, kw_only=True)
class LivePanel:
    """Lines over one axis. ``within`` are values the whole axis shows; zero ``ends`` it at top or bottom."""

    title: str
    height: int
    lines: list[Line]
    plus: bool = False
    ends: str = ""
    within: tuple[float, ...] = ()
    levels: tuple[float, ...] = ()
    fills: Fills | None = None


@dataclass(frozen=True, kw_only=True)
class LiveChart:
    """Panels one above the other; those of one ``together`` share pointer and zoom."""

    at: str
    start: float
    step: float
    count: int
    edges: tuple[float, ...]
    panels: list[LivePanel]
    together: str = "run"


@dataclass(frozen=True)
class LiveGrid:
    """The instants at which every line of a chart has a value."""

    span: Span
    columns: int

    def values(self, seconds: Floats, values: Any) -> Floats:
        """Give a line's values at them."""
        return slots(seconds, values, length=self.span.seconds[1], columns=self.columns)

    def chart(self, at: str, panels: list[LivePanel]) -> LiveChart:
        """Put panels together."""
        span, length = self.span, self.span.seconds[1]
        return LiveChart(
            at=at,
            start=span.start_ns / 1e9,
            step=length / (2 * self.columns),
            count=2 * self.columns + 1,
            edges=tuple((edge - span.start_ns) / 1e9 for edge in span.edges),
            panels=panels,
        )


def grid_of(window: WindowData, edges: tuple[int, ...], *, symbols: int) -> LiveGrid:
    """Give the instants of a window's charts: no finer than its samples, fewer when symbols are many."""
    most = max(FEWEST, COLUMNS // max(1, symbols))
    return LiveGrid(Span(window.start_ns, window.end_ns, edges), max(1, min(most, len(window.samples) // 2)))
