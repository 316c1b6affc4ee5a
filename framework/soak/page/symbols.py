"""Several symbols on one account: a table of them, and their results over time on one chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.soak.page.axes import end_labels, title
from framework.soak.page.layout import reach, stacked
from framework.soak.page.live import LiveChart, grid_of
from framework.soak.page.live_charts import live_symbols
from framework.soak.page.over_time import Span
from framework.soak.page.panel import Pen, svg
from framework.soak.page.series import Money, added_up, money_over_time, thin
from framework.soak.page.standing import tint
from framework.soak.page.words import fixed, num, whole

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

HEAD = (
    "verdict", "net bps", "result", "gross", "slippage", "inventory", "fills", "turnover", "worst drawdown",
    "position at the end",
)  # fmt: skip
TINTS = ("gross", "carry", "slippage", "fees", "adverse", "good", "warn", "muted")
"""Colours of the symbols' lines, in turn."""


@dataclass(frozen=True, kw_only=True)
class SymbolRow:
    """One symbol, or the account: where its part begins, its verdict and figures."""

    name: str
    at: str
    verdict: str
    tint: str
    net: str
    net_tint: str
    cells: list[str]


def anchor(symbol: str) -> str:
    """Give where a symbol's sections begin on the page."""
    return f"of-{symbol}"


def rows(result: SoakResult) -> list[SymbolRow]:
    """Give one row a symbol and the account's below them; none of a single symbol."""
    if not result.symbols:
        return []
    each = [_row(one, one.symbol, anchor(one.symbol)) for one in result.symbols]
    return [*each, _row(result, "the account", "")]


def _row(one: SoakResult, name: str, at: str) -> SymbolRow:
    totals, verdict = one.totals, one.verdict.value
    return SymbolRow(
        name=name,
        at=at,
        verdict=verdict,
        tint=tint(verdict),
        net=fixed(totals.net_bps, plus=True),
        net_tint="bad" if (totals.net_bps or 0.0) < 0.0 else "good",
        cells=[
            num(totals.net_quote, plus=True),
            *(fixed(totals.parts[part].bps, plus=True) for part in ("gross", "slippage", "inventory")),
            whole(totals.fills),
            whole(totals.turnover_quote),
            num(totals.max_drawdown_quote),
            num(totals.closing_position_base),
        ],
    )


def named_results(result: SoakResult) -> list[tuple[str, str, Money]]:
    """Give name, colour and result over time of each symbol and of the account."""
    moneys = [money_over_time(window) for window in result.wholes]
    each = [
        (window.symbol, TINTS[k % len(TINTS)], money)
        for k, (window, money) in enumerate(zip(result.wholes, moneys, strict=True))
    ]
    return [*each, ("account", "net", added_up(moneys))]


def live_chart(result: SoakResult) -> LiveChart:
    """Give the same for the page's script."""
    grid = grid_of(result.wholes[0], result.market.boundaries, symbols=1)
    return live_symbols("symbols", grid, named_results(result), result.reported.quote)


def chart(result: SoakResult, *, narrow: bool) -> str:
    """Draw each symbol's result over time, and the account's, which is their sum."""
    width, right, height = (380, 116, 240) if narrow else (1040, 150, 280)
    market, box = result.market, stacked(width=width, height=height, right=right)[0]
    drawn = [
        (name, shade, *thin(money.seconds, money.net, columns=round(box.width)))
        for name, shade, money in named_results(result)
    ]
    span = Span(market.start_ns, market.end_ns, market.boundaries)
    panel = span.panel(box, y=reach(*(y for *_, y in drawn), margin=0.08, zero=True), most=5, plus=True)
    panel.zero()
    for name, shade, x, y in drawn:
        panel.line(x, y, Pen(shade, 2.4 if name == "account" else 1.4))
    title(panel, f"Result of each symbol and of the account ({result.reported.quote})")
    labels = [
        (float(y[-1]), f"{name} {num(y[-1], plus=True)}", shade) for name, shade, _, y in drawn if len(y)
    ]
    end_labels(panel, labels)
    span.write_times([panel], most=4 if narrow else 10)
    return svg(panel, width=width, height=height, label="Result of each symbol and of the account over time")
