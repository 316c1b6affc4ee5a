"""Bybit v5: order book and public trade messages, and the official history archives made of them.

Archives (public.bybit.com, quote-saver.bycsi.com): a zip of JSON lines ``topic, type, ts, data{s,b,a,u,seq},
cts``; public trades as csv.gz, of contracts with ``timestamp, symbol, side, size, price, …, trdMatchID``, of
spot with ``id, timestamp, price, volume, side, rpi`` and the symbol in the file's name.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.files import (
    MALFORMED,
    column_key,
    first_bytes,
    header_of,
    read_json,
    read_lines,
    read_table,
)
from framework.market.importers.idents import hashed
from framework.market.importers.recording import DIFF, LOST, SNAPSHOT, Ids, Recording, place_of
from framework.market.importers.times import clock_text_ns, to_ns
from framework.market.instrument import refuse_inverse

SIDES = {"buy": BUY, "sell": SELL}
TRADE_COLUMNS = ("timestamp", "symbol", "side", "size", "price")
SPOT_COLUMNS = ("id", "timestamp", "price", "volume", "side")
NAMED = re.compile(r"([A-Z0-9]{2,30}?)[-_]?\d{4}-\d\d(-\d\d)?[._].*", re.ASCII)
"""A spot archive's name: ``ABCUSDT_2024-12-01.csv.gz``, ``ABCUSDT-2024-12.csv.gz``."""
CONTRACT_DEPTH = 500
"""Levels that only the archives of contracts have; 200 and 1,000 are published of spot as well."""
OFF_BOOK = {"RPI": "rpi_trades", "BT": "off_book_trades"}
"""Flags of trades that no level of the public book met, and what they are counted as."""


class BybitReader:
    """Turn Bybit v5 public messages into a recording; update ids count up by one from each snapshot."""

    def __init__(self, *, recording: Recording) -> None:
        self.recording = recording
        self.books: dict[str, tuple[list[int], list[int]]] = {}
        self.funding: dict[str, Any] = {}

    def message(self, *, message: dict[str, Any], recv_ns: int, place: int) -> None:
        """Take one websocket message; topics other than book, trades and tickers are ignored."""
        kind = message["topic"].partition(".")[0]
        self.recording.venue = "bybit"
        self.recording.contiguous = "counted"
        if kind == "orderbook":
            self._book(message, recv_ns, place)
        elif kind == "publicTrade":
            for row in message["data"]:
                self._trade(row, recv_ns, place)
        elif kind == "tickers":
            self._tickers(message)

    def _trade(self, row: dict[str, Any], recv_ns: int, place: int) -> None:
        for flag, name in OFF_BOOK.items():
            if row.get(flag) is True:
                self.recording.measure(name)
                return
        side = SIDES[row["S"].lower()]
        self.recording.add_trade(
            exch_ns=to_ns(clock=int(row["T"])), recv_ns=recv_ns, place=place, side=side,
            price=row["p"], qty=row["v"], ident=hashed(text=str(row["i"])),
        )  # fmt: skip

    def _book(self, message: dict[str, Any], recv_ns: int, place: int) -> None:
        data, exch_ns = message["data"], to_ns(clock=int(message.get("cts", message["ts"])))
        if message["type"] not in ("snapshot", "delta"):
            raise ValueError(message["type"])
        self.recording.add_book(
            op=SNAPSHOT if message["type"] == "snapshot" else DIFF,
            exch_ns=exch_ns, recv_ns=recv_ns, place=place,
            bids=data["b"], asks=data["a"], ids=Ids(last=int(data["u"])),
        )  # fmt: skip
        book = self.books.setdefault(message["topic"], ([], []))
        book[0].append(len(self.recording.messages.op) - 1)
        book[1].append(exch_ns)

    def keep_deepest(self) -> None:
        """Leave out a book recorded beside one with more levels; one day may differ from another."""
        kept: list[tuple[int, int]] = []
        for _, (rows, times) in sorted(self.books.items(), key=lambda item: -_depth(item[0])):
            begin, end = min(times), max(times)
            if any(begin < other[1] and other[0] < end for other in kept):
                self.recording.measure("shallower_books_ignored")
                for row in rows:
                    self.recording.messages.op[row] = LOST
            else:
                kept.append((begin, end))

    def _tickers(self, message: dict[str, Any]) -> None:
        self.funding |= {name: value for name, value in message["data"].items() if value != ""}
        if {"fundingRate", "markPrice", "nextFundingTime"} <= set(self.funding):
            self.recording.kind = "linear"
            due, rate, mark = (self.funding[n] for n in ("nextFundingTime", "fundingRate", "markPrice"))
            at = to_ns(clock=int(message["ts"]))
            self.recording.marks.append((at, to_ns(clock=int(due)), float(rate), float(mark)))


def _depth(topic: str) -> int:
    return int(topic.split(".")[1])


def read_bybit(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read history archives, order books and trades in any order, into one recording of one symbol."""
    recording = Recording(
        symbol=symbol or "", venue="bybit", kind="linear", contiguous="counted", format="bybit",
        files=[path.name for path in paths],
    )  # fmt: skip
    reader = BybitReader(recording=recording)
    symbols: set[str] = set()
    contracts = 0
    for index, path in enumerate(paths):
        if first_bytes(path=path, count=64).lstrip().startswith(b"{"):
            symbols |= _read_book_archive(reader=reader, path=path, index=index, wanted=symbol)
        elif is_spot_archive(begin=first_bytes(path=path, count=256)):
            symbols.add(_read_spot_archive(reader=reader, path=path, index=index, wanted=symbol))
            recording.kind = "spot"
        else:
            symbols |= _read_trade_archive(reader=reader, path=path, index=index, wanted=symbol)
            contracts += 1
    if contracts and recording.kind == "spot":
        raise TapeError(f"{paths[0].name}: trades of spot and of a contract; allowed those of one market")
    if len(symbols) > 1 and not symbol:
        raise TapeError(f"{paths[0].name}: files hold {', '.join(sorted(symbols))}; choose one with --symbol")
    if symbol and symbol not in symbols:
        raise TapeError(
            f"{paths[0].name}: symbol {symbol} is not in the archive; allowed {', '.join(sorted(symbols))}"
        )
    recording.symbol = symbol or next(iter(symbols), "")
    reader.keep_deepest()
    if recording.kind != "spot" and not contracts:
        _tell_market(recording=recording, paths=paths, topics=reader.books)
    depths = [_depth(topic) for topic in reader.books]
    recording.measures |= {"book_levels": min(depths)} if depths else {}
    return recording


def _tell_market(*, recording: Recording, paths: Sequence[Path], topics: Iterable[str]) -> None:
    """Take the market from the folders of the archive's own address, or from the depth that one has alone."""
    folders = {part for path in paths for part in path.parts[:-1]} & {"spot", "linear"}
    if len(folders) == 1:
        recording.kind = folders.pop()
    elif {_depth(topic) for topic in topics} != {CONTRACT_DEPTH}:
        recording.measures["kind_assumed"] = 1


def is_spot_archive(*, begin: bytes) -> bool:
    """Tell a spot trade archive by its header."""
    names, _ = header_of(line=begin.split(b"\n")[0].decode("utf-8", "replace"))
    return {column_key(name) for name in SPOT_COLUMNS} <= {column_key(name) for name in names}


def _read_book_archive(*, reader: BybitReader, path: Path, index: int, wanted: str | None) -> set[str]:
    symbols: set[str] = set()
    number, line = 0, b""
    for number, line in read_lines(path=path):
        place = place_of(file=index, line=number)
        try:
            message = read_json(text=line)
            named = message["data"]["s"]
            if named not in symbols:
                refuse_inverse(symbol=named, where=reader.recording.where(place=place), margined=True)
                symbols.add(named)
            if wanted in (None, named):
                reader.message(message=message, recv_ns=to_ns(clock=int(message["ts"])), place=place)
        except MALFORMED:
            reader.recording.drop(place=place, reason="message")
    reader.recording.lines[index] = number
    if not symbols:
        raise TapeError(
            f"{path.name}:1: not a Bybit order book archive; allowed JSON lines with topic and data"
        )
    if line and not line.endswith(b"}"):
        raise TapeError(f"{path.name}:{number}: the last line is cut off; allowed a complete file")
    return symbols


def _read_trade_archive(*, reader: BybitReader, path: Path, index: int, wanted: str | None) -> set[str]:
    symbols: set[str] = set()
    for number, row in _trade_rows(reader, path, index, TRADE_COLUMNS, ("trdMatchID", "RPI")):
        named = row["symbol"]
        place = place_of(file=index, line=number)
        if named not in symbols:
            refuse_inverse(symbol=named, where=reader.recording.where(place=place), margined=True)
            symbols.add(named)
        if wanted in (None, named):
            _add_trade(reader, row, place, ident=row.get("trdMatchID", ""), qty=row["size"])
    return symbols


def _read_spot_archive(*, reader: BybitReader, path: Path, index: int, wanted: str | None) -> str:
    """Read trades that do not name their symbol: the file's name begins with it, or it is asked for."""
    named = NAMED.fullmatch(path.name)
    symbol = named[1] if named else wanted
    if not symbol:
        raise TapeError(f"{path.name}: spot trades hold no symbol; give it with --symbol")
    symbols: set[str] = set()
    for number, row in _trade_rows(reader, path, index, SPOT_COLUMNS, ("rpi",)):
        if wanted in (None, symbol):
            place = place_of(file=index, line=number)
            if row["id"] and row["id"] in symbols:  # a row's number in its file, no id of a trade
                reader.recording.count("duplicate_trades")
                continue
            symbols.add(row["id"])
            _add_trade(reader, row, place, ident="", qty=row["volume"])
    return symbol


def _trade_rows(
    reader: BybitReader, path: Path, index: int, needed: tuple[str, ...], more: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, str]]]:
    line = 0

    def note(line: int, reason: str) -> None:
        reader.recording.drop(place=place_of(file=index, line=line), reason=reason)

    for line, row in read_table(path=path, needed=needed, corrupt=note, more=more):
        yield line, row
    reader.recording.lines[index] = line


def _add_trade(reader: BybitReader, row: dict[str, str], place: int, *, ident: str, qty: str) -> None:
    side = SIDES.get(row["side"].lower())
    try:
        exch_ns = clock_text_ns(text=row["timestamp"])
    except MALFORMED:
        exch_ns = 0
    if exch_ns <= 0 or side is None:
        reader.recording.drop(place=place, reason="time" if exch_ns <= 0 else "side")
    elif row.get("rpi", row.get("RPI", "")).lower() in ("1", "true"):
        reader.recording.measure("rpi_trades")
    else:
        reader.recording.add_trade(
            exch_ns=exch_ns, recv_ns=0, place=place, side=side, price=row["price"], qty=qty,
            ident=hashed(text=ident),
        )  # fmt: skip
