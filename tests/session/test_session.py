"""A session on the simulated exchange trades what a replay trades, whatever it is asked at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.compiled.records import interpreted
from framework.engine.replay import Replay
from framework.session.sim import sim_session
from framework.units import MS, SECOND
from tests.engine.digest import digest, replayed
from tests.properties.markets import conventions, knobs
from tests.properties.test_replay_properties import SEEDS, desk_of, end_of

DELAYS = st.tuples(*[st.sampled_from([0.0, 0.5, 7.0, 60.0])] * 2, st.sampled_from([0.5, 7.0, 60.0]))
"""In ms; the answer to a request comes after the instant at which the exchange gets it."""


def in_session(replay: Replay, *, until_ns: int, slice_ns: int) -> Replay:
    session = sim_session(replay)
    for stop in [*range(replay.start_ns + slice_ns, until_ns, slice_ns), until_ns]:
        session.advance(stop, end_runs=stop == until_ns)
    return replay


@pytest.mark.parametrize("slice_ms", [1_000_000, 700, 10])
def test_a_session_trades_what_a_replay_trades(slice_ms: int) -> None:
    fused, apart = replayed(play=False), replayed(play=False)
    until = int(fused.tape.end_ns) + 40 * SECOND
    fused.advance(until, end_runs=True)
    assert digest(in_session(apart, until_ns=until, slice_ns=slice_ms * MS)) == digest(fused)
    assert apart.counters() == fused.counters()
    assert apart.snapshot() == fused.snapshot()


@settings(max_examples=5 if interpreted() else 60)
@given(SEEDS, knobs(), conventions(), DELAYS, st.sampled_from([3, 50, 100_000]))
def test_any_desk_trades_alike_in_a_session_and_in_a_replay(
    seed: int, values: dict[str, Any], rules: dict[str, Any], delays: Any, slice_ms: int
) -> None:
    fused, apart = (desk_of(seed, values, rules, delays, funding=[(900.0, 0.001, 1000.0)]) for _ in range(2))
    until = end_of(fused)
    fused.advance(until, end_runs=True)
    in_session(apart, until_ns=until, slice_ns=slice_ms * MS)
    for ours, theirs in zip(rows_of(apart), rows_of(fused), strict=True):
        for name in ours.dtype.names or ():
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def rows_of(replay: Replay) -> tuple[np.ndarray[Any, Any], ...]:
    return replay.fill_rows(), replay.audit_rows(), replay.sample_rows()
