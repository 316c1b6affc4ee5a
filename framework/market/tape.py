"""A market tape: columns of book levels, trades, clears and gaps in exchange-time order."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from framework.files.moments import EPOCH, iso_utc_ns
from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.instrument import Instrument

EVENT_COLUMNS = (
    ("exch_ts_ns", "<i8"),
    ("recv_ts_ns", "<i8"),
    ("kind", "|u1"),
    ("side", "|i1"),
    ("price_ticks", "<i8"),
    ("qty_lots", "<i8"),
)
FUNDING_COLUMNS = (("funding_ts_ns", "<i8"), ("funding_rate", "<f8"), ("funding_mark", "<f8"))
SCHEMA_HASH = hashlib.sha256(
    json.dumps(["quoteops tape 1", EVENT_COLUMNS, FUNDING_COLUMNS]).encode()
).hexdigest()
"""Digest of the column names and types; an archive written under another schema is refused."""

FAULTS = (
    "sequence_gaps",
    "crossed_books",
    "clock_faults",
    "negative_feed_latency",
    "duplicate_trades",
    "out_of_order_trades",
    "duplicate_updates",
    "out_of_order_updates",
    "missing_trades",
    "corrupt_lines",
)
"""Every fault an importer counts; a fault of zero is counted as zero, not left out."""

Ints = NDArray[np.int64]
DENSE_LIMIT = 1 << 24
PIECE = 1 << 18
"""Rows looked at together where a whole column would need another one beside it."""


@dataclass(frozen=True, kw_only=True)
class TapeMeta:
    """Say where a tape came from and what was wrong with it.

    ``digest`` is the sha256 of instrument and columns (of a window: of the parent's digest and the bounds);
    ``faults`` counts each name of FAULTS; ``measures`` holds integers worth reporting (recorder clock,
    messages).
    """

    source: str
    format: str
    digest: str
    faults: Mapping[str, int] = field(default_factory=dict)
    measures: Mapping[str, int] = field(default_factory=dict)
    schema_hash: str = SCHEMA_HASH


@dataclass(frozen=True, kw_only=True, eq=False)
class Tape:
    """Hold one instrument's market: n events ordered by exchange time (stable), k funding times.

    Columns are plain C-contiguous arrays; treat them as read-only. Within one millisecond trades come before
    book updates. ``recv_ts_ns`` is the local receive time as recorded, which may lie before ``exch_ts_ns``.
    """

    instrument: Instrument
    exch_ts_ns: Ints
    recv_ts_ns: Ints
    kind: NDArray[np.uint8]
    side: NDArray[np.int8]
    price_ticks: Ints
    qty_lots: Ints
    funding_ts_ns: Ints
    funding_rate: NDArray[np.float64]
    funding_mark: NDArray[np.float64]
    meta: TapeMeta

    @classmethod
    def from_columns(
        cls,
        *,
        instrument: Instrument,
        source: str = "memory",
        format: str = "columns",
        faults: Mapping[str, int] | None = None,
        measures: Mapping[str, int] | None = None,
        **given: Any,
    ) -> Self:
        """Build a tape from columns, with types, lengths, order and values checked and the digest computed.

        ``given`` are the columns by name; ``recv_ts_ns`` defaults to ``exch_ts_ns``, those of the funding to
        empty ones. Raises TapeError naming the first column and row that is wrong.
        """
        given = {name: () for name, _ in FUNDING_COLUMNS} | {"recv_ts_ns": given.get("exch_ts_ns")} | given
        known = [name for name, _ in EVENT_COLUMNS + FUNDING_COLUMNS]
        if wrong := sorted(set(given) ^ set(known)):
            raise TapeError(f"{source}: columns {', '.join(wrong)}; allowed {', '.join(known)}")
        columns = {
            name: _column(values=given[name], dtype=dtype, name=name, source=source)
            for name, dtype in EVENT_COLUMNS + FUNDING_COLUMNS
        }
        _check_lengths(columns=columns, source=source)
        _check_rows(columns=columns, source=source)
        meta = TapeMeta(
            source=source,
            format=format,
            digest=content_digest(instrument=instrument, columns=columns),
            faults={name: int((faults or {}).get(name, 0)) for name in FAULTS},
            measures={name: int(value) for name, value in (measures or {}).items()},
        )
        return cls(instrument=instrument, meta=meta, **columns)

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def start_ns(self) -> int:
        """Return the exchange time of the first event, UTC ns."""
        return int(self.exch_ts_ns[0])

    @property
    def end_ns(self) -> int:
        """Return the exchange time of the last event, UTC ns."""
        return int(self.exch_ts_ns[-1])

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return every column by name, events first."""
        return {name: getattr(self, name) for name, _ in EVENT_COLUMNS + FUNDING_COLUMNS}

    def window(self, *, start_ns: int | None = None, end_ns: int | None = None) -> Self:
        """Cut the events of start <= time < end (UTC ns), after the book as it stood at the start.

        Those first rows, all at ``start_ns``, are a CLEAR and one DEPTH per level, or a single GAP where the
        book was broken; there are none when the tape begins inside the window. Raises TapeError when no event
        is left.
        """
        if len(self) == 0:
            raise TapeError(f"{self.meta.source}: the tape is empty; there is nothing to cut a window from")
        start = self.start_ns if start_ns is None else start_ns
        end = self.end_ns + 1 if end_ns is None else end_ns
        first_ns, last_ns = (
            f(int(times[i]) for times in (self.exch_ts_ns, self.funding_ts_ns) if len(times))
            for f, i in ((min, 0), (max, -1))
        )
        if start <= first_ns and last_ns < end:
            return self
        first, last = (int(i) for i in np.searchsorted(self.exch_ts_ns, [start, end]))
        if first >= last:
            raise TapeError(
                f"{self.meta.source}: no event from {_bound(ns=start_ns)} to {_bound(ns=end_ns)}; "
                f"allowed a window within {iso_utc_ns(self.start_ns)} to {iso_utc_ns(self.end_ns)}"
            )
        head = self._book_rows(before=first, at_ns=start)
        cut = {
            name: np.concatenate([head[name], getattr(self, name)[first:last]]) for name, _ in EVENT_COLUMNS
        }
        paid = slice(*(int(i) for i in np.searchsorted(self.funding_ts_ns, [start, end])))
        cut |= {name: np.ascontiguousarray(getattr(self, name)[paid]) for name, _ in FUNDING_COLUMNS}
        digest = hashlib.sha256(f"{self.meta.digest} {start} {end}".encode()).hexdigest()
        meta = TapeMeta(
            source=self.meta.source,
            format=self.meta.format,
            digest=digest,
            faults=self.meta.faults,
            measures=self.meta.measures,
        )
        return type(self)(instrument=self.instrument, meta=meta, **cut)

    def _book_rows(self, *, before: int, at_ns: int) -> dict[str, NDArray[Any]]:
        """Return the rows that rebuild the book as it stood before row ``before``."""
        side, price, qty, trusted = book_at(tape=self, before=before)
        count = len(side) + 1 if before else 0
        rows: dict[str, NDArray[Any]] = {name: np.zeros(count, dtype) for name, dtype in EVENT_COLUMNS}
        rows["exch_ts_ns"][:] = at_ns
        rows["recv_ts_ns"][:] = at_ns
        if count:
            rows["kind"][0] = CLEAR if trusted else GAP
            rows["kind"][1:] = DEPTH
            rows["side"][1:] = side
            rows["price_ticks"][1:] = price
            rows["qty_lots"][1:] = qty
        return rows


def book_at(*, tape: Tape, before: int) -> tuple[NDArray[np.int8], Ints, Ints, bool]:
    """Return (side, price_ticks, qty_lots, trusted) of the levels held before row ``before``.

    Bids come first from the best down, then asks from the best up; a book broken by a GAP has no level and is
    not trusted.
    """
    kind = tape.kind[:before]
    side = tape.side[:before]
    clears = np.flatnonzero((kind == CLEAR) & (side == 0))
    gaps = np.flatnonzero(kind == GAP)
    since = int(clears[-1]) if len(clears) else 0
    if len(gaps) and gaps[-1] > (clears[-1] if len(clears) else -1):
        return np.zeros(0, np.int8), np.zeros(0, np.int64), np.zeros(0, np.int64), False
    sides, prices, qtys = [], [], []
    for sign in (1, -1):
        own = np.flatnonzero((kind[since:] == CLEAR) & (side[since:] == sign))
        begin = since + int(own[-1]) if len(own) else since
        rows = begin + np.flatnonzero((kind[begin:] == DEPTH) & (side[begin:] == sign))
        price, qty = _last_per_price(price=tape.price_ticks[rows], qty=tape.qty_lots[rows])
        order = slice(None, None, -1) if sign > 0 else slice(None)
        sides.append(np.full(len(price), sign, np.int8))
        prices.append(price[order])
        qtys.append(qty[order])
    return np.concatenate(sides), np.concatenate(prices), np.concatenate(qtys), True


def content_digest(*, instrument: Instrument, columns: Mapping[str, NDArray[Any]]) -> str:
    """Return the sha256 of instrument, schema and every column's bytes."""
    total = hashlib.sha256(json.dumps([SCHEMA_HASH, instrument.as_dict()], sort_keys=True).encode())
    for name, _ in EVENT_COLUMNS + FUNDING_COLUMNS:
        total.update(f"{name} {len(columns[name])}".encode())
        total.update(np.ascontiguousarray(columns[name]).data)
    return total.hexdigest()


def is_exact(tape: Tape) -> bool:
    """Tell whether a whole tape's values are those that its digest names."""
    return content_digest(instrument=tape.instrument, columns=tape.columns()) == tape.meta.digest


def pieces(count: int, *, start: int = 0) -> Iterator[slice]:
    """Give the rows from ``start`` to ``count`` in pieces, so that what is computed of them stays small."""
    for first in range(start, count, PIECE):
        yield slice(first, min(first + PIECE, count))


def _bound(*, ns: int | None) -> str:
    return "its bound" if ns is None else iso_utc_ns(ns)


def parse_utc(*, value: int | str | None) -> int | None:
    """Return UTC ns of an ISO text such as ``2024-07-24T03:00`` (or of ns); raises TapeError for another
    text.
    """
    if value is None or isinstance(value, int):
        return value
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise TapeError(
            f"time {value!r} is not understood; allowed UTC such as 2024-07-24T03:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return ((moment - EPOCH) // timedelta(microseconds=1)) * 1000


def _last_per_price(*, price: Ints, qty: Ints) -> tuple[Ints, Ints]:
    """Return the prices, ascending, whose last quantity is positive, with that quantity."""
    if len(price) == 0:
        return price, qty
    low, high = int(price.min()), int(price.max())
    if high - low < DENSE_LIMIT:
        held = np.zeros(high - low + 1, np.int64)
        held[price - low] = qty  # numpy keeps the last value of a repeated index
        left = np.flatnonzero(held)
        return left + low, held[left]
    prices, last = np.unique(price[::-1], return_index=True)
    quantities = qty[::-1][last]
    return prices[quantities > 0], quantities[quantities > 0]


def _column(*, values: Any, dtype: str, name: str, source: str) -> NDArray[Any]:
    raw = np.asarray(values)
    if raw.ndim != 1:
        raise TapeError(f"{source}: column {name} has {raw.ndim} dimensions; allowed 1")
    if raw.size and np.dtype(dtype).kind != "f" and raw.dtype.kind not in "iu":
        raise TapeError(f"{source}: column {name} is {raw.dtype}; allowed integers")
    if raw.size and raw.dtype.itemsize > np.dtype(dtype).itemsize and np.dtype(dtype).itemsize == 1:
        bounds = np.iinfo(dtype)
        if raw.min() < bounds.min or raw.max() > bounds.max:
            raise TapeError(f"{source}: column {name} is outside {bounds.min} to {bounds.max}")
    return np.ascontiguousarray(raw, dtype=dtype)


def _check_lengths(*, columns: Mapping[str, NDArray[Any]], source: str) -> None:
    for group in (EVENT_COLUMNS, FUNDING_COLUMNS):
        for name, _ in group:
            wanted, length = len(columns[group[0][0]]), len(columns[name])
            if length != wanted:
                raise TapeError(
                    f"{source}: column {name} has {length} rows; allowed {wanted}, as {group[0][0]} has"
                )


def _check_rows(*, columns: Mapping[str, NDArray[Any]], source: str) -> None:
    for rows in pieces(len(columns["kind"])):
        first = max(0, rows.start - 1)  # with the row before, whose time must not be later
        _check_events(
            {name: columns[name][first : rows.stop] for name, _ in EVENT_COLUMNS}, first=first, source=source
        )
    rates, marks = columns["funding_rate"], columns["funding_mark"]
    _refuse("funding_rate", rates, ~np.isfinite(rates), "finite fractions", source=source)
    _refuse("funding_mark", marks, ~(marks > 0), "prices above 0", source=source)
    if (np.diff(columns["funding_ts_ns"]) <= 0).any():
        raise TapeError(f"{source}: funding_ts_ns does not rise; allowed one row a funding time, in order")


def _check_events(columns: Mapping[str, NDArray[Any]], *, first: int, source: str) -> None:
    kind, side, times = columns["kind"], columns["side"], columns["exch_ts_ns"]
    priced = (kind == DEPTH) | (kind == TRADE)
    tests = (
        ("exch_ts_ns", np.diff(times, prepend=times[:1]) < 0, "times that never fall"),
        ("kind", (kind < DEPTH) | (kind > GAP), "1 depth, 2 trade, 3 clear, 4 gap"),
        ("side", np.abs(side) > 1, "-1, 0, 1"),
        ("side", priced & (side == 0), "1 or -1 on depth and trade rows"),
        ("price_ticks", priced & (columns["price_ticks"] <= 0), "at least 1 tick on depth and trade rows"),
        ("qty_lots", columns["qty_lots"] < (kind == TRADE), "at least 0 lots, and 1 for a trade"),
    )
    for name, wrong, allowed in tests:
        _refuse(name, columns[name], wrong, allowed, first=first, source=source)


def _refuse(
    name: str, column: NDArray[Any], wrong: NDArray[np.bool_], allowed: str, *, source: str, first: int = 0
) -> None:
    """Refuse the first row of a column that is wrong."""
    if wrong.any():
        row = int(np.argmax(wrong))
        raise TapeError(f"{source}: row {first + row}: {name} is {column[row]}; allowed {allowed}")
