"""Collector lines become tapes whose book is the true one, and every injected fault is counted."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.table import import_tape
from framework.market.tape import Tape
from framework.units import MS
from tests.market.recordings import START_MS, BinanceRecording, Market
from tests.market.replay import final_book, states


def record(*, futures: bool = False, clock_offset_ms: int = 0) -> BinanceRecording:
    market = Market(seed=1, updates=200)
    return BinanceRecording(market, futures=futures, clock_offset_ms=clock_offset_ms).write(snapshot_at=7)


def read(recording: BinanceRecording, folder: Path, **flags: str) -> Tape:
    path = recording.save(folder / "market.dat.gz")
    return import_tape(paths=[path], flags=InstrumentFlags(**flags))


@pytest.mark.parametrize("futures", [False, True])
def test_the_book_at_the_end_is_the_true_one_and_no_fault_is_found(tmp_path: Path, futures: bool) -> None:
    recording = record(futures=futures)
    tape = read(recording, tmp_path)
    assert final_book(tape) == recording.market.books[200]
    assert {name: count for name, count in tape.meta.faults.items() if count} == {}
    assert tape.instrument.kind == ("linear" if futures else "spot")
    assert (tape.instrument.tick_size, tape.instrument.lot_size) == ("0.01", "0.1")
    assert tape.kind[0] == CLEAR
    assert (tape.kind == TRADE).sum() == 200 // 7


@settings(max_examples=15)
@given(st.integers(0, 1_000), st.booleans(), st.integers(0, 14))
def test_a_snapshot_after_the_first_diffs_joins_them_by_its_id(
    tmp_path_factory: pytest.TempPathFactory, seed: int, futures: bool, snapshot_at: int
) -> None:
    market = Market(seed=seed, updates=100)
    recording = BinanceRecording(market, futures=futures).write(snapshot_at=snapshot_at)
    tape = read(recording, tmp_path_factory.mktemp("tape"))
    assert final_book(tape) == market.books[100]
    assert tape.meta.measures["diffs_before_book"] == snapshot_at // 5
    assert tape.meta.faults["sequence_gaps"] == 0


@pytest.mark.parametrize("futures", [False, True])
def test_a_missing_diff_is_a_gap_row_and_the_book_stays_dark_without_a_new_snapshot(
    tmp_path: Path, futures: bool
) -> None:
    recording = record(futures=futures)
    at = next(i for i, line in enumerate(recording.lines) if '"U":101' in line)
    del recording.lines[at]
    tape = read(recording, tmp_path)
    assert tape.meta.faults["sequence_gaps"] == 1
    gap = int(np.flatnonzero(tape.kind == GAP)[0])
    assert tape.exch_ts_ns[gap] == recording.time_of(110) * MS
    assert not (tape.kind[gap:] == DEPTH).any()
    assert (tape.kind[gap:] == TRADE).any()


def test_a_snapshot_after_a_gap_restores_the_book(tmp_path: Path) -> None:
    recording = record()
    at = next(i for i, line in enumerate(recording.lines) if '"U":101' in line)
    recording.lines[at] = recording.line(recording.time_of(130), recording.snapshot(122))
    tape = read(recording, tmp_path)
    assert tape.meta.faults["sequence_gaps"] == 1
    assert (tape.kind == GAP).sum() == 1
    assert (tape.kind == CLEAR).sum() == 2
    assert final_book(tape) == recording.market.books[200]


def test_repeated_and_swapped_messages_are_counted_and_change_nothing(tmp_path: Path) -> None:
    recording = record()
    clean = read(recording, tmp_path)
    diffs = [i for i, line in enumerate(recording.lines) if "depthUpdate" in line]
    trades = [i for i, line in enumerate(recording.lines) if '"e":"trade"' in line]
    lines = recording.lines
    lines[diffs[10]], lines[diffs[11]] = lines[diffs[11]], lines[diffs[10]]
    lines[trades[10]], lines[trades[11]] = lines[trades[11]], lines[trades[10]]
    lines += [lines[diffs[20]], lines[trades[12]]]
    tape = read(recording, tmp_path)
    faults = tape.meta.faults
    assert (faults["duplicate_updates"], faults["duplicate_trades"]) == (1, 1)
    assert (faults["out_of_order_updates"], faults["out_of_order_trades"]) == (1, 1)
    assert faults["sequence_gaps"] == 0
    assert faults["clock_faults"] > 0  # the recorder's clock went back with the swapped lines
    trades_only = tape.kind == TRADE
    assert np.array_equal(tape.price_ticks[trades_only], clean.price_ticks[clean.kind == TRADE])
    assert final_book(tape) == final_book(clean)


def test_missing_trades_show_in_their_numbers(tmp_path: Path) -> None:
    recording = record()
    trades = [i for i, line in enumerate(recording.lines) if '"e":"trade"' in line]
    del recording.lines[trades[10]]
    assert read(recording, tmp_path).meta.faults["missing_trades"] == 1


def test_corrupt_lines_are_counted_and_what_they_lost_is_a_gap(tmp_path: Path) -> None:
    recording = record()
    at = next(i for i, line in enumerate(recording.lines) if '"U":101' in line)
    recording.lines[at] = recording.lines[at][:80]
    tape = read(recording, tmp_path)
    assert tape.meta.faults["corrupt_lines"] == 1
    assert tape.meta.faults["sequence_gaps"] == 1
    assert tape.meta.measures["first_corrupt_line"] == at + 1


@pytest.mark.parametrize("offset_ms", [-1_500, 0, 170])
def test_a_recorder_clock_that_is_wrong_is_reported_and_does_not_move_the_tape(
    tmp_path: Path, offset_ms: int
) -> None:
    right, wrong = record(), record(clock_offset_ms=offset_ms)
    tape, reference = read(wrong, tmp_path), read(right, tmp_path)
    assert np.array_equal(tape.exch_ts_ns, reference.exch_ts_ns)
    assert abs(tape.meta.measures["recorder_lag_us_median"] / 1000 - offset_ms) < 2
    assert (tape.meta.faults["negative_feed_latency"] > 0) == (offset_ms < 0)


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000])
def test_the_unit_of_the_local_clock_is_recognised(tmp_path: Path, factor: int) -> None:
    recording = BinanceRecording(Market(seed=1, updates=50), clock_factor=factor).write(snapshot_at=7)
    tape = read(recording, tmp_path)
    assert abs(tape.recv_ts_ns - tape.exch_ts_ns).max() < 1_000 * MS


def test_spot_tickers_without_a_time_stand_at_their_update_within_a_millisecond(tmp_path: Path) -> None:
    recording = record()
    tape = read(recording, tmp_path)
    market = recording.market
    for ts, kind, (levels, _) in states(tape):
        if kind != DEPTH or (ts // MS - START_MS) % 20:
            continue
        at = (ts // MS - START_MS) // 20
        held = max((price for side, price in levels if side == 1), default=0)
        assert held in (market.touch(at)[0], market.touch(at - 1)[0])


def test_within_one_millisecond_trades_come_before_the_book(tmp_path: Path) -> None:
    for futures in (False, True):
        tape = read(record(futures=futures), tmp_path)
        for row in np.flatnonzero(tape.kind == TRADE):
            same = tape.exch_ts_ns[:row] // MS == tape.exch_ts_ns[row] // MS
            assert not (tape.kind[:row][same] != TRADE).any()


def test_two_files_that_continue_each_other_are_one_tape(tmp_path: Path) -> None:
    recording = record()
    whole = read(recording, tmp_path)
    paths = [tmp_path / "a.dat", tmp_path / "b.dat"]
    for path, lines in zip(paths, (recording.lines[:150], recording.lines[150:]), strict=True):
        path.write_text("\n".join(lines) + "\n")
    tape = import_tape(paths=paths)
    assert np.array_equal(tape.price_ticks, whole.price_ticks)
    with pytest.raises(TapeError, match="no order book snapshot joins"):
        import_tape(paths=paths[1:])


def test_mark_prices_become_the_funding_of_the_times_within_the_tape(tmp_path: Path) -> None:
    recording = record(futures=True)
    due = recording.time_of(100)
    told = ((50, "0.0001", "1.5", due), (99, "0.0002", "1.6", due), (100, "9", "9", due * 2))
    for at, rate, mark, next_due in told:
        sent = recording.time_of(at)
        data = {"e": "markPriceUpdate", "E": sent, "s": "ABCUSDT", "p": mark, "r": rate, "T": next_due}
        recording.lines.append(recording.line(sent, {"stream": "abcusdt@markPrice", "data": data}))
    tape = read(recording, tmp_path)
    assert tape.funding_ts_ns.tolist() == [due * MS]
    assert tape.funding_rate.tolist() == [0.0002]
    assert tape.funding_mark.tolist() == [1.6]


def test_a_recording_of_best_quotes_alone_has_a_book_of_one_level_a_side(tmp_path: Path) -> None:
    recording = record()
    recording.lines = [line for line in recording.lines if "bookTicker" in line or '"e":"trade"' in line]
    tape = read(recording, tmp_path)
    bid, bid_qty, ask, ask_qty = recording.market.touch(200)
    wanted = {(1, bid): bid_qty, (-1, ask): ask_qty}
    assert final_book(tape) == {key: qty for key, qty in wanted.items() if qty}


def test_a_price_off_the_given_tick_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"market.dat.gz:\d+: price 0.9\d does not fit; allowed .* of 0.5"):
        read(record(), tmp_path, tick_size="0.5")


def test_of_several_symbols_one_must_be_chosen_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    recording = record()
    other = recording.trade(7)
    other["data"]["s"] = "XYZUSDT"
    recording.lines.append(recording.line(recording.time_of(200), other))
    with pytest.raises(TapeError, match="holds ABCUSDT, XYZUSDT; choose one with --symbol"):
        read(recording, tmp_path)
    assert read(recording, tmp_path, symbol="ABCUSDT").instrument.symbol == "ABCUSDT"
    with pytest.raises(TapeError, match="symbol NOPE is not in the recording; allowed ABCUSDT, XYZUSDT"):
        read(recording, tmp_path, symbol="NOPE")


def test_an_inverse_contract_is_refused(tmp_path: Path) -> None:
    recording = BinanceRecording(Market(seed=1, updates=50), futures=True, symbol="BTCUSD_PERP").write()
    with pytest.raises(TapeError, match="BTCUSD_PERP is an inverse contract"):
        read(recording, tmp_path)


def test_a_file_cut_off_is_refused_packed_or_not(tmp_path: Path) -> None:
    data = record().save(tmp_path / "whole.dat").read_bytes()
    (tmp_path / "cut.dat").write_bytes(data[:-40])
    (tmp_path / "cut.gz").write_bytes(gzip.compress(data)[:-500])
    with pytest.raises(TapeError, match=r"cut.dat:\d+: the last line is cut off"):
        import_tape(paths=[tmp_path / "cut.dat"])
    with pytest.raises(TapeError, match=r"cut.gz: cut off or damaged"):
        import_tape(paths=[tmp_path / "cut.gz"])


@pytest.mark.parametrize("text", ["", "hello\n", json.dumps({"a": 1}), "\x00\x01" * 99, "a,b\n1,2\n"])
def test_a_file_of_another_format_is_refused_on_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "what.dat"
    path.write_text(text)
    for name in ("auto", "collector", "bybit", "tardis", "hftbacktest"):
        with pytest.raises(TapeError) as caught:
            import_tape(paths=[path], format=name, flags=InstrumentFlags(symbol="ABCUSDT"))
        assert "\n" not in str(caught.value)
        assert "what.dat" in str(caught.value)


def test_a_message_with_a_malformed_number_is_lost_and_counted(tmp_path: Path) -> None:
    recording = record()
    for kind in ('"U":101', '"e":"trade"'):
        at = next(i for i, line in enumerate(recording.lines) if kind in line and i > 60)
        recording.lines[at] = recording.lines[at].replace("0000000", "00x0000")
    tape = read(recording, tmp_path)
    faults = tape.meta.faults
    assert (faults["corrupt_lines"], faults["sequence_gaps"], faults["missing_trades"]) == (2, 1, 1)


@pytest.mark.parametrize("futures", [False, True])
@pytest.mark.parametrize("error_s", [-3_000, 3_000])
def test_one_wrong_exchange_time_does_not_drag_the_others_along(
    tmp_path: Path, futures: bool, error_s: int
) -> None:
    recording = record(futures=futures)
    clean = read(recording, tmp_path)
    at = next(i for i, line in enumerate(recording.lines) if '"U":101' in line)
    stamp = recording.time_of(105)
    recording.lines[at] = recording.lines[at].replace(str(stamp), str(stamp + error_s * 1000))
    tape = read(recording, tmp_path)
    assert tape.meta.faults["clock_faults"] > 0
    assert final_book(tape) == final_book(clean)
    assert tape.start_ns == clean.start_ns
    assert tape.end_ns == clean.end_ns
    assert abs(tape.exch_ts_ns - clean.exch_ts_ns).max() < 200 * MS


def test_perpetuals_of_two_symbols_in_one_file_are_refused_since_snapshots_do_not_name_theirs(
    tmp_path: Path,
) -> None:
    recording = record(futures=True)
    other = recording.trade(7)
    other["data"]["s"] = "XYZUSDT"
    recording.lines.append(recording.line(recording.time_of(200), other))
    with pytest.raises(TapeError, match="ABCUSDT, XYZUSDT in one recording, whose snapshots do not say"):
        read(recording, tmp_path, symbol="ABCUSDT")
