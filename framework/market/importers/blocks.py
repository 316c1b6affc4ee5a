"""Large CSV files by blocks of rows: texts by column, whole numbers and exact decimals in bulk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers import decimals
from framework.market.importers.decimals import Decimals
from framework.market.importers.files import BROKEN, column_key, first_bytes, header_of, open_packed
from framework.market.importers.recording import Recording, place_of
from framework.market.importers.times import UNITS

BLOCK_BYTES = 4 << 20
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
YES, NO = ("true", "t", "1"), ("false", "f", "0")
CLOCK = re.compile(r"(\d{1,18}|[0-8]\d{18})(\.0+)?")
EARLIEST_NS, LATEST_NS = 10**18, 4 * 10**18  # 2001 to 2096


class Block(NamedTuple):
    """Hold some rows of a file: the line each stands on, and texts by column name."""

    lines: Ints
    columns: dict[str, Any]


class OddRows:
    """Judge the rows of one file: those kept, and those not understood, counted by their reason."""

    def __init__(self, *, recording: Recording, index: int) -> None:
        self._recording, self._index = recording, index
        self._seen = 0

    def width(self, line: int) -> None:
        """Count a row of another width."""
        self._drop(line, "columns")
        self._seen += 1

    def judge(self, *, lines: Ints, wanted: Bools, checks: dict[str, Bools]) -> Ints:
        """Return the rows wanted that pass all checks, given by the reason of what fails."""
        kept, lost = wanted.copy(), list[tuple[int, str]]()
        for reason, good in checks.items():
            lost += [(line, reason) for line in lines[kept & ~good].tolist()]
            kept &= good
        for line, reason in sorted(lost):
            self._drop(line, reason)
        self._seen += int(wanted.sum())
        return np.flatnonzero(kept)

    def close(self, *, path: Path) -> None:
        """Say how many rows there were; raises TapeError for a file without any."""
        if not self._seen:
            raise TapeError(f"{path.name}: no rows; allowed a file that holds some")
        self._recording.lines[self._index] = self._seen

    def _drop(self, line: int, reason: str) -> None:
        self._recording.drop(place=place_of(file=self._index, line=line), reason=reason)


def read_blocks(
    *, path: Path, columns: Sequence[str], odd: Callable[[int], None], header: bool = True
) -> Iterator[Block]:
    """Yield the rows of a CSV, its columns named as wanted however they are spelled, in blocks.

    ``odd`` is told the line of each row of another width, which is left out. Raises TapeError on a file cut
    off, or one whose header lacks a column; without a header the columns are those given.
    """
    names, separator, begin = list(columns), ",", first_bytes(path=path).decode("utf-8", "replace")
    if header:
        names, separator = _named(path=path, line=begin.split("\n")[0], columns=columns)
    blanks = f"{separator} " in begin or f" {separator}" in begin
    with open_packed(path=path) as stream:
        for block in _blocks(_Csv(path, names, separator, header), stream, odd):
            yield _trimmed(block) if blanks else block


def _trimmed(block: Block) -> Block:
    import pyarrow.compute

    trim = pyarrow.compute.utf8_trim_whitespace
    return Block(block.lines, {name: trim(column) for name, column in block.columns.items()})


def _named(*, path: Path, line: str, columns: Sequence[str]) -> tuple[list[str], str]:
    """Return the names of a header in the spelling wanted, those not wanted by their number."""
    told, separator = header_of(line=line)
    wanted = {column_key(name): name for name in columns}
    keys = [column_key(name) for name in told]
    for key, name in wanted.items():
        if keys.count(key) != 1:
            there = f"there {keys.count(key)} times" if keys.count(key) else "missing"
            raise TapeError(
                f"{path.name}:1: column {name} is {there}; allowed a header with {', '.join(columns[:12])}"
            )
    return [wanted.get(key, f"#{at}") for at, key in enumerate(keys)], separator


class _Csv(NamedTuple):
    path: Path
    names: list[str]
    separator: str
    header: bool


def _blocks(file: _Csv, stream: Any, odd: Callable[[int], None]) -> Iterator[Block]:
    import pyarrow
    import pyarrow.csv

    path, names = file.path, file.names
    left_out: list[int] = []

    def leave_out(row: Any) -> str:
        left_out.append(int(row.number))
        odd(int(row.number))
        return "skip"

    try:
        reader = pyarrow.csv.open_csv(
            stream,
            pyarrow.csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=int(file.header)
            ),
            pyarrow.csv.ParseOptions(delimiter=file.separator, invalid_row_handler=leave_out),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pyarrow.string()), strings_can_be_null=False
            ),
        )
    except BROKEN:
        raise
    except pyarrow.ArrowInvalid as error:
        if "Empty" in str(error):
            return
        raise TapeError(f"{path.name}:1: no rows of {len(names)} columns ({_first(error)})") from error
    place = int(file.header)
    while (batch := _next(reader, path)) is not None:
        count = batch.num_rows
        lines = _lines(begin=place + 1, count=count, odd=left_out)
        place = int(lines[-1]) if count else place
        left_out[:] = [line for line in left_out if line > place]
        if count:
            yield Block(lines, dict(zip(names, batch.columns, strict=True)))
    if left_out:
        raise TapeError(f"{path.name}:{left_out[-1]}: the last line is cut off; allowed a complete file")


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


def chosen_rows(*, block: Block, index: int, meet: Callable[[str, str, int], bool]) -> Bools:
    """Tell which rows are of an instrument wanted; ``meet`` is asked of each exchange, symbol and place."""
    symbols, exchanges = block.columns["symbol"], block.columns["exchange"]
    chosen = np.zeros(len(symbols), bool)
    for exchange in exchanges.unique().to_pylist():
        of_exchange = among(exchanges, (exchange,))
        for symbol in symbols.unique().to_pylist():
            rows = of_exchange & among(symbols, (symbol,))
            first = int(np.argmax(rows))
            if rows.any() and meet(exchange, symbol, place_of(file=index, line=int(block.lines[first]))):
                chosen |= rows
    return chosen


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
        kept = decimals.tidy(value=text.strip())
        good[row], texts[row] = kept is not None, kept or "0"
    return decimals.parse(texts=texts), good


def numbers_or_none(column: Any) -> tuple[Decimals, Bools]:
    """Return a column's decimals, 0 for an empty text, and which of its texts are a number or empty."""
    import pyarrow.compute

    return numbers_of(pyarrow.compute.if_else(pyarrow.compute.equal(column, ""), "0", column))


def integers_of(column: Any) -> tuple[Ints, Bools]:
    """Return a column's whole numbers and which of its texts are some."""
    numbers, good = numbers_of(column)
    return numbers.mantissa, good & (numbers.places == 0)


def clocks_of(column: Any) -> tuple[Ints, Bools]:
    """Return Unix times in ns, their unit told by their size, and which of a column's texts are some."""
    import pyarrow

    try:
        clock = column.cast(pyarrow.int64()).to_numpy(zero_copy_only=False)
    except pyarrow.ArrowInvalid:
        matches = [CLOCK.fullmatch(text.strip()) for text in column.to_pylist()]
        clock = np.array([int(match[1]) if match else 0 for match in matches], np.int64)
    return in_ns(clock=clock)


def in_ns(*, clock: Ints) -> tuple[Ints, Bools]:
    """Return Unix times in ns, their unit told by their size, and which lie between 2001 and 2096."""
    factor = np.select([clock < below for below, _ in UNITS], [by for _, by in UNITS], 1)
    good = (clock >= EARLIEST_NS // factor) & (clock < LATEST_NS // factor)
    return np.where(good, clock, 0) * factor, good


def lowered(column: Any) -> Any:
    """Return a column in small letters without blanks around them."""
    import pyarrow.compute

    return pyarrow.compute.utf8_lower(pyarrow.compute.utf8_trim_whitespace(column))


def among(column: Any, words: Sequence[str]) -> Bools:
    """Tell which texts of a column are one of some words."""
    import pyarrow
    import pyarrow.compute

    member = pyarrow.compute.is_in(column, pyarrow.array(words, pyarrow.string()))
    return np.asarray(member.to_numpy(zero_copy_only=False), bool)


def flags_of(column: Any) -> tuple[Bools, Bools]:
    """Return a column's truth values, however spelled, and which of its texts are some."""
    words = lowered(column)
    yes = among(words, YES)
    return yes, yes | among(words, NO)


def pairs(*, prices: Decimals, quantities: Decimals) -> Decimals:
    """Return price, quantity, price, … of two columns."""
    return Decimals(
        np.stack([prices.mantissa, quantities.mantissa], axis=1).ravel(),
        np.stack([prices.places, quantities.places], axis=1).ravel(),
    )


def taken(*, numbers: Decimals, rows: Any) -> Decimals:
    """Return some of the numbers."""
    return Decimals(numbers.mantissa[rows], numbers.places[rows])
