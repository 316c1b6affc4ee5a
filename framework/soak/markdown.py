"""The soak in Markdown for a pull request: SOAK_RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from framework.gates.explain import matrix_lines
from framework.soak.advice import next_line
from framework.soak.figures import num
from framework.soak.kpi_text import profile_table
from framework.soak.text import (
    break_even_line,
    fee_words,
    guard_line,
    one_move_lines,
    present_lines,
    switching_line,
)

if TYPE_CHECKING:
    from framework.edge.routes import Estimate, RouteSplit
    from framework.edge.section import Section
    from framework.soak.baselines import ArmRow
    from framework.soak.result import SoakResult


def results_markdown(result: SoakResult) -> str:
    """Give the run as Markdown: verdict, both profiles side by side, edge, iterations, tuner."""
    gate, totals, runtime = result.judged, result.totals, result.runtime
    parts = [
        f"# Soak: {gate.verdict.value}",
        *present_lines(result),
        gate.sentence,
        f"Tape {runtime.tape.tape}, {totals.hours:.3g} h, {runtime.iterations} iterations,"
        f" {fee_words(result)}, config {runtime.config_sha[:12]}.",
        f"{break_even_line(result).capitalize()}.",
        "## KPI profiles",
        _table(*profile_table(gate)),
        "## Edge",
        _edge_table(totals),
        "## Iterations",
        _iterations(result),
    ]
    if result.symbols:
        parts += ["## Symbols", _symbols(result)]
    for one in result.each:
        if (split := one.reported.routes) is not None:
            of = f" of {one.symbol}" if result.symbols else ""
            parts += [f"## Routes{of}", _routes(split), guard_line(split.guard)]
    if result.arms:
        parts += ["## Tuned against not tuning", _arms(result.arms)]
    matrix = "\n".join(matrix_lines(gate.decision))
    parts += ["## Quoting profile", switching_line(result)]
    parts += [
        "## Next",
        *one_move_lines(result),
        next_line(result),
        f"Decision matrix:\n\n```\n{matrix}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _edge_table(totals: Section) -> str:
    rows = [[name, num(part.bps), num(part.quote)] for name, part in totals.parts.items()]
    return _table(["component", "bps", "quote"], rows)


def _symbols(result: SoakResult) -> str:
    quote = result.reported.quote
    head = ["symbol", "verdict", "net bps", f"net {quote}", "gross", "slippage", "inventory", "fills"]
    named = [(one.symbol, one.verdict.value, one.totals) for one in result.symbols]
    rows = [
        [
            name, verdict, num(t.net_bps), num(t.net_quote),
            *(num(t.parts[part].bps) for part in ("gross", "slippage", "inventory")), str(t.fills),
        ]
        for name, verdict, t in [*named, ("the account", result.verdict.value, result.totals)]
    ]  # fmt: skip
    return _table(head, rows)


def _iterations(result: SoakResult) -> str:
    head = ["iter", "verdict", "net bps", "gross", "slippage", "inventory", "fills", "off-target p95 ms"]
    rows = []
    for k, report in enumerate(result.reports, start=1):
        totals = report.totals
        values = [num(totals.parts[name].bps) for name in ("net", "gross", "slippage", "inventory")]
        verdict, age = result.gates[k - 1].verdict.value, num(totals.percentiles["order_age_p95_ms"])
        rows.append([str(k), verdict, *values, str(totals.fills), age])
    return _table(head, rows)


def _routes(split: RouteSplit) -> str:
    head = ["route", "minutes", "fills", "turnover", "5-s markout net bps", "±", "30-s markout net bps", "±"]
    rows = [
        [
            name,
            num(route.minutes),
            str(route.fills),
            num(route.turnover_quote),
            *_markouts(route.markout_net),
        ]
        for name, route in split.routes.items()
    ]
    return _table(head, [*rows, ["canary less real", "", "", "", *_markouts(split.difference)]])


def _markouts(given: Mapping[str, Estimate]) -> list[str]:
    return [num(x) for horizon in ("5s", "30s") for x in (given[horizon].bps, given[horizon].se_bps)]


def _arms(arms: Sequence[ArmRow]) -> str:
    head = ["arm", "net bps", "30-s markout net bps", "±", "fills", "turnover"]
    rows = [
        [
            row.arm, num(row.totals.net_bps), num(row.totals.markout_30s.net_bps),
            num(row.totals.markout_30s.net_se_bps), str(row.totals.fills), num(row.totals.turnover_quote),
        ]
        for row in arms
    ]  # fmt: skip
    return _table(head, rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
