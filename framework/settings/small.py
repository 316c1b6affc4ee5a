"""Read a file that others may write: small, a plain file, and not a link to somewhere else."""

import os
import stat
from pathlib import Path

from framework.settings.errors import FileError

LIMIT = 1_000_000
"""Bytes; a patch of every field there is takes two thousand."""


def read_small(path: Path, *, root: Path, limit: int = LIMIT) -> str:
    """Return the UTF-8 text of a plain file of at most ``limit`` bytes; its size is asked before it is read.

    A link may lead elsewhere inside ``root``, never out of it; a file outside ``root`` may be linked inside
    its own folder, as Kubernetes does. Raises ``FileError``.
    """
    real = contained(path, root=root)
    try:
        # Without O_NONBLOCK a named pipe would hold the reader until somebody writes.
        handle = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise FileError(f"{path}: is not a plain file")
            if status.st_size > limit:
                raise FileError(f"{path}: has {status.st_size} bytes; allowed up to {limit}")
            data = file.read(limit + 1)
    except OSError as error:
        raise FileError(f"{path}: cannot read: {error.strerror or error}") from error
    if len(data) > limit:  # it grew meanwhile
        raise FileError(f"{path}: has more than {limit} bytes; allowed up to {limit}")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 text (byte {error.start})") from error


def contained(path: Path, *, root: Path) -> Path:
    """Return where a path really leads; raises ``FileError`` when links lead it out of its tree."""
    try:
        real = path.resolve()
        absolute = Path(os.path.normpath(Path.cwd() / path))
        tree = root if absolute.is_relative_to(Path(os.path.normpath(Path.cwd() / root))) else absolute.parent
        inside = real.is_relative_to(tree.resolve())
    except (OSError, RuntimeError) as error:  # a loop of links
        raise FileError(f"{path}: cannot read: {error}") from error
    if not inside:
        raise FileError(f"{path}: is a link out of {tree}; allowed files of its own tree")
    return real
