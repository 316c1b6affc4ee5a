"""One iteration as the tuner decides it: the rules, its memory, the package in force, and which one it is."""

from dataclasses import dataclass

from framework.tuning.params import TuningParams
from framework.tuning.rules import Phase, TuningRules
from framework.tuning.state import TunerState


@dataclass(frozen=True, slots=True)
class Turn:
    """What every part of a step is told; after the ``last`` iteration nothing is left to move.

    ``params`` is the package the engine ran in this iteration, read back from the engine, not from what the
    tuner wrote. Iterations count from 1 and rise.
    """

    rules: TuningRules
    state: TunerState
    params: TuningParams
    iteration: int
    last: bool

    @property
    def phase(self) -> Phase:
        """Return the phase of the iteration."""
        return self.rules.phase_at(self.iteration)
