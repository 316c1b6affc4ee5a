"""The importers on recorded markets: nothing is lost, and the stylised facts come out as they were measured.

The figures in the table were measured by another reader than this project's, the NEXOUSDT ones on a longer
window.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.market.describe import describe
from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, TRADE
from framework.market.gaps import find_gaps
from framework.market.importers.table import import_tape
from framework.market.store import open_tape, write_tape
from framework.market.tape import Tape
from framework.units import MS
from tests.market.replay import final_book
from tests.realdata import realdata

pytestmark = pytest.mark.realdata

SESSIONS: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "NEXOUSDT spot": (
        ("jf_spot_nexousdt_20240723.dat.gz", "jf_spot_nexousdt_20240724.dat.gz"),
        {
            "instrument": ("NEXOUSDT", "spot", "0.001", "0.01"),
            "trades": 12_458,
            "facts": {
                "tick_bps": (8.0, 8.4), "spread_1_share": (0.76, 0.84), "spread_2_share": (0.16, 0.24),
                "bbo_per_s": (0.36, 0.44), "bbo_moving_mid": (0.15, 0.19), "trades_per_min": (8.3, 10.1),
                "orders_per_min": (4.0, 5.0), "clearing_share": (0.20, 0.28), "sd_1s_bps": (1.1, 1.5),
            },
        },
    ),
    "BTCUSDT perpetual 2023": (
        ("hftbt_usdm_btcusdt_20230404.dat.gz", "hftbt_usdm_btcusdt_20230405.dat.gz"),
        {
            "instrument": ("BTCUSDT", "linear", "0.1", "0.001"),
            "trades": 12_928,
            "facts": {
                "tick_bps": (0.03, 0.04), "spread_1_share": (0.99, 1.0), "bbo_per_s": (80, 200),
                "trades_per_min": (1_300, 3_800), "depth_messages_per_s": (18, 33), "clearing_share": (0.1,
                0.16),
            },
        },
    ),
    "BTCUSDT perpetual 2024": (
        ("hftbt_usdm_btcusdt_20240718.gz", "hftbt_usdm_btcusdt_20240719.gz"),
        {
            "instrument": ("BTCUSDT", "linear", "0.1", "0.001"),
            "trades": 10_701,
            "facts": {
                "tick_bps": (0.015, 0.017), "spread_1_share": (0.99, 1.0), "bbo_per_s": (80, 200),
                "trades_per_min": (1_300, 3_800), "bbo_moving_mid": (0.012, 0.032), "clearing_share": (0.1,
                0.16),
            },
        },
    ),
    "ETHUSDT perpetual 2024": (
        ("hftbt_usdm_ethusdt_20240718.gz", "hftbt_usdm_ethusdt_20240719.gz"),
        {
            "instrument": ("ETHUSDT", "linear", "0.01", "0.001"),
            "trades": 13_654,
            "facts": {
                "tick_bps": (0.028, 0.031), "spread_1_share": (0.99, 1.0), "bbo_per_s": (80, 200),
                "trades_per_min": (1_300, 3_800), "bbo_moving_mid": (0.012, 0.032), "clearing_share": (0.1,
                0.16),
            },
        },
    ),
}  # fmt: skip
READ: dict[str, Tape] = {}


def session(name: str) -> Tape:
    if name not in READ:
        READ[name] = import_tape(paths=[realdata("tapes", file) for file in SESSIONS[name][0]])
    return READ[name]


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_has_no_gap_no_crossed_book_and_the_measured_facts(name: str) -> None:
    tape, expected = session(name), SESSIONS[name][1]
    faults = {fault: count for fault, count in tape.meta.faults.items() if count}
    assert set(faults) == {"negative_feed_latency"}  # every one of these recorders' clocks ran behind
    assert find_gaps(tape=tape) == []
    told = tape.instrument
    assert (told.symbol, told.kind, told.tick_size, told.lot_size) == expected["instrument"]
    assert (tape.kind == TRADE).sum() == expected["trades"]
    assert tape.kind[0] == CLEAR
    assert (tape.kind == CLEAR).sum() == 1
    facts = describe(tape=tape)["statistics"]
    for fact, (low, high) in expected["facts"].items():
        assert low <= facts[fact] <= high, (fact, facts[fact])


@pytest.mark.parametrize("name", SESSIONS)
def test_within_one_millisecond_trades_come_before_the_book(name: str) -> None:
    tape = session(name)
    together = tape.exch_ts_ns[1:] // MS == tape.exch_ts_ns[:-1] // MS
    assert not (together & (tape.kind[:-1] == DEPTH) & (tape.kind[1:] == TRADE)).any()


@pytest.mark.parametrize("name", [name for name in SESSIONS if "perpetual" in name])
def test_a_trade_almost_never_finds_a_book_that_already_knows_of_it(name: str) -> None:
    tape = session(name)
    best = {1: 0, -1: 0}
    sides: dict[int, set[int]] = {1: set(), -1: set()}
    ahead = trades = last = 0
    names = ("exch_ts_ns", "kind", "side", "price_ticks", "qty_lots")
    rows = zip(*(getattr(tape, name).tolist() for name in names), strict=True)
    for ts, kind, side, price, qty in rows:
        if kind == DEPTH:
            (sides[side].add if qty else sides[side].discard)(price)
            if not qty and price == best[side]:
                best[side] = max(sides[1], default=0) if side == 1 else min(sides[-1], default=0)
            elif qty and (best[side] == 0 or side * price > side * best[side]):
                best[side] = price
        elif kind == TRADE and ts != last:
            trades, last = trades + 1, ts
            ahead += side * (price - best[-side]) < 0
    assert ahead <= 0.002 * trades


def test_funding_is_read_from_the_mark_prices_around_midnight() -> None:
    tape = session("BTCUSDT perpetual 2023")
    assert tape.funding_ts_ns.tolist() == [1_680_652_800 * 10**9]
    assert tape.funding_rate.tolist() == [0.00002754]
    assert 28_000 < tape.funding_mark[0] < 28_300


def test_the_event_and_the_calm_window_hold_the_known_numbers_of_trades() -> None:
    tape = session("NEXOUSDT spot")
    midnight = int(np.datetime64("2024-07-24T00:00", "ns").astype(np.int64))
    hour = 3_600 * 10**9
    for begin, trades in ((0, 2_255), (9, 1_219)):
        window = tape.window(start_ns=midnight + begin * hour, end_ns=midnight + (begin + 3) * hour)
        assert (window.kind == TRADE).sum() == trades


def test_the_second_file_alone_has_no_snapshot_and_is_refused() -> None:
    for file in ("jf_spot_nexousdt_20240724.dat.gz", "hftbt_usdm_btcusdt_20240719.gz"):
        with pytest.raises(TapeError, match="no order book snapshot joins"):
            import_tape(paths=[realdata("tapes", file)])


def test_a_real_tape_survives_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tape = session("NEXOUSDT spot")
    write_tape(tape=tape, root=tmp_path / "nexo")
    opened = open_tape(tmp_path / "nexo")
    assert opened.meta == tape.meta
    for name, column in tape.columns().items():
        assert np.array_equal(getattr(opened, name), column)


@pytest.mark.parametrize(
    ("files", "tick", "trades"),
    [
        (("binancefut_btcusdt_20200222_tardis_trades.csv.gz",), "0.01", 9_999),
        (
            (
                "binancefut_btcusdt_20200222_tardis_quotes.csv.gz",
                "binancefut_btcusdt_20200222_tardis_trades.csv.gz",
            ),
            "0.01",
            9_999,
        ),
    ],
)
def test_tardis_samples_are_read_without_a_fault(files: tuple[str, ...], tick: str, trades: int) -> None:
    tape = import_tape(paths=[realdata("tapes", file) for file in files])
    assert not any(tape.meta.faults.values())
    assert tape.instrument.tick_size == tick
    assert (tape.kind == TRADE).sum() == trades


def test_the_bybit_archive_is_read_without_a_fault() -> None:
    tape = import_tape(paths=[realdata("bybit_v5", "bybit_linear_xrpusdt_20241201_ob500.data.zip")])
    assert not any(tape.meta.faults.values())
    assert (tape.instrument.tick_size, tape.instrument.lot_size) == ("0.0001", "1")
    assert (tape.kind == CLEAR).sum() == 1
    assert 4.7 < (tape.end_ns - tape.start_ns) / 1e9 < 5.0
    assert tape.meta.measures["book_levels"] == 500
    assert "kind_assumed" not in tape.meta.measures
    sides = [side for side, _ in final_book(tape)]
    assert (sides.count(1), sides.count(-1)) == (500, 500)  # the exchange deletes what leaves the depth
