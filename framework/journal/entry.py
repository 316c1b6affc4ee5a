"""One line of a journal: what it holds, how it is hashed, and what makes a line a wrong one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from framework.files.atomic import canonical_json, sha256_of
from framework.journal.errors import JournalError

GENESIS = "0" * 64
"""What the first entry names as the hash before it."""

KEYS = ("seq", "at", "kind", "data", "prev", "sha256")
_HASHED = f',"sha256":"{GENESIS}"}}\n'
"""How a line ends, by its length: what lies before it is what is hashed."""


class Kind(StrEnum):
    """What an entry records."""

    APPLIED = "applied"
    REFUSED = "refused"
    ATTEMPT = "attempt"
    VERDICT = "verdict"
    PROMOTED = "promoted"
    ROLLBACK = "rollback"
    HOLD = "hold"
    CLEARED = "cleared"
    QUARANTINED = "quarantined"
    DRIFT = "drift"
    REPAIRED = "repaired"
    ALERT = "alert"
    PROPOSED = "proposed"
    PENDING = "pending"
    RECOVERED = "recovered"
    SEGMENT = "segment"
    ADOPTED = "adopted"


class Row(Protocol):
    """What is read of an entry, wherever it comes from: a journal, an evidence bundle."""

    @property
    def seq(self) -> int: ...
    @property
    def at(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Head:
    """The newest entry of a journal: its number (0: the journal is empty) and its hash."""

    seq: int
    sha256: str


EMPTY = Head(0, GENESIS)


@dataclass(frozen=True)
class Entry:
    """One record; ``sha256`` is over the canonical JSON of the other five."""

    seq: int
    at: str
    kind: Kind
    data: Mapping[str, Any]
    prev: str
    sha256: str

    @property
    def head(self) -> Head:
        """Return this entry as the head of the journal that ends with it."""
        return Head(self.seq, self.sha256)

    def line(self) -> bytes:
        """Return the one line that holds the entry, its newline included."""
        return (canonical_json({key: getattr(self, key) for key in KEYS}) + "\n").encode()


def make_entry(*, after: Head, at: str, kind: Kind, data: Mapping[str, Any]) -> Entry:
    """Return the entry that follows ``after``. Raises JournalError for data that JSON cannot hold."""
    try:
        plain = json.loads(canonical_json(dict(data)))
        body = {"seq": after.seq + 1, "at": at, "kind": str(kind), "data": plain, "prev": after.sha256}
        entry = Entry(after.seq + 1, at, kind, plain, after.sha256, sha256_of(canonical_json(body)))
        parse_line(entry.line(), after=after, where="entry")
    except (TypeError, ValueError, RecursionError) as error:
        raise JournalError(f"journal entry {kind}: data is not plain JSON ({error})") from error
    return entry


def parse_line(line: bytes, *, after: Head | None, where: str) -> Entry:
    """Return the entry of one whole line that must follow ``after``; raises JournalError naming the fault.

    Without ``after`` what it follows is not asked.

    The line must be, byte for byte, what its own content is written as, so that no byte of it is free.
    """
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise JournalError(f"{where}: is not JSON; the journal was changed") from error
    if not isinstance(plain, dict) or set(plain) != set(KEYS):
        raise JournalError(f"{where}: is not an entry of {', '.join(KEYS)}; the journal was changed")
    try:
        written = (canonical_json(plain) + "\n").encode()
        hashed = hashlib.sha256(written[: -len(_HASHED)] + b"}").hexdigest()  # sha256 is the last key
    except (ValueError, RecursionError) as error:
        raise JournalError(
            f"{where}: holds what an entry cannot ({error}); the journal was changed"
        ) from error
    if written != line or hashed != plain["sha256"]:
        raise JournalError(f"{where}: the content does not match its hash; the journal was changed")
    if type(plain["seq"]) is not int or plain["seq"] < 1:
        raise JournalError(f"{where}: seq is {plain['seq']}; allowed 1, 2, 3 and so on")
    if after is not None and (plain["seq"] != after.seq + 1 or plain["prev"] != after.sha256):
        raise JournalError(
            f"{where}: entry {plain['seq']} does not follow entry {after.seq}; entries were removed, repeated"
            " or reordered"
        )
    if plain["kind"] not in list(Kind) or not isinstance(plain["data"], dict):
        raise JournalError(f"{where}: kind is {plain['kind']}; allowed {', '.join(Kind)}")
    return Entry(**{**plain, "kind": Kind(plain["kind"])})
