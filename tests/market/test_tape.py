"""The tape's own rules, and windows that begin with the book as it stood."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.files.moments import iso_utc_ns
from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.instrument import Instrument
from framework.market.tape import FAULTS, Tape, parse_utc
from tests.market.replay import states

INSTRUMENT = Instrument(
    symbol="ABCUSDT", venue="test", kind="linear", tick_size="0.10", lot_size="0.001", min_qty="0.001",
    min_notional="5", base="ABC", quote="USDT", funding_interval_min=480,
)  # fmt: skip
GOOD: dict[str, Any] = {
    "exch_ts_ns": [10, 10, 10, 20, 30],
    "kind": [CLEAR, DEPTH, DEPTH, TRADE, DEPTH],
    "side": [0, 1, -1, 1, -1],
    "price_ticks": [0, 100, 101, 101, 101],
    "qty_lots": [0, 5, 5, 2, 3],
}


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from([DEPTH] * 12 + [TRADE] * 3 + [CLEAR, CLEAR, GAP]),
                st.sampled_from([1, -1]),
                st.integers(95, 105),
                st.integers(0, 3),
                st.booleans(),
            ),
            min_size=1,
            max_size=60,
        )
    )
    times = np.cumsum([step for step, *_ in rows]) + 1_000
    sides = [0 if kind == GAP or (kind == CLEAR and whole) else side for _, kind, side, _, _, whole in rows]
    return Tape.from_columns(
        instrument=INSTRUMENT,
        exch_ts_ns=times,
        kind=[kind for _, kind, *_ in rows],
        side=sides,
        price_ticks=[price for _, _, _, price, _, _ in rows],
        qty_lots=[max(qty, int(kind == TRADE)) for _, kind, _, _, qty, _ in rows],
        funding_ts_ns=[1_010, 1_030],
        funding_rate=[0.0001, -0.0002],
        funding_mark=[10.0, 11.0],
    )


@given(tapes(), st.integers(990, 1_100), st.integers(1, 80))
def test_a_window_replays_like_the_whole_tape_from_that_instant(tape: Tape, start: int, length: int) -> None:
    end = start + length
    expected = [row for row in states(tape) if start <= row[0] < end]
    if not expected:
        with pytest.raises(TapeError, match="no event from"):
            tape.window(start_ns=start, end_ns=end)
        return
    window = tape.window(start_ns=start, end_ns=end)
    assert states(window)[-len(expected) :] == expected
    head = len(window) - len(expected)
    assert (head > 0) == (start > tape.start_ns)
    assert set(window.exch_ts_ns[:head]) <= {start}
    assert list(window.funding_ts_ns) == [at for at in (1_010, 1_030) if start <= at < end]


@given(tapes())
def test_a_tape_survives_pickling_with_the_same_digest(tape: Tape) -> None:
    again = pickle.loads(pickle.dumps(tape))
    assert again.meta == tape.meta
    for name, column in tape.columns().items():
        assert np.array_equal(getattr(again, name), column)


def test_a_window_begins_with_one_clear_then_the_levels_from_the_best_down() -> None:
    window = Tape.from_columns(instrument=INSTRUMENT, **GOOD).window(start_ns=30)
    assert window.kind.tolist() == [CLEAR, DEPTH, DEPTH, DEPTH]
    assert window.price_ticks.tolist() == [0, 100, 101, 101]
    assert window.qty_lots.tolist() == [0, 5, 5, 3]


def test_a_window_inside_a_gap_begins_untrusted() -> None:
    columns: dict[str, Any] = {name: [*values, values[-1]] for name, values in GOOD.items()}
    columns["kind"][3], columns["side"][3] = GAP, 0
    window = Tape.from_columns(instrument=INSTRUMENT, **columns).window(start_ns=25)
    assert window.kind.tolist() == [GAP, DEPTH, DEPTH]


def test_the_whole_span_is_the_tape_itself() -> None:
    tape = Tape.from_columns(instrument=INSTRUMENT, **GOOD)
    assert tape.window() is tape
    assert tape.window(start_ns=0, end_ns=1_000) is tape


def test_every_fault_is_counted_even_when_it_is_zero() -> None:
    tape = Tape.from_columns(instrument=INSTRUMENT, **GOOD, faults={"crossed_books": 2})
    assert set(tape.meta.faults) == set(FAULTS)
    assert tape.meta.faults["crossed_books"] == 2


@pytest.mark.parametrize(
    ("column", "row", "value", "says"),
    [
        ("exch_ts_ns", 4, 5, "row 4: exch_ts_ns is 5"),
        ("kind", 3, 9, "row 3: kind is 9"),
        ("side", 1, 0, "row 1: side is 0"),
        ("side", 0, 2, "row 0: side is 2"),
        ("price_ticks", 1, 0, "row 1: price_ticks is 0"),
        ("qty_lots", 3, 0, "row 3: qty_lots is 0"),
        ("qty_lots", 1, -1, "row 1: qty_lots is -1"),
        ("kind", 3, 300, "column kind is outside 0 to 255"),
        ("price_ticks", 1, 1.5, "column price_ticks is float64; allowed integers"),
    ],
)
def test_a_wrong_row_is_named(column: str, row: int, value: Any, says: str) -> None:
    columns: dict[str, Any] = {name: list(values) for name, values in GOOD.items()}
    columns[column][row] = value
    with pytest.raises(TapeError, match=says):
        Tape.from_columns(instrument=INSTRUMENT, **columns)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(TapeError, match="column side has 4 rows; allowed 5"):
        Tape.from_columns(instrument=INSTRUMENT, **{**GOOD, "side": [0, 1, -1, 1]})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "inverse"}, "kind is inverse; allowed linear or spot"),
        ({"tick_size": "0"}, "tick_size is 0"),
        ({"lot_size": "abc"}, "lot_size is 'abc'"),
        ({"min_notional": "-5"}, "min_notional is '-5'"),
    ],
)
def test_an_instrument_that_cannot_be_is_refused(changes: dict[str, str], says: str) -> None:
    with pytest.raises(TapeError, match=says):
        INSTRUMENT.changed(**changes)


def test_decimals_of_an_instrument_are_kept_in_their_shortest_form() -> None:
    assert INSTRUMENT.tick_size == "0.1"
    assert INSTRUMENT.tick == 0.1
    assert Instrument.from_dict(data=INSTRUMENT.as_dict(), where="x") == INSTRUMENT


def test_times_are_read_as_utc_and_shown_as_utc() -> None:
    assert parse_utc(value="2024-07-24T03:00") == parse_utc(value="2024-07-24T05:00:00+02:00")
    ns = parse_utc(value="2024-07-24T03:00:00.250Z")
    assert ns is not None
    assert iso_utc_ns(ns) == "2024-07-24T03:00:00.250Z"
    with pytest.raises(TapeError, match="time 'noon' is not understood"):
        parse_utc(value="noon")
