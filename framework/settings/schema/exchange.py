"""The exchange: where orders go, what they cost, and how the simulated one delays and queues them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framework.settings.schema.base import StrictModel, knob

SecretName = Annotated[
    str, Field(pattern=r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$", max_length=64), "a name like BYBIT_API_KEY"
]


class Exchange(StrictModel):
    """Fees in bps of notional (negative is a rebate); delays in milliseconds, one way."""

    mode: Literal["paper", "real"] = knob(unit="", help="real sends orders; anything else never does")
    venue: Literal["sim", "bybit_v5"] = knob(unit="", help="sim replays, bybit_v5 is live")
    post_only: bool = knob(unit="", help="quotes that would take liquidity are cancelled instead")
    maker_fee_bps: float = knob(unit="bps", help="fee of a passive fill", ge=-10.0, le=100.0)
    taker_fee_bps: float = knob(unit="bps", help="fee of an aggressive fill", ge=-10.0, le=100.0)
    fee_in_base: bool = knob(unit="", help="buys pay their fee in the base coin (spot)")
    feed_ms: float = knob(unit="ms", help="exchange to us: market data", ge=0.0, le=10_000.0)
    entry_ms: float = knob(unit="ms", help="us to the exchange: requests", ge=0.0, le=10_000.0)
    response_ms: float = knob(
        unit="ms",
        help="exchange to us: acknowledgements and fills",
        ge=0.0,
        le=10_000.0,
    )
    latency_model: Literal["constant", "lognormal"] = knob(
        unit="", help="every delay as given, or drawn with that median"
    )
    latency_sigma: float = knob(unit="", help="spread of the logarithm of a drawn delay", ge=0.0, le=2.0)
    queue_model: Literal["risk_averse", "prob_power"] = knob(
        unit="",
        help="who leaves the queue ahead of us: nobody, or in proportion to a power",
    )
    queue_power_n: int = knob(unit="", help="the power of prob_power", ge=1, le=10)
    partial_fills: bool = knob(unit="", help="a trade smaller than our order fills part of it")
    shared_queue: bool = knob(unit="", help="our own orders at one price share one queue")
    api_key_env: SecretName | None = knob(
        unit="",
        help="name of the environment variable that holds the key",
        identity=False,
        secret=True,
    )
    api_secret_env: SecretName | None = knob(
        unit="",
        help="name of the environment variable that holds the secret",
        identity=False,
        secret=True,
    )

    @model_validator(mode="after")
    def _real_money_needs_a_live_venue_and_named_secrets(self) -> Self:
        if self.mode == "real" and self.venue == "sim":
            raise ValueError("mode is real but venue is sim; allowed with sim: paper")
        if self.mode == "real" and (self.api_key_env is None or self.api_secret_env is None):
            raise ValueError(
                "mode is real without api_key_env and api_secret_env; use exchange=bybit_v5 or mode paper"
            )
        return self
