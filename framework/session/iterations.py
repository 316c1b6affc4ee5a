"""A market played iteration by iteration, and what is heard from outside while it is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from framework.engine.paced import Clock
from framework.session.reload import LiveSettings
from framework.session.sim import MakeJournal, in_memory
from framework.session.stop import Stopping, never
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.tuning.params import TuningParams

PARTS = 20
"""Pieces an iteration is played in, so that a person sees it move and Ctrl-C is heard."""

Moved = Callable[[float], None]
Moment = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What a replay hears: patches, whether to stop, and with ``guard`` that a canary loses.

    Of one symbol also a ``clock`` that paces it, otherwise it runs as fast as the machine can, the
    ``journal`` of its session then, and a ``beat`` that is called with the instant played so far whenever
    patches are looked for.
    """

    live: LiveSettings | None = None
    stopping: Stopping = never
    guard: bool = False
    clock: Clock | None = None
    journal: MakeJournal = in_memory
    beat: Moment | None = None


ALONE = Outside()
"""Nobody outside."""


class Iterations(ABC):
    """A market being played: ``done`` iterations of it so far, in ``seconds`` of real time."""

    def __init__(self, settings: RunSettings, market: ReplayWindow, outside: Outside) -> None:
        self.settings, self.market = settings, market
        self.live = outside.live or LiveSettings(settings)
        self.done = 0
        self.seconds = 0.0
        self._stopping = outside.stopping
        self._at = market.start_ns - 1

    @abstractmethod
    def begin(self, package: TuningParams) -> None:
        """Put a package in force for the next iteration."""

    @abstractmethod
    def _run_to(self, stop_ns: int, *, end_runs: bool) -> None:
        """Let the engine play up to an instant."""

    @abstractmethod
    def _between(self, at_ns: int) -> int:
        """Take what has come once the tape is played up to an instant; give how far to play next."""

    @abstractmethod
    def _end_here(self, k: int) -> None:
        """Let iteration ``k`` (from 0), and the market with it, end where it has been played to."""

    def left(self) -> bool:
        """Tell whether an iteration is left to play; whoever stops between two ends with the one before."""
        if self.done and self._stopping():
            self.market = self.market.until(self.market.boundaries[self.done])
        return self.done < self.market.iterations

    def _play(self, package: TuningParams, moved: Moved) -> None:
        """Play the next iteration under a package; ``moved`` gets the share that is done."""
        began, k = time.perf_counter(), self.done
        self.begin(package)
        start, end = self.market.boundaries[k], self.market.boundaries[k + 1]
        for part in range(1, PARTS + 1):
            self._advance(start + (end - start) * part // PARTS - 1, end_runs=part == PARTS)
            if self._stopping():
                self._end_here(k)
                break
            moved(part / PARTS)
        self.seconds += time.perf_counter() - began

    def _advance(self, until_ns: int, *, end_runs: bool) -> None:
        while self._at < until_ns:
            stop = min(until_ns, self._between(self._at))
            if stop <= self._at:
                return
            self._run_to(stop, end_runs=end_runs and stop == until_ns)
            self._at = stop
