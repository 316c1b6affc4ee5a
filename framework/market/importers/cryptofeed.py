"""Parquet of cryptofeed's recorders: one file a kind, L2 book or trades, of one symbol.

cryptostore's book is a row a level (``timestamp, receipt_timestamp, delta, side, price, size``, times in
seconds); its snapshots are the rows with delta false. The parquet backend's book is a row a snapshot
(``bid_0_price, bid_0_size, …``, times in ns). Trades have ``side, amount, price, id`` in both. Symbol and
exchange are columns, metadata, folders ``symbol=…`` or parts of the file's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.blocks import OddRows, among, lowered, pairs, taken
from framework.market.importers.decimals import Decimals
from framework.market.importers.idents import idents_of
from framework.market.importers.ladders import Ladder, LadderBook
from framework.market.importers.level_rows import LevelRows, Rows
from framework.market.importers.parquet_rows import (
    Bools,
    Ints,
    batches_of,
    exact,
    missing,
    open_parquet,
    times_ns,
)
from framework.market.importers.recording import Recording, Stamps, line_of, place_of
from framework.market.instrument import refuse_inverse

CLOCKS = ("timestamp", "receipt_timestamp")
FLAT = (*CLOCKS, "delta", "side", "price", "size")
TRADES = (*CLOCKS, "side", "amount", "price")
NAMED = re.compile(r"([A-Z0-9_.]+)-(?:l2_book|l3_book|trades|ticker)-(.+)-\d+\.parquet")
LEVEL = re.compile(r"(bid|ask)_(\d+)_(price|size)")
COINS = ("BINANCE_FUTURES", "BITFINEX", "BYBIT", "DYDX")
"""Exchanges whose derivatives' amounts are coins; cryptofeed passes amounts on as they are."""


class _File(NamedTuple):
    kind: str
    exchange: str
    symbol: str
    depth: int


def read_cryptofeed(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read files of one symbol in the order of time; raises TapeError for several, or another layout."""
    recording = Recording(
        symbol=symbol or "", venue="", kind="spot", contiguous="none", format="cryptofeed",
        contract_known=True, files=[path.name for path in paths],
    )  # fmt: skip
    symbols: set[str] = set()
    ladder, flat = LadderBook(recording=recording), LevelRows(recording=recording, copies=True)
    for index, path in enumerate(paths):
        parquet = open_parquet(path=path)
        told = _describe(parquet=parquet, path=path)
        symbols |= {told.symbol} - {""}
        if symbol and told.symbol not in ("", symbol):
            continue
        _note_instrument(recording=recording, told=told, symbol=told.symbol or symbol or "", path=path)
        odd = OddRows(recording=recording, index=index)
        for start, columns in _numbered(parquet=parquet, path=path, told=told):
            place = place_of(file=index, line=start + 1)
            if told.kind == "trades":
                _add_trades(recording, columns, place, odd)
            elif told.kind == "flat":
                flat.add(_levels_told(columns, place, odd))
            else:
                _add_ladders(ladder, columns, place, odd, told.depth)
        flat.flush()
        odd.close(path=path)
    if len(symbols) > 1 and not symbol:
        raise TapeError(f"{paths[0].name}: files hold {', '.join(sorted(symbols))}; choose one with --symbol")
    if symbol and symbols and symbol not in symbols:
        raise TapeError(f"{paths[0].name}: symbol {symbol} is unknown; allowed {', '.join(sorted(symbols))}")
    if not symbol and not symbols:
        raise TapeError(f"{paths[0].name}: no name, folder or column tells the symbol; give it with --symbol")
    recording.symbol = symbol or next(iter(symbols))
    return recording


def _numbered(*, parquet: Any, path: Path, told: _File) -> Any:
    """Yield the index of each batch's first row, and its columns."""
    names = {
        "trades": (*TRADES, *(name for name in ("id",) if name in parquet.schema_arrow.names)),
        "flat": FLAT,
        "ladder": (*CLOCKS, *(f"{side}_{at}_{what}" for side, at, what in _levels(told.depth))),
    }[told.kind]
    start = 0
    for columns in batches_of(file=parquet, path=path, names=names):
        yield start, columns
        start += len(columns["timestamp"])


def _levels(depth: int) -> list[tuple[str, int, str]]:
    return [(side, at, what) for side in ("bid", "ask") for at in range(depth) for what in ("price", "size")]


def _describe(*, parquet: Any, path: Path) -> _File:
    """Return what a file holds, by its columns, and of what, by columns, metadata, folders or its name."""
    names = set(parquet.schema_arrow.names)
    levels = {(match[1], int(match[2]), match[3]) for name in names if (match := LEVEL.fullmatch(name))}
    depth = len(levels) // 4
    if "order_id" in names and set(FLAT) <= names:
        raise TapeError(f"{path.name}: an L3 book of single orders; allowed L2 book and trades")
    if set(FLAT) <= names:
        kind = "flat"
    elif depth and levels == set(_levels(depth)) and set(CLOCKS) <= names:
        kind = "ladder"
    elif set(TRADES) <= names:
        kind = "trades"
    else:
        raise TapeError(
            f"{path.name}: columns {', '.join(sorted(names)[:12])} are not of cryptofeed's L2 book or trades"
            f"; allowed {', '.join(FLAT)} or bid_0_price, bid_0_size, … or {', '.join(TRADES)}"
        )
    return _File(kind, *_instrument(parquet=parquet, path=path, names=names), depth)


def _instrument(*, parquet: Any, path: Path, names: set[str]) -> tuple[str, str]:
    """Return exchange and symbol, empty where nothing tells them."""
    sources: list[dict[str, str]] = [_first_row(parquet=parquet, names=names)]
    meta = parquet.schema_arrow.metadata or {}
    sources.append({key.decode(): value.decode() for key, value in meta.items() if key != b"ARROW:schema"})
    sources.append(dict(part.split("=", 1) for part in path.parts if "=" in part))
    if named := NAMED.fullmatch(path.name):
        sources.append({"exchange": named[1], "symbol": named[2]})
    exchange, symbol = (
        next((told[name] for told in sources for name in spellings if told.get(name)), "")
        for spellings in (("exchange", "feed"), ("symbol", "pair"))
    )
    return exchange, symbol


def _first_row(*, parquet: Any, names: set[str]) -> dict[str, str]:
    wanted = [name for name in ("exchange", "feed", "symbol", "pair") if name in names]
    for batch in parquet.iter_batches(batch_size=1, columns=wanted) if wanted else ():
        return {name: str(batch.column(name)[0].as_py()) for name in wanted}
    return {}


def _note_instrument(*, recording: Recording, told: _File, symbol: str, path: Path) -> None:
    """Tell spot from linear by cryptofeed's names (BTC-USDT, BTC-USDT-PERP); raises TapeError for inverse."""
    parts = symbol.split("-")
    derivative = len(parts) > 2
    recording.kind = "linear" if derivative else "spot"
    recording.venue = told.exchange.lower()
    if derivative:
        refuse_inverse(symbol="".join(parts[:2]), where=path.name, margined=True)
        recording.counted = bool(told.exchange) and told.exchange not in COINS


def _clocks(columns: dict[str, Any]) -> tuple[Ints, Ints, Bools]:
    """Return exchange and receive times, and which rows have the latter, which stands in for the former."""
    exch, stamped = times_ns(columns["timestamp"])
    recv, received = times_ns(columns["receipt_timestamp"])
    return np.where(stamped, exch, recv), recv, received


def _add_trades(recording: Recording, columns: dict[str, Any], place: int, odd: OddRows) -> None:
    where = recording.where(place=place)
    price, priced = exact(columns["price"], where=where)
    amount, counted = exact(columns["amount"], where=where)
    exch, recv, good = _clocks(columns)
    sides, places = lowered(columns["side"]), np.arange(len(exch)) + place
    rows = odd.judge(
        lines=line_of(places),
        wanted=np.ones(len(exch), bool),
        checks={"number": priced & counted, "time": good, "side": among(sides, ("buy", "sell"))},
    )
    buying, ids = among(sides, ("buy",)), columns.get("id")
    recording.add_trades(
        stamps=Stamps(exch[rows], recv[rows], places[rows]),
        side=np.where(buying[rows], BUY, SELL),
        ident=(np.full(len(exch), -1) if ids is None else idents_of(column=ids))[rows],
        numbers=pairs(prices=taken(numbers=price, rows=rows), quantities=taken(numbers=amount, rows=rows)),
    )


def _levels_told(columns: dict[str, Any], place: int, odd: OddRows) -> Rows:
    """Return the rows of a flat book that are understood."""
    price, priced = exact(columns["price"], where="price")
    size, sized = exact(columns["size"], where="size")
    exch, recv, good = _clocks(columns)
    sides, deltas = lowered(columns["side"]), lowered(columns["delta"].cast("string"))
    places = np.arange(len(exch)) + place
    rows = odd.judge(
        lines=line_of(places),
        wanted=np.ones(len(exch), bool),
        checks={
            "number": priced & sized,
            "time": good,
            "side": among(sides, ("bid", "ask")),
            "delta": among(deltas, ("true", "false")),
        },
    )
    told = Rows(exch, recv, places, among(deltas, ("true",)), among(sides, ("ask",)), price, size)
    return told.cut(rows)


def _add_ladders(book: LadderBook, columns: dict[str, Any], place: int, odd: OddRows, depth: int) -> None:
    exch, recv, good = _clocks(columns)
    places = np.arange(len(good)) + place
    (bids, told_bids), (asks, told_asks) = (_ladder(columns, side, depth) for side in ("bid", "ask"))
    rows = odd.judge(
        lines=line_of(places),
        wanted=np.ones(len(good), bool),
        checks={"time": good, "number": told_bids & told_asks, "level": bids.sound() & asks.sound()},
    )
    stamps = Stamps(exch[rows], recv[rows], places[rows])
    book.add(bids=bids.rows(rows), asks=asks.rows(rows), stamps=stamps)


def _ladder(columns: dict[str, Any], side: str, depth: int) -> tuple[Ladder, Bools]:
    """Return one side's levels and which rows have numbers only, or nothing in a number's place."""
    parts, sound = [], np.ones(len(columns["timestamp"]), bool)
    for what in ("price", "size"):
        told = []
        for at in range(depth):
            column = columns[f"{side}_{at}_{what}"]
            numbers, good = exact(column, where=f"{side}_{at}_{what}")
            sound &= good | missing(column)
            told.append(numbers)
        parts.append(
            Decimals(
                np.stack([numbers.mantissa for numbers in told], axis=1),
                np.stack([numbers.places for numbers in told], axis=1),
            )
        )
    return Ladder(*parts), sound
