"""The judged metrics, one row each: reason code, words, unit, direction, and how each is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One judged metric: its reason code, words, unit, direction, and whether replay can measure it."""

    code: str
    label: str
    unit: str
    higher_is_better: bool
    wall_clock_only: bool = False
    percentile: bool = False


METRICS: dict[str, Metric] = {
    "net_bps": Metric("net", "net", "bps", True),
    "net_to_gross": Metric("net", "net share of the quoted edge", "of gross", True),
    "adverse_bps_p95": Metric("adverse", "adverse p95", "bps", False, percentile=True),
    "adverse_u_p95": Metric("adverse", "adverse p95", "unit moves", False, percentile=True),
    "slippage_bps_p95": Metric("slippage", "slippage p95", "bps", False, percentile=True),
    "slippage_u_p95": Metric("slippage", "slippage p95", "unit moves", False, percentile=True),
    "cancel_ratio": Metric("cancel", "cancel ratio", "of requests", False),
    "maker_share_pct": Metric("maker", "maker share", "%", True),
    "order_age_p95_ms": Metric("order_age", "off-target age p95", "ms", False, percentile=True),
    "ws_lag_p95_ms": Metric("ws_lag", "feed lag p95", "ms", False, wall_clock_only=True, percentile=True),
    "requests_per_fill": Metric("requests", "requests per fill", "", False),
    "net_trend_upper_bps": Metric("trend", "upper bound of the net trend", "bps per report", True),
}
