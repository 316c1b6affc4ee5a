"""The market to replay: a synthetic one, or a recorded tape."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framework.settings.schema.base import StrictModel, knob

Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9._-]{1,31}$"), "a symbol like BTCUSDT"]
UtcTime = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"), "a moment like 2025-10-13T00:00:00Z"
]


class SyntheticMarket(StrictModel):
    """A seeded market fitted to stylised facts; the default, so that a first soak needs no data."""

    kind: Literal["synthetic"] = knob(unit="", help="which of the two markets this is")
    preset: Literal["liquid_perp", "thin_spot"] = knob(unit="", help="which kind of book to imitate")
    regime: Literal["normal", "event", "high_vol"] = knob(unit="", help="how the day behaves")
    symbol: Symbol = knob(unit="", help="name given to the instrument")


class TapeMarket(StrictModel):
    """A window of a tape archive; which data that is, is bound by the tape's digest, not by config_sha."""

    kind: Literal["tape"] = knob(unit="", help="which of the two markets this is")
    path: Annotated[str, Field(min_length=1)] = knob(
        unit="", help="folder of the tape archive", identity=False
    )
    symbol: Symbol | None = knob(
        unit="",
        help="which symbol of the archive; null when it holds one",
        default=None,
    )
    start: UtcTime | None = knob(
        unit="UTC",
        help="first moment to replay; null for the tape's own",
        default=None,
        identity=False,
    )
    end: UtcTime | None = knob(
        unit="UTC",
        help="moment to stop at; null for the tape's own",
        default=None,
        identity=False,
    )

    @model_validator(mode="after")
    def _window_runs_forward(self) -> Self:
        moments = {
            name: _moment(name, text) for name, text in (("start", self.start), ("end", self.end)) if text
        }
        if len(moments) == 2 and moments["start"] >= moments["end"]:
            raise ValueError(f"start {self.start} is not before end {self.end}")
        return self


def _moment(name: str, text: str) -> tuple[datetime, int]:
    """Return a comparable moment; nanoseconds are kept beside the whole seconds."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    try:
        return datetime.fromisoformat(f"{whole}+00:00"), int(fraction.ljust(9, "0") or 0)
    except ValueError:
        raise ValueError(f"{name} is {text}; allowed a real moment like 2025-10-13T00:00:00Z") from None


Market = Annotated[SyntheticMarket | TapeMarket, Field(discriminator="kind")]
