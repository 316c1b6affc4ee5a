"""Recorded parquet files by batches: numbers as exact decimals, times in UTC ns, texts as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers import decimals
from framework.market.importers.blocks import LATEST_NS, in_ns, numbers_of
from framework.market.importers.decimals import Decimals
from framework.units import SECOND

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
BATCH = 1 << 16
NAMED = {
    "time": re.compile("(receipt_)?timestamp"),
    "text": re.compile("side"),
    "flag": re.compile("delta"),
    "number": re.compile(r"price|size|amount|(bid|ask)_\d+_(price|size)"),
}
"""What a column's name says it is."""
TEXT = ("string", "large_string")
TYPES = {
    "time": ("integer", "floating", "timestamp"),
    "text": TEXT,
    "flag": ("boolean", *TEXT),
    "number": ("integer", "floating", "decimal", *TEXT),
}
"""Types that such a column may have, by pyarrow's names."""


def open_parquet(*, path: Path) -> Any:
    """Open a file for its schema and rows; raises TapeError when it is cut off or damaged."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise TapeError(
            f"{path.name}: cut off or damaged ({_first(error)}); allowed a complete file"
        ) from error


def batches_of(*, file: Any, path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield some columns of a file by name, so many rows at a time; raises TapeError for a type of no use."""
    import pyarrow

    for name in names:
        _refuse_type(name=name, type=file.schema_arrow.field(name).type, path=path)
    try:
        for batch in file.iter_batches(batch_size=BATCH, columns=list(names)):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield {
                name: _plain(column.dictionary_decode())
                if pyarrow.types.is_dictionary(column.type)
                else _plain(column)
                for name, column in columns.items()
            }
    except (pyarrow.ArrowException, OSError) as error:
        raise TapeError(
            f"{path.name}: cut off or damaged ({_first(error)}); allowed a complete file"
        ) from error


def _plain(column: Any) -> Any:
    import pyarrow

    return column.cast(pyarrow.string()) if pyarrow.types.is_large_string(column.type) else column


def _refuse_type(*, name: str, type: Any, path: Path) -> None:
    """Raise TapeError for a column that cannot be what its name says."""
    import pyarrow

    held = type.value_type if pyarrow.types.is_dictionary(type) else type
    kind = next((kind for kind, named in NAMED.items() if named.fullmatch(name)), "")
    if kind and not any(getattr(pyarrow.types, f"is_{told}")(held) for told in TYPES[kind]):
        raise TapeError(f"{path.name}: column {name} is of {type}; allowed {', '.join(TYPES[kind])}")


def missing(column: Any) -> Bools:
    """Tell which rows say that there is no number: null, NaN or an empty text."""
    import pyarrow
    import pyarrow.compute

    column = column.cast(pyarrow.string()) if pyarrow.types.is_decimal(column.type) else column
    none = pyarrow.compute.is_null(column, nan_is_null=True)
    if pyarrow.types.is_string(column.type):
        none = pyarrow.compute.or_(none, pyarrow.compute.equal(column.fill_null(""), ""))
    return np.asarray(none.to_numpy(zero_copy_only=False), bool)


def exact(column: Any, *, where: str) -> tuple[Decimals, Bools]:
    """Return a column's numbers and which rows have one that is 0 or more; a float is read as the shortest
    decimal it stands for. Raises TapeError for floats of more than 12 places.
    """
    import pyarrow

    if pyarrow.types.is_string(column.type) or pyarrow.types.is_decimal(column.type):
        return numbers_of(column.cast(pyarrow.string()).fill_null(""))
    values = column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    good = np.isfinite(values) & (values >= 0) & (values < 2.0**52)
    try:
        return decimals.from_floats(values=np.where(good, values, 0.0)), good
    except ValueError as error:
        raise TapeError(f"{where}: a price or quantity is {error}; allowed decimals") from error


def times_ns(column: Any) -> tuple[Ints, Bools]:
    """Return times in UTC ns and which rows have one: floats are seconds, integers known by their size."""
    import pyarrow

    if pyarrow.types.is_floating(column.type):
        seconds = column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
        sound = np.isfinite(seconds) & (seconds > 0) & (seconds < LATEST_NS / SECOND)
        clock = np.rint(np.where(sound, seconds, 0.0) * 1e6).astype(np.int64) * 1000
    else:
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.timestamp("ns"), safe=False)
        clock = (
            column.cast(pyarrow.int64(), safe=False)
            .fill_null(0)
            .to_numpy(zero_copy_only=False)
            .astype(np.int64)
        )
    return in_ns(clock=clock)


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]
