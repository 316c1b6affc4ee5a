"""Files that are never seen half written, and JSON that is always the same bytes for the same value."""

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from framework.files.errors import FileError, HeldError


def canonical_json(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, shortest floats; NaN and infinities raise.

    Raises ``ValueError`` for a number JSON cannot hold and ``TypeError`` for a value that is not plain data.
    """
    return json.dumps(
        value,
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    )


def sha256_of(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def write_atomic(*, path: Path, data: bytes | str | Iterable[str], staging: Path | None = None) -> None:
    """Replace a file so that a reader, or a crash at any moment, sees the old content or the new one.

    The content goes to a temporary file, is flushed to disk, renamed over ``path``, and the rename is flushed
    too. The temporary file lies in ``staging``, by default beside the target. For a folder that somebody
    watches, pass a folder outside it on the same filesystem: a temporary file inside wakes the watcher early.
    Missing folders are created. ``data`` may come in pieces, of which one is held at a time. Raises
    ``FileError``.
    """
    folder = path.parent
    stage = folder if staging is None else staging
    temporary = stage / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stage.mkdir(parents=True, exist_ok=True)
        _write_through(temporary, (data,) if isinstance(data, bytes | str) else data)
        temporary.replace(path)
        _flush_folder(folder)
    except OSError as error:
        raise FileError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(*, path: Path, value: Any, staging: Path | None = None) -> None:
    """Write a value as one line of canonical JSON, atomically. Raises ``FileError``."""
    write_atomic(path=path, data=canonical_json(value) + "\n", staging=staging)


def read_text(path: Path) -> str:
    """Return a file's UTF-8 text. Raises ``FileError`` when it is missing, unreadable or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise FileError(f"{path}: cannot read: {error.strerror or error}") from error


def append_durable(*, path: Path, data: bytes, keep: int | None = None) -> None:
    """Add bytes to the end of a file, on the disk when this returns; raises ``FileError``.

    With ``keep``, the file's first that many bytes stay and ``data`` takes the place of the rest. When the
    disk refuses, the file is cut back to what it was, as far as the disk allows; what a crash leaves is a
    beginning of ``data``. The caller holds a lock. Missing folders are created.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | (os.O_APPEND if keep is None else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        handle = os.open(path, flags, 0o666)
        try:
            start = os.lseek(handle, 0, os.SEEK_END) if keep is None else os.lseek(handle, keep, os.SEEK_SET)
            try:
                write_all(handle, data)
                if keep is not None:
                    os.ftruncate(handle, start + len(data))
                getattr(os, "fdatasync", os.fsync)(handle)
            except OSError:
                with contextlib.suppress(OSError):  # the rest is an unterminated tail, which is looked for
                    os.ftruncate(handle, start)
                raise
        finally:
            os.close(handle)
        if new:
            _flush_folder(path.parent)
    except OSError as error:
        raise FileError(f"{path}: cannot append: {error.strerror or error}") from error


@contextlib.contextmanager
def locked(*, path: Path, timeout_s: float) -> Iterator[None]:
    """Hold the lock of a file, a hidden file beside it; one holder among all processes and threads.

    The lock ends with the process that holds it. Raises ``HeldError`` when it stays taken for ``timeout_s``.
    """
    beside = path.parent / f".{path.name}.lock"
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise FileError(f"{beside}: cannot lock: {error.strerror or error}") from error
    try:
        deadline = time.monotonic() + timeout_s
        while not _try_lock(handle):
            if time.monotonic() >= deadline:
                raise HeldError(f"{beside}: is held by another process for more than {timeout_s:g} s")
            time.sleep(0.002)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except (BlockingIOError, PermissionError):
        return False
    return True


def write_all(handle: int, data: bytes) -> None:
    """Write every byte to a file that is open; raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _write_through(path: Path, pieces: Iterable[bytes | str]) -> None:
    # Exclusive creation: a guessed or left-over name is an error, never a file somebody else controls.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(handle, "wb") as file:
        for piece in pieces:
            file.write(piece.encode() if isinstance(piece, str) else piece)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened, and the rename is journalled by the system
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
