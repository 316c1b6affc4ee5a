"""What a gate is told of a run, and how a report's file says it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framework.edge.section import Section
from framework.gates.errors import KpiError
from framework.gates.intervals import Measurement
from framework.gates.metrics import METRICS

UNKNOWN = Measurement(None)


@dataclass(frozen=True)
class Loss:
    """A component that lost money, in bps of turnover (negative)."""

    driver: str
    bps: float


@dataclass(frozen=True)
class Totals:
    """The metrics of a run with their intervals, and what explains a loss; ``losses`` come worst first.

    A metric that is absent was not measured; ``fills`` None: the report does not say on how many it rests.
    """

    metrics: Mapping[str, Measurement]
    hours: float = 0.0
    fills: int | None = None
    turnover_quote: float | None = None
    gross_bps: float | None = None
    losses: tuple[Loss, ...] = ()
    idle: Mapping[str, str] = field(default_factory=dict)
    """Metrics that nothing in the run puts to the test, with why: meeting their limit proves nothing."""

    def measured(self, name: str) -> Measurement:
        """Return a metric with its interval; without a value when it was not measured."""
        return self.metrics.get(name, UNKNOWN)

    def value(self, name: str) -> float | None:
        """Return a metric alone."""
        return self.measured(name).value


def totals_of(section: Section) -> Totals:
    """Return what a gate is told of a section."""

    def measurement(name: str) -> Measurement:
        bounds = section.intervals.get(name)
        value = section.value(name)
        return (
            Measurement(value)
            if bounds is None
            else Measurement(value, bounds.lower, bounds.upper, bounds.n_eff)
        )

    costs = section.cost_ranking
    return Totals(
        metrics={name: measurement(name) for name in METRICS},
        hours=section.hours,
        fills=section.fills,
        turnover_quote=section.turnover_quote,
        gross_bps=section.value("gross_bps"),
        losses=tuple(Loss(cost.driver, cost.bps) for cost in costs if cost.bps is not None),
        idle=_idle(sent=section.requests.total, cancelled=section.requests.cancel),
    )


def _idle(*, sent: float | None, cancelled: float | None) -> dict[str, str]:
    return {"cancel_ratio": "no request was a cancel"} if sent and cancelled == 0 else {}


def parse_totals(data: Any, *, where: str) -> Totals:
    """Read the totals of a report; what is absent or null is unknown. Raises KpiError with ``where``."""
    rows = _object(data, "totals", where)
    intervals = _object(rows.get("intervals"), "totals.intervals", where)

    def measurement(name: str) -> Measurement:
        path = f"totals.intervals.{name}"
        interval = _object(intervals.get(name), path, where)
        lower, upper, n_eff = (_number(interval, key, path, where) for key in ("lower", "upper", "n_eff"))
        return Measurement(_number(rows, name, "totals", where), lower, upper, n_eff)

    fills = _number(rows, "fills", "totals", where)
    requests = _object(rows.get("requests"), "totals.requests", where)
    sent, cancelled = (_number(requests, key, "totals.requests", where) for key in ("total", "cancel"))
    return Totals(
        metrics={name: measurement(name) for name in METRICS},
        hours=_number(rows, "hours", "totals", where) or 0.0,
        fills=None if fills is None else int(fills),
        turnover_quote=_number(rows, "turnover_quote", "totals", where),
        gross_bps=_number(rows, "gross_bps", "totals", where),
        losses=_losses(rows.get("cost_ranking"), where),
        idle=_idle(sent=sent, cancelled=cancelled),
    )


def _losses(ranking: Any, where: str) -> tuple[Loss, ...]:
    path = "totals.cost_ranking"
    if ranking is not None and not isinstance(ranking, list):
        raise KpiError(f"{where}: {path} is a {type(ranking).__name__}; allowed a list of objects, or null")
    rows = [_object(row, path, where) for row in ranking or ()]
    known = [(str(row.get("driver")), _number(row, "bps", path, where)) for row in rows]
    return tuple(Loss(driver, bps) for driver, bps in known if bps is not None)


def _object(value: Any, path: str, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise KpiError(f"{where}: {path} is a {type(value).__name__}; allowed an object, or null")
    return value


def _number(rows: Mapping[str, Any], name: str, path: str, where: str) -> float | None:
    value = rows.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise KpiError(f"{where}: {path}.{name} is {value!r}; allowed a finite number, or null")
    return float(value)
