"""hftbacktest tapes: .npz or .npy of 64-byte rows (hftbacktest.readthedocs.io, "Data").

Rows of the exchange's clock are taken (flag EXCH); their order within one instant is kept, so that a replay
sees what hftbacktest sees. A tape that begins without a snapshot begins with an empty book.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.events import BUY, SELL
from framework.market.importers import decimals
from framework.market.importers.decimals import Decimals
from framework.market.importers.recording import DIFF, DROP, SNAPSHOT, TICKER, Recording, place_of
from framework.market.importers.times import in_ns

EVENT = np.dtype(
    [
        ("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"),
        ("qty", "<f8"), ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8"),
    ],
    align=True,
)  # fmt: skip
DEPTH, TRADE, CLEAR, SNAPSHOT_ROW, BBO = 1, 2, 3, 4, 5
EXCH, IS_BUY, IS_SELL = 1 << 31, 1 << 29, 1 << 28
OPS = {DEPTH: DIFF, SNAPSHOT_ROW: DIFF, BBO: TICKER, CLEAR: DROP}


def read_hftbacktest(*, paths: Sequence[Path], symbol: str | None) -> Recording:
    """Read files in the order given; raises TapeError for another layout, or without a symbol."""
    if not symbol:
        raise TapeError(f"{paths[0].name}: hftbacktest tapes hold no symbol; give it with --symbol")
    recording = Recording(
        symbol=symbol, venue="", kind="linear", contiguous="none", format="hftbacktest",
        trades_first=False, files=[path.name for path in paths],
    )  # fmt: skip
    for index, path in enumerate(paths):
        _add_rows(recording=recording, rows=_load(path=path), index=index)
    return recording


def _load(*, path: Path) -> NDArray[Any]:
    try:
        loaded = np.load(path, allow_pickle=False)
        rows = loaded if isinstance(loaded, np.ndarray) else loaded[loaded.files[0]]
    except (OSError, ValueError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise TapeError(
            f"{path.name}: cut off or damaged ({error}); allowed a complete .npz or .npy"
        ) from error
    names = rows.dtype.names or ()
    for name in EVENT.names or ():
        if name not in names:
            raise TapeError(
                f"{path.name}: column {name} is missing; allowed hftbacktest's rows of ev, exch_ts, …"
            )
        if rows.dtype[name].kind not in ("f" if EVENT[name].kind == "f" else "iu"):
            raise TapeError(
                f"{path.name}: column {name} is of {rows.dtype[name]}; allowed hftbacktest's {EVENT[name]}"
            )
    if not len(rows):
        raise TapeError(f"{path.name}: no rows")
    return np.asarray(rows)


def _add_rows(*, recording: Recording, rows: NDArray[Any], index: int) -> None:
    ev = rows["ev"].astype(np.int64)
    if (ev & EXCH).any():
        kept = np.flatnonzero(ev & EXCH)
    else:
        kept = np.arange(len(rows))
        recording.measures["local_clock_only"] = 1
    rows, ev = rows[kept], ev[kept]
    exch = in_ns(times=_fill_times(times=rows["exch_ts"].astype(np.int64)))
    rows["local_ts"] = in_ns(times=rows["local_ts"].astype(np.int64))
    recording.count("clock_faults", int((np.diff(exch) < 0).sum()))
    kind, side = ev & 0xFF, np.where(ev & IS_BUY, BUY, np.where(ev & IS_SELL, SELL, 0))
    odd = ~np.isin(kind, [*OPS, TRADE]) | ((side == 0) & (kind != CLEAR))
    place = [place_of(file=index, line=int(line) + 1) for line in kept]
    recording.lines[index] = len(rows)
    for row in np.flatnonzero(odd).tolist():
        recording.drop(place=place[row], reason="event")
    unsound = ~odd & (kind != CLEAR) & ~(_sound(rows["px"]) & _sound(rows["qty"]))
    for row in np.flatnonzero(unsound).tolist():
        recording.drop(place=place[row], reason="number")
    odd |= unsound
    trades = np.flatnonzero((kind == TRADE) & ~odd)
    _numbers(recording=recording, target="prints", rows=rows[trades], index=index)
    held = recording.trades
    held.exch_ns.extend(exch[trades].tolist())
    held.recv_ns.extend(rows["local_ts"][trades].tolist())
    held.side.extend(side[trades].tolist())
    held.ident.extend([-1] * len(trades))
    held.place.extend([place[row] for row in trades])
    if index == 0:
        _start_empty(recording=recording, at_ns=int(exch[0]), place=place[0])
    _add_book(
        recording=recording,
        rows=rows,
        exch=exch,
        kind=kind,
        side=side,
        odd=odd,
        place=place,
        index=index,
    )


def _sound(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values) & (values >= 0) & (values < 2.0**52), bool)


def _start_empty(*, recording: Recording, at_ns: int, place: int) -> None:
    recording.add_book(op=SNAPSHOT, exch_ns=at_ns, recv_ns=at_ns, place=place - 1, bids=(), asks=())


def _add_book(
    *, recording: Recording, rows: NDArray[Any], exch: NDArray[np.int64],     kind: NDArray[np.int64],
    side: NDArray[np.int64], odd: NDArray[np.bool_], place: list[int], index: int,
) -> None:  # fmt: skip
    """Add one message a row; a row for both sides (a CLEAR without a side) is two."""
    book = np.flatnonzero((kind != TRADE) & ~odd)
    book = np.repeat(book, np.where(side[book] == 0, 2, 1))
    sides = side[book]
    unsided = np.flatnonzero(sides == 0)
    sides[unsided[0::2]], sides[unsided[1::2]] = BUY, SELL
    rows = rows[book].copy()
    clear = kind[book] == CLEAR
    everything = clear & (~np.isfinite(rows["px"]) | (side[book] == 0))
    rows["px"][everything & (sides == BUY)] = 0.0
    rows["px"][everything & (sides == SELL)] = 2.0**40
    rows["qty"][clear] = 0.0
    _numbers(recording=recording, target="levels", rows=rows, index=index)
    held, count = recording.messages, len(book)
    held.op.extend([OPS[row] for row in kind[book].tolist()])
    held.exch_ns.extend(exch[book].tolist())
    held.recv_ns.extend(rows["local_ts"].tolist())
    for ids in (held.first_id, held.last_id, held.prev_id):
        ids.extend([-1] * count)
    held.place.extend([place[row] for row in book])
    held.bids.extend((sides == BUY).astype(int).tolist())
    held.asks.extend((sides == SELL).astype(int).tolist())


def _numbers(*, recording: Recording, target: str, rows: NDArray[Any], index: int) -> None:
    values = np.stack([rows["px"], rows["qty"]], axis=1).ravel()
    try:
        numbers: Decimals = decimals.from_floats(values=values)
    except ValueError as error:
        raise TapeError(
            f"{recording.files[index]}: a price or quantity is {error}; allowed decimals"
        ) from error
    getattr(recording, target).extend_parsed(numbers)


def _fill_times(*, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give rows without a time (a snapshot's) that of the next row that has one."""
    known = np.flatnonzero(times > 0)
    if not len(known):
        return times
    return times[known[np.minimum(np.searchsorted(known, np.arange(len(times))), len(known) - 1)]]
