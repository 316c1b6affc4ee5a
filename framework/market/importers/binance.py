"""Binance's public archives (data.binance.vision): bookTicker, trades and aggTrades as csv or zip.

The market shows in the columns: spot adds ``is_best_match``; bookTicker is published for futures alone. Older
files have no header. Times are milliseconds, of spot from 2025 on microseconds. The archives hold no depth:
with a bookTicker the book is one level a side, without one there is none.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.blocks import (
    Block,
    Bools,
    Ints,
    OddRows,
    clocks_of,
    flags_of,
    integers_of,
    numbers_of,
    pairs,
    read_blocks,
    taken,
)
from framework.market.importers.decimals import Decimals
from framework.market.importers.files import ZIP_MAGIC, first_bytes
from framework.market.importers.recording import TICKER, Recording, Stamps, place_of
from framework.market.instrument import refuse_inverse
from framework.units import MS


class Layout(NamedTuple):
    """Name an archive's columns and the market that publishes it."""

    what: str
    market: str
    names: tuple[str, ...]


TOUCH = ("best_bid_price", "best_bid_qty", "best_ask_price", "best_ask_qty")
TRADE = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker")
AGGREGATE = (
    "agg_trade_id", "price", "quantity", "first_trade_id", "last_trade_id", "transact_time", "is_buyer_maker",
)  # fmt: skip
LAYOUTS = {
    "nnnnnnn": Layout("bookTicker", "linear", ("update_id", *TOUCH, "transaction_time", "event_time")),
    "nnnnnf": Layout("trades", "linear", TRADE),
    "nnnnnff": Layout("trades", "spot", (*TRADE, "is_best_match")),
    "nnnnnnf": Layout("aggTrades", "linear", AGGREGATE),
    "nnnnnnff": Layout("aggTrades", "spot", (*AGGREGATE, "is_best_match")),
}
"""Layouts by the shape of a row: n a number, f a truth value."""
NAMED = re.compile(r"([A-Z0-9]+(?:_[A-Z0-9]+)?)-(bookTicker|trades|aggTrades)-\d{4}-\d\d")
OFF_PRODUCT = 1e-3
"""A quote quantity is price times quantity; further off, the quantity is no amount of the base coin."""


def read_binance(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read archives of one symbol and market, in any order of kinds; raises TapeError for a mixture."""
    recording = Recording(
        symbol=symbol or "", venue="binance", kind="", contiguous="none", format="binance",
        files=[path.name for path in paths],
    )  # fmt: skip
    layouts: dict[str, Layout] = {}
    symbols: set[str] = set()
    for index, path in enumerate(paths):
        layout, header = _layout_of(path=path)
        named = _symbol_of(path=path, layout=layout)
        symbols |= {named} - {""}
        if symbol and named not in ("", symbol):
            continue
        layouts[path.name] = layout
        read = _add_touches if layout.what == "bookTicker" else _add_trades
        odd = OddRows(recording=recording, index=index)
        for block in read_blocks(path=path, columns=layout.names, odd=odd.width, header=header):
            read(recording, block, index, odd)
        odd.close(path=path)
    _settle_on_one(recording=recording, layouts=layouts, symbols=symbols, wanted=symbol, path=paths[0])
    recording.trade_ids_contiguous = True
    refuse_inverse(symbol=recording.symbol, where=recording.files[0], margined=recording.kind != "spot")
    return recording


def _layout_of(*, path: Path) -> tuple[Layout, bool]:
    """Return a file's layout, by its header or the shape of its first row, and whether it has a header."""
    line = first_bytes(path=path).decode("utf-8-sig", "replace").partition("\n")[0].strip().replace('"', "")
    fields = [field.strip() for field in line.split(",")]
    told = [_key(field) for field in fields]
    for layout in LAYOUTS.values():
        if told == [_key(name) for name in layout.names]:
            return layout, True
    shape = "".join("f" if field.lower() in ("true", "false") else "n" for field in fields)
    numbers = [field for field, sign in zip(fields, shape, strict=True) if sign == "n"]
    if shape in LAYOUTS and all(re.fullmatch(r"\d+(\.\d+)?", field) for field in numbers):
        return LAYOUTS[shape], False
    raise TapeError(
        f"{path.name}:1: columns {line[:120]!r} are not of a Binance archive; allowed "
        + " or ".join(",".join(layout.names) for layout in LAYOUTS.values())
    )


def _key(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _symbol_of(*, path: Path, layout: Layout) -> str:
    """Return the symbol told by the name of the file or of its member; raises TapeError for another kind."""
    names = [path.name]
    with path.open("rb") as stream:
        packed = stream.read(4) == ZIP_MAGIC
    if packed:
        with zipfile.ZipFile(path) as archive:
            names += archive.namelist()
    for name in names:
        if named := NAMED.match(name):
            if named[2] != layout.what:
                raise TapeError(f"{path.name}: named {named[2]}, but its columns are of {layout.what}")
            return named[1]
    return ""


def _settle_on_one(
    *, recording: Recording, layouts: dict[str, Layout], symbols: set[str], wanted: str | None, path: Path
) -> None:
    if len(symbols) > 1 and not wanted:
        raise TapeError(f"{path.name}: files hold {', '.join(sorted(symbols))}; choose one with --symbol")
    if wanted and symbols and wanted not in symbols:
        raise TapeError(f"{path.name}: symbol {wanted} is unknown; allowed {', '.join(sorted(symbols))}")
    if not wanted and not symbols:
        raise TapeError(f"{path.name}: neither its name nor its rows tell the symbol; give it with --symbol")
    markets = sorted({layout.market for layout in layouts.values()})
    if len(markets) > 1:
        raise TapeError(f"{path.name}: files of the spot and the futures market cannot be one tape")
    if {"trades", "aggTrades"} <= {layout.what for layout in layouts.values()}:
        raise TapeError(f"{path.name}: trades and aggTrades tell the same trades; give one of them")
    recording.symbol = wanted or next(iter(symbols))
    recording.kind = markets[0]
    recording.measures["one_level_book"] = int("bookTicker" in {layout.what for layout in layouts.values()})


def _times(recording: Recording, column: Any) -> tuple[Ints, Bools]:
    """Return exchange times in ns and which of the texts are some, and note the unit met."""
    exch_ns, good = clocks_of(column)
    micro = bool((exch_ns % MS != 0).any())
    recording.measures["clock_unit_ns"] = 1000 if micro else recording.measures.get("clock_unit_ns", MS)
    return exch_ns, good


def _stamps(*, exch_ns: Ints, lines: Ints, index: int) -> Stamps:
    return Stamps(exch_ns, np.zeros(len(lines), np.int64), lines + place_of(file=index, line=0))


def _add_touches(recording: Recording, block: Block, index: int, odd: OddRows) -> None:
    told = block.columns
    idents, numbered = integers_of(told["update_id"])
    exch_ns, timed = _times(recording, told["transaction_time"])
    read = [numbers_of(told[name]) for name in TOUCH]
    columns = [numbers for numbers, _ in read]
    number = np.logical_and.reduce([some for _, some in read])
    rows = odd.judge(
        lines=block.lines,
        wanted=np.ones(len(block.lines), bool),
        checks={"id": numbered, "time": timed, "number": number},
    )
    sides = [pairs(prices=columns[at], quantities=columns[at + 1]) for at in (0, 2)]
    recording.add_books(
        op=TICKER,
        stamps=_stamps(exch_ns=exch_ns[rows], lines=block.lines[rows], index=index),
        bids=np.ones(len(rows), np.int64),
        asks=np.ones(len(rows), np.int64),
        numbers=Decimals(
            *(
                np.stack([bid.reshape(-1, 2), ask.reshape(-1, 2)], axis=1)[rows].ravel()
                for bid, ask in zip(*sides, strict=True)
            )
        ),
        last_id=idents[rows],
    )


def _add_trades(recording: Recording, block: Block, index: int, odd: OddRows) -> None:
    told, names = block.columns, list(block.columns)
    idents, numbered = integers_of(told[names[0]])
    prices, priced = numbers_of(told["price"])
    quantities, counted = numbers_of(told[names[2]])
    exch_ns, timed = _times(recording, told["time" if "time" in told else "transact_time"])
    sold, flagged = flags_of(told["is_buyer_maker"])
    rows = odd.judge(
        lines=block.lines,
        wanted=np.ones(len(block.lines), bool),
        checks={"id": numbered, "number": priced & counted, "time": timed, "side": flagged},
    )
    chosen = [taken(numbers=numbers, rows=rows) for numbers in (prices, quantities)]
    if "quote_qty" in told and len(rows):
        quotes, _ = numbers_of(told["quote_qty"])
        _check_product(recording, [*chosen, taken(numbers=quotes, rows=rows)], place_of(file=index, line=0))
    recording.add_trades(
        stamps=_stamps(exch_ns=exch_ns[rows], lines=block.lines[rows], index=index),
        side=np.where(sold[rows], SELL, BUY),
        ident=idents[rows],
        numbers=pairs(prices=chosen[0], quantities=chosen[1]),
    )


def _check_product(recording: Recording, columns: list[Decimals], place: int) -> None:
    price, qty, quote = (told.mantissa / 10.0 ** told.places.astype(np.int64) for told in columns)
    off = np.abs(price * qty - quote) / np.maximum(quote, 1e-12)
    if np.median(off) > OFF_PRODUCT:
        raise TapeError(
            f"{recording.where(place=place).rpartition(':')[0]}: quote_qty is not price x qty, as in "
            "contracts of a coin-margined market; allowed linear contracts and spot"
        )
