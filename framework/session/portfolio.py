"""Several symbols on one account: their replays take turns, under one package and the same patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from framework.edge.window import WindowData
from framework.engine.portfolio import Portfolio
from framework.session.iterations import ALONE, Iterations, Moved, Outside
from framework.session.reload import LiveSettings
from framework.session.replay import SoakReplay
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.tuning.params import TuningParams


class Playable(Protocol):
    """A soak's market being played, of one symbol or of several."""

    settings: RunSettings
    live: LiveSettings
    done: int
    seconds: float

    @property
    def market(self) -> ReplayWindow:
        """What is played, as far as it will be."""
        ...

    @property
    def package(self) -> TuningParams:
        """The baseline's package in force now."""
        ...

    def left(self) -> bool:
        """Tell whether an iteration is left to play."""
        ...

    def windows(self, package: TuningParams, *, moved: Moved = ...) -> tuple[WindowData, ...]:
        """Play the next iteration under a package; give the window of each symbol."""
        ...

    def wholes(self) -> tuple[WindowData, ...]:
        """Give everything played, as one window a symbol."""
        ...

    def package_tried(self) -> TuningParams:
        """Read the package that is tried."""
        ...

    def each(self) -> Sequence[SoakReplay]:
        """Give the replay of each symbol."""
        ...


class SoakPortfolio(Iterations):
    """The engine on a market of several symbols; plays an iteration of all before the next.

    What comes from outside is for all at once: the package, patches, and a canary taken back because it lost
    on one of them; what waits until nothing is held waits for every position.
    """

    def __init__(self, *, settings: RunSettings, market: ReplayWindow, outside: Outside = ALONE) -> None:
        super().__init__(settings, market, outside)
        for_each = Outside(live=self.live, guard=outside.guard)
        self.symbols = [SoakReplay(settings=settings, market=one, outside=for_each) for one in market.each()]
        self.portfolio = Portfolio(replays=[symbol.replay for symbol in self.symbols])

    @property
    def package(self) -> TuningParams:
        """The baseline's package in force now."""
        return self.symbols[0].package

    def each(self) -> Sequence[SoakReplay]:
        """Give the replay of each symbol."""
        return self.symbols

    def windows(self, package: TuningParams, *, moved: Moved = lambda _: None) -> tuple[WindowData, ...]:
        """Play the next iteration under a package; give the window of each symbol."""
        self._play(package, moved)
        self.done += 1
        return tuple(symbol.finish() for symbol in self.symbols)

    def wholes(self) -> tuple[WindowData, ...]:
        """Give everything played, as one window a symbol."""
        return tuple(symbol.whole() for symbol in self.symbols)

    def package_tried(self) -> TuningParams:
        """Read the package that is tried, which is the same for all."""
        return self.symbols[0].package_tried()

    def begin(self, package: TuningParams) -> None:
        """Put a package in force for the next iteration of all."""
        for symbol in self.symbols:
            symbol.begin(package)

    def _run_to(self, stop_ns: int, *, end_runs: bool) -> None:
        self.portfolio.advance(stop_ns, end_runs=end_runs)

    def _between(self, at_ns: int) -> int:
        """Take what has come once the tapes are played up to an instant; give how far to play next."""
        if self._stopping():
            return at_ns
        moved = self.live.poll(at_ns, flat=lambda: all(symbol.flat() for symbol in self.symbols))
        for symbol in self.symbols:
            moved = symbol.guarded(at_ns) or moved
        if moved:
            for symbol in self.symbols:
                symbol.change(at_ns)
        return self.symbols[0].limit(at_ns)

    def _end_here(self, k: int) -> None:
        """Let iteration ``k`` (from 0), and the market with it, end where it has been played to."""
        end = max(self._at, self.market.boundaries[k]) + 1
        self.portfolio.advance(end - 1, end_runs=True)
        for symbol in self.symbols:
            symbol.cut_short(end)
        self.market = self.market.until(end)


def make_replay(
    *, settings: RunSettings, market: ReplayWindow, outside: Outside = ALONE
) -> SoakReplay | SoakPortfolio:
    """Make what plays a market of one symbol or of several."""
    made = SoakPortfolio if market.beside else SoakReplay
    return made(settings=settings, market=market, outside=outside)
