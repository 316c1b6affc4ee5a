"""What a replay does beside its two halves, for a driver that runs them apart: ages of fills, samples."""

from __future__ import annotations

from framework.compiled.jit import entry
from framework.engine.loop import note_ages, sample
from framework.engine.records import REACHED, Run
from framework.quoting.records import DeskState
from framework.venue.matching.records import Sim


@entry()
def observe(now: int, sampled: int, run: Run, sim: Sim, state: DeskState) -> int:
    """Give new fills their ages; with ``sampled`` also write the sample of ``now``: there must be room."""
    note_ages(run, sim, state)
    if sampled == 1:
        sample(now, state.params[state.clock.params_i].version, run, sim, state)
    return REACHED
