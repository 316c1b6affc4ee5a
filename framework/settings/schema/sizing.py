"""Sizing: how much one quote and the whole position may be."""

from typing import Self

from pydantic import model_validator

from framework.settings.schema.base import StrictModel, knob


class Sizing(StrictModel):
    """qty = floor(min(notional_cap_usd, free balance * leverage) / price / lot) * lot."""

    leverage: float = knob(
        unit="x",
        help="borrowed multiple of the free balance",
        ge=1.0,
        le=100.0,
        reload="flat_only",
        reduces="down",
    )
    notional_cap_usd: float = knob(
        unit="USD",
        help="largest notional of one order",
        gt=0.0,
        le=1e8,
        reload="hot",
        reduces="down",
    )
    min_free_balance_usd: float = knob(
        unit="USD",
        help="below this free balance nothing is sent",
        ge=0.0,
        le=1e8,
        reload="hot",
        reduces="up",
    )
    use_all_in: bool = knob(
        unit="",
        help="every quote is the whole notional cap, not quote_notional_usd",
        reload="next_quote",
        reduces="down",
    )
    equity_usd: float = knob(unit="USD", help="starting balance of a simulated account", gt=0.0, le=1e9)
    quote_notional_usd: float = knob(
        unit="USD",
        help="notional of one quote",
        gt=0.0,
        le=1e7,
        reload="next_quote",
        reduces="down",
    )
    max_position_quotes: float = knob(
        unit="quotes",
        help="largest position, in quote sizes",
        ge=1.0,
        le=1_000.0,
        reload="hot",
        reduces="down",
    )

    @model_validator(mode="after")
    def _a_quote_fits_its_cap(self) -> Self:
        if self.quote_notional_usd > self.notional_cap_usd:
            raise ValueError(
                f"quote_notional_usd is {self.quote_notional_usd:g};"
                f" allowed up to notional_cap_usd, {self.notional_cap_usd:g}"
            )
        return self
