"""Which quoting profile is in force: a transition table over the recent and the long average of net."""

import math
from dataclasses import dataclass
from enum import Enum

WINDOW_MIN = 30
FAST_MIN = 60
SLOW_MIN = 24 * 60
NEGATIVE_WINDOWS = 3
RECOVERED_BPS = 1.5


class QuotingProfile(Enum):
    """The two profiles the switch knows; what each means is in its file of conf/profile/."""

    MODERATE = "moderate"
    CONSERVATIVE = "conservative"


@dataclass(frozen=True)
class Average:
    """An exponential average by time constant, exact from its first value (weights are normalised)."""

    minutes: int
    weighted: float = 0.0
    weight: float = 0.0

    @property
    def value(self) -> float | None:
        """Return the average, None before the first value."""
        return self.weighted / self.weight if self.weight else None

    def add(self, value: float) -> "Average":
        """Return the average one window later."""
        keep = math.exp(-WINDOW_MIN / self.minutes)
        return Average(
            self.minutes, self.weighted * keep + value * (1.0 - keep), self.weight * keep + 1.0 - keep
        )


@dataclass(frozen=True)
class SwitchState:
    """The profile in force and what the next decision needs; ``reason`` says what the last window was."""

    profile: QuotingProfile = QuotingProfile.MODERATE
    fast: Average = Average(FAST_MIN)
    slow: Average = Average(SLOW_MIN)
    negative_windows: int = 0
    reason: str = "start"


# (profile in force, what was seen) -> profile from the next window on; anything else stays.
TRANSITIONS = {
    (QuotingProfile.MODERATE, "falling"): QuotingProfile.CONSERVATIVE,
    (QuotingProfile.CONSERVATIVE, "recovered"): QuotingProfile.MODERATE,
}


def step(*, state: SwitchState, net_bps: float | None) -> SwitchState:
    """Take in one 30-minute window and return the next state.

    "falling" is the third window in a row with the 1-hour average below 0, "recovered" a 24-hour average of
    at least 1.5 bps. A window without a net (no fills) is no evidence: it changes neither averages nor the
    row.
    """
    if net_bps is None or not math.isfinite(net_bps):
        return SwitchState(state.profile, state.fast, state.slow, state.negative_windows, "no evidence")
    fast, slow = state.fast.add(net_bps), state.slow.add(net_bps)
    row = state.negative_windows + 1 if (fast.value or 0.0) < 0.0 else 0
    reason = _seen(negative_windows=row, slow=slow)
    profile = TRANSITIONS.get((state.profile, reason), state.profile)
    return SwitchState(profile, fast, slow, row, reason)


def _seen(*, negative_windows: int, slow: Average) -> str:
    if negative_windows >= NEGATIVE_WINDOWS:
        return "falling"
    if slow.value is not None and slow.value >= RECOVERED_BPS:
        return "recovered"
    return "steady"
