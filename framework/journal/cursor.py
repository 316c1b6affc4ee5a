"""Reading a journal onward: what was appended since one looked, across any seal that came between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from framework.files.errors import FileError, MissingError
from framework.files.plain import open_plain
from framework.journal.entry import EMPTY, Entry, Kind, parse_line
from framework.journal.errors import JournalError
from framework.journal.segments import Content, opening, parse_journal, read_segment, sealed_files

CHUNK = 1_048_576
"""Bytes read at once, and beyond them whatever the last line takes."""

LINE = 16_000_000
"""Bytes of a line that is read; the longest there is carries a state, and what a crash tore is no longer."""


class Cursor:
    """A place in a journal: how far it was read and verified, and the head there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head = EMPTY
        self.size = 0
        """Bytes of the open segment that were read."""

        self.first: Entry | None = None
        """The open segment's first entry."""

        self.tail = b""
        """The unterminated rest behind what was read, as it was last."""

        self._seen: tuple[int, int, int] | None = None

    @property
    def opening(self) -> int:
        """Return the size of the state that the open segment begins with."""
        return 0 if self.first is None or self.first.kind is not Kind.SEGMENT else len(self.first.line())

    def unread(self) -> bool:
        """Tell whether the file is another or longer than when it was read; one call of the system."""
        try:
            stat = os.stat(self.path)
        except OSError:
            return self._seen is not None
        return self._seen != (stat.st_dev, stat.st_ino, stat.st_size)

    def read(self) -> Iterator[Content]:
        """Give what is new, in verified parts. Raises JournalError where the chain breaks or was cut."""
        try:
            file = open_plain(self.path)
        except MissingError:
            self._check_length(0)
            return
        except FileError as error:
            raise JournalError(str(error)) from error
        with file:
            stat = os.fstat(file.fileno())
            if self._seen is None or self._seen[:2] != (stat.st_dev, stat.st_ino):
                yield from self._begin(file)
            self._check_length(stat.st_size)
            file.seek(self.size)
            yield from self._rest(file)
            self._seen = (stat.st_dev, stat.st_ino, self.size + len(self.tail))

    def _begin(self, file: BinaryIO) -> Iterator[Content]:
        """Take up another file than the one that was read: the next segment, or the same put back."""
        line = self._line(file)
        if not line.endswith(b"\n"):
            return  # no entry yet, or one that a crash has torn
        entry = parse_line(line, after=None, where=f"{self.path}:1")
        if self.first is None:
            self.head = opening(line, where=str(self.path))
        elif entry.seq > self.first.seq:
            yield from self._sealed(before=entry.seq)
            self.size = 0
        elif entry.seq < self.first.seq or entry.sha256 != self.first.sha256:
            raise JournalError(
                f"{self.path}: begins with another entry {entry.seq} than it did; the journal was changed,"
                " bring it back"
            )
        self.first = entry

    def _sealed(self, *, before: int) -> Iterator[Content]:
        """Read what was sealed since: the rest of what was open then, and whole segments after it."""
        assert self.first is not None
        skip = self.size
        for path in sealed_files(self.path, since=self.first.seq, before=before):
            data = read_segment(path)
            if skip >= len(data):
                skip -= len(data)
                continue
            content = parse_journal(data[skip:], where=str(path), after=self.head)
            skip = 0
            if content.tail:
                raise JournalError(f"{path}: ends in the middle of a line; the journal was changed")
            self.head = content.head
            yield content

    def _rest(self, file: BinaryIO) -> Iterator[Content]:
        self.tail = b""
        while not self.tail and (data := file.read(CHUNK)):
            data += b"" if data.endswith(b"\n") else self._line(file)
            content = parse_journal(data, where=str(self.path), after=self.head)
            self.tail = content.tail
            if content.entries:
                self.first = self.first or content.entries[0]
                self.size, self.head = self.size + content.size, content.head
                yield content

    def _line(self, file: BinaryIO) -> bytes:
        line = file.readline(LINE)
        if len(line) == LINE:
            raise JournalError(f"{self.path}: holds a line of more than {LINE} bytes; it is no journal")
        return line

    def _check_length(self, there: int) -> None:
        if there < self.size:
            raise JournalError(
                f"{self.path}: holds {there} bytes and held {self.size}; the journal was truncated,"
                " bring it back"
            )
