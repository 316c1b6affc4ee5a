"""What a person sees while a run goes on: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Self, TextIO


class Show:
    """Write lines, and on a terminal keep a progress bar below them; without one nothing but the lines is
    written.
    """

    def __init__(self, *, out: TextIO) -> None:
        self._out = out
        self._bar: Any = None
        self._task: Any = None
        self._doing = ""

    def __enter__(self) -> Self:
        if self._out.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb":
            self._bar = _bar(self._out)
            self._task = self._bar.add_task("", total=1.0)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def line(self, text: str) -> None:
        """Write one line."""
        if self._bar is None:
            print(text, file=self._out, flush=True)
        else:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def progress(self, doing: str, share: float) -> None:
        """Say what is being done and how much of it is."""
        if self._bar is not None:
            news = doing != self._doing
            self._doing = doing
            self._bar.update(self._task, description=doing, completed=share, refresh=news)


def _bar(out: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=Console(file=out),
        transient=True,
    )
