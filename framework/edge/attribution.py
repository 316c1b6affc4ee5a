"""Split the result of a window into the components of the edge, exactly, with the books as the check.

Per fill with side s, price p, quantity q, quote fee F and base fee f: m0 is the mid at the decision that set
the price, m the mid just before the fill, m1 the mid one second later; mS, mT and Q0 are the window's mids
and opening position.

    gross     = s (m0 - p) q                    what the quote meant to earn
    slippage  = s (m - m0) q                    what the market took while the order rested
    fees_eff  = -F - f m                        a rebate is positive
    inventory = (s q - f)(mT - m)  summed, + Q0 (mT - mS) + funding
              = adverse_1s + carry + opening + funding,  adverse_1s = (s q - f)(m1 - m)

    net = gross + slippage + fees_eff + inventory = change of cash + QT mT - Q0 mS
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from framework.edge.errors import LedgerError
from framework.edge.window import WindowData

Floats = np.ndarray[Any, np.dtype[np.float64]]

TOLERANCE = 1e-9
"""Largest difference between attribution and books, as a share of max(turnover, |Q0| mS)."""


@dataclass(frozen=True)
class FillEdge:
    """The components of every fill of a window, in quote currency unless the name says otherwise."""

    notional: Floats
    gross: Floats
    slippage: Floats
    fees_eff: Floats
    adverse_1s: Floats
    inventory: Floats


@dataclass(frozen=True)
class Components:
    """A window's result by component, in quote currency; ``net`` is their sum."""

    turnover: float
    gross: float
    slippage: float
    fees_eff: float
    adverse_1s: float
    carry: float
    opening: float
    funding: float
    inventory: float
    net: float


def attribute_fills(window: WindowData) -> FillEdge:
    """Compute the components of each fill; raises LedgerError for a fill without its mids.

    A fill whose one-second horizon lies past the end counts the move up to the end as adverse.
    """
    rows = window.fills
    s, p, q = rows["side"].astype(np.float64), rows["price"], rows["qty"]
    m0, m = rows["m0"], rows["m"]
    _require_mids(window, m0=m0, m=m)
    base = s * q - rows["fee_base"]
    closing_mid = window.closing.mid if window.closing.position or len(rows) else 0.0
    m1 = np.where(np.isnan(rows["m_1s"]), closing_mid, rows["m_1s"])
    return FillEdge(
        notional=p * q,
        gross=s * (m0 - p) * q,
        slippage=s * (m - m0) * q,
        fees_eff=-rows["fee_quote"] - rows["fee_base"] * m,
        adverse_1s=base * (m1 - m),
        inventory=base * (closing_mid - m),
    )


def attribute_window(window: WindowData, *, edge: FillEdge) -> Components:
    """Sum a window's components and check them against its books; raises LedgerError when they disagree."""
    opened, closed = window.opening, window.closing
    opening = opened.position * (closed.mid - opened.mid) if opened.position else 0.0
    funding = closed.funding - opened.funding
    fills_inventory = math.fsum(edge.inventory)
    adverse = math.fsum(edge.adverse_1s)
    inventory = math.fsum((fills_inventory, opening, funding))
    gross, slippage, fees = math.fsum(edge.gross), math.fsum(edge.slippage), math.fsum(edge.fees_eff)
    parts = Components(
        turnover=math.fsum(edge.notional),
        gross=gross,
        slippage=slippage,
        fees_eff=fees,
        adverse_1s=adverse,
        carry=fills_inventory - adverse,
        opening=opening,
        funding=funding,
        inventory=inventory,
        net=math.fsum((gross, slippage, fees, inventory)),
    )
    _check_books(window, parts)
    return parts


def add_up(parts: Iterable[Components]) -> Components:
    """Add components of windows in one quote currency: symbols of a run, or iterations that chain."""
    rows = list(parts)
    return Components(**{f.name: math.fsum(getattr(r, f.name) for r in rows) for f in fields(Components)})


def _require_mids(window: WindowData, *, m0: Floats, m: Floats) -> None:
    for name, mids in (("m0 (mid at the decision)", m0), ("m (mid before the fill)", m)):
        bad = np.flatnonzero(~(np.isfinite(mids) & (mids > 0.0)))
        if len(bad):
            raise LedgerError(
                f"ledger {window.symbol}: fill {int(bad[0])} has {name} = {mids[bad[0]]};"
                " every fill needs a positive two-sided mid seen before it"
            )


def _check_books(window: WindowData, parts: Components) -> None:
    # One exact sum: cash may be large beside what a quiet window moved.
    opened, closed = window.opening, window.closing
    books = math.fsum((closed.cash, closed.value, -opened.cash, -opened.value))
    scale = max(parts.turnover, abs(opened.value))
    # Written so that a NaN fails too.
    if not abs(parts.net - books) <= TOLERANCE * scale:
        raise LedgerError(
            f"ledger {window.symbol}: attributed net {parts.net!r} differs from the books' {books!r}"
            f" {window.quote}; allowed difference {TOLERANCE * scale:.3g} (1e-9 of turnover)"
        )
