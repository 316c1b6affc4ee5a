"""Raw collector lines: ``<local receive time> <raw exchange JSON>``, Binance spot and USD-M, Bybit v5.

The JSON is Binance's combined stream ``{"stream": …, "data": {…}}``, a bare event, or the REST snapshot
(``lastUpdateId, bids, asks``), which may come after the first diffs. Several files continue each other.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.bybit import BybitReader
from framework.market.importers.files import MALFORMED, read_json, read_lines
from framework.market.importers.recording import DIFF, LOST, SNAPSHOT, TICKER, Ids, Recording, place_of
from framework.market.importers.times import to_ns
from framework.market.instrument import refuse_inverse

Event = dict[str, Any]
OFF_BOOK = ("INSURANCE_FUND", "ADL", "NA")
"""Execution types of USD-M trades that no resting order met."""
BEST_LEVELS = re.compile(r".*@depth(5|10|20)(@\d+ms)?")
"""A stream of the best few levels; its messages look like those of the whole book."""
FEW = (5, 10, 20)
REPEATED = 10
"""So many nameless messages of one of these depths are such a stream, too."""
SIDES = {True: SELL, False: BUY, "true": SELL, "false": BUY}
"""By whether the buyer was the maker."""
KIND = re.compile(r"\w{1,24}", re.ASCII)


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
        self.partial: dict[int, list[int]] = {}
        self.nameless: dict[tuple[int, int], list[int]] = {}

    def read_file(self, *, path: Path, index: int) -> None:
        """Read one file; raises TapeError when its last line is cut off or none of its lines is a message."""
        number, understood, line = 0, 0, b""
        for number, line in read_lines(path=path):
            place = place_of(file=index, line=number)
            try:
                clock, _, text = line.partition(b" ")
                recv_ns = to_ns(clock=int(clock))
                self._message(read_json(text=text), recv_ns, place)
                understood += 1
            except MALFORMED:
                self.recording.drop(place=place, reason="message")
                if number >= 50 and not understood:
                    break
        self.recording.lines[index] = number
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
        self.bybit.keep_deepest()
        self._choose_depth()
        return self.recording

    def _choose_depth(self) -> None:
        """Take the whole book where there is one, else the deepest stream of the best levels, never both."""
        messages = self.recording.messages
        self._find_nameless()
        partial = [row for rows in self.partial.values() for row in rows]
        for row in partial:
            messages.op[row] = LOST
        if DIFF in messages.op or not partial:
            self.recording.measure("partial_depth_ignored", len(partial))
            return
        for row in (row for row, op in enumerate(messages.op) if op == SNAPSHOT):
            messages.op[row] = LOST
            self.recording.measure("snapshots_ignored")
        deepest = max(self.partial)
        for row in self.partial[deepest]:
            messages.op[row] = SNAPSHOT
        self.recording.measure("partial_depth_ignored", len(partial) - len(self.partial[deepest]))
        self.recording.measure("book_levels", deepest)

    def _find_nameless(self) -> None:
        """Add to the partial streams what no name tells: always as many levels, none deleted."""
        for (op, few), rows in self.nameless.items():
            alone = op == SNAPSHOT or not any(other[0] == op and other[1] != few for other in self.nameless)
            if few and alone and len(rows) >= REPEATED:
                self.partial.setdefault(few, []).extend(rows)

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
        stream = str(message.get("stream", ""))
        few = BEST_LEVELS.fullmatch(stream)
        if "lastUpdateId" in data:
            symbol = stream.partition("@")[0].upper()
            if not symbol or self._selected(symbol, place, margined=False):
                self._snapshot(data, recv_ns, place)
                self._note_depth(stream, few, (data["bids"], data["asks"]))
            return
        kind = str(data.get("e") or stream.partition("@")[2])
        handler = self.handlers.get(kind)
        if handler is None and ("result" in data or kind):
            self.recording.measure("lines_ignored")
            self.recording.measure(f"ignored_{kind}" if KIND.fullmatch(kind) else "ignored_other")
        elif handler is None:
            raise ValueError("no event")
        elif self._selected(data["s"], place, margined="pu" in data):
            handler(data, recv_ns, place)
            if kind == "depthUpdate":
                self._note_depth(stream, few, (data["b"], data["a"]))

    def _note_depth(self, stream: str, few: re.Match[str] | None, sides: Sequence[Any]) -> None:
        """Remember the message added last as one of the best levels, or as one without a name."""
        row = len(self.recording.messages.op) - 1
        if few:
            self.partial.setdefault(int(few[1]), []).append(row)
        elif not stream:
            levels = len(sides[0])
            alike = levels in FEW and levels == len(sides[1])
            alike = alike and not any(float(level[1]) == 0 for side in sides for level in side)
            key = (self.recording.messages.op[row], levels if alike else 0)
            self.nameless.setdefault(key, []).append(row)

    def _selected(self, symbol: str, place: int, *, margined: bool) -> bool:
        if symbol not in self.symbols:
            refuse_inverse(symbol=symbol, where=self.recording.where(place=place), margined=margined)
            self.symbols.add(symbol)
        return self.wanted is None or symbol == self.wanted

    def _snapshot(self, data: Event, recv_ns: int, place: int) -> None:
        self.recording.add_book(
            op=SNAPSHOT, exch_ns=to_ns(clock=int(data.get("T", 0))), recv_ns=recv_ns, place=place,
            bids=data["bids"], asks=data["asks"], ids=Ids(last=int(data["lastUpdateId"])),
        )  # fmt: skip

    def _diff(self, data: Event, recv_ns: int, place: int) -> None:
        if "pu" in data:
            self.recording.contiguous, self.recording.kind = "futures", "linear"
        self.recording.add_book(
            op=DIFF, exch_ns=to_ns(clock=int(data["T" if "T" in data else "E"])), recv_ns=recv_ns,
            place=place, bids=data["b"], asks=data["a"],
            ids=Ids(int(data["U"]), int(data["u"]), int(data.get("pu", -1))),
        )  # fmt: skip

    def _ticker(self, data: Event, recv_ns: int, place: int) -> None:
        if "T" in data:
            self.recording.kind = "linear"
        self.recording.add_book(
            op=TICKER, exch_ns=to_ns(clock=int(data.get("T", 0))), recv_ns=recv_ns, place=place,
            bids=((data["b"], data["B"]),), asks=((data["a"], data["A"]),), ids=Ids(last=int(data["u"])),
        )  # fmt: skip

    def _trade(self, data: Event, recv_ns: int, place: int) -> None:
        self.trade_event = self.trade_event or data["e"]
        if data["e"] != self.trade_event:
            return
        if data.get("X", "MARKET") in OFF_BOOK:
            self.recording.measure("off_book_trades")
            return
        whole, maker = data["e"] == "trade", data["m"]
        side = SIDES[maker.lower() if isinstance(maker, str) else maker]
        self.recording.trade_ids_contiguous = True
        self.recording.add_trade(
            exch_ns=to_ns(clock=int(data["T"])), recv_ns=recv_ns, place=place,
            side=side, price=data["p"], qty=data["q"],
            ident=int(data["t"] if whole else data["a"]),
        )  # fmt: skip

    def _mark(self, data: Event, recv_ns: int, place: int) -> None:
        if data["r"]:
            at, due = (to_ns(clock=int(data[name])) for name in "ET")
            self.recording.marks.append((at, due, float(data["r"]), float(data["p"])))
