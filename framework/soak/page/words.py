"""Numbers and times as people read them; what is not known is a dash, never NaN."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from framework.settings.schema.market import TapeMarket

if TYPE_CHECKING:
    from framework.settings.schema.run import RunSettings

NONE = "–"
MINUS = "\u2212"


def known(value: Any) -> float | None:
    """Return a finite number as a float, None for anything else."""
    if value is None or isinstance(value, bool | str):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def num(value: Any, *, plus: bool = False) -> str:
    """Write a number with three significant digits, thousands apart."""
    number = known(value)
    if number is None:
        return NONE
    size = abs(number)
    if size >= 1e9 or 0.0 < size < 1e-3:
        text = f"{number:.2e}"
    elif size >= 999.5:
        text = f"{number:,.0f}"
    else:
        text = _significant(number)
    return _signed(text, plus)


def fixed(value: Any, *, digits: int = 2, plus: bool = False) -> str:
    """Write a number with so many decimals, so that a column lines up; a huge one as ``num`` does."""
    number = known(value)
    if number is None:
        return NONE
    return num(number, plus=plus) if abs(number) >= 1e5 else _signed(f"{number:.{digits}f}", plus)


def compact(value: Any, *, plus: bool = False) -> str:
    """Write a number for an axis, without an exponent where it stays short."""
    number = known(value)
    if number is None:
        return ""
    size = abs(number)
    if size and not 1e-4 <= size < 1e9:
        return _signed(f"{number:.3g}", plus)
    return _signed(f"{number:,.10g}" if size < 1e5 else f"{number:,.0f}", plus)


def whole(value: Any) -> str:
    """Write a count."""
    number = known(value)
    return (
        NONE if number is None else num(number) if abs(number) >= 1e15 else _signed(f"{number:,.0f}", False)
    )


def percent(share: Any) -> str:
    """Write a share as a percentage."""
    number = known(share)
    if number is None:
        return NONE
    return f"{num(0.0 if abs(number) < 1e-6 else number * 100.0)} %"


def interval(lower: Any, upper: Any, *, digits: int | None = None) -> str:
    """Write the bounds of an interval; an open end is infinite, two open ends are no interval."""
    low, high = known(lower), known(upper)
    if low is None and high is None:
        return NONE
    below, above = (num(x) if digits is None else fixed(x, digits=digits) for x in (low, high))
    return f"{MINUS + '∞' if low is None else below} to {'∞' if high is None else above}"


def hours(value: Any) -> str:
    """Write hours of tape."""
    number = known(value)
    return NONE if number is None else f"{num(number)} h"


def typeset(sentence: str) -> str:
    """Put a true minus and the sign of infinity into a sentence of plain characters."""
    return re.sub(r"-(?=[\d∞])", MINUS, re.sub(r"\binf\b", "∞", sentence))


def milliseconds(value: Any) -> str:
    """Write a duration given in milliseconds in the unit it is read in."""
    number = known(value)
    if number is None:
        return NONE
    for limit, scale, unit in ((1e3, 1.0, "ms"), (6e4, 1e3, "s"), (3.6e6, 6e4, "min")):
        if abs(number) < limit:
            return f"{num(number / scale)} {unit}"
    return f"{num(number / 3.6e6)} h"


def _significant(number: float) -> str:
    """Write three significant digits without an exponent."""
    if number == 0.0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(number)) + 1e-12))
    text = f"{number:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _signed(text: str, plus: bool) -> str:
    bare = text.lstrip("-")
    if not any(digit in bare.split("e")[0] for digit in "123456789"):
        return bare
    return MINUS + bare if text.startswith("-") else f"+{bare}" if plus else bare


def market_words(settings: RunSettings) -> str:
    """Say what market it is: one that was drawn, or a tape that was recorded."""
    market = settings.market
    if isinstance(market, TapeMarket):
        return "a recorded tape"
    return f"a drawn market, traded nowhere ({market.preset}, {market.regime}, seed {settings.soak.seed})"
