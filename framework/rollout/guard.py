"""The rollout guard: would what the canary showed take the candidate back?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Call(Enum):
    """What the guard would do; too few closed lots are no evidence and never a pass."""

    ROLL_BACK = "yes"
    KEEP = "no"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True)
class Record:
    """Closed lots of one route, and how many of them won (net > 0)."""

    lots: int
    wins: int

    @property
    def winrate_pct(self) -> float | None:
        """Return the share of winners in percent; None without a closed lot."""
        return self.wins / self.lots * 100.0 if self.lots else None


def assess(*, canary: Record, real: Record, winrate_delta_pp: float, min_sample: int) -> tuple[Call, str]:
    """Compare win rates: back when the canary's is lower by more than the limit (exactly the limit is not).

    Gives the call and its reason. Both routes need ``min_sample`` closed lots.
    """
    ours, theirs = canary.winrate_pct, real.winrate_pct
    fewest = min(canary.lots, real.lots)
    if ours is None or theirs is None or fewest < min_sample:
        return Call.INSUFFICIENT, (
            f"{canary.lots} lots closed on the canary, {real.lots} on real; {min_sample} of each are needed"
        )
    call = Call.ROLL_BACK if theirs - ours > winrate_delta_pp else Call.KEEP
    said = f"{ours:.1f} % of the canary's {canary.lots} closed lots won, {theirs:.1f} % of real's {real.lots}"
    return call, f"{said}; the limit is {winrate_delta_pp:g} points less"
