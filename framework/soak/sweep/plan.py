"""The plan of a sweep, plan.json: with which words, configuration and code which cells are played."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from framework.session.errors import SoakError

PLAN = "plan.json"
MUST_STAY = {
    "words": "the words are others",
    "config": "config/ was changed",
    "code": "the code has changed",
    "cells": "the environment composes other cells",
    "presents": "the environment composes another present",
}


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """The words, and digests of configuration, code, every cell and every present by its number."""

    words: tuple[str, ...]
    config: str
    code: str
    labels: tuple[str, ...]
    cells: tuple[str, ...]
    presents: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan. Raises SoakError where there is none."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            words = _words(data["words"])
            return cls(
                words=words,
                config=data["config"],
                code=data["code"],
                labels=_words(data["labels"]),
                cells=_words(data["cells"]),
                presents=dict(data["presents"]),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SoakError(
                f"{path.parent}: holds no sweep to go on with; allowed a folder with a {PLAN}"
            ) from error

    def as_dict(self) -> dict[str, Any]:
        """Return it as the file holds it."""
        return asdict(self)

    def digest(self, number: int) -> str:
        """Return the digest of a cell, or of a present, which has a negative number."""
        return self.cells[number] if number >= 0 else self.presents[str(number)]

    def apart(self, other: SweepPlan) -> str:
        """Say what of it is not as in another plan; nothing when all is."""
        return next(
            (says for part, says in MUST_STAY.items() if getattr(self, part) != getattr(other, part)), ""
        )


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(value)
