"""Raw collector lines: ``<local receive time> <raw exchange JSON>``, Binance spot and USD-M, Bybit v5.

The JSON is Binance's combined stream ``{"stream": …, "data": {…}}``, a bare event, or the REST snapshot
(``lastUpdateId, bids, asks``), which may come after the first diffs. Several files continue each other.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.bybit import BybitReader
from framework.market.importers.files import MALFORMED, read_lines
from framework.market.importers.recording import DIFF, SNAPSHOT, TICKER, Ids, Recording, place_of
from framework.market.importers.times import to_ns
from framework.market.instrument import refuse_inverse
from framework.units import MS

Event = dict[str, Any]
OFF_BOOK = ("INSURANCE_FUND", "ADL", "NA")
"""Execution types of USD-M trades that no resting order met."""


def read_collector(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read collector files in the order given; raises TapeError for several symbols without a choice, or
    none.
    """
    reader = CollectorReader(paths=paths, symbol=symbol)
    for index, path in enumerate(paths):
        reader.read_file(path=path, index=index)
    return reader.finish()


class CollectorReader:
    """Turn lines into a recording, one event handler a message type."""

    def __init__(self, *, paths: Sequence[Path], symbol: str | None) -> None:
        self.recording = Recording(
            symbol=symbol or "", venue="binance", kind="spot", contiguous="spot", format="collector",
            files=[path.name for path in paths],
        )  # fmt: skip
        self.wanted = symbol
        self.symbols: set[str] = set()
        self.bybit = BybitReader(recording=self.recording)
        self.handlers: dict[str, Callable[[Event, int, int], None]] = {
            "depthUpdate": self._diff,
            "bookTicker": self._ticker,
            "trade": self._trade,
            "aggTrade": self._trade,
            "markPriceUpdate": self._mark,
        }
        self.trade_event = ""
        self.last_recv = 0

    def read_file(self, *, path: Path, index: int) -> None:
        """Read one file; raises TapeError when its last line is cut off or none of its lines is a message."""
        number, understood, line = 0, 0, b""
        for number, line in read_lines(path=path):
            try:
                clock, _, text = line.partition(b" ")
                recv_ns = to_ns(clock=int(clock))
                self._message(json.loads(text), recv_ns, place_of(file=index, line=number))
                understood += 1
            except MALFORMED:
                self.recording.corrupt(line=number)
                if number >= 50 and not understood:
                    break
        if not understood:
            raise TapeError(
                f"{path.name}:{number}: not collector lines; "
                "allowed '<receive time> <exchange JSON>' of Binance spot, Binance USD-M or Bybit v5"
            )
        if line and not line.endswith(b"}"):
            raise TapeError(f"{path.name}:{number}: the last line is cut off; allowed a complete file")

    def finish(self) -> Recording:
        """Return the recording; raises TapeError when the symbol asked for is not in it."""
        if self.wanted and self.wanted not in self.symbols:
            raise TapeError(
                f"{self.recording.files[0]}: symbol {self.wanted} is not in the recording; "
                f"allowed {', '.join(sorted(self.symbols)) or 'none, it holds no event'}"
            )
        if len(self.symbols) > 1 and not self.wanted:
            raise TapeError(
                f"{self.recording.files[0]}: the recording holds {', '.join(sorted(self.symbols))}; "
                "choose one with --symbol"
            )
        if len(self.symbols) > 1 and self.recording.contiguous == "futures":
            raise TapeError(  # their update ids are drawn from one sequence, so a snapshot fits every symbol
                f"{self.recording.files[0]}: {', '.join(sorted(self.symbols))} in one recording, "
                "whose snapshots do not say which they are of; allowed one symbol a file"
            )
        self.recording.symbol = self.wanted or next(iter(self.symbols), "")
        return self.recording

    def _message(self, message: Event, recv_ns: int, place: int) -> None:
        if recv_ns < self.last_recv:
            self.recording.count("clock_faults")
        self.last_recv = recv_ns
        if "topic" in message:
            symbol = message["topic"].rpartition(".")[2]
            if self._selected(symbol, place, margined=True):
                self.bybit.message(message=message, recv_ns=recv_ns, place=place)
            return
        data = message.get("data", message)
        if "lastUpdateId" in data:
            self._snapshot(data, recv_ns, place)
            return
        kind = str(data.get("e") or message.get("stream", "").partition("@")[2])
        handler = self.handlers.get(kind)
        if handler is None and ("result" in data or kind):
            self.recording.measures["lines_ignored"] = self.recording.measures.get("lines_ignored", 0) + 1
        elif handler is None:
            raise ValueError("no event")
        elif self._selected(data["s"], place, margined="pu" in data):
            handler(data, recv_ns, place)

    def _selected(self, symbol: str, place: int, *, margined: bool) -> bool:
        if symbol not in self.symbols:
            refuse_inverse(symbol=symbol, where=self.recording.where(place=place), margined=margined)
            self.symbols.add(symbol)
        return self.wanted is None or symbol == self.wanted

    def _snapshot(self, data: Event, recv_ns: int, place: int) -> None:
        self.recording.add_book(
            op=SNAPSHOT, exch_ns=int(data.get("T", 0)) * MS, recv_ns=recv_ns, place=place,
            bids=data["bids"], asks=data["asks"], ids=Ids(last=int(data["lastUpdateId"])),
        )  # fmt: skip

    def _diff(self, data: Event, recv_ns: int, place: int) -> None:
        if "pu" in data:
            self.recording.contiguous, self.recording.kind = "futures", "linear"
        self.recording.add_book(
            op=DIFF, exch_ns=int(data["T" if "T" in data else "E"]) * MS, recv_ns=recv_ns, place=place,
            bids=data["b"], asks=data["a"],
            ids=Ids(int(data["U"]), int(data["u"]), int(data.get("pu", -1))),
        )  # fmt: skip

    def _ticker(self, data: Event, recv_ns: int, place: int) -> None:
        if "T" in data:
            self.recording.kind = "linear"
        self.recording.add_book(
            op=TICKER, exch_ns=int(data.get("T", 0)) * MS, recv_ns=recv_ns, place=place,
            bids=((data["b"], data["B"]),), asks=((data["a"], data["A"]),), ids=Ids(last=int(data["u"])),
        )  # fmt: skip

    def _trade(self, data: Event, recv_ns: int, place: int) -> None:
        self.trade_event = self.trade_event or data["e"]
        if data["e"] != self.trade_event:
            return
        if data.get("X", "MARKET") in OFF_BOOK:
            self.recording.measures["off_book_trades"] = self.recording.measures.get("off_book_trades", 0) + 1
            return
        whole = data["e"] == "trade"
        self.recording.trade_ids_contiguous = True
        self.recording.add_trade(
            exch_ns=int(data["T"]) * MS, recv_ns=recv_ns, place=place,
            side=SELL if data["m"] else BUY, price=data["p"], qty=data["q"],
            ident=int(data["t"] if whole else data["a"]),
        )  # fmt: skip

    def _mark(self, data: Event, recv_ns: int, place: int) -> None:
        if data["r"]:
            self.recording.marks.append(
                (int(data["E"]) * MS, int(data["T"]) * MS, float(data["r"]), float(data["p"]))
            )
