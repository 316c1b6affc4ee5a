"""The watched file while its writer dies or the disk refuses: the live value stays whole, nothing is lost."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framework.files.atomic import write_atomic
from framework.files.errors import FileError
from framework.settings.errors import ConfigError
from framework.settings.watch import OverridesWatcher, Pace
from tests.command import REPOSITORY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 and its like are POSIX")

KILLED_AT = """
import io, os, signal, sys
path, staging, n, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
from pathlib import Path
from framework.files.atomic import write_atomic

done = 0
def step():
    global done
    done += 1
    if done == count:
        os.kill(os.getpid(), signal.SIGKILL)

def counted(call):
    def counting(*args, **more):
        step()
        result = call(*args, **more)
        step()
        return result
    return counting

class Pieces(io.FileIO):
    def write(self, data):
        for k in range(0, len(data), 16):
            step()
            super().write(data[k : k + 16])
        return len(data)

def opened(handle, mode):
    return io.BufferedWriter(Pieces(handle, mode))

for name in ("mkdir", "open", "fsync", "replace", "rename", "close", "unlink"):
    setattr(os, name, counted(getattr(os, name)))
os.fdopen = opened
write_atomic(path=Path(path), data='{"n": %d, "pad": "%s"}' % (n, "x" * 64), staging=Path(staging))
print(done)
"""


def load(data: bytes) -> int:
    try:
        return int(json.loads(data)["n"])
    except (ValueError, KeyError) as error:
        raise ConfigError(f"overrides.json: is torn ({error})") from error


class Followed:
    """A watched file that starts whole."""

    def __init__(self, place: Path) -> None:
        self.path, self.staging = place / "live" / "overrides.json", place / "staging"
        self.alerts: list[str] = []
        self.watcher = OverridesWatcher(
            self.path, load=load, on_alert=self.alerts.append, pace=Pace(poll_s=0.1, settle_s=0.01)
        )
        write_atomic(path=self.path, data='{"n": 0}', staging=self.staging)
        self.watcher.start()

    @property
    def value(self) -> int | None:
        return None if self.watcher.latest is None else self.watcher.latest.value

    def until(self, n: int) -> None:
        end = time.monotonic() + 10.0
        while self.value != n:
            assert time.monotonic() < end, (self.value, n, self.alerts)
            time.sleep(0.002)


@pytest.fixture
def followed(tmp_path: Path) -> Iterator[Followed]:
    made = Followed(tmp_path)
    yield made
    made.watcher.stop()


def test_a_writer_killed_at_any_operation_leaves_the_old_value_or_the_new_one(followed: Followed) -> None:
    kills, outcomes = 0, set()
    while True:
        n, before = kills + 1, followed.value
        words = [str(followed.path), str(followed.staging), str(n), str(kills + 1)]
        ended = subprocess.run(
            [sys.executable, "-c", KILLED_AT, *words],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        on_disk = load(followed.path.read_bytes())
        assert on_disk in (before, n)
        followed.until(on_disk)
        if ended.returncode == 0:
            break
        assert ended.returncode == -9, ended.stderr
        kills += 1
        outcomes.add(on_disk == n)
    assert kills >= 12
    assert outcomes == {False, True}  # some died before the rename, some after it
    assert followed.alerts == []
    assert [path.name for path in followed.path.parent.iterdir()] == ["overrides.json"]


class FullDisk(io.FileIO):
    """A file of which the disk takes the first ten bytes."""

    def write(self, data: Any) -> int:
        super().write(bytes(data)[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["open", "fdopen", "fsync", "replace", "mkdir"])
def test_a_full_disk_at_any_operation_leaves_the_old_value(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asked: Any = full
    if call == "fdopen":
        asked = lambda handle, mode: io.BufferedWriter(FullDisk(handle, mode))  # noqa: E731
    with monkeypatch.context() as broken:
        broken.setattr(os, call, asked)
        with pytest.raises(FileError, match="No space left on device"):
            write_atomic(path=followed.path, data='{"n": 1}', staging=followed.staging / "new")
    assert json.loads(followed.path.read_text()) == {"n": 0}
    time.sleep(0.25)  # two polls
    assert followed.value == 0
    assert followed.alerts == []
    write_atomic(path=followed.path, data='{"n": 2}', staging=followed.staging)
    followed.until(2)


def test_a_disk_that_fills_under_a_writer_in_place_leaves_the_last_good_value(followed: Followed) -> None:
    followed.path.write_bytes(b'{"n": 7, "pa')  # what a write in place leaves that found no room
    end = time.monotonic() + 10.0
    while not followed.alerts:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert followed.value == 0
    assert "is torn" in followed.alerts[0]
    write_atomic(path=followed.path, data='{"n": 8}', staging=followed.staging)
    followed.until(8)
    assert followed.watcher.fault is None
