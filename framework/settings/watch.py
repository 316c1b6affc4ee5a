"""Follow one file on disk: every change is validated here, off the hot path, and swapped in as one reference.

The folder is watched, not the file, because editors and Kubernetes replace names; every event means "hash
again", and a poll of the hash stands behind the events for file systems that send none. A file that arrived
by a rename is whole and is judged at once. One that is written in place is judged when its writer has closed
it and it has stopped changing, so a torn state is never live. Whatever cannot be read or is refused leaves
the last good value in force and is said once.
"""

import contextlib
import errno
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Generic, TypeVar

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

from framework.errors import QuoteopsError
from framework.units import SECOND

LIMIT = 1 << 20
"""Largest file that is read."""
HEARD = (FileMovedEvent, FileCreatedEvent, FileModifiedEvent, FileClosedEvent, FileDeletedEvent)
"""Not opening and closing for reading: our own reads would wake us."""

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """A value in force: its number from 1, the SHA-256 of the bytes it was made of, and when (monotonic ns).

    ``seen_ns`` is when the change was first noticed, ``loaded_ns`` when it was validated.
    """

    generation: int
    value: T
    digest: str
    seen_ns: int
    loaded_ns: int


@dataclass(frozen=True)
class Fault:
    """What is on disk and not in force: why, its SHA-256 if it has bytes, since when (monotonic ns)."""

    reason: str
    digest: str | None
    since_ns: int

    @property
    def key(self) -> str:
        """Name it, so that one fault is said once."""
        return self.digest or self.reason


@dataclass(frozen=True)
class Sight:
    """The file at one look: bytes or what is wrong with it, and everything that changes when it does."""

    data: bytes | None
    wrong: str
    stamp: tuple[Any, ...]

    @property
    def digest(self) -> str | None:
        """Give the SHA-256 of the bytes."""
        return None if self.data is None else sha256(self.data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often a watcher polls, and for how long a file must rest, may be half written, and is gathered."""

    poll_s: float = 1.0
    settle_s: float = 0.05
    hold_s: float = 5.0
    debounce_s: float = 0.001


class OverridesWatcher(Generic[T]):
    """Keep ``latest`` what a file says: one attribute read gives an immutable snapshot, None before any.

    ``load`` makes the value of the bytes and raises QuoteopsError for what it refuses; it runs on the
    watcher's thread. So do ``on_alert``, which gets one line a distinct fault, and ``on_swap``, for what can
    wait until the value is in force. ``on_polled``, by default ``on_alert``, gets a line when no events come
    and the poll alone follows. ``fault`` is what is on disk and not in force, None when both agree.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[[bytes], T],
        on_alert: Callable[[str], None],
        on_recovery: Callable[[str], None] = lambda _: None,
        on_swap: Callable[[Snapshot[T]], None] = lambda _: None,
        on_polled: Callable[[str], None] | None = None,
        pace: Pace = Pace(),
    ) -> None:
        self.path = Path(os.path.abspath(path))  # the last link stays: it is what gets replaced
        self.latest: Snapshot[T] | None = None
        self.fault: Fault | None = None
        self.checked_ns = 0
        self._load, self._on_alert, self._on_recovery = load, on_alert, on_recovery
        self._on_swap, self._on_polled = on_swap, on_polled or on_alert
        self._pace = pace
        self._heard: deque[tuple[str, int]] = deque()
        self._wake, self._stopping = threading.Event(), False
        self._thread: threading.Thread | None = None
        self._watch: _Watch | None = None
        self._watch_fault = ""
        self._candidate: tuple[Sight, int] | None = None
        self._first_ns = 0
        self._writing = self._renamed = False
        self._said: set[str] = set()

    def start(self) -> None:
        """Look at the file once, then follow it on a thread of its own."""
        if self._thread is not None:
            return
        self._rewatch()
        self._turn()
        if self._candidate is not None:  # nobody tells who wrote it: see that it has stopped changing
            time.sleep(self._pace.settle_s)
            self._turn()
        self._thread = threading.Thread(target=self._run, name=f"watch {self.path.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; ``latest`` stays what it is."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if self._watch is not None:
            self._watch.stop()
            self._watch = None

    def hear(self, kind: str) -> None:
        """Note an event: written, whole (closed by its writer), renamed, or anything else, and look again."""
        self._heard.append((kind, time.monotonic_ns()))
        self._wake.set()

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._stopping:
            self._wake.wait(self._pause(looked))
            if self._stopping:
                return
            early = looked + self._pace.debounce_s - time.monotonic()
            if early > 0.0:
                time.sleep(early)
            self._wake.clear()
            if not self._heard:
                self._rewatch()
            looked = time.monotonic()
            self._turn()

    def _pause(self, looked: float) -> float:
        """Give the seconds to the next look without an event; a change found by polling settles in time."""
        if self._candidate is None:
            return max(0.0, looked + self._pace.poll_s - self._pace.settle_s - time.monotonic())
        return max(0.001, self._candidate[1] / SECOND + self._patience() - time.monotonic())

    def _patience(self) -> float:
        return self._pace.hold_s if self._writing else self._pace.settle_s

    def _turn(self) -> None:
        """Look once; a bug of ours must not end the watching, or the bot would never follow again."""
        try:
            self._look()
        except Exception as error:  # noqa: BLE001
            self._refuse(Fault(f"watching failed: {error!r}", None, time.monotonic_ns()))
        self.checked_ns = time.monotonic_ns()

    def _look(self) -> None:
        now = time.monotonic_ns()
        while self._heard:
            kind, heard_ns = self._heard.popleft()
            self._first_ns = self._first_ns or heard_ns
            self._writing = kind == "written" or (self._writing and kind == "other")
            self._renamed = kind == "renamed" or (self._renamed and kind == "other")
        sight = read_sight(self.path)
        live = self.latest
        if live is not None and sight.digest == live.digest:
            self._recover(live)
        elif self.fault is None or (sight.digest or sight.wrong) != self.fault.key:
            if not self._settled(sight, now):
                return
            self._judge(sight)
        self._candidate, self._first_ns, self._renamed = None, 0, False

    def _settled(self, sight: Sight, now: int) -> bool:
        """Tell whether the file can be judged: it came by a rename, or has not changed for long enough."""
        if sight.data and self._renamed and not self._writing:
            return True
        if self._candidate is None or self._candidate[0].stamp != sight.stamp:
            self._candidate = (sight, now)
            return False
        return now - self._candidate[1] >= self._patience() * SECOND

    def _judge(self, sight: Sight) -> None:
        now = time.monotonic_ns()
        if sight.data is None:
            if self.latest is None and sight.wrong == ABSENT:
                return  # nothing has been there yet, so nothing is lost
            self._refuse(Fault(sight.wrong, None, now))
            return
        digest = sight.digest
        assert digest is not None
        try:
            value = self._load(sight.data)
        except QuoteopsError as error:
            self._refuse(Fault(str(error), digest, now))
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours: the last good value stays as well
            self._refuse(Fault(f"cannot be judged: {error!r}", digest, now))
            return
        before = self.latest
        generation = 1 if before is None else before.generation + 1
        fresh = Snapshot(generation, value, digest, self._first_ns or now, time.monotonic_ns())
        self.latest = fresh
        self._on_swap(fresh)
        self._recover(fresh)

    def _refuse(self, fault: Fault) -> None:
        self.fault = fault
        if fault.key in self._said:
            return
        self._said.add(fault.key)
        live = self.latest
        stays = "nothing is in force yet" if live is None else f"generation {live.generation} stays in force"
        reason = " ".join(fault.reason.split())
        where = "" if str(self.path) in reason else f"{self.path}: "
        self._on_alert(f"{where}{reason}; {stays}")

    def _recover(self, live: Snapshot[T]) -> None:
        if self.fault is not None:
            self.fault = None
            self._said.clear()
            self._on_recovery(f"{self.path}: is well again; generation {live.generation} is in force")

    def _rewatch(self) -> None:
        """See that the folder's events reach us: it may be new, replaced, or its watch may have died."""
        if self._watch is not None and self._watch.holds(self.path.parent):
            return
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        try:
            self._watch = _Watch(self)
            self._watch_fault = ""
        except OSError as error:  # no such folder yet, or no watch left to give: the poll goes on
            text = f"{self.path.parent}: cannot be watched: {_why(error)}; it is polled"
            if text != self._watch_fault and not isinstance(error, FileNotFoundError):
                self._on_polled(text)
            self._watch_fault = text


ABSENT = "is missing; allowed a file"
WATCHES = {
    errno.EMFILE: "the limit fs.inotify.max_user_instances (or of open files) is reached; raise it",
    errno.ENOSPC: "the limit fs.inotify.max_user_watches is reached; raise it",
}
"""What the system means when it has no watch left to give: its own words speak of files and of disks."""


def _why(error: OSError) -> str:
    return WATCHES.get(error.errno or 0) or error.strerror or str(error)


def read_sight(path: Path) -> Sight:
    """Read a file whole through one handle, or say what is wrong with it."""
    try:
        # Without O_NONBLOCK a pipe in the file's place would hold us for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return Sight(None, ABSENT, ("absent",))
    except OSError as error:
        return Sight(None, f"cannot be read: {error.strerror or error}", (error.errno,))
    try:
        with os.fdopen(handle, "rb", buffering=0) as file:
            before = os.fstat(handle)
            stamp = (before.st_dev, before.st_ino, before.st_size, before.st_mtime_ns)
            if not stat.S_ISREG(before.st_mode):
                return Sight(None, "is not a plain file; allowed one", stamp)
            data = b""
            while len(data) <= LIMIT and (piece := file.read(LIMIT + 1 - len(data))):
                data += piece
    except OSError as error:
        return Sight(None, f"cannot be read: {error.strerror or error}", (error.errno,))
    if len(data) > LIMIT:
        return Sight(None, f"is larger than {LIMIT} bytes; allowed up to that", stamp)
    if not data.strip():
        return Sight(None, "is empty; allowed a patch", stamp)
    return Sight(data, "", (*stamp, data))


class _Watch(FileSystemEventHandler):
    """The events of one folder as it is now."""

    def __init__(self, watcher: OverridesWatcher[Any]) -> None:
        self._watcher, self._path = watcher, watcher.path
        folder = self._path.parent
        self._folder = _identity(folder)
        if self._folder is None:
            raise FileNotFoundError(2, "No such file or directory", str(folder))
        self._observer = _observer()
        self._observer.schedule(self, str(folder), event_filter=list(HEARD))
        try:
            self._observer.start()
        except BaseException:
            self.stop()
            raise

    def holds(self, folder: Path) -> bool:
        """Tell whether the folder is still the one watched and its events still come."""
        alive = self._observer.is_alive() and all(e.is_alive() for e in self._observer.emitters)
        return alive and _identity(folder) == self._folder

    def stop(self) -> None:
        """Give the watch back."""
        with contextlib.suppress(RuntimeError):  # never started
            self._observer.stop()
            self._observer.join(timeout=2.0)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Say what an event means for the file: only a rename onto its name makes it whole at once."""
        source, target = (os.path.basename(os.fsdecode(p)) for p in (event.src_path, event.dest_path))
        ours = self._path.name
        if isinstance(event, FileMovedEvent) and target in (ours, _first_link(self._path)):
            self._watcher.hear("renamed")
        elif isinstance(event, FileModifiedEvent | FileCreatedEvent) and source == ours:
            self._watcher.hear("written")
        elif isinstance(event, FileClosedEvent | FileDeletedEvent) and source == ours:
            self._watcher.hear("whole")
        else:
            self._watcher.hear("other")


def _observer() -> Any:
    """Make the system's observer; Linux's must also tell renames that come from another folder."""
    try:
        from watchdog.observers.inotify import InotifyObserver
    except ImportError:  # another system
        from watchdog.observers import Observer

        return Observer()
    return InotifyObserver(generate_full_events=True)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _first_link(path: Path) -> str:
    """Give the first name that a link leads through: ``..data`` where Kubernetes mounts a file."""
    try:
        return Path(os.readlink(path)).parts[0]
    except (OSError, IndexError):
        return path.name
