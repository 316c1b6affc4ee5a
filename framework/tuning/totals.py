"""Read the tuner's measurement from a section of an edge report."""

from framework.edge.section import Section
from framework.gates.verdict import Verdict
from framework.quoting.records import BLOCK_NAMES, CONCURRENCY, MIN_INTERVAL, RISK
from framework.tuning.measure import EdgeDriver, Metric, TuningInput, block_share

COMPONENTS = {"adverse_bps": "adverse_1s_bps"}
"""Drivers whose value and interval stand in the report under another name."""


def input_from_totals(*, totals: Section, unit: str, verdict: Verdict, wall_clock: bool) -> TuningInput:
    """Build the measurement of one iteration; what the report does not know is left out.

    ``unit`` ("bps" or "u") chooses the percentiles. The feed lag counts only under the wall clock. A driver
    without an interval in the report carries no evidence; shares of blocked ticks take one from their counts
    when the report brings none.
    """
    return TuningInput(
        verdict=verdict,
        fills=totals.fills,
        unit=unit,
        net_bps=_metric(totals, "net_bps"),
        gross_bps=_metric(totals, "gross_bps"),
        net_to_gross=_metric(totals, "net_to_gross"),
        adverse_p95=_metric(totals, f"adverse_{unit}_p95"),
        slippage_p95=_metric(totals, f"slippage_{unit}_p95"),
        cancel_ratio=_metric(totals, "cancel_ratio"),
        order_age_p95_ms=_metric(totals, "order_age_p95_ms"),
        ws_lag_p95_ms=_metric(totals, "ws_lag_p95_ms") if wall_clock else None,
        block_min_interval=_block(totals, BLOCK_NAMES[MIN_INTERVAL]),
        block_concurrency=_block(totals, BLOCK_NAMES[CONCURRENCY]),
        block_risk=_block(totals, BLOCK_NAMES[RISK]),
        neg_edge_drivers=tuple(
            EdgeDriver(name, _metric(totals, COMPONENTS.get(name, name))) for name in totals.neg_edge_drivers
        ),
    )


def _metric(totals: Section, name: str) -> Metric | None:
    value, bounds = totals.value(name), totals.intervals.get(name)
    if value is None:
        return None
    return Metric(value) if bounds is None else Metric(value, bounds.lower, bounds.upper)


def _block(totals: Section, reason: str) -> Metric:
    count = totals.block_reasons[reason].count
    blocked = sum(row.count for row in totals.block_reasons.values())
    bounds = totals.intervals.get(f"block_{reason}")
    if blocked == 0 or bounds is None:
        return block_share(count=count, blocked=blocked)
    return Metric(count / blocked, bounds.lower, bounds.upper)
