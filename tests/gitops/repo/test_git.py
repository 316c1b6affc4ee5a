"""git as the framework uses it: no worktree, no hooks, no prompts, an end to every wait."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from framework.gitops.errors import BranchMissing, GitError, PushRejected, SignatureError
from framework.gitops.repo.git import MAX_BLOB, Git
from framework.gitops.repo.signatures import verify_commit
from tests.gitops.repository import Repo, bare, ssh_key

needs_keys = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.committed({"conf/a.yaml": "a: 1\n", "conf/deep/b.yaml": "b: 2\n", "README.md": "hello\n"})
    return repo


def exported(repo: Repo, folder: str, into: Path) -> list[str]:
    """Export a folder of the newest commit; return what was written."""
    repo.reader.export("HEAD", repo.reader.files("HEAD", folder), into)
    return [path.relative_to(into).as_posix() for path in into.rglob("*") if path.is_file()]


def test_files_are_listed_by_folder_with_mode_and_size(repo: Repo) -> None:
    found = repo.reader.files("HEAD", "conf")
    assert list(found) == ["conf/a.yaml", "conf/deep/b.yaml"]
    assert (found["conf/a.yaml"].mode, found["conf/a.yaml"].size) == ("100644", 5)


def test_a_prefix_is_a_path_and_never_a_pattern(repo: Repo) -> None:
    repo.committed({"conf*": "star", "confetti/c": "c"})
    assert list(repo.reader.files("HEAD", "conf*")) == ["conf*"]


def test_a_file_is_shown_by_commit_and_none_where_there_is_none(repo: Repo) -> None:
    git, first = repo.reader, repo.git("rev-parse", "HEAD")
    repo.committed({"conf/a.yaml": "a: 9\n"})
    assert git.show(first, "conf/a.yaml") == b"a: 1\n"
    assert git.show("HEAD", "conf/a.yaml") == b"a: 9\n"
    assert git.show("HEAD", "conf/none.yaml") is None
    with pytest.raises(GitError, match="conf: is a folder"):
        git.show("HEAD", "conf")


def test_an_edit_of_the_worktree_is_not_seen(repo: Repo) -> None:
    repo.write("conf/a.yaml", "a: 666\n")
    assert repo.reader.show("HEAD", "conf/a.yaml") == b"a: 1\n"


def test_a_replaced_object_is_not_what_is_read(repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    other = repo.committed({"conf/a.yaml": "a: 666\n"})
    repo.git("replace", first, other)
    assert repo.reader.show(first, "conf/a.yaml") == b"a: 1\n"


def test_an_export_writes_the_files_as_they_were_committed(repo: Repo, tmp_path: Path) -> None:
    repo.committed({".gitattributes": "*.yaml text eol=crlf\n", "conf/name with space.yaml": "c: 3\n"})
    into = tmp_path / "into"
    assert len(exported(repo, "conf", into)) == 3
    assert (into / "conf" / "a.yaml").read_bytes() == b"a: 1\n"
    assert (into / "conf" / "name with space.yaml").read_bytes() == b"c: 3\n"
    assert not (into / "README.md").exists()


def test_an_export_of_nothing_writes_nothing(repo: Repo, tmp_path: Path) -> None:
    assert exported(repo, "nowhere", tmp_path / "into") == []


def test_a_symbolic_link_is_neither_exported_nor_shown(repo: Repo, tmp_path: Path) -> None:
    (repo.path / "conf" / "link.yaml").symlink_to(tmp_path / "secret")
    repo.commit()
    for read in (
        lambda: exported(repo, "conf", tmp_path / "into"),
        lambda: repo.reader.show("HEAD", "conf/link.yaml"),
    ):
        with pytest.raises(GitError, match=r"conf/link.yaml: is a symbolic link; allowed plain files"):
            read()
    assert not (tmp_path / "into").exists()


def test_a_submodule_is_not_exported(repo: Repo, tmp_path: Path) -> None:
    head = repo.git("rev-parse", "HEAD")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{head},conf/module")
    repo.git("commit", "--quiet", "-m", "a submodule")
    with pytest.raises(GitError, match="conf/module: is a submodule"):
        exported(repo, "conf", tmp_path / "into")


def test_a_large_file_is_not_exported(repo: Repo, tmp_path: Path) -> None:
    repo.write("conf/large.yaml", b"#" * (MAX_BLOB + 1))
    repo.commit()
    with pytest.raises(GitError, match=f"holds {MAX_BLOB + 1} bytes; allowed up to {MAX_BLOB}"):
        exported(repo, "conf", tmp_path / "into")


def test_changed_paths_name_both_sides_of_a_rename(repo: Repo) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.git("mv", "conf/a.yaml", "conf/z.yaml")
    head = repo.commit()
    assert repo.reader.changed(base, head) == ["conf/a.yaml", "conf/z.yaml"]


def test_a_forced_branch_is_told_from_one_that_grew(repo: Repo) -> None:
    git, first = repo.reader, repo.git("rev-parse", "HEAD")
    second = repo.committed({"conf/a.yaml": "a: 2\n"})
    repo.git("reset", "--quiet", "--hard", first)
    forced = repo.committed({"conf/a.yaml": "a: 3\n"})
    assert git.is_ancestor(first, second)
    assert git.is_ancestor(second, second)
    assert not git.is_ancestor(second, forced)
    with pytest.raises(GitError):
        git.is_ancestor("0" * 40, forced)


@pytest.mark.parametrize("ref", ["nowhere", "--help", "", "HEAD:conf/a.yaml", "-n1"])
def test_a_name_of_no_commit_is_refused(repo: Repo, ref: str) -> None:
    with pytest.raises(GitError, match="names no commit here"):
        repo.reader.rev(ref)


def test_a_folder_that_is_no_repository_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="not a git repository") as told:
        Git(tmp_path).run("status")
    assert "\n" not in str(told.value)
    with pytest.raises(GitError, match="git cannot run here"):
        Git(tmp_path / "none").run("status")


def test_variables_of_another_repository_do_not_lead_away(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Repo(tmp_path / "other")
    other.committed({"x": "x"})
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.path / ".git" / "index"))
    assert "conf/a.yaml" in repo.reader.files("HEAD")


def test_a_commit_is_made_without_a_worktree_or_a_branch(repo: Repo) -> None:
    git, base = repo.reader, repo.git("rev-parse", "HEAD")
    new = git.commit_files(
        base, {"conf/a.yaml": b"a: 5\n", "conf/deep/b.yaml": None, "new/c": b""}, "feat: x\n"
    )
    assert git.changed(base, new) == ["conf/a.yaml", "conf/deep/b.yaml", "new/c"]
    assert git.show(new, "conf/a.yaml") == b"a: 5\n"
    assert git.rev("HEAD") == base
    assert repo.git("status", "--porcelain") == ""
    assert repo.git("log", "-1", "--format=%an|%s", new) == "quoteops|feat: x"


@pytest.mark.parametrize("path", ["../out", "/abs", "a//b", ".git/config", "sub/.GIT/hooks/x", "a\nb", ""])
def test_a_commit_holds_no_path_that_leads_out(repo: Repo, path: str) -> None:
    with pytest.raises(GitError, match="not a path inside the repository"):
        repo.reader.commit_files(None, {path: b"x"}, "m")


def test_a_branch_is_fetched_and_pushed_by_commit(repo: Repo, tmp_path: Path) -> None:
    remote, base = str(bare(tmp_path / "remote.git")), repo.git("rev-parse", "HEAD")
    repo.reader.push(remote, f"{base}:refs/heads/main")
    mirror = Git.mirror(tmp_path / "mirror.git")
    assert mirror.fetch(remote, "main") == base
    assert Git.mirror(tmp_path / "mirror.git").rev(base) == base


def test_a_branch_that_was_forced_is_fetched_all_the_same(repo: Repo, tmp_path: Path) -> None:
    remote = str(bare(tmp_path / "remote.git"))
    mirror, first = Git.mirror(tmp_path / "mirror.git"), repo.git("rev-parse", "HEAD")
    second = repo.committed({"conf/a.yaml": "a: 2\n"})
    repo.git("push", "--quiet", remote, "main")
    assert mirror.fetch(remote, "main") == second
    repo.git("reset", "--quiet", "--hard", first)
    third = repo.committed({"conf/a.yaml": "a: 3\n"})
    repo.git("push", "--quiet", "--force", remote, "main")
    assert mirror.fetch(remote, "main") == third
    assert not mirror.is_ancestor(second, third)


def test_a_branch_that_is_not_there_is_told_from_a_remote_that_is_not(repo: Repo, tmp_path: Path) -> None:
    remote = str(bare(tmp_path / "remote.git"))
    with pytest.raises(BranchMissing):
        repo.reader.fetch(remote, "main")
    with pytest.raises(GitError) as told:
        repo.reader.fetch(str(tmp_path / "none.git"), "main")
    assert not isinstance(told.value, BranchMissing)
    for name in ("--upload-pack=x", "a..b", "a b", "x.lock", ""):
        with pytest.raises(GitError, match="not a branch name"):
            repo.reader.fetch(remote, name)


def test_a_push_that_would_lose_commits_is_rejected(repo: Repo, tmp_path: Path) -> None:
    remote, base = str(bare(tmp_path / "remote.git")), repo.git("rev-parse", "HEAD")
    git = repo.reader
    one, two = (git.commit_files(base, {"x": data}, "m") for data in (b"1", b"2"))
    git.push(remote, f"{one}:refs/heads/main")
    with pytest.raises(PushRejected):
        git.push(remote, f"{two}:refs/heads/main")
    with pytest.raises(GitError, match="would force"):
        git.push(remote, f"+{two}:refs/heads/main")


def test_a_push_that_the_remote_refuses_is_not_taken_for_a_race(repo: Repo, tmp_path: Path) -> None:
    remote = bare(tmp_path / "remote.git")
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(GitError, match="hook declined") as told:
        repo.reader.push(str(remote), "HEAD:refs/heads/main")
    assert not isinstance(told.value, PushRejected)


def test_hooks_of_the_repository_do_not_run(repo: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    for name in ("pre-push", "reference-transaction", "post-index-change"):
        hook = repo.path / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{marker}'\n")
        hook.chmod(0o755)
    remote = str(bare(tmp_path / "remote.git"))
    git = repo.reader
    new = git.commit_files("HEAD", {"x": b"1"}, "m")
    git.push(remote, f"{new}:refs/heads/main")
    git.fetch(remote, "main")
    assert not marker.exists()


def test_a_remote_that_is_a_command_is_not_run(repo: Repo, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    with pytest.raises(GitError, match="'ext' not allowed"):
        repo.reader.fetch(f"ext::touch {marker}", "main")
    assert not marker.exists()


@pytest.fixture
def silent_server() -> Iterator[tuple[int, threading.Event]]:
    """A server that takes connections and never answers; the event is set when a client has gone away."""
    gone = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)

        def serve() -> None:
            try:
                client, _ = server.accept()
                with client:
                    client.settimeout(30)
                    while client.recv(65536):
                        pass
                    gone.set()
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], gone


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_remote_that_hangs_is_given_up_and_its_helper_ended(
    repo: Repo, silent_server: tuple[int, threading.Event], scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    port, gone = silent_server
    with pytest.raises(GitError, match=r"no answer within 0\.5 s"):
        Git(repo.path, timeout_s=0.5).fetch(f"{scheme}://127.0.0.1:{port}/repo.git", "main")
    assert gone.wait(20), "the process that held the connection is still there"


def test_a_password_in_a_url_is_not_repeated(repo: Repo) -> None:
    with pytest.raises(GitError) as told:
        repo.reader.fetch("http://user:hunter2@127.0.0.1:1/repo.git", "main")
    assert "hunter2" not in str(told.value)


@needs_keys
def test_a_commit_signed_by_an_allowed_key_names_its_signer(repo: Repo, tmp_path: Path) -> None:
    key, public = ssh_key(tmp_path / "key")
    sha = repo.commit("signed", key=key)
    signer = verify_commit(repo.reader, sha, f'desk@example.com namespaces="git" {public}\n')
    assert signer.principal == "desk@example.com"
    assert signer.fingerprint.startswith("SHA256:")


@needs_keys
def test_a_commit_made_here_is_signed_with_the_given_key(repo: Repo, tmp_path: Path) -> None:
    key, public = ssh_key(tmp_path / "key")
    sha = repo.reader.commit_files("HEAD", {"x": b"1"}, "m", sign=key)
    assert verify_commit(repo.reader, sha, f"agent@example.com {public}").principal == "agent@example.com"


@needs_keys
def test_a_signature_that_does_not_count_is_refused(repo: Repo, tmp_path: Path) -> None:
    key, public = ssh_key(tmp_path / "key")
    _, other = ssh_key(tmp_path / "other")
    sha, git = repo.commit("signed", key=key), repo.reader
    allowed = f"desk@example.com {public}\n"
    with pytest.raises(SignatureError, match="is not signed"):
        verify_commit(git, repo.commit("unsigned"), allowed)
    with pytest.raises(SignatureError, match="does not count"):
        verify_commit(git, sha, f"desk@example.com {other}\n")
    with pytest.raises(SignatureError, match="does not count"):
        verify_commit(git, sha, "")
    with pytest.raises(SignatureError, match="does not count"):
        verify_commit(git, sha, allowed, revoked=f"{public}\n")
    with pytest.raises(SignatureError, match="does not count"):
        verify_commit(git, sha, f'desk@example.com valid-before="20200101" {public}\n')
    with pytest.raises(SignatureError, match="does not count"):
        verify_commit(git, sha, f'desk@example.com namespaces="file" {public}\n')
    assert verify_commit(git, sha, allowed, revoked=f"{other}\n").principal == "desk@example.com"


@needs_keys
def test_a_signature_moved_to_other_content_is_refused(repo: Repo, tmp_path: Path) -> None:
    key, public = ssh_key(tmp_path / "key")
    git, sha = repo.reader, repo.commit("honest", key=key)
    raw = git.run("cat-file", "commit", sha)
    forged = git.run("hash-object", "-t", "commit", "-w", "--stdin", input=raw.replace(b"honest", b"forged"))
    with pytest.raises(SignatureError, match="does not count"):
        verify_commit(git, forged.decode().strip(), f"desk@example.com {public}\n")


@needs_keys
def test_a_signature_quoted_in_the_message_is_none(repo: Repo, tmp_path: Path) -> None:
    key, public = ssh_key(tmp_path / "key")
    raw = repo.reader.run("cat-file", "commit", repo.commit("honest", key=key)).decode()
    quoted = raw[raw.index("gpgsig") : raw.index("-----END SSH SIGNATURE-----")]
    sha = repo.commit(f"look\n\n{quoted}")
    with pytest.raises(SignatureError, match="is not signed"):
        verify_commit(repo.reader, sha, f"desk@example.com {public}\n")


@pytest.mark.skipif(os.name != "posix", reason="a stand-in for gpg is a script")
def test_a_signature_of_another_kind_is_refused_whatever_gpg_says(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "gpg"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "[GNUPG:] GOODSIG 1 evil" >&2\nexit 0\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    raw = repo.reader.run("cat-file", "commit", "HEAD").decode()
    head, _, message = raw.partition("\n\n")
    signed = f"{head}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n{message}"
    sha = (
        repo.reader.run("hash-object", "-t", "commit", "-w", "--stdin", input=signed.encode())
        .decode()
        .strip()
    )
    with pytest.raises(SignatureError, match="not signed with an SSH key"):
        verify_commit(repo.reader, sha, "evil ssh-ed25519 AAAA\n")
