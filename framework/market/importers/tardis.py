"""Tardis CSV files: trades, quotes, book snapshots, incremental_book_L2 (docs.tardis.dev, "Data types").

Times are microseconds. A snapshot in the middle of an L2 file means the recorder had reconnected: a break.
Of several kinds of book the deepest is taken: L2, snapshots of the best levels, quotes (the touch alone).
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.files import first_bytes, read_table
from framework.market.importers.recording import BREAK, DIFF, SNAPSHOT, TICKER, Recording, place_of
from framework.market.importers.tardis_snapshots import depth_of, read_snapshots
from framework.market.instrument import refuse_inverse

COMMON = ("exchange", "symbol", "timestamp", "local_timestamp")
COLUMNS = {
    "trades": (*COMMON, "id", "side", "price", "amount"),
    "quotes": (*COMMON, "ask_amount", "ask_price", "bid_price", "bid_amount"),
    "incremental_book_L2": (*COMMON, "is_snapshot", "side", "price", "amount"),
}
BOOKS = ("incremental_book_L2", "book_snapshot", "quotes")
"""Kinds of book, the deepest first."""
IGNORED = {"book_snapshot": "snapshot", "quotes": "quote"}
LINEAR = (
    "binance-futures",
    "bybit",
    "okex-swap",
    "huobi-dm-linear-swap",
    "gate-io-futures",
    "bitget-futures",
)
INVERSE = ("binance-delivery", "bitmex", "deribit", "huobi-dm-swap", "huobi-dm", "cryptofacilities")
MICROSECONDS = re.compile(r"[0-3]?\d{1,15}")
IDENT = re.compile(r"\d{1,18}")
SIDES = {"buy": BUY, "sell": SELL}
US = 1000
Row = dict[str, str]


def read_tardis(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read Tardis files of one symbol, in any order of kinds; raises TapeError for several symbols or
    none.
    """
    recording = Recording(
        symbol=symbol or "", venue="", kind="spot", contiguous="none", format="tardis",
        files=[path.name for path in paths],
    )  # fmt: skip
    kinds = [_kind_of(path=path) for path in paths]
    deepest = next((kind for kind in BOOKS if kind in kinds), "")
    seen: set[str] = set()
    for index, (path, kind) in enumerate(zip(paths, kinds, strict=True)):
        if kind in BOOKS and kind != deepest:
            name = f"{IGNORED[kind]}_files_ignored"
            recording.measures[name] = recording.measures.get(name, 0) + 1
            continue
        if kind == "book_snapshot":
            meet = _meeting(recording=recording, seen=seen, symbol=symbol)
            read_snapshots(recording=recording, path=path, index=index, header=_header(path), meet=meet)
            continue
        rows = _rows(recording=recording, path=path, index=index, kind=kind, symbol=symbol, seen=seen)
        READERS[kind](recording, rows)
    if symbol and symbol not in seen:
        raise TapeError(
            f"{paths[0].name}: symbol {symbol} is unknown; allowed {', '.join(sorted(seen)) or 'none'}"
        )
    if len(seen) > 1 and not symbol:
        raise TapeError(f"{paths[0].name}: files hold {', '.join(sorted(seen))}; choose one with --symbol")
    recording.symbol = symbol or next(iter(seen), "")
    return recording


def _meeting(*, recording: Recording, seen: set[str], symbol: str | None) -> Callable[[str, str, int], bool]:
    """Return what is asked of each exchange and symbol met: whether its rows are wanted."""

    def meet(exchange: str, found: str, place: int) -> bool:
        if found not in seen:
            seen.add(found)
            _note_venue(recording=recording, row={"exchange": exchange, "symbol": found}, place=place)
        return symbol in (None, found)

    return meet


def _header(path: Path) -> list[str]:
    return first_bytes(path=path).split(b"\n")[0].decode("utf-8-sig", "replace").strip().split(",")


def _kind_of(*, path: Path) -> str:
    header = _header(path)
    if depth_of(header=header) and set(COMMON) <= set(header):
        return "book_snapshot"
    for kind, columns in COLUMNS.items():
        if set(columns) <= set(header):
            return kind
    raise TapeError(
        f"{path.name}:1: not a Tardis CSV; allowed the columns of {', '.join(COLUMNS)}, book_snapshot_25"
    )


def _rows(
    *, recording: Recording, path: Path, index: int, kind: str, symbol: str | None, seen: set[str]
) -> list[tuple[int, Row]]:
    """Return (place, row) of the wanted symbol, checked for times and side."""
    kept: list[tuple[int, Row]] = []
    last_recv = 0

    def note(line: int) -> None:
        recording.corrupt(line=line)

    for line, row in read_table(path=path, needed=COLUMNS[kind], corrupt=note):
        place = place_of(file=index, line=line)
        if row["symbol"] not in seen:
            seen.add(row["symbol"])
            _note_venue(recording=recording, row=row, place=place)
        if symbol not in (None, row["symbol"]):
            continue
        times = all(MICROSECONDS.fullmatch(row[name]) for name in ("timestamp", "local_timestamp"))
        sided = kind == "quotes" or row["side"] in (("bid", "ask") if kind != "trades" else SIDES)
        if not (times and sided):
            recording.corrupt(line=line)
            continue
        if int(row["local_timestamp"]) < last_recv:
            recording.count("clock_faults")
        last_recv = int(row["local_timestamp"])
        kept.append((place, row))
    return kept


def _note_venue(*, recording: Recording, row: Row, place: int) -> None:
    exchange = row["exchange"]
    linear = exchange in LINEAR
    refuse_inverse(
        symbol=row["symbol"], where=recording.where(place=place), margined=linear or exchange in INVERSE
    )
    if exchange in INVERSE:
        raise TapeError(
            f"{recording.where(place=place)}: {exchange} is an inverse venue; allowed linear and spot"
        )
    recording.venue = exchange.removesuffix("-futures").removesuffix("-spot")
    recording.kind = "linear" if linear else "spot"


def _read_trades(recording: Recording, rows: list[tuple[int, Row]]) -> None:
    for place, row in rows:
        recording.add_trade(
            exch_ns=int(row["timestamp"]) * US, recv_ns=int(row["local_timestamp"]) * US, place=place,
            side=SIDES[row["side"]], price=row["price"], qty=row["amount"],
            ident=int(row["id"]) if IDENT.fullmatch(row["id"]) else -1,
        )  # fmt: skip


def _read_quotes(recording: Recording, rows: list[tuple[int, Row]]) -> None:
    for place, row in rows:
        recording.add_book(
            op=TICKER, exch_ns=int(row["timestamp"]) * US, recv_ns=int(row["local_timestamp"]) * US,
            place=place, bids=((row["bid_price"] or "0", row["bid_amount"] or "0"),),
            asks=((row["ask_price"] or "0", row["ask_amount"] or "0"),),
        )  # fmt: skip


def _read_depth(recording: Recording, rows: list[tuple[int, Row]]) -> None:
    was_snapshot, started = False, False
    moment = itemgetter("timestamp", "local_timestamp", "is_snapshot")
    for (exch, recv, told), group in groupby(rows, key=lambda pair: moment(pair[1])):
        members = list(group)
        place, snapshot = members[0][0], told == "true"
        add = partial(recording.add_book, exch_ns=int(exch) * US, recv_ns=int(recv) * US, place=place)
        if snapshot and not was_snapshot and started:
            add(op=BREAK, bids=(), asks=())
        sides: dict[str, list[tuple[str, str]]] = {"bid": [], "ask": []}
        for _, row in members:
            sides[row["side"]].append((row["price"], row["amount"]))
        first = snapshot and not was_snapshot
        add(op=SNAPSHOT if first else DIFF, bids=sides["bid"], asks=sides["ask"])
        was_snapshot, started = snapshot, True


READERS = {"trades": _read_trades, "quotes": _read_quotes, "incremental_book_L2": _read_depth}
