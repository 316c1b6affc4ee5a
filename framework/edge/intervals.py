"""Confidence intervals of clustered, heavy-tailed trading measurements, from sums per block of time.

Fills arrive in bursts and their outcomes share one price path, so a single fill is not an observation; a
block of time is. Every interval here treats blocks as the clusters, discounts their number for
autocorrelation and for concentration (Kish, Survey Sampling, 1965, section 11.7), and is open (``None``) on a
side the evidence cannot close.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge.quantiles import beta_cdf, beta_quantile, root_between, t_quantile

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

MIN_BLOCKS = 3
"""Fewer blocks than this tell nothing about their own spread."""
MIN_EFFECTIVE = 2.0
"""Blocks worth fewer than this have no standard error: of one block alone the residual is zero."""


@dataclass(frozen=True)
class Interval:
    """A two-sided interval; ``None``: that side is open; ``n_eff``: effective number of blocks or values."""

    lower: float | None
    upper: float | None
    level: float
    n: int
    n_eff: float
    se: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the interval as plain data for a report."""
        return {
            "lower": self.lower,
            "upper": self.upper,
            "level": self.level,
            "n": self.n,
            "n_eff": self.n_eff,
            "se": self.se,
        }


def open_interval(*, level: float, n: int) -> Interval:
    """Return the interval of no evidence: open on both sides."""
    return Interval(None, None, level, n, 0.0, None)


def ratio_of_sums(*, numerator: Floats, denominator: Floats, level: float) -> Interval:
    """Bound sum(numerator) / sum(denominator) by the linearised ratio estimator over blocks.

    Both arrays hold one sum per block, in time order (Cochran, Sampling Techniques, 1977, section 6.3).
    Blocks without a denominator count: they carry numerator. Open on both sides below three blocks or at
    denominator 0.
    """
    n = len(numerator)
    total = math.fsum(denominator)
    if n < MIN_BLOCKS or not total > 0.0:
        return open_interval(level=level, n=n)
    value = math.fsum(numerator) / total
    residual = numerator - value * denominator
    n_eff = effective_blocks(residual=residual, weight=denominator)
    if n_eff < MIN_EFFECTIVE:
        return Interval(None, None, level, n, n_eff, None)
    se = math.sqrt(_variance_of_sum(residual, residual) * _inflation(residual)) / total
    half = t_quantile(p=0.5 + level / 2.0, df=n_eff - 1.0) * se
    return Interval(value - half, value + half, level, n, n_eff, se)


def share_interval(*, part: Floats, whole: Floats, units: float, level: float) -> Interval:
    """Bound sum(part) / sum(whole), a share between 0 and 1, from sums per block of time.

    Clopper and Pearson's exact interval for the effective number of events (Korn and Graubard, 1998):
    ``units`` events, fewer where blocks differ more than independent events would. So no event of n leaves an
    upper bound of about 3 / n, and no bound lies outside 0 to 1. Open on both sides below three blocks.
    """
    n, total = len(whole), math.fsum(whole)
    if n < MIN_BLOCKS or not total > 0.0 or units < 1.0:
        return open_interval(level=level, n=n)
    share = min(max(math.fsum(part) / total, 0.0), 1.0)
    residual = part - share * whole
    se = math.sqrt(_variance_of_sum(residual, residual) * _inflation(residual)) / total
    n_eff = units
    if se > 0.0:
        blocks = effective_blocks(residual=residual, weight=whole)
        if blocks < MIN_EFFECTIVE:
            return Interval(None, None, level, n, blocks, None)
        p = 0.5 + level / 2.0
        few = t_quantile(p=p, df=blocks - 1.0) / t_quantile(p=p, df=max(units - 1.0, 1.0))
        n_eff = min(units, share * (1.0 - share) / se**2 / max(1.0, few) ** 2)
    events, tail = share * n_eff, (1.0 - level) / 2.0
    lower = beta_quantile(p=tail, a=events, b=n_eff - events + 1.0) if events > 0.0 else 0.0
    upper = beta_quantile(p=1.0 - tail, a=events + 1.0, b=n_eff - events) if share < 1.0 else 1.0
    return Interval(lower, upper, level, n, n_eff, se)


def ratio_fieller(*, numerator: Floats, denominator: Floats, level: float) -> Interval:
    """Bound sum(numerator) / sum(denominator) when the denominator is itself uncertain (Fieller, 1954).

    The interval holds every k for which sum(numerator - k * denominator) does not differ from zero, so
    judging k against it equals testing numerator >= k * denominator. Open on both sides while the denominator
    is not proven positive; then the upper side is 0 when the numerator is proven negative.
    """
    n = len(numerator)
    if n < MIN_BLOCKS:
        return open_interval(level=level, n=n)
    top, bottom = math.fsum(numerator), math.fsum(denominator)
    value = top / bottom if bottom else 0.0
    residual = numerator - value * denominator
    n_eff = effective_blocks(residual=residual, weight=np.abs(denominator))
    if n_eff <= 1.0:
        return Interval(None, None, level, n, n_eff, None)
    t2 = t_quantile(p=0.5 + level / 2.0, df=n_eff - 1.0) ** 2 * _inflation(residual)
    v_nn, v_nd = _variance_of_sum(numerator, numerator), _variance_of_sum(numerator, denominator)
    v_dd = _variance_of_sum(denominator, denominator)
    a = bottom * bottom - t2 * v_dd
    if bottom <= 0.0 or a <= 0.0:
        proven_loss = top < 0.0 and top * top > t2 * v_nn
        return Interval(None, 0.0 if proven_loss else None, level, n, n_eff, None)
    b = top * bottom - t2 * v_nd
    c = top * top - t2 * v_nn
    root = math.sqrt(max(b * b - a * c, 0.0))
    half_as_se = root / a / math.sqrt(t2) if t2 > 0.0 else 0.0
    return Interval((b - root) / a, (b + root) / a, level, n, n_eff, half_as_se)


def quantile_interval(*, values: Floats, block: Ints, q: float, level: float) -> Interval:
    """Bound the q-quantile by order statistics, with the sample size discounted for clustering in blocks.

    ``block`` is the block number of each value. The design effect of the exceedances gives an effective n
    (Korn and Graubard, 1998), and exact binomial ranks for that n are read off the sorted values (Woodruff,
    1952). A side whose rank lies outside the sample is open: 30 values say nothing about the upper side of a
    95th percentile.
    """
    n = len(values)
    if n == 0:
        return open_interval(level=level, n=0)
    ordered = np.sort(values)
    n_eff = _effective_values(values=values, block=block, q=q, level=level)
    if n_eff < 1.0:
        return Interval(None, None, level, n, n_eff, None)
    tail = (1.0 - level) / 2.0
    # The rank k order statistic covers a share of the population that is Beta(k, n + 1 - k).
    low = root_between(lambda k: beta_cdf(x=q, a=k, b=n_eff + 1.0 - k) - (1.0 - tail), 1e-9, n_eff)
    high = root_between(lambda k: beta_cdf(x=q, a=k, b=n_eff + 1.0 - k) - tail, 1e-9, n_eff)
    lower = upper = None
    if low is not None and (rank := math.floor(low / n_eff * n)) >= 1:
        lower = float(ordered[rank - 1])
    if high is not None and (rank := math.ceil(high / n_eff * n - 1e-9)) <= n:
        upper = float(ordered[max(rank, 1) - 1])
    return Interval(lower, upper, level, n, n_eff, None)


def values_for_upper_bound(*, q: float, level: float) -> int:
    """Return the fewest independent values whose largest bounds the q-quantile from above."""
    return math.ceil(math.log((1.0 - level) / 2.0) / math.log(q))


def effective_blocks(*, residual: Floats, weight: Floats) -> float:
    """Return how many independent, equal blocks the residuals are worth; never more than there are.

    The least of: n discounted for lag-1 autocorrelation, Kish's n of the weights, and three times Kish's n of
    the squared residuals (a normal sample has a third, so only heavier tails cost anything).
    """
    n = float(len(residual))
    kish = float(weight.sum()) ** 2 / float((weight * weight).sum()) if np.any(weight) else 0.0
    if not np.any(residual):
        return min(n, kish)
    squared = residual * residual
    tails = 3.0 * float(squared.sum()) ** 2 / float((squared * squared).sum())
    return min(n, n / _inflation(residual), tails, kish)


def _effective_values(*, values: Floats, block: Ints, q: float, level: float) -> float:
    """Return n over the design effect, corrected for few blocks."""
    n = len(values)
    ordered = np.sort(block)  # np.unique would do, and import numpy.ma for it
    cluster = np.searchsorted(ordered[np.diff(ordered, prepend=ordered[0] - 1) > 0], block)
    clusters = int(cluster.max()) + 1
    if clusters < MIN_BLOCKS:
        return 0.0
    at = np.quantile(values, q)
    # Two indicators, because prices on a coarse tick tie and one of them may be constant.
    effect = max(_design_effect(values <= at, cluster), _design_effect(values < at, cluster))
    p = 0.5 + level / 2.0
    few = t_quantile(p=p, df=clusters - 1.0) / t_quantile(p=p, df=max(n - 1.0, 1.0))
    return n / effect / max(1.0, few) ** 2


def _design_effect(indicator: Any, cluster: Ints) -> float:
    """Return the clustered variance of a share over its variance for independent values; at least 1."""
    n, share = len(indicator), float(indicator.mean())
    if not 0.0 < share < 1.0:
        return 1.0
    deviation = np.bincount(cluster, weights=indicator.astype(np.float64) - share)
    clusters = len(deviation)
    clustered = clusters / (clusters - 1) * float((deviation * deviation).sum()) / n**2
    return max(1.0, clustered / (share * (1.0 - share) / (n - 1)))


def _inflation(residual: Floats) -> float:
    """Return (1 + r) / (1 - r) for the positive part of the lag-1 autocorrelation r, capped at r = .9."""
    centred = residual - residual.mean()
    total = float((centred * centred).sum())
    if total <= 0.0:
        return 1.0
    r = min(max(float((centred[1:] * centred[:-1]).sum()) / total, 0.0), 0.9)
    return (1.0 + r) / (1.0 - r)


def _variance_of_sum(x: Floats, y: Floats) -> float:
    n = len(x)
    return n / (n - 1) * float(((x - x.mean()) * (y - y.mean())).sum())
