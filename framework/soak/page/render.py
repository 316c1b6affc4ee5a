"""Put the page together: figures, tables, template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.files.moments import MINUTE_FORM, utc_words
from framework.session.switching import switch_rows, switch_sentence
from framework.settings.schema.market import TapeMarket
from framework.soak.advice import next_line
from framework.soak.page import earnings, money, orders, standing, symbols, tables, traded
from framework.soak.page.beside import beside_words
from framework.soak.page.facts import run_facts
from framework.soak.page.part import BOTH, Part, symbol_part, whole_part
from framework.soak.page.scripts import STYLE, scripts_for
from framework.soak.page.template import fill_template
from framework.soak.page.tuner import decisions
from framework.soak.page.words import hours, market_words
from framework.tuning.params import RUNTIME_LIMITS

if TYPE_CHECKING:
    from framework.soak.beside import Beside
    from framework.soak.result import SoakResult

HERE = Path(__file__).parent


def render_page(result: SoakResult, *, beside: Beside | None = None) -> str:
    """Render a run as one HTML page that asks for nothing: the same bytes for the same run.

    ``beside`` puts it beside an earlier run.
    """
    earlier = None if beside is None else beside_words(beside)
    style = "".join(path.read_text("utf-8") for path in (STYLE, HERE / "report.css"))
    parts = [whole_part(result), *(symbol_part(one, of=len(result.symbols)) for one in result.symbols)]
    charts = [chart for part in parts for chart in part.live]
    charts += [symbols.live_chart(result)] if result.symbols else []
    charts += [] if earlier is None else earlier.live
    return fill_template(
        HERE / "report.html",
        **_words(result, parts),
        beside=earlier,
        style=style,
        scripts=scripts_for(charts),
    )


def _words(result: SoakResult, parts: list[Part]) -> dict[str, Any]:
    """Give what the template names."""
    gate, totals = result.judged, result.totals
    acted = result.settings.soak.profile_switch == "act"
    bounds = {field.value: (bound.low, bound.high) for field, bound in RUNTIME_LIMITS.items()}
    return {
        "quote": result.reported.quote,
        "span": f"{hours(totals.hours)} of tape, {utc_words(totals.start_ns, form=MINUTE_FORM)} UTC",
        "fee": earnings.fee_words(
            fee_bps=result.runtime.maker_fee_bps,
            even_bps=result.break_even_maker_fee_bps,
            origin=result.origin,
            recorded=isinstance(result.settings.market, TapeMarket),
        ),
        "decides": gate.decides,
        "band": gate.decision.band,
        "answers": standing.answers(result),
        "market": market_words(result.settings),
        "next": next_line(result),
        "traded_head": traded.HEAD,
        "profiles": standing.profiles(gate),
        "whole": parts[0],
        "symbols": parts[1:],
        "symbol_head": symbols.HEAD,
        "symbol_rows": symbols.rows(result),
        "symbol_chart": [symbols.chart(result, narrow=n) for n in BOTH] if result.symbols else None,
        "iteration_head": tables.ITERATION_HEAD,
        "iterations": tables.iterations(result),
        "tuner": decisions(result),
        "untuned": None if result.decisions else (result.untuned or "no iteration was left to tune for"),
        "parameter_charts": orders.parameter_charts(
            packages=[package.mapping() for package in result.packages], bounds=bounds
        ),
        "switching": switch_sentence(switch_rows(*result.wholes), acted=acted),
        "arms": tables.arms(result),
        "arm_charts": money.arms_charts(arms=result.arms),
        "facts": run_facts(result),
    }
