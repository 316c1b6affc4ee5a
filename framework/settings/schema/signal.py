"""The signal: what leans the quotes, and how much."""

from typing import Literal

from framework.settings.schema.base import StrictModel, knob


class Signal(StrictModel):
    """The proxy is p = .5 * (1 + tanh(k * z)) of momentum z; a model falls back to it."""

    source: Literal["proxy", "model"] = knob(unit="", help="who says where the price goes")
    momentum_window_s: float = knob(unit="s", help="window of the proxy's momentum", ge=0.1, le=3_600.0)
    k: float = knob(
        unit="",
        help="steepness of the proxy",
        ge=0.0,
        le=10.0,
        reload="hot",
        reduces="down",
    )
    weight_bps: float = knob(
        unit="bps",
        help="shift of the reservation price at full conviction",
        ge=0.0,
        le=20.0,
        reload="hot",
        reduces="down",
    )
