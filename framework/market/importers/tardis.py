"""Tardis CSV files: trades, quotes, book snapshots, incremental_book_L2 (docs.tardis.dev, "Data types").

A snapshot after diffs means the recorder had reconnected: a break. Snapshots after snapshots replace each
other. Of several kinds of book the deepest is taken: L2, snapshots of the best levels, quotes (the touch).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from framework.market.errors import TapeError
from framework.market.importers.contracts import contract_of
from framework.market.importers.files import column_key, first_bytes, header_of
from framework.market.importers.recording import Recording
from framework.market.importers.tardis_rows import read_rows
from framework.market.importers.tardis_snapshots import depth_of, read_snapshots

COMMON = ("exchange", "symbol", "timestamp", "local_timestamp")
COLUMNS = {
    "trades": (*COMMON, "id", "side", "price", "amount"),
    "quotes": (*COMMON, "ask_amount", "ask_price", "bid_price", "bid_amount"),
    "incremental_book_L2": (*COMMON, "is_snapshot", "side", "price", "amount"),
}
BOOKS = ("incremental_book_L2", "book_snapshot", "quotes")
"""Kinds of book, the deepest first."""
IGNORED = {"book_snapshot": "snapshot", "quotes": "quote"}


def read_tardis(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read Tardis files of one symbol, in any order of kinds; raises TapeError for several symbols or
    none.
    """
    recording = Recording(
        symbol=symbol or "", venue="", kind="spot", contiguous="none", format="tardis",
        contract_known=True, files=[path.name for path in paths],
    )  # fmt: skip
    kinds = [_kind_of(path=path) for path in paths]
    deepest = next((kind for kind in BOOKS if kind in kinds), "")
    symbols: set[str] = set()
    for index, (path, kind) in enumerate(zip(paths, kinds, strict=True)):
        if kind in BOOKS and kind != deepest:
            recording.measure(f"{IGNORED[kind]}_files_ignored")
            continue
        meet = _meeting(recording=recording, met=symbols, symbol=symbol)
        if kind == "book_snapshot":
            read_snapshots(recording=recording, path=path, index=index, header=_header(path), meet=meet)
            continue
        read_rows(recording=recording, path=path, index=index, kind=kind, columns=COLUMNS[kind], meet=meet)
    if symbol and symbol not in symbols:
        raise TapeError(
            f"{paths[0].name}: symbol {symbol} is unknown; allowed {', '.join(sorted(symbols)) or 'none'}"
        )
    if len(symbols) > 1 and not symbol:
        raise TapeError(f"{paths[0].name}: files hold {', '.join(sorted(symbols))}; choose one with --symbol")
    recording.symbol = symbol or next(iter(symbols), "")
    return recording


def _meeting(*, recording: Recording, met: set[str], symbol: str | None) -> Callable[[str, str, int], bool]:
    """Return what is asked of each exchange and symbol met: whether its rows are wanted."""

    def meet(exchange: str, named: str, place: int) -> bool:
        if named not in met or exchange.lower() != recording.exchange:
            met.add(named)
            _note_venue(recording=recording, told={"exchange": exchange, "symbol": named}, place=place)
        return symbol in (None, named)

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


def _note_venue(*, recording: Recording, told: dict[str, str], place: int) -> None:
    exchange = told["exchange"].lower()
    kind = contract_of(exchange=exchange, symbol=told["symbol"], where=recording.where(place=place))
    if recording.exchange not in ("", exchange):
        raise TapeError(
            f"{recording.where(place=place)}: {exchange} beside {recording.exchange}; allowed one exchange"
        )
    recording.exchange = exchange
    recording.venue = exchange.removesuffix("-futures").removesuffix("-spot")
    recording.kind, recording.counted = kind
