"""What a git that was killed leaves in our mirror: locks that nobody holds, packs that nobody will finish.

And what a machine that lost its power leaves: files that git cannot read any more.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from framework.files.plain import kind_of

STALE_S = 20.0
"""Git holds a lock for milliseconds, and writes to a pack as long as its fetch says anything."""

DAMAGED = ".damaged"
_DAMAGE = re.compile(
    rb"(?m)^(?!remote: ).*(packfile|loose object|corrupt|not a git repository|inflate|invalid sha1 pointer"
    rb"|unable to (read|unpack)|bad object refs/|index file|reference broken|broken name|bad config)"
)


def is_damage(told: bytes) -> bool:
    """Say whether what git told is of files of ours that it cannot read."""
    return _DAMAGE.search(told) is not None


def set_aside(mirror: Path) -> Path:
    """Rename a mirror that cannot be read, over the one before it; return where it is."""
    aside = mirror.with_name(mirror.name + DAMAGED)
    shutil.rmtree(aside, ignore_errors=True)
    mirror.rename(aside)
    return aside


def sweep(mirror: Path, *, older_s: float = STALE_S) -> list[str]:
    """Remove what was left and nothing has touched for so long; return the names of what went."""
    gone = []
    for path in _leftovers(mirror):
        with contextlib.suppress(OSError):
            if older_s <= 0.0 or abs(time.time() - path.lstat().st_mtime) > older_s:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                gone.append(path.relative_to(mirror).as_posix())
    return gone


def clear_mirror(mirror: Path) -> None:
    """Remove a mirror that is none: it can be made again at any time."""
    if os.path.lexists(mirror) and (not mirror.is_dir() or kind_of(mirror / "HEAD") or mirror.is_symlink()):
        if mirror.is_dir() and not mirror.is_symlink():
            shutil.rmtree(mirror, ignore_errors=True)
        else:
            mirror.unlink(missing_ok=True)


def _leftovers(mirror: Path) -> Iterator[Path]:
    objects = mirror / "objects"
    yield from mirror.glob("*.lock")
    yield from (mirror / "refs").rglob("*.lock")
    yield from objects.glob("tmp_*")
    yield from objects.glob("incoming-*")
    yield from (objects / "pack").glob("tmp_*")
    yield from (objects / "pack").glob(".tmp-*")
    yield from objects.glob("??/tmp_obj_*")
    yield from (objects / "info").glob("**/*.lock")
