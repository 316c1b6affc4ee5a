"""What the tuner is told about one iteration: values with the interval that carries their evidence."""

import math
from dataclasses import dataclass

from framework.gates.verdict import Verdict
from framework.tuning.params import TuningError

Z_90 = 1.6448536269514722
"""Normal quantile of a two-sided 90 % interval."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A measured value with the bounds of its 90 % interval; no bounds means no evidence."""

    value: float
    lo: float | None = None
    hi: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot be compared."""
        given = [self.value] + [bound for bound in (self.lo, self.hi) if bound is not None]
        if not all(math.isfinite(number) for number in given):
            raise TuningError(f"tuning: measurement {self} is not finite; leave the metric out instead")
        if self.lo is not None and self.hi is not None and self.lo > self.hi:
            raise TuningError(f"tuning: interval {self.lo} to {self.hi} is reversed; allowed lo <= hi")

    def shifted(self, by: float) -> "Metric":
        """Return the metric moved by a constant."""
        lo = None if self.lo is None else self.lo + by
        hi = None if self.hi is None else self.hi + by
        return Metric(self.value + by, lo, hi)

    def scaled(self, by: float) -> "Metric":
        """Return the metric times a positive constant."""
        lo = None if self.lo is None else self.lo * by
        hi = None if self.hi is None else self.hi * by
        return Metric(self.value * by, lo, hi)


def counted(*, count: int, total: int, z: float = Z_90) -> Metric | None:
    """Return a share with its Wilson interval; None when nothing was counted.

    The interval takes events as independent; give a metric with your own bounds where they come in bursts.
    """
    if count < 0 or total < count:
        raise TuningError(f"tuning: {count} of {total} is not a share; allowed 0 <= count <= total")
    if total == 0:
        return None
    share, z2 = count / total, z * z
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z / (1 + z2 / total) * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return Metric(share, max(0.0, centre - half), min(1.0, centre + half))


def block_share(*, count: int, blocked: int, z: float = Z_90) -> Metric:
    """Return a reason's share among blocked ticks; no blocked tick at all is a known share of zero."""
    return counted(count=count, total=blocked, z=z) or Metric(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class EdgeDriver:
    """A component that made net negative, in bps of turnover, with its interval; None: value unknown."""

    name: str
    bps: Metric | None


DRIVER_METRICS = {"slippage_bps": "driver_slippage", "adverse_bps": "driver_adverse"}
"""Names the edge report gives its drivers, and the metric under which rules ask for them."""


@dataclass(frozen=True, slots=True)
class TuningInput:
    """One iteration, measured.

    ``unit`` is the unit of ``adverse_p95`` and ``slippage_p95`` ("bps" or "u"); what is named bps is in bps
    of turnover. None means not measured (``ws_lag_p95_ms`` in replay). ``neg_edge_drivers`` come worst first.
    """

    verdict: Verdict
    fills: int
    unit: str
    net_bps: Metric | None = None
    gross_bps: Metric | None = None
    net_to_gross: Metric | None = None
    adverse_p95: Metric | None = None
    slippage_p95: Metric | None = None
    cancel_ratio: Metric | None = None
    order_age_p95_ms: Metric | None = None
    ws_lag_p95_ms: Metric | None = None
    block_min_interval: Metric | None = None
    block_concurrency: Metric | None = None
    block_risk: Metric | None = None
    neg_edge_drivers: tuple[EdgeDriver, ...] = ()


DIRECT = (
    "net_bps",
    "adverse_p95",
    "slippage_p95",
    "cancel_ratio",
    "order_age_p95_ms",
    "ws_lag_p95_ms",
    "block_min_interval",
    "block_concurrency",
)
MEASURED = (*DIRECT, "net_margin_bps", *DRIVER_METRICS.values())
"""Every metric a rule may ask for."""


def readings(
    *, measurement: TuningInput, floor_bps: float, gross_share: float, drivers: int
) -> dict[str, Metric]:
    """Return the measured metrics by the names rules use.

    ``net_margin_bps`` is net over its floor (floor_bps + gross_share x gross); only the worst ``drivers``
    components count as drivers.
    """
    measured = {name: getattr(measurement, name) for name in DIRECT}
    measured["net_margin_bps"] = net_margin(
        measurement=measurement, floor_bps=floor_bps, gross_share=gross_share
    )
    for driver in measurement.neg_edge_drivers[:drivers]:
        if driver.name in DRIVER_METRICS:
            measured[DRIVER_METRICS[driver.name]] = driver.bps
    return {name: metric for name, metric in measured.items() if metric is not None}


def net_margin(*, measurement: TuningInput, floor_bps: float, gross_share: float) -> Metric | None:
    """Return net minus its floor; None when a part of it was not measured.

    Where the floor is a share of gross alone, the interval of net_to_gross (Fieller) gives exact bounds;
    elsewhere the bounds hold whatever the correlation of net and gross.
    """
    net, gross, ratio = measurement.net_bps, measurement.gross_bps, measurement.net_to_gross
    if net is None:
        return None
    if (
        floor_bps == 0.0
        and gross_share > 0.0
        and ratio is not None
        and gross is not None
        and gross.value > 0.0
    ):
        return ratio.shifted(-gross_share).scaled(gross.value)
    return margin_over(net=net, gross=gross, floor_bps=floor_bps, gross_share=gross_share)


def margin_over(*, net: Metric, gross: Metric | None, floor_bps: float, gross_share: float) -> Metric | None:
    """Return net minus (floor_bps + gross_share x gross), with bounds that hold whatever their correlation.

    None when a share of gross is asked for and gross was not measured.
    """
    if gross_share == 0.0:
        return net.shifted(-floor_bps)
    if gross is None:
        return None
    value = net.value - floor_bps - gross_share * gross.value
    if net.lo is None or net.hi is None or gross.lo is None or gross.hi is None:
        return Metric(value)
    return Metric(
        value,
        net.lo - floor_bps - gross_share * gross.hi,
        net.hi - floor_bps - gross_share * gross.lo,
    )
