"""The thread that writes what a session tells while it runs, so that a slow disk is no lag of the desk."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Full, Queue
from typing import Any, Protocol

from framework.files.atomic import write_json
from framework.files.errors import FileError
from framework.session.run_folder import RunFolder
from framework.telemetry.alerts import Severity, alert

FEEDS = {
    "trades": "edge/trades.jsonl",
    "audit": "soak/audit.jsonl",
    "ticks": "edge/feeds/ticks.jsonl",
}
"""Files of a run that grow while it does."""
BATCHES = 1_024
"""Lots of rows of one feed that may wait for the disk; one comes a step at most."""

Make = Callable[[], Iterable[Mapping[str, Any]]]


@dataclass(frozen=True)
class FeedCounts:
    """Rows of a feed that were written, and that were left out."""

    rows: int
    dropped: int


class Status(Protocol):
    """What bot.json is made from."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the file holds it."""


class StatusWriter:
    """Write on a thread of its own: the rows of each feed in order, of a status only the latest.

    At most BATCHES of a feed wait; what has no room, or what the disk refuses, is left out, counted and said
    once.
    """

    def __init__(self, *, folder: RunFolder, bot_file: Path | None) -> None:
        self._folder, self._bot_file = folder, bot_file
        self._jobs: dict[str, Queue[tuple[int, Make]]] = {feed: Queue(BATCHES) for feed in FEEDS}
        self._written, self._refused, self._dropped = Counter[str](), Counter[str](), Counter[str]()
        self._status: Status | None = None
        self._failed: set[str] = set()
        self._wake, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="status writer", daemon=True)
        self._thread.start()

    def append(self, feed: str, count: int, make: Make) -> None:
        """Append the rows that ``make`` gives, called on the thread; ``count`` says how many."""
        try:
            self._jobs[feed].put_nowait((count, make))
        except Full:
            if not self._dropped[feed]:
                self._alert(f"{self._folder.path / FEEDS[feed]}: the disk is too slow; rows are left out")
            self.drop(feed, count)
        self._wake.set()

    def drop(self, feed: str, count: int) -> None:
        """Count rows that are left out."""
        self._dropped[feed] += count

    def counts(self, feed: str) -> FeedCounts:
        """Return how many rows of a feed were written and how many left out."""
        return FeedCounts(self._written[feed], self._dropped[feed] + self._refused[feed])

    def status(self, status: Status) -> None:
        """Replace bot.json."""
        if self._bot_file is not None:
            self._status = status
            self._wake.set()

    def close(self) -> None:
        """Write what is left and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            last = self._stopping
            self._write()
            if last:
                return

    def _write(self) -> None:
        for feed, jobs in self._jobs.items():
            self._flush(feed, jobs)
        status, self._status = self._status, None
        if status is not None and self._bot_file is not None:
            file = self._bot_file
            staging = file.parent / "staging"
            self._try("status", lambda: write_json(path=file, value=status.as_dict(), staging=staging))

    def _flush(self, feed: str, jobs: Queue[tuple[int, Make]]) -> None:
        """Append what waits of a feed, in one piece."""
        rows: list[Mapping[str, Any]] = []
        count = taken = 0
        while not jobs.empty():
            more, make = jobs.get_nowait()
            rows += make()
            count, taken = count + more, taken + 1
        if taken:
            done = self._try(feed, lambda: self._folder.append(FEEDS[feed], rows))
            (self._written if done else self._refused)[feed] += count

    def _try(self, what: str, write: Callable[[], None]) -> bool:
        """Write, or say once that it fails: the desk goes on trading without a diary."""
        try:
            write()
        except FileError as error:
            if what not in self._failed:
                self._failed.add(what)
                self._alert(str(error))
            return False
        self._failed.discard(what)
        return True

    def _alert(self, text: str) -> None:
        alert(name="diary_not_written", severity=Severity.WARNING, text=text)
