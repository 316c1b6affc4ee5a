"""Tardis CSV files: trades, quotes, book snapshots, incremental_book_L2 (docs.tardis.dev, "Data types").

A snapshot after diffs means the recorder had reconnected: a break. Snapshots after snapshots replace each
other. Of several kinds of book the deepest is taken: L2, snapshots of the best levels, quotes (the touch).
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers.contracts import contract_of
from framework.market.importers.files import column_key, first_bytes, header_of, read_table
from framework.market.importers.recording import BREAK, DIFF, SNAPSHOT, TICKER, Recording, place_of
from framework.market.importers.tardis_snapshots import depth_of, read_snapshots
from framework.market.importers.times import to_ns

COMMON = ("exchange", "symbol", "timestamp", "local_timestamp")
COLUMNS = {
    "trades": (*COMMON, "id", "side", "price", "amount"),
    "quotes": (*COMMON, "ask_amount", "ask_price", "bid_price", "bid_amount"),
    "incremental_book_L2": (*COMMON, "is_snapshot", "side", "price", "amount"),
}
BOOKS = ("incremental_book_L2", "book_snapshot", "quotes")
"""Kinds of book, the deepest first."""
IGNORED = {"book_snapshot": "snapshot", "quotes": "quote"}
SIDES = {"buy": BUY, "sell": SELL}
BOOK_SIDES = ("bid", "ask")
FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
"""Spellings of is_snapshot, in any case; what re-saves a CSV has its own."""
TIME = re.compile(r"(\d{1,19})(\.0+)?")
IDENT = re.compile(r"\d{1,18}")


class Row(NamedTuple):
    """Hold one line: its times in ns, and the fields a kind of file has, as text."""

    place: int
    exch_ns: int
    recv_ns: int
    told: dict[str, str]
    snapshot: bool


def read_tardis(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read Tardis files of one symbol, in any order of kinds; raises TapeError for several symbols or
    none.
    """
    recording = Recording(
        symbol=symbol or "", venue="", kind="spot", contiguous="none", format="tardis",
        contract_known=True, lines_are_levels=True, files=[path.name for path in paths],
    )  # fmt: skip
    kinds = [_kind_of(path=path) for path in paths]
    deepest = next((kind for kind in BOOKS if kind in kinds), "")
    seen: set[str] = set()
    for index, (path, kind) in enumerate(zip(paths, kinds, strict=True)):
        if kind in BOOKS and kind != deepest:
            recording.measure(f"{IGNORED[kind]}_files_ignored")
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
            _note_venue(recording=recording, told={"exchange": exchange, "symbol": found}, place=place)
        return symbol in (None, found)

    return meet


def _header(path: Path) -> list[str]:
    return header_of(line=first_bytes(path=path).split(b"\n")[0].decode("utf-8", "replace"))[0]


def _kind_of(*, path: Path) -> str:
    names = _header(path)
    header = {column_key(name) for name in names}
    if depth_of(header=names) and set(COMMON) <= set(names):
        return "book_snapshot"
    for kind, columns in COLUMNS.items():
        if {column_key(name) for name in columns} <= header:
            return kind
    raise TapeError(
        f"{path.name}:1: not a Tardis CSV; allowed the columns of {', '.join(COLUMNS)}, book_snapshot_25"
    )


def _rows(
    *, recording: Recording, path: Path, index: int, kind: str, symbol: str | None, seen: set[str]
) -> list[Row]:
    """Return the rows of the wanted symbol; one whose times, side or flag are not understood is dropped."""
    kept: list[Row] = []
    last_recv = line = 0

    def note(line: int, reason: str) -> None:
        recording.drop(place=place_of(file=index, line=line), reason=reason)

    for line, told in read_table(path=path, needed=COLUMNS[kind], corrupt=note):
        place = place_of(file=index, line=line)
        if told["symbol"] not in seen:
            seen.add(told["symbol"])
            _note_venue(recording=recording, told=told, place=place)
        if symbol not in (None, told["symbol"]):
            continue
        row, reason = _understand(kind=kind, told=told, place=place)
        if row is None:
            note(line, reason)
            continue
        recording.count("clock_faults", int(row.recv_ns < last_recv))
        last_recv = row.recv_ns
        kept.append(row)
    recording.lines[index] = line
    return kept


def _understand(*, kind: str, told: dict[str, str], place: int) -> tuple[Row | None, str]:
    """Return a row, or None and what of it is not understood."""
    times = [TIME.fullmatch(told[name]) for name in ("timestamp", "local_timestamp")]
    if not times[0] or not times[1]:
        return None, "time"
    snapshot = False
    if kind != "quotes":
        told["side"] = side = told["side"].lower()
        if side not in (SIDES if kind == "trades" else BOOK_SIDES):
            return None, "unknown_side" if side in ("unknown", "") else "side"
    if kind == "incremental_book_L2":
        flag = FLAGS.get(told["is_snapshot"].lower())
        if flag is None:
            return None, "is_snapshot"
        snapshot = flag
    exch, recv = (to_ns(clock=int(time[1])) for time in times if time)
    return Row(place, exch, recv, told, snapshot), ""


def _note_venue(*, recording: Recording, told: dict[str, str], place: int) -> None:
    exchange = told["exchange"].lower()
    found = contract_of(exchange=exchange, symbol=told["symbol"], where=recording.where(place=place))
    recording.venue = exchange.removesuffix("-futures").removesuffix("-spot")
    recording.kind, recording.counted = found


def _read_trades(recording: Recording, rows: list[Row]) -> None:
    for row in rows:
        ident = row.told["id"]
        recording.add_trade(
            exch_ns=row.exch_ns, recv_ns=row.recv_ns, place=row.place, side=SIDES[row.told["side"]],
            price=row.told["price"], qty=row.told["amount"],
            ident=int(ident) if IDENT.fullmatch(ident) else -1,
        )  # fmt: skip


def _read_quotes(recording: Recording, rows: list[Row]) -> None:
    for row in rows:
        told = row.told
        recording.add_book(
            op=TICKER, exch_ns=row.exch_ns, recv_ns=row.recv_ns, place=row.place,
            bids=((told["bid_price"] or "0", told["bid_amount"] or "0"),),
            asks=((told["ask_price"] or "0", told["ask_amount"] or "0"),),
        )  # fmt: skip


def _read_depth(recording: Recording, rows: list[Row]) -> None:
    """Add one message a moment; a snapshot replaces the one before it, and one after diffs is a break."""
    held: list[Row] = []
    begun = after_diffs = False
    for _, group in groupby(rows, key=_moment):
        members = list(group)
        if held and not _continues(held, members):
            _add(recording, SNAPSHOT, held)
            held = []
        if not members[0].snapshot:
            _add(recording, DIFF, members)
            after_diffs = begun
            continue
        if after_diffs:
            _add(recording, BREAK, members[:1])
        held += members
        begun, after_diffs = True, False
    if held:
        _add(recording, SNAPSHOT, held)


def _moment(row: Row) -> tuple[int, int, bool]:
    return row.exch_ns, row.recv_ns, row.snapshot


def _continues(held: list[Row], members: list[Row]) -> bool:
    """Tell whether snapshot rows go on with the one held: one message or its other side, no level twice."""
    last, first = held[-1], members[0]
    together = first.exch_ns == last.exch_ns or first.recv_ns == last.recv_ns
    levels = {(row.told["side"], row.told["price"]) for row in held}
    sides = {side for side, _ in levels}
    if not first.snapshot or not (together or sides.isdisjoint(row.told["side"] for row in members)):
        return False
    return levels.isdisjoint((row.told["side"], row.told["price"]) for row in members)


def _add(recording: Recording, op: int, rows: list[Row]) -> None:
    sides: dict[str, list[tuple[str, str]]] = {"bid": [], "ask": []}
    for row in rows if op != BREAK else ():
        sides[row.told["side"]].append((row.told["price"], row.told["amount"]))
    recording.add_book(
        op=op, exch_ns=rows[0].exch_ns, recv_ns=rows[0].recv_ns, place=rows[0].place,
        bids=sides["bid"], asks=sides["ask"],
    )  # fmt: skip


READERS = {"trades": _read_trades, "quotes": _read_quotes, "incremental_book_L2": _read_depth}
