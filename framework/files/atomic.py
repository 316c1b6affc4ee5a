"""Files that are never seen half written, and JSON that is always the same bytes for the same value."""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from framework.files.errors import FileError, HeldError, UnfitError
from framework.files.moments import iso_utc_ns
from framework.files.plain import NO_WAIT, move_aside, open_plain
from framework.files.spare import write_spare

NAMED = 20
"""Bytes of a lock's file that say which process holds it."""

FULL = (errno.ENOSPC, errno.EDQUOT)
LOCKLESS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system without locks says."""
AHEAD = 65_536
"""Bytes of disk that a file which must grow holds beyond its end."""


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


def write_atomic(
    *, path: Path, data: bytes | str | Iterable[str], staging: Path | None = None, vital: bool = False
) -> None:
    """Replace a file so that a reader, or a crash at any moment, sees the old content or the new one.

    The content goes to a temporary file, is flushed to disk, renamed over ``path``, and the rename is flushed
    too. The temporary file lies in ``staging``, by default beside the target. For a folder that somebody
    watches, pass a folder outside it on the same filesystem: a temporary file inside wakes the watcher early.
    Whoever passes one has a folder in the file's place, or a file in the folder's, moved there. A ``vital``
    file is written on a full disk too, into one of the spares that its staging folder keeps. Missing folders
    are created. ``data`` may come in pieces, of which one is held at a time. Raises ``FileError``.
    """
    folder = path.parent
    stage = folder if staging is None else staging
    temporary = stage / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        if staging is not None:
            _clear_folder(stage)
        stage.mkdir(parents=True, exist_ok=True)
        if staging is not None:
            _clear_folder(folder, into=stage)
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(temporary, data, vital=vital)
        if staging is not None and path.is_dir():  # a rename replaces everything but a folder
            move_aside(path, into=staging)
        temporary.replace(path)
        _flush_folder(folder)
    except OSError as error:
        raise FileError(f"{path}: cannot write: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(*, path: Path, value: Any, staging: Path | None = None, vital: bool = False) -> None:
    """Write a value as one line of canonical JSON, atomically. Raises ``FileError``."""
    write_atomic(path=path, data=canonical_json(value) + "\n", staging=staging, vital=vital)


def read_text(path: Path) -> str:
    """Return a file's UTF-8 text. Raises ``FileError`` when it is missing, unreadable or not UTF-8."""
    try:
        with open_plain(path, links=True) as file:
            return file.read().decode()
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise FileError(f"{path}: cannot read: {error.strerror or error}") from error


def append_durable(*, path: Path, data: bytes, keep: int | None = None, ahead: int = 0) -> None:
    """Add bytes to the end of a plain file, on the disk when this returns; raises ``FileError``.

    So many bytes ``ahead`` of its new end are given to it, where the system can: a full disk takes them from
    nobody. With ``keep``, the file's first that many bytes stay and ``data`` takes the place of the rest.
    When the disk refuses, the file is cut back to what it was, as far as the disk allows; what a crash leaves
    is a beginning of ``data``. The caller holds a lock. Missing folders are created.
    """
    flags = os.O_RDWR | os.O_CREAT | NO_WAIT | (os.O_APPEND if keep is None else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        handle = os.open(path, flags, 0o666)
        try:
            _check_plain(handle, path)
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
            if ahead:
                give_room(handle, at=start + len(data), size=ahead)
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
        handle = _open_lock(beside)
    except OSError as error:
        raise _no_lock(beside, error) from error
    try:
        _wait_for(handle, beside, timeout_s=timeout_s)
        with contextlib.suppress(OSError):  # the name is for people: a full disk has none
            os.pwrite(handle, f"{os.getpid():<{NAMED}}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, beside: Path, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    try:
        while not _try_lock(handle):
            if time.monotonic() >= deadline:
                waited = f" for more than {timeout_s:g} s" if timeout_s else ""
                raise HeldError(f"{beside}: is held by {_holder(handle)}{waited}")
            time.sleep(0.002)
    except OSError as error:
        raise _no_lock(beside, error) from error


def _no_lock(beside: Path, error: OSError) -> FileError:
    """Say what a lock's file needs: some network file systems have no locks."""
    allowed = "; allowed a local file system, or one with locks" if error.errno in LOCKLESS else ""
    return FileError(f"{beside}: cannot lock: {error.strerror or error}{allowed}")


def _open_lock(path: Path) -> int:
    """Open a lock's file; what stands in its place and is none is moved beside it, by one process alone."""
    flags = os.O_RDWR | os.O_CREAT | NO_WAIT
    try:
        handle = os.open(path, flags, 0o666)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
    except OSError:
        if os.name != "posix":
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        while not _try_lock(folder):
            time.sleep(0.002)
        move_aside(path, into=path.parent)
        return os.open(path, flags, 0o666)
    finally:
        os.close(folder)


def _holder(handle: int) -> str:
    """Name the process that holds a lock and since when: it wrote its number when it took it."""
    with contextlib.suppress(OSError, ValueError):
        process, since = int(os.pread(handle, NAMED, 0)), iso_utc_ns(os.fstat(handle).st_mtime_ns)
        return f"another process ({process}, since {since})"
    return "another process"


def give_room(handle: int, *, at: int, size: int) -> None:
    """Give an open file disk beyond its end, without making it longer; where the system cannot, nothing."""
    call = _fallocate()
    if call is not None:
        call(handle, 1, at, size)  # FALLOC_FL_KEEP_SIZE


@lru_cache(maxsize=1)
def _fallocate() -> Callable[..., int] | None:
    import ctypes  # 5 ms that no reader of files needs

    call = getattr(ctypes.CDLL(None), "fallocate", None) if os.name == "posix" else None
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return call


def _check_plain(handle: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise UnfitError(f"{path}: is no plain file; allowed one")


def _try_lock(handle: int) -> bool:
    """Take the lock of an open file unless it is taken; raises OSError where the file system has no locks."""
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


def _clear_folder(folder: Path, *, into: Path | None = None) -> None:
    """Move aside what stands in the place of a folder of our own and is none."""
    if os.path.lexists(folder) and not folder.is_dir():
        folder.rename((into or folder.parent) / f"{folder.name}.aside-{secrets.token_hex(4)}")


def _write_whole(path: Path, data: bytes | str | Iterable[str], *, vital: bool) -> None:
    try:
        _write_through(path, (data,) if isinstance(data, bytes | str) else data)
    except OSError as error:
        if not vital or error.errno not in FULL or not isinstance(data, bytes | str):
            raise
        path.unlink(missing_ok=True)
        if not write_spare(path, data.encode() if isinstance(data, str) else data):
            raise


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
