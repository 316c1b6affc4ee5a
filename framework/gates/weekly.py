"""Fold several reports into the totals the weekly profile judges."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from framework.edge.quantiles import t_quantile
from framework.gates.kpi import finite

MIN_REPORTS_FOR_TREND = 3


def weekly_totals(totals: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Fold the totals of several reports, oldest first: net and maker share by turnover, the worst p95.

    ``net_trend_upper_bps`` is the upper 90 % bound of the least-squares slope of net_bps per report (None
    below three reports): net is falling when even that is negative.
    """
    nets = [finite(t.get("net_bps")) for t in totals]
    weights = [finite(t.get("turnover_quote")) for t in totals]
    fills = [finite(t.get("fills")) for t in totals]
    ages = [finite(t.get("order_age_p95_ms")) for t in totals]
    return {
        "fills": None if None in fills else int(math.fsum(f for f in fills if f is not None)),
        "hours": math.fsum(finite(t.get("hours")) or 0.0 for t in totals),
        "net_bps": _weighted(nets, weights),
        "maker_share_pct": _weighted([finite(t.get("maker_share_pct")) for t in totals], weights),
        "order_age_p95_ms": None if None in ages or not ages else max(a for a in ages if a is not None),
        "net_trend_upper_bps": _slope_upper([n for n in nets if n is not None]) if None not in nets else None,
    }


def _weighted(values: Sequence[float | None], weights: Sequence[float | None]) -> float | None:
    if None in values or None in weights:
        return None
    total = math.fsum(w for w in weights if w is not None)
    pairs = zip(values, weights, strict=True)
    return (
        math.fsum(v * w for v, w in pairs if v is not None and w is not None) / total if total > 0.0 else None
    )


def _slope_upper(values: Sequence[float]) -> float | None:
    n = len(values)
    if n < MIN_REPORTS_FOR_TREND:
        return None
    middle, mean = (n - 1) / 2.0, math.fsum(values) / n
    sxx = math.fsum((i - middle) ** 2 for i in range(n))
    slope = math.fsum((i - middle) * (v - mean) for i, v in enumerate(values)) / sxx
    rest = math.fsum((v - mean - slope * (i - middle)) ** 2 for i, v in enumerate(values))
    return slope + t_quantile(p=0.95, df=n - 2.0) * math.sqrt(rest / (n - 2) / sxx)
