"""The market to replay: a synthetic one, or a recorded tape; of one symbol, or of several on one account."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from framework.limits import SYMBOL
from framework.settings.schema.base import StrictModel, knob

Symbol = Annotated[str, Field(pattern=f"^{SYMBOL}$"), "a symbol like BTCUSDT"]
UtcTime = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$"), "a moment like 2025-10-13T00:00:00Z"
]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"{', '.join(names)} names a symbol twice; allowed each once")
    return names


Symbols = Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=64), AfterValidator(_each_once)]
Folder = Annotated[str, Field(min_length=1)]


class SyntheticMarket(StrictModel):
    """A seeded market fitted to stylised facts; the default, so that a first soak needs no data."""

    kind: Literal["synthetic"] = knob(unit="", help="which of the two markets this is")
    preset: Literal["liquid_perp", "thin_spot"] = knob(unit="", help="which kind of book to imitate")
    regime: Literal["normal", "event", "high_vol"] = knob(unit="", help="how the day behaves")
    symbol: Symbol = knob(unit="", help="name given to the instrument")
    symbols: Symbols | None = knob(
        unit="",
        help="several instruments on one account, each a market of its own by soak.seed and its name",
        default=None,
    )


class TapeMarket(StrictModel):
    """A window of a tape archive; which data that is, is bound by the tape's digest, not by config_sha."""

    kind: Literal["tape"] = knob(unit="", help="which of the two markets this is")
    path: Folder | tuple[Folder, ...] = knob(
        unit="", help="folder of the tape archive, or one for each of market.symbols", identity=False
    )
    symbol: Symbol | None = knob(
        unit="",
        help="which symbol of the archive; null when it holds one",
        default=None,
    )
    symbols: Symbols | None = knob(
        unit="",
        help="several symbols on one account as [BTCUSDT,ETHUSDT], their tapes on one clock",
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
    def _symbols_and_their_archives_match(self) -> Self:
        if self.symbols is not None and self.symbol is not None:
            raise ValueError("market.symbol and market.symbols are both given; allowed one of them")
        named = len(self.symbols or ())
        if isinstance(self.path, tuple) and len(self.path) != named:
            raise ValueError(
                f"market.path lists {len(self.path)} archives for {named} of market.symbols;"
                " allowed one archive for all, or one for each"
            )
        return self

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
