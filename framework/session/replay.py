"""One replay of the soak's market, iteration by iteration, each under its own package of parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.compiled.records import at
from framework.edge.window import WindowData
from framework.engine.paced import Paced
from framework.engine.params import make_costs, make_venue
from framework.engine.replay import Latency, Replay
from framework.engine.snapshot import DeskSnapshot
from framework.quoting.records import Params
from framework.rollout.route import REAL
from framework.session.guard import RolloutWatch
from framework.session.iterations import ALONE, Iterations, Moved, Outside
from framework.session.reload import package_of, with_package
from framework.session.routes import spans
from framework.session.session import Session
from framework.session.sim import sim_session
from framework.session.timeline import Timeline, Version
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.tuning.params import Field, TuningParams, quantise
from framework.units import MINUTE, MS

__all__ = ["SoakReplay", "package_in", "package_of", "with_package"]


def package_in(row: Params) -> TuningParams:
    """Read a package back from the engine's record: the inverse of what filled it."""
    values: dict[Field, float] = {
        Field.MIN_INTERVAL: row.min_interval_ns / MS,
        Field.REPLACE_RATE: row.replace_per_ns * MINUTE,
        Field.SPREAD: row.base_spread_bps_delta,
        Field.TAIL_AGE: row.tail_age_ns / MS,
        Field.IMPACT_CAP: row.impact_cap_ratio,
        Field.MAX_DELTA: row.max_delta_ratio,
    }
    read: dict[str, Any] = {field.value: quantise(field, value) for field, value in values.items()}
    return TuningParams(**read)


class SoakReplay(Iterations):
    """The engine on the soak's market; ``run`` plays the next iteration and gives its window.

    Its rollout says what each minute trades.
    """

    def __init__(self, *, settings: RunSettings, market: ReplayWindow, outside: Outside = ALONE) -> None:
        super().__init__(settings, market, outside)
        self._beat = outside.beat
        self.watch = RolloutWatch(lot=market.tape.instrument.lot) if outside.guard else None
        self.timeline = Timeline(instrument=market.tape.instrument)
        self.timeline.put([Version(market.start_ns, REAL, 0, settings)])
        self.replay = self._replay()
        self.session: Session | None = None
        self.paced: Paced | None = None
        if outside.clock is not None:
            self.session = sim_session(self.replay, journal=outside.journal)
            deadline_ns = settings.strategy.deadline_ms * MS
            self.paced = Paced(
                driven=self.session, replay=self.replay, deadline_ns=deadline_ns, clock=outside.clock
            )
        self._now = self.replay.snapshot()
        self._first = self._began = (self._now, self._counters())

    @property
    def params(self) -> list[Params]:
        """The engine's records of the versions."""
        return self.timeline.params

    @property
    def package(self) -> TuningParams:
        """The baseline's package in force now."""
        return package_of(self.live.settings)

    def _replay(self) -> Replay:
        settings, tape = self.settings, self.market.tape
        exchange = settings.exchange
        return Replay(
            tape=tape,
            params=self.timeline.params,
            venue=make_venue(settings=settings, instrument=tape.instrument),
            costs=make_costs(settings=settings, seed=settings.soak.seed),
            latency=Latency.draw(
                feed_ms=exchange.feed_ms,
                entry_ms=exchange.entry_ms,
                response_ms=exchange.response_ms,
                sigma=exchange.latency_sigma if exchange.latency_model == "lognormal" else 0.0,
                seed=settings.soak.seed,
                events=len(tape.exch_ts_ns),
            ),
            sample_ns=settings.soak.sample_ms * MS,
            start_ns=self.market.start_ns,
        )

    def run(self, package: TuningParams, *, moved: Moved = lambda _: None) -> WindowData:
        """Play the next iteration under a package and give what it left; ``moved`` gets the share that is
        done.
        """
        self._play(package, moved)
        return self.finish()

    def begin(self, package: TuningParams) -> None:
        """Put a package in force for the next iteration, for whoever plays it."""
        self.live.adopt(package)
        self.plan(self.market.boundaries[self.done])
        self._began = (self._now, self._counters())

    def finish(self) -> WindowData:
        """Give what the iteration left that has been played."""
        self._now = self.replay.snapshot()
        self.done += 1
        return self._window(self.done - 1, self.done, *self._began)

    def windows(self, package: TuningParams, *, moved: Moved = lambda _: None) -> tuple[WindowData, ...]:
        """Play the next iteration as ``run`` does; give the window of each symbol."""
        return (self.run(package, moved=moved),)

    def wholes(self) -> tuple[WindowData, ...]:
        """Give everything played, as one window a symbol."""
        return (self.whole(),)

    def each(self) -> list[SoakReplay]:
        """Give the replay of each symbol."""
        return [self]

    def _end_here(self, k: int) -> None:
        """Let iteration ``k`` (from 0), and the market with it, end where it has been played to."""
        played = self._at if self.paced is None else self.paced.at_ns
        end = max(played, self.market.boundaries[k]) + 1
        self.replay.advance(end - 1, end_runs=True)
        self.cut_short(end)

    def cut_short(self, end_ns: int) -> None:
        """Let the iteration that is being played, and the market with it, end at an instant."""
        self.market = self.market.until(end_ns)

    def plan(self, start_ns: int) -> None:
        """Write what is in force from an instant to the end of the iteration that is being played."""
        k = self.done
        so_far = [version.route for version in self.timeline.versions if version.start_ns < start_ns]
        rows = spans(
            self.live.settings,
            symbol=self.market.tape.instrument.symbol,
            start_ns=start_ns,
            end_ns=self.market.boundaries[k + 1],
            running=so_far[-1] if so_far else None,
        )
        self.timeline.put([Version(ns, route, k, settings) for ns, route, settings in rows])
        self.replay.params = self.timeline.params

    def _advance(self, until_ns: int, *, end_runs: bool) -> None:
        if self.paced is not None:
            self.paced.advance(until_ns, end_runs=end_runs, between=self._between)
            return
        super()._advance(until_ns, end_runs=end_runs)

    def _run_to(self, stop_ns: int, *, end_runs: bool) -> None:
        self.replay.advance(stop_ns, end_runs=end_runs)

    def _between(self, at_ns: int) -> int:
        """Take what has come once the tape is played up to an instant; give how far to play before the
        next.
        """
        if self._beat is not None:
            self._beat(at_ns)
        if self._stopping():
            return at_ns
        moved = self.live.poll(at_ns, flat=self.flat)
        if self.guarded(at_ns) or moved:
            self.change(at_ns)
        return self.limit(at_ns)

    def change(self, at_ns: int) -> None:
        """Bring what has changed into force once the tape is played up to an instant."""
        self.plan(at_ns + 1)
        self.replay.wake(at_ns + 1)  # the tick that brings it comes now, not with the next update

    def limit(self, at_ns: int) -> int:
        """Give how far (ns) to play before patches and the guard are asked again."""
        limit = self.live.limit(at_ns)
        return limit if self._watched() is None else min(limit, (at_ns + 1) // MINUTE * MINUTE + MINUTE - 1)

    def _watched(self) -> RolloutWatch | None:
        """Return what watches the canary that trades now; None when there is none."""
        return self.watch if self.live.settings.rollout.mode == "canary" else None

    def guarded(self, at_ns: int) -> bool:
        """Take a canary back that has lost by the end of a minute; tell whether it was."""
        watch = self._watched()
        if watch is None or (at_ns + 1) % MINUTE:
            return False
        rows, versions = self.replay.fill_rows(), self.timeline.versions
        why = watch.judge(rows, versions, self.live.settings, at_ns=at_ns)
        if why:
            self.live.take_back(at_ns + 1, why)
        return bool(why)

    def flat(self) -> bool:
        """Tell whether the desk holds less than half a lot: a spot fee can leave dust."""
        return abs(self.replay.snapshot().position) < 0.5 * self.market.tape.instrument.lot

    def package_in_force(self) -> TuningParams:
        """Read the package the engine runs now from its own record of it."""
        return package_in(at(self.timeline.params, self.replay.snapshot().version))

    def package_tried(self) -> TuningParams:
        """Read the package that is tried: the engine's word, of a canary the candidate's own minutes."""
        now = self.live.settings
        if now.rollout.mode == "canary" and now.candidate is not None:
            return package_of(now.candidate)
        return self.package_in_force()

    def whole(self) -> WindowData:
        """Give everything from the start to the last iteration played as one window."""
        opening, before = self._first
        return self._window(0, self.done, opening, before)

    def _window(self, first: int, last: int, opening: DeskSnapshot, before: dict[str, int]) -> WindowData:
        instrument = self.market.tape.instrument
        after = self._counters()
        window = WindowData(
            symbol=instrument.symbol,
            quote=instrument.quote,
            tick=instrument.tick,
            lot=instrument.lot,
            start_ns=self.market.boundaries[first],
            end_ns=self.market.boundaries[last],
            opening=opening.books,
            closing=self._now.books,
            fills=self.replay.fill_rows(opening.fills),
            audit=self.replay.audit_rows(opening.audits),
            samples=self.replay.sample_rows(opening.samples),
            counters={name: after[name] - before[name] for name in after},
        )
        if self.paced is None:
            return window
        lag_ts_ns, lag_ms = self.paced.lags(start_ns=window.start_ns, end_ns=window.end_ns)
        return replace(window, ws_lag_ts_ns=lag_ts_ns, ws_lag_ms=lag_ms)

    def _counters(self) -> dict[str, int]:
        extra = {} if self.paced is None else {"deadline_misses": self.paced.deadline_misses}
        return {**self.replay.counters(), **extra}
