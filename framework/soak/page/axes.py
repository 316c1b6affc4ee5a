"""What is written around a panel: its title, its numbers, the names of its lines."""

from __future__ import annotations

from collections.abc import Sequence

from framework.soak.page.panel import GRID, RULE, Panel, Pen
from framework.soak.page.paths import number
from framework.soak.page.ticks import Tick, spread_out

GAP = 14.0
"""Least distance of two labels, in pixels."""


def title(panel: Panel, text: str, *, left: float = 0.0) -> None:
    """Write what a panel shows above it."""
    panel.text(panel.box.left + left, panel.box.top - 8.0, text)


def below(panel: Panel, text: str) -> None:
    """Write what the x axis measures below its numbers."""
    panel.text(panel.box.right, panel.box.bottom + 33.0, text, kind="end")


def numbers_y(panel: Panel, ticks: Sequence[Tick], *, lines: bool = True) -> None:
    """Write numbers to the left of a panel, each with a faint line across."""
    for value, text in ticks:
        if lines:
            panel.level(value, GRID)
        panel.text(panel.box.left - 7.0, float(panel.at_y(value)) + 4.0, text, kind="end")


def axis_x(panel: Panel, ticks: Sequence[Tick], *, written: bool = True, marked: bool = True) -> None:
    """Draw the lower edge, a mark at each tick, and what is written there, a line each."""
    floor = panel.box.bottom
    data = f"M{number(panel.box.left)} {number(floor)}h{number(panel.box.width)}"
    if marked:
        data += "".join(f"M{number(float(panel.at_x(x)))} {number(floor)}v3" for x, _ in ticks)
    panel.stroke(data, RULE)
    for x, words in ticks if written else ():
        for line, word in enumerate(words.split("\n")):
            panel.text(float(panel.at_x(x)), floor + 17.0 + 13.0 * line, word, kind="mid")


def end_labels(panel: Panel, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write (value, text, colour) beside the right end of each line, moved apart where they would touch."""
    box = panel.box
    wanted = [box.bottom - float(panel.at_y(value)) for value, _, _ in labels]
    for place, (_, text, name) in zip(spread_out(wanted, gap=GAP, top=box.height), labels, strict=True):
        panel.text(box.right + 7.0, box.bottom - place + 4.0, text, colour=name)


def legend(panel: Panel, names: Sequence[tuple[str, str]]) -> None:
    """Name (word, colour) the lines to the right of a panel, where none of them runs."""
    left = panel.box.right + 8.0
    for line, (word, colour) in enumerate(names):
        y = panel.box.top + 14.0 + 15.0 * line
        panel.stroke(f"M{number(left)} {number(y - 4.0)}h10", Pen(colour, 2.0))
        panel.text(left + 14.0, y, word, colour=colour)
