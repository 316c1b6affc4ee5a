"""What the page says and draws of one symbol, or of the account as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.soak.page import earnings, money, orders, tables
from framework.soak.page.live import LiveChart, grid_of
from framework.soak.page.live_charts import live_close_up, live_market, live_money
from framework.soak.page.reasons import QuantileRow, Reason, quantiles, reasons
from framework.soak.page.series import Money, added_up, money_over_time
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
    live: list[LiveChart]
    """What the page's script draws of it."""

    @property
    def prefix(self) -> str:
        """Return what the names of its sections begin with."""
        return f"{self.at}-" if self.at else ""


def whole_part(result: SoakResult) -> Part:
    """Give the part of the whole run."""
    return _part(result, "", len(result.symbols))


def symbol_part(one: SoakResult, *, of: int) -> Part:
    """Give the part of one of several symbols."""
    return _part(one, anchor(one.symbol), of)


def _part(result: SoakResult, at: str, symbols: int) -> Part:
    gate, totals = result.judged, result.totals
    over_time = added_up([money_over_time(window) for window in result.wholes])
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
        figures=_money_figures(result, over_time),
        traded=traded(result.wholes),
        orders=_order_words(result),
        routes=tables.routes(result),
        guard=tables.guard_words(result),
        live=_live(result, f"{at}-" if at else "", over_time, symbols),
    )


def _live(result: SoakResult, prefix: str, over_time: Money, symbols: int) -> list[LiveChart]:
    """Give the charts over time for the script: the money, and of one symbol the market."""
    window = result.wholes[0]
    grid = grid_of(window, result.market.boundaries, symbols=symbols)
    charts = [live_money(f"{prefix}edge", grid, over_time, window.quote)]
    if result.whole is not None:
        close_up = live_close_up(f"{prefix}close-up", window)
        charts += [live_market(f"{prefix}market", grid, window, _limit(result)), *filter(None, [close_up])]
    return charts


def _limit(result: SoakResult) -> float:
    sizing = result.settings.sizing
    return sizing.max_position_quotes * sizing.quote_notional_usd


def _money_figures(result: SoakResult, over_time: Money) -> MoneyFigures:
    windows, totals, edges = result.wholes, result.totals, result.market.boundaries
    return MoneyFigures(
        equity=[money.equity_chart(window=windows[0], money=over_time, edges=edges, narrow=n) for n in BOTH],
        waterfall=money.waterfall(totals=totals),
        markout=money.markout_chart(totals=totals),
    )


def _order_words(result: SoakResult) -> OrderWords | None:
    window, edges = result.whole, result.market.boundaries
    if window is None:
        return None
    limit = _limit(result)
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
