"""The strategy: which stages a tick runs, how often, and how the spread is made.

Half-spread and reservation price follow Guéant, Lehalle and Fernandez-Tapia, "Dealing with the inventory
risk", Math. Financ. Econ. 7 (2013), after Avellaneda and Stoikov, "High-frequency trading in a limit order
book", Quant. Finance 8 (2008), with prices in bps of mid and inventory in quote sizes.
"""

from typing import Literal, Self

from pydantic import model_validator

from framework.settings.schema.base import StrictModel, knob

Stage = Literal["fetch_md", "spread", "guards", "inventory", "queue_aware", "emit"]


class Strategy(StrictModel):
    """Intensity of fills at distance d bps is arrival_rate_per_s * exp(-arrival_decay_kappa * d)."""

    stages: tuple[Stage, ...] = knob(unit="", help="the stages of one tick, in order")
    tick_ms: int = knob(
        unit="ms",
        help="least time between two ticks; 0 ticks at every book change",
        ge=0,
        le=60_000,
    )
    deadline_ms: int = knob(unit="ms", help="a tick that takes longer is counted as missed", ge=1, le=10_000)
    base_half_spread_bps: float = knob(
        unit="bps",
        help="half-spread before volatility and adverse selection",
        ge=0.0,
        le=100.0,
        reload="hot",
        reduces="up",
    )
    min_half_spread_bps: float = knob(
        unit="bps",
        help="never quote closer to the reservation price",
        ge=0.0,
        le=100.0,
        reload="hot",
        reduces="up",
    )
    risk_aversion_gamma: float = knob(
        unit="1/bps",
        help="aversion to the variance of inventory, per quote size",
        gt=0.0,
        le=10.0,
        reload="hot",
    )
    arrival_decay_kappa: float = knob(
        unit="1/bps",
        help="how fast fills thin out with distance from mid",
        gt=0.0,
        le=100.0,
        reload="hot",
    )
    arrival_rate_per_s: float = knob(
        unit="1/s",
        help="fills per second of one side at mid",
        gt=0.0,
        le=1_000.0,
        reload="hot",
    )
    vol_halflife_s: float = knob(unit="s", help="half-life of the realised volatility", ge=1.0, le=3_600.0)
    adverse_halflife_s: float = knob(
        unit="s",
        help="half-life of the measured adverse selection",
        ge=1.0,
        le=36_000.0,
    )
    adverse_weight: float = knob(
        unit="x",
        help="share of the measured adverse selection added to the half-spread",
        ge=0.0,
        le=3.0,
        reload="hot",
        reduces="up",
    )
    queue_eta_target_ms: float = knob(
        unit="ms",
        help="wait in the queue beyond which the quote is nudged",
        ge=0.0,
        le=600_000.0,
        reload="hot",
    )
    queue_nudge_ticks: int = knob(unit="ticks", help="by how much it is nudged", ge=0, le=2, reload="hot")
    requote_tolerance_bps: float = knob(
        unit="bps",
        help="a resting quote this close to the wanted price is left alone",
        ge=0.0,
        le=50.0,
        reload="hot",
    )
    inventory_skew: float = knob(
        unit="x",
        help="strength of the skew that works inventory off",
        ge=0.0,
        le=10.0,
        reload="hot",
    )

    @model_validator(mode="after")
    def _plan_is_runnable(self) -> Self:
        stages = self.stages
        if len(set(stages)) != len(stages):
            raise ValueError(f"stages names one twice: {', '.join(stages)}")
        needed = {"guards", "queue_aware"} <= set(stages)  # they size and price the quotes
        if not needed or stages[:2] != ("fetch_md", "spread") or stages[-1] != "emit":
            raise ValueError(
                f"stages is {', '.join(stages)}; allowed fetch_md, spread, guards and queue_aware"
                " with or without inventory, emit last"
            )
        return self
