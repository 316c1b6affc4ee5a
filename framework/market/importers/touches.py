"""The book of a recording that knows the touch alone, for all its messages at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.market.events import BUY, CLEAR, DEPTH, SELL

Ints = NDArray[np.int64]


class Touches(NamedTuple):
    """Hold price and quantity of each side after each message, in ticks and lots; 0 where there is none."""

    bid: Ints
    bid_lots: Ints
    ask: Ints
    ask_lots: Ints


def fold_touches(*, touches: Touches) -> tuple[Ints, Ints, int]:
    """Return the rows (kind, side, price, quantity) that make each touch the whole book, how many rows each
    message has, and how many messages are crossed.

    They are the rows of ``FoldedBook.touch``: a CLEAR at first, then of each message the levels that go, asks
    before bids, and those that are set, bids before asks.
    """
    bid, ask = (_side(side, *told) for side, told in ((BUY, touches[:2]), (SELL, touches[2:])))
    keep = np.stack([ask.goes, bid.goes, bid.comes, ask.comes], axis=1)
    rows = np.stack([ask.going, bid.going, bid.coming, ask.coming], axis=1)[keep]
    counts = keep.sum(axis=1)
    counts[:1] += 1
    crossed = (bid.price > 0) & (ask.price > 0) & (bid.price >= ask.price)
    return np.concatenate([[[CLEAR, 0, 0, 0]], rows]), counts, int(crossed.sum())


class _Side(NamedTuple):
    price: Ints
    goes: NDArray[np.bool_]
    going: Ints
    comes: NDArray[np.bool_]
    coming: Ints


def _side(side: int, price: Ints, lots: Ints) -> _Side:
    there = (price > 0) & (lots > 0)
    price, lots = np.where(there, price, 0), np.where(there, lots, 0)
    before, before_lots = _shifted(price), _shifted(lots)
    return _Side(
        price,
        (before > 0) & (before != price),
        _rows(side, before, np.zeros_like(lots)),
        there & ((before != price) | (before_lots != lots)),
        _rows(side, price, lots),
    )


def _shifted(values: Ints) -> Ints:
    return np.concatenate([[0], values[:-1]])


def _rows(side: int, price: Ints, lots: Ints) -> Ints:
    return np.stack([np.full(len(price), DEPTH), np.full(len(price), side), price, lots], axis=1)
