"""A tape's columns in parquet files, one a UTC day, each with its digest."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.files.moments import DATE_FORM, utc_words
from framework.market.archive_roots import Root
from framework.market.errors import TapeError
from framework.market.sidecar import PartFile
from framework.market.tape import EVENT_COLUMNS, FUNDING_COLUMNS, Tape
from framework.units import DAY

DELTA = ("exch_ts_ns", "recv_ts_ns", "price_ticks", "qty_lots", "funding_ts_ns")
Columns = dict[str, NDArray[Any]]


def write_parts(*, tape: Tape, folder: Path) -> dict[str, PartFile]:
    """Write ``date=…/events.parquet`` and ``funding.parquet`` below a folder; return digest, bytes, rows of
    each.
    """
    written: dict[str, PartFile] = {}
    days = tape.exch_ts_ns // DAY
    for day in np.unique(days):
        rows = slice(int(np.searchsorted(days, day)), int(np.searchsorted(days, day, side="right")))
        columns = {name: getattr(tape, name)[rows] for name, _ in EVENT_COLUMNS}
        name = f"date={utc_words(int(day) * DAY, form=DATE_FORM)}/events.parquet"
        written[name] = _write(columns=columns, file=folder / name)
    columns = {name: getattr(tape, name) for name, _ in FUNDING_COLUMNS}
    written["funding.parquet"] = _write(columns=columns, file=folder / "funding.parquet")
    return written


def read_parts(*, root: Root, chosen: str, files: Mapping[str, PartFile]) -> Columns:
    """Read every file the sidecar names; raises TapeError for one whose digest or content is not the
    sidecar's.
    """
    days = sorted(name for name in files if name.startswith("date="))
    parts = [_read(root=root, chosen=chosen, name=name, files=files, schema=EVENT_COLUMNS) for name in days]
    columns = {
        name: np.ascontiguousarray(np.concatenate([part[name] for part in parts]), dtype=dtype)
        for name, dtype in EVENT_COLUMNS
    }
    return columns | _read(
        root=root, chosen=chosen, name="funding.parquet", files=files, schema=FUNDING_COLUMNS
    )


def _write(*, columns: Columns, file: Path) -> PartFile:
    import pyarrow
    import pyarrow.parquet

    file.parent.mkdir(parents=True, exist_ok=True)
    buffer = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(
        pyarrow.table(columns),
        buffer,
        compression="zstd",
        use_dictionary=[name for name in columns if name not in DELTA],
        column_encoding={name: "DELTA_BINARY_PACKED" for name in columns if name in DELTA},
    )
    data = buffer.getvalue().to_pybytes()
    file.write_bytes(data)
    rows = len(next(iter(columns.values())))
    return PartFile(hashlib.sha256(data).hexdigest(), len(data), rows)


def _read(
    *, root: Root, chosen: str, name: str, files: Mapping[str, PartFile], schema: tuple[tuple[str, str], ...]
) -> Columns:
    import pyarrow
    import pyarrow.parquet

    where = root.join(name=f"{chosen}/{name}")
    part = files.get(name)
    if part is None:
        raise TapeError(f"{where}: not in tape.json; import the tape again")
    data = root.read(name=f"{chosen}/{name}")
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise TapeError(
            f"{where}: its digest is not the one in tape.json: damaged or changed; import the tape again"
        )
    try:
        # One thread and Arrow's own buffer: its pools, with Python objects in them, can abort a process at
        # its end (apache/arrow issues 34314, 50482).
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), pre_buffer=False)
        table = file.read(columns=[name for name, _ in schema], use_threads=False)
        return {column: table[column].to_numpy().astype(dtype, copy=False) for column, dtype in schema}
    except (pyarrow.ArrowException, KeyError) as error:
        raise TapeError(f"{where}: not a tape's parquet file ({error}); import the tape again") from error
