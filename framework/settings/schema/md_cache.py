"""The market-data cache: how old a snapshot a tick may use."""

from typing import Self

from pydantic import model_validator

from framework.settings.schema.base import StrictModel, knob


class MdCache(StrictModel):
    """Guards want fresh data, pricing accepts fresh_ms_for_pricing, the rest ttl_ms or stale."""

    enabled: bool = knob(unit="", help="serve ticks from a snapshot while it is young enough")
    ttl_ms: int = knob(unit="ms", help="age up to which a snapshot counts as current", ge=0, le=10_000)
    fresh_ms_for_pricing: int = knob(unit="ms", help="age up to which pricing may use it", ge=0, le=10_000)
    stale_ok: bool = knob(
        unit="", help="false: no quotes while the feed is silent for longer than invalidate_on_ws_gap_ms"
    )
    invalidate_on_ws_gap_ms: int = knob(unit="ms", help="silence of the feed that drops it", ge=1, le=600_000)
    price_jump_ticks: int = knob(unit="ticks", help="move of the touch that drops it", ge=1, le=10_000)

    @model_validator(mode="after")
    def _pricing_is_stricter_than_the_ttl(self) -> Self:
        if self.fresh_ms_for_pricing > self.ttl_ms:
            raise ValueError(
                f"fresh_ms_for_pricing is {self.fresh_ms_for_pricing}; allowed up to ttl_ms, {self.ttl_ms}"
            )
        return self
