"""A disk without a byte left: going back and holding need none. A small tmpfs, which only root can mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.files.atomic import append_durable, write_atomic
from framework.files.errors import FileError
from framework.files.spare import COUNT, keep_spares
from framework.gitops.agent.operator import hold_environment, release_environment, roll_back_environment
from framework.journal.entry import Kind
from tests.gitops.agent_cases import World

pytestmark = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to mount a disk")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> None:
    """Write until the disk takes no byte more."""
    with (disk / "fill").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    with pytest.raises(OSError, match="No space left"):
        (disk / "one more").write_bytes(bytes(4096))
    (disk / "one more").unlink()


def test_a_vital_file_is_written_into_a_spare_and_no_other_is(disk: Path) -> None:
    assert keep_spares(disk / "staging") == COUNT
    write_atomic(path=disk / "hold.json", data="old", staging=disk / "staging")
    fill(disk)
    with pytest.raises(FileError, match="No space left"):
        write_atomic(path=disk / "other", data="x" * 5_000, staging=disk / "staging")
    for number in range(COUNT):
        write_atomic(path=disk / "hold.json", data=f"{number}" * 5_000, staging=disk / "staging", vital=True)
        fill(disk)  # somebody takes every byte that was freed
        assert (disk / "hold.json").read_text() == f"{number}" * 5_000
    with pytest.raises(FileError, match="No space left"):
        write_atomic(path=disk / "hold.json", data="x" * 5_000, staging=disk / "staging", vital=True)
    assert (disk / "hold.json").read_text() == f"{COUNT - 1}" * 5_000


def test_what_is_appended_goes_into_room_that_was_taken_ahead(disk: Path) -> None:
    append_durable(path=disk / "journal", data=b"a" * 100, ahead=65_536)
    fill(disk)
    for _ in range(60):
        append_durable(path=disk / "journal", data=b"b" * 1_000, ahead=65_536)
    assert (disk / "journal").stat().st_size == 60_100


def test_an_operator_goes_back_and_holds_on_a_full_disk(disk: Path, tmp_path: Path) -> None:
    world = World(tmp_path)
    (world.home / "artifacts").mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "--bind", str(disk), str(world.home / "artifacts")], check=True)
    try:
        world.restart()
        world.poll()
        world.ask(tail_age_ms=700)
        world.poll()
        assert world.live() == {"tail_age_ms": 700}
        fill(disk)
        hold, _ = roll_back_environment(world.new_agent(), reason="it loses money")
        assert world.live() == {"tail_age_ms": 650}
        assert world.state_dir.hold.is_file()
        fill(disk)
        release_environment(world.new_agent(), reason="it was not that")
        fill(disk)
        again = hold_environment(world.new_agent(), reason="not yet")
        assert again.name != hold.name
        fill(disk)
        kinds = [Kind.ROLLBACK, Kind.QUARANTINED, Kind.HOLD, Kind.CLEARED, Kind.HOLD]
        assert world.kinds()[-5:] == [kind.value for kind in kinds]
    finally:
        subprocess.run(["umount", "-l", str(world.home / "artifacts")], check=True)
