"""Tardis trades, quotes and incremental_book_L2 by blocks of rows, however a table's columns are spelled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from framework.market.events import BUY, SELL
from framework.market.importers.blocks import (
    Bools,
    Ints,
    OddRows,
    among,
    chosen_rows,
    clocks_of,
    flags_of,
    integers_of,
    lowered,
    numbers_of,
    numbers_or_none,
    pairs,
    read_blocks,
    taken,
)
from framework.market.importers.decimals import Decimals
from framework.market.importers.idents import idents_of
from framework.market.importers.level_rows import LevelRows, Rows
from framework.market.importers.recording import TICKER, Recording, Stamps, place_of

Meet = Callable[[str, str, int], bool]
WORDS = {"trades": ("sell", "buy"), "incremental_book_L2": ("ask", "bid")}
"""Words of the sides, the seller's first."""


def read_rows(
    *, recording: Recording, path: Path, index: int, kind: str, columns: tuple[str, ...], meet: Meet
) -> None:
    """Read a file into a recording; ``meet`` is asked of each exchange and symbol whether to keep it."""
    odd, levels, last_recv = (
        OddRows(recording=recording, index=index),
        LevelRows(recording=recording, copies=False),
        0,
    )
    for block in read_blocks(path=path, columns=columns, odd=odd.width):
        told = block.columns
        exch, timed = clocks_of(told["timestamp"])
        recv, received = clocks_of(told["local_timestamp"])
        checks: dict[str, Bools] = {"time": timed & received}
        selling = np.zeros(len(block.lines), bool)
        if kind in WORDS:
            sides = lowered(told["side"])
            selling = among(sides, WORDS[kind][:1])
            checks["unknown_side"] = ~among(sides, ("unknown", ""))
            checks["side"] = among(sides, WORDS[kind])
        wanted = chosen_rows(block=block, index=index, meet=meet)
        if kind == "quotes":
            numbers = {name: numbers_or_none(told[name]) for name in columns[4:]}
        else:
            numbers = {name: numbers_of(told[name]) for name in ("price", "amount")}
        snapshot = np.zeros(len(block.lines), bool)
        if kind == "incremental_book_L2":
            snapshot, checks["is_snapshot"] = flags_of(told["is_snapshot"])
        checks["number"] = np.logical_and.reduce([some for _, some in numbers.values()])
        if kind == "quotes":
            checks["level"] = np.logical_and.reduce(
                [
                    (numbers[f"{side}_price"][0].mantissa > 0) | (numbers[f"{side}_amount"][0].mantissa == 0)
                    for side in ("bid", "ask")
                ]
            )
        rows = odd.judge(lines=block.lines, wanted=wanted, checks=checks)
        if len(rows):
            ordered = np.append(last_recv, recv[rows])
            recording.count("clock_faults", int((np.diff(ordered) < 0).sum()))
            last_recv = int(ordered[-1])
        stamps = Stamps(exch[rows], recv[rows], block.lines[rows] + place_of(file=index, line=0))
        exacts = {name: taken(numbers=told_numbers, rows=rows) for name, (told_numbers, _) in numbers.items()}
        if kind == "trades":
            _add_trades(recording, stamps, selling[rows], _idents(told["id"])[rows], exacts)
        elif kind == "quotes":
            _add_quotes(recording, stamps, exacts)
        else:
            levels.add(Rows(*stamps, ~snapshot[rows], selling[rows], exacts["price"], exacts["amount"]))
    levels.flush()
    odd.close(path=path)


def _add_trades(
    recording: Recording, stamps: Stamps, selling: Bools, idents: Ints, exacts: dict[str, Decimals]
) -> None:
    recording.add_trades(
        stamps=stamps,
        side=np.where(selling, SELL, BUY),
        ident=idents,
        numbers=pairs(prices=exacts["price"], quantities=exacts["amount"]),
    )


def _idents(column: Any) -> Ints:
    """Return an integer for each id, in bulk where all are numbers."""
    import pyarrow.compute

    numbered = pyarrow.compute.match_substring_regex(column, r"^\d{1,18}$")
    if pyarrow.compute.all(numbered).as_py():
        return integers_of(column)[0]
    return idents_of(column=column)


def _add_quotes(recording: Recording, stamps: Stamps, exacts: dict[str, Decimals]) -> None:
    count = len(stamps.place)
    sides = [
        pairs(prices=exacts[f"{side}_price"], quantities=exacts[f"{side}_amount"]) for side in ("bid", "ask")
    ]
    recording.add_books(
        op=TICKER,
        stamps=stamps,
        bids=np.ones(count, np.int64),
        asks=np.ones(count, np.int64),
        numbers=Decimals(
            *(
                np.stack([bid.reshape(-1, 2), ask.reshape(-1, 2)], axis=1).ravel()
                for bid, ask in zip(*sides, strict=True)
            )
        ),
        last_id=np.full(count, -1),
    )
