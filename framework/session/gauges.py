"""What a bot on the wall clock tells whoever scrapes it, once a beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from framework.compiled.records import to_array
from framework.engine.snapshot import DeskSnapshot
from framework.market.records import ROUTE_NAMES, Fill
from framework.rollout.route import CANARY, REAL
from framework.session.health import GAUGE
from framework.session.reload import LiveSettings
from framework.session.replay import SoakReplay
from framework.session.status_writer import FEEDS, FeedCounts
from framework.telemetry.metrics import Metrics, Silent, serve
from framework.units import SECOND


class Gauges:
    """Tell metrics of a replay; counters rise by what came since the last beat."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._fills = self._misses = 0
        self._dropped = dict.fromkeys(FEEDS, 0)

    def tell(self, replay: SoakReplay, now: DeskSnapshot, *, health: str) -> None:
        """Tell how the desk stands."""
        assert replay.paced is not None
        misses = replay.paced.deadline_misses
        symbol = replay.market.tape.instrument.symbol
        new = to_array(Fill, replay.replay.fills[self._fills : now.fills])["route"]
        for code, route in ROUTE_NAMES.items():
            self._metrics.add("fills_total", int((new == code).sum()), symbol=symbol, route=route)
        self._metrics.add("deadline_misses_total", misses - self._misses)
        self._fills, self._misses = now.fills, misses
        self._metrics.set("position", now.position, symbol=symbol)
        self._metrics.set("tick_lag_s", replay.paced.recent_lag_ns(SECOND) / SECOND)
        self._metrics.set("bot_healthy", GAUGE[health])

    def tell_feeds(self, feeds: Mapping[str, FeedCounts]) -> None:
        """Tell how many rows of each feed were left out."""
        for feed, counts in feeds.items():
            more = counts.dropped - self._dropped[feed]
            self._metrics.add("feed_rows_dropped_total", more, feed=feed)
            self._dropped[feed] = counts.dropped

    def tell_overrides(self, live: LiveSettings, *, generation: int | None) -> None:
        """Tell which patch is in force and what waits."""
        self._metrics.set("overrides_pending", float(len(live.waiting)))
        self._metrics.set("overrides_generation", float(generation or 0))

    def tell_canary(self, replay: SoakReplay, live: LiveSettings) -> None:
        """Tell how the candidate does beside the baseline, while both trade."""
        if replay.watch is None or live.settings.rollout.mode != "canary":
            return
        tried, real = (replay.watch.record(route) for route in (CANARY, REAL))
        self._metrics.set("winrate_canary", tried.winrate_pct or 0.0)
        self._metrics.set("winrate_baseline_active", real.winrate_pct or 0.0)
        self._metrics.set("sample_canary", float(tried.lots))


def serve_metrics(port: int | None, tell: Callable[[str], None]) -> Metrics:
    """Serve metrics on a port and say where; without one they go nowhere."""
    if port is None:
        return Silent()
    served = serve(port)
    tell(f"| metrics | SERVED | http://127.0.0.1:{served.port}/metrics |")
    return served
