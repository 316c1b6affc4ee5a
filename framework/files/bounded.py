"""Read a file that others may write: small, a plain file, and not a link to somewhere else."""

import os
import stat
from pathlib import Path

from framework.files.errors import FileError

LIMIT = 1_000_000
"""Bytes; a patch of every field there is takes two thousand."""


def read_small(path: Path, *, root: Path, limit: int = LIMIT) -> str:
    """Return the UTF-8 text of a plain file of at most ``limit`` bytes; its size is asked before it is read.

    A link may lead elsewhere inside ``root``, never out of it; a file outside ``root`` may be linked inside
    its own folder, as Kubernetes does. Raises ``FileError``.
    """
    real, name = contained(path, root=root), as_given(path, root)
    try:
        # Without O_NONBLOCK a named pipe would hold the reader until somebody writes.
        handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{name}: is not a plain file")
            if status.st_size > limit:
                raise FileError(f"{name}: has {status.st_size} bytes; allowed up to {limit}")
            data = file.read(limit + 1)
    except OSError as error:
        raise FileError(f"{name}: cannot read: {error.strerror or error}") from error
    if len(data) > limit:  # it grew meanwhile
        raise FileError(f"{name}: has more than {limit} bytes; allowed up to {limit}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{name}: is not UTF-8 text (byte {error.start})") from error


def contained(path: Path, *, root: Path) -> Path:
    """Return where a path really leads; raises ``FileError`` when links lead it out of its tree."""
    absolute, base = _absolute(path), _absolute(root)
    tree, name = base if absolute.is_relative_to(base) else absolute.parent, as_given(path, root)
    try:
        real = path.resolve()
        inside = real.is_relative_to(tree.resolve())
    except (OSError, RuntimeError) as error:  # a loop of links
        raise FileError(f"{name}: cannot read: {error}") from error
    if not inside:
        raise FileError(f"{name}: is a link out of {as_given(tree, root)}; allowed files of its own tree")
    return real


def as_given(path: Path, root: Path) -> str:
    """Return a path for people, relative to the root where it lies inside; links are not followed."""
    absolute, base = _absolute(path), _absolute(root)
    if absolute == base:
        return "the repository"
    return absolute.relative_to(base).as_posix() if absolute.is_relative_to(base) else path.as_posix()


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(Path.cwd() / path))
