"""What a person sees while a run goes on: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import Self, TextIO

BAR_CHARS = 40
REFRESH_S = 0.1


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

    def line(self, text: str) -> None:
        """Write one line."""
        bar = self._drawn
        if bar:
            self._draw("")
        print(text, file=self._out, flush=True)
        if bar:
            self._draw(bar)

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


def bar_of(doing: str, share: float, *, seconds: int) -> str:
    """Draw the bar: what is being done, how much of it is, and since when."""
    full = round(BAR_CHARS * share)
    minutes, rest = divmod(seconds, 60)
    return f"{doing} [{'#' * full}{'.' * (BAR_CHARS - full)}] {share:4.0%} {minutes}:{rest:02d}"


def _columns(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns or 80  # a terminal without a size says 0
    except OSError:
        return 80
