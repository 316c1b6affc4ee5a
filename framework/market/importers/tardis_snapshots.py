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
    Bools,
    OddRows,
    chosen_rows,
    clocks_of,
    numbers_or_none,
    read_blocks,
)
from framework.market.importers.decimals import Decimals
from framework.market.importers.ladders import Ladder, LadderBook
from framework.market.importers.recording import Recording, Stamps, place_of

LEVEL = re.compile(r"(asks|bids)\[(\d+)\]\.price")


def depth_of(*, header: list[str]) -> int:
    """Return how many levels a side a header names, 0 when it is of another kind."""
    levels = {(match[1], int(match[2])) for name in header if (match := LEVEL.fullmatch(name))}
    depth = len(levels) // 2
    return depth if levels == {(side, at) for side in ("asks", "bids") for at in range(depth)} else 0


def read_snapshots(
    *, recording: Recording, path: Path, index: int, header: list[str], meet: Callable[[str, str, int], bool]
) -> None:
    """Read a file into a recording; ``meet`` is asked of each exchange and symbol whether to keep it."""
    book, depth = LadderBook(recording=recording), depth_of(header=header)
    recording.measures["book_levels"] = depth
    odd = OddRows(recording=recording, index=index)
    for block in read_blocks(path=path, columns=header, odd=odd.width):
        exch, timed = clocks_of(block.columns["timestamp"])
        recv, received = clocks_of(block.columns["local_timestamp"])
        bids, told_bids = _ladder(columns=block.columns, side="bids", depth=depth)
        asks, told_asks = _ladder(columns=block.columns, side="asks", depth=depth)
        rows = odd.judge(
            lines=block.lines,
            wanted=chosen_rows(block=block, index=index, meet=meet),
            checks={
                "time": timed & received,
                "number": told_bids & told_asks,
                "level": bids.sound() & asks.sound(),
            },
        )
        recording.count("clock_faults", int((np.diff(recv[rows]) < 0).sum()))
        places = block.lines[rows] + place_of(file=index, line=0)
        book.add(bids=bids.rows(rows), asks=asks.rows(rows), stamps=Stamps(exch[rows], recv[rows], places))
    odd.close(path=path)


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
