"""Recordings that tell the best levels whole each time: what changed from one row to the next, in bulk.

A level that leaves the told depth is deleted, though it may still rest at the exchange: nobody says so.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.importers.blocks import pairs, taken
from framework.market.importers.decimals import Decimals
from framework.market.importers.recording import DIFF, SNAPSHOT, Recording, Stamps

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
ROWS = 2048
"""Rows compared at a time; every level of one is held against every level of the next."""


class Ladder(NamedTuple):
    """Hold one side's levels of n rows, best first: exact prices and quantities, n x depth each."""

    price: Decimals
    qty: Decimals

    def rows(self, chosen: slice | Bools | Ints) -> "Ladder":
        """Return some of the rows."""
        return Ladder(*(taken(numbers=told, rows=chosen) for told in self))

    def sound(self) -> Bools:
        """Tell which rows have no quantity without a price and no hole before a level."""
        priced = self.price.mantissa > 0
        alone = (~priced & (self.qty.mantissa > 0)).any(axis=1)
        return np.asarray(~(alone | (priced[:, 1:] & ~priced[:, :-1]).any(axis=1)), bool)


class _Change(NamedTuple):
    told: Bools
    price: Decimals
    qty: Decimals


class LadderBook:
    """Turn rows of whole ladders into a snapshot and the changes after it."""

    def __init__(self, *, recording: Recording) -> None:
        self._recording = recording
        self._last: tuple[Ladder, Ladder] | None = None

    def begin(self) -> None:
        """Forget the last row: the next one is a snapshot."""
        self._last = None

    def add(self, *, bids: Ladder, asks: Ladder, stamps: Stamps) -> None:
        """Add rows in the order told; those that change nothing leave nothing."""
        for begin in range(0, len(bids.price.mantissa), ROWS):
            part = slice(begin, begin + ROWS)
            self._add(bids.rows(part), asks.rows(part), Stamps(*(column[part] for column in stamps)))

    def _add(self, bids: Ladder, asks: Ladder, stamps: Stamps) -> None:
        first = self._last is None
        before = self._last or (_empty(bids), _empty(asks))
        self._last = (bids.rows(slice(-1, None)), asks.rows(slice(-1, None)))
        changes = [_changes(_joined(last, now)) for last, now in zip(before, (bids, asks), strict=True)]
        counts = [change.told.sum(axis=1) for change in changes]
        told = np.concatenate([change.told for change in changes], axis=1)
        price, qty = (
            _beside(*parts, axis=1) for parts in zip(*(change[1:] for change in changes), strict=True)
        )
        numbers = pairs(prices=taken(numbers=price, rows=told), quantities=taken(numbers=qty, rows=told))
        rows = np.flatnonzero((counts[0] + counts[1] > 0) | (first & (np.arange(len(told)) == 0)))
        snapshots = int(first)
        split = 2 * int(sum(count[:snapshots].sum() for count in counts))
        for op, chosen, part in (
            (SNAPSHOT, rows[:snapshots], slice(split)),
            (DIFF, rows[snapshots:], slice(split, None)),
        ):
            if len(chosen):
                self._recording.add_books(
                    op=op,
                    stamps=Stamps(*(column[chosen] for column in stamps)),
                    bids=counts[0][chosen],
                    asks=counts[1][chosen],
                    numbers=taken(numbers=numbers, rows=part),
                    last_id=np.full(len(chosen), -1),
                )


def _empty(like: Ladder) -> Ladder:
    return Ladder(*(Decimals(np.zeros_like(told.mantissa[:1]), told.places[:1]) for told in like))


def _joined(last: Ladder, now: Ladder) -> Ladder:
    return Ladder(_beside(last.price, now.price, axis=0), _beside(last.qty, now.qty, axis=0))


def _beside(one: Decimals, other: Decimals, *, axis: int) -> Decimals:
    return Decimals(
        np.concatenate([one.mantissa, other.mantissa], axis=axis),
        np.concatenate([one.places, other.places], axis=axis),
    )


def _changes(ladder: Ladder) -> _Change:
    """Return, of each row but the first, the levels of the row before that are gone and those newly told."""
    there = (ladder.price.mantissa > 0) & (ladder.qty.mantissa > 0)
    before, now = ladder.rows(slice(None, -1)), ladder.rows(slice(1, None))
    same = _equal(before.price, now.price) & there[:-1, :, None] & there[1:, None, :]
    gone = there[:-1] & ~same.any(axis=2)
    told = there[1:] & ~(same & _equal(before.qty, now.qty)).any(axis=1)
    nothing = Decimals(np.zeros_like(before.qty.mantissa), np.zeros_like(before.qty.places))
    return _Change(
        np.concatenate([gone, told], axis=1),
        _beside(before.price, now.price, axis=1),
        _beside(nothing, now.qty, axis=1),
    )


def _equal(before: Decimals, now: Decimals) -> Bools:
    same: Bools = before.mantissa[:, :, None] == now.mantissa[:, None, :]
    same &= before.places[:, :, None] == now.places[:, None, :]
    return same
