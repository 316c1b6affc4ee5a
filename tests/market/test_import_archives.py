"""Bybit archives, Tardis CSV and hftbacktest tapes become the same kind of tape."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.hftbacktest import EVENT, EXCH, IS_BUY, IS_SELL
from framework.market.importers.table import FORMATS, import_tape, sniff
from framework.market.tape import Tape
from framework.units import MS
from tests.market.recordings import START_MS, BinanceRecording, Market
from tests.market.replay import final_book, states

LOCAL = 1 << 30
TRADE_HEADER = "timestamp,symbol,side,size,price,tickDirection,trdMatchID"
L2_HEADER = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
QUOTES_HEADER = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
TRADES_HEADER = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"


def book_message(kind: str, u: int, at_ms: int, levels: list[tuple[int, int, int]]) -> dict[str, Any]:
    sides = {
        name: [[f"{price / 100:.2f}", str(qty)] for side, price, qty in levels if side == sign]
        for name, sign in (("b", 1), ("a", -1))
    }
    data = {"s": "ABCUSDT", **sides, "u": u, "seq": 10 * u}
    return {"topic": "orderbook.500.ABCUSDT", "type": kind, "ts": at_ms + 3, "data": data, "cts": at_ms}


def bybit_messages(market: Market) -> list[dict[str, Any]]:
    start = [(side, price, qty) for (side, price), qty in market.books[0].items()]
    messages = [book_message("snapshot", 1, START_MS, start)]
    for ident in range(1, market.updates + 1):
        messages.append(book_message("delta", ident + 1, START_MS + 20 * ident, market.diff(ident, ident)))
    return messages


def bybit_book(path: Path, messages: list[dict[str, Any]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("2023-11-14_ABCUSDT_ob500.data", "".join(json.dumps(m) + "\n" for m in messages))
    return path


def bybit_trades(path: Path, rows: list[str]) -> Path:
    path.write_bytes(gzip.compress(("\n".join([TRADE_HEADER, *rows]) + "\n").encode()))
    return path


def test_a_bybit_book_and_its_trades_are_one_tape(tmp_path: Path) -> None:
    market = Market(seed=3, updates=100)
    rows = [
        f"{(START_MS + 20 * i + 0.4) / 1000:.4f},ABCUSDT,Buy,3,1.00,PlusTick,id-{i}" for i in range(1, 51)
    ]
    rows.append(rows[-1])
    book = bybit_book(tmp_path / "ob.zip", bybit_messages(market))
    tape = import_tape(paths=[bybit_trades(tmp_path / "t.csv.gz", rows), book])
    assert final_book(tape) == market.books[100]
    assert (tape.kind == TRADE).sum() == 50
    assert tape.meta.faults["duplicate_trades"] == 1
    assert tape.meta.faults["sequence_gaps"] == 0
    assert tape.instrument.venue == "bybit"
    for row in np.flatnonzero(tape.kind == TRADE)[1:]:
        assert not (
            (tape.kind[:row] == DEPTH) & (tape.exch_ts_ns[:row] // MS == tape.exch_ts_ns[row] // MS)
        ).any()


def test_a_bybit_update_that_is_missing_is_a_gap_until_the_next_snapshot(tmp_path: Path) -> None:
    market = Market(seed=3, updates=100)
    messages = bybit_messages(market)
    later = [(side, price, qty) for (side, price), qty in market.books[60].items()]
    messages[60] = book_message("snapshot", 61, START_MS + 1_200, later)
    del messages[30]
    tape = import_tape(paths=[bybit_book(tmp_path / "ob.zip", messages)])
    assert tape.meta.faults["sequence_gaps"] == 1
    assert ((tape.kind == GAP).sum(), (tape.kind == CLEAR).sum()) == (1, 2)
    dark = [ts for ts, _, (_, trusted) in states(tape) if not trusted]
    assert dark == [(START_MS + 20 * 31) * MS]


def test_a_bybit_inverse_contract_is_refused(tmp_path: Path) -> None:
    rows = ["1700000000.1,BTCUSD,Buy,1,30000,PlusTick,a"]
    with pytest.raises(TapeError, match="BTCUSD is an inverse contract"):
        import_tape(paths=[bybit_trades(tmp_path / "t.csv.gz", rows)])


def test_a_zip_cut_off_is_refused(tmp_path: Path) -> None:
    path = bybit_book(tmp_path / "ob.zip", bybit_messages(Market(seed=3, updates=50)))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(TapeError, match=r"ob.zip: cut off or damaged"):
        import_tape(paths=[path])


def csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_bytes(gzip.compress(("\n".join([header, *rows]) + "\n").encode()))
    return path


def depth_rows(levels: list[tuple[int, int, int]], at_ms: int, snapshot: bool) -> list[str]:
    stamp = f"binance-futures,ABCUSDT,{at_ms * 1000},{at_ms * 1000 + 250}"
    told = "true" if snapshot else "false"
    return [f"{stamp},{told},{'bid' if s == 1 else 'ask'},{p / 100:g},{q / 10:g}" for s, p, q in levels]


def test_tardis_depth_quotes_and_trades_are_one_tape(tmp_path: Path) -> None:
    market = Market(seed=4, updates=100)
    start = [(side, price, qty) for (side, price), qty in market.books[0].items()]
    rows = depth_rows(start, START_MS, True)
    for ident in range(1, 101):
        rows += depth_rows(market.diff(ident, ident), START_MS + 20 * ident, False)
    trades = [
        f"binance-futures,ABCUSDT,{(START_MS + 20 * i) * 1000},{(START_MS + 20 * i) * 1000 + 9},{i},buy,1,0.3"
        for i in range(1, 90)
    ]
    quotes = [f"binance-futures,ABCUSDT,{START_MS * 1000},{START_MS * 1000},1,9,8,1"]
    paths = [
        csv(tmp_path / "l2.csv.gz", L2_HEADER, rows),
        csv(tmp_path / "t.csv.gz", TRADES_HEADER, trades),
        csv(tmp_path / "q.csv.gz", QUOTES_HEADER, quotes),
    ]
    tape = import_tape(paths=paths)
    assert final_book(tape) == market.books[100]
    assert (tape.kind == TRADE).sum() == 89
    assert tape.meta.measures["quote_files_ignored"] == 1
    assert tape.instrument.kind == "linear"


def test_a_tardis_snapshot_in_the_middle_is_a_break(tmp_path: Path) -> None:
    rows = depth_rows([(1, 99, 5), (-1, 101, 5)], START_MS, True)
    rows += depth_rows([(1, 99, 6)], START_MS + 20, False)
    rows += depth_rows([(1, 98, 5), (-1, 101, 5)], START_MS + 900, True)
    tape = import_tape(paths=[csv(tmp_path / "l2.csv.gz", L2_HEADER, rows)])
    assert tape.kind.tolist() == [CLEAR, DEPTH, DEPTH, DEPTH, GAP, CLEAR, DEPTH, DEPTH]
    assert tape.meta.faults["sequence_gaps"] == 1


def test_tardis_quotes_alone_are_a_book_of_one_level_a_side(tmp_path: Path) -> None:
    rows = [
        f"binance-futures,ABCUSDT,{at * 1000},{at * 1000},{1 + i},{10 + i},{8 + i},{2 + i}"
        for i, at in enumerate(range(START_MS, START_MS + 5))
    ]
    tape = import_tape(paths=[csv(tmp_path / "q.csv.gz", QUOTES_HEADER, rows)])
    assert tape.instrument.tick_size == "1"
    assert final_book(tape) == {(1, 12): 6, (-1, 14): 5}


def test_a_tardis_file_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    rows = depth_rows([(1, 99, 5), (-1, 101, 5)], START_MS, False)
    with pytest.raises(TapeError, match="no order book snapshot"):
        import_tape(paths=[csv(tmp_path / "l2.csv.gz", L2_HEADER, rows)])


def test_a_tardis_inverse_venue_is_refused(tmp_path: Path) -> None:
    rows = [f"bitmex,XBTUSD,{START_MS * 1000},{START_MS * 1000},1,buy,30000,1"]
    with pytest.raises(TapeError, match="XBTUSD is an inverse contract"):
        import_tape(paths=[csv(tmp_path / "t.csv.gz", TRADES_HEADER, rows)])


def hftbacktest_rows(rows: list[tuple[int, int, float, float]]) -> np.ndarray[Any, Any]:
    out = np.zeros(len(rows), EVENT)
    for row, (ev, at_ms, price, qty) in zip(out, rows, strict=True):
        row["ev"], row["exch_ts"], row["local_ts"] = ev, at_ms * MS, at_ms * MS + 5
        row["px"], row["qty"] = price, qty
    return out


def test_an_hftbacktest_tape_gives_the_true_book_and_its_trades(tmp_path: Path) -> None:
    market = Market(seed=5, updates=100)
    flags = {1: EXCH | LOCAL | IS_BUY, -1: EXCH | LOCAL | IS_SELL}
    rows = [(4 | flags[s], START_MS, p / 100, q / 10) for (s, p), q in market.books[0].items()]
    for ident in range(1, 101):
        rows += [(1 | flags[s], START_MS + ident, p / 100, q / 10) for s, p, q in market.diff(ident, ident)]
        if ident % 10 == 0:
            rows.append((2 | flags[-1], START_MS + ident, 1.0, 0.7))
    rows.append((1 | LOCAL | IS_BUY, START_MS + 101, 0.5, 9.0))  # the local clock's copy is left out
    path = tmp_path / "a.npz"
    np.savez_compressed(path, data=hftbacktest_rows(rows))
    assert EVENT.itemsize == 64
    tape = import_tape(paths=[path], flags=InstrumentFlags(symbol="ABCUSDT"))
    assert final_book(tape) == market.books[100]
    trades = tape.kind == TRADE
    assert trades.sum() == 10
    assert set(tape.side[trades]) == {-1}
    assert set(tape.qty_lots[trades]) == {7}


def test_an_hftbacktest_clear_deletes_the_levels_from_the_best_to_its_price(tmp_path: Path) -> None:
    buy, sell = EXCH | IS_BUY, EXCH | IS_SELL
    rows = [(1 | buy, START_MS, float(p), 1.0) for p in (7, 8, 9)]
    rows += [(1 | sell, START_MS, float(p), 1.0) for p in (11, 12, 13)]
    rows += [(3 | buy, START_MS + 1, 8.0, 0.0), (3 | sell, START_MS + 1, 12.0, 0.0)]
    path = tmp_path / "a.npy"
    np.save(path, hftbacktest_rows(rows))
    flags = InstrumentFlags(symbol="ABCUSDT")
    assert final_book(import_tape(paths=[path], flags=flags)) == {(1, 7): 1, (-1, 13): 1}
    np.save(path, hftbacktest_rows([*rows, (3 | EXCH, START_MS + 2, float("nan"), 0.0)]))
    assert final_book(import_tape(paths=[path], flags=flags)) == {}


def test_an_hftbacktest_best_quote_row_is_folded_into_the_depth(tmp_path: Path) -> None:
    buy, sell = EXCH | IS_BUY, EXCH | IS_SELL
    rows = [(1 | buy, START_MS, 8.0, 1.0), (1 | buy, START_MS, 9.0, 1.0), (1 | sell, START_MS, 11.0, 1.0)]
    rows += [(5 | buy, START_MS + 1, 8.0, 3.0), (5 | sell, START_MS + 1, 10.0, 2.0)]
    path = tmp_path / "a.npy"
    np.save(path, hftbacktest_rows(rows))
    tape = import_tape(paths=[path], flags=InstrumentFlags(symbol="ABCUSDT"))
    assert final_book(tape) == {(1, 8): 3, (-1, 10): 2, (-1, 11): 1}


def test_an_hftbacktest_tape_needs_a_symbol_and_the_right_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(TapeError, match="hold no symbol"):
        import_tape(paths=[path])
    with pytest.raises(TapeError, match="column ev is missing"):
        import_tape(paths=[path], flags=InstrumentFlags(symbol="ABCUSDT"))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(TapeError, match="cut off or damaged"):
        import_tape(paths=[path], flags=InstrumentFlags(symbol="ABCUSDT"))


def test_the_format_shows_in_the_first_bytes_and_formats_do_not_mix(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.zeros(1, EVENT))
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    files = {
        "collector": BinanceRecording(Market(seed=1, updates=20)).write().save(tmp_path / "c.gz"),
        "bybit": bybit_book(tmp_path / "b.zip", bybit_messages(Market(seed=1, updates=5))),
        "binance": csv(
            tmp_path / "BTCUSDT-trades-2024-01-01.csv", "id,price,qty,quote_qty,time,is_buyer_maker", []
        ),
        "cryptofeed": tmp_path / "p.parquet",
        "tardis": csv(tmp_path / "t.csv.gz", TRADES_HEADER, []),
        "hftbacktest": tmp_path / "a.npz",
    }
    assert set(files) == set(FORMATS)
    for name, path in files.items():
        assert sniff(paths=[path]) == name
    with pytest.raises(TapeError, match="files of different formats"):
        import_tape(paths=list(files.values()))


def test_an_absent_file_an_unknown_format_and_no_file_are_refused(tmp_path: Path) -> None:
    path = BinanceRecording(Market(seed=1, updates=20)).write().save(tmp_path / "c.gz")
    for paths, name, says in (
        ([tmp_path / "no.gz"], "auto", "no such file"),
        (
            [path],
            "csv",
            "--format is csv; allowed auto, collector, bybit, binance, cryptofeed, tardis, hftbacktest",
        ),
        ([], "auto", "no file given"),
    ):
        with pytest.raises(TapeError, match=says):
            import_tape(paths=paths, format=name)


def test_bybit_lines_of_a_collector_are_read_like_the_archive(tmp_path: Path) -> None:
    market = Market(seed=3, updates=60)
    lines = [f"{(m['ts'] + 7) * MS} {json.dumps(m)}" for m in bybit_messages(market)]
    trade = {"T": START_MS + 40, "s": "ABCUSDT", "S": "Sell", "v": "2", "p": "1.00", "i": "x"}
    message = {"topic": "publicTrade.ABCUSDT", "ts": START_MS + 41, "data": [trade, trade]}
    lines.insert(3, f"{(START_MS + 45) * MS} {json.dumps(message)}")
    path = tmp_path / "bybit.dat"
    path.write_text("\n".join(lines) + "\n")
    tape: Tape = import_tape(paths=[path])
    assert final_book(tape) == market.books[60]
    assert (tape.kind == TRADE).sum() == 1
    assert tape.meta.faults["duplicate_trades"] == 1
