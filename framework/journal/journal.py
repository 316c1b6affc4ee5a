"""The journal of one environment: entries chained by hash, durable before ``append`` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import AHEAD, append_durable, locked, sha256_of, write_atomic
from framework.files.errors import FileError, MissingError
from framework.files.moments import iso_utc
from framework.files.plain import read_plain
from framework.journal import segments
from framework.journal.cursor import Cursor
from framework.journal.entry import EMPTY, Entry, Head, Kind, make_entry
from framework.journal.errors import JournalError
from framework.journal.segments import Content, parse_journal, parse_open, read_segment, sealed_files

__all__ = ["EMPTY", "Content", "Entry", "Head", "Journal", "Kind", "check_head", "parse_journal", "utc_now"]

LOCK_SECONDS = 30.0
TAIL_SHOWN = 2_000
"""How much of a torn line the entry that records its removal keeps."""

State = Callable[[Head], Mapping[str, Any]]
"""What all entries up to a head amount to: what the first entry of the next segment carries."""

Sign = Callable[[Kind, Mapping[str, Any], Head], Mapping[str, Any]]
"""Gives an entry's data as whoever writes it signs them, for the entry before it."""


def utc_now() -> datetime:
    """Return the wall clock in UTC."""
    return datetime.now(UTC)


class Journal:
    """An append-only file of entries. Any number of processes may append to it at once.

    The open segment is verified before this object's first append, and what others appended since before each
    later one; ``walk`` and ``entries`` verify all of it anew. Who gives ``state`` seals a full segment, who
    gives ``sign`` signs what is appended.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        state: State | None = None,
        sign: Sign | None = None,
    ) -> None:
        self.path = path
        self.stamp: Mapping[str, Any] = {}
        """What each entry's data holds besides: the fencing token of an agent."""

        self._now = now
        self._state = state
        self._sign = sign
        self._cursor = Cursor(path)

    def append(self, *, kind: Kind, data: Mapping[str, Any]) -> Entry:
        """Add an entry and return it once it is on the disk.

        A torn last line that a crash left is overwritten by an entry of kind ``recovered`` first. Raises
        JournalError when the chain is broken, the data is not plain JSON, or the disk refuses; nothing was
        appended then.
        """
        stamped = {**data, **self.stamp}
        try:
            with locked(path=self.path, timeout_s=LOCK_SECONDS):
                self._catch_up()
                make_entry(after=self._cursor.head, at=self._moment(), kind=kind, data=stamped)
                if self._cursor.tail:
                    self._recover()
                if self._state is not None and self._is_full():
                    self._seal(self._state)
                if self._sign is not None:
                    stamped = {**self._sign(kind, data, self._cursor.head), **self.stamp}
                entry = make_entry(after=self._cursor.head, at=self._moment(), kind=kind, data=stamped)
                append_durable(path=self.path, data=entry.line(), ahead=AHEAD)
                return entry
        except FileError as error:
            raise JournalError(str(error)) from error

    def seal_full(self) -> None:
        """Seal the open segment when it is full, without waiting for the next entry. Raises JournalError."""
        try:
            with locked(path=self.path, timeout_s=LOCK_SECONDS):
                self._catch_up()
                if self._state is not None and self._is_full() and not self._cursor.tail:
                    self._seal(self._state)
        except FileError as error:
            raise JournalError(str(error)) from error

    def restart(self) -> None:
        """Forget what was read: the file was replaced on purpose."""
        self._cursor = Cursor(self.path)

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, oldest first. Raises JournalError naming file:line where the chain breaks."""
        return tuple(entry for content in self.walk() for entry in content.entries)

    def walk(self) -> Iterator[Content]:
        """Give every segment, oldest first, verified against the one before; one is held at a time."""
        content, head = self.content(), EMPTY
        for path in sealed_files(self.path, before=content.after.seq + 1):
            sealed = parse_journal(read_segment(path), where=str(path), after=head)
            if sealed.tail:
                raise JournalError(f"{path}: ends in the middle of a line; the journal was changed")
            head = sealed.head
            yield sealed
        if head != content.after:
            raise JournalError(
                f"{segments.folder_of(self.path)}: ends at entry {head.seq}, and {self.path.name} follows"
                f" entry {content.after.seq}; a segment was removed or changed, bring it back"
            )
        yield content

    def content(self) -> Content:
        """Return the open segment's entries and the torn tail, if a crash left one. Raises JournalError."""
        return parse_open(self.read(), where=str(self.path))

    def head(self) -> Head:
        """Return the newest entry's number and hash, the open segment verified. Raises JournalError."""
        return self.content().head

    def check_head(self, published: Head) -> None:
        """Raise JournalError unless the journal holds the published head: entries are missing or changed."""
        content = self.content()
        if published.seq <= content.after.seq and published != EMPTY:
            content = self.sealed_with(published.seq)
        check_head(content.entries, published, where=str(self.path))

    def sealed_with(self, seq: int) -> Content:
        """Return the sealed segment that holds an entry. Raises JournalError when none does."""
        holding = None
        for path in sealed_files(self.path):
            if segments.number_of(path) > seq:
                break
            holding = path
        if holding is None:
            raise JournalError(
                f"{segments.folder_of(self.path)}: no segment holds entry {seq}; bring it back"
            )
        return parse_journal(read_segment(holding), where=str(holding), after=None)

    def read(self) -> bytes:
        """Return the open segment's bytes, none when there is no file yet. Raises JournalError."""
        try:
            return read_plain(self.path, limit=segments.LONGEST)
        except MissingError:
            return b""
        except FileError as error:
            raise JournalError(str(error)) from error

    def _catch_up(self) -> None:
        for _ in self._cursor.read():
            pass

    def _recover(self) -> None:
        tail, size = self._cursor.tail, self._cursor.size
        text = tail.decode(errors="replace")
        lost = {
            "offset": size,
            "bytes": len(tail),
            "sha256": sha256_of(text),
            "text": text[:TAIL_SHOWN],
        }
        entry = make_entry(after=self._cursor.head, at=self._moment(), kind=Kind.RECOVERED, data=lost)
        append_durable(path=self.path, data=entry.line(), keep=size)
        self._catch_up()

    def _seal(self, state: State) -> None:
        """Put the open segment beside the file, whole, then begin the next one in its place.

        A disk that has no room for that keeps the segment open: what matters is the entry that comes.
        """
        head, size, begin = self._cursor.head, self._cursor.size, self._cursor.first
        assert begin is not None
        data = {"first": begin.seq, "last": head.seq, **state(head)}
        entry = make_entry(after=head, at=self._moment(), kind=Kind.SEGMENT, data=data)
        try:
            with self.path.open("rb") as file:  # however long it is: once it is sealed, none of it is
                whole = file.read(size)
            segments.seal(self.path, whole, first=begin.seq, opening=self._cursor.opening)
            write_atomic(path=self.path, data=entry.line(), staging=segments.folder_of(self.path))
        except (FileError, OSError):
            return
        self._catch_up()

    def _is_full(self) -> bool:
        return self._cursor.size - self._cursor.opening >= segments.SEGMENT_BYTES

    def _moment(self) -> str:
        return iso_utc(self._now(), timespec="microseconds")


def check_head(entries: tuple[Entry, ...], published: Head, *, where: str) -> None:
    """Raise JournalError unless the entries, which need not begin with the first, hold the published head."""
    if published == EMPTY:
        return
    last = entries[-1].seq if entries else 0
    if published.seq > last:
        raise JournalError(
            f"{where}: ends at entry {last}, but entry {published.seq} was published; the journal was"
            " truncated"
        )
    at = published.seq - entries[0].seq
    if at < 0 or entries[at].head != published:
        raise JournalError(
            f"{where}:{published.seq}: entry {published.seq} is not the one that was published; the journal"
            " was rewritten"
        )
