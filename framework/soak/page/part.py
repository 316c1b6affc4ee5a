"""What the page says and draws of one symbol, or of the account as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.soak.page import earnings, money, orders, tables
from framework.soak.page.reasons import QuantileRow, Reason, quantiles, reasons
from framework.soak.page.series import added_up, money_over_time
from framework.soak.page.standing import tint
from framework.soak.page.symbols import anchor
from framework.soak.page.traded import Traded, traded
from framework.soak.page.words import num, typeset

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

BOTH = (False, True)
"""A wide chart and a narrow one."""


@dataclass(frozen=True, kw_only=True)
class MoneyFigures:
    """Charts of what was earned; ``equity`` wide and narrow."""

    equity: list[str]
    waterfall: str | None
    markout: str | None


@dataclass(frozen=True, kw_only=True)
class OrderFigures:
    """Charts of market, quotes and orders; ``price`` wide and narrow."""

    price: list[str]
    close_up: str | None
    queue: str | None
    ages: str | None


@dataclass(frozen=True, kw_only=True)
class OrderWords:
    """What is said of one symbol's orders, with the charts of them."""

    reasons: list[Reason]
    quantiles: list[QuantileRow]
    figures: OrderFigures


@dataclass(frozen=True, kw_only=True)
class Part:
    """One symbol, or with ``at`` empty the whole run; of several symbols together there are no orders."""

    at: str
    name: str
    verdict: str
    tint: str
    sentence: str
    headline: list[earnings.Tile]
    components: list[earnings.ComponentRow]
    carry: earnings.CarryWords
    past_end: int
    max_inventory: str
    figures: MoneyFigures
    traded: Traded | None
    orders: OrderWords | None
    routes: list[tables.NamedRow]
    guard: str

    @property
    def prefix(self) -> str:
        """Return what the names of its sections begin with."""
        return f"{self.at}-" if self.at else ""


def whole_part(result: SoakResult) -> Part:
    """Give the part of the whole run."""
    return _part(result, "")


def symbol_part(one: SoakResult) -> Part:
    """Give the part of one of several symbols."""
    return _part(one, anchor(one.symbol))


def _part(result: SoakResult, at: str) -> Part:
    gate, totals = result.judged, result.totals
    return Part(
        at=at,
        name=result.symbol,
        verdict=gate.verdict.value,
        tint=tint(gate.verdict.value),
        sentence=typeset(gate.sentence),
        headline=earnings.headline(totals, result.reported.quote),
        components=earnings.components(totals),
        carry=earnings.carry_words(totals),
        past_end=totals.markout_30s.past_end,
        max_inventory=num(totals.rms_inventory_quote),
        figures=_money_figures(result),
        traded=traded(result.wholes),
        orders=_order_words(result),
        routes=tables.routes(result),
        guard=tables.guard_words(result),
    )


def _money_figures(result: SoakResult) -> MoneyFigures:
    windows, totals, edges = result.wholes, result.totals, result.market.boundaries
    over_time = added_up([money_over_time(window) for window in windows])
    return MoneyFigures(
        equity=[money.equity_chart(window=windows[0], money=over_time, edges=edges, narrow=n) for n in BOTH],
        waterfall=money.waterfall(totals=totals),
        markout=money.markout_chart(totals=totals),
    )


def _order_words(result: SoakResult) -> OrderWords | None:
    window, edges, sizing = result.whole, result.market.boundaries, result.settings.sizing
    if window is None:
        return None
    limit = sizing.max_position_quotes * sizing.quote_notional_usd
    return OrderWords(
        reasons=reasons(result.totals, window),
        quantiles=quantiles(window),
        figures=OrderFigures(
            price=[orders.price_chart(window=window, edges=edges, limit_quote=limit, narrow=n) for n in BOTH],
            close_up=orders.close_up(window=window),
            queue=orders.queue_chart(window=window),
            ages=orders.age_chart(window=window),
        ),
    )
