"""The rollout guard: would what the canary showed take the candidate back?

It is asked after every minute, so chance must not be asked anew each time. Minutes are drawn by a hash that
knows nothing of the market: were the candidate the baseline, exchanging the routes of any minutes would
change nothing, however lots hang together within and between minutes. So the error of the difference is
counted by minutes, and the bound on it is the confidence sequence of ``framework.gates.paired``, which holds
at every look at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from framework.gates.paired import EvidenceRules, width

FALSE_ALARMS = 0.05
"""Chance, over all looks together, that a candidate which wins as often as the baseline is taken back."""


class Call(Enum):
    """What the guard would do; too few closed lots are no evidence and never a pass."""

    ROLL_BACK = "yes"
    KEEP = "no"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class Record:
    """Closed lots of one route, how many of them won (net > 0), and sums of squares over its minutes.

    With L lots and W wins of a minute: ``lots_sq`` sums L², ``wins_sq`` W², ``lots_wins`` L W.
    """

    lots: int = 0
    wins: int = 0
    lots_sq: int = 0
    wins_sq: int = 0
    lots_wins: int = 0

    @property
    def winrate_pct(self) -> float | None:
        """Return the share of winners in percent; None without a closed lot."""
        return self.wins / self.lots * 100.0 if self.lots else None

    def variance_around(self, winrate: float) -> float:
        """Return the variance of this route's share of winners, by minutes, where the true one is given."""
        squares = self.wins_sq - 2.0 * winrate * self.lots_wins + winrate * winrate * self.lots_sq
        return squares / self.lots**2


class Tally:
    """Counts the closed lots of one route, each by the minute that opened it."""

    def __init__(self) -> None:
        self.record = Record()
        self._minutes: dict[int, tuple[int, int]] = {}

    def add(self, *, minute: int, won: bool) -> None:
        """Count a lot that has closed."""
        lots, wins = self._minutes.get(minute, (0, 0))
        more_lots, more_wins = lots + 1, wins + won
        self._minutes[minute] = (more_lots, more_wins)
        old = self.record
        self.record = Record(
            lots=old.lots + 1,
            wins=old.wins + won,
            lots_sq=old.lots_sq + more_lots**2 - lots**2,
            wins_sq=old.wins_sq + more_wins**2 - wins**2,
            lots_wins=old.lots_wins + more_lots * more_wins - lots * wins,
        )


def assess(*, canary: Record, real: Record, winrate_delta_pp: float, min_sample: int) -> tuple[Call, str]:
    """Compare win rates: back when the canary's is lower by more than the limit, and not by chance.

    Gives the call and its reason. Both routes need ``min_sample`` closed lots; exactly the limit is not more.
    """
    ours, theirs = canary.winrate_pct, real.winrate_pct
    fewest = min(canary.lots, real.lots)
    if ours is None or theirs is None or fewest < min_sample:
        return Call.INSUFFICIENT, (
            f"{canary.lots} lots closed on the canary, {real.lots} on real; {min_sample} of each are needed"
        )
    chance_pp = 100.0 * by_chance(canary=canary, real=real, min_sample=min_sample)
    lower_pp = theirs - ours
    call = Call.ROLL_BACK if lower_pp > winrate_delta_pp and lower_pp > chance_pp else Call.KEEP
    text = f"{ours:.1f} % of the canary's {canary.lots} closed lots won, {theirs:.1f} % of real's {real.lots}"
    return call, f"{text}; the limit is {winrate_delta_pp:g} points less, chance explains {chance_pp:.1f}"


def by_chance(*, canary: Record, real: Record, min_sample: int) -> float:
    """Return by how much the canary's share of winners may lie lower, at any look, if it is no worse.

    Both routes have lots. The bound is tightest at the smallest sample that is looked at.
    """
    winrate = (canary.wins + real.wins) / (canary.lots + real.lots)
    error = math.sqrt(canary.variance_around(winrate) + real.variance_around(winrate))
    size = canary.lots * real.lots / (canary.lots + real.lots)
    rules = EvidenceRules(alpha=FALSE_ALARMS, min_effective_blocks=float(min_sample))
    deviations: float = float(width(n=size, alpha=FALSE_ALARMS, rho=rules.rho)) * math.sqrt(size)
    return deviations * error
