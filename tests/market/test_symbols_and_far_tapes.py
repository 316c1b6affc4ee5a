"""One rule for symbols at import and in words; tapes with holes and far levels are told of."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from framework.cli.tape import run
from framework.market.errors import TapeError
from framework.market.facts import LONGEST_NS, MOST_NS, measure
from framework.market.importers.table import import_tape
from framework.market.instrument import split_symbol
from framework.market.made import Made
from framework.market.store import open_tape, write_tape
from framework.market.synthetic import generate
from framework.market.tape import EVENT_COLUMNS, Tape
from framework.settings.schema.market import Symbol
from framework.units import DAY, SECOND
from tests.market.test_door import L2
from tests.market.test_several_files import START_US, lines, write

NAMES = [
    "XBT/USD",
    "PURR/USDC",
    "BTC/USDT:USDT",
    "btcusd",
    "币安人生USDT",
    "@107",
    "1000PEPEUSDT",
    "kPEPE/USDC",
]
BAD = ["", "a b", "BTC|USDT", "BTC\nUSDT", "-BTC", "../x", "B" * 65, "BTC\u202eUSDT", "BTC'USDT"]


@pytest.mark.parametrize("name", NAMES)
def test_a_symbol_is_imported_kept_and_chosen_by_one_name(tmp_path: Path, name: str) -> None:
    book = [row.replace("ABCUSDT", name) for row in lines(1, START_US)[0]]
    tape = import_tape(paths=[write(tmp_path / "b.csv", L2, book)])
    write_tape(tape=tape, root=tmp_path / "root")
    chosen = TypeAdapter(Symbol).validate_python(name)
    assert open_tape(tmp_path / "root", symbol=chosen).instrument.symbol == name


@pytest.mark.parametrize("name", BAD)
def test_a_symbol_that_no_word_can_name_is_refused_at_both_ends(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Symbol).validate_python(name)
    if "\n" in name or not name:
        return
    book = [row.replace("ABCUSDT", name) for row in lines(1, START_US)[0]]
    with pytest.raises(TapeError, match="symbol"):
        import_tape(paths=[write(tmp_path / "b.csv", L2, book)])


def test_small_letters_name_coins_too() -> None:
    assert split_symbol(symbol="btcusd") == ("btc", "usd")
    assert split_symbol(symbol="xbt/usd") == ("xbt", "usd")


def made(hours: float = 0.2) -> Tape:
    return generate(Made(preset="thin_spot", regime="normal", hours=hours, seed=3, symbol="SYNTHUSDT"))


def shifted(tape: Tape, by_ns: int) -> Tape:
    half = len(tape) // 2
    half = int(np.searchsorted(tape.exch_ts_ns, tape.exch_ts_ns[half]))
    times = tape.exch_ts_ns.copy()
    times[half:] += by_ns
    return replace(tape, exch_ts_ns=times)


def test_a_hole_of_years_counts_as_an_hour() -> None:
    tape = made()
    hours = measure(tape=shifted(tape, 5 * 365 * DAY))["hours"]
    assert hours == pytest.approx(measure(tape=tape)["hours"] + LONGEST_NS / 3.6e12, abs=0.01)


def test_what_is_too_long_to_be_sampled_is_said_and_the_rest_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = made(hours=1.0)
    step = 50 * 60 * SECOND
    assert len(tape) * step > MOST_NS
    spread = tape.exch_ts_ns[0] + np.arange(len(tape), dtype=np.int64) * step
    given = tape.columns() | {"exch_ts_ns": spread, "recv_ts_ns": spread}
    long = Tape.from_columns(instrument=tape.instrument, **given)
    write_tape(tape=long, root=tmp_path / "t")
    assert run(["info", str(tmp_path / "t")]) == 0
    told = capsys.readouterr().out
    assert "statistics  none: longer than 200 days; allowed a part" in told
    assert tape.instrument.symbol in told


def test_levels_far_from_the_touch_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = made()
    far = {name: getattr(tape, name)[:3].copy() for name, _ in EVENT_COLUMNS}
    far["kind"][:], far["side"][:] = (3, 1, 1), (0, 1, -1)
    far["price_ticks"][:], far["qty_lots"][:] = (0, 1, 999_999_999), (0, 5, 5)
    far["exch_ts_ns"][:] = tape.start_ns
    columns: dict[str, Any] = {name: np.concatenate([far[name], getattr(tape, name)[1:]]) for name in far}
    wide = Tape.from_columns(instrument=tape.instrument, **columns)
    columns = {name: np.concatenate([far[name][:1], getattr(tape, name)[1:]]) for name in far}
    near = Tape.from_columns(instrument=tape.instrument, **columns)
    facts, same = measure(tape=wide), measure(tape=near)
    assert {name: value for name, value in facts.items() if name != "depth_levels_per_s"} == pytest.approx(
        {name: value for name, value in same.items() if name != "depth_levels_per_s"}, nan_ok=True, rel=0.01
    )
    write_tape(tape=wide, root=tmp_path / "t")
    assert run(["info", str(tmp_path / "t"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["far_rows"] in (1, 2)
    assert told["statistics"]["tick_bps"] > 0
