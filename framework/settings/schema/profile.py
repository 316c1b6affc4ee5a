"""Trading profiles: the six run-time parameters, and how a profile reacts and leans."""

from framework import limits
from framework.settings.schema.base import StrictModel, knob


class RuntimeParams(StrictModel):
    """The six values a patch in runtime_overrides/ may change while trading; nothing widens their bounds."""

    min_interval_ms: int = knob(
        unit="ms",
        help="least time between two updates of one side",
        ge=limits.MIN_INTERVAL_MS.low,
        le=limits.MIN_INTERVAL_MS.high,
        reload="hot",
    )
    replace_rate_per_min: int = knob(
        unit="1/min",
        help="token bucket on replaces, shared by both sides",
        ge=limits.REPLACE_RATE_PER_MIN.low,
        le=limits.REPLACE_RATE_PER_MIN.high,
        reload="hot",
    )
    base_spread_bps_delta: float = knob(
        unit="bps",
        help="added to the half-spread",
        ge=limits.BASE_SPREAD_BPS_DELTA.low,
        le=limits.BASE_SPREAD_BPS_DELTA.high,
        reload="hot",
        reduces="up",
    )
    tail_age_ms: int = knob(
        unit="ms",
        help="an older quote is decided again and re-confirmed",
        ge=limits.TAIL_AGE_MS.low,
        le=limits.TAIL_AGE_MS.high,
        reload="hot",
    )
    impact_cap_ratio: float = knob(
        unit="share",
        help="our size as a share of the cumulative visible depth up to our price",
        ge=limits.IMPACT_CAP_RATIO.low,
        le=limits.IMPACT_CAP_RATIO.high,
        reload="hot",
        reduces="down",
    )
    max_delta_ratio: float = knob(
        unit="share",
        help="largest relative change of a quote's distance from mid per update",
        ge=limits.MAX_DELTA_RATIO.low,
        le=limits.MAX_DELTA_RATIO.high,
        reload="hot",
    )


class ProfileTraits(StrictModel):
    """What a profile fixes beside the run-time parameters."""

    spread_multiplier: float = knob(
        unit="x",
        help="multiplies the half-spread",
        ge=1.0,
        le=5.0,
        reload="hot",
        reduces="up",
    )
    inflight_max: int = knob(
        unit="requests",
        help="unacknowledged requests per symbol before concurrency blocks",
        ge=1,
        le=50,
        reload="hot",
    )
    backoff_ms: int = knob(
        unit="ms",
        help="wait after a reject before that side's next request",
        ge=0,
        le=10_000,
        reload="hot",
    )
    slippage_penalty_coef: float = knob(
        unit="bps/bps",
        help="half-spread added per bps of measured drift while resting",
        ge=0.0,
        le=2.0,
        reload="hot",
        reduces="up",
    )
    inventory_tilt_cap: float = knob(
        unit="share",
        help="largest inventory skew as a share of the half-spread",
        ge=0.0,
        le=2.0,
        reload="hot",
    )


class ProfileFile(RuntimeParams, ProfileTraits):
    """What a file in conf/profile/ holds: traits and run-time parameters together."""
