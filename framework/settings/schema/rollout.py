"""Rollout: how much of the day trades the candidate, and when it would be taken back."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framework.settings.schema.base import StrictModel, knob

CandidateValues = dict[str, bool | int | float | str]
"""Values by the names a patch gives them."""


def share_of(mode: str, canary_fraction: float) -> float:
    """Return the share of units that trade the candidate."""
    return {"disabled": 0.0, "canary": canary_fraction, "full": 1.0}[mode]


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
    candidate_file: Annotated[str, Field(min_length=1)] | None = knob(
        unit="", help="patch that makes the candidate of the baseline", default=None, identity=False
    )
    candidate: CandidateValues | None = knob(
        unit="",
        help="what the candidate changes in the baseline, as its file says; null: there is none",
        reload="hot",
        default=None,
        identity=False,  # config_sha covers it while it trades
    )

    @property
    def share(self) -> float:
        """Return the share of units that trade the candidate."""
        return share_of(self.mode, self.canary_fraction)

    @model_validator(mode="after")
    def _what_trades_is_named(self) -> Self:
        if self.mode != "disabled" and self.candidate is None:
            raise ValueError(
                f"mode is {self.mode} without a candidate; allowed with one: rollout.candidate_file=PATCH,"
                " rollout.candidate.NAME=VALUE, or candidate in gitops/environments/NAME.yaml"
            )
        return self


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
