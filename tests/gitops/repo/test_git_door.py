"""What a repository may do to a reader: names of two meanings, history cut off, foreign owners, old locks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from framework.gitops.agent.serve import remote_of
from framework.gitops.errors import GitError
from framework.gitops.repo.git import Git
from tests.gitops.repository import Repo, bare


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.committed({"a": "1"})
    repo.git("branch", "other")
    repo.committed({"a": "2"})
    return repo


def test_a_tag_and_a_branch_of_one_name_are_one_name_too_many(repo: Repo) -> None:
    here, there = repo.git("rev-parse", "main"), repo.git("rev-parse", "other")
    assert repo.reader.rev("other") == there
    repo.git("tag", "other", here)
    for name in ("other", "other~0", "other^{commit}"):
        with pytest.raises(GitError, match="other is ambiguous; allowed refs/heads/other or refs/tags/other"):
            repo.reader.rev(name)
    assert repo.reader.rev("refs/heads/other") == there
    assert repo.reader.rev("refs/tags/other") == repo.reader.rev(here) == here
    repo.git("tag", "--force", "other", there)
    assert repo.reader.rev("other") == there


def test_a_branch_named_as_a_remotes_is_ambiguous(repo: Repo) -> None:
    repo.git("update-ref", "refs/remotes/origin/main", "other")
    assert repo.reader.rev("origin/main") == repo.reader.rev("other")
    repo.git("branch", "origin/main", "main")
    with pytest.raises(GitError, match="origin/main is ambiguous"):
        repo.reader.rev("origin/main")


def test_a_shallow_clone_says_so_instead_of_behind(repo: Repo, tmp_path: Path) -> None:
    old, new = repo.git("rev-parse", "main~1"), repo.git("rev-parse", "main")
    clone = tmp_path / "shallow"
    Git.mirror(clone)
    url = f"file://{repo.path}"
    flags = ("fetch", "--quiet", "--depth=1", url)
    Git(clone).run(*flags, "main:refs/heads/main", "other:refs/heads/other")
    with pytest.raises(GitError, match=r"is a shallow clone.*run git fetch --unshallow"):
        Git(clone).is_ancestor(old, new)
    assert repo.reader.is_ancestor(old, new)
    assert not repo.reader.is_ancestor(new, old)
    with pytest.raises(GitError, match=r"names no commit here.*run git fetch --unshallow"):
        Git(clone).rev("main~1")


def test_gits_own_reason_reaches_the_user(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    says = b"""fatal: detected dubious ownership in repository at '/x'
To add an exception for this directory, call:

\tgit config --global --add safe.directory /x
"""
    monkeypatch.setattr(Git, "attempt", lambda *_, **__: (128, b"", says))
    with pytest.raises(GitError, match=r"dubious ownership.*; git config --global --add safe.directory /x"):
        repo.reader.rev("main")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_owner_is_told_by_every_first_question(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    repo.git("remote", "add", "origin", "nowhere")
    assert remote_of(repo.path).endswith("nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for path in (repo.path, repo.path / ".git"):
        os.chown(path, 65534, 65534)
    with pytest.raises(GitError, match="dubious ownership"):
        remote_of(repo.path)
    with pytest.raises(GitError, match="dubious ownership"):
        repo.reader.rev("main")


def test_what_is_no_repository_is_told_in_gits_words(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository"):
        Git(tmp_path).rev("main")


@pytest.mark.parametrize("lock", ["refs/quoteops/fetched/main.lock", "packed-refs.lock"])
def test_a_dead_gits_lock_in_a_mirror_is_removed(repo: Repo, tmp_path: Path, lock: str) -> None:
    remote = bare(tmp_path / "remote.git")
    repo.git("push", "--quiet", str(remote), "main")
    mirror = Git.mirror(tmp_path / "mirror.git")
    mirror.fetch(str(remote), "main")
    new = repo.committed({"a": "3"})
    repo.git("push", "--quiet", str(remote), "main")
    path = mirror.repo / lock
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if lock.startswith("refs"):
        with pytest.raises(GitError, match="File exists"):  # a young one may be another git's, at work
            mirror.fetch(str(remote), "main")
    os.utime(path, (1, 1))
    assert mirror.fetch(str(remote), "main") == new
    if lock.startswith("refs"):
        assert not path.exists()


def test_a_lock_in_a_persons_clone_is_left_alone(repo: Repo) -> None:
    path = repo.path / ".git" / "refs" / "heads" / "other.lock"
    path.touch()
    os.utime(path, (1, 1))
    with pytest.raises(GitError, match="File exists"):
        repo.reader.run("update-ref", "refs/heads/other", "main")
    assert path.exists()


def test_a_name_that_is_not_utf8_is_refused_where_it_comes_in_and_shown_where_it_leaves(repo: Repo) -> None:
    before, blob = (
        repo.reader.rev("main"),
        repo.reader.run("hash-object", "-w", "--stdin", input=b"x").strip(),
    )
    row = b"100644 blob " + blob + b"\tcaf\xe9.txt\0"
    listed = repo.reader.run("ls-tree", "-z", before)
    tree = repo.reader.run("mktree", "-z", input=listed + row).decode().strip()
    odd = repo.git("commit-tree", "-p", before, "-m", "odd", tree)
    with pytest.raises(GitError, match=r"caf\\xe9.txt' is not a UTF-8 path; allowed UTF-8 names"):
        repo.reader.check_added(before, odd)
    repo.reader.check_added(odd, before)
    assert repo.reader.changed(odd, before) == [r"caf\xe9.txt"]
    assert set(repo.reader.files(odd)) - set(repo.reader.files(before)) == {r"caf\xe9.txt"}
    with pytest.raises(GitError, match="is not a path inside the repository that every system can hold"):
        repo.reader.export(odd, repo.reader.files(odd), repo.path / "out")


def test_a_shallow_remote_is_named_whatever_was_fetched_before(repo: Repo, tmp_path: Path) -> None:
    remote, url = tmp_path / "remote.git", f"file://{repo.path}"
    Git.mirror(remote).run("fetch", "--quiet", "--depth=1", url, "main:refs/heads/main")
    fresh, used = Git.mirror(tmp_path / "fresh"), Git.mirror(tmp_path / "used")
    used.fetch(url, "other")
    used.run("update-ref", "refs/quoteops/fetched/main", repo.reader.rev("other"))
    for mirror in (fresh, used):
        with pytest.raises(GitError, match=r"is a shallow clone.*run git fetch --unshallow there"):
            mirror.fetch(f"file://{remote}", "main")
