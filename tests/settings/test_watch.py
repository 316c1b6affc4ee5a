"""The watcher follows every way a file can change and never lets a half-written or refused state live."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import pytest

from framework.files.atomic import write_atomic
from framework.settings.errors import ConfigError
from framework.settings.watch import LIMIT, OverridesWatcher, Pace

PATIENCE_S = 10.0
"""A hang, not a measure."""
posix = pytest.mark.skipif(os.name != "posix", reason="links and pipes are POSIX")


def load(data: bytes) -> int:
    """Make the value of two numbers that must agree: a state of two writes at once does not."""
    try:
        value = json.loads(data)
        if value["a"] != value["b"]:
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"patch: {data[:40]!r} is torn; allowed two equal numbers") from error
    return int(value["a"])


def text(n: int) -> bytes:
    """Give the bytes of a valid state, longer and shorter in turn."""
    return json.dumps({"a": n, "pad": "x" * (n * 37 % 500), "b": n}).encode()


def out_of_watches() -> NoReturn:
    raise OSError(errno.EMFILE, "too many")


class Bench:
    """A watched folder, the folder beside it where files are staged, and what the watcher said."""

    def __init__(self, place: Path) -> None:
        self.folder, self.staging = place / "live", place / "staging"
        self.folder.mkdir()
        self.staging.mkdir()
        self.path = self.folder / "overrides.json"
        self.alerts: list[str] = []
        self.recoveries: list[str] = []
        self.watcher: OverridesWatcher[int] = self.make()

    def make(self, **more: Any) -> OverridesWatcher[int]:
        words: dict[str, Any] = {"poll_s": 0.2, "settle_s": 0.02, "hold_s": 0.6, **more}
        others = {name: words.pop(name) for name in set(words) - {f.name for f in fields(Pace)}}
        return OverridesWatcher(
            self.path,
            load=load,
            on_alert=self.alerts.append,
            on_recovery=self.recoveries.append,
            pace=Pace(**words),
            **others,
        )

    def start(self, **more: Any) -> None:
        self.watcher = self.make(**more)
        self.watcher.start()

    def put(self, n: int) -> None:
        write_atomic(path=self.path, data=text(n), staging=self.staging)

    @property
    def value(self) -> int | None:
        return None if self.watcher.latest is None else self.watcher.latest.value

    def until(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < end, f"still {self.watcher.latest}, {self.watcher.fault}, {self.alerts}"
            time.sleep(0.002)

    def until_said(self, count: int) -> None:
        self.until(lambda: len(self.alerts) == count)

    def until_value(self, n: int) -> None:
        self.until(lambda: self.value == n)


@pytest.fixture(params=[True, False], ids=["events", "poll alone"])
def heard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what a watcher is started with, on a system that tells of changes and on one that cannot."""
    if request.param:
        return {}
    monkeypatch.setattr("framework.settings.watch._observer", out_of_watches)
    return {"on_polled": lambda _: None}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.watcher.stop()


def test_the_first_look_is_part_of_starting(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    assert (bench.value, bench.watcher.fault, bench.alerts) == (1, None, [])


def test_a_file_that_has_never_been_there_is_no_fault_and_is_taken_when_it_comes(bench: Bench) -> None:
    bench.start()
    time.sleep(0.3)
    assert (bench.value, bench.watcher.fault, bench.alerts) == (None, None, [])
    bench.put(1)
    bench.until_value(1)


def test_a_replaced_file_is_a_new_snapshot_with_the_hash_of_its_bytes(bench: Bench) -> None:
    from hashlib import sha256

    bench.put(1)
    bench.start()
    first = bench.watcher.latest
    bench.put(2)
    bench.until_value(2)
    second = bench.watcher.latest
    assert first is not None
    assert second is not None
    assert (first.generation, second.generation) == (1, 2)
    assert second.digest == sha256(text(2)).hexdigest()
    assert first.value == 1  # a snapshot taken before stays what it was
    assert second.seen_ns <= second.loaded_ns


def test_the_same_bytes_are_no_new_generation(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    for _ in range(5):
        bench.put(1)
        os.utime(bench.path)
        time.sleep(0.03)
    bench.put(2)
    bench.until_value(2)
    assert bench.watcher.latest is not None
    assert bench.watcher.latest.generation == 2


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b'{"a": 1, "b"', "is torn"),
        (b"\xff\xfe", "cannot be judged|is torn"),
        (b"x" * (LIMIT + 1), "is larger than 1048576 bytes"),
    ],
    ids=["empty", "blank", "invalid", "binary", "large"],
)
def test_what_cannot_be_used_leaves_the_last_good_value_and_is_said_once(
    bench: Bench, bad: bytes, said: str, heard: dict[str, Any]
) -> None:
    import re

    bench.put(1)
    bench.start(**heard)
    write_atomic(path=bench.path, data=bad, staging=bench.staging)
    bench.until(lambda: bool(bench.alerts))
    time.sleep(0.5)  # two polls more
    assert bench.value == 1
    (line,) = bench.alerts
    assert re.search(said, line)
    assert line.endswith("generation 1 stays in force")
    assert "\n" not in line
    assert bench.watcher.fault is not None
    bench.put(1)
    bench.until(lambda: bench.watcher.fault is None)
    assert len(bench.recoveries) == 1
    assert bench.watcher.latest is not None
    assert bench.watcher.latest.generation == 1


def test_each_distinct_fault_is_said(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    for n in range(3):
        write_atomic(path=bench.path, data=b"bad %d" % n, staging=bench.staging)
        bench.until_said(n + 1)
    write_atomic(path=bench.path, data=b"bad 0", staging=bench.staging)
    time.sleep(0.3)
    assert len(bench.alerts) == 3


def test_a_deleted_file_leaves_its_value_and_a_recreated_one_is_taken(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    bench.path.unlink()
    bench.until(lambda: bool(bench.alerts))
    assert "is missing" in bench.alerts[0]
    assert bench.value == 1
    bench.path.write_bytes(text(2))
    bench.until_value(2)
    assert bench.watcher.fault is None


@posix
def test_a_loop_of_links_a_pipe_and_a_folder_are_faults_not_hangs(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    bench.path.unlink()
    bench.path.symlink_to(bench.path.name)
    bench.until(lambda: "symbolic links" in "".join(bench.alerts))
    bench.path.unlink()
    os.mkfifo(bench.path)
    bench.until(lambda: "is not a plain file" in "".join(bench.alerts))
    bench.path.unlink()
    bench.path.mkdir()
    bench.until(lambda: bench.watcher.fault is not None and "pl" in bench.watcher.fault.reason)
    assert bench.value == 1
    bench.path.rmdir()
    bench.put(2)
    bench.until_value(2)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_fault(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    bench.path.chmod(0)
    bench.until(lambda: "cannot be read" in "".join(bench.alerts))
    bench.path.chmod(0o644)
    bench.until(lambda: bench.watcher.fault is None)
    assert bench.value == 1


def test_an_editor_that_moves_the_old_file_aside_and_writes_a_new_one_is_followed(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    for n in range(2, 8):  # vim with backup: rename, create, write in pieces, close, delete the backup
        backup = bench.folder / "overrides.json~"
        bench.path.rename(backup)
        with bench.path.open("wb", buffering=0) as file:
            for byte in text(n):
                file.write(bytes([byte]))
        backup.unlink()
        (bench.folder / "4913").touch()
        (bench.folder / "4913").unlink()
        bench.until_value(n)
    assert not [line for line in bench.alerts if "torn" in line]


def test_an_editor_that_writes_beside_and_renames_is_followed(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    for n in range(2, 8):
        beside = bench.folder / ".overrides.json.swp"
        beside.write_bytes(text(n))
        beside.rename(bench.path)
        bench.until_value(n)
    assert bench.alerts == []


@posix
def test_kubernetes_swaps_a_link_to_a_folder(bench: Bench, heard: dict[str, Any]) -> None:
    def mount(n: int) -> None:
        version = bench.folder / f"..2026_{n}"
        version.mkdir()
        (version / "overrides.json").write_bytes(text(n))
        fresh = bench.folder / "..data_tmp"
        fresh.symlink_to(version.name)
        fresh.rename(bench.folder / "..data")
        if n > 1:
            shutil.rmtree(bench.folder / f"..2026_{n - 1}")

    mount(1)
    bench.path.symlink_to(Path("..data") / "overrides.json")
    bench.start(**heard)
    for n in range(2, 8):
        mount(n)
        bench.until_value(n)
    assert bench.alerts == []


def test_a_folder_deleted_and_made_anew_is_watched_again(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    for n in (2, 3):
        shutil.rmtree(bench.folder)
        bench.until(lambda: bench.watcher.fault is not None)
        assert bench.value == n - 1
        bench.folder.mkdir()
        bench.put(n)
        bench.until_value(n)
    bench.put(9)
    bench.until_value(9)


def test_a_folder_swapped_for_another_is_watched_again(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    other = bench.folder.with_name("other")
    other.mkdir()
    (other / "overrides.json").write_bytes(text(2))
    bench.folder.rename(bench.folder.with_name("old"))
    other.rename(bench.folder)
    bench.until_value(2)
    bench.put(3)
    bench.until_value(3)


def test_events_that_go_silent_are_stood_in_for_by_the_poll(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    bench.watcher.hear = lambda kind: None  # type: ignore[method-assign]
    bench.put(2)
    bench.until_value(2)


def test_a_slow_writer_in_place_never_shows_a_half(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    whole = text(2)
    with bench.path.open("wb", buffering=0) as file:
        for part in (whole[:9], whole[9:20], whole[20:]):
            file.write(part)
            time.sleep(0.1)  # longer than it takes to settle: but the writer has not closed it
            assert bench.value == 1
    bench.until_value(2)
    assert bench.alerts == []


def test_a_writer_that_never_closes_is_believed_after_a_while(bench: Bench) -> None:
    bench.put(1)
    bench.start()
    with bench.path.open("wb", buffering=0) as file:
        file.write(text(2))
        bench.until_value(2)


WRITER = """
import os, sys, time
path, staging, count, kind = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
import json
def text(n):
    return json.dumps({"a": n, "pad": "x" * (n * 37 % 500), "b": n}).encode()
handle = os.open(path, os.O_WRONLY)
for n in range(1, count + 1):
    if kind == "replace":
        with open(staging, "wb") as file:
            file.write(b"{" if n % 10 == 5 else text(n))
        os.replace(staging, path)
    else:  # over the old bytes, in two writes: a reader between them sees both versions
        data = text(n).ljust(600)
        handle = os.open(path, os.O_WRONLY | (os.O_TRUNC if n % 2 else 0))
        os.write(handle, data[:300])
        os.write(handle, data[300:])
        os.close(handle)
        time.sleep(0.001)
"""


def hammered(bench: Bench, *, count: int, kind: str) -> tuple[list[int], int]:
    """Let another process write ``count`` states while a reader takes every snapshot; give what was live."""
    live: list[int] = []
    done = threading.Event()

    def read() -> None:
        seen = None
        while not done.is_set():
            now = bench.watcher.latest
            if now is not seen and now is not None:
                live.append(now.value)
                seen = now
            time.sleep(0.0005)

    reader = threading.Thread(target=read)
    reader.start()
    words = [sys.executable, "-c", WRITER, str(bench.path), str(bench.staging / "next"), str(count), kind]
    subprocess.run(words, check=True, timeout=60)
    bench.until_value(count)
    done.set()
    reader.join()
    assert bench.watcher.latest is not None
    return live, bench.watcher.latest.generation


@pytest.mark.slow
def test_of_twenty_thousand_rapid_replaces_no_torn_or_refused_value_is_ever_live(bench: Bench) -> None:
    bench.put(0)
    bench.start()
    live, generation = hammered(bench, count=20_000, kind="replace")
    assert live == sorted(live)  # never an older one again
    assert all(n % 10 != 5 for n in live)
    assert generation > 10
    assert not [line for line in bench.alerts if "judged" in line or "failed" in line]


def test_writes_in_place_are_seen_torn_and_are_never_live_torn(bench: Bench) -> None:
    bench.put(0)
    bench.start()
    live, _ = hammered(bench, count=600, kind="in place")
    assert live == sorted(live)


def test_an_error_of_our_own_does_not_end_the_watching(bench: Bench) -> None:
    def broken(data: bytes) -> int:
        if data == text(2):
            raise ZeroDivisionError("a bug")
        return load(data)

    bench.put(1)
    bench.watcher = OverridesWatcher(
        bench.path, load=broken, on_alert=bench.alerts.append, pace=Pace(poll_s=0.2)
    )
    bench.watcher.start()
    bench.put(2)
    bench.until(lambda: bool(bench.alerts))
    assert "cannot be judged: ZeroDivisionError" in bench.alerts[0]
    bench.put(3)
    bench.until_value(3)


def test_stopping_leaves_the_value_and_no_thread(bench: Bench) -> None:
    bench.put(1)
    before = threading.active_count()
    bench.start()
    bench.watcher.stop()
    assert bench.value == 1
    assert threading.active_count() == before
