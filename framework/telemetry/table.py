"""Every metric there is: name, kind, labels, unit and meaning; what is not in the table cannot be told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric moves: only up, up and down, or as a distribution."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Metric:
    """One metric; ``labels`` gives each label the values it may have (ANY: not known beforehand).

    ``buckets`` are upper bounds.
    """

    kind: Kind
    unit: str
    help: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    buckets: tuple[float, ...] = ()


ANY: tuple[str, ...] = ()
ROUTES = ("real", "canary")
GROWING = ("trades", "audit", "ticks")
RESULTS = ("applied", "pending", "refused", "recovered")
SHORT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

TABLE: dict[str, Metric] = {
    "overrides_generation": Metric(
        Kind.GAUGE, "", "number of the overrides in force, as their file counts them"
    ),
    "overrides_reload_total": Metric(
        Kind.COUNTER, "", "patches that came, by what became of them", (("result", RESULTS),)
    ),
    "overrides_last_good_age_s": Metric(
        Kind.GAUGE, "s", "since the overrides file was last seen to be what is in force"
    ),
    "overrides_invalid": Metric(Kind.GAUGE, "", "1 while the overrides file on disk is not what is in force"),
    "overrides_pending": Metric(Kind.GAUGE, "", "values that wait until the position is nothing"),
    "reload_latency_s": Metric(
        Kind.HISTOGRAM, "s", "from a change first noticed to in force", buckets=SHORT_S
    ),
    "fills_total": Metric(Kind.COUNTER, "", "fills since the start", (("symbol", ANY), ("route", ROUTES))),
    "position": Metric(Kind.GAUGE, "base", "position, in units of the base coin", (("symbol", ANY),)),
    "tick_lag_s": Metric(
        Kind.GAUGE, "s", "worst lag of a slice of market data behind real time, over the last second"
    ),
    "deadline_misses_total": Metric(Kind.COUNTER, "", "slices served later than strategy.deadline_ms"),
    "feed_rows_dropped_total": Metric(
        Kind.COUNTER,
        "",
        "rows of a growing file that a slow or full disk left out",
        (("feed", GROWING),),
    ),
    "winrate_canary": Metric(Kind.GAUGE, "%", "closed lots of the canary that won; 0 without one: unknown"),
    "winrate_baseline_active": Metric(Kind.GAUGE, "%", "closed lots of real that won, beside a canary"),
    "sample_canary": Metric(Kind.GAUGE, "lots", "closed lots of the canary"),
    "mode_switch_total": Metric(Kind.COUNTER, "", "changes of rollout.mode while running"),
    "rollback_total": Metric(Kind.COUNTER, "", "candidates that the rollout guard took back"),
    "bot_healthy": Metric(Kind.GAUGE, "", "1 healthy, 0.5 degraded, 0 failing"),
}
"""Source of docs/telemetry.md's table; a test keeps them the same."""
