"""Gaps have a begin, an end and a length."""

from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.gaps import BOOK, SEQUENCE, SILENCE, TRADES, Gap, find_gaps
from framework.market.tape import Tape
from framework.units import SECOND
from tests.market.test_tape import INSTRUMENT


def tape(rows: list[tuple[int, int]]) -> Tape:
    sides = [0 if kind in (CLEAR, GAP) else 1 for _, kind in rows]
    return Tape.from_columns(
        instrument=INSTRUMENT, exch_ts_ns=[at * SECOND for at, _ in rows], kind=[kind for _, kind in rows],
        side=sides, price_ticks=[5] * len(rows), qty_lots=[1] * len(rows),
    )  # fmt: skip


def test_a_break_lasts_from_the_last_event_before_it_to_the_next_snapshot() -> None:
    found = find_gaps(tape=tape([(1, CLEAR), (2, DEPTH), (5, GAP), (6, TRADE), (9, CLEAR), (10, DEPTH)]))
    assert found == [Gap(kind=SEQUENCE, start_ns=2 * SECOND, end_ns=9 * SECOND)]
    assert found[0].length_s == 7.0


def test_a_break_without_a_snapshot_lasts_to_the_end() -> None:
    found = find_gaps(tape=tape([(1, CLEAR), (2, DEPTH), (5, GAP), (60, TRADE)]))
    assert [(gap.start_ns, gap.end_ns) for gap in found] == [(2 * SECOND, 60 * SECOND)]


def test_a_silence_is_a_stretch_without_events_longer_than_the_threshold() -> None:
    rows = [(1, CLEAR), (2, DEPTH), (32, DEPTH), (63, DEPTH)]
    assert find_gaps(tape=tape(rows), silence_s=30) == [
        Gap(kind=SILENCE, start_ns=32 * SECOND, end_ns=63 * SECOND)
    ]
    assert find_gaps(tape=tape(rows)) == []


def minute_book(until: int, *, trades: range) -> Tape:
    """Return a book that changes each second until then, and trades at some seconds."""
    book = [(0, CLEAR), *((at, DEPTH) for at in range(1, until))]
    return tape(sorted([*book, *((at, TRADE) for at in trades)]))


def test_a_book_that_dies_while_trades_go_on_is_silent() -> None:
    found = find_gaps(tape=minute_book(100, trades=range(5, 1_000, 5)))
    assert found == [Gap(kind=BOOK, start_ns=99 * SECOND, end_ns=995 * SECOND)]


def test_trades_that_stop_while_the_book_goes_on_are_silent() -> None:
    found = find_gaps(tape=minute_book(2_000, trades=range(5, 500, 5)))
    assert found == [Gap(kind=TRADES, start_ns=495 * SECOND, end_ns=1_999 * SECOND)]


def test_rare_trades_are_not_silent() -> None:
    assert find_gaps(tape=minute_book(2_000, trades=range(5, 2_000, 400)), silence_s=60) == []


def test_a_channel_that_is_not_there_is_not_silent() -> None:
    assert find_gaps(tape=minute_book(2_000, trades=range(0))) == []


def test_a_book_that_is_not_trusted_is_not_silent_too() -> None:
    rows = [(0, CLEAR), (1, DEPTH), (5, GAP), *((at, TRADE) for at in range(6, 900, 3)), (900, CLEAR)]
    assert [gap.kind for gap in find_gaps(tape=tape(rows))] == [SEQUENCE]
