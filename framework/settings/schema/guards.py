"""Guards: when a side, or everything, stops quoting."""

from framework.settings.schema.base import StrictModel, knob


class NearLiqGuard(StrictModel):
    """Block entries whose liquidation price lies nearer than the buffered stop-loss."""

    enabled: bool = knob(unit="", help="check the distance to liquidation", reload="hot", reduces="up")
    sl_buffer_multiplier: float = knob(
        unit="x",
        help="least distance in assumed stop-losses",
        ge=1.0,
        le=20.0,
        reload="hot",
        reduces="up",
    )
    maintenance_margin_ratio: float = knob(
        unit="share",
        help="margin the exchange demands to keep a position",
        ge=0.0,
        le=0.5,
        reload="hot",
        reduces="up",
    )


class LiquidityBySide(StrictModel):
    """Demand depth on the side a position must later leave into."""

    enabled: bool = knob(unit="", help="check the exit depth", reload="hot", reduces="up")
    alpha: float = knob(
        unit="x",
        help="depth of the first levels, in multiples of our size",
        ge=0.0,
        le=100.0,
        reload="hot",
        reduces="up",
    )
    levels: int = knob(
        unit="levels",
        help="how many levels count",
        ge=1,
        le=50,
        reload="hot",
        reduces="down",
    )


class Guards(StrictModel):
    """Guards take effect at the next tick; orders they make wrong are cancelled then."""

    near_liq_guard: NearLiqGuard
    assumed_sl_pct: float = knob(
        unit="share",
        help="assumed distance of the stop-loss",
        gt=0.0,
        le=0.5,
        reload="hot",
        reduces="up",
    )
    liquidity_by_side: LiquidityBySide
    loss_halt_usd: float = knob(
        unit="USD",
        help="loss since the start that halts quoting",
        gt=0.0,
        le=1e8,
        reload="hot",
        reduces="down",
    )
    vol_halt_bps: float = knob(
        unit="bps",
        help="1-s volatility that halts quoting",
        gt=0.0,
        le=10_000.0,
        reload="hot",
        reduces="down",
    )
    stale_halt_ms: int = knob(
        unit="ms",
        help="silence of the book that halts quoting",
        ge=1,
        le=600_000,
        reload="hot",
        reduces="down",
    )
