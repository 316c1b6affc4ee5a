"""SWEEP.json: the ranked rows of a sweep and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.gates.verdict import Verdict
from framework.market.tape import utc
from framework.settings.compose import Composed
from framework.soak.sweep.ranking import ALPHA, level_for, ranked, sweep_verdict
from framework.soak.sweep.row import RankedRow, Standing, Stretch, SweepRow


def values_of(cells: Sequence[Composed], *, words: Sequence[str]) -> list[dict[str, Any]]:
    """Give each cell's values of the keys that differ between them, all keys when none does."""
    keys = [word.partition("=")[0] for word in words]
    found = [{key: _value(cell, key) for key in keys} for cell in cells]
    apart = [key for key in keys if len({str(values[key]) for values in found}) > 1] or keys
    return [{key: values[key] for key in apart} for values in found]


def label_of(values: Mapping[str, Any]) -> str:
    """Name a cell by its values."""
    return " ".join(f"{key}={value}" for key, value in values.items()) or "default"


def _value(composed: Composed, key: str) -> Any:
    if key in composed.choices:
        return composed.choices[key]
    value: Any = composed.settings.model_dump(mode="json")
    for name in key.split("."):
        value = value[name]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The ranked rows of a sweep and what they rest on."""

    complete: bool
    verdict: Verdict
    planned: int
    trials: int
    level: float
    words: tuple[str, ...]
    tapes: tuple[Stretch, ...]
    cells: tuple[RankedRow, ...]

    @property
    def leader(self) -> tuple[RankedRow, Standing] | None:
        """Give the best of the cells that ran, and how it stands."""
        return next(((row, row.measured) for row in self.cells if row.measured is not None), None)

    @property
    def failed(self) -> int:
        """Count the cells that could not run."""
        return len(self.cells) - self.trials

    @property
    def seen(self) -> list[dict[str, str]]:
        """Name the stretches of tape that were seen, in UTC."""
        return [{"tape": tape, "start": utc(ns=start), "end": utc(ns=end)} for tape, start, end in self.tapes]

    def as_dict(self) -> dict[str, Any]:
        """Give the content of SWEEP.json."""
        return {
            "status": "complete" if self.complete else "incomplete",
            "verdict": self.verdict.value,
            "exit_code": self.verdict.exit_code,
            "planned": self.planned,
            "trials": self.trials,
            "alpha": ALPHA,
            "level": self.level,
            "words": list(self.words),
            "tapes": self.seen,
            "cells": [row.as_dict() for row in self.cells],
        }


def summary(*, rows: Sequence[SweepRow], planned: int, words: Sequence[str], complete: bool) -> Sweep:
    """Rank the rows and say what the sweep found, on which stretches of which tapes."""
    trials = sum(row.measured is not None for row in rows)
    return Sweep(
        complete=complete,
        verdict=sweep_verdict(cells=rows),
        planned=planned,
        trials=trials,
        level=level_for(trials=trials),
        words=tuple(words),
        tapes=tuple(sorted({row.tape for row in rows if row.tape is not None})),
        cells=tuple(ranked(cells=rows)),
    )
