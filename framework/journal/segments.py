"""A journal in pieces: sealed segments, which never change again, and the open one, which grows.

``journal.jsonl`` is the open segment. What was sealed lies beside it, in ``journal.segments/``, each piece
named by the number of its first entry. The open segment begins with entry 1 or with an entry of kind
``segment``, which carries what all before it amounts to: who wants to go on reads that file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from framework.files.atomic import write_atomic
from framework.files.errors import FileError
from framework.files.plain import read_plain
from framework.journal.entry import EMPTY, Entry, Head, Kind, parse_line
from framework.journal.errors import JournalError

SEGMENT_BYTES = 262_144
"""A segment with entries of this size, the state it begins with apart, is sealed before the next one."""

LONGEST = 64_000_000
"""Bytes of a segment, or a line, that is read: one from before there were segments may be long."""

PER_FOLDER = 1_000_000
"""Entries whose segments share a folder, so that no folder grows without end."""


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


def parse_journal(data: bytes, *, where: str, after: Head | None = EMPTY) -> Content:
    """Verify the bytes of a segment, or of the part that follows ``after``. Raises JournalError.

    Without ``after``, what lies before the first line is taken from it and not asked.
    """
    *lines, tail = data.split(b"\n")
    if after is None:
        after = head_before(lines[0] + b"\n", where=where) if lines else EMPTY
    head, entries = after, []
    for line in lines:
        entry = parse_line(line + b"\n", after=head, where=f"{where}:{head.seq + 1}")
        entries.append(entry)
        head = entry.head
    return Content(tuple(entries), len(data) - len(tail), tail, after)


def parse_open(data: bytes, *, where: str) -> Content:
    """Verify the bytes of an open segment, whichever entry it begins with. Raises JournalError."""
    line, newline, _ = data.partition(b"\n")
    return parse_journal(data, where=where, after=opening(line + newline, where=where) if newline else EMPTY)


def opening(line: bytes, *, where: str) -> Head:
    """Return the head that an open segment follows, by its first line: the genesis, or what was sealed."""
    try:
        entry = parse_line(line, after=None, where=f"{where}:1")
    except JournalError:  # who parses the line as the first of all says what is wrong with it
        return EMPTY
    return Head(entry.seq - 1, entry.prev) if entry.kind is Kind.SEGMENT else EMPTY


def head_before(line: bytes, *, where: str) -> Head:
    """Return the head that a line says it follows. Raises JournalError."""
    entry = parse_line(line, after=None, where=where)
    return Head(entry.seq - 1, entry.prev)


def folder_of(path: Path) -> Path:
    """Return the folder of a journal's sealed segments."""
    return path.with_suffix(".segments")


def name_of(first: int) -> str:
    """Return a sealed segment's name below its folder, with a forward slash."""
    return f"{first // PER_FOLDER:06d}/{first:012d}.jsonl"


def number_of(path: Path) -> int:
    """Return the number of a sealed segment's first entry; 0 for a file that is none."""
    return int(path.stem) if path.stem.isdigit() and path.suffix == ".jsonl" else 0


def sealed_files(path: Path, *, since: int = 1, before: int | None = None) -> Iterator[Path]:
    """Give the sealed segments in order: those that begin at ``since`` or later and before ``before``.

    A piece that begins where the open segment does, or later, is what a crash left of a seal: it is none.
    """
    folder = folder_of(path)
    least = f"{since // PER_FOLDER:06d}"
    for part in sorted(item for item in _listed(folder) if item.name >= least):
        for file in sorted(_listed(part)):
            first = number_of(file)
            if first >= since and first > 0 and (before is None or first < before):
                yield file


def seal(path: Path, data: bytes, *, first: int, opening: int) -> None:
    """Write an open segment's whole lines as sealed pieces; a crash leaves pieces that nobody reads.

    ``opening`` is the size of the state it begins with. A journal that was never sealed may be long: it is
    cut into pieces of ``SEGMENT_BYTES``, the last one of up to twice that.
    """
    folder = folder_of(path)
    start = 0
    while start < len(data):
        left = start + opening + SEGMENT_BYTES
        stop = len(data) if left + SEGMENT_BYTES > len(data) else data.index(b"\n", left - 1) + 1
        piece, opening = data[start:stop], 0
        write_atomic(path=folder / name_of(first), data=piece, staging=folder)
        first, start = first + piece.count(b"\n"), stop


def read_segment(path: Path) -> bytes:
    """Return a segment's bytes. Raises JournalError."""
    try:
        return read_plain(path, limit=LONGEST)
    except FileError as error:
        raise JournalError(str(error)) from error


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise JournalError(f"{folder}: cannot read: {error.strerror or error}") from error
