"""Read the tuner's measurement from the totals of an edge report."""

import math
from collections.abc import Mapping
from typing import Any

from framework.gates.intervals import Measurement
from framework.gates.verdict import Verdict
from framework.tuning.measure import EdgeDriver, Metric, TuningInput, block_share

COMPONENTS = {"slippage_bps": "slippage_bps", "adverse_bps": "adverse_1s_bps"}
"""Names of drivers, and of the totals (and intervals) that hold their value."""


def input_from_totals(
    *, totals: Mapping[str, Any], unit: str, verdict: Verdict, wall_clock: bool
) -> TuningInput:
    """Build the measurement of one iteration; what the totals do not hold is left out.

    ``unit`` ("bps" or "u") chooses the percentiles. The feed lag counts only under the wall clock. A driver
    without an interval in the totals carries no evidence; shares of blocked ticks take one from their counts
    when the totals bring none.
    """
    count = finite(totals.get("fills"))
    return TuningInput(
        verdict=verdict,
        fills=int(count or 0),
        unit=unit,
        net_bps=_metric(totals, "net_bps"),
        gross_bps=_metric(totals, "gross_bps"),
        net_to_gross=_metric(totals, "net_to_gross"),
        adverse_p95=_metric(totals, f"adverse_{unit}_p95"),
        slippage_p95=_metric(totals, f"slippage_{unit}_p95"),
        cancel_ratio=_metric(totals, "cancel_ratio"),
        order_age_p95_ms=_metric(totals, "order_age_p95_ms"),
        ws_lag_p95_ms=_metric(totals, "ws_lag_p95_ms") if wall_clock else None,
        block_min_interval=_block(totals, "min_interval"),
        block_concurrency=_block(totals, "concurrency"),
        block_risk=_block(totals, "risk"),
        neg_edge_drivers=tuple(
            EdgeDriver(name, _metric(totals, COMPONENTS.get(name, name)))
            for name in totals.get("neg_edge_drivers", ())
        ),
    )


def _metric(totals: Mapping[str, Any], name: str) -> Metric | None:
    found = measurement(totals, name)
    return None if found.value is None else Metric(found.value, found.lower, found.upper)


def _block(totals: Mapping[str, Any], reason: str) -> Metric | None:
    reasons = totals.get("block_reasons")
    if not reasons:
        return None
    count = int(reasons[reason]["count"])
    blocked = sum(int(row["count"]) for row in reasons.values())
    name = f"block_{reason}"
    if blocked == 0 or name not in (totals.get("intervals") or {}):
        return block_share(count=count, blocked=blocked)
    bounds = measurement(totals, name)
    return Metric(count / blocked, bounds.lower, bounds.upper)


def measurement(totals: Mapping[str, Any], name: str) -> Measurement:
    """Read a metric and its interval."""
    interval = (totals.get("intervals") or {}).get(name) or {}
    lower, upper, n_eff = (finite(interval.get(key)) for key in ("lower", "upper", "n_eff"))
    return Measurement(finite(totals.get(name)), lower, upper, n_eff)


def finite(value: Any) -> float | None:
    """Return a finite number as a float, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
