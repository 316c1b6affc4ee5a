"""A slow remote is waited for, a silent one is not, and what a killed fetch leaves goes."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from framework.gitops.errors import GitError
from framework.gitops.repo.git import Git
from framework.gitops.repo.leftovers import sweep
from tests.gitops.repository import Repo, bare
from tests.gitops.slow_remote import line_to

SIZE = 240_000
"""Bytes that no compression makes fewer."""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    repo = Repo(tmp_path / "dev")
    repo.write("noise", random.Random(1).randbytes(SIZE))
    repo.commit()
    place = bare(tmp_path / "remote.git")
    repo.git("push", "--quiet", str(place), "main")
    return place


def packs(mirror: Path) -> list[str]:
    """Give the half-written packs of a mirror."""
    return [path.name for path in (mirror / "objects" / "pack").glob("tmp_*")]


def test_a_fetch_that_takes_longer_than_the_limit_is_waited_for_while_it_moves(
    remote: Path, tmp_path: Path
) -> None:
    with line_to(remote) as line:
        line.bytes_a_second = SIZE // 4
        mirror = Git.mirror(tmp_path / "mirror.git", timeout_s=1.5)
        assert mirror.fetch(line.url, "main") == Git(remote).rev("main")


def test_a_remote_that_falls_silent_is_left_and_its_half_pack_goes(remote: Path, tmp_path: Path) -> None:
    place = tmp_path / "mirror.git"
    with line_to(remote) as line:
        mirror = Git.mirror(place, timeout_s=1.0)
        line.dies_after = SIZE // 2
        with pytest.raises(GitError, match="no answer within 1 s"):
            mirror.fetch(line.url, "main")
        line.dies_after = None
        for rest in (place / "objects" / "pack").glob("tmp_*"):
            os.utime(rest, (1, 1))
        mirror.timeout_s = 20.0
        assert mirror.fetch(line.url, "main") == Git(remote).rev("main")
    assert packs(place) == []


@pytest.mark.parametrize("name", ["refs/quoteops/fetched/main.lock", "packed-refs.lock", "HEAD.lock"])
@pytest.mark.parametrize("moment", [1, 4_000_000_000])
def test_a_lock_that_nobody_holds_is_removed_while_the_agent_runs(
    remote: Path, tmp_path: Path, name: str, moment: int
) -> None:
    mirror = Git.mirror(tmp_path / "mirror.git")
    mirror.fetch(str(remote), "main")
    lock = tmp_path / "mirror.git" / name
    lock.write_bytes(b"")
    os.utime(lock, (moment, moment))
    parent = Git(remote).rev("main")
    fresh = Git(remote).commit_files(parent, {"a": b"b"}, "more\n")
    Git(remote).run("update-ref", "refs/heads/main", fresh)
    assert mirror.fetch(str(remote), "main") == fresh
    assert not lock.exists()


def test_a_lock_of_this_moment_is_somebody_s(tmp_path: Path) -> None:
    mirror = Git.mirror(tmp_path / "mirror.git")
    lock = mirror.repo / "refs" / "x.lock"
    lock.write_bytes(b"")
    assert sweep(mirror.repo) == []
    assert sweep(mirror.repo, older_s=0.0) == ["refs/x.lock"]


def test_nothing_of_a_person_s_clone_is_removed(remote: Path, tmp_path: Path) -> None:
    clone = Repo(tmp_path / "clone")
    lock = clone.path / ".git" / "refs" / "x.lock"
    lock.write_bytes(b"")
    os.utime(lock, (1, 1))
    clone.reader.fetch(str(remote), "main")
    assert lock.exists()


@pytest.mark.parametrize("kind", ["pipe", "file", "pipe for a head"])
def test_what_is_no_mirror_is_made_anew(remote: Path, tmp_path: Path, kind: str) -> None:
    place = tmp_path / "mirror.git"
    if kind == "pipe for a head":
        Git.mirror(place)
        (place / "HEAD").unlink()
        os.mkfifo(place / "HEAD")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.write_text("x")
    assert Git.mirror(place).fetch(str(remote), "main")


def test_what_is_under_way_ends_with_its_agent(remote: Path, tmp_path: Path) -> None:
    mirror = Git.mirror(tmp_path / "mirror.git")
    mirror.processes.end()
    with pytest.raises(GitError, match="the agent ends"):
        mirror.fetch(str(remote), "main")
