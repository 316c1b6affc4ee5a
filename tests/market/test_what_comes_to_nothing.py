"""Numbers that are none, prices of nothing, columns of another type, files that add nothing: all said."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.market.errors import TapeError
from framework.market.events import DEPTH, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.notes import notes
from framework.market.importers.table import import_tape
from tests.market.recordings import START_MS
from tests.market.test_door import L2, TRADES
from tests.market.test_several_files import DAY_US, START_US, lines, write

LADDER = (
    "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,"
)
LADDER += "asks[1].price,asks[1].amount,bids[1].price,bids[1].amount"
pyarrow = pytest.importorskip("pyarrow")


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def ladder(rows: int = 60) -> dict[str, Any]:
    begin = START_MS * 10**6
    told: dict[str, Any] = {
        "timestamp": [begin + k * 10**8 for k in range(rows)],
        "receipt_timestamp": [begin + k * 10**8 + 10**6 for k in range(rows)],
    }
    for side, sign in (("bid", -1), ("ask", 1)):
        for level in range(3):
            told[f"{side}_{level}_price"] = [100.0 + sign * (1 + level)] * rows
            told[f"{side}_{level}_size"] = [1.0 + (k * (3 + level)) % 7 for k in range(rows)]
    return told


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("bid_0_price", float("nan")),
        ("bid_0_price", -99.0),
        ("ask_1_price", None),
        ("ask_0_price", 0.0),
        ("ask_0_size", -1.0),
        ("bid_2_size", float("inf")),
    ],
)
def test_a_ladder_without_numbers_is_dropped_and_counted(tmp_path: Path, column: str, value: Any) -> None:
    told = ladder()
    for row in range(20, 30):
        told[column][row] = value
    tape = import_tape(paths=[parquet(tmp_path / "BYBIT-l2_book-BTC-USDT-1.parquet", told)])
    assert tape.meta.faults["corrupt_lines"] == 10
    for row in range(10, 50):
        told[column][row] = value
    with pytest.raises(TapeError, match="40 of 60 lines are not understood"):
        import_tape(paths=[parquet(tmp_path / "BYBIT-l2_book-BTC-USDT-2.parquet", told)])


def test_a_ladder_with_fewer_levels_than_it_has_room_for_is_sound(tmp_path: Path) -> None:
    told = ladder()
    for name in ("bid_2_price", "bid_2_size", "bid_1_price", "bid_1_size"):
        told[name] = [float("nan") if k % 3 else None for k in range(60)]
    tape = import_tape(paths=[parquet(tmp_path / "BYBIT-l2_book-BTC-USDT-1.parquet", told)])
    assert tape.meta.faults["corrupt_lines"] == 0
    assert set(tape.price_ticks[(tape.kind == DEPTH) & (tape.side == 1)]) == {99}


@pytest.mark.parametrize("levels", ["101,2,,3,102,2,98,2", "101,2,0,3,102,2,98,2", "101,2,,,102,2,98,2"])
def test_a_tardis_snapshot_with_a_hole_is_dropped_and_counted(tmp_path: Path, levels: str) -> None:
    rows = [f"binance,ABCUSDT,{START_US + k},{START_US + k},101,{k},99,{k},102,2,98,2" for k in range(1, 9)]
    rows[4] = f"binance,ABCUSDT,{START_US + 5},{START_US + 5},{levels}"
    tape = import_tape(paths=[write(tmp_path / "s.csv", LADDER, rows)])
    assert tape.meta.measures["dropped_level"] == 1


def test_a_quote_of_an_amount_without_a_price_is_dropped_and_counted(tmp_path: Path) -> None:
    header = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
    rows = [f"binance,ABCUSDT,{START_US + k},{START_US + k},{k},101,99,{k}" for k in range(1, 9)]
    rows[4] = rows[4].replace(",101,", ",,")
    rows[5] = f"binance,ABCUSDT,{START_US + 6},{START_US + 6},,,99,2"  # nobody sells: sound
    tape = import_tape(paths=[write(tmp_path / "q.csv", header, rows)])
    assert tape.meta.measures["dropped_level"] == 1
    assert tape.meta.faults["corrupt_lines"] == 1


def hft(folder: Path, change: tuple[str, float]) -> Path:
    from framework.market.importers.hftbacktest import EVENT

    rows = np.zeros(40, EVENT)
    rows["exch_ts"] = rows["local_ts"] = START_MS * 10**6 + np.arange(40) * 10**8
    side = np.arange(40) % 2
    rows["ev"] = (1 << 31) | np.where(side == 0, 1 << 29, 1 << 28) | 1
    rows["px"], rows["qty"] = np.where(side == 0, 99.0, 101.0), 1 + np.arange(40) % 7
    rows[change[0]][7] = change[1]
    np.save(folder / "h.npy", rows)
    return folder / "h.npy"


@pytest.mark.parametrize("change", [("px", np.nan), ("px", -1.0), ("qty", np.inf), ("px", 0.0)])
def test_an_hftbacktest_row_without_a_number_is_dropped_and_counted(
    tmp_path: Path, change: tuple[str, float]
) -> None:
    tape = import_tape(paths=[hft(tmp_path, change)], flags=InstrumentFlags(symbol="ABCUSDT"))
    assert tape.meta.faults["corrupt_lines"] == 1


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_trade_and_a_level_at_a_price_of_nothing_go_alone(tmp_path: Path, side: str) -> None:
    book, trades = lines(1, START_US)
    row = next(row for row in range(300, 320) if f",{side}," in book[row])
    whole = import_tape(
        paths=[write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, trades)]
    )
    book[row] = re.sub(rf"{side},\d+", f"{side},0", book[row])
    trades[40] = trades[40].replace(",buy,1001,", ",buy,0,")
    tape = import_tape(paths=[write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, trades)])
    assert tape.meta.measures["dropped_price"] == tape.meta.faults["corrupt_lines"] == 2
    assert (tape.kind == TRADE).sum() == (whole.kind == TRADE).sum() - 1
    assert tape.price_ticks[tape.kind == DEPTH].min() > 0


def test_most_trades_at_a_price_of_nothing_are_refused_by_file_and_line(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)
    paths = [write(tmp_path / "b.csv", L2, book)]
    paths.append(write(tmp_path / "t.csv", TRADES, [row.replace(",buy,1001,", ",buy,0,") for row in trades]))
    with pytest.raises(
        TapeError, match=r"t\.csv:2: 119 of 119 lines are not understood, the first by its price"
    ):
        import_tape(paths=paths)


def test_a_book_of_one_day_and_trades_of_the_day_before_are_refused(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)[0], lines(1, START_US - DAY_US)[1]
    with pytest.raises(TapeError, match=r"119 of 119 trades come to nothing \(119 before the book begins\)"):
        import_tape(paths=[write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, trades)])


def test_trades_of_the_day_before_beside_those_of_the_day_are_refused_by_their_file(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)
    early = write(tmp_path / "early.csv", TRADES, lines(0, START_US - DAY_US)[1][:50])
    paths = [write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, trades), early]
    with pytest.raises(TapeError, match=r"early\.csv: 50 of its 50 rows come to nothing"):
        import_tape(paths=paths)


def test_a_few_trades_before_the_book_and_a_book_that_ends_early_are_said(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)
    before = lines(0, START_US - DAY_US)[1][:3]
    after = lines(3, START_US + DAY_US)[1][:5]
    paths = [write(tmp_path / "b.csv", L2, book)]
    paths.append(write(tmp_path / "t.csv", TRADES, [*before, *trades, *after]))
    tape = import_tape(paths=paths)
    told = notes(measures=tape.meta.measures, has_book=True)
    assert "dropped: 3 events from before the book begins are left out" in told
    assert any(line.startswith("book: 5 trades come more than 300 s after") for line in told)


def trade_columns() -> dict[str, Any]:
    seconds = [START_MS / 1000 + k for k in range(60)]
    return {
        "timestamp": seconds,
        "receipt_timestamp": seconds,
        "side": ["buy"] * 60,
        "id": [str(k) for k in range(60)],
        "amount": [0.5] * 60,
        "price": [60000.1] * 60,
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("timestamp", "2024-10-01T00:00:00Z"),
        ("receipt_timestamp", True),
        ("timestamp", dt.date(2024, 10, 1)),
        ("side", 1),
        ("side", True),
        ("price", [60000.1]),
        ("amount", {"a": 1}),
        ("amount", True),
    ],
)
def test_a_parquet_column_of_another_type_is_refused_on_one_line(
    tmp_path: Path, column: str, value: Any
) -> None:
    told = trade_columns() | {column: [value] * 60}
    with pytest.raises(
        TapeError, match=rf"^BYBIT-trades-BTC-USDT-1\.parquet: column {column} is of .*; allowed"
    ):
        import_tape(paths=[parquet(tmp_path / "BYBIT-trades-BTC-USDT-1.parquet", told)])


def test_parquet_columns_of_other_sound_types_are_read(tmp_path: Path) -> None:
    told = trade_columns()
    plain = import_tape(paths=[parquet(tmp_path / "BYBIT-trades-BTC-USDT-1.parquet", told)])
    told["side"] = pyarrow.array(told["side"], pyarrow.large_string())
    told["price"] = pyarrow.array(["60000.1"] * 60).dictionary_encode()
    told["id"] = list(range(60))
    other = import_tape(paths=[parquet(tmp_path / "BYBIT-trades-BTC-USDT-2.parquet", told)])
    assert other.meta.digest == plain.meta.digest


def test_hftbacktest_columns_of_another_type_are_refused_on_one_line(tmp_path: Path) -> None:
    from framework.market.importers.hftbacktest import EVENT

    kinds = [(name, "U8" if name == "px" else EVENT[name].str) for name in EVENT.names or ()]
    np.save(tmp_path / "h.npy", np.zeros(4, kinds))
    with pytest.raises(TapeError, match=r"h\.npy: column px is of <U8; allowed hftbacktest's float64"):
        import_tape(paths=[tmp_path / "h.npy"], flags=InstrumentFlags(symbol="ABCUSDT"))
