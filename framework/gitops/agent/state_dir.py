"""The folder of one environment's agent, and the few small files that others read there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import locked, write_atomic
from framework.files.errors import FileError, MissingError, UnfitError
from framework.files.plain import kind_of, read_plain
from framework.files.printable import one_line
from framework.gitops.agent.observed import Bot
from framework.gitops.agent.state import aware, text_or_none
from framework.gitops.desired.checkpoint import checkpoint, compact, refold, restored
from framework.gitops.desired.history import History
from framework.gitops.errors import GitopsError
from framework.journal import segments
from framework.journal.cursor import Cursor
from framework.journal.entry import EMPTY, Entry, Head, Kind
from framework.journal.errors import JournalError
from framework.journal.journal import Journal, utc_now

NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
LOCK_S = 30.0
TURN_S = 30.0
"""Longest wait for the turn."""


@dataclass(frozen=True)
class StateDir:
    """Where an environment's agent keeps what: ``HOME/artifacts/gitops/ENVIRONMENT``."""

    home: Path
    environment: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.environment):
            raise GitopsError(
                f"environment {self.environment!r}: is no name; allowed small letters, digits, - and _"
            )

    @property
    def folder(self) -> Path:
        """Return the agent's folder."""
        return self.home / "artifacts" / "gitops" / self.environment

    @property
    def mirror(self) -> Path:
        """Return the bare mirror of the remote."""
        return self.folder / "mirror.git"

    @property
    def live(self) -> Path:
        """Return the file that the bot watches; its folder holds nothing else."""
        return self.folder / "live" / "overrides.json"

    @property
    def staging(self) -> Path:
        """Return where files are written before they are renamed into place."""
        return self.folder / "staging"

    @property
    def contents(self) -> Path:
        """Return the store of every rendered content by the SHA-256 of its bytes: going back needs no git."""
        return self.folder / "contents"

    @property
    def state(self) -> Path:
        """Return what the agent last saw, for people and status; nothing is decided from it but ``seen``."""
        return self.folder / "state.json"

    @property
    def hold(self) -> Path:
        """Return the hold that wins over git while it exists."""
        return self.folder / "hold.json"

    @property
    def journal(self) -> Path:
        """Return the journal."""
        return self.folder / "journal.jsonl"

    @property
    def tenancy(self) -> Path:
        """Return what makes this folder's agent known to others, and whose lease it saw last."""
        return self.folder / "tenancy.json"

    @property
    def bot(self) -> Path:
        """Return what the bot says of itself."""
        return self.folder / "bot.json"

    @property
    def bundles(self) -> Path:
        """Return the folder of the evidence bundles."""
        return self.folder / "bundles"

    @property
    def turn(self) -> Path:
        """Return the file whose lock whoever changes the live file holds."""
        return self.folder / "turn"

    @property
    def agent(self) -> Path:
        """Return the file whose lock the one agent of the environment holds."""
        return self.folder / "agent"


class JournalView:
    """The journal and what it amounts to; what others append is folded in as it comes.

    A restart reads the open segment alone: it begins with what all sealed ones amount to.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = utc_now) -> None:
        self.journal = Journal(path, now=now, state=self._sealing)
        self._cursor, self._history = Cursor(path), History()

    @property
    def head(self) -> Head:
        """Return the newest entry folded in."""
        return self._cursor.head

    def history(self) -> History:
        """Return what the journal amounts to now. Raises JournalError where the chain breaks or was cut."""
        if self._cursor.unread():
            fresh = self._cursor.first is None
            for content in self._cursor.read():
                if fresh and content.after != EMPTY:
                    self._history = self._sealed(content.entries[0])
                    content = replace(content, entries=content.entries[1:])
                fresh = False
                self._fold(content.entries)
        return self._history

    def seal(self) -> None:
        """Seal an open segment that is full: one that was never sealed may be too long to publish."""
        self.history()
        if self._cursor.size - self._cursor.opening >= segments.SEGMENT_BYTES:
            self.journal.seal_full()

    def note(self, kind: Kind, data: Mapping[str, Any]) -> Entry:
        """Append an entry; it is on the disk when this returns."""
        return self.journal.append(kind=kind, data=data)

    def replace(self, data: bytes, *, staging: Path) -> None:
        """Put another open segment in the journal's place, and go on from it. Raises FileError."""
        with locked(path=self.journal.path, timeout_s=LOCK_S):
            write_atomic(path=self.journal.path, data=data, staging=staging)
        self.journal.restart()
        self._cursor, self._history = Cursor(self.journal.path), History()

    def _fold(self, entries: tuple[Entry, ...]) -> None:
        try:
            self._history = refold(entries, into=self._history, where=str(self.journal.path))
        except Exception:  # what was read is not folded in: the next look reads and refuses it again
            self._cursor, self._history = Cursor(self.journal.path), History()
            raise

    def _sealed(self, opening: Entry) -> History:
        """Return what an open segment begins with; when other code wrote it, what all before amounts to."""
        history = restored(opening)
        if history is not None:
            return history
        history = History()
        for content in self.journal.walk():
            before = [entry for entry in content.entries if entry.seq < opening.seq]
            history = refold(before, into=history, where=str(self.journal.path))
        return compact(history)

    def _sealing(self, head: Head) -> Mapping[str, Any]:
        history = self.history()
        if self.head != head:
            raise JournalError(f"{self.journal.path}: moved on while it was sealed; the lock was broken")
        return checkpoint(compact(history))


def read_live_sha(path: Path) -> str | None:
    """Return the SHA-256 of the live file's bytes, None without one; what stands in its place, in words."""
    try:
        return hashlib.sha256(read_plain(path)).hexdigest()
    except MissingError:
        return None
    except UnfitError:
        return kind_of(path) or "a file too large to be read"
    except FileError:
        return "a file that cannot be read"


def read_bot(path: Path) -> Bot | None:
    """Read what the bot says of itself; None when nothing that makes sense is there."""
    try:
        data = json.loads(read_plain(path))
        in_force = data.get("in_force") or {}
        refused = data.get("refused") or {}
        return Bot(
            heartbeat_at=aware(data["heartbeat_at"]),
            overrides_sha=text_or_none(in_force.get("overrides_sha")),
            config_sha=text_or_none(in_force.get("config_sha")),
            since=aware(in_force["since"]) if in_force.get("since") else None,
            health=str(data.get("health", "failing")),
            reason=one_line(str(data.get("health_reason") or "")),
            started_at=aware(data["started_at"]) if data.get("started_at") else None,
            refused_sha=text_or_none(refused.get("overrides_sha")),
            refused_why=one_line(str(refused.get("reason", ""))),
            pending=tuple(str(item["name"]) for item in data.get("pending") or ()),
            stopped=_stopped(data.get("stopped") or {}),
            standing=_standing(data),
            pid=data["pid"] if isinstance(data.get("pid"), int) else None,
        )
    except (FileError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None  # the bot's file proves health or nothing: what cannot be read counts as no bot


def _stopped(data: Mapping[str, Any]) -> str:
    return one_line(f"on purpose at {data['at']}: {data['why']}") if data.get("on_purpose") is True else ""


def _standing(data: Mapping[str, Any]) -> str:
    """Say how the bot stands; nothing when it does not say, as one of an older version."""
    if "pnl" not in data:
        return ""
    position, pnl, fills = float(data["position"]), float(data["pnl"]), int(data["fills"])
    text = f"position {position + 0.0:.6g} {data['base']}, PnL {pnl:+.2f} {data['quote']} since its start"
    return one_line(f"{text}, {fills} fill{'s' * (fills != 1)}")
