"""Is it better than what runs? Two runs of one tape, block by block: the gain, its interval, what was traded.

The question is the gate's (``paired_metrics``, net at margin 0), asked of any two runs, and it is not that of
the KPIs. A gain counts only where as much is traded as before: what stops trading stops losing as well. It
must stand without its best blocks: what gains now and then has days on which it only gains. How often the
answer is wrong: docs/better-calibration.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from framework.gates.paired import Claim, EvidenceRules, Floats, Moments, p_values, width
from framework.gates.paired_metrics import Pair, Sums, compare

ALPHA = 0.05
"""The chance of a false answer on either side."""
TURNOVER_FLOOR = 0.8
"""The share of the present turnover below which no gain counts."""
FEW_FILLS = 30
"""Below so many fills no figure in bps is worth a headline."""
DAY_S = 86_400.0
BEST_BLOCKS = 3
"""A gain must stand without so many blocks that made most of it, a loss without as many."""
RULES = EvidenceRules(alpha=ALPHA, min_effective_blocks=30.0, top_block_share=0.20, sd_floor=0.35)
"""What the differences must be: less than a gate asks, which judges by other tapes and lets the change in."""


class Answer(Enum):
    """What comes of a comparison; NO_EFFECT: both runs traded alike, TOO_QUIET: it trades too little."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    TOO_QUIET = "TOO_QUIET"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_EFFECT = "NO_EFFECT"
    ERROR = "ERROR"

    @property
    def exit_code(self) -> int:
        """Return 0 better, 1 worse or too quiet, 2 nothing to compare, 3 not proven or no effect."""
        return _EXIT_CODES[self]

    @property
    def words(self) -> str:
        """Return it as people read it."""
        return "NOT PROVEN" if self is Answer.INCONCLUSIVE else self.value.replace("_", " ")


_EXIT_CODES = {
    Answer.BETTER: 0,
    Answer.WORSE: 1,
    Answer.TOO_QUIET: 1,
    Answer.INCONCLUSIVE: 3,
    Answer.NO_EFFECT: 3,
    Answer.ERROR: 2,
}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A run against the present one on the same tape, in markout net of fees after 30 s.

    bps are of the present turnover, so that both have one denominator; an open side of an interval is None.
    ``hours_needed``: the tape that would decide it, None when none is known to.
    """

    answer: Answer
    level: float
    hours: float
    blocks: int
    effective_blocks: float
    present_bps: float | None
    run_bps: float | None
    gain_bps: float | None
    gain_bps_lower: float | None
    gain_bps_upper: float | None
    gain_per_day: float | None
    gain_per_day_lower: float | None
    gain_per_day_upper: float | None
    bar_per_day: float | None
    """The lower bound were the evidence enough: what trials are ranked by, never what proves."""
    turnover_ratio: float | None
    present_turnover_per_day: float
    turnover_per_day: float
    present_fills: int
    fills: int
    hours_needed: float | None

    @property
    def few_fills(self) -> bool:
        """Tell whether either side has too few fills for a figure in bps."""
        return min(self.fills, self.present_fills) < FEW_FILLS

    @property
    def keeps_turnover(self) -> bool:
        """Tell whether enough is traded for a gain to count."""
        return self.turnover_ratio is not None and self.turnover_ratio >= TURNOVER_FLOOR


def compare_runs(*, present: Sums, run: Sums, block_s: int, level: float = ALPHA) -> Comparison:
    """Compare the block sums (turnover, net, fills) of two runs of one tape, each side at ``level``."""
    count = len(present["net"])
    effect = compare(
        pair=Pair("net", present, run, 0.0), rules=RULES, alpha=level, block_hours=block_s / 3600.0
    )
    gain = _gain_of(effect.claim, run["net"] - present["net"], level=level)
    turnovers, days = [_sum(side["turnover"]) for side in (present, run)], count * block_s / DAY_S
    ratio = turnovers[1] / turnovers[0] if turnovers[0] > 0.0 else None
    same = count > 0 and all(
        np.array_equal(present[name], run[name]) for name in ("net", "turnover", "fills")
    )

    def per_day(mean: float | None) -> float | None:
        return None if mean is None or not math.isfinite(mean) else mean * DAY_S / block_s

    def in_bps(mean: float | None) -> float | None:
        return None if mean is None or effect.effect is None else 1e4 * count * mean / turnovers[0]

    return Comparison(
        answer=_answer(same=same, ratio=ratio, above=gain.above, below=gain.below),
        level=level,
        hours=days * 24.0,
        blocks=count,
        effective_blocks=effect.claim.n_eff,
        present_bps=effect.base,
        run_bps=_bps(run),
        gain_bps=effect.effect,
        gain_bps_lower=in_bps(gain.lower),
        gain_bps_upper=in_bps(gain.upper),
        gain_per_day=per_day(effect.claim.mean),
        gain_per_day_lower=per_day(gain.lower),
        gain_per_day_upper=per_day(gain.upper),
        bar_per_day=per_day(gain.bar),
        turnover_ratio=ratio,
        present_turnover_per_day=turnovers[0] / days if days else 0.0,
        turnover_per_day=turnovers[1] / days if days else 0.0,
        present_fills=round(_sum(present["fills"])),
        fills=round(_sum(run["fills"])),
        hours_needed=None if same or gain.blocks is None else gain.blocks * block_s / 3600.0,
    )


@dataclass(frozen=True, kw_only=True)
class _Gain:
    """A gain a block: whether it is proven either way, its bounds, and the blocks that would decide it."""

    above: bool
    below: bool
    bar: float
    lower: float | None
    upper: float | None
    blocks: int | None


def _gain_of(claim: Claim, differences: Floats, *, level: float) -> _Gain:
    """Judge what is left of a gain without its best blocks, and of a loss without its worst."""
    if not claim.n:
        return _Gain(above=False, below=False, bar=math.nan, lower=None, upper=None, blocks=None)
    best, worst = (float(one) for one in extremes(differences))
    moments = Moments(claim.n, claim.mean, claim.sd, claim.n_eff, claim.top_share, claim.enough)
    above, below = answer_p_values(moments, best=best, worst=worst)
    half = float(width(n=claim.n, alpha=level, rho=RULES.rho)) * claim.sd
    low, high = claim.mean - best / claim.n - half, claim.mean + worst / claim.n + half
    return _Gain(
        above=bool(above <= level),
        below=bool(below <= level),
        bar=low,
        lower=low if claim.enough else None,
        upper=high if claim.enough else None,
        blocks=_blocks_needed(claim, best if claim.mean > 0.0 else worst, level=level),
    )


def _blocks_needed(claim: Claim, extra: float, *, level: float) -> int | None:
    """Return how many blocks would decide it if mean, spread and best blocks stay what they are."""
    blocks = claim.blocks_needed
    if blocks is None:
        return None
    while abs(claim.mean) - extra / blocks < claim.sd * float(width(n=blocks, alpha=level, rho=RULES.rho)):
        blocks += blocks // 50 + 1
    return blocks


def extremes(differences: Floats) -> tuple[Any, Any]:
    """Return what the best blocks gained and the worst ones lost, along the last axis, both from 0 up."""
    ordered = np.sort(differences, axis=-1)
    best = np.maximum(ordered[..., -BEST_BLOCKS:], 0.0).sum(axis=-1)
    worst = np.maximum(-ordered[..., :BEST_BLOCKS], 0.0).sum(axis=-1)
    return best, worst


def answer_p_values(
    moments: Moments, *, best: Any, worst: Any, rules: EvidenceRules = RULES
) -> tuple[Any, Any]:
    """Return the levels at which "better" and "worse" are just proven without the blocks that made most."""
    above, _ = p_values(replace(moments, mean=moments.mean - best / moments.n), rho=rules.rho)
    _, below = p_values(replace(moments, mean=moments.mean + worst / moments.n), rho=rules.rho)
    return above, below


def _answer(*, same: bool, ratio: float | None, above: bool, below: bool) -> Answer:
    if same:
        return Answer.NO_EFFECT
    if below:
        return Answer.WORSE
    if ratio is not None and ratio < TURNOVER_FLOOR:
        return Answer.TOO_QUIET
    return Answer.BETTER if above else Answer.INCONCLUSIVE


def _bps(side: Sums) -> float | None:
    """Return the markout net of a run's own turnover."""
    turnover = _sum(side["turnover"])
    return 1e4 * _sum(side["net"]) / turnover if turnover > 0.0 else None


def _sum(column: Floats) -> float:
    return math.fsum(column)
