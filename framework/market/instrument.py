"""The instrument a tape was recorded on: its grid of prices and quantities, its minima, its kind."""

import re
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from framework.market.errors import TapeError

KINDS = ("linear", "spot")
DECIMAL_FIELDS = ("tick_size", "lot_size", "min_qty", "min_notional")
POSITIVE_FIELDS = ("tick_size", "lot_size")
QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "EUR", "BTC", "ETH")
"""Quote coins a symbol may end with, tried in this order when a symbol is split."""
PREFIXES = ("PF", "FF", "SPOT", "PERP", "FX")
TERMS = ("PERP", "SWAP", "LIN")
"""Parts of a symbol that say what it is and are no coins."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """Hold one instrument's rules; decimals are strings in their shortest form (``"0.1"``, never ``"0.10"``).

    ``funding_interval_min`` is 0 for spot. Raises TapeError for an inverse contract or a malformed decimal.
    """

    symbol: str
    venue: str
    kind: str
    tick_size: str
    lot_size: str
    min_qty: str
    min_notional: str
    base: str
    quote: str
    funding_interval_min: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TapeError(f"instrument {self.symbol}: kind is {self.kind}; allowed {' or '.join(KINDS)}")
        for name in DECIMAL_FIELDS:
            text = shortest_decimal(value=getattr(self, name), where=f"instrument {self.symbol}: {name}")
            if name in POSITIVE_FIELDS and text == "0":
                raise TapeError(f"instrument {self.symbol}: {name} is 0; allowed any decimal above 0")
            object.__setattr__(self, name, text)

    @property
    def tick(self) -> float:
        """Return the price of one tick in quote currency."""
        return float(self.tick_size)

    @property
    def lot(self) -> float:
        """Return the quantity of one lot in base units."""
        return float(self.lot_size)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain strings and integers, for a sidecar."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, *, data: dict[str, Any], where: str) -> Self:
        """Build an instrument from a sidecar; raises TapeError naming an absent or unknown field."""
        names = {field.name for field in fields(cls)}
        for name in sorted(names ^ set(data)):
            state = "missing" if name in names else "unknown"
            raise TapeError(
                f"{where}: instrument field {name} is {state}; allowed {', '.join(sorted(names))}"
            )
        return cls(**data)

    def changed(self, **values: Any) -> Self:
        """Return a copy with these fields replaced and validated again."""
        return replace(self, **values)


def shortest_decimal(*, value: str, where: str) -> str:
    """Return a decimal string without exponent or trailing zeros; raises TapeError if it is none, or
    negative.
    """
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise TapeError(f"{where} is {value!r}; allowed a decimal of at least 0, such as 0.01")
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text or "0"


def split_symbol(*, symbol: str) -> tuple[str, str]:
    """Return (base, quote) of a symbol (``BTCUSDT``, ``BTC-USDT-SWAP``, ``BTC/USDT``); an unknown quote is
    empty.
    """
    parts = [part for part in re.split("[-_/:]", symbol) if part]
    parts = parts[1:] if len(parts) > 1 and parts[0] in PREFIXES else parts
    if len(parts) > 1 and re.fullmatch("[A-Za-z]{3,5}", parts[1]) and parts[1].upper() not in TERMS:
        return parts[0], parts[1]
    head = parts[0] if parts else symbol
    for quote in QUOTES:
        if head.upper().endswith(quote) and len(head) > len(quote):
            return head[: -len(quote)], head[-len(quote) :]
    return head, ""


def refuse_inverse(*, symbol: str, where: str, margined: bool) -> None:
    """Raise TapeError for a coin-margined contract: ``BTCUSD_PERP``, ``BTCUSD_240927``, or a margined
    ``BTCUSD`` or ``BTCUSDZ24``.
    """
    head, _, expiry = symbol.upper().replace("-", "").partition("_")
    dated = re.search(r"USD[FGHJKMNQUVXZ]\d\d$", head) is not None
    if (head.endswith("USD") or dated) and (margined or expiry):
        raise TapeError(
            f"{where}: {symbol} is an inverse contract, whose profit is in the base coin; "
            "allowed linear contracts and spot"
        )
