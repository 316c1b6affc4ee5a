"""What a tick is worth on a market, and whether the narrow knob of the spread moves a quote by any."""

from __future__ import annotations

from collections.abc import Sequence

from framework.edge.window import WindowData
from framework.tuning.params import RUNTIME_LIMITS, Field

SPREAD = "strategy.base_half_spread_bps"
MULTIPLIER = "profile.spread_multiplier"
TOO_NARROW = 0.1
"""Below this share of a tick a parameter moves hardly any quote."""


def tick_bps_of(windows: Sequence[WindowData]) -> float:
    """Return a tick in bps of the mid at the end; 0 where there was none."""
    mids = [window.closing.mid for window in windows if window.closing.mid > 0.0]
    return 1e4 * windows[0].tick / mids[0] if mids else 0.0


def narrow_knob(tick_bps: float) -> str:
    """Say that base_spread_bps_delta cannot answer on a coarse market, and what can; else nothing."""
    reach = RUNTIME_LIMITS[Field.SPREAD].high
    if reach >= TOO_NARROW * tick_bps:
        return ""
    return (
        f"; base_spread_bps_delta ends at {reach:g} bps, {reach / tick_bps:.2g} ticks:"
        f" {SPREAD} and {MULTIPLIER} answer"
    )
