"""Books told a row a level: rows become the messages that they were, across the blocks they are read in.

Rows of one message share both times and the flag ``delta``. A snapshot after deltas means that the recorder
had subscribed anew, and what came between is lost: a break.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from framework.market.importers.blocks import Bools, Ints, pairs
from framework.market.importers.decimals import Decimals, join
from framework.market.importers.recording import BREAK, DIFF, SNAPSHOT, Recording, Stamps


class Rows(NamedTuple):
    """Hold levels in the order told: times in UTC ns, place, whether of an update, side, price, quantity."""

    exch: Ints
    recv: Ints
    place: Ints
    delta: Bools
    is_ask: Bools
    price: Decimals
    size: Decimals

    def cut(self, part: Any) -> Rows:
        """Return some rows."""
        return Rows(*(_cut(column, part) for column in self))

    def beside(self, other: Rows) -> Rows:
        """Return these rows and others after them."""
        return Rows(*(_beside(one, two) for one, two in zip(self, other, strict=True)))


def _cut(column: Any, part: Any) -> Any:
    return (
        Decimals(column.mantissa[part], column.places[part]) if isinstance(column, Decimals) else column[part]
    )


def _beside(one: Any, two: Any) -> Any:
    return join(parts=[one, two]) if isinstance(one, Decimals) else np.concatenate([one, two])


class LevelRows:
    """Collect rows until their message is whole.

    ``copies``: the recorder writes its own book after an update, with its times; that is no break, and asks
    come after bids. Otherwise a snapshot may come in parts: its other side, or more levels of that instant.
    """

    def __init__(self, *, recording: Recording, copies: bool) -> None:
        self._recording, self._copies = recording, copies
        self._held: Rows | None = None
        self._snapshot: Rows | None = None
        self._begun = self._after_deltas = False
        self._last_recv = 0

    def add(self, rows: Rows) -> None:
        """Take rows."""
        rows = self._held.beside(rows) if self._held is not None else rows
        if len(rows.place):
            begins = _begins(rows, turns=self._copies)
            whole = int(begins[-1])
            self._messages(rows.cut(slice(whole)), begins[:-1])
            self._held = rows.cut(slice(whole, None))

    def flush(self) -> None:
        """Take the rows held as a whole message."""
        if self._held is not None:
            self._messages(self._held, np.zeros(min(1, len(self._held.place)), np.int64))
        self._held = None
        self._tell_snapshot()

    def _messages(self, rows: Rows, begins: Ints) -> None:
        """Take whole messages, by runs of updates and one snapshot after the other."""
        if not len(begins):
            return
        deltas = rows.delta[begins]
        runs = np.flatnonzero((np.diff(deltas.astype(np.int8), prepend=2) != 0) | ~deltas).tolist()
        ends = np.append(begins[1:], len(rows.place))
        for first, last in zip(runs, [*runs[1:], len(begins)], strict=True):
            part = rows.cut(slice(int(begins[first]), int(ends[last - 1])))
            if deltas[first]:
                self._tell_snapshot()
                self._deltas(part, begins[first:last] - begins[first])
            else:
                self._meet_snapshot(part)

    def _deltas(self, rows: Rows, begins: Ints) -> None:
        begins = np.unique(np.concatenate([begins, _repeats(rows, begins)]))
        message = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(rows.place)))
        self._write(DIFF, rows.cut(np.lexsort((rows.is_ask, message))), begins)
        self._after_deltas, self._last_recv = self._begun, int(rows.recv[-1])

    def _meet_snapshot(self, rows: Rows) -> None:
        if self._snapshot is not None and not self._copies and _continues(self._snapshot, rows):
            self._snapshot = self._snapshot.beside(rows)
            return
        self._tell_snapshot()
        if self._after_deltas and not (self._copies and self._last_recv == rows.recv[0]):
            first = rows.cut(slice(1))
            self._recording.add_book(
                op=BREAK, exch_ns=int(first.exch[0]), recv_ns=int(first.recv[0]), place=int(first.place[0]),
                bids=(), asks=(),
            )  # fmt: skip
        self._snapshot, self._begun, self._after_deltas = rows, True, False

    def _tell_snapshot(self) -> None:
        if self._snapshot is not None:
            rows = self._snapshot.cut(np.argsort(self._snapshot.is_ask, kind="stable"))
            self._write(SNAPSHOT, rows, np.zeros(1, np.int64))
            self._snapshot = None

    def _write(self, op: int, rows: Rows, begins: Ints) -> None:
        asks = np.add.reduceat(rows.is_ask.astype(np.int64), begins)
        self._recording.add_books(
            op=op,
            stamps=Stamps(rows.exch[begins], rows.recv[begins], np.minimum.reduceat(rows.place, begins)),
            bids=np.diff(begins, append=len(rows.place)) - asks,
            asks=asks,
            numbers=pairs(prices=rows.price, quantities=rows.size),
            last_id=np.full(len(begins), -1),
        )


def _begins(rows: Rows, *, turns: bool) -> Ints:
    """Return the first row of each message: where a time or the flag changes, or asks turn to bids."""
    changes = (np.diff(rows.exch) != 0) | (np.diff(rows.recv) != 0) | np.diff(rows.delta)
    if turns:
        changes |= np.diff(rows.is_ask.astype(np.int8)) < 0
    return np.append(0, np.flatnonzero(changes) + 1)


def _repeats(rows: Rows, begins: Ints) -> Ints:
    """Return every row of the messages that tell one level twice: several of one instant, each row is one."""
    message = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(rows.place)))
    order = np.lexsort((rows.price.places, rows.price.mantissa, rows.is_ask, message))
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in (message, rows.is_ask, rows.price.mantissa, rows.price.places):
        same &= column[order][1:] == column[order][:-1]
    return np.flatnonzero(np.isin(message, np.unique(message[order][1:][same])))


def _continues(held: Rows, rows: Rows) -> bool:
    """Tell whether a snapshot's rows go on with those held: one instant or the other side, no level twice."""
    together = rows.exch[0] == held.exch[-1] or rows.recv[0] == held.recv[-1]
    if not together and np.isin(rows.is_ask, np.unique(held.is_ask)).any():
        return False
    return _levels(held).isdisjoint(_levels(rows))


def _levels(rows: Rows) -> set[tuple[bool, int, int]]:
    columns = (rows.is_ask, rows.price.mantissa, rows.price.places)
    return set(zip(*(column.tolist() for column in columns), strict=True))
