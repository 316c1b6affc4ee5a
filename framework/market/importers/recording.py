"""What any importer collects from its files before a tape is assembled: book messages, trades, funding."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers import decimals
from framework.market.importers.decimals import Decimals

SNAPSHOT, DIFF, TICKER, BREAK, DROP = 0, 1, 2, 3, 4
"""What a book message is; a BREAK is a place where the source itself says that messages were lost; a DROP
deletes every level of a side from the best one to a price (0 on the bid side: all)."""

LOST = 5
"""A message with a number that is none, or of a stream that is not the book: it is dropped."""
PARTIAL = 6
"""The best few levels, told whole each time: the book where there is no fuller one, nothing beside one."""
CHUNK = 1 << 19
LIMIT = 1 << 62
PLAIN = re.compile(r"\d{1,9}(\.\d{1,9})?")
PLACE_SHIFT = 40
Ints = NDArray[np.int64]


class Numbers:
    """Collect decimal texts in chunks, so that a day of levels costs nine bytes a number."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._parts: list[Decimals] = []
        self.malformed: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count + len(self._texts)

    def extend(self, texts: Iterable[str]) -> None:
        """Append texts."""
        self._texts.extend(texts)
        if len(self._texts) >= CHUNK:
            self._flush()

    def extend_parsed(self, numbers: Decimals) -> None:
        """Append numbers that a source holds in binary form."""
        self._flush()
        self._parts.append(numbers)
        self._count += len(numbers.mantissa)

    def truncate(self, length: int) -> None:
        """Drop what a line that proved corrupt has appended after ``length`` numbers."""
        if length >= self._count:
            del self._texts[length - self._count :]

    def get(self) -> Decimals:
        """Return everything; a malformed text counts as 0 and is listed in ``malformed``."""
        self._flush()
        return decimals.join(parts=self._parts)

    def _flush(self) -> None:
        try:
            self._parts.append(decimals.parse(texts=self._texts))
        except (ValueError, TypeError):
            for index, text in enumerate(self._texts):
                if isinstance(text, str) and PLAIN.fullmatch(text):
                    continue
                kept = decimals.tidy(value=text)
                if kept is None:
                    self.malformed.append(self._count + index)
                self._texts[index] = kept or "0"
            self._parts.append(decimals.parse(texts=self._texts))
        self._count += len(self._texts)
        self._texts = []


class Ids(NamedTuple):
    """What numbers a book message: its first and last update, and the last one before it; -1 is none."""

    first: int = -1
    last: int = -1
    prev: int = -1


NO_IDS = Ids()


def _column() -> array[int]:
    return array("q")


@dataclass
class Messages:
    """Hold book messages in arrival order, eight bytes a value; ids are -1 and times 0 where the source has
    none.
    """

    op: array[int] = field(default_factory=_column)
    exch_ns: array[int] = field(default_factory=_column)
    recv_ns: array[int] = field(default_factory=_column)
    first_id: array[int] = field(default_factory=_column)
    last_id: array[int] = field(default_factory=_column)
    prev_id: array[int] = field(default_factory=_column)
    place: array[int] = field(default_factory=_column)
    bids: array[int] = field(default_factory=_column)
    asks: array[int] = field(default_factory=_column)


@dataclass
class Trades:
    """Hold trades in arrival order; ``ident`` is -1 where the source has no numbers for them."""

    exch_ns: array[int] = field(default_factory=_column)
    recv_ns: array[int] = field(default_factory=_column)
    side: array[int] = field(default_factory=_column)
    ident: array[int] = field(default_factory=_column)
    place: array[int] = field(default_factory=_column)
    lost: set[int] = field(default_factory=set)


class Stamps(NamedTuple):
    """Say when and where many rows at once were told: exchange and receive time, UTC ns, and place."""

    exch_ns: Ints
    recv_ns: Ints
    place: Ints


@dataclass
class Recording:
    """Collect one instrument's recording from one or more files.

    ``contiguous`` says how update ids continue (spot, futures: Binance's rules; counted: by one; none);
    ``trades_first`` puts the trades of a millisecond before its book updates (else file order holds within
    one instant). ``exchange`` is the venue as the files call it; ``contract_known``: its own rules have told
    what the symbol is; ``counted``: quantities are contracts.
    """

    symbol: str
    venue: str
    kind: str
    contiguous: str
    format: str
    trades_first: bool = True
    exchange: str = ""
    contract_known: bool = False
    counted: bool = False
    files: list[str] = field(default_factory=list)
    messages: Messages = field(default_factory=Messages)
    levels: Numbers = field(default_factory=Numbers)
    trades: Trades = field(default_factory=Trades)
    prints: Numbers = field(default_factory=Numbers)
    marks: list[tuple[int, int, float, float]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    measures: dict[str, int] = field(default_factory=dict)
    trade_ids_contiguous: bool = False
    lines: dict[int, int] = field(default_factory=dict)
    dropped: dict[int, int] = field(default_factory=dict)
    first_dropped: dict[int, tuple[int, str]] = field(default_factory=dict)

    def count(self, fault: str, by: int = 1) -> None:
        """Count a fault."""
        self.faults[fault] = self.faults.get(fault, 0) + by

    def add_book(
        self,
        *,
        op: int,
        exch_ns: int,
        recv_ns: int,
        place: int,
        bids: Sequence[Sequence[str]],
        asks: Sequence[Sequence[str]],
        ids: Ids = NO_IDS,
    ) -> None:
        """Append a book message; each level is (price, quantity) as decimal texts, quantity 0 deletes."""
        _check_size(exch_ns, recv_ns, *ids)
        before = len(self.levels)
        self.levels.extend(chain.from_iterable(chain(bids, asks)))
        if len(self.levels) != before + 2 * (len(bids) + len(asks)):
            self.levels.truncate(before)
            raise ValueError("a level is not a pair")
        messages = self.messages
        messages.op.append(op)
        messages.exch_ns.append(exch_ns)
        messages.recv_ns.append(recv_ns)
        messages.first_id.append(ids.first)
        messages.last_id.append(ids.last)
        messages.prev_id.append(ids.prev)
        messages.place.append(place)
        messages.bids.append(len(bids))
        messages.asks.append(len(asks))

    def add_trade(
        self, *, exch_ns: int, recv_ns: int, side: int, price: str, qty: str, place: int, ident: int = -1
    ) -> None:
        """Append a trade; ``side`` is the aggressor's."""
        _check_size(exch_ns, recv_ns, ident)
        self.prints.extend((price, qty))
        self.trades.exch_ns.append(exch_ns)
        self.trades.recv_ns.append(recv_ns)
        self.trades.side.append(side)
        self.trades.ident.append(ident)
        self.trades.place.append(place)

    def add_books(
        self, *, op: int, stamps: Stamps, bids: Ints, asks: Ints, numbers: Decimals, last_id: Ints
    ) -> None:
        """Append book messages of one kind, each with so many bids and asks; ``numbers`` are price, quantity,
        price, … of all of them, bids before asks.
        """
        held, count = self.messages, len(bids)
        none = np.full(count, -1)
        for column, values in (
            (held.op, np.full(count, op)), (held.first_id, none), (held.prev_id, none),
            (held.last_id, last_id), (held.bids, bids), (held.asks, asks), (held.exch_ns, stamps.exch_ns),
            (held.recv_ns, stamps.recv_ns), (held.place, stamps.place),
        ):  # fmt: skip
            _append(column, values)
        self.levels.extend_parsed(numbers)

    def add_trades(self, *, stamps: Stamps, side: Ints, ident: Ints, numbers: Decimals) -> None:
        """Append trades; ``numbers`` are price, quantity, price, … of all of them."""
        held = self.trades
        for column, values in (
            (held.side, side), (held.ident, ident), (held.exch_ns, stamps.exch_ns),
            (held.recv_ns, stamps.recv_ns), (held.place, stamps.place),
        ):  # fmt: skip
            _append(column, values)
        self.prints.extend_parsed(numbers)

    def where(self, *, place: int) -> str:
        """Return ``file:line`` of a place."""
        return f"{self.files[place >> PLACE_SHIFT]}:{place & ((1 << PLACE_SHIFT) - 1)}"

    def level_place(self, row: int) -> str:
        """Return ``file:line`` of a level."""
        told = self.messages
        ends = np.cumsum(np.array(told.bids, np.int64) + np.array(told.asks, np.int64))
        return self.where(place=told.place[int(np.searchsorted(ends, row, side="right"))])

    def print_place(self, row: int) -> str:
        """Return ``file:line`` of a trade."""
        return self.where(place=self.trades.place[row])

    def level_numbers(self) -> Decimals:
        """Return price, quantity, price, … of every level; a message with a malformed one is lost."""
        numbers = self.levels.get()
        ends = 2 * np.cumsum(np.array(self.messages.bids, np.int64) + np.array(self.messages.asks, np.int64))
        told = self.messages
        for message in np.unique(np.searchsorted(ends, self.levels.malformed, side="right")).tolist():
            told.op[message] = LOST
            self.drop(place=told.place[message], reason="number")
        op = np.array(told.op, np.int64)
        for message in np.unique(np.searchsorted(ends, 2 * _worthless(numbers), side="right")).tolist():
            if op[message] not in (LOST, DROP):  # the level goes, the message stays
                self.drop(place=told.place[message], reason="price")
        return numbers

    def print_numbers(self) -> Decimals:
        """Return price, quantity … of every trade; one with a malformed number is lost."""
        numbers = self.prints.get()
        for row in sorted({index // 2 for index in self.prints.malformed}):
            self.trades.lost.add(row)
            self.drop(place=self.trades.place[row], reason="number")
        for row in sorted(set(_worthless(numbers).tolist()) - self.trades.lost):
            self.trades.lost.add(row)
            self.drop(place=self.trades.place[row], reason="price")
        return numbers

    def drop(self, *, place: int, reason: str) -> None:
        """Count a line that is not understood, by its reason, and remember the first of its file."""
        file = place >> PLACE_SHIFT
        self.count("corrupt_lines")
        self.measure(f"dropped_{reason}")
        self.measures.setdefault("first_corrupt_line", place & ((1 << PLACE_SHIFT) - 1))
        self.dropped[file] = self.dropped.get(file, 0) + 1
        self.first_dropped.setdefault(file, (place, reason))

    def dropped_words(self) -> str:
        """Return what was dropped, by its reason, as the end of a sentence; nothing where nothing was."""
        told = [
            f"{name.removeprefix('dropped_')} {count}"
            for name, count in self.measures.items()
            if name.startswith("dropped_")
        ]
        return f" (lines not understood: {', '.join(told)})" if told else ""

    def measure(self, name: str, by: int = 1) -> None:
        """Add to a measure."""
        self.measures[name] = self.measures.get(name, 0) + by

    def refuse_not_understood(self) -> None:
        """Raise TapeError when more lines of a file were dropped than kept."""
        for file, dropped in self.dropped.items():
            lines = self.lines.get(file, 2 * dropped)
            if 2 * dropped > lines:
                place, reason = self.first_dropped[file]
                raise TapeError(
                    f"{self.where(place=place)}: {dropped} of {lines} lines are not understood, "
                    f"the first by its {reason}; allowed a recording most of whose lines are ({self.format})"
                )


def _worthless(numbers: Decimals) -> Ints:
    """Return the rows that have a quantity at a price of 0."""
    return np.flatnonzero((numbers.mantissa[0::2] == 0) & (numbers.mantissa[1::2] > 0))


def _append(column: array[int], values: Ints) -> None:
    column.frombytes(np.ascontiguousarray(values, np.int64).tobytes())


def _check_size(*values: int) -> None:
    if not all(-1 <= value < LIMIT for value in values):
        raise ValueError("a time or an id is out of range")


def place_of(*, file: int, line: int) -> int:
    """Return one integer for a file's index and a line number."""
    return (file << PLACE_SHIFT) | line


def line_of(places: Ints) -> Ints:
    """Return the lines of places of one file."""
    return places & ((1 << PLACE_SHIFT) - 1)
