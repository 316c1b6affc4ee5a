"""A tape's columns as files: one ``.npy`` each in a folder, memory-mapped and never written to."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.files.cache import user_cache
from framework.market.errors import TapeError
from framework.market.instrument import Instrument
from framework.market.tape import EVENT_COLUMNS, FUNDING_COLUMNS, Tape, TapeMeta

Columns = dict[str, NDArray[Any]]


def cache_folder() -> Path:
    """Return the folder of memory-mapped columns; the caller may delete it at any time between runs."""
    return user_cache() / "tapes"


def write_columns(*, folder: Path, columns: Mapping[str, NDArray[Any]], beside: Mapping[str, str]) -> None:
    """Put columns and small texts beside them into a folder, whole or not at all; raises OSError.

    Folders are named by what they hold: one that already holds such columns keeps them and gets the texts, so
    two writers do not disturb each other.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:26]}-"))
    try:
        for name, column in columns.items():
            _save(column=column, file=building / f"{name}.npy")
        for name, text in beside.items():
            (building / name).write_text(text, encoding="utf-8")
        _swap(new=building, target=folder, columns=columns, beside=beside)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def map_columns(*, folder: Path, rows: int, funding_rows: int) -> Columns:
    """Map the columns of a folder, read-only; raises TapeError when they are not whole."""
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
            columns[name] = column
    return columns


def described(tape: Tape) -> dict[str, Any]:
    """Describe a tape beside its columns; ``tape_of`` is the reverse."""
    meta = tape.meta
    return {
        "digest": meta.digest,
        "instrument": tape.instrument.as_dict(),
        "source": meta.source,
        "format": meta.format,
        "faults": dict(meta.faults),
        "measures": dict(meta.measures),
        "rows": len(tape),
        "funding_rows": len(tape.funding_ts_ns),
    }


def tape_of(*, columns: Mapping[str, NDArray[Any]], sidecar: Mapping[str, Any], where: str) -> Tape:
    """Make a tape of its columns and what describes it. Raises TapeError and KeyError."""
    return Tape(
        instrument=Instrument.from_dict(data=sidecar["instrument"], where=where),
        meta=TapeMeta(
            source=sidecar["source"],
            format=sidecar["format"],
            digest=sidecar["digest"],
            faults=sidecar["faults"],
            measures=sidecar["measures"],
        ),
        **columns,
    )


def map_tape(*, folder: Path, sidecar: Mapping[str, Any], where: str) -> Tape:
    """Map a folder's columns as the tape a sidecar describes. Raises TapeError and KeyError."""
    columns = map_columns(folder=folder, rows=sidecar["rows"], funding_rows=sidecar["funding_rows"])
    return tape_of(columns=columns, sidecar=sidecar, where=where)


def _save(*, column: NDArray[Any], file: Path) -> None:
    """Write a .npy file; unlike np.save, a disk that is full raises."""
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(column))
        stream.write(np.ascontiguousarray(column).data)


def _swap(*, new: Path, target: Path, columns: Mapping[str, NDArray[Any]], beside: Mapping[str, str]) -> None:
    try:
        new.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        if _is_whole(folder=target, columns=columns):
            for name in beside:
                os.replace(new / name, target / name)
        else:
            shutil.rmtree(target, ignore_errors=True)
            new.rename(target)


def _is_whole(*, folder: Path, columns: Mapping[str, NDArray[Any]]) -> bool:
    try:
        map_columns(folder=folder, rows=len(columns["kind"]), funding_rows=len(columns["funding_ts_ns"]))
    except TapeError:
        return False
    return True
