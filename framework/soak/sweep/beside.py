"""The presents of a sweep: what runs beside each cell, played once for all cells that share it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.gates.comparison import Comparison, compare_runs
from framework.session.present import name_of_present, present_environ, present_words
from framework.settings.compose_many import compose_cells
from framework.soak.sweep.cell import Cell, cell_of
from framework.soak.sweep.ranking import level_for
from framework.soak.versus import Blocks


@dataclass(frozen=True)
class Presents:
    """What runs today, by number: a cell's own number where a cell is just that, else -1, -2, ..."""

    cells: Mapping[int, Cell]
    of: tuple[int, ...]
    """For each cell of the sweep, the number of its present."""

    named: str

    @property
    def among(self) -> tuple[int, ...]:
        """Return the cells that are the present of some cell."""
        return tuple(sorted({n for n in self.of if n >= 0}))


NONE = Presents({}, (), "")


def presents_of(*, words: Sequence[Sequence[str]], cells: Sequence[Cell], root: Path) -> Presents:
    """Compose the present beside every cell. Raises ConfigError for one that does not compose."""
    asked = [tuple(present_words(one)) for one in words]
    apart = list(dict.fromkeys(asked))
    composed = compose_cells(primary="soak", cells=apart, root=root, environ=present_environ())
    numbers = {cell.digest(): n for n, cell in reversed([*enumerate(cells)])}
    extra: dict[int, Cell] = {}
    number_of: dict[tuple[str, ...], int] = {}
    for one, there in zip(apart, composed, strict=True):
        cell = cell_of(there)
        number = numbers.setdefault(cell.digest(), -1 - len(extra))
        if number < 0:
            extra[number] = cell
        number_of[one] = number
    names = list(dict.fromkeys(name_of_present(there) for there in composed))
    return Presents(extra, tuple(number_of[one] for one in asked), " or ".join(names[:2]))


def comparisons(
    *, presents: Presents, blocks: Mapping[int, Blocks], block_s: Mapping[int, int]
) -> dict[int, Comparison]:
    """Compare every cell that was played with its present, at the level of all trials."""
    played = [n for n in range(len(presents.of)) if n in blocks]
    level = level_for(trials=len(played))
    return {
        n: compare_runs(present=blocks[base], run=blocks[n], block_s=block_s[n], level=level)
        for n in played
        if (base := presents.of[n]) in blocks and len(blocks[base]["net"]) == len(blocks[n]["net"])
    }
