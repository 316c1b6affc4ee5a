"""A replay or a session on the clock decides what a replay does, whatever real time does to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from framework.compiled.records import zeros
from framework.engine.paced import Clock, Paced
from framework.engine.params import fill_params, make_venue
from framework.engine.replay import Latency, Replay
from framework.market.made import Made
from framework.market.synthetic import generate
from framework.market.tape import Tape
from framework.quoting.records import Params
from framework.session.sim import sim_session
from framework.settings.compose import Composed, compose_run
from framework.units import MS

SECONDS = 90
REPOSITORY = Path(__file__).parents[2]


class FakeClock:
    """Real time as a list of oversleeps: each sleep wakes late by the next of them."""

    def __init__(self, late_ns: list[int], *, start_ns: int = 0) -> None:
        self.now = start_ns
        self.late = late_ns
        self.sleeps = 0

    def now_ns(self) -> int:
        return self.now

    def sleep_until(self, ns: int) -> None:
        self.now = max(self.now, ns) + self.late[self.sleeps % len(self.late)]
        self.sleeps += 1


@pytest.fixture(scope="module")
def composed() -> Composed:
    return compose_run(words=[], root=REPOSITORY, environ={})


@pytest.fixture(scope="module")
def tape() -> Tape:
    return generate(Made(preset="liquid_perp", regime="normal", hours=SECONDS / 3600, seed=3))


def replay_of(composed: Composed, tape: Tape) -> Replay:
    params = zeros(Params, 1)
    fill_params(params, settings=composed.settings, instrument=tape.instrument, from_ns=tape.start_ns)
    return Replay(
        tape=tape,
        params=params,
        venue=make_venue(settings=composed.settings, instrument=tape.instrument),
        latency=Latency.draw(feed_ms=10, entry_ms=20, response_ms=20, sigma=0.3, seed=5, events=len(tape)),
    )


def paced(replay: Replay, *, clock: Clock, session: bool = False, **more: Any) -> Paced:
    driven = sim_session(replay) if session else replay
    return Paced(driven=driven, replay=replay, deadline_ns=150 * MS, clock=clock, **more)


def rows_of(replay: Replay) -> tuple[NDArray[np.uint8], ...]:
    rows = (replay.fill_rows(), replay.audit_rows(), replay.sample_rows())
    return tuple(np.frombuffer(row.tobytes(), np.uint8) for row in rows)


@pytest.fixture(scope="module")
def fused(composed: Composed, tape: Tape) -> tuple[NDArray[np.uint8], ...]:
    replay = replay_of(composed, tape)
    replay.advance(tape.end_ns, end_runs=True)
    assert len(replay.fill_rows()) > 5
    assert len(replay.audit_rows()) > 100
    return rows_of(replay)


@settings(max_examples=12)
@given(
    slice_ns=st.integers(1 * MS, 3_000 * MS),
    late=st.lists(st.integers(0, 2_000 * MS), min_size=1, max_size=6),
    stops=st.lists(st.integers(1, SECONDS * 1_000 - 1), max_size=4, unique=True),
    session=st.booleans(),
)
def test_the_stepped_engine_fills_and_audits_byte_for_byte_as_the_fused_one(
    composed: Composed,
    tape: Tape,
    fused: tuple[NDArray[np.uint8], ...],
    slice_ns: int,
    late: list[int],
    stops: list[int],
    session: bool,
) -> None:
    replay = replay_of(composed, tape)
    stepped = paced(replay, clock=FakeClock(late, start_ns=7), session=session, slice_ns=slice_ns)
    for stop in [*(tape.start_ns + ms * MS for ms in sorted(stops)), tape.end_ns]:
        stepped.advance(stop, end_runs=stop == tape.end_ns)
    for ours, theirs in zip(rows_of(replay), fused, strict=True):
        assert np.array_equal(ours, theirs)


def test_an_hour_of_tape_takes_an_hour(composed: Composed, tape: Tape) -> None:
    clock = FakeClock([0])
    paced(replay_of(composed, tape), clock=clock).advance(tape.end_ns)
    assert clock.now == tape.end_ns - tape.start_ns


def test_lags_are_how_late_each_slice_was_served(composed: Composed, tape: Tape) -> None:
    stepped = paced(replay_of(composed, tape), clock=FakeClock([3 * MS]))
    stepped.advance(tape.end_ns)
    ts, lag = stepped.lags(start_ns=tape.start_ns, end_ns=tape.end_ns + 1)
    assert stepped.slices > 100
    assert set(lag) == {3.0}
    assert stepped.deadline_misses == 0
    assert (np.diff(ts) > 0).all()
    assert ts[0] >= tape.start_ns


def test_a_slice_later_than_the_deadline_is_counted(composed: Composed, tape: Tape) -> None:
    late = [0] * 50 + [200 * MS]
    stepped = paced(replay_of(composed, tape), clock=FakeClock(late))
    stepped.advance(tape.end_ns)
    _, lag = stepped.lags(start_ns=tape.start_ns, end_ns=tape.end_ns + 1)
    assert stepped.deadline_misses >= (lag > 150.0).sum() > 0


def test_lags_of_a_window_are_those_inside_it(composed: Composed, tape: Tape) -> None:
    stepped = paced(replay_of(composed, tape), clock=FakeClock([MS]))
    stepped.advance(tape.end_ns)
    middle = tape.start_ns + SECONDS * 500 * MS
    before, _ = stepped.lags(start_ns=tape.start_ns, end_ns=middle)
    after, _ = stepped.lags(start_ns=middle, end_ns=tape.end_ns + 1)
    assert before.max() < middle <= after.min()
    assert len(before) + len(after) == len(stepped.lags(start_ns=0, end_ns=1 << 62)[0])
