"""Git without its processes, for trials of thousands of steps: the commands that an agent gives, in Python.

Objects are git's own loose ones, in one folder that all repositories share; refs are files where git has
them. What is not known here fails loudly. Git itself is tried everywhere else.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from framework.gitops.repo.git import Git

Answer = tuple[int, bytes, bytes]
OK: Answer = (0, b"", b"")
WHO = b"trial <trial@localhost> 1700000000 +0000"


class Store:
    """Objects and refs, and what git would answer about them."""

    def __init__(self) -> None:
        self.folder = self.first = Path()
        self.known: dict[str, tuple[str, bytes]] = {}

    def begin(self, folder: Path) -> None:
        """Keep what is written from now on in another folder."""
        self.folder, self.known = folder, {}
        folder.mkdir(parents=True, exist_ok=True)

    # -- objects ---------------------------------------------------------------------------------------------

    def write(self, kind: str, data: bytes) -> str:
        whole = f"{kind} {len(data)}\0".encode() + data
        oid = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
        if oid not in self.known:
            (self.folder / oid).write_bytes(zlib.compress(whole, 1))
            self.known[oid] = kind, data
        return oid

    def read(self, repo: Path, oid: str) -> tuple[str, bytes] | None:
        if oid not in self.known:
            for path in (self.folder / oid, self.first / "objects" / oid[:2] / oid[2:]):
                if path.is_file():
                    head, _, data = zlib.decompress(path.read_bytes()).partition(b"\0")
                    self.known[oid] = head.decode().split()[0], data
                    break
        return self.known.get(oid)

    def need(self, repo: Path, oid: str) -> tuple[str, bytes]:
        found = self.read(repo, oid)
        if found is None:
            raise LookupError(f"{repo}: has no object {oid}")
        return found

    def tree(self, repo: Path, oid: str) -> list[tuple[str, str, str]]:
        """Give mode, name and object of each row of a tree."""
        data, at, rows = self.need(repo, oid)[1], 0, []
        while at < len(data):
            end = data.index(b"\0", at)
            mode, name = data[at:end].decode().split(" ", 1)
            rows.append((mode.zfill(6), name, data[end + 1 : end + 21].hex()))
            at = end + 21
        return rows

    def walk(self, repo: Path, oid: str, beneath: str = "") -> Iterator[tuple[str, str, str]]:
        for mode, name, child in self.tree(repo, oid):
            if mode == "040000":
                yield from self.walk(repo, child, f"{beneath}{name}/")
            else:
                yield mode, beneath + name, child

    def commit(self, repo: Path, oid: str) -> tuple[str, list[str], str]:
        """Give a commit's tree, its parents, its message."""
        found = self.need(repo, oid)
        head, _, message = found[1].decode().partition("\n\n")
        words = [line.split(" ", 1) for line in head.split("\n")]
        return words[0][1], [word for key, word in words if key == "parent"], message

    # -- names -----------------------------------------------------------------------------------------------

    def resolve(self, repo: Path, name: str) -> str | None:
        """Give the object that a name stands for: a ref or an object, ^{type}, ^1 or :path behind it."""
        if ":" in name:
            start, _, path = name.partition(":")
            oid = self.resolve(repo, f"{start}^{{tree}}")
            for step in path.split("/"):
                rows = {row[1]: row[2] for row in self.tree(repo, oid)} if oid else {}
                oid = rows.get(step)
            return oid
        base, _, more = name.partition("^")
        oid = self.ref(repo, base)
        if oid is None or (found := self.read(repo, oid)) is None:
            return None
        if more == "1":
            return next(iter(self.commit(repo, oid)[1]), None)
        if more == "{tree}":
            return self.commit(repo, oid)[0] if found[0] == "commit" else oid
        return oid if more in ("", "{" + found[0] + "}") else None

    def ref(self, repo: Path, name: str) -> str | None:
        for path in (repo / name, repo / "refs" / "heads" / name):
            if (name.startswith("refs/") or path.parent != repo) and path.is_file():
                return path.read_text().strip()
        return name if len(name) == 40 and set(name) <= set("0123456789abcdef") else None

    def point(self, repo: Path, ref: str, oid: str) -> None:
        path = repo / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(oid + "\n")

    def before(self, repo: Path, oid: str) -> set[str]:
        """Give a commit and all that it contains."""
        seen, left = set[str](), [oid]
        while left:
            at = left.pop()
            if at not in seen:
                seen.add(at)
                left += self.commit(repo, at)[1]
        return seen

    def touching(self, repo: Path, head: str, path: str) -> list[str]:
        """Give the commits that change a file against a parent of theirs, newest first."""

        def at(oid: str) -> str | None:
            return self.resolve(repo, f"{oid}:{path}")

        found, left, seen = [], [head], set[str]()
        while left:
            oid = left.pop(0)
            if oid not in seen:
                seen.add(oid)
                parents = self.commit(repo, oid)[1]
                left += parents
                found += [oid] if any(at(p) != at(oid) for p in parents) or not parents else []
        return found

    # -- commands --------------------------------------------------------------------------------------------

    def answer(self, repo: Path, args: list[str], given: bytes | None) -> Answer:
        command, *words = args
        plain = [word for word in words if not word.startswith("-")]
        name = command.replace("-", "_")
        found: Answer = getattr(self, f"do_{name}")(repo, words, plain, given)
        return found

    def do_init(self, repo: Path, *_: Any) -> Answer:
        (repo / "objects").mkdir(parents=True, exist_ok=True)
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "HEAD").write_text("ref: refs/heads/main\n")
        return OK

    def do_rev_parse(self, repo: Path, words: list[str], plain: list[str], _: Any) -> Answer:
        if "--is-shallow-repository" in words:
            return 0, b"false\n", b""
        oid = self.resolve(repo, plain[0])
        return (128, b"", b"") if oid is None else (0, f"{oid}\n".encode(), b"")

    def do_ls_tree(self, repo: Path, words: list[str], plain: list[str], _: Any) -> Answer:
        whole = ":" in plain[0] or plain[0].endswith("^{tree}")
        oid = self.resolve(repo, plain[0] if whole else f"{plain[0]}^{{tree}}")
        if oid is None:
            return 128, b"", b"fatal: Not a valid object name"
        if "--name-only" in words:
            return 0, b"".join(f"{row[1]}\0".encode() for row in self.tree(repo, oid)), b""
        if "-r" not in words:
            kinds = {"040000": "tree"}
            rows = [f"{m} {kinds.get(m, 'blob')} {o}\t{n}\0" for m, n, o in self.tree(repo, oid)]
            return 0, "".join(rows).encode(), b""
        out = []
        for mode, path, blob in self.walk(repo, oid):
            if not plain[1:] or any(path == p or path.startswith(f"{p}/") for p in plain[1:]):
                found = self.need(repo, blob)
                out.append(f"{mode} blob {blob} {len(found[1]):>7}\t{path}\0")
        return 0, "".join(out).encode(), b""

    def do_cat_file(self, repo: Path, words: list[str], _: Any, given: bytes | None) -> Answer:
        if words == ["--batch"]:
            out = b""
            for oid in (given or b"").decode().split():
                kind, data = self.read(repo, oid) or ("missing", b"")
                out += f"{oid} {kind} {len(data)}\n".encode() + data + b"\n"
            return 0, out, b""
        found = self.read(repo, words[1])
        return (128, b"", b"fatal: no such object") if found is None else (0, found[1], b"")

    def do_hash_object(self, _: Path, __: Any, ___: Any, given: bytes | None) -> Answer:
        return 0, self.write("blob", given or b"").encode(), b""

    def do_mktree(self, _: Path, words: list[str], __: Any, given: bytes | None) -> Answer:
        rows = []
        for row in (given or b"").split(b"\0" if "-z" in words else b"\n"):
            head, _tab, name = row.partition(b"\t")
            if name:
                mode, kind, oid = head.decode().split()
                order = name + (b"/" if kind == "tree" else b"")
                rows.append((order, mode.lstrip("0").encode() + b" " + name + b"\0" + bytes.fromhex(oid)))
        return 0, self.write("tree", b"".join(row for _, row in sorted(rows))).encode(), b""

    def do_commit_tree(self, _: Path, words: list[str], plain: list[str], given: bytes | None) -> Answer:
        parents = [f"parent {words[at + 1]}\n" for at, word in enumerate(words) if word == "-p"]
        head = f"tree {words[-1]}\n{''.join(parents)}".encode()
        data = head + b"author " + WHO + b"\ncommitter " + WHO + b"\n\n" + (given or b"")
        return 0, self.write("commit", data).encode(), b""

    def do_update_ref(self, repo: Path, _: Any, plain: list[str], __: Any) -> Answer:
        self.point(repo, plain[0], plain[1])
        return OK

    def do_merge_base(self, repo: Path, _: Any, plain: list[str], __: Any) -> Answer:
        old, new = (self.resolve(repo, name) for name in plain)
        if old is None or new is None:
            return 128, b"", b"fatal: Not a valid commit name"
        return (0 if old in self.before(repo, new) else 1), b"", b""

    def do_diff_tree(self, repo: Path, _: Any, plain: list[str], __: Any) -> Answer:
        oids = [self.resolve(repo, f"{self.resolve(repo, name)}^{{tree}}") for name in plain]
        if None in oids:
            return 128, b"", b"fatal: ambiguous argument"
        old, new = (set(self.walk(repo, oid or "")) for oid in oids)
        return 0, "".join(f"{path}\0" for path in sorted({row[1] for row in old ^ new})).encode(), b""

    def do_log(self, repo: Path, words: list[str], plain: list[str], _: Any) -> Answer:
        if "--full-history" in words:
            return 0, "".join(f"{oid}\n" for oid in self.touching(repo, plain[0], plain[1])).encode(), b""
        since, until = plain[0].split("..")
        found = self.before(repo, until) - self.before(repo, since)
        return 0, "".join(f"{oid}\n{self.commit(repo, oid)[2]}\0\n" for oid in found).encode(), b""

    def do_fetch(self, repo: Path, _: Any, plain: list[str], __: Any) -> Answer:
        remote, refspec = plain
        source, kept = refspec.removeprefix("+").split(":")
        if not (Path(remote) / "HEAD").is_file():
            return 128, b"", f"fatal: '{remote}' does not appear to be a git repository".encode()
        oid = self.ref(Path(remote), source)
        if oid is None:
            return 128, b"", f"fatal: couldn't find remote ref {source}".encode()
        self.read(Path(remote), oid)
        self.point(repo, kept, oid)
        return OK

    def do_push(self, repo: Path, _: Any, plain: list[str], __: Any) -> Answer:
        remote, (oid, ref) = Path(plain[0]), plain[1].split(":")
        if not (remote / "HEAD").is_file():
            return 128, b"", f"fatal: '{remote}' does not appear to be a git repository".encode()
        there = self.ref(remote, ref)
        if there is not None and there not in self.before(repo, oid):
            return 1, f"!\t{oid}:{ref}\t[rejected] (fetch first)\n".encode(), b"error: failed to push"
        self.point(remote, ref, oid)
        return OK


STORE = Store()


@contextmanager
def in_process(first: Path) -> Iterator[None]:
    """Let every repository do without git's own program; ``first`` is one that git has made."""
    STORE.first = first
    real = Git._attempt

    def attempt(
        git: Git,
        args: list[str],
        *,
        input: bytes | None = None,
        env: Mapping[str, str] | None = None,
        silence_s: float | None = None,
    ) -> Answer:
        return STORE.answer(git.repo, args, input)

    setattr(Git, "_attempt", attempt)  # noqa: B010 - a method of a class is no variable to mypy
    try:
        yield
    finally:
        setattr(Git, "_attempt", real)  # noqa: B010
