"""Put the page together: figures, tables, template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.gates.explain import next_step
from framework.session.switching import switch_rows, switch_sentence
from framework.soak.page import earnings, money, orders, standing, tables
from framework.soak.page.palette import COLOURS
from framework.soak.page.series import money_over_time
from framework.soak.page.template import fill_template
from framework.soak.page.tuner import decisions
from framework.soak.page.words import hours, num, typeset, utc
from framework.tuning.params import RUNTIME_LIMITS

if TYPE_CHECKING:
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
    gate, totals, window = result.judged, result.totals, result.whole
    assert window is not None
    return {
        "symbol": window.symbol,
        "quote": window.quote,
        "span": f"{hours(totals.hours)} of tape, {utc(totals.start_ns, form='%Y-%m-%d %H:%M')} UTC",
        "verdict": gate.verdict.value,
        "tint": standing.tint(gate.verdict.value),
        "sentence": typeset(gate.sentence),
        "decides": gate.decides,
        "band": gate.decision.band,
        "next": next_step(gate),
        "headline": earnings.headline(totals, window.quote),
        "profiles": standing.profiles(gate),
        "components": earnings.components(totals),
        "carry": earnings.carry_words(totals),
        "past_end": totals.markout_30s.past_end,
        "reasons": tables.reasons(totals, window),
        "quantiles": tables.quantiles(window),
        "iteration_head": tables.ITERATION_HEAD,
        "iterations": tables.iterations(result),
        "tuner": decisions(result),
        "untuned": None if result.decisions else (result.untuned or "no iteration was left to tune for"),
        "routes": tables.routes(result),
        "guard": tables.guard_words(result),
        "switching": switch_sentence(switch_rows(window), acted=result.settings.soak.profile_switch == "act"),
        "arms": tables.arms(result),
        "facts": tables.run_facts(result),
        "max_inventory": num(totals.rms_inventory_quote),
    }


def _figures(result: SoakResult) -> dict[str, Any]:
    window, totals, edges = result.whole, result.totals, result.market.boundaries
    assert window is not None
    sizing = result.settings.sizing
    limit = sizing.max_position_quotes * sizing.quote_notional_usd
    packages = [package.mapping() for package in result.packages]
    bounds = {field.value: (bound.low, bound.high) for field, bound in RUNTIME_LIMITS.items()}
    over_time = money_over_time(window)
    both = (False, True)
    return {
        "equity": [money.equity_chart(window=window, money=over_time, edges=edges, narrow=n) for n in both],
        "waterfall": money.waterfall(totals=totals),
        "markout": money.markout_chart(totals=totals),
        "price": [orders.price_chart(window=window, edges=edges, limit_quote=limit, narrow=n) for n in both],
        "close_up": orders.close_up(window=window),
        "queue": orders.queue_chart(window=window),
        "ages": orders.age_chart(window=window),
        "parameters": orders.parameter_charts(packages=packages, bounds=bounds),
        "arms": money.arms_charts(arms=result.arms),
    }
