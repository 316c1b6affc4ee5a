"""Where the command speaks: a reader that leaves or a full disk ends no run, and is never passed over."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

from framework.files.moments import iso_utc
from framework.files.printable import one_line


def timed(log: Callable[[str], None]) -> Callable[[str], None]:
    """Give what says a line with its moment before it: the lines of what runs for days."""
    return lambda line: log(
        f"{iso_utc(datetime.now(UTC), timespec='seconds')} {one_line(line)}" if line else line
    )


STOPS = (signal.SIGINT, signal.SIGTERM)
PATIENCE = 4
"""Interrupts of a command that is ending, of which the last is an end at once."""
COULD_NOT_RUN = 2


class Outlet(io.TextIOBase):
    """Pass text on until the first failure, keep that, and let all later text go nowhere."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.fault = "is closed" if stream is None else ""
        self.left = False
        """Whether the reader of a pipe has gone: it has what it wanted."""
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a letter the terminal has no code for

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the stream's own, for what asks before it draws."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def writable(self) -> bool:
        """Tell that text is always taken."""
        return True

    def isatty(self) -> bool:
        """Tell whether a person looks at it."""
        return not self.fault and self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the stream's own number; raises OSError where it has none."""
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Pass the text on, if it can be."""
        if not self.fault and self._stream is not None:
            try:
                self._stream.write(text)
            except OSError as error:
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Pass on what waits, if it can be."""
        if not self.fault and self._stream is not None:
            try:
                self._stream.flush()
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        """Keep why, and lead what the stream still holds elsewhere: Python flushes it at exit."""
        self.fault = f"cannot write: {error.strerror or error}"
        self.left = isinstance(error, BrokenPipeError)
        with contextlib.suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self.fileno())
            os.close(sink)


@contextlib.contextmanager
def outlets() -> Iterator[Outlet]:
    """Put outlets in the place of stdout and stderr; give that of stdout."""
    _fill_closed()
    before = sys.stdout, sys.stderr
    out, err = Outlet(sys.stdout), Outlet(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _fill_closed() -> None:
    """Open nothing in the place of a closed standard stream, or a file opened later would get its number."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(handle)


@contextlib.contextmanager
def stoppable(*, last: bool) -> Iterator[None]:
    """Make Ctrl-C and a polite kill end alike: one line, files whole, a run marked incomplete.

    With ``last`` the process ends after this, and nothing that is heard then changes how.
    """

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in STOPS}
    # A shell starts what runs in the background deaf to Ctrl-C, which is for the one in front.
    heard = STOPS if before[signal.SIGINT] is not signal.SIG_IGN else (signal.SIGTERM,)
    with heard_by(stop, *heard):
        yield
    if threading.current_thread() is threading.main_thread():
        for number in heard:
            signal.signal(number, signal.SIG_IGN if last else before[number])


@contextlib.contextmanager
def heard_by(handler: Callable[..., Any], *numbers: signal.Signals) -> Iterator[None]:
    """Let a handler have signals, by default Ctrl-C and SIGTERM; in a thread, where none arrive, nothing.

    Once it has raised, the command is ending, and further ones do not break off what ends it: the handler
    hears no more, and the one before it does not come back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = False

    def hear(number: int, frame: Any) -> None:
        nonlocal ending
        try:
            handler(number, frame)
        except KeyboardInterrupt:
            ending = True
            _insisted_on()
            raise

    before = {number: signal.signal(number, hear) for number in numbers or STOPS}
    try:
        yield
    finally:
        if not ending:
            for number, old in before.items():
                signal.signal(number, old)


def _insisted_on() -> None:
    """Leave a command that ends in peace, until somebody has insisted so often that it must hang."""
    left = PATIENCE

    def hear(*_: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.write(2, b"error: interrupted before it had ended\n")
            os._exit(COULD_NOT_RUN)

    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, hear)
