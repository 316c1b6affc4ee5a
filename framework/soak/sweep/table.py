"""SWEEP.json: the ranked rows of a sweep and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.market.tape import utc
from framework.settings.compose import Composed
from framework.soak.sweep.ranking import ALPHA, level_for, ranked, sweep_verdict


def values_of(cells: Sequence[Composed], *, words: Sequence[str]) -> list[dict[str, Any]]:
    """Give each cell's values of the keys that differ between them, all keys when none does."""
    keys = [word.partition("=")[0] for word in words]
    found = [{key: _value(cell, key) for key in keys} for cell in cells]
    apart = [key for key in keys if len({str(values[key]) for values in found}) > 1] or keys
    return [{key: values[key] for key in apart} for values in found]


def label_of(values: dict[str, Any]) -> str:
    """Name a cell by its values."""
    return " ".join(f"{key}={value}" for key, value in values.items()) or "default"


def _value(composed: Composed, key: str) -> Any:
    if key in composed.choices:
        return composed.choices[key]
    value: Any = composed.settings.model_dump(mode="json")
    for name in key.split("."):
        value = value[name]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def summary(
    *, rows: Sequence[dict[str, Any]], planned: int, words: Sequence[str], complete: bool
) -> dict[str, Any]:
    """Rank the rows and say what the sweep found, on which stretches of which tapes."""
    verdict = sweep_verdict(cells=rows)
    trials = sum("error" not in row for row in rows)
    seen = sorted({tuple(row["tape"]) for row in rows if "tape" in row})
    shown = [{name: value for name, value in row.items() if name != "tape"} for row in rows]
    return {
        "status": "complete" if complete else "incomplete",
        "verdict": verdict.value,
        "exit_code": verdict.exit_code,
        "planned": planned,
        "trials": trials,
        "alpha": ALPHA,
        "level": level_for(trials=trials),
        "words": list(words),
        "tapes": [{"tape": tape, "start": utc(ns=start), "end": utc(ns=end)} for tape, start, end in seen],
        "cells": ranked(cells=shown),
    }
