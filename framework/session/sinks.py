"""Sinks: who takes the rows that are new between two steps, so that nobody has to hold a whole run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray

from framework.compiled.records import at, rows_in
from framework.engine.replay import Replay
from framework.market.records import Fill

Take = Callable[[NDArray[Any]], None]


class Sink(Protocol):
    """Take the rows that are new since the last call; called between two steps."""

    def drain(self) -> None:
        """Take them; never waits."""
        ...


class FillSink:
    """Hand on every fill once, when the second after it has passed."""

    def __init__(self, replay: Replay, *, take: Take) -> None:
        self._replay, self._take, self._taken = replay, take, 0

    def drain(self) -> None:
        """Hand on those whose second has passed since the last call."""
        settled = int(at(self._replay.exchange, 0).settled_1s)
        if settled > self._taken:
            self._take(rows_in(Fill, self._replay.fills, self._taken, settled).copy())
            self._taken = settled
