"""The grid behind a sweep's page: the varied parameters as axes, what every cell gained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framework.gates.comparison import TURNOVER_FLOOR
from framework.soak.page.words import compact, known
from framework.soak.sweep.row import RankedRow
from framework.soak.sweep.table import Sweep, as_word

Z90 = 1.645
NUMBERED = 12
"""An axis of more values is a scale of numbers, not a list of them."""


@dataclass(frozen=True)
class Axis:
    """A varied parameter and its values in order: numbers by size, words as they came."""

    name: str
    values: tuple[Any, ...]

    @property
    def short(self) -> str:
        """Its name without the group, unless that is all there is."""
        return self.name.rpartition(".")[2]

    @property
    def numeric(self) -> bool:
        """Tell whether every value is a number."""
        return all(known(value) is not None for value in self.values)

    def place(self, value: Any) -> float:
        """Give where a value lies between 0 and 1: evenly spaced, or to scale when there are many."""
        if len(self.values) == 1:
            return 0.5
        if self.numeric and len(self.values) > NUMBERED:
            low, high = float(self.values[0]), float(self.values[-1])
            return (float(value) - low) / (high - low)
        return self.values.index(value) / (len(self.values) - 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Give the places that are named, and their names."""
        chosen: Sequence[Any] = self.values
        if len(chosen) > NUMBERED:
            step = -(-len(chosen) // 6)
            chosen = chosen[::step]
        return [(self.place(value), text_of(value)) for value in chosen]


@dataclass(frozen=True)
class Grid:
    """The rows of a sweep, best first, and their axes, the most influential first.

    A row is worth its gain on what runs; in a sweep in which none was compared, its markout.
    """

    axes: tuple[Axis, ...]
    rows: tuple[RankedRow, ...]

    @property
    def compared(self) -> bool:
        """Tell whether any row stands beside what runs."""
        return any(row.measured is not None and row.measured.answer is not None for row in self.rows)

    @property
    def name(self) -> str:
        """Return what a row is worth, in a word and its unit."""
        quote = next((row.measured.quote for row in self.rows if row.measured and row.measured.quote), "")
        return f"gain, {quote or 'quote'} a day" if self.compared else "markout, bps"

    def worth(self, row: RankedRow) -> float | None:
        """Give what a row is worth; None of one that could not run, did not trade or was not compared."""
        if row.measured is None or row.markout_bps is None:
            return None
        return row.measured.gain_per_day if self.compared else row.markout_bps

    def quiet(self, *rows: RankedRow) -> bool:
        """Tell whether all of these trade so little of what runs trades that a gain does not count."""
        standings = [row.measured for row in rows if row.measured is not None]
        return bool(standings) and all(
            one.turnover_vs_present is not None
            and one.turnover_vs_present < TURNOVER_FLOOR
            and not one.is_present
            for one in standings
        )

    def with_values(self, values: dict[str, Any]) -> list[RankedRow]:
        """Give the rows that have these values."""
        return [row for row in self.rows if values.items() <= row.values.items()]

    def bounds(self, row: RankedRow) -> tuple[float, float]:
        """Give the interval of what a measured row is worth: of a gain its bar and the bar's mirror image."""
        value, standing = self.worth(row) or 0.0, row.measured
        if standing is None or not self.compared:
            half = 0.0 if standing is None else Z90 * (standing.markout_net_30s_se_bps or 0.0)
            return value - half, value + half
        bar = value if standing.bar_per_day is None else standing.bar_per_day
        return bar, 2.0 * value - bar

    @property
    def measured(self) -> list[tuple[RankedRow, float]]:
        """The rows that are worth something known, best first, and what that is."""
        return [(row, value) for row in self.rows if (value := self.worth(row)) is not None]

    @property
    def low(self) -> float:
        """The least worth; of gains at most zero."""
        return min((*(value for _, value in self.measured), *self._zero), default=0.0)

    @property
    def high(self) -> float:
        """The greatest worth; of gains at least zero."""
        return max((*(value for _, value in self.measured), *self._zero), default=0.0)

    @property
    def _zero(self) -> tuple[float, ...]:
        return (0.0,) if self.compared else ()

    def share(self, value: float) -> float:
        """Give where a worth lies between the least (0) and the greatest (1)."""
        return (value - self.low) / (self.high - self.low) if self.high > self.low else 1.0

    def shown(self, axis: Axis, row: RankedRow) -> str:
        """Write a row's value of an axis."""
        return text_of(row.values[axis.name])

    def means(self, *axes: Axis) -> dict[tuple[Any, ...], float | None]:
        """Give the mean worth for every combination of the axes' values; None where no cell has one."""
        by_cell: dict[tuple[Any, ...], list[float]] = {}
        for row in self.rows:
            here = by_cell.setdefault(tuple(row.values[axis.name] for axis in axes), [])
            if (value := self.worth(row)) is not None:
                here.append(value)
        return {key: sum(values) / len(values) if values else None for key, values in by_cell.items()}

    def influence(self, axis: Axis) -> float:
        """Give how far the means of an axis's values lie apart."""
        means = [mean for mean in self.means(axis).values() if mean is not None]
        return max(means) - min(means) if means else 0.0


def grid_of(sweep: Sweep) -> Grid:
    """Lay a sweep out as a grid."""
    played = sorted(sweep.cells, key=lambda row: row.cell)
    names = list(played[0].values) if played else []
    axes = tuple(Axis(name, _in_order([row.values[name] for row in played])) for name in names)
    grid = Grid(axes, sweep.cells)
    order = sorted(axes, key=lambda axis: (-grid.influence(axis), names.index(axis.name)))
    return Grid(tuple(order), sweep.cells)


def text_of(value: Any) -> str:
    """Write a value of a parameter."""
    if isinstance(value, bool) or known(value) is None:
        return as_word(value)
    return compact(value)


def _in_order(values: Sequence[Any]) -> tuple[Any, ...]:
    apart = list(dict.fromkeys(values))
    if all(known(value) is not None for value in apart):
        return tuple(sorted(apart, key=float))
    return tuple(apart)
