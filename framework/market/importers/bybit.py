"""Bybit v5: order book and public trade messages, and the official history archives made of them.

Archives (public.bybit.com, quote-saver.bycsi.com): a zip of JSON lines ``topic, type, ts, data{s,b,a,u,seq},
cts``; public trades as csv.gz with ``timestamp, symbol, side, size, price, …, trdMatchID``.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.files import MALFORMED, first_bytes, read_lines, read_table
from framework.market.importers.recording import DIFF, SNAPSHOT, Ids, Recording, place_of
from framework.market.instrument import refuse_inverse
from framework.units import MS

SIDES = {"Buy": BUY, "Sell": SELL, "buy": BUY, "sell": SELL}
TRADE_COLUMNS = ("timestamp", "symbol", "side", "size", "price")


class BybitReader:
    """Turn Bybit v5 public messages into a recording; update ids count up by one from each snapshot."""

    def __init__(self, *, recording: Recording) -> None:
        self.recording = recording
        self.depth_topic = ""
        self.trade_ids: set[str] = set()
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
                if self.is_new(row["i"]):
                    self.recording.add_trade(
                        exch_ns=int(row["T"]) * MS, recv_ns=recv_ns, place=place, side=SIDES[row["S"]],
                        price=row["p"], qty=row["v"],
                    )  # fmt: skip
        elif kind == "tickers":
            self._tickers(message)

    def is_new(self, ident: str) -> bool:
        """Tell whether a trade comes for the first time, by its id, a text without order; count it if not."""
        if ident and ident in self.trade_ids:
            self.recording.count("duplicate_trades")
            return False
        self.trade_ids.add(ident)
        return True

    def _book(self, message: dict[str, Any], recv_ns: int, place: int) -> None:
        topic = message["topic"]
        self.depth_topic = self.depth_topic or topic
        if topic != self.depth_topic:
            raise TapeError(
                f"{self.recording.where(place=place)}: a second book {topic} beside {self.depth_topic}"
            )
        data = message["data"]
        self.recording.add_book(
            op=SNAPSHOT if message["type"] == "snapshot" else DIFF,
            exch_ns=int(message.get("cts", message["ts"])) * MS, recv_ns=recv_ns, place=place,
            bids=data["b"], asks=data["a"], ids=Ids(last=int(data["u"])),
        )  # fmt: skip

    def _tickers(self, message: dict[str, Any]) -> None:
        self.funding |= {name: value for name, value in message["data"].items() if value != ""}
        if {"fundingRate", "markPrice", "nextFundingTime"} <= set(self.funding):
            self.recording.kind = "linear"
            due, rate, mark = (self.funding[n] for n in ("nextFundingTime", "fundingRate", "markPrice"))
            self.recording.marks.append((int(message["ts"]) * MS, int(due) * MS, float(rate), float(mark)))


def read_bybit(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read history archives, order books and trades in any order, into one recording of one symbol."""
    recording = Recording(
        symbol=symbol or "", venue="bybit", kind="linear", contiguous="counted", format="bybit",
        files=[path.name for path in paths],
    )  # fmt: skip
    reader = BybitReader(recording=recording)
    symbols: set[str] = set()
    for index, path in enumerate(paths):
        is_book = first_bytes(path=path, count=64).lstrip().startswith(b"{")
        read = _read_book_archive if is_book else _read_trade_archive
        symbols |= read(reader=reader, path=path, index=index, wanted=symbol)
    if len(symbols) > 1 and not symbol:
        raise TapeError(f"{paths[0].name}: files hold {', '.join(sorted(symbols))}; choose one with --symbol")
    if symbol and symbol not in symbols:
        raise TapeError(
            f"{paths[0].name}: symbol {symbol} is not in the archive; allowed {', '.join(sorted(symbols))}"
        )
    recording.symbol = symbol or next(iter(symbols), "")
    return recording


def _read_book_archive(*, reader: BybitReader, path: Path, index: int, wanted: str | None) -> set[str]:
    symbols: set[str] = set()
    number, line = 0, b""
    for number, line in read_lines(path=path):
        place = place_of(file=index, line=number)
        try:
            message = json.loads(line)
            found = message["data"]["s"]
            if found not in symbols:
                refuse_inverse(symbol=found, where=reader.recording.where(place=place), margined=True)
                symbols.add(found)
            if wanted in (None, found):
                reader.message(message=message, recv_ns=int(message["ts"]) * MS, place=place)
        except MALFORMED:
            reader.recording.corrupt(line=number)
    if not symbols:
        raise TapeError(
            f"{path.name}:1: not a Bybit order book archive; allowed JSON lines with topic and data"
        )
    if line and not line.endswith(b"}"):
        raise TapeError(f"{path.name}:{number}: the last line is cut off; allowed a complete file")
    return symbols


def _read_trade_archive(*, reader: BybitReader, path: Path, index: int, wanted: str | None) -> set[str]:
    symbols: set[str] = set()

    def note(line: int) -> None:
        reader.recording.corrupt(line=line)

    for number, row in read_table(path=path, needed=TRADE_COLUMNS, corrupt=note):
        found = row["symbol"]
        place = place_of(file=index, line=number)
        if found not in symbols:
            refuse_inverse(symbol=found, where=reader.recording.where(place=place), margined=True)
            symbols.add(found)
        if wanted not in (None, found):
            continue
        try:
            exch_ns = int(Decimal(row["timestamp"]) * 10**9)
            side = row["side"]
            if side not in SIDES:
                raise ValueError(side)
        except MALFORMED:
            reader.recording.corrupt(line=number)
            continue
        if reader.is_new(row.get("trdMatchID", "")):
            reader.recording.add_trade(
                exch_ns=exch_ns, recv_ns=0, place=place, side=SIDES[side], price=row["price"], qty=row["size"]
            )
    return symbols
