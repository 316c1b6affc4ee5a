"""Spares: small files that hold disk for what must be written when there is none left.

A content, a hold or the live file goes into one of them, which is then renamed to its name: no other process
can take that room meanwhile, as it could were a reserve given back.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

COUNT = 8
BYTES = 65_536
"""Of each; the largest content takes a third of it."""


def keep_spares(folder: Path) -> int:
    """Make the spares that are missing, while the disk has room for them; return how many there are."""
    whole = 0
    for number in range(COUNT):
        path = folder / f".spare-{number}"
        with contextlib.suppress(OSError):
            if not path.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                _make(path)
            whole += 1
    return whole


def write_spare(path: Path, data: bytes) -> bool:
    """Write a new file into a spare of its folder; False when none is left, or none that is large enough."""
    if len(data) > BYTES:
        return False
    for spare in sorted(path.parent.glob(".spare-*")):
        with contextlib.suppress(OSError):
            spare.rename(path)
            with path.open("r+b") as file:
                file.write(data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            return True
    return False


def _make(path: Path) -> None:
    fresh = path.with_suffix(".new")
    try:
        with fresh.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, BYTES)
            else:
                file.write(bytes(BYTES))
        fresh.replace(path)
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
