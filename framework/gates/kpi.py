"""Judge the totals of an edge report against a profile of KPI thresholds; the metrics are rows of a table.

A hard limit missed is FAIL and not decided is INCONCLUSIVE; a soft limit missed or not proven is WARN. A
metric that is absent is INCONCLUSIVE: no evidence is never a pass.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from framework.edge.intervals import values_for_upper_bound
from framework.gates.intervals import Measurement, Standing, hours_to_tell, stand_on_interval, stand_on_value
from framework.gates.verdict import Verdict, combine


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


@dataclass(frozen=True)
class Profile:
    """The thresholds of one profile: beyond ``hard`` is FAIL, beyond ``soft`` WARN; ``ideal`` is shown."""

    name: str
    judge: Literal["point", "interval"]
    min_fills: int
    hard: Mapping[str, float]
    soft: Mapping[str, float] = field(default_factory=dict)
    ideal: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class RowVerdict:
    """The verdict on one metric of a profile."""

    metric: str
    measured: Measurement
    hard: float | None
    soft: float | None
    ideal: float | None
    verdict: Verdict
    note: str
    hours_needed: float | None = None
    applies: bool = True


@dataclass(frozen=True)
class ProfileVerdict:
    """The verdict of one profile with every row, and the hours of tape that would decide what is open."""

    profile: Profile
    verdict: Verdict
    reasons: tuple[str, ...]
    rows: tuple[RowVerdict, ...]
    few_fills: bool
    fills: int | None
    hours_needed: float | None


def profile_from(values: Mapping[str, Any]) -> Profile:
    """Make a profile from plain settings (name, judge, min_fills, hard, soft, ideal) without null limits."""
    limits = {
        kind: {k: float(v) for k, v in values[kind].items() if v is not None}
        for kind in ("hard", "soft", "ideal")
    }
    return Profile(name=values["name"], judge=values["judge"], min_fills=values["min_fills"], **limits)


def judge_totals(*, totals: Mapping[str, Any], profile: Profile, wall_clock: bool) -> ProfileVerdict:
    """Judge the totals of an edge report against one profile."""
    named = [m for m in METRICS if m in profile.hard or m in profile.soft]
    hours = finite(totals.get("hours")) or 0.0
    rows = tuple(_judge_row(name, totals, profile, hours=hours, wall_clock=wall_clock) for name in named)
    count = finite(totals.get("fills"))
    few = profile.min_fills > 0 and (count is None or count < profile.min_fills)
    live = [r for r in rows if r.applies]
    verdict = Verdict.INCONCLUSIVE if few else combine(r.verdict for r in live)
    reasons = list(
        dict.fromkeys(f"EDGE:{METRICS[r.metric].code}" for r in live if r.verdict is not Verdict.PASS)
    )
    if few:
        reasons.insert(0, "EDGE:fills")
        needed = hours * profile.min_fills / count if count and hours else None
    else:
        undecided = [r for r in live if verdict is Verdict.INCONCLUSIVE and r.verdict is verdict]
        estimates = [r.hours_needed for r in undecided if r.hours_needed is not None]
        needed = max(estimates, default=None)
    return ProfileVerdict(
        profile, verdict, tuple(reasons), rows, few, None if count is None else int(count), needed
    )


def measurement(totals: Mapping[str, Any], name: str) -> Measurement:
    """Read a metric and its interval from the totals of a report; what is absent or not finite is None."""
    interval = (totals.get("intervals") or {}).get(name) or {}
    return Measurement(
        value=finite(totals.get(name)),
        lower=finite(interval.get("lower")),
        upper=finite(interval.get("upper")),
        n_eff=finite(interval.get("n_eff")),
    )


def _judge_row(
    name: str, totals: Mapping[str, Any], profile: Profile, *, hours: float, wall_clock: bool
) -> RowVerdict:
    metric, measured = METRICS[name], measurement(totals, name)
    hard, soft, ideal = profile.hard.get(name), profile.soft.get(name), profile.ideal.get(name)
    row = RowVerdict(name, measured, hard, soft, ideal, Verdict.PASS, "met")
    if metric.wall_clock_only and not wall_clock:
        return replace(row, applies=False, verdict=Verdict.INCONCLUSIVE, note="not measured in replay")
    stand = stand_on_value if profile.judge == "point" else stand_on_interval
    outcomes = [
        (verdict_of[standing], standing, limit, kind)
        for kind, limit, verdict_of in (("limit", hard, _HARD), ("target", soft, _SOFT))
        if limit is not None
        for standing in (stand(measured=measured, limit=limit, higher_is_better=metric.higher_is_better),)
    ]
    verdict = combine(v for v, *_ in outcomes)
    standing, limit, kind = next((s, x, k) for v, s, x, k in outcomes if v is verdict)
    needed = None
    if standing is Standing.UNPROVEN:
        needed = hours_to_tell(
            measured=measured,
            limit=limit,
            hours=hours,
            higher_is_better=metric.higher_is_better,
            values_needed=values_for_upper_bound(q=0.95, level=0.90) if metric.percentile else None,
        )
    note = "met" if standing is Standing.MET else f"{kind} {limit:g} {standing.value}"
    return replace(row, verdict=verdict, note=note, hours_needed=needed)


_HARD = {
    Standing.MET: Verdict.PASS,
    Standing.MISSED: Verdict.FAIL,
    Standing.UNPROVEN: Verdict.INCONCLUSIVE,
    Standing.UNKNOWN: Verdict.INCONCLUSIVE,
}
_SOFT = {
    Standing.MET: Verdict.PASS,
    Standing.MISSED: Verdict.WARN,
    Standing.UNPROVEN: Verdict.WARN,
    Standing.UNKNOWN: Verdict.INCONCLUSIVE,
}


def finite(value: Any) -> float | None:
    """Return a finite number as a float, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
