"""git, without a worktree: content is read by commit, commits are made by plumbing, everything is bounded.

What a repository or its server may choose is kept from running code here: no hooks, no external protocols, no
file system monitor, no prompts, no replace refs; a remote that hangs is killed with all it started.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from framework.gitops.errors import BranchMissing, GitError, MirrorDamaged, PushRejected
from framework.gitops.repo.leftovers import clear_mirror, is_damage, set_aside, sweep
from framework.gitops.repo.paths import check_apart, check_path, path_of
from framework.gitops.repo.process import (
    Processes,
    SilenceError,
    git_environment,
    reason_of,
    shown,
    without_login,
)

MAX_BLOB = 1_000_000
"""Bytes of the largest file that is read or exported."""

LONGEST_S = 3_600.0
"""Of one fetch or push, however much it tells of its progress."""

MAX_FILES = 20_000
MAX_EXPORT = 64_000_000
PLAIN_MODES = ("100644", "100755")
KINDS = {"120000": "a symbolic link", "160000": "a submodule"}
AUTHOR, EMAIL = "quoteops", "quoteops@localhost"

_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "protocol.ext.allow=never",
    "protocol.fd.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=20",
    "gpg.program=quoteops-takes-ssh-signatures-only",
    "gpg.x509.program=quoteops-takes-ssh-signatures-only",
    "gpg.ssh.program=ssh-keygen",
)
_RACES = (
    b"(fetch first)",
    b"(non-fast-forward)",
    b"(failed to update ref)",
    b"(cannot lock ref",
    b"(already exists)",
)
"""What git says of a push that somebody else was faster than; a hook or a protected branch says otherwise."""


@dataclass(frozen=True)
class Blob:
    """A file of a commit: its git mode, its size in bytes, its object's name."""

    mode: str
    size: int
    oid: str


class Git:
    """One repository, with or without a worktree."""

    def __init__(self, repo: Path, timeout_s: float = 20.0) -> None:
        self.repo = repo
        self.timeout_s = timeout_s
        """For anything local; of a remote, for how long it may say nothing."""

        self.is_ours = False
        """Whether nobody else works in it, so that what a killed git has left may be removed."""

        self.processes = Processes()

    @staticmethod
    def mirror(repo: Path, timeout_s: float = 20.0) -> Git:
        """Return the bare repository at ``repo``, made when it is not there yet."""
        git = Git(repo, timeout_s)
        git.is_ours = True
        clear_mirror(repo)
        if not (repo / "HEAD").is_file():
            repo.mkdir(parents=True, exist_ok=True)
            git.run("init", "--quiet", "--bare", "--initial-branch=main", "--template=", ".")
        return git

    def run(self, *args: str, input: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """Run git and return what it wrote to stdout. Raises GitError, also when time runs out."""
        code, out, err = self.attempt(args, input=input, env=env)
        if code != 0:
            raise GitError(f"git {shown(args)}: {reason_of(err, code)}")
        return out

    def rev(self, ref: str) -> str:
        """Return the commit a name stands for. Raises GitError, also for a branch and a tag of one name."""
        code, sha, err = self._commit_of(ref)
        if code != 0 and err:
            raise GitError(f"{self.repo}: {reason_of(err, code)}")
        if code != 0:
            cut = "; its history is cut off: run git fetch --unshallow" if self.is_shallow() else ""
            raise GitError(
                f"{self.repo}: {ref} names no commit here; allowed a branch, a tag or a commit{cut}"
            )
        name = re.split(r"[~^@:]", ref, maxsplit=1)[0]
        kinds = ("refs/heads/", "refs/tags/", "refs/remotes/") if not name.startswith("refs/") else ()
        kinds = () if re.fullmatch("[0-9a-f]{40,64}|HEAD|", name) else kinds
        meant = {kind + name: commit for kind in kinds if (commit := self._commit_of(kind + name)[1])}
        if len(set(meant.values())) > 1:
            raise GitError(f"{self.repo}: {name} is ambiguous; allowed {' or '.join(meant)}")
        return sha

    def _commit_of(self, ref: str) -> tuple[int, str, bytes]:
        args = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        code, out, err = self.attempt(args)
        return code, out.decode().strip() if code == 0 else "", err

    def is_shallow(self) -> bool:
        """Tell whether history is cut off here, so that what a commit contains cannot be told."""
        return self.attempt(("rev-parse", "--is-shallow-repository"))[1].strip() == b"true"

    def files(self, sha: str, *prefixes: str) -> dict[str, Blob]:
        """Return every file of a commit, or those at or below the prefixes, by path with forward slashes."""
        out = self.run(
            "ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", sha, *_beneath(prefixes)
        )
        blobs: dict[str, Blob] = {}
        for row in out.split(b"\0")[:-1]:
            head, _, name = row.partition(b"\t")
            mode, _, oid, size = head.decode().split()
            blobs[path_of(name)] = Blob(mode, 0 if size == "-" else int(size), oid)
        return blobs

    def show(self, sha: str, path: str, *, limit: int = MAX_BLOB) -> bytes | None:
        """Return a file of a commit, or None when the commit has none of that name.

        Raises GitError for a link, a submodule, a folder, and a file of more than ``limit`` bytes.
        """
        blob = self.files(sha, path).get(path)
        if blob is None:
            if self.files(sha, path):
                raise GitError(f"{sha[:12]}:{path}: is a folder; allowed a file")
            return None
        check_blob(blob, where=f"{sha[:12]}:{path}", limit=limit)
        return self.run("cat-file", "blob", blob.oid)

    def export(self, sha: str, files: Mapping[str, Blob], into: Path) -> None:
        """Write files of a commit, as ``files`` gave them, into a folder.

        Raises GitError, before anything is written, for a link, a submodule, a file beyond ``MAX_BLOB``, a
        path that leaves the folder, and more than ``MAX_FILES`` files or ``MAX_EXPORT`` bytes.
        """
        for path, blob in files.items():
            check_path(path, where=sha[:12])
            check_blob(blob, where=f"{sha[:12]}:{path}")
        check_apart(files, where=sha[:12])
        if len(files) > MAX_FILES or sum(blob.size for blob in files.values()) > MAX_EXPORT:
            raise GitError(
                f"{sha[:12]}: {len(files)} files; allowed up to {MAX_FILES} and {MAX_EXPORT} bytes in all"
            )
        contents = self._blobs([blob.oid for blob in files.values()])
        for path, data in zip(files, contents, strict=True):
            target = into / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)

    def changed(self, base: str, head: str) -> list[str]:
        """Return the paths that differ between two commits; a rename counts as both of its paths."""
        return [path_of(name) for name in self._differing(base, head)]

    def check_added(self, base: str, head: str) -> None:
        """Raise GitError for a file that came in between two commits under a name that is not UTF-8."""
        for name in self._differing(base, head, "--diff-filter=A"):
            try:
                name.decode()
            except UnicodeDecodeError:
                raise GitError(f"{head[:12]}: {name!r} is not a UTF-8 path; allowed UTF-8 names") from None

    def _differing(self, base: str, head: str, *flags: str) -> list[bytes]:
        args = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", *flags)
        return self.run(*args, "--end-of-options", base, head).split(b"\0")[:-1]

    def is_ancestor(self, old: str, new: str) -> bool:
        """Tell whether ``new`` contains ``old``; a branch that moved where it does not was forced."""
        args = ("merge-base", "--is-ancestor", "--end-of-options", old, new)
        code, _, err = self.attempt(args)
        if code not in (0, 1):
            raise GitError(f"git {shown(args)}: {reason_of(err, code)}")
        if code == 1 and self.is_shallow():
            raise GitError(
                f"{self.repo}: is a shallow clone, whose history is cut off: whether {new[:12]} contains "
                f"{old[:12]} cannot be told; run git fetch --unshallow (in CI: a checkout with fetch-depth 0)"
            )
        return code == 0

    def fetch(self, remote: str, branch: str) -> str:
        """Bring a branch of a remote, a name or a URL, here and return its commit.

        Raises BranchMissing, and GitError for everything else.
        """
        _check_branch(branch)
        kept = f"refs/quoteops/fetched/{branch}"
        flags = ("--no-tags", "--no-auto-gc", "--no-write-fetch-head", "--end-of-options")
        args = ("fetch", *flags, remote, f"+refs/heads/{branch}:{kept}")
        code, _, err = self._network(*args)
        if code != 0:
            missing = b"couldn't find remote ref" in err
            raise (BranchMissing if missing else GitError)(f"git {shown(args)}: {reason_of(err, code)}")
        if b"shallow roots" in err:  # git says it, brings nothing, and ends with 0
            raise GitError(
                f"{without_login(remote)}: is a shallow clone, whose {branch} git does not take; allowed a"
                " remote with its whole history: run git fetch --unshallow there"
            )
        return self.rev(kept)

    def push(self, remote: str, refspec: str) -> None:
        """Push one refspec, never by force. Raises PushRejected when the remote has moved, GitError else."""
        if refspec.startswith(("+", "-")):
            raise GitError(
                f"git push: {refspec} would force; allowed a plain refspec such as SHA:refs/heads/b"
            )
        args = ("push", "--porcelain", "--no-verify", "--end-of-options", remote, refspec)
        code, out, err = self._network(*args)
        if code != 0:
            status = b"".join(line for line in out.splitlines() if line.startswith(b"!"))
            rejected = any(word in status for word in _RACES)
            reason = status.decode(errors="replace").replace("\t", " ") or reason_of(err, code)
            raise (PushRejected if rejected else GitError)(f"git {shown(args)}: {reason}")

    def commit_files(
        self,
        parent: str | None,
        files: Mapping[str, bytes | None],
        message: str,
        sign: Path | None = None,
        author: str = AUTHOR,
        email: str = EMAIL,
    ) -> str:
        """Make a commit on ``parent`` with files written, or removed where None; return it. No worktree.

        ``sign`` is an SSH private key. No branch moves: push the commit, or update a ref to it.
        """
        oids: dict[str, str | None] = {}
        for path, data in files.items():
            check_path(path, where="commit")
            oids[path] = (
                None
                if data is None
                else self.run("hash-object", "-w", "--stdin", input=data).decode().strip()
            )
        tree = self._tree(f"{parent}^{{tree}}" if parent else None, oids)
        tree = tree or self.run("mktree", input=b"").decode().strip()
        signing = [] if sign is None else ["-c", "gpg.format=ssh", "-c", f"user.signingkey={sign}"]
        who = {
            f"GIT_{role}_{what}": v
            for role in ("AUTHOR", "COMMITTER")
            for what, v in (("NAME", author), ("EMAIL", email))
        }
        args = [
            *signing,
            "commit-tree",
            *(["-p", parent] if parent else []),
            *(["-S"] if sign else []),
            "-F",
            "-",
            tree,
        ]
        return self.run(*args, input=message.encode(), env=who).decode().strip()

    def _tree(self, old: str | None, files: Mapping[str, str | None]) -> str | None:
        """Write a folder with files changed, or removed where None, and leave the rest; None when empty."""
        rows: dict[bytes, bytes] = {}
        for row in self.run("ls-tree", "-z", old).split(b"\0")[:-1] if old else ():
            rows[row.partition(b"\t")[2]] = row
        inner: dict[str, dict[str, str | None]] = {}
        for path, oid in files.items():
            name, _, rest = path.partition("/")
            if rest:
                inner.setdefault(name, {})[rest] = oid
            elif oid is None:
                rows.pop(name.encode(), None)
            else:
                rows[name.encode()] = f"100644 blob {oid}\t{name}".encode()
        for name, beneath in inner.items():
            what = rows.get(name.encode(), b"").partition(b"\t")[0].decode().split()
            tree = self._tree(what[2] if what[1:2] == ["tree"] else None, beneath)
            rows.pop(name.encode(), None)
            if tree is not None:
                rows[name.encode()] = f"040000 tree {tree}\t{name}".encode()
        data = b"".join(row + b"\0" for row in rows.values())
        return self.run("mktree", "-z", input=data).decode().strip() if data else None

    def _blobs(self, oids: list[str]) -> list[bytes]:
        out = self.run("cat-file", "--batch", input="".join(f"{oid}\n" for oid in oids).encode())
        contents, at = [], 0
        for oid in oids:
            end = out.index(b"\n", at)
            name, kind, size = out[at:end].decode().split()
            if name != oid or kind != "blob":
                raise GitError(f"{self.repo}: object {oid} is {kind}; the repository is damaged")
            contents.append(out[end + 1 : end + 1 + int(size)])
            at = end + 2 + int(size)
        return contents

    def attempt(
        self, args: Iterable[str], *, input: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> tuple[int, bytes, bytes]:
        """Run git and return its exit code and what it wrote. Raises GitError when time runs out."""
        return self._attempt(list(args), input=input, env=env)

    def _network(self, *args: str) -> tuple[int, bytes, bytes]:
        """Run git against a remote, for as long as it tells of its progress."""
        if self.is_ours:
            sweep(self.repo)
        return self._attempt([args[0], "--progress", *args[1:]], silence_s=self.timeout_s)

    def _attempt(
        self,
        args: list[str],
        *,
        input: bytes | None = None,
        env: Mapping[str, str] | None = None,
        silence_s: float | None = None,
    ) -> tuple[int, bytes, bytes]:
        try:
            code, out, err = self.processes.run(
                ["git", *(word for line in _CONFIG for word in ("-c", line)), *args],
                cwd=self.repo,
                env={**git_environment(), **(env or {})},
                input=input,
                limit_s=self.timeout_s if silence_s is None else LONGEST_S,
                silence_s=silence_s,
            )
        except SilenceError as error:
            raise GitError(f"git {shown(args)}: {error}") from None
        except OSError as error:
            raise GitError(f"{self.repo}: git cannot run here: {error.strerror or error}") from error
        if code != 0 and self.is_ours and is_damage(err):
            aside = set_aside(self.repo)
            Git.mirror(self.repo, self.timeout_s)
            raise MirrorDamaged(f"{self.repo}: {reason_of(err, code)}; it lies in {aside.name} now")
        return code, out, err


def check_blob(blob: Blob, *, where: str, limit: int = MAX_BLOB) -> None:
    """Raise GitError unless a file is a plain one of at most ``limit`` bytes."""
    if blob.mode not in PLAIN_MODES:
        raise GitError(f"{where}: is {KINDS.get(blob.mode, 'not a file')}; allowed plain files")
    if blob.size > limit:
        raise GitError(f"{where}: holds {blob.size} bytes; allowed up to {limit}")


def _beneath(prefixes: Iterable[str]) -> list[str]:
    return [prefix.rstrip("/") for prefix in prefixes]


def _check_branch(branch: str) -> None:
    if (
        not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", branch)
        or ".." in branch
        or branch.endswith((".lock", "/", "."))
    ):
        raise GitError(f"git: {branch!r} is not a branch name; allowed letters, digits, '.', '_', '/', '-'")
