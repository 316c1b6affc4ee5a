"""Several symbols on one account: their replays take turns, under one package and the same patches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from framework.edge.window import WindowData
from framework.engine.paced import Clock
from framework.engine.portfolio import Portfolio
from framework.session.reload import LiveSettings
from framework.session.replay import PARTS, Moment, Moved, SoakReplay
from framework.session.stop import Stopping, never
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.tuning.params import TuningParams


class Played(Protocol):
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


class SoakPortfolio:
    """The engine on a market of several symbols; plays an iteration of all before the next.

    What comes from outside is for all at once: the package, patches, and a canary taken back because it lost
    on one of them; what waits until nothing is held waits for every position.
    """

    def __init__(
        self,
        *,
        settings: RunSettings,
        market: ReplayWindow,
        live: LiveSettings | None = None,
        stopping: Stopping = never,
        guard: bool = False,
    ) -> None:
        self.settings, self.market = settings, market
        self.live = live or LiveSettings(settings)
        self.symbols = [
            SoakReplay(settings=settings, market=one, live=self.live, guard=guard) for one in market.each()
        ]
        self.portfolio = Portfolio(replays=[symbol.replay for symbol in self.symbols])
        self.done = 0
        self.seconds = 0.0
        self._stopping = stopping
        self._at = market.start_ns - 1

    @property
    def package(self) -> TuningParams:
        """The baseline's package in force now."""
        return self.symbols[0].package

    def each(self) -> Sequence[SoakReplay]:
        """Give the replay of each symbol."""
        return self.symbols

    def left(self) -> bool:
        """Tell whether an iteration is left to play; whoever stops between two ends with the one before."""
        if self.done and self._stopping():
            self.market = self.market.until(self.market.boundaries[self.done])
        return self.done < self.market.iterations

    def windows(self, package: TuningParams, *, moved: Moved = lambda _: None) -> tuple[WindowData, ...]:
        """Play the next iteration under a package; give the window of each symbol."""
        began, k = time.perf_counter(), self.done
        for symbol in self.symbols:
            symbol.begin(package)
        start, end = self.market.boundaries[k], self.market.boundaries[k + 1]
        for part in range(1, PARTS + 1):
            self._advance(start + (end - start) * part // PARTS - 1, end_runs=part == PARTS)
            if self._stopping():
                self._end_here(k)
                break
            moved(part / PARTS)
        self.done += 1
        self.seconds += time.perf_counter() - began
        return tuple(symbol.finish() for symbol in self.symbols)

    def wholes(self) -> tuple[WindowData, ...]:
        """Give everything played, as one window a symbol."""
        return tuple(symbol.whole() for symbol in self.symbols)

    def package_tried(self) -> TuningParams:
        """Read the package that is tried, which is the same for all."""
        return self.symbols[0].package_tried()

    def _advance(self, until_ns: int, *, end_runs: bool) -> None:
        while self._at < until_ns:
            stop = min(until_ns, self._between(self._at))
            if stop <= self._at:
                return
            self.portfolio.advance(stop, end_runs=end_runs and stop == until_ns)
            self._at = stop

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
    *,
    settings: RunSettings,
    market: ReplayWindow,
    live: LiveSettings | None = None,
    guard: bool = False,
    clock: Clock | None = None,
    beat: Moment | None = None,
    stopping: Stopping = never,
) -> SoakReplay | SoakPortfolio:
    """Make what plays a market; a ``clock`` and a ``beat`` are for one symbol."""
    if market.beside:
        return SoakPortfolio(settings=settings, market=market, live=live, stopping=stopping, guard=guard)
    return SoakReplay(
        settings=settings,
        market=market,
        clock=clock,
        live=live,
        beat=beat,
        stopping=stopping,
        guard=guard,
    )
