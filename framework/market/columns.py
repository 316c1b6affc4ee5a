"""A tape's columns as files: one ``.npy`` each in a folder, memory-mapped and never written to."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.files.cache import user_cache
from framework.market.errors import TapeError
from framework.market.sidecar import Sidecar
from framework.market.tape import EVENT_COLUMNS, FUNDING_COLUMNS, Tape

Columns = dict[str, NDArray[Any]]
Marks = dict[str, list[int]]
MARKS = "columns.json"
"""Beside the columns: what each was when it was written."""
PAGE = 4096


def cache_folder() -> Path:
    """Return the folder of memory-mapped columns; the caller may delete it at any time between runs."""
    return user_cache() / "tapes"


def write_columns(*, folder: Path, columns: Mapping[str, NDArray[Any]], beside: Mapping[str, str]) -> None:
    """Put columns and small texts beside them into a folder, whole or not at all; raises OSError.

    Folders are named by what they hold: one that already holds such columns keeps them and gets the texts, so
    two writers do not disturb each other.
    """
    with building_beside(folder) as building:
        for name, column in columns.items():
            save_column(column=column, file=building / f"{name}.npy")
        put_in_place(
            building,
            folder,
            rows=len(columns["kind"]),
            funding_rows=len(columns["funding_ts_ns"]),
            beside=beside,
        )


@contextmanager
def building_beside(folder: Path) -> Iterator[Path]:
    """Make a folder beside another to build it in, deleted at the end if still there; raises OSError."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:26]}-"))
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def put_in_place(
    building: Path, folder: Path, *, rows: int, funding_rows: int, beside: Mapping[str, str]
) -> None:
    """Turn a built folder into the one wanted, as ``write_columns`` says; raises OSError."""
    for name, text in beside.items():
        (building / name).write_text(text, encoding="utf-8")
    columns = map_columns(folder=building, rows=rows, funding_rows=funding_rows, marks=None)
    marks = {name: _mark(building / f"{name}.npy", column) for name, column in columns.items()}
    (building / MARKS).write_text(json.dumps(marks, sort_keys=True), encoding="utf-8")
    for file in building.iterdir():  # a rename must not reach the disk before what it names
        flush(file)
    flush(building)
    try:
        building.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        if _is_whole(folder=folder, rows=rows, funding_rows=funding_rows):
            for name in beside:
                os.replace(building / name, folder / name)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            building.rename(folder)


class GrowingColumns:
    """Event columns in a folder that grow by chunks, so that they are never in memory as a whole."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, 0
        self._files = {name: (folder / f"{name}.npy").open("wb") for name, _ in EVENT_COLUMNS}
        self._head()

    def add(self, chunk: Mapping[str, NDArray[Any]]) -> None:
        """Add a chunk of every column; raises OSError."""
        for name, file in self._files.items():
            file.write(np.ascontiguousarray(chunk[name]).data)
        self.rows += len(chunk["kind"])

    def close(self) -> Columns:
        """Say how many rows there are and map them, read-only; raises OSError."""
        self._head()
        for file in self._files.values():
            file.close()
        return {name: np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r")) for name in self._files}

    def _head(self) -> None:
        # The header has room for any number of rows: writing it again moves nothing.
        for name, dtype in EVENT_COLUMNS:
            self._files[name].seek(0)
            about = {"descr": dtype, "fortran_order": False, "shape": (self.rows,)}
            np.lib.format.write_array_header_1_0(self._files[name], about)


def flush(path: Path) -> None:
    """Have the disk keep a file or a folder; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mark(file: Path, column: NDArray[Any]) -> list[int]:
    """Return what shows cheaply whether a column is as it was written: size, time, a value of every page."""
    told = file.stat()
    return [told.st_size, told.st_mtime_ns, zlib.crc32(column[:: PAGE // column.itemsize].tobytes())]


def _marks(folder: Path) -> Marks:
    try:
        marks = json.loads((folder / MARKS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TapeError(f"{folder}: the cached tape is damaged; delete this folder ({error})") from error
    return marks if isinstance(marks, dict) else {}


def map_whole(*, folder: Path, rows: int, funding_rows: int) -> Columns:
    """Map the columns of a folder that are as they were written; raises TapeError when they are not."""
    return map_columns(folder=folder, rows=rows, funding_rows=funding_rows, marks=_marks(folder))


def map_columns(*, folder: Path, rows: int, funding_rows: int, marks: Marks | None) -> Columns:
    """Map the columns of a folder, read-only; raises TapeError when they are not whole, or not as marked."""
    columns: Columns = {}
    for group, length in ((EVENT_COLUMNS, rows), (FUNDING_COLUMNS, funding_rows)):
        for name, dtype in group:
            file = folder / f"{name}.npy"
            try:
                column = np.asarray(np.load(file, mmap_mode="r" if length else None))
            except (OSError, ValueError, EOFError) as error:
                raise TapeError(
                    f"{folder}: the cached tape is damaged; delete this folder ({error})"
                ) from error
            if column.dtype != np.dtype(dtype) or column.shape != (length,):
                raise TapeError(f"{file}: the cached tape is damaged; delete its folder")
            if marks is not None and marks.get(name) != _mark(file, column):
                raise TapeError(f"{file}: not the column that was written; delete its folder")
            columns[name] = column
    return columns


def tape_of(*, columns: Mapping[str, NDArray[Any]], sidecar: Sidecar) -> Tape:
    """Make a tape of its columns and what describes it. Raises TapeError."""
    return Tape(instrument=sidecar.instrument, meta=sidecar.meta, **columns)


def map_tape(*, folder: Path, sidecar: Sidecar) -> Tape:
    """Map a folder's columns as the tape a sidecar describes. Raises TapeError."""
    columns = map_whole(folder=folder, rows=sidecar.rows, funding_rows=sidecar.funding_rows)
    return tape_of(columns=columns, sidecar=sidecar)


def save_column(*, column: NDArray[Any], file: Path) -> None:
    """Write a .npy file; unlike np.save, a disk that is full raises."""
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(column))
        stream.write(np.ascontiguousarray(column).data)


def _is_whole(*, folder: Path, rows: int, funding_rows: int) -> bool:
    try:
        map_whole(folder=folder, rows=rows, funding_rows=funding_rows)
    except TapeError:
        return False
    return True
