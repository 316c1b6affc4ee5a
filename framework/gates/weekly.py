"""Fold several reports into the totals the weekly profile judges."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from framework.edge.quantiles import t_quantile
from framework.gates.errors import KpiError
from framework.gates.intervals import Measurement
from framework.gates.totals import Totals

MIN_REPORTS_FOR_TREND = 3


class Span(NamedTuple):
    """Say what time a report is of: its file, its symbols, UTC ns; 0 to 0 is unknown."""

    where: str
    symbols: frozenset[str]
    start_ns: int
    end_ns: int


def refuse_overlaps(spans: Sequence[Span]) -> None:
    """Raise KpiError for two reports of one symbol and one time: what they say would count twice."""
    known = sorted((span for span in spans if span.end_ns > 0), key=lambda span: span.start_ns)
    for at, later in enumerate(known):
        for earlier in known[:at]:
            same = not earlier.symbols or not later.symbols or earlier.symbols & later.symbols
            if same and later.start_ns < earlier.end_ns:
                raise KpiError(
                    f"{later.where}: is of a time that {earlier.where} is of, too; "
                    "allowed reports of different times"
                )


def weekly_totals(totals: Sequence[Totals]) -> Totals:
    """Fold the totals of several reports, oldest first: net and maker share by turnover, the worst p95.

    ``net_trend_upper_bps`` is the upper 90 % bound of the least-squares slope of net_bps per report (None
    below three reports): net is falling when even that is negative. What one report does not know is unknown.
    """
    nets = _known(t.value("net_bps") for t in totals)
    makers = _known(t.value("maker_share_pct") for t in totals)
    ages = _known(t.value("order_age_p95_ms") for t in totals)
    weights = _known(t.turnover_quote for t in totals)
    fills = [t.fills for t in totals]
    folded = {
        "net_bps": _weighted(nets, weights),
        "maker_share_pct": _weighted(makers, weights),
        "order_age_p95_ms": max(ages) if ages else None,
        "net_trend_upper_bps": _slope_upper(nets) if nets is not None else None,
    }
    return Totals(
        metrics={name: Measurement(value) for name, value in folded.items()},
        hours=math.fsum(t.hours for t in totals),
        fills=None if None in fills else sum(n for n in fills if n is not None),
    )


def _known(values: Iterable[float | None]) -> list[float] | None:
    """Return the values when every one is known."""
    known = list(values)
    return None if None in known else [value for value in known if value is not None]


def _weighted(values: Sequence[float] | None, weights: Sequence[float] | None) -> float | None:
    if values is None or weights is None:
        return None
    total = math.fsum(weights)
    return math.fsum(v * w for v, w in zip(values, weights, strict=True)) / total if total > 0.0 else None


def _slope_upper(values: Sequence[float]) -> float | None:
    n = len(values)
    if n < MIN_REPORTS_FOR_TREND:
        return None
    middle, mean = (n - 1) / 2.0, math.fsum(values) / n
    sxx = math.fsum((i - middle) ** 2 for i in range(n))
    slope = math.fsum((i - middle) * (v - mean) for i, v in enumerate(values)) / sxx
    rest = math.fsum((v - mean - slope * (i - middle)) ** 2 for i, v in enumerate(values))
    return slope + t_quantile(p=0.95, df=n - 2.0) * math.sqrt(rest / (n - 2) / sxx)
