"""The running ledger: cash, position, fees and the parts of every fill; pure and compiled.

Signs are economic: a cost is negative. With side s, price p, quantity q, decision mid m0 and last mid m
before the fill: gross = s(m0-p)q, slippage = s(m-m0)q, fees_eff = -fee - f*m, where f is a fee taken in base
coin. What is left of the identity, the inventory, is known only at a window's end
(``framework.edge.report``).
"""

from __future__ import annotations

from framework.compiled.jit import core
from framework.compiled.records import f8, i8, record
from framework.market.records import Fill


@record
class Ledger:
    """Running totals since the start; money in quote currency, position in base units."""

    position: f8
    cash: f8
    fees: f8
    funding: f8
    turnover: f8
    gross: f8
    slippage: f8
    fees_eff: f8
    fills: i8
    maker_fills: i8
    mids_held: i8


@core
def book_fill(ledger: Ledger, fill: Fill) -> None:
    """Add one fill, whose side, price, quantity, fees and both mids are set; note the position after it."""
    signed = fill.side * fill.qty
    ledger.position += signed - fill.fee_base
    ledger.cash -= signed * fill.price + fill.fee_quote
    ledger.fees += fill.fee_quote + fill.fee_base * fill.m
    ledger.fees_eff -= fill.fee_quote + fill.fee_base * fill.m
    ledger.turnover += fill.price * fill.qty
    ledger.gross += signed * (fill.m0 - fill.price)
    ledger.slippage += signed * (fill.m - fill.m0)
    ledger.fills += 1
    ledger.maker_fills += fill.is_maker
    ledger.mids_held += fill.mid_held
    fill.position_after = ledger.position


@core
def pay_funding(ledger: Ledger, rate: float, mark: float) -> None:
    """Exchange funding at ``rate`` of the position's value at the mark; a long pays a positive rate."""
    paid = ledger.position * mark * rate
    ledger.cash -= paid
    ledger.funding -= paid
