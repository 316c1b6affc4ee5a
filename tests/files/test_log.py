"""A file of lines that a crash may tear, that one process writes, and that a full disk ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framework.files.errors import FileError, HeldError
from framework.files.log import CHUNK, Log, whole_lines


def marked(tail: bytes) -> bytes:
    return b"torn:%d\n" % len(tail)


def opened(path: Path) -> Log:
    return Log(path, sealed=marked)


def test_lines_are_added_after_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "below" / "log"
    for line in (b"one\n", b"two\n"):
        log = opened(path)
        log.append(line, durable=True)
        log.close()
    assert list(whole_lines(path)) == [b"one\n", b"two\n"]


@pytest.mark.parametrize("tail", [b"t", b'{"half":', b"x" * (2 * CHUNK + 7), b"\xff\xfe"])
@pytest.mark.parametrize("before", [b"", b"one\n", b"y" * CHUNK + b"\n"])
def test_a_torn_line_is_sealed_and_everything_before_it_stays(
    tmp_path: Path, before: bytes, tail: bytes
) -> None:
    path = tmp_path / "log"
    path.write_bytes(before + tail)
    opened(path).close()
    assert path.read_bytes() == before + marked(tail)


def test_one_process_writes(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    with pytest.raises(HeldError, match="is held by another process"):
        opened(tmp_path / "log")
    log.close()
    opened(tmp_path / "log").close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_after_a_refusal_nothing_is_added(tmp_path: Path) -> None:
    log = opened(tmp_path / "log")
    log.append(b"one\n", durable=True)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, log._handle)
    for _ in range(2):
        with pytest.raises(FileError, match="log: cannot append: No space left on device"):
            log.append(b"two\n", durable=True)
    log.close()
    os.close(full)
    assert list(whole_lines(tmp_path / "log")) == [b"one\n"]


def test_a_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is a folder; allowed a plain file"):
        opened(tmp_path)
