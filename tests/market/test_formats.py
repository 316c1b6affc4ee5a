"""One table of formats: readers, help and documentation name the same; what an import says of a tape."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.cli.main import main
from framework.market.errors import TapeError
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.formats import TOLD, rows
from framework.market.importers.table import FORMATS, import_tape
from tests.market.recordings import START_MS

DOCUMENT = Path(__file__).parents[2] / "docs" / "market.md"
SPOT_TRADES = "id,timestamp,price,volume,side,rpi"


def bybit_book(path: Path, depth: int, count: int = 40, symbol: str = "ABCUSDT", price: float = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for u in range(1, count + 1):
        levels = (
            [[f"{price - at:.2f}", "1"] for at in range(1, 4)] if u == 1 else [[f"{price - 1:.2f}", str(u)]]
        )
        asks = [[f"{price + at:.2f}", "1"] for at in range(1, 4)] if u == 1 else []
        data = {"s": symbol, "b": levels, "a": asks, "u": u, "seq": u}
        at = START_MS + 200 * u
        kind = "snapshot" if u == 1 else "delta"
        message = {
            "topic": f"orderbook.{depth}.{symbol}",
            "ts": at + 2,
            "type": kind,
            "data": data,
            "cts": at,
        }
        lines.append(json.dumps(message))
    path.write_text("\n".join(lines) + "\n")
    return path


def spot_trades(path: Path, price: float) -> Path:
    told = [f"{i},{START_MS + 200 * i},{price + i % 2},0.5,buy,0" for i in range(1, 41)]
    path.write_bytes(gzip.compress("\n".join([SPOT_TRADES, *told, ""]).encode()))
    return path


def test_readers_and_documentation_name_the_formats_of_one_table() -> None:
    assert list(FORMATS) == list(TOLD)
    text = DOCUMENT.read_text(encoding="utf-8").splitlines()
    begin = text.index(rows()[0])
    assert text[begin : begin + len(rows())] == rows()


def test_the_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tape", "import", "--help"]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {name} " in told for name in TOLD)


@pytest.mark.parametrize(
    ("folder", "depth", "kind", "assumed"),
    [
        ("spot", 200, "spot", None),
        ("linear", 200, "linear", None),
        ("spot", 1000, "spot", None),
        ("any", 500, "linear", None),
        ("any", 200, "linear", 1),
        ("any", 1000, "linear", 1),
    ],
)
def test_bybit_books_of_any_depth_and_market_are_read(
    tmp_path: Path, folder: str, depth: int, kind: str, assumed: int | None
) -> None:
    path = bybit_book(tmp_path / folder / "ABCUSDT" / f"2023-11-14_ABCUSDT_ob{depth}.data", depth)
    tape = import_tape(paths=[path])
    assert tape.instrument.kind == kind
    assert tape.meta.measures["book_levels"] == depth
    assert tape.meta.measures.get("kind_assumed") == assumed
    assert tape.meta.faults["sequence_gaps"] == 0
    flagged = import_tape(paths=[path], flags=InstrumentFlags(kind="spot"))
    assert flagged.instrument.kind == "spot"
    assert "kind_assumed" not in flagged.meta.measures


def test_spot_trades_tell_the_market_of_the_book_beside_them(tmp_path: Path) -> None:
    book = bybit_book(tmp_path / "2023-11-14_ABCUSDT_ob200.data", 200)
    tape = import_tape(paths=[book, spot_trades(tmp_path / "ABCUSDT_2023-11-14.csv.gz", 99.5)])
    assert tape.instrument.kind == "spot"
    assert "kind_assumed" not in tape.meta.measures
    assert (tape.meta.measures["trades_checked"], tape.meta.measures["trades_outside_book"]) == (40, 0)


def test_trades_of_another_market_than_the_book_are_refused(tmp_path: Path) -> None:
    book = bybit_book(tmp_path / "2023-11-14_ABCUSDT_ob200.data", 200)
    trades = spot_trades(tmp_path / "ABCUSDT_2023-11-14.csv.gz", 130)
    with pytest.raises(TapeError, match=r"40 of 40 trades print outside the book within a second"):
        import_tape(paths=[book, trades])


def test_an_import_says_how_deep_the_book_is_what_was_assumed_and_what_was_dropped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bybit_book(tmp_path / "2023-11-14_ABCUSDT_ob200.data", 200)
    path.write_text(path.read_text() + '{"topic": "orderbook.200.ABCUSDT", "data": {"s": "ABCUSDT"}}\n')
    assert main(["tape", "import", str(path), "--out", str(tmp_path / "tape")]) == 0
    told = capsys.readouterr().out
    assert "book: the best 200 levels a side" in told
    assert "market: assumed linear" in told
    assert "dropped: " in told
    only_trades = spot_trades(tmp_path / "ABCUSDT_2023-11-14.csv.gz", 99.5)
    main(["tape", "import", str(only_trades), "--out", str(tmp_path / "trades")])
    assert "book: none, trades only" in capsys.readouterr().out


def test_where_the_book_is_silent_trades_are_not_held_against_it(tmp_path: Path) -> None:
    book: Any = bybit_book(tmp_path / "2023-11-14_ABCUSDT_ob500.data", 500, count=3)
    far = [f"{START_MS / 1000 + 100 + i},ABCUSDT,Buy,1,{150 + i % 2},PlusTick,id{i}" for i in range(50)]
    trades = tmp_path / "ABCUSDT2023-11-14.csv"
    trades.write_text("\n".join(["timestamp,symbol,side,size,price,tickDirection,trdMatchID", *far, ""]))
    tape = import_tape(paths=[book, trades])
    assert "trades_checked" not in tape.meta.measures
    assert np.count_nonzero(tape.kind == 2) == 50
