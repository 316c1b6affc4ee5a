"""How soon a replaced overrides file is in force: the watcher's own figures beside the floor it stands on.

    python -m benchmarks.hot_reload [--replaces 20000] [--paced 400]

Each paced replace is os.replace of a whole file from a folder beside the watched one, as the agent does it;
the figure is from the rename's beginning to the validated snapshot being what a tick would read. The floor,
measured in the same run, is os.replace to a bare watchdog callback that does nothing. The backstop is the
same with events switched off. The rapid run replaces as fast as another process can, and a reader looks at
every snapshot for one that is torn or refused.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import timeit
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from watchdog.events import FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers.inotify import InotifyObserver

from framework.engine.paced import MonotonicClock
from framework.session.iterations import Outside
from framework.session.reload import LiveSettings, Offer, Reload
from framework.session.replay import SoakReplay
from framework.session.window import open_window
from framework.settings.compose import Composed, compose_run
from framework.settings.watch import OverridesWatcher, Snapshot

GOALS = {"p50": 1.0, "p99": 10.0}
"""Milliseconds; source: the measures of the project's design."""
HANG_S = 10.0

WRITER = """
import os, sys
path, staged, count, kind = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
texts = sys.stdin.read().split("\\0")
for n in range(count):
    with open(staged, "w") as file:
        file.write(texts[n % len(texts)])
    os.replace(staged, path)
"""


def text_of(n: int, kind: str) -> str:
    """Give a valid patch of two values that name each other: 61 states."""
    spread, rate = round(0.01 * (n % 61), 2), 120 + n % 61
    values = {"base_spread_bps_delta": spread, "replace_rate_per_min": rate}
    if kind == "json":
        rendered = {"overrides": values, "reason": "bench", "owner": "bench", "commit": f"{n:040x}"}
        return json.dumps(rendered)
    body = "".join(f"  {name}: {value}\n" for name, value in values.items())
    return f"reason: bench\nowner: bench {n}\noverrides:\n{body}"


def whole(offer: Offer) -> bool:
    """Tell whether the two values of a snapshot are of one state."""
    values = offer.patch.values
    return bool(round(values["base_spread_bps_delta"] * 100) == values["replace_rate_per_min"] - 120)


class Place:
    """A watched folder, one to stage files in, and live settings that judge as a soak's does."""

    def __init__(self, folder: Path, *, composed: Composed, kind: str) -> None:
        self.folder, self.staging = folder / "live", folder / "staging"
        self.folder.mkdir(parents=True)
        self.staging.mkdir()
        self.path, self.kind = self.folder / f"overrides.{kind}", kind
        self.alerts: list[str] = []
        self.composed = composed
        self.live = LiveSettings(composed.settings, composed.patched)
        self.watcher: OverridesWatcher[Offer] = OverridesWatcher(
            self.path, load=self._load, on_alert=self.alerts.append
        )

    def _load(self, data: bytes) -> Offer:
        return self.live.offer(data.decode(), where=self.path.name, sha=sha256(data).hexdigest())

    def replace(self, text: str) -> int:
        """Rename a whole new file into place; give when that began (ns): others may act before it ends."""
        staged = self.staging / "next"
        with staged.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        put_ns = time.monotonic_ns()
        os.replace(staged, self.path)
        return put_ns


def paced(place: Place, *, count: int, gap_s: float) -> list[float]:
    """Replace now and then; give the ms from each rename to its snapshot."""
    found = []
    place.replace(text_of(0, place.kind))
    place.watcher.start()
    for n in range(1, count + 1):
        time.sleep(gap_s * (0.5 + n * 0.618 % 1.0))
        text = text_of(n, place.kind)
        put_ns = place.replace(text)
        latest = _live(place, text)
        found.append((latest.loaded_ns - put_ns) / 1e6)
    place.watcher.stop()
    return found


def floor(folder: Path, *, count: int, gap_s: float) -> list[float]:
    """Rename now and then; give the ms to a watchdog callback that only reads the clock."""
    live, staging = folder / "live", folder / "staging"
    live.mkdir(parents=True)
    staging.mkdir()
    called: list[int] = []

    class Bare(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            called.append(time.monotonic_ns())

    observer = InotifyObserver(generate_full_events=True)
    observer.schedule(Bare(), str(live), event_filter=[FileMovedEvent])
    observer.start()
    found = []
    for n in range(1, count + 1):
        time.sleep(gap_s * (0.5 + n * 0.618 % 1.0))
        (staging / "next").write_text(text_of(n, "json"))
        called.clear()
        put_ns = time.monotonic_ns()
        os.replace(staging / "next", live / "overrides.json")
        _wait(lambda: bool(called))
        found.append((called[0] - put_ns) / 1e6)
    observer.stop()
    observer.join()
    return found


def in_a_soak(place: Place, *, count: int, gap_s: float) -> tuple[list[float], float]:
    """Replace now and then while a soak runs on the wall clock.

    Gives the ms from each rename to the slice that trades the new value, and the ns of looking when nothing
    has come.
    """
    settings = place.composed.settings
    market = open_window(settings=settings)
    applied: dict[str, int] = {}

    def note(reload: Reload, _: Any) -> None:
        applied[reload.overrides_sha] = time.monotonic_ns()

    place.live.listeners.append(note)
    place.live.watcher = place.watcher
    place.replace(text_of(0, place.kind))
    place.watcher.start()
    put: dict[str, int] = {}

    def replacing() -> None:
        for n in range(1, count + 1):
            time.sleep(gap_s * (0.5 + n * 0.618 % 1.0))
            text = text_of(n, place.kind)
            put[sha256(text.encode()).hexdigest()] = place.replace(text)
        time.sleep(0.2)
        raise_stop.set()

    class Stop(Exception):
        """Enough has been measured."""

    def beat(_: int) -> None:
        if raise_stop.is_set():
            raise Stop

    raise_stop = threading.Event()
    replay = SoakReplay(
        settings=settings, market=market, outside=Outside(clock=MonotonicClock(), live=place.live, beat=beat)
    )
    writer = threading.Thread(target=replacing)
    writer.start()
    with contextlib.suppress(Stop):
        replay.run(replay.package)
    writer.join()
    place.watcher.stop()
    looks = 20_000
    once = timeit.timeit(lambda: place.live.poll(0, flat=lambda: False), number=looks) / looks * 1e9
    return [(applied[sha] - put_ns) / 1e6 for sha, put_ns in put.items() if sha in applied], once


def rapid(place: Place, *, count: int, bad_every: int) -> dict[str, int]:
    """Let another process replace as fast as it can, a refused text among them now and then."""
    texts = [text_of(n, place.kind) for n in range(61)]
    texts = [
        t[: len(t) // 2] if bad_every and k % bad_every == bad_every - 1 else t for k, t in enumerate(texts)
    ]
    place.replace(text_of(0, place.kind))
    place.watcher.start()
    seen, torn, done = 0, 0, threading.Event()

    def read() -> None:
        nonlocal seen, torn
        before: Any = None
        while not done.is_set():
            latest = place.watcher.latest
            if latest is not None and latest is not before:
                before = latest
                seen += 1
                torn += not whole(latest.value)
            time.sleep(0)

    reader = threading.Thread(target=read)
    reader.start()
    words = [
        sys.executable,
        "-c",
        WRITER,
        str(place.path),
        str(place.staging / "next"),
        str(count),
        place.kind,
    ]
    subprocess.run(words, input="\0".join(texts), text=True, check=True)
    place.replace(text_of(60_001, place.kind))
    _live(place, text_of(60_001, place.kind))
    done.set()
    reader.join()
    place.watcher.stop()
    return {
        "replaces": count,
        "snapshots seen": seen,
        "torn or refused seen": torn,
        "faults said": len(place.alerts),
    }


def _live(place: Place, text: str) -> Snapshot[Offer]:
    """Wait until a text is in force; give its snapshot."""
    digest = sha256(text.encode()).hexdigest()
    _wait(lambda: place.watcher.latest is not None and place.watcher.latest.digest == digest)
    assert place.watcher.latest is not None
    return place.watcher.latest


def _wait(ready: Callable[[], bool]) -> None:
    end = time.monotonic() + HANG_S
    while not ready():
        if time.monotonic() > end:
            raise SystemExit("hot reload: a change was never seen")
        time.sleep(0.005)  # the figures come from the snapshots; looking often would only disturb them


def shown(name: str, found: Sequence[float]) -> str:
    """Give one line of the table: median, p99 and worst in ms."""
    p50, p99 = np.percentile(found, [50, 99])
    return f"{name:<34}{p50:>10.3f}{p99:>10.3f}{max(found):>10.3f}{len(found):>8}"


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--replaces", type=int, default=20_000, help="of the rapid run (default 20000)")
    words.add_argument("--paced", type=int, default=400, help="of each paced run (default 400)")
    words.add_argument("--polled", type=int, default=20, help="of each run without events (default 20)")
    asked = words.parse_args()
    composed = compose_run(
        words=["soak.overrides_file=null", "soak.hours=0.05", "soak.iterations=1"], environ={}
    )
    print(f"hot reload on {platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'ms from rename to …':<34}{'p50':>10}{'p99':>10}{'max':>10}{'n':>8}")
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        bare = floor(base / "floor", count=asked.paced, gap_s=0.01)
        print(shown("floor: a bare watchdog callback", bare))
        for kind in ("json", "yaml"):
            place = Place(base / f"paced-{kind}", composed=composed, kind=kind)
            print(shown(f"{kind.upper()} validated and swapped", paced(place, count=asked.paced, gap_s=0.01)))
        place = Place(base / "soak", composed=composed, kind="json")
        found, looking_ns = in_a_soak(place, count=asked.paced // 4, gap_s=0.06)
        print(shown("JSON traded by a running soak", found))
        for kind in ("json", "yaml"):
            place = Place(base / f"poll-{kind}", composed=composed, kind=kind)
            with patch("framework.settings.watch._observer", side_effect=OSError(errno.EMFILE, "none left")):
                found = paced(place, count=asked.polled, gap_s=0.3)
            print(shown(f"{kind.upper()} without events (backstop)", found))
        for kind, bad_every in (("json", 0), ("json", 7), ("yaml", 7)):
            place = Place(base / f"rapid-{kind}-{bad_every}", composed=composed, kind=kind)
            counts = rapid(place, count=asked.replaces, bad_every=bad_every)
            said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
            print(f"{kind.upper()} {'with refused texts' if bad_every else 'valid texts'}: {said}")
    print(f"looking for a patch between two slices of 10 ms: {looking_ns:.0f} ns")
    print(
        f"goals: p50 <= {GOALS['p50']:g} ms, p99 <= {GOALS['p99']:g} ms, backstop 1 s, 0 torn or refused seen"
    )


if __name__ == "__main__":
    main()
