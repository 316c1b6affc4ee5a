"""What stands in a file's place: nothing waits for it, nothing reads beyond a bound, and it can be moved."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.files.atomic import append_durable, locked, write_atomic
from framework.files.errors import FileError, HeldError, MissingError, UnfitError
from framework.files.plain import kind_of, move_aside, open_plain, read_plain


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("x")


def link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def loop(path: Path) -> None:
    path.symlink_to(path)


def listener(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the name of a socket is short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


PLACED: dict[str, Callable[[Path], None]] = {
    "a pipe": pipe,
    "a folder": folder,
    "a link": link,
    "a link to itself": loop,
    "a socket": listener,
}


@pytest.mark.parametrize("kind", PLACED)
def test_what_is_no_plain_file_is_named_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    PLACED[kind](path)
    named = kind.removesuffix(" to itself")
    with pytest.raises(UnfitError, match=f"file: is {named}; allowed a plain file"):
        read_plain(path)
    assert kind_of(path) == named


def test_a_file_of_three_gigabytes_is_not_read(tmp_path: Path) -> None:
    huge(tmp_path / "file")
    with pytest.raises(UnfitError, match="has more than 1000000 bytes"):
        read_plain(tmp_path / "file")


def test_a_device_is_not_read() -> None:
    with pytest.raises(UnfitError, match="is a device"):
        read_plain(Path("/dev/zero"))


def test_a_missing_file_is_told_from_an_unfit_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="No such file"):
        read_plain(tmp_path / "file")
    assert kind_of(tmp_path / "file") == ""


def test_a_reader_that_allows_links_follows_them_but_reads_no_pipe(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("x")
    (tmp_path / "to").symlink_to("real")
    pipe(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    with open_plain(tmp_path / "to", links=True) as file:
        assert file.read() == b"x"
    with pytest.raises(UnfitError):
        open_plain(tmp_path / "to-pipe", links=True)


@pytest.mark.parametrize("kind", PLACED)
def test_a_write_with_a_staging_folder_takes_the_place_of_anything(tmp_path: Path, kind: str) -> None:
    path, staging = tmp_path / "live" / "file", tmp_path / "staging"
    path.parent.mkdir()
    PLACED[kind](path)
    write_atomic(path=path, data="new", staging=staging)
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["file"]


def test_a_file_in_the_place_of_a_folder_is_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("x")
    pipe(tmp_path / "staging")
    write_atomic(path=tmp_path / "live" / "file", data="new", staging=tmp_path / "staging")
    assert (tmp_path / "live" / "file").read_text() == "new"


def test_without_a_staging_folder_nobodys_folder_is_moved(tmp_path: Path) -> None:
    folder(tmp_path / "mine")
    with pytest.raises(FileError):
        write_atomic(path=tmp_path / "mine", data="x")
    assert (tmp_path / "mine" / "inside").read_text() == "x"


def test_a_plain_file_is_not_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert move_aside(tmp_path / "file", into=tmp_path) is None
    assert move_aside(tmp_path / "none", into=tmp_path) is None


@pytest.mark.parametrize("kind", PLACED)
def test_nothing_is_appended_to_what_is_no_file(tmp_path: Path, kind: str) -> None:
    PLACED[kind](tmp_path / "file")
    with pytest.raises(FileError):
        append_durable(path=tmp_path / "file", data=b"x")


@pytest.mark.parametrize("kind", PLACED)
def test_a_lock_is_taken_whatever_stands_in_its_files_place(tmp_path: Path, kind: str) -> None:
    PLACED[kind](tmp_path / ".turn.lock")
    turn, named = tmp_path / "turn", rf"another process \({os.getpid()}, since "
    with (
        locked(path=turn, timeout_s=0.0),
        pytest.raises(HeldError, match=named),
        locked(path=turn, timeout_s=0.0),
    ):
        pass
