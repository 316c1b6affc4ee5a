"""Put the page together: figures, tables, template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.gates.explain import next_step
from framework.session.switching import switch_rows, switch_sentence
from framework.soak.page import earnings, money, orders, standing, symbols, tables
from framework.soak.page.palette import COLOURS
from framework.soak.page.series import added_up, money_over_time
from framework.soak.page.template import fill_template
from framework.soak.page.tuner import decisions
from framework.soak.page.words import hours, num, typeset, utc
from framework.tuning.params import RUNTIME_LIMITS

if TYPE_CHECKING:
    from framework.edge.section import Section
    from framework.soak.result import SoakResult

HERE = Path(__file__).parent


def render_page(result: SoakResult) -> str:
    """Render a run as one HTML page without scripts, links or wall time: the same bytes for the same run."""
    return fill_template(
        HERE / "report.html",
        **_words(result),
        figures=_figures(result),
        colours=COLOURS,
        style=(HERE / "report.css").read_text("utf-8"),
    )


def _words(result: SoakResult) -> dict[str, Any]:
    gate, totals = result.judged, result.totals
    acted = result.settings.soak.profile_switch == "act"
    return {
        "symbol": result.symbol,
        "quote": result.reported.quote,
        "span": f"{hours(totals.hours)} of tape, {utc(totals.start_ns, form='%Y-%m-%d %H:%M')} UTC",
        "verdict": gate.verdict.value,
        "tint": standing.tint(gate.verdict.value),
        "sentence": typeset(gate.sentence),
        "decides": gate.decides,
        "band": gate.decision.band,
        "next": next_step(gate),
        "headline": earnings.headline(totals, result.reported.quote),
        "profiles": standing.profiles(gate),
        "symbols": [_part(one) for one in result.symbols],
        "symbol_head": symbols.HEAD,
        "symbol_rows": symbols.rows(result),
        "at": "",
        **_earned(totals),
        **_ordered(result),
        "iteration_head": tables.ITERATION_HEAD,
        "iterations": tables.iterations(result),
        "tuner": decisions(result),
        "untuned": None if result.decisions else (result.untuned or "no iteration was left to tune for"),
        "routes": tables.routes(result),
        "guard": tables.guard_words(result),
        "switching": switch_sentence(switch_rows(*result.wholes), acted=acted),
        "arms": tables.arms(result),
        "facts": tables.run_facts(result),
    }


def _part(one: SoakResult) -> dict[str, Any]:
    """Give the words and figures of one of several symbols."""
    gate, totals = one.judged, one.totals
    return {
        "at": symbols.anchor(one.symbol),
        "name": one.symbol,
        "verdict": gate.verdict.value,
        "tint": standing.tint(gate.verdict.value),
        "sentence": typeset(gate.sentence),
        "headline": earnings.headline(totals, one.reported.quote),
        **_earned(totals),
        **_ordered(one),
        "routes": tables.routes(one),
        "guard": tables.guard_words(one),
        "figures": {**_money_figures(one), **_order_figures(one)},
    }


def _earned(totals: Section) -> dict[str, Any]:
    return {
        "components": earnings.components(totals),
        "carry": earnings.carry_words(totals),
        "past_end": totals.markout_30s.past_end,
        "max_inventory": num(totals.rms_inventory_quote),
    }


def _ordered(result: SoakResult) -> dict[str, Any]:
    """Give what is said of one symbol's orders; of several together nothing is."""
    window = result.whole
    if window is None:
        return {"reasons": [], "quantiles": []}
    return {"reasons": tables.reasons(result.totals, window), "quantiles": tables.quantiles(window)}


def _figures(result: SoakResult) -> dict[str, Any]:
    packages = [package.mapping() for package in result.packages]
    bounds = {field.value: (bound.low, bound.high) for field, bound in RUNTIME_LIMITS.items()}
    both = (False, True)
    return {
        **_money_figures(result),
        **_order_figures(result),
        "symbols": [symbols.chart(result, narrow=n) for n in both] if result.symbols else None,
        "parameters": orders.parameter_charts(packages=packages, bounds=bounds),
        "arms": money.arms_charts(arms=result.arms),
    }


def _money_figures(result: SoakResult) -> dict[str, Any]:
    windows, totals, edges = result.wholes, result.totals, result.market.boundaries
    over_time = added_up([money_over_time(window) for window in windows])
    return {
        "equity": [
            money.equity_chart(window=windows[0], money=over_time, edges=edges, narrow=n)
            for n in (False, True)
        ],
        "waterfall": money.waterfall(totals=totals),
        "markout": money.markout_chart(totals=totals),
    }


def _order_figures(result: SoakResult) -> dict[str, Any]:
    window, edges, sizing = result.whole, result.market.boundaries, result.settings.sizing
    if window is None:
        return {}
    limit = sizing.max_position_quotes * sizing.quote_notional_usd
    return {
        "price": [
            orders.price_chart(window=window, edges=edges, limit_quote=limit, narrow=n) for n in (False, True)
        ],
        "close_up": orders.close_up(window=window),
        "queue": orders.queue_chart(window=window),
        "ages": orders.age_chart(window=window),
    }
