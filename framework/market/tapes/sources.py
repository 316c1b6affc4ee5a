"""Which tape is meant, in plain words: recorded in an archive, or made from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.market.tape import Tape

if TYPE_CHECKING:
    from framework.market.synthetic import Simulation


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An archive's tape of a symbol (None: its only one), cut to start <= time < end (UTC)."""

    path: str
    symbol: str | None = None
    start: str | None = None
    end: str | None = None

    @property
    def whole(self) -> bool:
        """Tell whether nothing is cut off."""
        return self.start is None and self.end is None

    def open(self) -> Tape:
        """Open it; raises TapeError."""
        from framework.market.store import open_tape

        return open_tape(self.path, symbol=self.symbol, start=self.start, end=self.end)


@dataclass(frozen=True, kw_only=True)
class Made:
    """A synthetic tape: a pure function of these words and of the code that makes it."""

    preset: str
    regime: str
    hours: float
    seed: int
    symbol: str

    def simulation(self) -> Simulation:
        """Set up what makes it; raises TapeError."""
        from framework.market.synthetic import simulation

        return simulation(
            preset=self.preset, regime=self.regime, hours=self.hours, seed=self.seed, symbol=self.symbol
        )

    def make(self) -> Tape:
        """Make it in memory; raises TapeError."""
        from framework.market.synthetic import generate

        return generate(
            preset=self.preset, regime=self.regime, hours=self.hours, seed=self.seed, symbol=self.symbol
        )


TapeSource = Recorded | Made
