"""The market-data cache: how old a snapshot a tick may use."""

from framework.settings.schema.base import StrictModel, knob


class MdCache(StrictModel):
    """Halts judge the live book; pricing takes a snapshot while it is young and the touch has not moved."""

    enabled: bool = knob(unit="", help="serve ticks from a snapshot while it is young enough")
    fresh_ms_for_pricing: int = knob(
        unit="ms", help="age up to which pricing may use a snapshot", ge=0, le=10_000
    )
    stale_ok: bool = knob(
        unit="", help="false: no quotes while the feed is silent for longer than invalidate_on_ws_gap_ms"
    )
    invalidate_on_ws_gap_ms: int = knob(unit="ms", help="silence of the feed that drops it", ge=1, le=600_000)
    price_jump_ticks: int = knob(unit="ticks", help="move of the touch that drops it", ge=1, le=10_000)
