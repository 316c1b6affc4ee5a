"""Each half alone does what it does in the replay, whatever it is fed with at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.compiled.records import interpreted
from framework.market.records import Fill, Report
from framework.units import MS, SECOND
from tests.engine.digest import replayed
from tests.engine.halves import alone, fed, recorded
from tests.properties.markets import conventions, knobs
from tests.properties.test_replay_properties import SEEDS, desk_of, end_of

DELAYS = st.tuples(*[st.sampled_from([0.0, 0.5, 7.0, 60.0])] * 2, st.sampled_from([0.5, 7.0, 60.0]))
"""In ms; an answer within the very instant is none that could be recorded apart from it."""
OF_THE_DESK = {"off_target_age_ns"}
"""What only the desk knows of a fill."""


def same(ours: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any], leave: set[str] | None = None) -> None:
    assert len(ours) == len(theirs)
    for name in ours.dtype.names or ():
        if name not in (leave or ()):
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_a_desk_fed_one_instant_at_a_time_asks_for_what_it_asks_in_the_replay() -> None:
    replay = replayed(play=False)
    until = int(replay.tape.end_ns) + 40 * SECOND
    crossing = recorded(replay, until_ns=until, slice_ns=100 * MS)
    made = fed(replay, crossing, until_ns=until)
    assert len(crossing.requests) > 500
    same(np.concatenate(made.requests), crossing.requests)
    same(made.desk.audit_rows(), replay.audit_rows())


@settings(max_examples=10 if interpreted() else 60)
@given(SEEDS, knobs(), conventions(), DELAYS)
def test_both_halves_alone_leave_what_they_leave_in_the_replay(
    seed: int, values: dict[str, Any], rules: dict[str, Any], delays: tuple[float, float, float]
) -> None:
    replay = desk_of(seed, values, rules, delays, funding=[(900.0, 0.001, 1000.0)])
    until = end_of(replay)
    crossing = recorded(replay, until_ns=until, slice_ns=100 * MS)
    made = fed(replay, crossing, until_ns=until)
    assert sum(map(len, made.requests)) == len(crossing.requests)
    if made.requests:
        same(np.concatenate(made.requests), crossing.requests)
    same(made.desk.audit_rows(), replay.audit_rows())
    fills, reports = alone(replay, crossing, until_ns=until, slice_ns=37 * MS)
    assert fills.dtype == Fill.dtype  # type: ignore[attr-defined]
    assert reports.dtype == Report.dtype  # type: ignore[attr-defined]
    same(fills, replay.fill_rows(), OF_THE_DESK)
    same(reports, crossing.reports)
