"""Paired evidence: is the mean of a difference per block of tape above zero, whenever one looks?

Two arms replay the same tape, so a block of time gives a pair and their difference x is one observation. The
claim "mean(x) > 0" is tested by the one-sided asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha,
Kennedy and Ramdas ("Time-uniform central limit theory and asymptotic confidence sequences", Annals of
Statistics 52, 2024, section B.2): with n blocks,

    lower = mean - sd sqrt(2 (n rho^2 + 1) / (n rho)^2 log(1 + sqrt(n rho^2 + 1) / (2 alpha)))

holds at every n at once, so looking again when more tape has arrived costs nothing. Its asymptotics are
guarded three ways, each calibrated in docs/gate-calibration.md:

- the standard deviation is inflated for the autocorrelation of ``LAGS`` blocks and never below ``sd_floor``
  times that of the baseline's own blocks: differences that look quiet may hide a rare large one;
- nothing is proven before the differences are worth ``min_effective_blocks`` equal ones (Kish);
- nor while one block holds more than ``top_block_share`` of their squares.

Net, which decides a promotion, is held to all three as they stand. The metrics that only guard it (turnover
and risk, ``with_floor``) count the floor's noise as a difference in every block, for their margins are wide,
and need ``FLOORED`` times the blocks.

The same functions run along the last axis of whole arrays of samples, so what calibrates the gate is the
gate. Everything is scale-free: multiplying all money by a constant changes no decision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

GATE_VERSION = "paired-4"
"""Changes with anything that could change a verdict; evidence is bound to it."""
LARGEST_AUTOCORRELATION = 0.9
LAGS = 10
"""Blocks that one may still remind of: volatility comes in hours."""
FLOORED = 3.0
"""A metric whose evidence the floor fills up in every block needs so many times the effective blocks."""


@dataclass(frozen=True, kw_only=True)
class EvidenceRules:
    """What the differences must be before they prove anything, and the alpha the bound is tuned for."""

    alpha: float = 0.005
    min_effective_blocks: float = 50.0
    top_block_share: float = 0.10
    sd_floor: float = 0.5

    def least(self, sample: PairedSample) -> float:
        """Return how many effective blocks a claim needs before it proves anything."""
        return self.min_effective_blocks * (FLOORED if sample.with_floor else 1.0)

    @property
    def rho(self) -> float:
        """Return the parameter that makes the bound tightest at the smallest sample that may prove."""
        log = -2.0 * math.log(2.0 * self.alpha)
        return math.sqrt((log + math.log(log + 1.0)) / self.min_effective_blocks)


@dataclass(frozen=True, kw_only=True)
class PairedSample:
    """One claim per block, time along the last axis: it says that the mean of ``values`` is above zero.

    ``differences`` are the bare differences candidate - baseline (exactly 0 where both did the same) that
    evidence is counted in, ``baseline`` the baseline's own block values of the same kind. ``starts`` marks
    the first block of each tape; None: one tape. ``with_floor`` counts the noise that the floor assumes in
    every block as a difference: of a change that is small beside that noise it does not matter where it lies.
    """

    values: Floats
    differences: Floats
    baseline: Floats
    starts: Bools | None = None
    with_floor: bool = False


@dataclass(frozen=True)
class Moments:
    """What a claim rests on after n blocks; arrays when they run along the last axis."""

    n: Any
    mean: Any
    sd: Any
    n_eff: Any
    top_share: Any
    enough: Any


def running_moments(*, sample: PairedSample, rules: EvidenceRules) -> Moments:
    """Return the moments after each block, along the last axis."""
    x = np.asarray(sample.values, dtype=np.float64)
    n = np.arange(1, x.shape[-1] + 1, dtype=np.float64)
    mean = np.cumsum(x, axis=-1) / n
    spread = _running_variance(x) * _running_inflation(x, sample.starts)
    own = np.where(n > 1.0, _running_variance(np.asarray(sample.baseline, dtype=np.float64)), 0.0)
    squares = sample.differences * sample.differences
    if sample.with_floor and x.shape[-1] > 1:
        squares = squares + rules.sd_floor**2 * np.var(sample.baseline, axis=-1, ddof=1, keepdims=True)
    total = np.cumsum(squares, axis=-1)
    some = total > 0.0
    safe = np.where(some, total, 1.0)
    n_eff = np.where(some, np.cumsum(np.sqrt(squares), axis=-1) ** 2 / safe, 0.0)
    top = np.where(some, np.maximum.accumulate(squares, axis=-1) / safe, 1.0)
    sd = np.sqrt(np.maximum(spread, rules.sd_floor**2 * own))
    enough = (n_eff >= rules.least(sample)) & (top <= rules.top_block_share)
    # A NaN anywhere makes every later sum NaN, and NaN proves nothing.
    enough &= np.isfinite(mean) & np.isfinite(sd)
    return Moments(n, mean, sd, n_eff, top, enough)


def moments(*, sample: PairedSample, rules: EvidenceRules) -> Moments:
    """Return the moments after the last block, as plain numbers; of no blocks, those of no evidence."""
    if not np.shape(sample.values)[-1]:
        return Moments(0, math.nan, math.nan, 0.0, 1.0, False)
    run = running_moments(sample=sample, rules=rules)
    mean, sd, n_eff, top = (float(part[-1]) for part in (run.mean, run.sd, run.n_eff, run.top_share))
    return Moments(int(run.n[-1]), mean, sd, n_eff, top, bool(run.enough[-1]))


def width(*, n: Any, alpha: float, rho: float) -> Any:
    """Return the half-width of the one-sided bound at level alpha, in standard deviations of one block."""
    spread = n * rho**2 + 1.0
    return np.sqrt(2.0 * spread / (n * rho) ** 2 * np.log1p(np.sqrt(spread) / (2.0 * alpha)))


def p_values(measured: Moments, *, rho: float) -> tuple[Any, Any]:
    """Return the levels at which "mean > 0" and "mean < 0" are just proven at every n so far looked at.

    The one-sided bound solved for alpha; 1 where the mean lies on the wrong side or the evidence is not
    enough.
    """
    spread = measured.n * rho**2 + 1.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponent = (measured.n * rho * np.asarray(measured.mean) / np.asarray(measured.sd)) ** 2 / (
            2.0 * spread
        )
        p = np.minimum(np.sqrt(spread) / (2.0 * np.expm1(np.minimum(exponent, 700.0))), 1.0)
    # Without any spread a mean off zero is certain; nan compares false everywhere else.
    certain = (np.asarray(measured.sd) == 0.0) & (np.asarray(measured.mean) != 0.0)
    p = np.where(certain, 0.0, np.where(np.isfinite(p), p, 1.0))
    above = np.where(measured.enough & (np.asarray(measured.mean) > 0.0), p, 1.0)
    below = np.where(measured.enough & (np.asarray(measured.mean) < 0.0), p, 1.0)
    return above, below


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The standing of "mean(x) > 0": p-values either way, an interval with both sides at alpha, and power.

    ``lower`` and ``upper`` are None without enough evidence. ``power`` is the chance to prove the claim with
    as many blocks when the true mean is ``reach``; ``blocks_needed`` how many would decide it either way if
    the mean stays what it is (None: no number would).
    """

    n: int
    n_eff: float
    top_share: float
    mean: float
    sd: float
    enough: bool
    p_above: float
    p_below: float
    lower: float | None
    upper: float | None
    power: float | None
    blocks_needed: int | None

    def above(self, *, alpha: float) -> bool:
        """Tell whether "mean > 0" is proven at alpha."""
        return self.p_above <= alpha

    def below(self, *, alpha: float) -> bool:
        """Tell whether "mean < 0" is proven at alpha."""
        return self.p_below <= alpha


def judge_claim(*, sample: PairedSample, rules: EvidenceRules, alpha: float, reach: float) -> Claim:
    """Test a claim on all blocks at level alpha; ``reach`` is the mean at which its power is asked."""
    measured = moments(sample=sample, rules=rules)
    least = rules.least(sample)
    above, below = (float(p) for p in p_values(measured, rho=rules.rho))
    known = measured.n > 0 and all(
        math.isfinite(part) for part in (measured.mean, measured.sd, measured.n_eff)
    )
    half = float(width(n=measured.n, alpha=alpha, rho=rules.rho)) * measured.sd if known else math.nan
    return Claim(
        n=measured.n,
        n_eff=measured.n_eff if math.isfinite(measured.n_eff) else 0.0,
        top_share=measured.top_share if math.isfinite(measured.top_share) else 1.0,
        mean=measured.mean,
        sd=measured.sd,
        enough=measured.enough,
        p_above=above,
        p_below=below,
        lower=measured.mean - half if measured.enough else None,
        upper=measured.mean + half if measured.enough else None,
        power=power_at(reach=reach, sd=measured.sd, n=measured.n, alpha=alpha, rules=rules, least=least)
        if known
        else None,
        blocks_needed=_blocks_needed(measured, rules=rules, alpha=alpha, least=least) if known else None,
    )


def power_at(
    *, reach: float, sd: float, n: int, alpha: float, rules: EvidenceRules, least: float | None = None
) -> float:
    """Return the chance that n blocks prove a mean of ``reach``, for a normal mean of known spread.

    Fewer than ``least`` (None: the rules' own) prove nothing.
    """
    if n < (rules.min_effective_blocks if least is None else least):
        return 0.0
    if sd <= 0.0:
        return 1.0 if reach > 0.0 else 0.0
    error = sd / math.sqrt(n)
    z = (reach - sd * float(width(n=n, alpha=alpha, rho=rules.rho))) / error
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _blocks_needed(measured: Moments, *, rules: EvidenceRules, alpha: float, least: float) -> int | None:
    """Extrapolate: the mean, the spread and the share of blocks that differ stay what they are."""
    if measured.n_eff <= 0.0 or measured.mean == 0.0:
        return None
    decided = _fewest(
        lambda n: measured.sd * float(width(n=n, alpha=alpha, rho=rules.rho)) <= abs(measured.mean)
    )
    if decided is None:
        return None
    effective = math.ceil(measured.n * least / measured.n_eff)
    spread_out = math.ceil(measured.n * measured.top_share / rules.top_block_share)
    return int(max(decided, effective, spread_out))


def _fewest(reached: Callable[[int], bool], *, most: int = 1 << 40) -> int | None:
    """Return the smallest n from 1 that reaches, by doubling and bisection of a monotone condition."""
    high = 1
    while not reached(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _running_variance(x: Floats) -> Floats:
    """Return the unbiased variance of the first n values, for each n; infinite for one value."""
    n = np.arange(1, x.shape[-1] + 1, dtype=np.float64)
    # Centred on the whole first: the running sums then lose no digits to a large mean.
    y = x - x.mean(axis=-1, keepdims=True)
    mean = np.cumsum(y, axis=-1) / n
    squares = np.maximum(np.cumsum(y * y, axis=-1) - n * mean * mean, 0.0)
    return np.where(n > 1.0, squares / np.maximum(n - 1.0, 1.0), np.inf)


def _running_inflation(x: Floats, starts: Bools | None) -> Floats:
    """Return what dependence multiplies the variance of a mean of the first n values by, at least 1.

    The larger of 1 + 2 (r_1 + ... + r_LAGS) and, from r_1 alone, that of a first-order autoregression: what
    lasts shows in the sum, what few values show in r_1. The last block of one tape and the first of the next
    are no neighbours.
    """
    n = np.arange(1, x.shape[-1] + 1, dtype=np.float64)
    y = x - x.mean(axis=-1, keepdims=True)
    mean = np.cumsum(y, axis=-1) / n
    squares = np.cumsum(y * y, axis=-1) - n * mean * mean
    safe = np.where(squares > 0.0, squares, 1.0)

    def autocorrelation(lags: int) -> tuple[Floats, Floats]:
        before, count = _sum_before(y, starts, lags)
        covariance = (
            np.cumsum(y * before, axis=-1)
            - mean * np.cumsum(before + count * y, axis=-1)
            + np.cumsum(count) * mean * mean
        )
        # Of values that are all but the same, rounding makes up any number: no r is beyond 1.
        return np.clip(covariance / safe, -lags, lags) * (squares > 0.0), np.cumsum(count) / n

    r = np.clip(autocorrelation(1)[0], 0.0, LARGEST_AUTOCORRELATION)
    total, neighbours = autocorrelation(LAGS)
    # The mean is taken from the same values, which hides 1 / n of the long-run variance at every lag.
    hidden = neighbours / n
    lasting = (total + hidden) / np.maximum(1.0 - 2.0 * hidden, 1.0 / n)
    inflation: Floats = np.maximum((1.0 + r) / (1.0 - r), 1.0 + 2.0 * lasting)
    return inflation


def _sum_before(y: Floats, starts: Bools | None, lags: int) -> tuple[Floats, Floats]:
    """Return the sum of up to ``lags`` values before each within its tape, and how many they are."""
    at = np.arange(y.shape[-1])
    first = np.zeros_like(at) if starts is None else np.maximum.accumulate(np.where(starts, at, 0))
    count = np.minimum(at - first, lags)
    total = np.concatenate((np.zeros_like(y[..., :1]), np.cumsum(y, axis=-1)), axis=-1)
    return total[..., at] - total[..., at - count], count.astype(np.float64)
