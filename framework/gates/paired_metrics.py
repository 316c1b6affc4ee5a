"""What the paired gate compares, one row a metric, and how its block sums become a claim about a mean.

Every claim reads "the candidate is good enough" as mean(x) > 0 over blocks:

- a sum (net, turnover) or a value per block (mean square of the position, drawdown, mean off-target age): x
  is the bare difference to what is allowed. Ages are means per block, for by the number of requests a few
  hectic minutes would decide alone;
- a ratio of sums (adverse per turnover, requests per fill): x is the difference of the two ratios' influence
  values (delta method; Cochran, Sampling Techniques, 1977, section 6.3), R + (N - R D) /
  mean(D) for R = sum(N) / sum(D).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from framework.gates.paired import Bools, Claim, EvidenceRules, Floats, PairedSample, judge_claim

BPS = 1e4
Sums = Mapping[str, Floats]
"""Name of a block sum -> its values, one a block; the columns below."""
COLUMNS = (
    "turnover", "net", "net_marked", "gross", "adverse", "requests", "fills", "quoted_s", "off_target",
    "position_sq", "drawdown",
)  # fmt: skip


class Kind(Enum):
    """How the block sums of a metric become x."""

    NET = "net"
    FLOOR = "floor"
    RATIO = "ratio"
    MEAN = "mean"
    ROOT = "root"


@dataclass(frozen=True)
class PairedMetric:
    """One metric: its words and columns; its margin is a share of the baseline (relative) or in ``unit``."""

    label: str
    unit: str
    kind: Kind
    column: str
    per: str | None = None
    scale: float = 1.0
    relative: bool = True


METRICS: dict[str, PairedMetric] = {
    "net": PairedMetric("markout net", "bps", Kind.NET, "net", "turnover", BPS, relative=False),
    "turnover": PairedMetric("turnover", "quote", Kind.FLOOR, "turnover"),
    "adverse": PairedMetric(
        "adverse 1 s less edge", "bps", Kind.RATIO, "adverse", "turnover", BPS, relative=False
    ),
    "drawdown": PairedMetric("drawdown in a block", "quote", Kind.MEAN, "drawdown"),
    "rms_inventory": PairedMetric("RMS inventory", "quote", Kind.ROOT, "position_sq"),
    "requests": PairedMetric("requests per quoted hour", "", Kind.RATIO, "requests", "quoted_s", 3_600.0),
    "off_target": PairedMetric("time off target", "%", Kind.MEAN, "off_target"),
}
RISK = ("adverse", "drawdown", "rms_inventory", "requests", "off_target")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What one metric did: both arms' values, candidate - baseline with its interval, margin, and the claim.

    ``effect``, ``low`` and ``high`` are in ``unit``, or shares of the baseline where ``relative``; an open
    side is None, a value nothing was measured for too. ``hours_needed`` is the tape that would decide it in
    all.
    """

    metric: str
    unit: str
    relative: bool
    base: float | None
    candidate: float | None
    effect: float | None
    low: float | None
    high: float | None
    margin: float
    claim: Claim
    hours_needed: float | None


@dataclass(frozen=True)
class Pair:
    """Two arms over the same blocks, and what the candidate may be worse by in one metric.

    ``margin`` is in the unit of net and adverse (0 asks net to be better), a share of the baseline elsewhere;
    of turnover the share that may be missing. ``starts`` marks the blocks that begin a tape.
    """

    metric: str
    base: Sums
    candidate: Sums
    margin: float
    starts: Bools | None = None

    @property
    def spec(self) -> PairedMetric:
        """Return the metric's row of the table."""
        return METRICS[self.metric]

    def both(self, column: str) -> tuple[Floats, Floats]:
        """Return a column of the baseline and of the candidate."""
        return self.base[column], self.candidate[column]


def compare(*, pair: Pair, rules: EvidenceRules, alpha: float, block_hours: float) -> Effect:
    """Compare one metric of two arms."""
    spec, reading = pair.spec, _READINGS[pair.spec.kind](pair)
    sample = paired_sample(pair)
    claim = judge_claim(sample=sample, rules=rules, alpha=alpha, reach=reading.reach)
    known = math.isfinite(reading.base) and math.isfinite(reading.candidate)
    bounds = (reading.effect(claim.mean), reading.effect(claim.upper), reading.effect(claim.lower))
    effect, low, high = bounds if known else (None, None, None)
    blocks = claim.blocks_needed
    return Effect(
        metric=pair.metric,
        unit=spec.unit,
        relative=spec.relative,
        base=reading.base if math.isfinite(reading.base) else None,
        candidate=reading.candidate if math.isfinite(reading.candidate) else None,
        # More of x is a lower cost, but a higher net or turnover.
        effect=effect,
        low=high if spec.kind in (Kind.NET, Kind.FLOOR) else low,
        high=low if spec.kind in (Kind.NET, Kind.FLOOR) else high,
        margin=pair.margin,
        claim=claim,
        hours_needed=None if blocks is None else blocks * block_hours,
    )


def paired_sample(pair: Pair) -> PairedSample:
    """Return x, the bare differences and the baseline's own values per block, blocks along the last axis."""
    spec = pair.spec
    if spec.kind is Kind.RATIO:
        assert spec.per is not None
        r_base, own = _influence(pair.base[spec.column], pair.base[spec.per], spec.scale)
        r_candidate, u_candidate = _influence(
            pair.candidate[spec.column], pair.candidate[spec.per], spec.scale
        )
        grown, more = allowed_ratio(metric=pair.metric, margin=pair.margin)
        # Empty blocks of both arms differ by 0.
        differences = u_candidate - own
        values = grown * (r_base + own) + more - (r_candidate + u_candidate)
    else:
        own, other = pair.both(spec.column)
        differences = other - own
        values = _plain_values(pair)
    return PairedSample(
        values=values,
        differences=differences,
        baseline=own,
        starts=pair.starts,
        with_floor=spec.kind is not Kind.NET,
    )


def allowed_ratio(*, metric: str, margin: float) -> tuple[float, float]:
    """Return (a, b) of the ratio a x baseline + b that a candidate may have."""
    return (1.0 + margin, 0.0) if METRICS[metric].relative else (1.0, margin)


def _plain_values(pair: Pair) -> Floats:
    spec, (b, c) = pair.spec, pair.both(pair.spec.column)
    if spec.kind is Kind.NET:
        assert spec.per is not None
        # One denominator for both arms.
        return c - b + pair.margin / spec.scale * pair.base[spec.per]
    if spec.kind is Kind.FLOOR:
        return c - (1.0 - pair.margin) * b
    return _allowed(pair) * b - c


def _allowed(pair: Pair) -> float:
    """Return what the mean of a cost may grow to; a root mean square is compared by its squares."""
    return float((1.0 + pair.margin) ** 2 if pair.spec.kind is Kind.ROOT else 1.0 + pair.margin)


@dataclass(frozen=True)
class _Reading:
    """Both arms' values, the mean of x at an equal candidate, and how mean(x) reads as an effect."""

    base: float
    candidate: float
    reach: float
    unit_of_x: float
    offset: float
    sign: float
    root: bool = False

    def effect(self, mean: float | None) -> float | None:
        """Turn a mean of x into candidate - baseline, in the metric's unit or as a share of the baseline."""
        if mean is None or not self.unit_of_x > 0.0 or not math.isfinite(mean):
            return None
        plain = self.sign * (mean / self.unit_of_x - self.offset)
        if not self.root:
            return plain
        return math.sqrt(max(1.0 + plain, 0.0)) - 1.0


def _net(pair: Pair) -> _Reading:
    spec, margin = pair.spec, pair.margin
    assert spec.per is not None
    own = _mean(pair.base[spec.per]) / spec.scale
    return _Reading(
        base=_over(_mean(pair.base[spec.column]), own),
        candidate=_over(_mean(pair.candidate[spec.column]), own),
        reach=margin * own,
        unit_of_x=own,
        offset=margin,
        sign=1.0,
    )


def _floor(pair: Pair) -> _Reading:
    spec, margin = pair.spec, pair.margin
    at_base = _mean(pair.base[spec.column])
    return _Reading(
        base=at_base,
        candidate=_mean(pair.candidate[spec.column]),
        reach=margin * at_base,
        unit_of_x=at_base,
        offset=margin,
        sign=1.0,
    )


def _per_block(pair: Pair) -> _Reading:
    spec = pair.spec
    root = spec.kind is Kind.ROOT
    allowed = _allowed(pair)
    at_base, at_candidate = _mean(pair.base[spec.column]), _mean(pair.candidate[spec.column])
    return _Reading(
        base=math.sqrt(at_base) if root and at_base >= 0.0 else at_base,
        candidate=math.sqrt(at_candidate) if root and at_candidate >= 0.0 else at_candidate,
        reach=(allowed - 1.0) * at_base,
        unit_of_x=at_base,
        offset=allowed - 1.0,
        sign=-1.0,
        root=root,
    )


def _ratio(pair: Pair) -> _Reading:
    spec, margin = pair.spec, pair.margin
    assert spec.per is not None
    at_base, _ = _influence(pair.base[spec.column], pair.base[spec.per], spec.scale)
    at_candidate, _ = _influence(pair.candidate[spec.column], pair.candidate[spec.per], spec.scale)
    return _Reading(
        base=float(at_base),
        candidate=float(at_candidate),
        reach=margin * float(at_base) if spec.relative else margin,
        unit_of_x=float(at_base) if spec.relative else 1.0,
        offset=margin,
        sign=-1.0,
    )


_READINGS: dict[Kind, Callable[[Pair], _Reading]] = {
    Kind.NET: _net,
    Kind.FLOOR: _floor,
    Kind.MEAN: _per_block,
    Kind.ROOT: _per_block,
    Kind.RATIO: _ratio,
}


def _influence(top: Floats, bottom: Floats, scale: float) -> tuple[Any, Floats]:
    """Return the ratio of sums and each block's influence on it; NaN without a denominator."""
    total = np.asarray(_total(bottom))
    safe = np.where(total > 0.0, total, math.nan)
    ratio = scale * _total(top) / safe
    return ratio, (scale * top - ratio * bottom) / (safe / max(bottom.shape[-1], 1))


def _total(values: Floats) -> Any:
    return math.fsum(values) if values.ndim == 1 else values.sum(axis=-1, keepdims=True)


def _mean(values: Floats) -> float:
    return math.fsum(values) / len(values) if len(values) else math.nan


def _over(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0.0 else math.nan
