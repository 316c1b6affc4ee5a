"""From a recording to a tape: grid, order, one folded book, trades before updates, funding, faults."""

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.limits import SYMBOL
from framework.market.errors import TapeError
from framework.market.events import BUY, CLEAR, GAP, SELL, TRADE
from framework.market.importers import decimals
from framework.market.importers.checks import check_contract, numbers_in_coins, refuse_crossed
from framework.market.importers.crosscheck import check_trades
from framework.market.importers.decimals import Decimals
from framework.market.importers.fold import FoldedBook, Level, Touch
from framework.market.importers.idents import HASHED
from framework.market.importers.ordering import Plan, plan_book
from framework.market.importers.recording import BREAK, CHUNK, DIFF, DROP, SNAPSHOT, TICKER, Recording
from framework.market.importers.strays import falls
from framework.market.importers.times import measure_clock, positive_or, settle, untangled
from framework.market.importers.touches import Touches, fold_touches
from framework.market.importers.wasted import refuse_wasted
from framework.market.instrument import Instrument, split_symbol
from framework.market.tape import Tape
from framework.units import MS

Ints = NDArray[np.int64]
FUNDING_INTERVAL_MIN = 480
ASSUMED_MIN_NOTIONAL = "5"


@dataclass(frozen=True, kw_only=True)
class InstrumentFlags:
    """Hold what the user says of the instrument; None leaves it to the recording."""

    symbol: str | None = None
    venue: str | None = None
    kind: str | None = None
    tick_size: str | None = None
    lot_size: str | None = None
    min_notional: str | None = None
    multiplier: str | None = None


def assemble(*, recording: Recording, flags: InstrumentFlags) -> Tape:
    """Build the tape of a recording; raises TapeError for one without events, off its grid, or inverse."""
    check_contract(recording=recording, kind=flags.kind or recording.kind, multiplier=flags.multiplier)
    if flags.kind:
        recording.measures.pop("kind_assumed", None)
    given = (flags.tick_size is not None, flags.lot_size is not None)
    levels, prints = numbers_in_coins(recording=recording, multiplier=flags.multiplier, given=given)
    instrument = _instrument(recording=recording, flags=flags, levels=levels, prints=prints)
    plan = plan_book(recording=recording)
    book, bids, asks = _fold(recording=recording, plan=plan, levels=levels, instrument=instrument)
    trades = _trades(recording=recording, prints=prints, instrument=instrument)
    measure_clock(recording=recording)
    columns = _merge(recording=recording, book=book, trades=trades)
    refuse_wasted(recording=recording, messages=plan.message, rows=columns)
    columns.pop("place")
    refuse_crossed(recording=recording)
    check_trades(recording=recording, times=plan.exch_ns, bids=bids, asks=asks, trades=trades)
    left = recording.dropped_words()
    if (np.array(recording.messages.op) == DIFF).any() and not (columns["kind"] == CLEAR).any():
        raise TapeError(
            f"{recording.files[0]}: no order book snapshot; give the file that holds it too{left}"
        )
    if not len(columns["kind"]):
        raise TapeError(
            f"{', '.join(recording.files)}: no book update and no trade of {recording.symbol}{left}"
        )
    return Tape.from_columns(
        instrument=instrument,
        source=" ".join(recording.files),
        format=recording.format,
        faults=recording.faults,
        measures=recording.measures,
        **columns,
        **_funding(recording=recording, columns=columns),
    )


def _instrument(
    *, recording: Recording, flags: InstrumentFlags, levels: Decimals, prints: Decimals
) -> Instrument:
    symbol = flags.symbol or recording.symbol
    if not re.fullmatch(SYMBOL, symbol):
        raise TapeError(
            f"{recording.files[0]}: symbol {symbol[:80]!r}; "
            "allowed up to 64 letters, digits and . / : + ~ @ _ -, as in market.symbol"
        )
    kind = flags.kind or recording.kind
    base, quote = split_symbol(symbol=symbol)
    if recording.venue == "upbit":  # KRW-BTC: the quote coin stands first
        base, quote = quote, base
    steps = {}
    for part, what, given in ((0, "price", flags.tick_size), (1, "quantity", flags.lot_size)):
        numbers = decimals.join(
            parts=[Decimals(n.mantissa[part::2], n.places[part::2]) for n in (levels, prints)]
        )
        steps[what] = given or decimals.grid(numbers=numbers, what=what, where=recording.files[0])
        recording.measures[f"{what}_step_inferred"] = int(given is None)
    return Instrument(
        symbol=symbol,
        venue=flags.venue or recording.venue,
        kind=kind,
        tick_size=steps["price"],
        lot_size=steps["quantity"],
        min_qty=steps["quantity"],
        min_notional=flags.min_notional or ASSUMED_MIN_NOTIONAL,
        base=base,
        quote=quote,
        funding_interval_min=FUNDING_INTERVAL_MIN if kind == "linear" else 0,
    )


def _steps(*, numbers: Decimals, instrument: Instrument, place: Callable[[int], str]) -> tuple[Ints, Ints]:
    price = Decimals(numbers.mantissa[0::2], numbers.places[0::2])
    qty = Decimals(numbers.mantissa[1::2], numbers.places[1::2])
    return (
        decimals.count_steps(numbers=price, step=instrument.tick_size, what="price", place=place),
        decimals.count_steps(numbers=qty, step=instrument.lot_size, what="quantity", place=place),
    )


def _fold(
    *, recording: Recording, plan: Plan, levels: Decimals, instrument: Instrument
) -> tuple[dict[str, Ints], Ints, Ints]:
    """Return the book's rows in exchange order, and the best bid and ask after each message."""
    held = recording.messages
    told = Levels(recording=recording, numbers=levels, instrument=instrument)
    whole = not np.isin(held.op, (DIFF, SNAPSHOT)).any()
    if len(plan.act) and (plan.act == TICKER).all() and whole:
        touches = told.touches(plan.message)
        rows, written, crossed = fold_touches(touches=touches)
        recording.count("crossed_books", crossed)
        recording.measures["stale_tickers"] = 0
        columns = _book_columns(recording=recording, plan=plan, rows=rows, written=written)
        return columns, touches.bid, touches.ask
    book, best = FoldedBook(), (array("q"), array("q"))
    written, parts = np.zeros(len(plan.message), np.int64), [np.zeros((0, 4), np.int64)]
    for row, (message, act) in enumerate(zip(plan.message.tolist(), plan.act.tolist(), strict=True)):
        before = len(book.rows)
        _apply(book=book, told=told, message=message, act=act, last_id=held.last_id[message], whole=whole)
        written[row] = len(book.rows) - before
        best[0].append(book.best_bid)
        best[1].append(book.best_ask)
        if len(book.rows) > CHUNK:
            parts.append(np.array(book.rows, np.int64))
            book.rows.clear()
    recording.count("crossed_books", book.crossed)
    recording.measures["stale_tickers"] = book.stale_tickers
    rows = np.concatenate([*parts, np.array(book.rows, np.int64).reshape(-1, 4)])
    columns = _book_columns(recording=recording, plan=plan, rows=rows, written=written)
    return columns, np.array(best[0], np.int64), np.array(best[1], np.int64)


def _book_columns(*, recording: Recording, plan: Plan, rows: Ints, written: Ints) -> dict[str, Ints]:
    held = recording.messages
    kind, side, price, qty = rows.T
    owner = np.repeat(np.arange(len(written)), written)
    message, exch = plan.message[owner], plan.exch_ns[owner]
    return {
        "exch_ts_ns": exch,
        "recv_ts_ns": positive_or(times=np.array(held.recv_ns, np.int64)[message], other=exch),
        "place": np.array(held.place, np.int64)[message],
        "kind": kind,
        "side": side,
        "price_ticks": price,
        "qty_lots": qty,
    }


def _apply(*, book: FoldedBook, told: "Levels", message: int, act: int, last_id: int, whole: bool) -> None:
    """Let the book take one message; ``whole``: the recording has no depth, a ticker is all there is."""
    if act == DIFF:
        if book.trusted:
            book.diff(last_id=last_id, levels=told.of(message))
    elif act == SNAPSHOT:
        book.snapshot(last_id=last_id, levels=told.of(message))
    elif act == BREAK:
        book.break_off()
        book.rows.append((GAP, 0, 0, 0))
    elif act == DROP:
        for side, price, _ in told.of(message):
            book.drop(side=side, upto=price)
    elif whole:
        bid, ask = told.touch(message)
        book.touch(bid=bid, ask=ask)
    elif book.trusted:
        bid, ask = told.touch(message)
        book.ticker(last_id=last_id, bid=bid, ask=ask)


class Levels:
    """Hand out the levels of one message at a time, in ticks and lots."""

    def __init__(self, *, recording: Recording, numbers: Decimals, instrument: Instrument) -> None:
        held = recording.messages
        bids, asks = np.array(held.bids, np.int64), np.array(held.asks, np.int64)
        ends = np.cumsum(bids + asks)
        self._begins = (ends - bids - asks).tolist()
        self._middles = (ends - asks).tolist()
        self._ends = ends.tolist()
        self._price, self._qty = _steps(
            numbers=numbers,
            instrument=instrument,
            place=recording.level_place,
        )

    def of(self, message: int) -> list[Level]:
        """Return (side, price, quantity) of every level, bids first."""
        begin, middle, end = self._begins[message], self._middles[message], self._ends[message]
        sides = [BUY] * (middle - begin) + [SELL] * (end - middle)
        return list(zip(sides, self._price[begin:end].tolist(), self._qty[begin:end].tolist(), strict=True))

    def touch(self, message: int) -> tuple[Touch | None, Touch | None]:
        """Return (price, quantity) of the first bid and the first ask, None for a side not told."""
        begin, middle, end = self._begins[message], self._middles[message], self._ends[message]
        bid = (int(self._price[begin]), int(self._qty[begin])) if middle > begin else None
        ask = (int(self._price[middle]), int(self._qty[middle])) if end > middle else None
        return bid, ask

    def touches(self, messages: Ints) -> Touches:
        """Return the first bid and the first ask of messages, 0 for a side not told."""
        begins, middles, ends = (
            np.array(column, np.int64)[messages] for column in (self._begins, self._middles, self._ends)
        )
        columns = []
        for at, until in ((begins, middles), (middles, ends)):
            for numbers in (self._price, self._qty):
                padded = np.append(numbers, 0)
                columns.append(np.where(until > at, padded[at], 0))
        return Touches(*columns)


def _trades(*, recording: Recording, prints: Decimals, instrument: Instrument) -> dict[str, Ints]:
    """Return the trades' rows in exchange order; counts duplicates, arrivals out of order, missing
    numbers.
    """
    held = recording.trades
    price, qty = _steps(numbers=prints, instrument=instrument, place=recording.print_place)
    exch, ident = np.array(held.exch_ns, np.int64), np.array(held.ident, np.int64)
    keep = np.setdiff1d(np.arange(len(exch)), sorted(held.lost))
    keep = _told_once(recording=recording, ident=ident, keep=keep)
    numbered = not len(keep) or (ident[keep].min() >= 0 and ident[keep].max() < HASHED)
    if len(keep) and numbered and recording.trade_ids_contiguous:
        missing = int(ident[keep].max()) - int(ident[keep].min()) + 1 - len(keep)
        recording.count("missing_trades", max(0, missing - recording.measures.get("off_book_trades", 0)))
    backwards = np.diff(exch[keep]) < 0
    if numbered:
        backwards |= np.diff(ident[keep]) < 0
    recording.count("out_of_order_trades", int(backwards.sum()))
    order = keep[ident[keep].argsort()]
    recv = np.array(held.recv_ns, np.int64)
    if not numbered or falls(times=exch[order]):
        exch[keep] = untangled(recording=recording, times=exch[keep], recv=recv[keep])
        order = keep[np.lexsort((keep, exch[keep]))]
    exch[order] = settle(recording=recording, times=exch[order], recv=recv[order], what="trades")
    recording.measures["empty_trades"] = int((qty[order] == 0).sum())
    order = order[qty[order] > 0]
    return {
        "exch_ts_ns": exch[order],
        "recv_ts_ns": positive_or(times=recv, other=exch)[order],
        "place": np.array(held.place, np.int64)[order],
        "kind": np.full(len(order), TRADE),
        "side": np.array(held.side, np.int64)[order],
        "price_ticks": price[order],
        "qty_lots": qty[order],
    }


def _told_once(*, recording: Recording, ident: Ints, keep: Ints) -> Ints:
    """Return the trades without those whose id was there before; those without an id stay."""
    known = keep[ident[keep] >= 0]
    _, first = np.unique(ident[known], return_index=True)
    recording.count("duplicate_trades", len(known) - len(first))
    return np.sort(np.concatenate([keep[ident[keep] < 0], known[first]]))


def _merge(*, recording: Recording, book: dict[str, Ints], trades: dict[str, Ints]) -> dict[str, Ints]:
    """Put both in one order; what precedes the first book is left out and counted."""
    rows = {name: np.concatenate([trades[name], book[name]]) for name in trades}
    exch = rows["exch_ts_ns"]
    if recording.trades_first:
        is_book = np.arange(len(exch)) >= len(trades["kind"])
        order = np.lexsort((is_book, exch // MS))
    else:
        order = np.lexsort((rows["place"], exch))
    rows = {name: column[order] for name, column in rows.items()}
    rows["exch_ts_ns"] = np.maximum.accumulate(rows["exch_ts_ns"])
    clears = np.flatnonzero(rows["kind"] == CLEAR)
    begin = int(clears[0]) if len(clears) and recording.trades_first else 0
    recording.measures["events_before_book"] = begin
    return {name: column[begin:] for name, column in rows.items()}


def _funding(*, recording: Recording, columns: dict[str, Ints]) -> dict[str, list[float]]:
    """Return one row for each funding time within the tape: the last rate told for it, the last mark before
    it.
    """
    paid: dict[int, tuple[float, float]] = {}
    start, end = int(columns["exch_ts_ns"][0]), int(columns["exch_ts_ns"][-1])
    for exch_ns, due_ns, rate, mark in sorted(recording.marks):
        if start <= due_ns <= end and exch_ns <= due_ns:
            paid[due_ns] = (rate, mark)
    times = sorted(paid)
    return {
        "funding_ts_ns": list(times),
        "funding_rate": [paid[time][0] for time in times],
        "funding_mark": [paid[time][1] for time in times],
    }
