"""The kpi group: one profile of thresholds, and which profile decides."""

from typing import Literal

from framework.settings.schema.base import StrictModel, knob


class KpiLimits(StrictModel):
    """Thresholds by metric; null means the metric is not judged."""

    net_bps: float | None = knob(unit="bps of turnover", help="least net edge", default=None)
    net_to_gross: float | None = knob(
        unit="of gross", help="least share of the quoted edge kept", default=None
    )
    adverse_bps_p95: float | None = knob(
        unit="bps", help="largest 95th percentile of the 1-s loss per fill", default=None
    )
    adverse_u_p95: float | None = knob(
        unit="unit moves", help="the same in units of max(sigma of 1 s, one tick)", default=None
    )
    slippage_bps_p95: float | None = knob(
        unit="bps", help="largest 95th percentile of the drift against a resting order", default=None
    )
    slippage_u_p95: float | None = knob(
        unit="unit moves", help="the same in units of max(sigma of 1 s, one tick)", default=None
    )
    cancel_ratio: float | None = knob(
        unit="of requests", help="largest share of cancels among requests", default=None, ge=0.0, le=1.0
    )
    maker_share_pct: float | None = knob(
        unit="% of turnover", help="least share of turnover filled as maker", default=None, ge=0.0, le=100.0
    )
    order_age_p95_ms: float | None = knob(
        unit="ms", help="largest 95th percentile of off-target age", default=None, ge=0.0
    )
    ws_lag_p95_ms: float | None = knob(
        unit="ms", help="largest 95th percentile of feed lag; wall clock only", default=None, ge=0.0
    )
    requests_per_fill: float | None = knob(unit="", help="most requests sent per fill", default=None, ge=0.0)
    net_trend_upper_bps: float | None = knob(
        unit="bps per report", help="least upper bound of the trend over several reports", default=None
    )


class KpiSettings(StrictModel):
    """A KPI profile: beyond hard is FAIL, beyond soft is WARN, ideal is only shown."""

    name: str = knob(unit="", help="name of the profile, as its file is called")
    decides: str = knob(unit="", help="profile whose verdict sets the exit code")
    judge: Literal["point", "interval"] = knob(
        unit="", help="compare the value itself, or its whole 90 % interval, with a threshold"
    )
    min_fills: int = knob(unit="fills", help="fewer fills than this are INCONCLUSIVE", ge=0)
    hard: KpiLimits
    soft: KpiLimits
    ideal: KpiLimits
