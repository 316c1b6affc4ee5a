"""Rollout: how much of the day trades the candidate, and when it would be taken back."""

from typing import Literal

from framework.settings.schema.base import StrictModel, knob


class Rollout(StrictModel):
    """disabled trades the baseline, full the candidate, canary the candidate on a fixed fraction of units."""

    mode: Literal["disabled", "canary", "full"] = knob(
        unit="", help="how far the candidate is out", reload="next_quote", reduces="down"
    )
    canary_fraction: float = knob(
        unit="share",
        help="share of units on the canary route",
        ge=0.0,
        le=1.0,
        reload="next_quote",
        reduces="down",
    )
    rng_seed: int = knob(unit="", help="seed of the routing hash", ge=0, le=2**63 - 1, identity=False)


class RolloutGuard(StrictModel):
    """Limits whose breach rolls the candidate back."""

    winrate_delta_pp: float = knob(
        unit="pp",
        help="win rate of the canary below real's by more than this",
        gt=0.0,
        le=100.0,
        reload="hot",
        reduces="down",
    )
    min_sample: int = knob(
        unit="lots",
        help="closed lots of each route before win rates are compared",
        ge=1,
        le=1_000_000,
        reload="hot",
    )
