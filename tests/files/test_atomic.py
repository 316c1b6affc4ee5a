"""Files replaced as a whole, and canonical JSON."""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from framework.files import atomic as files
from framework.files.atomic import canonical_json, locked, read_text, sha256_of, write_atomic, write_json
from framework.files.cache import user_cache
from framework.files.errors import FileError


def test_a_write_replaces_the_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.json"
    write_json(path=path, value={"b": 1, "a": [1.5, None]})
    write_atomic(path=path, data="new\n")
    assert path.read_bytes() == b"new\n"
    assert [p.name for p in path.parent.iterdir()] == ["report.json"]


def test_a_failed_write_leaves_the_old_content_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "value.json"
    write_atomic(path=path, data="old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(FileError, match=r"value\.json: cannot write: No space left on device"):
        write_atomic(path=path, data="new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["value.json"]


def test_the_temporary_file_lies_in_the_staging_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Path] = []
    write = files._write_through

    def spy(path: Path, pieces: Iterable[bytes | str]) -> None:
        seen.append(path)
        write(path, pieces)

    monkeypatch.setattr(files, "_write_through", spy)
    write_atomic(path=tmp_path / "watched" / "x.yaml", data="x", staging=tmp_path / "staging")
    assert [path.parent for path in seen] == [tmp_path / "staging"]
    assert os.listdir(tmp_path / "watched") == ["x.yaml"]


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="absent: cannot read: No such file"):
        read_text(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"ok \xff")
    with pytest.raises(FileError, match=r"binary: is not UTF-8 text \(byte 3\)"):
        read_text(tmp_path / "binary")


def test_canonical_json_is_sorted_compact_and_finite() -> None:
    assert canonical_json({"b": 0.1, "a": {"d": None, "c": "é"}}) == '{"a":{"c":"é","d":null},"b":0.1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"a": float("nan")})


def test_the_hash_of_a_text_is_its_sha256() -> None:
    assert sha256_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.skipif(os.name != "posix", reason="Windows knows a home in other ways")
def test_a_user_without_a_home_is_told_how_to_name_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUOTEOPS_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    with pytest.raises(FileError, match="this user has no home; allowed QUOTEOPS_CACHE=FOLDER"):
        user_cache()


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    said = rf"{tmp_path}/\.x\.lock: cannot lock: No locks available; allowed a local file system"
    with pytest.raises(FileError, match=said), locked(path=tmp_path / "x", timeout_s=0.0):
        pass
