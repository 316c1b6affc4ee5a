"""How long each stage of a tick takes: the same replay with the clock read between the stages.

It has an entry of its own, so that the loop everybody runs carries no clock.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.compiled.clock import HAS_CLOCK, clock_ns
from framework.compiled.jit import entry
from framework.compiled.records import at
from framework.engine.records import TICK_DUE
from framework.engine.replay import EngineError, Replay
from framework.quoting.records import DeskState
from framework.quoting.stages import STAGES
from framework.quoting.tick import begin_tick, end_tick, run_stage

MOST_STAGES = 15


@entry()
def timed_tick(now: int, version: int, clock: list[int], read: list[int], state: DeskState) -> int:
    """Run one tick and read the clock twice at first, then after its beginning, each stage and its end."""
    p = state.params[version]
    read[0] = clock_ns(clock)
    read[1] = clock_ns(clock)
    begin_tick(now, p, state)
    read[2] = clock_ns(clock)
    k = 3
    count = 0
    plan = p.plan
    while plan != 0:
        stage = plan & 15
        plan >>= 4
        count += run_stage(stage, now, p, state)
        read[k] = clock_ns(clock)
        k += 1
    end_tick(now, p, state)
    read[k] = clock_ns(clock)
    return count


def stage_timings(*, replay: Replay, until_ns: int) -> dict[str, dict[str, float]]:
    """Play on to an instant and give mean, p50 and p95 (µs) and calls of every stage and of the whole tick.

    The outcome is that of ``Replay.advance``. What reading the clock costs is taken off. Raises EngineError
    where there is no ``clock_gettime`` (Windows).
    """
    if not HAS_CLOCK:
        raise EngineError("stage timings: this system has no clock_gettime; allowed on Linux and macOS")
    plan = int(at(replay.params, at(replay.clock, 0).params_i).plan)
    ids = [(plan >> shift) & 15 for shift in range(0, 60, 4) if (plan >> shift) & 15]
    reads: list[Any] = []
    cursor = at(replay.cursor, 0)
    cursor.by_stage = 1
    tick = timed_tick.load()
    while replay.step(until_ns) == TICK_DUE:
        reads.append(_one_tick(tick, replay))
    cursor.by_stage = 0
    if not reads:
        return {}
    names = {number: name for name, number in STAGES.items()}
    return _summary([names[number] for number in ids], np.array(reads)[:, : len(ids) + 4])


def _one_tick(tick: Any, replay: Replay) -> Any:
    read: Any = np.zeros(MOST_STAGES + 4, np.int64)
    clock = at(replay.clock, 0)
    clock.staged = tick(
        int(clock.last_tick_ns),
        int(clock.params_i),
        np.zeros(2, np.int64),
        read,
        replay.desk_half.bound,
    )
    return read


def _summary(names: list[str], reads: np.ndarray[Any, Any]) -> dict[str, dict[str, float]]:
    """Turn rows of clock readings into percentiles: nothing, beginning, the stages in order, end."""
    spent = np.diff(reads, axis=1)
    own = np.maximum(spent - np.median(spent[:, 0]), 0.0) / 1e3
    columns = dict(zip(names, own[:, 2:-1].T, strict=True)) | {"tick_total": own[:, 1:].sum(axis=1)}
    return {
        name: {
            "mean_us": float(np.mean(column)),
            "p50_us": float(np.percentile(column, 50)),
            "p95_us": float(np.percentile(column, 95)),
            "calls": float(len(column)),
        }
        for name, column in columns.items()
    }
