"""Rollout: who trades the candidate model, and when it is taken back."""

from typing import Literal

from framework.settings.schema.base import StrictModel, knob


class Rollout(StrictModel):
    """disabled trades the baseline, full the candidate, canary the candidate on a fixed fraction of units."""

    mode: Literal["disabled", "canary", "full"] = knob(
        unit="", help="how far the candidate is out", reload="next_quote"
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
        help="canary win rate below the baseline by more than this",
        gt=0.0,
        le=100.0,
        reload="hot",
        reduces="down",
    )
    min_sample: int = knob(
        unit="trades",
        help="canary trades before win rates are compared",
        ge=1,
        le=1_000_000,
        reload="hot",
    )
    psi_block: float = knob(
        unit="",
        help="population stability index of the scores",
        gt=0.0,
        le=10.0,
        reload="hot",
        reduces="down",
    )
    psi_window_min: int = knob(
        unit="min",
        help="window whose largest index counts",
        ge=1,
        le=10_080,
        reload="hot",
    )
    ks_block: float = knob(
        unit="",
        help="Kolmogorov-Smirnov distance of the scores",
        gt=0.0,
        le=1.0,
        reload="hot",
        reduces="down",
    )
    cooldown_min: int = knob(
        unit="min",
        help="no second rollback within this time",
        ge=0,
        le=10_080,
        reload="hot",
    )
