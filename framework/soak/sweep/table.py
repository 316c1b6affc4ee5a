"""SWEEP.json: the ranked rows of a sweep and what they rest on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.files.atomic import read_text
from framework.files.moments import iso_utc_ns
from framework.gates.comparison import ALPHA, Answer, Comparison
from framework.market.errors import TapeError
from framework.market.tape import parse_utc
from framework.session.errors import SoakError
from framework.settings.documents import value_of
from framework.soak.sweep.ranking import leading_row, level_for, ranked, sweep_answer
from framework.soak.sweep.row import RankedRow, Standing, Stretch, SweepRow, ranked_row

if TYPE_CHECKING:
    from framework.settings.compose import Composed

SWEEP = "SWEEP.json"


def values_of(cells: Sequence[Composed], *, words: Sequence[str]) -> list[dict[str, Any]]:
    """Give each cell's values of the keys that differ between them, all keys when none does."""
    keys = [word.partition("=")[0] for word in words]
    named = [{key: _value(cell, key) for key in keys} for cell in cells]
    apart = [key for key in keys if len({str(values[key]) for values in named}) > 1] or keys
    return [{key: values[key] for key in apart} for values in named]


def label_of(values: Mapping[str, Any]) -> str:
    """Name a cell by its values."""
    return " ".join(f"{key}={as_word(value)}" for key, value in values.items()) or "default"


def as_word(value: Any) -> str:
    """Write a value as the word of a command line that gives it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(as_word(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{as_word(item)}' for key, item in value.items())}}}"
    return str(value)


def _value(composed: Composed, key: str) -> Any:
    if key in composed.choices:
        return composed.choices[key]
    inside = key.removeprefix("rollout.candidate.")  # its names have dots
    path = tuple(key.split(".")) if inside == key else ("rollout", "candidate", inside)
    value = value_of(composed.settings.model_dump(mode="json"), path)
    return value if isinstance(value, (str, int, float, bool, type(None))) else as_word(value)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The ranked rows of a sweep and what they rest on; ``present`` names what runs."""

    complete: bool
    verdict: Answer
    """Whether the leader is better than what runs."""

    planned: int
    trials: int
    level: float
    words: tuple[str, ...]
    present: str
    tapes: tuple[Stretch, ...]
    cells: tuple[RankedRow, ...]

    @property
    def leader(self) -> tuple[RankedRow, Standing] | None:
        """Give the best of the cells that ran and are not what runs already, and how it stands."""
        row = leading_row(self.cells)
        return None if row is None or row.measured is None else (row, row.measured)

    @property
    def failed(self) -> int:
        """Count the cells that could not run."""
        return sum(row.measured is None for row in self.cells)

    @property
    def seen(self) -> list[dict[str, str]]:
        """Name the stretches of tape that were seen, in UTC."""
        return [
            {"tape": tape, "start": iso_utc_ns(start), "end": iso_utc_ns(end)}
            for tape, start, end in self.tapes
        ]

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
            "present": self.present,
            "tapes": self.seen,
            "cells": [row.as_dict() for row in self.cells],
        }


def read_sweep(path: Path) -> Sweep:
    """Read SWEEP.json; raises SoakError when it is not what a sweep has written, FileError without one."""
    text = read_text(path)
    try:
        data = json.loads(text)
        return Sweep(
            complete=data["status"] == "complete",
            verdict=Answer(data["verdict"]),
            planned=int(data["planned"]),
            trials=int(data["trials"]),
            level=float(data["level"]),
            words=tuple(data["words"]),
            present=str(data["present"]),
            tapes=tuple((one["tape"], _ns(one["start"]), _ns(one["end"])) for one in data["tapes"]),
            cells=tuple(ranked_row(row) for row in data["cells"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, TapeError) as error:
        fault = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise SoakError(
            f"{path}: is no table of a sweep ({fault}); allowed what a sweep has written"
        ) from error


def _ns(text: str) -> int:
    moment = parse_utc(value=text)
    if not isinstance(text, str) or moment is None:
        raise TypeError(f"a tape begins or ends at {text!r}")
    return moment


def summary(
    *,
    rows: Sequence[SweepRow],
    planned: int,
    words: Sequence[str],
    complete: bool,
    against: Mapping[int, Comparison] | None = None,
    presents: Sequence[int] = (),
    present: str = "",
) -> Sweep:
    """Rank the rows beside what runs and say what the sweep found, on which stretches of which tapes."""
    trials = sum(row.measured is not None for row in rows)
    cells = ranked(cells=rows, against=against, presents=presents)
    return Sweep(
        complete=complete,
        verdict=sweep_answer(cells),
        planned=planned,
        trials=trials,
        level=level_for(trials=trials),
        words=tuple(words),
        present=present,
        tapes=tuple(sorted({row.tape for row in rows if row.tape is not None})),
        cells=tuple(cells),
    )
