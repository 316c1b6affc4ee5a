"""A file of lines that only grows, by one writer at a time, readable after any crash."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from framework.files.atomic import append_durable, locked, write_all
from framework.files.errors import FileError, MissingError, UnfitError
from framework.files.plain import NO_WAIT, open_plain

CHUNK = 1 << 16
LONGEST = 1 << 24
"""Bytes of a line that a crash may have torn; no row of ours comes near."""


class Log:
    """The lines of a file, and the right to add to them until it is closed.

    A crash leaves at most a last line without its newline; opening puts what ``sealed`` makes of those bytes
    in its place, a line. Raises FileError where another process holds the file or the disk refuses.
    """

    def __init__(self, path: Path, *, sealed: Callable[[bytes], bytes]) -> None:
        self.path, self._fault = path, ""
        self._held = contextlib.ExitStack()
        with contextlib.ExitStack() as opening:
            opening.enter_context(locked(path=path, timeout_s=0.0))
            tail, size = _torn(path)
            if tail or not path.exists():
                append_durable(path=path, data=sealed(tail) if tail else b"", keep=size)
            try:
                self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | NO_WAIT)
            except OSError as error:
                raise FileError(f"{path}: cannot append: {error.strerror or error}") from error
            opening.callback(os.close, self._handle)
            self._held = opening.pop_all()

    def append(self, data: bytes, *, durable: bool) -> None:
        """Add lines; with ``durable`` they are on the disk when this returns.

        After a refusal nothing is added any more: what the disk holds of it is not known.
        """
        if self._fault:
            raise FileError(self._fault)
        try:
            start = os.lseek(self._handle, 0, os.SEEK_END)
            try:
                write_all(self._handle, data)
                if durable:
                    getattr(os, "fdatasync", os.fsync)(self._handle)
            except OSError:
                with contextlib.suppress(OSError):  # the rest is an unterminated tail, which is looked for
                    os.ftruncate(self._handle, start)
                raise
        except OSError as error:
            self._fault = f"{self.path}: cannot append: {error.strerror or error}"
            raise FileError(self._fault) from error

    def close(self) -> None:
        """Give the file back."""
        self._held.close()


def whole_lines(path: Path) -> Iterator[bytes]:
    """Give the lines of a file that end, one at a time; raises FileError."""
    try:
        with open_plain(path) as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise FileError(f"{path}: cannot read: {error.strerror or error}") from error


def _torn(path: Path) -> tuple[bytes, int]:
    """Return what lies behind the last newline, and how many bytes lie before."""
    try:
        with open_plain(path) as file:
            end = at = file.seek(0, os.SEEK_END)
            tail = b""
            while at > 0:
                start = max(0, at - CHUNK)
                file.seek(start)
                tail = file.read(at - start) + tail
                if (cut := tail.rfind(b"\n")) >= 0:
                    return tail[cut + 1 :], start + cut + 1
                at = start
                if len(tail) > LONGEST:
                    raise UnfitError(f"{path}: ends in a line of more than {LONGEST} bytes; it is no log")
            return tail, end - len(tail)
    except MissingError:
        return b"", 0
    except OSError as error:
        raise FileError(f"{path}: cannot read: {error.strerror or error}") from error
