"""The mark of a buffer in an entry; every argument of an entry is one already, so it changes nothing."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def rows(buffer: T) -> T:
    """Give back a buffer."""
    return buffer
