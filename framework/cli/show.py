"""What a person sees while a run goes on: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from framework.files.bounded import as_given

BAR_CHARS = 40
REFRESH_S = 0.1
GREEN, RED, YELLOW = "32", "31", "33"
COLOURS = {
    **dict.fromkeys(("PASS", "BETTER"), GREEN),
    **dict.fromkeys(("FAIL", "WORSE", "TOO QUIET", "ERROR"), RED),
    **dict.fromkeys(("WARN", "INCONCLUSIVE", "NOT PROVEN", "NO EFFECT"), YELLOW),
}
VERDICT = re.compile(
    rf"((better\? |KPI \w+: )|(?=BETTER|WORSE|TOO|NO))(?P<verdict>{'|'.join(COLOURS)})(?=[:\s]|$)"
)
"""The two answers as they stand at the end."""


class Show:
    """Write lines, and on a terminal keep a progress bar below them; without one nothing but the lines is
    written.
    """

    def __init__(self, *, out: TextIO) -> None:
        self._out = out
        self._live = False
        self._doing = ""
        self._drawn = ""
        self._began_s = self._drawn_s = 0.0

    def __enter__(self) -> Self:
        self._live = self._out.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"
        self._began_s = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._draw("")

    @property
    def columns(self) -> int | None:
        """Return the width of the terminal, None where there is none."""
        return columns_of(self._out)

    def path(self, path: Path) -> str:
        """Return a path as short as it may be on a terminal, and whole for whoever reads a pipe."""
        return as_given(path, Path.cwd()) if self._out.isatty() else str(path)

    def line(self, text: str) -> None:
        """Write one line."""
        bar = self._drawn
        if bar:
            self._draw("")
        print(self._dressed(text), file=self._out, flush=True)
        if bar:
            self._draw(bar)

    def _dressed(self, text: str) -> str:
        """Fold a line between words at the width of a terminal and colour its verdict; else leave it."""
        if not self._out.isatty():
            return text
        folded = fold(text, columns=_columns(self._out))
        return coloured(folded) if self._live and not os.environ.get("NO_COLOR") else folded

    def progress(self, doing: str, share: float) -> None:
        """Say what is being done and how much of it is."""
        now_s = time.monotonic()
        if not self._live or (doing == self._doing and now_s - self._drawn_s < REFRESH_S):
            return
        self._doing, self._drawn_s = doing, now_s
        self._draw(bar_of(doing, share, seconds=int(now_s - self._began_s))[: _columns(self._out) - 1])

    def _draw(self, bar: str) -> None:
        """Put a bar in the place of the last one, with blanks: not every terminal knows a code to erase."""
        blanks = " " * (len(self._drawn) - len(bar))
        self._out.write(f"\r{bar}{blanks}" + ("" if bar else "\r"))
        self._out.flush()
        self._drawn = bar


def fold(text: str, *, columns: int) -> str:
    """Break a line between words, the rest of it indented under it.

    A list that is longer than a line is broken behind its commas; another such word stays whole.
    """
    if len(text) <= columns:
        return text
    under = " " * (len(text) - len(text.lstrip()) + 2)
    lines = [""]
    for blank, word in re.findall(r"(\s*)(\S+(?: \|$)?)", text):
        listed = len(under) + len(word) > columns
        for k, part in enumerate(re.findall(r"[^,]+,?|,", word) if listed else [word]):
            glue = "" if k else blank
            if len(lines[-1]) + len(glue) + len(part) > columns and lines[-1].strip():
                lines.append(f"{under}{part}")
            else:
                lines[-1] += glue + part
    return "\n".join(lines)


def columns_of(out: TextIO) -> int | None:
    """Return the width of a terminal, None where nobody looks."""
    return _columns(out) if out.isatty() else None


def tell(text: str, *, out: TextIO | None = None) -> None:
    """Print lines, folded between words where a person looks."""
    stream = out or sys.stdout
    wide = columns_of(stream)
    lines = text.split("\n") if wide is None else [fold(line, columns=wide) for line in text.split("\n")]
    print("\n".join(lines), file=stream, flush=True)


def coloured(text: str) -> str:
    """Colour the verdict that a line begins with, behind what names it."""
    match = VERDICT.match(text)
    if match is None:
        return text
    start, end = match.span("verdict")
    return f"{text[:start]}\x1b[{COLOURS[match['verdict']]}m{text[start:end]}\x1b[0m{text[end:]}"


def bar_of(doing: str, share: float, *, seconds: int) -> str:
    """Draw the bar: what is being done, how much of it is, and since when."""
    full = round(BAR_CHARS * share)
    minutes, rest = divmod(seconds, 60)
    return f"{doing} [{'#' * full}{'.' * (BAR_CHARS - full)}] {share:4.0%} {minutes}:{rest:02d}"


def _columns(out: TextIO) -> int:
    text = os.environ.get("COLUMNS", "")
    if text.isdecimal() and int(text) > 0:
        return int(text)
    try:
        return os.get_terminal_size(out.fileno()).columns or 80  # a terminal without a size says 0
    except OSError:
        return 80
