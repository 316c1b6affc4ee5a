"""Panels over the time of a run: one axis of UTC times below several of them, iterations shaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from framework.soak.page.axes import axis_x, numbers_y
from framework.soak.page.layout import Box, Range
from framework.soak.page.panel import Panel, Pen
from framework.soak.page.paths import number
from framework.soak.page.ticks import numbers, times
from framework.units import SECOND

SHADED = 48
"""With more iterations than these no band is drawn."""
NUMBERED = 24
"""At most so many iterations are numbered."""


@dataclass(frozen=True)
class Span:
    """A stretch of tape and where its iterations begin and end, all in nanoseconds."""

    start_ns: int
    end_ns: int
    edges: tuple[int, ...] = ()

    @property
    def seconds(self) -> Range:
        """The axis: seconds since the start."""
        return 0.0, max((self.end_ns - self.start_ns) / SECOND, 1e-9)

    def panel(self, box: Box, *, y: Range, most: int, plus: bool = False, numbered: bool = False) -> Panel:
        """Make a panel with its shaded iterations and at most ``most`` numbers at its side."""
        panel = Panel(box, x=self.seconds, y=y)
        self._shade(panel, numbered)
        numbers_y(panel, numbers(*y, most=most, plus=plus))
        return panel

    def write_times(self, panels: Sequence[Panel], *, most: int) -> None:
        """Put the times under the last of some panels, and marks under all."""
        ticks = times(start_ns=self.start_ns, end_ns=self.end_ns, most=most)
        for panel in panels:
            axis_x(panel, ticks, written=panel is panels[-1])

    def _shade(self, panel: Panel, numbered: bool) -> None:
        box, count = panel.box, len(self.edges) - 1
        ends = panel.at_x([(edge - self.start_ns) / SECOND for edge in self.edges]).tolist()
        if count <= SHADED:
            for k in range(1, count, 2):
                upright = f"V{number(box.bottom)}H{number(ends[k])}z"
                panel.fill(
                    f"M{number(ends[k])} {number(box.top)}H{number(ends[k + 1])}{upright}", Pen("panel")
                )
        for k in range(0, count if numbered else 0, max(1, -(-count // NUMBERED))):
            middle = (ends[k] + ends[k + 1]) / 2.0
            panel.text(middle, box.top + 11.0, str(k + 1), colour="faint", kind="mid")
