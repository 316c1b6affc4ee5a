"""The journal of one environment: entries chained by hash, durable before ``append`` returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import append_durable, locked, sha256_of
from framework.files.errors import FileError
from framework.files.moments import iso_utc
from framework.journal.entry import EMPTY, Entry, Head, Kind, make_entry, parse_line
from framework.journal.errors import JournalError

__all__ = ["EMPTY", "Content", "Entry", "Head", "Journal", "Kind", "check_head", "parse_journal", "utc_now"]

LOCK_SECONDS = 30.0
TAIL_SHOWN = 2_000
"""How much of a torn line the entry that records its removal keeps."""


def utc_now() -> datetime:
    """Return the wall clock in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Content:
    """What a journal's bytes hold: whole entries, verified, and an unterminated rest that a crash left."""

    entries: tuple[Entry, ...]
    size: int
    """Bytes of the whole entries."""

    tail: bytes
    after: Head = EMPTY
    """The head that the entries follow."""

    @property
    def head(self) -> Head:
        """Return the newest entry's number and hash."""
        return self.entries[-1].head if self.entries else self.after


def parse_journal(data: bytes, *, where: str, after: Head = EMPTY) -> Content:
    """Verify the bytes of a journal, or of the part that follows ``after``. Raises JournalError."""
    *lines, tail = data.split(b"\n")
    entries: list[Entry] = []
    head = after
    for line in lines:
        entry = parse_line(line + b"\n", after=head, where=f"{where}:{head.seq + 1}")
        entries.append(entry)
        head = entry.head
    return Content(tuple(entries), len(data) - len(tail), tail, after)


class Journal:
    """An append-only file of entries. Any number of processes may append to it at once.

    The whole chain is verified before this object's first append, and what others appended since before each
    later one; ``entries`` verifies all of it anew.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self.path = path
        self._now = now
        self._seen = (0, EMPTY)
        """Bytes verified so far, and the head there."""

    def append(self, *, kind: Kind, data: Mapping[str, Any]) -> Entry:
        """Add an entry and return it once it is on the disk.

        A torn last line that a crash left is overwritten by an entry of kind ``recovered`` first. Raises
        JournalError when the chain is broken, the data is not plain JSON, or the disk refuses; nothing was
        appended then.
        """
        try:
            with locked(path=self.path, timeout_s=LOCK_SECONDS):
                size, head, tail = self._catch_up()
                entry = make_entry(after=head, at=self._moment(), kind=kind, data=data)
                if tail:
                    size, head = self._recover(size=size, head=head, tail=tail)
                    entry = make_entry(after=head, at=entry.at, kind=kind, data=data)
                append_durable(path=self.path, data=entry.line())
                self._seen = (size + len(entry.line()), entry.head)
                return entry
        except FileError as error:
            raise JournalError(str(error)) from error

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, oldest first. Raises JournalError naming file:line where the chain breaks."""
        return self.content().entries

    def content(self) -> Content:
        """Return every entry and the torn tail, if a crash left one. Raises JournalError."""
        return parse_journal(self.read(), where=str(self.path))

    def head(self) -> Head:
        """Return the newest entry's number and hash, the chain verified. Raises JournalError."""
        return self.content().head

    def check_head(self, published: Head) -> None:
        """Raise JournalError unless the journal holds the published head: entries are missing or changed."""
        check_head(self.entries(), published, where=str(self.path))

    def read(self) -> bytes:
        """Return the journal's bytes, none when there is no file yet. Raises JournalError."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise JournalError(f"{self.path}: cannot read: {error.strerror or error}") from error

    def _catch_up(self) -> tuple[int, Head, bytes]:
        size, head = self._seen
        there = self.path.stat().st_size if self.path.exists() else 0
        if there < size:
            raise JournalError(
                f"{self.path}: holds {there} bytes and held {size}; the journal was truncated, bring it back"
            )
        with open(self.path, "rb") if there else open(os.devnull, "rb") as file:
            file.seek(size)
            content = parse_journal(file.read(), where=str(self.path), after=head)
        if content.entries:
            head = content.head
        self._seen = (size + content.size, head)
        return *self._seen, content.tail

    def _recover(self, *, size: int, head: Head, tail: bytes) -> tuple[int, Head]:
        text = tail.decode(errors="replace")
        lost = {
            "offset": size,
            "bytes": len(tail),
            "sha256": sha256_of(text),
            "text": text[:TAIL_SHOWN],
        }
        entry = make_entry(after=head, at=self._moment(), kind=Kind.RECOVERED, data=lost)
        append_durable(path=self.path, data=entry.line(), keep=size)
        self._seen = (size + len(entry.line()), entry.head)
        return self._seen

    def _moment(self) -> str:
        return iso_utc(self._now(), timespec="microseconds")


def check_head(entries: tuple[Entry, ...], published: Head, *, where: str) -> None:
    """Raise JournalError unless the entries hold the published head."""
    if published == EMPTY:
        return
    if published.seq > len(entries):
        raise JournalError(
            f"{where}: ends at entry {len(entries)}, but entry {published.seq} was published; the journal was"
            " truncated"
        )
    if entries[published.seq - 1].head != published:
        raise JournalError(
            f"{where}:{published.seq}: entry {published.seq} is not the one that was published; the journal"
            " was rewritten"
        )
