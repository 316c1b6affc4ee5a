"""Recordings in the exchanges' own formats, made from a small true market whose book is known at every update
id.
"""

import gzip
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOOK = dict[tuple[int, int], int]
START_MS = 1_700_000_000_000


@dataclass
class Market:
    """Walk a book on ticks 90..99 (bids) and 101..110 (asks); remember it after every update id."""

    seed: int
    updates: int = 400
    books: list[BOOK] = field(default_factory=list)
    changes: list[tuple[int, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        book: BOOK = {(1, 95): 10, (-1, 105): 10}
        self.books.append(dict(book))
        self.changes.append((0, 0, 0))
        for _ in range(self.updates):
            side = rng.choice((1, -1))
            price = 100 - side * rng.randint(1, 10)
            qty = rng.choice((0, 0, 1, 2, 3, 50))
            if qty or len([1 for key in book if key[0] == side]) > 1 or (side, price) not in book:
                book.pop((side, price), None)
                if qty:
                    book[side, price] = qty
            self.changes.append((side, price, book.get((side, price), 0)))
            self.books.append(dict(book))

    def touch(self, at: int) -> tuple[int, int, int, int]:
        """Return bid, bid quantity, ask, ask quantity after an update id; zeros for an empty side."""
        book = self.books[at]
        bid = max((price for side, price in book if side == 1), default=0)
        ask = min((price for side, price in book if side == -1), default=0)
        return bid, book.get((1, bid), 0), ask, book.get((-1, ask), 0)

    def diff(self, first: int, last: int) -> list[tuple[int, int, int]]:
        """Return the levels changed by ids first..last, as they stood after the last."""
        keys = {change[:2] for change in self.changes[first : last + 1] if change[0]}
        return sorted((side, price, self.books[last].get((side, price), 0)) for side, price in keys)


def price_text(ticks: int) -> str:
    """Return a price on a grid of 0.01, as Binance writes it."""
    return f"{ticks // 100}.{ticks % 100:02d}000000"


def qty_text(lots: int) -> str:
    """Return a quantity on a grid of 0.1."""
    return f"{lots // 10}.{lots % 10}0000000"


@dataclass
class BinanceRecording:
    """Write a market as collector lines: 100 ms diffs of five ids, a ticker an id, a trade now and then."""

    market: Market
    futures: bool = False
    symbol: str = "ABCUSDT"
    clock_offset_ms: int = 0
    clock_factor: int = 1_000_000
    first_id: int = 1
    lines: list[str] = field(default_factory=list)

    def line(self, at_ms: float, message: dict[str, Any]) -> str:
        """Return one line as a recorder writes it."""
        clock = round((at_ms + self.clock_offset_ms) * 1000) * self.clock_factor // 1000
        return f"{clock} {json.dumps(message, separators=(',', ':'))}"

    def write(self, *, snapshot_at: int = 0, snapshot_after_diffs: int = 3) -> "BinanceRecording":
        """Fill ``lines``; the snapshot of id ``snapshot_at`` arrives after so many diffs."""
        for diffs, first in enumerate(range(1, self.market.updates - 3, 5)):
            last = first + 4
            for ident in range(first, last + 1):
                self.lines.append(self.line(self.time_of(ident) + 0.2, self.ticker(ident)))
                if ident % 7 == 0:
                    self.lines.append(self.line(self.time_of(ident) + 0.3, self.trade(ident)))
            if diffs == snapshot_after_diffs:
                self.lines.append(self.line(self.time_of(last) + 0.5, self.snapshot(snapshot_at)))
            self.lines.append(self.line(self.time_of(last) + 1, self.depth(first, last)))
        return self

    def time_of(self, ident: int) -> int:
        """Return the exchange time of an update, ms: 20 ms apart."""
        return START_MS + 20 * ident

    def depth(self, first: int, last: int) -> dict[str, Any]:
        """Return a diff message."""
        levels = self.market.diff(first, last)
        data = {
            "e": "depthUpdate", "E": self.time_of(last), "s": self.symbol, "U": first, "u": last,
            "b": [[price_text(p), qty_text(q)] for side, p, q in levels if side == 1],
            "a": [[price_text(p), qty_text(q)] for side, p, q in levels if side == -1],
        }  # fmt: skip
        if self.futures:
            data |= {"T": self.time_of(last), "pu": first - 1}
        return {"stream": f"{self.symbol.lower()}@depth@100ms", "data": data}

    def ticker(self, ident: int) -> dict[str, Any]:
        """Return a best-quote message."""
        bid, bid_qty, ask, ask_qty = self.market.touch(ident)
        data: dict[str, Any] = {
            "u": ident, "s": self.symbol, "b": price_text(bid), "B": qty_text(bid_qty),
            "a": price_text(ask), "A": qty_text(ask_qty),
        }  # fmt: skip
        if self.futures:
            data |= {"e": "bookTicker", "T": self.time_of(ident), "E": self.time_of(ident)}
        return {"stream": f"{self.symbol.lower()}@bookTicker", "data": data}

    def trade(self, ident: int) -> dict[str, Any]:
        """Return a trade at the ask, bought by its taker, in the millisecond of an update."""
        data = {
            "e": "trade", "E": self.time_of(ident), "T": self.time_of(ident), "s": self.symbol,
            "t": 1000 + ident // 7, "p": price_text(100), "q": qty_text(1 + ident % 3), "m": False,
        }  # fmt: skip
        return {"stream": f"{self.symbol.lower()}@trade", "data": data}

    def snapshot(self, ident: int) -> dict[str, Any]:
        """Return the REST snapshot."""
        book = self.market.books[ident]
        told: dict[str, Any] = {"lastUpdateId": ident}
        for name, sign in (("bids", 1), ("asks", -1)):
            told[name] = [
                [price_text(p), qty_text(q)] for (side, p), q in sorted(book.items()) if side == sign
            ]
        return told

    def save(self, path: Path) -> Path:
        """Write the lines, packed when the name says so."""
        text = ("\n".join(self.lines) + "\n").encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
        return path
