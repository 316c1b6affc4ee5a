"""Gaps have a begin, an end and a length."""

from framework.market.events import CLEAR, DEPTH, GAP, TRADE
from framework.market.gaps import SEQUENCE, SILENCE, Gap, find_gaps
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
