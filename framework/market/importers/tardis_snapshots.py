"""Tardis ``book_snapshot_25`` and ``book_snapshot_5``: the best levels of both sides, whole, at each change.

Columns are ``asks[0].price, asks[0].amount, bids[0].price, bids[0].amount, asks[1]…`` (docs.tardis.dev, "Data
types"); a level that is not there is empty. Times are microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framework.market.importers.blocks import (
    Block,
    Bools,
    OddRows,
    integers_of,
    numbers_or_none,
    read_blocks,
)
from framework.market.importers.decimals import Decimals
from framework.market.importers.ladders import Ladder, LadderBook
from framework.market.importers.recording import Recording, Stamps, place_of

US = 1000
LEVEL = re.compile(r"(asks|bids)\[(\d+)\]\.price")


def depth_of(*, header: list[str]) -> int:
    """Return how many levels a side a header names, 0 when it is of another kind."""
    found = {(match[1], int(match[2])) for name in header if (match := LEVEL.fullmatch(name))}
    depth = len(found) // 2
    return depth if found == {(side, at) for side in ("asks", "bids") for at in range(depth)} else 0


def read_snapshots(
    *, recording: Recording, path: Path, index: int, header: list[str], meet: Callable[[str, str, int], bool]
) -> None:
    """Read a file into a recording; ``meet`` is asked of each exchange and symbol whether to keep it."""
    book, depth = LadderBook(recording=recording), depth_of(header=header)
    recording.measures["book_levels"] = depth
    odd = OddRows(recording=recording, path=path)
    for block in read_blocks(path=path, names=header, header=True, corrupt=odd.line):
        chosen = _chosen(block=block, index=index, meet=meet)
        exch, good = integers_of(block.columns["timestamp"])
        recv, received = integers_of(block.columns["local_timestamp"])
        good &= received & _micro(exch) & _micro(recv)
        ladders = []
        for side in ("bids", "asks"):
            ladder, some = _ladder(columns=block.columns, side=side, depth=depth)
            ladders.append(ladder)
            good &= some
        odd.lines(block.lines[chosen & ~good])
        rows = np.flatnonzero(chosen & good)
        odd.kept += len(rows)
        recording.count("clock_faults", int((np.diff(recv[rows]) < 0).sum()))
        places = block.lines[rows] + place_of(file=index, line=0)
        book.add(
            bids=ladders[0].rows(rows),
            asks=ladders[1].rows(rows),
            stamps=Stamps(exch[rows] * US, recv[rows] * US, places),
        )
    odd.refuse_most(allowed=header[:8])


def _micro(clock: Any) -> Bools:
    return np.asarray((clock >= 10**15) & (clock < 10**16))


def _chosen(*, block: Block, index: int, meet: Callable[[str, str, int], bool]) -> Bools:
    """Tell which rows are of an instrument wanted."""
    exchanges, symbols = (
        block.columns[name].to_numpy(zero_copy_only=False) for name in ("exchange", "symbol")
    )
    chosen = np.zeros(len(symbols), bool)
    for symbol in np.unique(symbols.astype(str)).tolist():
        rows = symbols == symbol
        first = int(np.argmax(rows))
        place = place_of(file=index, line=int(block.lines[first]))
        if meet(str(exchanges[first]), symbol, place):
            chosen |= rows
    return chosen


def _ladder(*, columns: dict[str, Any], side: str, depth: int) -> tuple[Ladder, Bools]:
    """Return one side's levels and which rows have numbers only."""
    parts = {
        name: [numbers_or_none(columns[f"{side}[{at}].{name}"]) for at in range(depth)]
        for name in ("price", "amount")
    }
    price, qty = (
        Decimals(
            np.stack([numbers.mantissa for numbers, _ in parts[name]], axis=1),
            np.stack([numbers.places for numbers, _ in parts[name]], axis=1),
        )
        for name in ("price", "amount")
    )
    good = np.logical_and.reduce([some for told in parts.values() for _, some in told])
    return Ladder(price, qty), good
