"""One replay of the soak's market, iteration by iteration, each under its own package of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from framework.compiled.records import at, to_array, zeros
from framework.edge.window import LedgerPoint, WindowData
from framework.engine.fused import Latency, Replay
from framework.engine.params import fill_params, make_costs, make_venue
from framework.engine.stepped import Clock, Stepped
from framework.market.book import EXCHANGE
from framework.market.events import TRADE
from framework.quoting.records import FOREVER, Desk, Params
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.run import RunSettings
from framework.soak.market import SoakMarket
from framework.soak.routes import Routes, plain_routes
from framework.soak.tuning.params import Field, TuningParams, quantise

MS = 1_000_000
COUNTED = tuple(
    name
    for name in Desk.dtype.names  # type: ignore[attr-defined]
    if name in ("ticks", "md_hits", "md_misses", "places", "replaces", "cancels", "rejects", "halts")
    or name.startswith(("blocks_", "drops_"))
)
PARTS = 20
"""Pieces an iteration is played in, so that a person sees it move and Ctrl-C is heard."""

Moved = Callable[[float], None]


def package_of(settings: RunSettings) -> TuningParams:
    """Give the run-time parameters of settings as the tuner's package."""
    return TuningParams(**settings.params.model_dump())


def with_package(settings: RunSettings, package: TuningParams) -> RunSettings:
    """Give the settings with the package in force; its bounds are checked again."""
    return settings.model_copy(update={"params": RuntimeParams.model_validate(package.mapping())})


def package_in(row: Params) -> TuningParams:
    """Read a package back from the engine's record: the inverse of what filled it."""
    values: dict[Field, float] = {
        Field.MIN_INTERVAL: row.min_interval_ns / MS,
        Field.REPLACE_RATE: row.replace_per_ns * 60e9,
        Field.SPREAD: row.base_spread_bps_delta,
        Field.TAIL_AGE: row.tail_age_ns / MS,
        Field.IMPACT_CAP: row.impact_cap_ratio,
        Field.MAX_DELTA: row.max_delta_ratio,
    }
    read: dict[str, Any] = {field.value: quantise(field, value) for field, value in values.items()}
    return TuningParams(**read)


class SoakReplay:
    """The engine on the soak's market; ``run`` plays the next iteration and gives its window.

    ``routes`` says which package each stretch of time trades; a ``clock`` paces the replay, otherwise it
    runs as fast as the machine can.
    """

    def __init__(
        self,
        *,
        settings: RunSettings,
        market: SoakMarket,
        routes: Routes | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.market = market
        self.routes = routes or plain_routes(edges=market.edges)
        tape = market.tape
        self.params = zeros(Params, len(self.routes.starts))
        for version in range(len(self.routes.starts)):
            at(self.params, version).from_ns = FOREVER
        fill_params(self.params, settings=settings, instrument=tape.instrument, from_ns=market.edges[0])
        self.replay = self._replay()
        self._stepped = (
            Stepped(replay=self.replay, deadline_ns=settings.strategy.deadline_ms * MS, clock=clock)
            if clock is not None
            else None
        )
        self.done = 0
        self._opening = self._point()
        self._first = (self._opening, self._counters())

    def _replay(self) -> Replay:
        settings, tape, edges = self.settings, self.market.tape, self.market.edges
        exchange = settings.exchange
        return Replay(
            tape=tape,
            params=self.params,
            venue=make_venue(settings=settings, instrument=tape.instrument),
            costs=make_costs(settings=settings),
            latency=Latency.draw(
                feed_ms=exchange.feed_ms,
                entry_ms=exchange.entry_ms,
                response_ms=exchange.response_ms,
                sigma=exchange.latency_sigma if exchange.latency_model == "lognormal" else 0.0,
                seed=settings.soak.seed,
                events=len(tape.exch_ts_ns),
            ),
            sample_ns=settings.soak.sample_ms * MS,
            start_ns=edges[0],
            stop_ns=edges[-1],
        )

    def run(self, package: TuningParams, *, moved: Moved = lambda _: None) -> WindowData:
        """Play the next iteration under a package and give what it left; ``moved`` gets the share that is
        done.
        """
        k = self.done
        self._put_in_force(package, k)
        counts, before = self._counts(), self._counters()
        start, end = self.market.edges[k], self.market.edges[k + 1]
        drive = self._stepped or self.replay
        for part in range(1, PARTS + 1):
            drive.advance(start + (end - start) * part // PARTS - 1, end_runs=part == PARTS)
            moved(part / PARTS)
        opening, self._opening = self._opening, self._point()
        self.done += 1
        return self._window(k, k + 1, counts, opening, before)

    def _put_in_force(self, package: TuningParams, k: int) -> None:
        packages = {
            route: with_package(self.settings, p) for route, p in self.routes.packages(package).items()
        }
        for version in self.routes.versions(k):
            fill_params(
                self.params,
                settings=packages[self.routes.route_of[version]],
                instrument=self.market.tape.instrument,
                version=version,
                from_ns=self.routes.starts[version],
            )

    def package_in_force(self) -> TuningParams:
        """Read the package the engine runs now from its own record of it."""
        return package_in(at(self.params, at(self.replay.cursor, 0).params_i))

    def whole(self) -> WindowData:
        """Give everything from the start to the last iteration played as one window."""
        opening, before = self._first
        return self._window(0, self.done, (0, 0, 0), opening, before)

    def _window(
        self,
        first: int,
        last: int,
        counts: tuple[int, int, int],
        opening: LedgerPoint,
        before: dict[str, int],
    ) -> WindowData:
        fills, audits, samples = counts
        instrument = self.market.tape.instrument
        after = self._counters()
        window = WindowData(
            symbol=instrument.symbol,
            quote=instrument.quote,
            tick=instrument.tick,
            lot=instrument.lot,
            start_ns=self.market.edges[first],
            end_ns=self.market.edges[last],
            opening=opening,
            closing=self._opening,
            fills=self.replay.fill_rows()[fills:],
            audit=self.replay.audit_rows()[audits:],
            samples=self.replay.sample_rows()[samples:],
            counters={name: after[name] - before[name] for name in after},
        )
        if self._stepped is None:
            return window
        lag_ts_ns, lag_ms = self._stepped.lags(start_ns=window.start_ns, end_ns=window.end_ns)
        return replace(window, ws_lag_ts_ns=lag_ts_ns, ws_lag_ms=lag_ms)

    def _counts(self) -> tuple[int, int, int]:
        r = self.replay
        return at(r.exchange, 0).fills, at(r.desk, 0).audits, at(r.cursor, 0).samples

    def _point(self) -> LedgerPoint:
        ledger = at(self.replay.ledger, 0)
        return LedgerPoint(
            position=float(ledger.position),
            mid=self.replay.mid(),
            cash=float(ledger.cash),
            funding=float(ledger.funding),
        )

    def _counters(self) -> dict[str, int]:
        desk: Any = to_array(Desk, self.replay.desk, 1)[0]
        exchange, ledger = at(self.replay.exchange, 0), at(self.replay.ledger, 0)
        book = at(self.replay.books, EXCHANGE)
        paced = {} if self._stepped is None else {"deadline_misses": self._stepped.deadline_misses}
        return {
            **{name: int(desk[name]) for name in COUNTED},
            "trades": int(self._trades()),
            "fills": int(ledger.fills),
            "maker_fills": int(ledger.maker_fills),
            "mids_held": int(ledger.mids_held),
            "exchange_rejects": int(exchange.rejects),
            "updates_crossed": int(book.crossed),
            "updates_beyond_ladder": int(book.out_of_range),
            **paced,
        }

    def _trades(self) -> int:
        """Count the tape's trades up to where the replay stands."""
        seen = at(self.replay.cursor, 0).exch_i
        return int(np.count_nonzero(self.market.tape.kind[:seen] == TRADE))
