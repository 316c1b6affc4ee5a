"""Figures as the words of a run write them; what is not known is a dash or the word, never NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from framework.gates.comparison import FEW_FILLS

if TYPE_CHECKING:
    from framework.edge.section import Section


def num(value: float | None) -> str:
    """Write a number with four significant digits."""
    return "–" if value is None else f"{value:.4g}"


def bps(value: float | None) -> str:
    """Write basis points."""
    return "unknown" if value is None else f"{value:.2f} bps"


def estimate(value: float | None, se: float | None) -> str:
    """Write basis points with their standard error."""
    return "unknown" if value is None else f"{bps(value)} ± {'–' if se is None else f'{se:.2f}'}"


def amount(value: float) -> str:
    """Write an amount of quote currency."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def fills_words(count: int) -> str:
    """Write a count of fills."""
    return "1 fill" if count == 1 else f"{count} fills"


def money_words(totals: Section, quote: str) -> str:
    """Write a net in money."""
    return f"{num(totals.net_quote)} {quote}"


def net_words(totals: Section, quote: str) -> str:
    """Write a net in bps, in money where few fills make it luck."""
    return money_words(totals, quote) if totals.fills < FEW_FILLS else bps(totals.net_bps)
