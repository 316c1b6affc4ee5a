"""Parquet of cryptofeed's recorders becomes tapes, in both layouts of its book."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.market.errors import TapeError
from framework.market.events import CLEAR, GAP, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.table import import_tape, sniff
from framework.units import MS
from tests.market.recordings import BOOK, START_MS, Market
from tests.market.replay import final_book, states

FLAGS = InstrumentFlags(tick_size="0.01", lot_size="0.1")
Row = dict[str, Any]


def flat_rows(levels: list[tuple[int, int, int]], at_ms: int, *, delta: bool) -> list[Row]:
    """Return a message's rows as cryptostore flattens it: bids, then asks."""
    stamp = {"timestamp": at_ms / 1000, "receipt_timestamp": at_ms / 1000 + 0.0005, "delta": delta}
    ordered = sorted(levels, key=lambda level: -level[0])
    return [
        {**stamp, "side": "bid" if side == 1 else "ask", "price": price / 100, "size": qty / 10}
        for side, price, qty in ordered
    ]


def snapshot_levels(book: BOOK) -> list[tuple[int, int, int]]:
    return [(side, price, qty) for (side, price), qty in book.items()]


def wide_row(book: BOOK, at_ms: int, depth: int = 10) -> Row:
    row: Row = {"timestamp": at_ms * MS, "receipt_timestamp": at_ms * MS + 700, "sequence_number": at_ms}
    for name, sign in (("bid", 1), ("ask", -1)):
        prices = sorted((price for side, price in book if side == sign), reverse=sign == 1)
        for at in range(depth):
            there = at < len(prices)
            row[f"{name}_{at}_price"] = prices[at] / 100 if there else float("nan")
            row[f"{name}_{at}_size"] = book[sign, prices[at]] / 10 if there else float("nan")
    return row


def save(path: Path, rows: list[Row], **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows)
    if "side" in table.schema.names:
        at = table.schema.get_field_index("side")
        table = table.set_column(at, "side", table["side"].dictionary_encode())
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=100)
    return path


def trade_rows(count: int, **more: Any) -> list[Row]:
    return [
        {
            "side": "sell" if i % 3 else "buy", "amount": 0.3, "price": 1.0, "id": str(900 + i),
            "timestamp": START_MS / 1000 + i / 50, "receipt_timestamp": START_MS / 1000 + i / 50, **more,
        }
        for i in range(1, count + 1)
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), updates=st.integers(1, 60), every=st.integers(3, 20))
def test_snapshots_and_deltas_of_cryptostore_give_the_true_book(
    tmp_path_factory: pytest.TempPathFactory, seed: int, updates: int, every: int
) -> None:
    market = Market(seed=seed, updates=updates)
    rows = flat_rows(snapshot_levels(market.books[0]), START_MS, delta=False)
    for i in range(1, updates + 1):
        rows += flat_rows(market.diff(i, i), START_MS + i, delta=True)
        if i % every == 0:  # the recorder's own copy, with the times of the delta before it
            rows += flat_rows(snapshot_levels(market.books[i]), START_MS + i, delta=False)
    path = tmp_path_factory.mktemp("c") / f"BINANCE_FUTURES-l2_book-ABC-USDT-PERP-{START_MS // 1000}.parquet"
    tape = import_tape(paths=[save(path, rows)], flags=FLAGS)
    after = {ts // MS: dict(book) for ts, _, (book, _) in states(tape)}
    held: BOOK = {}
    for i in range(updates + 1):
        held = after.get(START_MS + i, held)
        assert held == market.books[i]
    assert (tape.meta.faults["sequence_gaps"], (tape.kind == CLEAR).sum()) == (0, 1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), updates=st.integers(1, 60))
def test_rows_of_whole_snapshots_give_the_true_book(
    tmp_path_factory: pytest.TempPathFactory, seed: int, updates: int
) -> None:
    market = Market(seed=seed, updates=updates)
    rows = [wide_row(market.books[i], START_MS + i) for i in range(updates + 1)]
    folder = tmp_path_factory.mktemp("c") / "book" / "exchange=BINANCE" / "symbol=ABC-USDT"
    tape = import_tape(paths=[save(folder / "1.snappy.parquet", rows)], flags=FLAGS)
    assert final_book(tape) == market.books[updates]
    assert (tape.instrument.symbol, tape.instrument.venue, tape.instrument.kind) == (
        "ABC-USDT",
        "binance",
        "spot",
    )


def test_book_and_trades_of_several_files_are_one_tape(tmp_path: Path) -> None:
    market = Market(seed=2, updates=100)
    rows = flat_rows(snapshot_levels(market.books[0]), START_MS, delta=False)
    for i in range(1, 101):
        rows += flat_rows(market.diff(i, i), START_MS + 20 * i, delta=True)
    cut = next(at for at, row in enumerate(rows) if row["timestamp"] * 1000 > START_MS + 20 * 50 + 10)
    paths = [
        save(tmp_path / "BYBIT-l2_book-ABC-USDT-PERP-1.parquet", rows[:cut]),
        save(tmp_path / "BYBIT-l2_book-ABC-USDT-PERP-2.parquet", rows[cut:]),
        save(tmp_path / "trades.parquet", trade_rows(80, exchange="BYBIT", symbol="ABC-USDT-PERP")),
    ]
    assert sniff(paths=paths) == "cryptofeed"
    tape = import_tape(paths=paths)
    assert final_book(tape) == market.books[100]
    assert (tape.kind == TRADE).sum() == 80
    assert (tape.instrument.kind, tape.instrument.venue) == ("linear", "bybit")
    assert tape.meta.faults["negative_feed_latency"] == 0


def test_a_snapshot_after_a_new_subscription_is_a_break(tmp_path: Path) -> None:
    rows = flat_rows([(1, 99, 5), (-1, 101, 5)], START_MS, delta=False)
    rows += flat_rows([(1, 99, 6)], START_MS + 20, delta=True)
    rows += flat_rows([(1, 98, 5), (-1, 101, 5)], START_MS + 900, delta=False)
    tape = import_tape(paths=[save(tmp_path / "BINANCE-l2_book-ABC-USDT-1.parquet", rows)], flags=FLAGS)
    assert (tape.kind == GAP).sum() == 1
    assert tape.meta.faults["sequence_gaps"] == 1
    assert final_book(tape) == {(1, 98): 5, (-1, 101): 5}


def test_messages_of_one_instant_that_tell_a_level_twice_are_taken_in_their_order(tmp_path: Path) -> None:
    rows = flat_rows([(1, 99, 5), (-1, 101, 5)], START_MS, delta=False)
    for qty in (7, 0, 9, 0, 3):
        rows += flat_rows([(1, 99, qty)], START_MS + 20, delta=True)
    tape = import_tape(paths=[save(tmp_path / "BINANCE-l2_book-ABC-USDT-1.parquet", rows)], flags=FLAGS)
    assert final_book(tape) == {(1, 99): 3, (-1, 101): 5}


def test_rows_without_sound_values_are_dropped_and_counted(tmp_path: Path) -> None:
    rows = flat_rows([(1, 99, 5), (-1, 101, 5)], START_MS, delta=False)
    bads: list[Row] = [{"side": "buy"}, {"price": float("nan")}, {"receipt_timestamp": 0.0}, {}, {}]
    for i, bad in enumerate(bads):
        rows += [{**row, **bad} for row in flat_rows([(1, 90 + i, 5)], START_MS + i, delta=True)]
    tape = import_tape(paths=[save(tmp_path / "BINANCE-l2_book-ABC-USDT-1.parquet", rows)], flags=FLAGS)
    assert tape.meta.faults["corrupt_lines"] == 3
    assert tape.meta.measures["first_corrupt_line"] == 3
    assert final_book(tape) == {(1, 99): 5, (-1, 101): 5, (1, 93): 5, (1, 94): 5}


def test_what_cannot_be_read_is_refused_with_its_reason(tmp_path: Path) -> None:
    book = flat_rows([(1, 99, 5), (-1, 101, 5)], START_MS, delta=False)
    cut = save(tmp_path / "BINANCE-l2_book-CUT-USDT-1.parquet", book)
    cut.write_bytes(cut.read_bytes()[:-30])
    for path, says in (
        (cut, "cut off or damaged"),
        (
            save(tmp_path / "a.parquet", [{**row, "order_id": "7"} for row in book]),
            "an L3 book of single orders",
        ),
        (
            save(tmp_path / "b.parquet", [{"bid": 1.0, "ask": 2.0, "timestamp": 1.0}]),
            "not of cryptofeed's L2 book",
        ),
        (save(tmp_path / "c.parquet", book), "give it with --symbol"),
        (save(tmp_path / "BITMEX-l2_book-BTC-USD-PERP-1.parquet", book), "inverse contract"),
        (save(tmp_path / "GATEIO_FUTURES-l2_book-BTC-USDT-PERP-1.parquet", book), "contract"),
    ):
        with pytest.raises(TapeError, match=says):
            import_tape(paths=[path])
