"""Large CSV files by blocks of rows: texts by column, whole numbers and exact decimals in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers import decimals
from framework.market.importers.decimals import Decimals
from framework.market.importers.files import BROKEN, open_packed
from framework.market.importers.recording import PLACE_SHIFT, Recording

BLOCK_BYTES = 4 << 20
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
YES, NO = ("true", "1"), ("false", "0")


class Block(NamedTuple):
    """Hold some rows of a file: the line each stands on, and texts by column name."""

    lines: Ints
    columns: dict[str, Any]


class OddRows:
    """Count the rows of one file that are kept, and those that are not understood."""

    def __init__(self, *, recording: Recording, path: Path) -> None:
        self.recording, self.name = recording, path.name
        self.kept, self.count, self.first = 0, 0, 0

    def line(self, line: int) -> None:
        """Count one."""
        self.count, self.first = self.count + 1, self.first or line
        self.recording.corrupt(line=line)

    def lines(self, lines: Ints) -> None:
        """Count several."""
        for line in lines.tolist():
            self.line(line)

    def places(self, places: Ints) -> None:
        """Count several, told by their places."""
        self.lines(places & ((1 << PLACE_SHIFT) - 1))

    def refuse_most(self, *, allowed: Sequence[str]) -> None:
        """Raise TapeError when no more rows are understood than are not, or none at all."""
        if self.count >= max(self.kept, 1):
            raise TapeError(
                f"{self.name}:{self.first}: {self.count} of {self.count + self.kept} rows are not understood"
                f"; allowed rows of {','.join(allowed)}, times since 1970 in a unit that fits their digits"
            )
        if not self.kept:
            raise TapeError(f"{self.name}: no rows; allowed a file that holds some")


def read_blocks(
    *, path: Path, names: Sequence[str], header: bool, corrupt: Callable[[int], None]
) -> Iterator[Block]:
    """Yield the rows of a CSV whose columns have these names, in blocks; raises TapeError on a file cut off.

    ``corrupt`` is told the line of each row of another width, which is left out.
    """
    import pyarrow
    import pyarrow.csv

    odd: list[int] = []

    def leave_out(row: Any) -> str:
        odd.append(int(row.number))
        corrupt(int(row.number))
        return "skip"

    with open_packed(path=path) as stream:
        try:
            reader = pyarrow.csv.open_csv(
                stream,
                pyarrow.csv.ReadOptions(
                    use_threads=False, block_size=BLOCK_BYTES, column_names=list(names), skip_rows=int(header)
                ),
                pyarrow.csv.ParseOptions(invalid_row_handler=leave_out),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False
                ),
            )
        except BROKEN:
            raise
        except pyarrow.ArrowInvalid as error:
            raise TapeError(f"{path.name}:1: no rows of {len(names)} columns ({_first(error)})") from error
        seen = int(header)
        while (batch := _next(reader, path)) is not None:
            count = batch.num_rows
            lines = _lines(begin=seen + 1, count=count, odd=odd)
            seen = int(lines[-1]) if count else seen
            odd = [line for line in odd if line > seen]
            if count:
                yield Block(lines, dict(zip(names, batch.columns, strict=True)))
        if odd:
            raise TapeError(f"{path.name}:{odd[-1]}: the last line is cut off; allowed a complete file")


def _next(reader: Any, path: Path) -> Any:
    import pyarrow

    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except pyarrow.ArrowInvalid as error:
        raise TapeError(f"{path.name}: not CSV ({_first(error)})") from error


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]


def _lines(*, begin: int, count: int, odd: list[int]) -> Ints:
    """Return the lines of rows that follow each other but for the odd ones left out."""
    lines = np.arange(begin, begin + count)
    for line in odd:
        lines[lines >= line] += 1
    return lines


def texts_joined(column: Any) -> bytes:
    """Return a column's texts, one a line."""
    import pyarrow
    import pyarrow.compute

    rows = pyarrow.ListArray.from_arrays(pyarrow.array([0, len(column)], pyarrow.int32()), column)
    joined: bytes = pyarrow.compute.binary_join(rows, "\n")[0].as_buffer().to_pybytes()
    return joined


def numbers_of(column: Any) -> tuple[Decimals, Bools]:
    """Return a column's decimals and which of its texts are some; the others are 0."""
    good = np.ones(len(column), bool)
    try:
        return decimals.parse_lines(lines=texts_joined(column), count=len(column)), good
    except ValueError:
        texts = column.to_pylist()
    for row, text in enumerate(texts):
        try:
            decimals.parse(texts=[text])
        except ValueError:
            good[row], texts[row] = False, "0"
    return decimals.parse(texts=texts), good


def integers_of(column: Any) -> tuple[Ints, Bools]:
    """Return a column's whole numbers and which of its texts are some."""
    numbers, good = numbers_of(column)
    return numbers.mantissa, good & (numbers.places == 0)


def flags_of(column: Any) -> tuple[Bools, Bools]:
    """Return a column's truth values, however spelled, and which of its texts are some."""
    import pyarrow
    import pyarrow.compute

    lower = pyarrow.compute.utf8_lower(pyarrow.compute.utf8_trim_whitespace(column))
    yes, no = (
        np.asarray(pyarrow.compute.is_in(lower, pyarrow.array(words)).to_numpy(zero_copy_only=False), bool)
        for words in (YES, NO)
    )
    return yes, yes | no


def numbers_or_none(column: Any) -> tuple[Decimals, Bools]:
    """Return a column's decimals, 0 for an empty text, and which of its texts are a number or empty."""
    import pyarrow.compute

    return numbers_of(pyarrow.compute.if_else(pyarrow.compute.equal(column, ""), "0", column))


def pairs(*, prices: Decimals, quantities: Decimals) -> Decimals:
    """Return price, quantity, price, … of two columns."""
    return Decimals(
        np.stack([prices.mantissa, quantities.mantissa], axis=1).ravel(),
        np.stack([prices.places, quantities.places], axis=1).ravel(),
    )


def taken(*, numbers: Decimals, rows: Any) -> Decimals:
    """Return some of the numbers."""
    return Decimals(numbers.mantissa[rows], numbers.places[rows])
