"""One replay of the soak's market, iteration by iteration, each under its own package of run-time parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.compiled.records import at, to_array, zeros
from framework.edge.window import LedgerPoint, WindowData
from framework.engine.fused import Latency, Replay
from framework.engine.params import fill_params, make_costs, make_venue
from framework.quoting.records import FOREVER, Desk, Params
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.run import RunSettings
from framework.soak.market import SoakMarket
from framework.soak.tuning.params import TuningParams

COUNTED = tuple(
    name
    for name in Desk.dtype.names  # type: ignore[attr-defined]
    if name in ("ticks", "md_hits", "md_misses", "places", "replaces", "cancels", "rejects", "halts")
    or name.startswith(("blocks_", "drops_"))
)


def package_of(settings: RunSettings) -> TuningParams:
    """Give the run-time parameters of settings as the tuner's package."""
    return TuningParams(**settings.params.model_dump())


def with_package(settings: RunSettings, package: TuningParams) -> RunSettings:
    """Give the settings with the package in force; its bounds are checked again."""
    return settings.model_copy(update={"params": RuntimeParams(**package.mapping())})


class SoakReplay:
    """The engine on the soak's market; ``run`` plays the next iteration and gives its window."""

    def __init__(self, *, settings: RunSettings, market: SoakMarket) -> None:
        self.settings = settings
        self.market = market
        tape, exchange = market.tape, settings.exchange
        self.params = zeros(Params, len(market.edges) - 1)
        for k in range(len(market.edges) - 1):
            at(self.params, k).from_ns = FOREVER
        fill_params(self.params, settings=settings, instrument=tape.instrument, from_ns=market.edges[0])
        self.replay = Replay(
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
            sample_ns=settings.soak.sample_ms * 1_000_000,
            start_ns=market.edges[0],
            stop_ns=market.edges[-1],
        )
        self.done = 0
        self._opening = self._point()
        self._first = (self._opening, self._counters())

    def run(self, package: TuningParams) -> WindowData:
        """Play the next iteration under a package and give what it left."""
        k = self.done
        fill_params(
            self.params,
            settings=with_package(self.settings, package),
            instrument=self.market.tape.instrument,
            version=k,
            from_ns=self.market.edges[k],
        )
        counts, before = self._counts(), self._counters()
        self.replay.advance(self.market.edges[k + 1] - 1, end_runs=True)
        opening, self._opening = self._opening, self._point()
        self.done += 1
        return self._window(k, k + 1, counts, opening, before)

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
        return WindowData(
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
        return {
            **{name: int(desk[name]) for name in COUNTED},
            "trades": int(self._trades()),
            "fills": int(ledger.fills),
            "maker_fills": int(ledger.maker_fills),
            "mids_held": int(ledger.mids_held),
            "exchange_rejects": int(exchange.rejects),
        }

    def _trades(self) -> int:
        """Count the tape's trades up to where the replay stands."""
        from framework.market.events import TRADE

        seen = at(self.replay.cursor, 0).exch_i
        return int(np.count_nonzero(self.market.tape.kind[:seen] == TRADE))
