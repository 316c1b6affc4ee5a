"""Read our own files whatever somebody puts in their place: a pipe, a device, a folder, a link, 3 GB.

Nothing here waits for another process and nothing is read beyond a bound; what stands in a file's place and
is none can be moved aside, so that it stops nobody.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from framework.files.errors import FileError, MissingError, UnfitError

LIMIT = 1_000_000
"""Bytes of a file that is read whole, unless its reader allows others."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | _NO_LINK | getattr(os, "O_BINARY", 0)
"""Without it a named pipe would hold its reader until somebody writes, and a link would lead elsewhere."""

_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_plain(path: Path, *, links: bool = False) -> BinaryIO:
    """Open a plain file for reading: no link, unless ``links`` may lead to it, and nothing that waits.

    Raises MissingError, UnfitError for what is no plain file, FileError for what the system refuses.
    """
    try:
        handle = os.open(path, os.O_RDONLY | (NO_WAIT & ~_NO_LINK if links else NO_WAIT))
    except FileNotFoundError as error:
        raise MissingError(f"{path}: cannot read: {error.strerror}") from error
    except OSError as error:
        if kind := kind_of(path):
            raise UnfitError(f"{path}: is {kind}; allowed a plain file") from error
        raise FileError(f"{path}: cannot read: {error.strerror or error}") from error
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise UnfitError(f"{path}: is {_named(mode)}; allowed a plain file")
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_plain(path: Path, *, limit: int = LIMIT) -> bytes:
    """Return a plain file's bytes; raises as ``open_plain``, and UnfitError beyond the limit."""
    with open_plain(path) as file:
        try:
            data = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else None
        except OSError as error:
            raise FileError(f"{path}: cannot read: {error.strerror or error}") from error
    if data is None or len(data) > limit:
        raise UnfitError(f"{path}: has more than {limit} bytes; allowed up to that")
    return data


def kind_of(path: Path) -> str:
    """Say what stands in a plain file's place, "a pipe" say; nothing for a plain file and where none is."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return ""
    return "" if stat.S_ISREG(mode) else _named(mode)


def move_aside(path: Path, *, into: Path) -> Path | None:
    """Move what stands in a plain file's place into a folder of the same disk, and return where it is now.

    A plain file, or nothing, stays. Raises FileError when the system refuses.
    """
    if not kind_of(path):
        return None
    aside = into / f"{path.name}.aside-{secrets.token_hex(4)}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        path.rename(aside)
    except FileNotFoundError:  # somebody was faster
        return None
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise FileError(f"{path}: is a mounted {kind_of(path).removeprefix('a ')}; unmount it") from error
        raise FileError(f"{path}: cannot be moved aside: {error.strerror or error}") from error
    return aside


def _named(mode: int) -> str:
    return next((name for holds, name in _KINDS if holds(mode)), "no plain file")
