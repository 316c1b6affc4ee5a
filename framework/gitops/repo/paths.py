"""Paths of a commit: as text, and whether every system can hold them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from framework.gitops.errors import GitError

_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def path_of(name: bytes) -> str:
    """Return a path as text; bytes that are not UTF-8 are shown as \\xe9, which no path of ours may hold."""
    return name.decode(errors="backslashreplace")


def check_path(path: str, *, where: str) -> None:
    """Raise GitError for a path that leaves its folder, or cannot be written, here or on another system."""
    parts = PurePosixPath(path).parts
    inside = (
        parts and not path.startswith("/") and ".." not in parts and ".git" not in (p.lower() for p in parts)
    )
    odd = any(c in '\\:"<>|?*' or not c.isprintable() for c in path) or "/".join(parts) != path
    unfit = any(p.endswith((".", " ")) or _DEVICES.fullmatch(p) or len(p.encode()) > 200 for p in parts)
    if not inside or odd or unfit or len(path) > 1_000:
        raise GitError(
            f"{where}: {path[:200]!r} is not a path inside the repository that every system can hold"
        )


def check_apart(paths: Iterable[str], *, where: str) -> None:
    """Raise GitError when two paths are one file where case or the composing of letters does not count."""
    spelled: dict[str, str] = {}
    files = set(paths)
    for path in files:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())
        names = folded.split("/")
        for depth in range(1, len(names) + 1):
            given = "/".join(path.split("/")[:depth])
            other = spelled.setdefault("/".join(names[:depth]), given)
            if given in files and given != path:
                raise GitError(f"{where}: {given} is a file and a folder; the commit is damaged")
            if other != given:
                raise GitError(
                    f"{where}: {given} and {other} are one name on some systems; allowed one of them"
                )
