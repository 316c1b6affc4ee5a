"""The grammar of verbs with sub-verbs and flags: argparse, whose refusals become one line."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from framework.errors import QuoteopsError

_CHOICE = re.compile(r"argument VERB: invalid choice: '([^']*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """Refuse wrong words on one line; flags are said in full. Name a table of sub-verbs VERB."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **words})
        self.register("type", int, _whole)
        self.register("type", float, _real)

    def error(self, message: str) -> NoReturn:
        """Raise QuoteopsError with argparse's own words, or with the nearest verb."""
        from framework.files.hints import did_you_mean

        wrong = _CHOICE.fullmatch(message)
        if wrong is None:
            raise QuoteopsError(f"{self.prog}: {message}{self._hint(message)}; see {self.prog} --help")
        verbs = re.findall(r"[\w-]+", wrong[2])
        hint = did_you_mean(wrong[1], verbs)
        raise QuoteopsError(f"{self.prog} {wrong[1]}: no such verb; allowed {', '.join(verbs)}{hint}")

    def _hint(self, message: str) -> str:
        """Return what was meant by a misspelt flag, or the verbs where none is given."""
        from framework.files.hints import did_you_mean

        tables = [one.choices for one in self._actions if one.nargs == argparse.PARSER]
        verbs: dict[str, Parser] = {
            name: verb for table in tables for name, verb in dict(table or {}).items()
        }
        if message.endswith("required: VERB"):
            return f"; allowed {', '.join(verbs)}"
        wrong = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        known = [flag for one in (self, *verbs.values()) for flag in one._option_string_actions]
        return did_you_mean(wrong[1], known) if wrong else ""


def _whole(text: str) -> int:
    """Read a whole number as a file may hold it: Python's own ``1_00`` is none."""
    return int(_plain(text))


def _real(text: str) -> float:
    return float(_plain(text))


def _plain(text: str) -> str:
    if not re.fullmatch(r"[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?", text):
        raise ValueError(text)
    return text


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose cells stand below each other."""
    wide = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]
