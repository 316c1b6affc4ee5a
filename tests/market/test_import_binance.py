"""Binance's public archives become tapes: what is told of book and trades comes back tick for tick."""

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.fold import FoldedBook
from framework.market.importers.table import import_tape, sniff
from framework.market.importers.touches import Touches, fold_touches
from framework.units import MS
from tests.market.recordings import START_MS, Market, price_text, qty_text
from tests.market.replay import final_book, states

DAY_MS = 86_400_000
TICKER_HEADER = (
    "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time"
)
TRADES_HEADER = "id,price,qty,quote_qty,time,is_buyer_maker"
AGG_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"


def archive(folder: Path, stem: str, header: str | None, rows: list[str], packing: str = "zip") -> Path:
    text = "".join(f"{row}\n" for row in ([header] if header else []) + rows).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.{packing}"
    if packing == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(f"{stem}.csv", text)
    else:
        path.write_bytes(gzip.compress(text) if packing == "csv.gz" else text)
    return path


def ticker_row(market: Market, ident: int) -> str:
    bid, bid_qty, ask, ask_qty = market.touch(ident)
    at = START_MS + 20 * ident
    return (
        f"{500 + 3 * ident},{price_text(bid)},{qty_text(bid_qty)},{price_text(ask)},{qty_text(ask_qty)},"
        f"{at},{at + 4}"
    )


def trade_row(
    number: int, at: int, *, buyer_is_maker: bool, yes_no: tuple[str, str] = ("true", "false")
) -> str:
    price, qty = 1.0, 0.1 * (1 + number % 5)
    return f"{7000 + number},{price:.2f},{qty:.1f},{price * qty:.4f},{at},{yes_no[not buyer_is_maker]}"


@pytest.mark.parametrize("packing", ["zip", "csv.gz", "csv"])
def test_book_ticker_and_trades_of_the_futures_are_one_tape(tmp_path: Path, packing: str) -> None:
    market = Market(seed=3, updates=200)
    rows = [ticker_row(market, ident) for ident in range(1, 201)]
    trades = [trade_row(i, START_MS + 20 * i, buyer_is_maker=i % 2 == 0) for i in range(2, 100)]
    tape = import_tape(
        paths=[
            archive(tmp_path, "ABCUSDT-bookTicker-2023-11-14", TICKER_HEADER, rows, packing),
            archive(tmp_path, "ABCUSDT-trades-2023-11-14", TRADES_HEADER, trades, packing),
        ]
    )
    bid, bid_qty, ask, ask_qty = market.touch(200)
    assert final_book(tape) == {(1, bid): bid_qty, (-1, ask): ask_qty}
    sides = tape.side[tape.kind == TRADE]
    assert (len(sides), (sides == -1).sum()) == (98, 49)
    assert (tape.instrument.symbol, tape.instrument.venue, tape.instrument.kind) == (
        "ABCUSDT",
        "binance",
        "linear",
    )
    assert tape.meta.measures["one_level_book"] == 1
    assert tape.meta.measures["clock_unit_ns"] == MS
    for row in np.flatnonzero(tape.kind == TRADE):
        same = tape.exch_ts_ns[:row] // MS == tape.exch_ts_ns[row] // MS
        assert not ((tape.kind[:row] == DEPTH) & same).any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), updates=st.integers(1, 60))
def test_every_touch_of_a_generated_book_comes_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, updates: int
) -> None:
    market = Market(seed=seed, updates=updates)
    rows = [ticker_row(market, ident) for ident in range(1, updates + 1)]
    folder = tmp_path_factory.mktemp("archive")
    tape = import_tape(
        paths=[archive(folder, "ABCUSDT-bookTicker-2023-11-14", TICKER_HEADER, rows, "csv")],
        flags=InstrumentFlags(tick_size="0.01", lot_size="0.1"),
    )
    after = {ts // MS: book for ts, _, (book, _) in states(tape)}
    book: dict[tuple[int, int], int] = {}
    for ident in range(1, updates + 1):
        bid, bid_qty, ask, ask_qty = market.touch(ident)
        wanted = {key: qty for key, qty in (((1, bid), bid_qty), ((-1, ask), ask_qty)) if qty}
        book = dict(after.get(START_MS + 20 * ident, book))
        assert book == wanted


@given(st.lists(st.tuples(*(st.integers(0, 4) for _ in range(4))), min_size=1, max_size=40))
def test_touches_at_once_write_the_rows_that_one_at_a_time_write(told: list[tuple[int, ...]]) -> None:
    slow = FoldedBook()
    for bid, bid_lots, ask, ask_lots in told:
        slow.touch(bid=(bid, bid_lots), ask=(ask, ask_lots))
    rows, counts, crossed = fold_touches(touches=Touches(*np.array(told, np.int64).T))
    assert [tuple(row) for row in rows.tolist()] == slow.rows
    assert (int(counts.sum()), crossed) == (len(slow.rows), slow.crossed)


def test_tickers_that_lie_interleaved_are_put_in_the_order_of_their_ids(tmp_path: Path) -> None:
    market = Market(seed=5, updates=100)
    rows = [ticker_row(market, ident) for ident in range(1, 101)]
    mixed = [row for pair in zip(rows[:50], rows[50:], strict=True) for row in pair]
    folders = [tmp_path / name for name in ("sorted", "mixed")]
    tapes = [
        import_tape(paths=[archive(folder, "ABCUSDT-bookTicker-2024-01-15", TICKER_HEADER, told)])
        for folder, told in zip(folders, (rows, [*mixed, mixed[3]]), strict=True)
    ]
    assert tapes[0].meta.digest == tapes[1].meta.digest
    assert tapes[1].meta.faults["out_of_order_updates"] == 49
    assert tapes[1].meta.faults["duplicate_updates"] == 1


def test_spot_trades_without_a_header_in_microseconds_are_known_by_their_shape(tmp_path: Path) -> None:
    rows = [
        trade_row(i, START_MS * 1000 + i * 333, buyer_is_maker=False, yes_no=("True", "False")) + ",True"
        for i in range(40)
    ]
    path = archive(tmp_path, "ABCUSDT-trades-2025-01-02", None, rows)
    assert sniff(paths=[path]) == "binance"
    tape = import_tape(paths=[path])
    assert (tape.instrument.kind, len(tape)) == ("spot", 40)
    assert tape.meta.measures["clock_unit_ns"] == 1000
    assert tape.exch_ts_ns[3] == (START_MS * 1000 + 999) * 1000
    assert tape.meta.measures["one_level_book"] == 0


def test_aggregate_trades_of_several_days_follow_each_other_and_missing_ones_are_counted(
    tmp_path: Path,
) -> None:
    days = []
    for day in range(2):
        rows = [
            f"{100 * day + i},1.0{i % 3},0.{1 + i % 2},{9 * i},{9 * i + 3},{START_MS + day * DAY_MS + i},true"
            for i in range(100)
            if (day, i) != (1, 50)
        ]
        days.append(
            archive(tmp_path, f"ABCUSDT-aggTrades-2023-11-{14 + day}", AGG_HEADER if day else None, rows)
        )
    tape = import_tape(paths=days)
    assert len(tape) == 199
    assert tape.meta.faults["missing_trades"] == 1
    assert set(tape.side.tolist()) == {-1}


def test_rows_that_are_not_understood_are_counted_and_most_of_them_refuse_the_file(tmp_path: Path) -> None:
    good = [trade_row(i, START_MS + i, buyer_is_maker=True) for i in range(6)]
    bad = [
        "7,1.00",
        "8,one,0.1,0.1,1700000000000,true",
        "9,1.00,0.1,0.1,17,true",
        "10,1.00,0.1,0.1,1700000000000,2",
    ]
    tape = import_tape(
        paths=[archive(tmp_path, "ABCUSDT-trades-2023-11-14", TRADES_HEADER, [*good, *bad, good[0]])]
    )
    assert tape.meta.faults["corrupt_lines"] == 4
    assert tape.meta.measures["first_corrupt_line"] == 8
    path = archive(tmp_path, "ABCUSDT-trades-2023-11-15", TRADES_HEADER, [*bad, *bad, *good])
    with pytest.raises(TapeError, match=r"ABCUSDT-trades-2023-11-15.zip:2: 8 of 14 lines are not understood"):
        import_tape(paths=[path])


def test_a_file_cut_off_in_its_pack_or_in_its_last_row_is_refused(tmp_path: Path) -> None:
    rows = [trade_row(i, START_MS + i, buyer_is_maker=True) for i in range(5000)]
    path = archive(tmp_path, "ABCUSDT-trades-2023-11-14", TRADES_HEADER, rows, "csv.gz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(TapeError, match="cut off or damaged"):
        import_tape(paths=[path])
    packed = archive(tmp_path, "ABCUSDT-trades-2023-11-16", TRADES_HEADER, rows)
    whole = packed.read_bytes()
    for damaged in (whole[:-40], whole[:2000] + bytes(200) + whole[2200:]):
        packed.write_bytes(damaged)
        with pytest.raises(TapeError, match="cut off or damaged"):
            import_tape(paths=[packed])
    cut = archive(tmp_path, "ABCUSDT-trades-2023-11-15", TRADES_HEADER, [*rows[:3], "9,1.0"], "csv")
    with pytest.raises(TapeError, match=r":5: the last line is cut off"):
        import_tape(paths=[cut])


def test_what_cannot_be_one_tape_is_refused_with_its_reason(tmp_path: Path) -> None:
    row = trade_row(1, START_MS, buyer_is_maker=True)
    futures = archive(tmp_path, "ABCUSDT-trades-2023-11-14", TRADES_HEADER, [row])
    spot = archive(tmp_path, "ABCUSDT-trades-2023-11-15", None, [f"{row},true"])
    agg = archive(tmp_path, "ABCUSDT-aggTrades-2023-11-14", AGG_HEADER, [f"1,1.0,0.1,1,1,{START_MS},true"])
    other = archive(tmp_path, "XYZUSDT-trades-2023-11-14", TRADES_HEADER, [row])
    coin = archive(
        tmp_path, "ABCUSD_PERP-trades-2023-11-14", TRADES_HEADER, [f"1,9635.0,1,0.0103,{START_MS},true"]
    )
    renamed = archive(tmp_path, "ABCUSDT-bookTicker-2023-11-14", TRADES_HEADER, [row])
    unnamed = archive(tmp_path, "trades", TRADES_HEADER, [row])
    for paths, says in (
        ([futures, spot], "spot and the futures market cannot be one tape"),
        ([futures, agg], "trades and aggTrades tell the same trades"),
        ([futures, other], "files hold ABCUSDT, XYZUSDT; choose one with --symbol"),
        ([coin], "contracts of a coin-margined market"),
        ([renamed], "named bookTicker, but its columns are of trades"),
        ([unnamed], "give it with --symbol"),
    ):
        with pytest.raises(TapeError, match=says):
            import_tape(paths=paths)
    assert import_tape(paths=[unnamed], flags=InstrumentFlags(symbol="ABCUSDT")).kind.tolist() == [TRADE]
    assert CLEAR not in import_tape(paths=[futures]).kind
