"""What any importer collects from its files before a tape is assembled: book messages, trades, funding."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers import decimals
from framework.market.importers.decimals import Decimals

SNAPSHOT, DIFF, TICKER, BREAK, DROP = 0, 1, 2, 3, 4
"""What a book message is; a BREAK is a place where the source itself says that messages were lost; a DROP
deletes every level of a side from the best one to a price (0 on the bid side: all)."""

CHUNK = 1 << 19
PLACE_SHIFT = 40
Ints = NDArray[np.int64]


class Numbers:
    """Collect decimal texts in chunks, so that a day of levels costs nine bytes a number."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._parts: list[Decimals] = []
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
        """Return everything; raises ValueError(index, reason) for the first malformed text."""
        self._flush()
        return decimals.join(parts=self._parts)

    def _flush(self) -> None:
        try:
            self._parts.append(decimals.parse(texts=self._texts))
        except (ValueError, TypeError, ArithmeticError):
            for index, text in enumerate(self._texts):
                try:
                    decimals.parse(texts=[text])
                except (ValueError, TypeError, ArithmeticError) as error:
                    raise MalformedNumber(self._count + index, text) from error
            raise
        self._count += len(self._texts)
        self._texts = []


class MalformedNumber(Exception):
    """Carry the index and the text of a number that is none."""

    def __init__(self, index: int, text: object) -> None:
        super().__init__(index, text)
        self.index = index
        self.text = text


@dataclass
class Messages:
    """Hold book messages in arrival order; ids are -1 and times 0 where the source has none."""

    op: list[int] = field(default_factory=list)
    exch_ns: list[int] = field(default_factory=list)
    recv_ns: list[int] = field(default_factory=list)
    first_id: list[int] = field(default_factory=list)
    last_id: list[int] = field(default_factory=list)
    prev_id: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    bids: list[int] = field(default_factory=list)
    asks: list[int] = field(default_factory=list)


@dataclass
class Trades:
    """Hold trades in arrival order; ``ident`` is -1 where the source has no numbers for them."""

    exch_ns: list[int] = field(default_factory=list)
    recv_ns: list[int] = field(default_factory=list)
    side: list[int] = field(default_factory=list)
    ident: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)


@dataclass
class Recording:
    """Collect one instrument's recording from one or more files.

    ``contiguous`` says how update ids continue (a name of ordering.RULES); ``trades_first`` puts the trades
    of a millisecond before its book updates (else file order holds within one instant).
    """

    symbol: str
    venue: str
    kind: str
    contiguous: str
    format: str
    trades_first: bool = True
    files: list[str] = field(default_factory=list)
    messages: Messages = field(default_factory=Messages)
    levels: Numbers = field(default_factory=Numbers)
    trades: Trades = field(default_factory=Trades)
    prints: Numbers = field(default_factory=Numbers)
    marks: list[tuple[int, int, float, float]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    measures: dict[str, int] = field(default_factory=dict)
    trade_ids_contiguous: bool = False

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
        first_id: int = -1,
        last_id: int = -1,
        prev_id: int = -1,
    ) -> None:
        """Append a book message; each level is (price, quantity) as decimal texts, quantity 0 deletes."""
        before = len(self.levels)
        self.levels.extend(chain.from_iterable(chain(bids, asks)))
        if len(self.levels) != before + 2 * (len(bids) + len(asks)):
            self.levels.truncate(before)
            raise ValueError("a level is not a pair")
        messages = self.messages
        messages.op.append(op)
        messages.exch_ns.append(exch_ns)
        messages.recv_ns.append(recv_ns)
        messages.first_id.append(first_id)
        messages.last_id.append(last_id)
        messages.prev_id.append(prev_id)
        messages.place.append(place)
        messages.bids.append(len(bids))
        messages.asks.append(len(asks))

    def add_trade(
        self, *, exch_ns: int, recv_ns: int, side: int, price: str, qty: str, place: int, ident: int = -1
    ) -> None:
        """Append a trade; ``side`` is the aggressor's."""
        self.prints.extend((price, qty))
        self.trades.exch_ns.append(exch_ns)
        self.trades.recv_ns.append(recv_ns)
        self.trades.side.append(side)
        self.trades.ident.append(ident)
        self.trades.place.append(place)

    def where(self, *, place: int) -> str:
        """Return ``file:line`` of a place."""
        return f"{self.files[place >> PLACE_SHIFT]}:{place & ((1 << PLACE_SHIFT) - 1)}"

    def level_numbers(self) -> Decimals:
        """Return price, quantity, price, quantity … of every level; raises TapeError naming a malformed
        one.
        """
        try:
            return self.levels.get()
        except MalformedNumber as error:
            ends = 2 * np.cumsum(np.array(self.messages.bids) + np.array(self.messages.asks))
            message = int(np.searchsorted(ends, error.index, side="right"))
            raise self._malformed(error=error, place=self.messages.place[message]) from None

    def print_numbers(self) -> Decimals:
        """Return price, quantity … of every trade; raises TapeError naming a malformed one."""
        try:
            return self.prints.get()
        except MalformedNumber as error:
            raise self._malformed(error=error, place=self.trades.place[error.index // 2]) from None

    def _malformed(self, *, error: MalformedNumber, place: int) -> TapeError:
        return TapeError(
            f"{self.where(place=place)}: {error.text!r} is no price or quantity; allowed a decimal"
        )


def place_of(*, file: int, line: int) -> int:
    """Return one integer for a file's index and a line number."""
    return (file << PLACE_SHIFT) | line
