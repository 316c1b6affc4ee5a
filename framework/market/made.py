"""A synthetic tape in plain words."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Made:
    """A synthetic tape: a pure function of these words and of the code that makes it.

    Presets are ``liquid_perp`` and ``thin_spot``; regimes ``normal``, ``event`` and ``high_vol``; hours are
    the tape's.
    """

    preset: str
    regime: str
    hours: float
    seed: int
    symbol: str = "SYNTHUSDT"
