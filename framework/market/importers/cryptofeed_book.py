"""cryptostore's book, a row a level: rows become the messages that they were.

Rows of one message share both times and the flag ``delta``; bids come before asks. A snapshot with the times
of the delta before it is the recorder's own copy of its book; any other after deltas means that it had
subscribed anew, and what came between is lost: a break.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from framework.market.importers.blocks import OddRows, pairs
from framework.market.importers.decimals import Decimals, join
from framework.market.importers.parquet_rows import Bools, Ints, exact, times_ns
from framework.market.importers.recording import BREAK, DIFF, SNAPSHOT, Recording, Stamps


class _Rows(NamedTuple):
    exch: Ints
    recv: Ints
    place: Ints
    delta: Bools
    is_ask: Bools
    price: Decimals
    size: Decimals

    def cut(self, part: Any) -> _Rows:
        return _Rows(*(_cut(column, part) for column in self))

    def beside(self, other: _Rows) -> _Rows:
        return _Rows(*(_beside(one, two) for one, two in zip(self, other, strict=True)))


def _cut(column: Any, part: Any) -> Any:
    return (
        Decimals(column.mantissa[part], column.places[part]) if isinstance(column, Decimals) else column[part]
    )


def _beside(one: Any, two: Any) -> Any:
    return join(parts=[one, two]) if isinstance(one, Decimals) else np.concatenate([one, two])


class FlatBook:
    """Collect rows until their message is whole, across batches and files."""

    def __init__(self, *, recording: Recording) -> None:
        self._recording = recording
        self._held: _Rows | None = None
        self._last: tuple[int, bool] | None = None

    def add(self, *, columns: dict[str, Any], place: int, odd: OddRows) -> None:
        """Take rows; ``place`` is that of the first."""
        where = self._recording.where(place=place)
        price, priced = exact(columns["price"], where=where)
        size, sized = exact(columns["size"], where=where)
        exch, stamped = times_ns(columns["timestamp"])
        recv, good = times_ns(columns["receipt_timestamp"])
        sides = columns["side"].to_numpy(zero_copy_only=False).astype(str)
        deltas = np.array([str(told).lower() for told in columns["delta"].to_pylist()])
        places = np.arange(len(sides)) + place
        good = good & priced & sized & np.isin(sides, ("bid", "ask")) & np.isin(deltas, ("true", "false"))
        odd.places(places[~good])
        odd.kept += int(good.sum())
        rows = _Rows(
            np.where(stamped, exch, recv), recv, places, deltas == "true", sides == "ask", price, size
        ).cut(np.flatnonzero(good))
        rows = self._held.beside(rows) if self._held is not None else rows
        if len(rows.place):
            begins = _begins(rows)
            whole = int(begins[-1])
            self._emit(rows.cut(slice(whole)), begins[:-1])
            self._held = rows.cut(slice(whole, None))

    def flush(self) -> None:
        """Take the rows held as a whole message."""
        if self._held is not None and len(self._held.place):
            self._emit(self._held, np.zeros(1, np.int64))
        self._held = None

    def _emit(self, rows: _Rows, begins: Ints) -> None:
        if not len(begins):
            return
        ends = np.append(begins[1:], len(rows.place))
        split = _repeats(rows, begins, ends)
        begins = np.unique(np.concatenate([begins, split]))
        ends = np.append(begins[1:], len(rows.place))
        asks = np.add.reduceat(rows.is_ask.astype(np.int64), begins)
        numbers = pairs(prices=rows.price, quantities=rows.size)
        snapshot, recv = ~rows.delta[begins], rows.recv[begins]
        runs = np.flatnonzero(np.diff(snapshot, prepend=~snapshot[:1])).tolist()
        for first, last in zip(runs, [*runs[1:], len(begins)], strict=True):
            if snapshot[first] and self._last and self._last[1] and self._last[0] != recv[first]:
                self._break(rows, int(begins[first]))
            chosen, part = slice(first, last), slice(2 * int(begins[first]), 2 * int(ends[last - 1]))
            at = begins[chosen]
            self._recording.add_books(
                op=SNAPSHOT if snapshot[first] else DIFF,
                stamps=Stamps(rows.exch[at], rows.recv[at], rows.place[at]),
                bids=ends[chosen] - at - asks[chosen],
                asks=asks[chosen],
                numbers=Decimals(numbers.mantissa[part], numbers.places[part]),
                last_id=np.full(last - first, -1),
            )
            self._last = (int(recv[last - 1]), not snapshot[first])

    def _break(self, rows: _Rows, at: int) -> None:
        self._recording.add_book(
            op=BREAK, exch_ns=int(rows.exch[at]), recv_ns=int(rows.recv[at]), place=int(rows.place[at]),
            bids=(), asks=(),
        )  # fmt: skip


def _begins(rows: _Rows) -> Ints:
    """Return the first row of each message: where a time or the flag changes, or asks turn to bids."""
    turns = np.diff(rows.is_ask.astype(np.int8)) < 0
    changes = (
        (np.diff(rows.exch) != 0) | (np.diff(rows.recv) != 0) | (np.diff(rows.delta.astype(np.int8)) != 0)
    )
    return np.append(0, np.flatnonzero(turns | changes) + 1)


def _repeats(rows: _Rows, begins: Ints, ends: Ints) -> Ints:
    """Return every row of the messages that tell one level twice: several of one instant, each row is one."""
    message = np.repeat(np.arange(len(begins)), ends - begins)
    order = np.lexsort((rows.price.places, rows.price.mantissa, rows.is_ask, message))
    same = np.ones(max(len(order) - 1, 0), bool)
    for column in (message, rows.is_ask, rows.price.mantissa, rows.price.places):
        same &= column[order][1:] == column[order][:-1]
    doubtful = np.unique(message[order][1:][same])
    return np.flatnonzero(np.isin(message, doubtful) & rows.delta)
