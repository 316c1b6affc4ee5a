"""Is it better than what runs? Two runs of one tape, block by block: the gain, its interval, what was traded.

The question is the gate's (``paired_metrics``, net at margin 0), asked of any two runs, and it is not that of
the KPIs. A gain counts only where as much is traded as before: what stops trading stops losing as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from framework.gates.paired import Claim, EvidenceRules, Floats, width
from framework.gates.paired_metrics import Pair, Sums, compare

ALPHA = 0.05
"""The chance of a false answer on either side."""
TURNOVER_FLOOR = 0.8
"""The share of the present turnover below which no gain counts."""
FEW_FILLS = 30
"""Below so many fills no figure in bps is worth a headline."""
DAY_S = 86_400.0
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
    claim, days = effect.claim, count * block_s / DAY_S
    turnovers = [math.fsum(side["turnover"]) for side in (present, run)]
    ratio = turnovers[1] / turnovers[0] if turnovers[0] > 0.0 else None

    def per_day(mean: float | None) -> float | None:
        return None if mean is None or not math.isfinite(mean) else mean * DAY_S / block_s

    same = count > 0 and all(
        np.array_equal(present[name], run[name]) for name in ("net", "turnover", "fills")
    )
    return Comparison(
        answer=_answer(
            same=same, ratio=ratio, above=claim.above(alpha=level), below=claim.below(alpha=level)
        ),
        level=level,
        hours=days * 24.0,
        blocks=count,
        effective_blocks=claim.n_eff,
        present_bps=effect.base,
        run_bps=_bps(run),
        gain_bps=effect.effect,
        gain_bps_lower=effect.low,
        gain_bps_upper=effect.high,
        gain_per_day=per_day(claim.mean),
        gain_per_day_lower=per_day(claim.lower),
        gain_per_day_upper=per_day(claim.upper),
        bar_per_day=per_day(claim.mean - _half(claim, level)),
        turnover_ratio=ratio,
        present_turnover_per_day=turnovers[0] / days if days else 0.0,
        turnover_per_day=turnovers[1] / days if days else 0.0,
        present_fills=round(math.fsum(present["fills"])),
        fills=round(math.fsum(run["fills"])),
        hours_needed=None if same else effect.hours_needed,
    )


def _answer(*, same: bool, ratio: float | None, above: bool, below: bool) -> Answer:
    if same:
        return Answer.NO_EFFECT
    if below:
        return Answer.WORSE
    if ratio is not None and ratio < TURNOVER_FLOOR:
        return Answer.TOO_QUIET
    return Answer.BETTER if above else Answer.INCONCLUSIVE


def _half(claim: Claim, level: float) -> float:
    """Return the half-width of an interval whether or not the evidence is enough."""
    return float(width(n=claim.n, alpha=level, rho=RULES.rho)) * claim.sd if claim.n else math.nan


def _bps(side: Sums) -> float | None:
    """Return the markout net of a run's own turnover."""
    turnover = _sum(side["turnover"])
    return 1e4 * _sum(side["net"]) / turnover if turnover > 0.0 else None


def _sum(column: Floats) -> float:
    return math.fsum(column)
