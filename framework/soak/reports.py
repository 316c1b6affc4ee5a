"""The artifacts of a soak: what goes into each file, iteration by iteration and for the whole run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Any

from framework.edge.canonical import canonical
from framework.edge.rows import audit_rows, trade_rows
from framework.edge.section import EdgeReport
from framework.edge.window import WindowData
from framework.gates.gate import Gate
from framework.session.run_folder import RunFolder
from framework.session.schedule import written_schedule
from framework.session.switching import switch_rows
from framework.soak.result import SoakResult
from framework.soak.versus import comparison_of
from framework.tuning.params import TuningParams

ROW_METRICS = (
    "fills", "turnover_quote", "net_quote", "net_bps", "net_bps_total", "gross_bps", "slippage_bps",
    "fees_eff_bps", "inventory_bps", "adverse_bps_p95", "slippage_bps_p95", "adverse_u_p95", "slippage_u_p95",
    "order_age_p95_ms", "ws_lag_p95_ms", "cancel_ratio", "replace_ratio", "maker_share_pct",
    "requests_per_fill", "neg_edge_drivers", "markout_net_30s_bps", "markout_net_30s_se_bps",
)  # fmt: skip
BLOCKS = ("block_reasons", "at_position_limit")
SYMBOL_METRICS = (
    "fills", "turnover_quote", "net_quote", "net_bps", "max_drawdown_quote", "closing_position_base",
)  # fmt: skip
DRIVER_METRICS = ("neg_edge_drivers", "cost_ranking", "net_bps", "component_breakdown")


def iteration_row(result: SoakResult, k: int) -> dict[str, Any]:
    """Give one iteration (from 1) as a row: verdict, package, measures, what the tuner did after it."""
    totals, gate = result.reports[k - 1].totals.as_dict(), result.gates[k - 1]
    decision = result.decisions[k - 1] if result.decisions else None
    return {
        "iteration": k,
        "verdict": gate.verdict.value,
        "sentence": gate.sentence,
        "halts": [halt.as_dict() for halt in gate.halts or ()],
        "params": result.packages[k - 1].mapping(),
        **{name: totals[name] for name in ROW_METRICS},
        "tuning": None if decision is None else [row.as_dict() for row in decision.rows],
        **_symbols({one.symbol: (one.reports[k - 1], one.gates[k - 1]) for one in result.symbols}),
    }


def _symbols(named: Mapping[str, tuple[EdgeReport, Gate]]) -> dict[str, Any]:
    """Give what each of several symbols came to beside the account; nothing of a single one."""
    rows = {
        name: {"verdict": gate.verdict.value, **{key: report.totals.as_dict()[key] for key in SYMBOL_METRICS}}
        for name, (report, gate) in named.items()
    }
    return {"symbols": rows} if rows else {}


def write_iteration(result: SoakResult, k: int, folder: RunFolder) -> None:
    """Write the four files of an iteration, and every iteration so far as soak/metrics.jsonl."""
    report, gate = result.reports[k - 1], result.gates[k - 1]
    totals, params = report.totals.as_dict(), result.packages[k - 1].mapping()
    row = iteration_row(result, k)
    about = {"iteration": k, "runtime": report.runtime}
    files = {
        "AUDIT_SNAPSHOT": {**report.as_dict(), "params": params},
        "BLOCKS_BREAKDOWN": {**about, **{name: totals[name] for name in BLOCKS}},
        "NEG_EDGE_DRIVERS": {
            **about,
            **{name: totals[name] for name in DRIVER_METRICS},
        },
        "ITER_SUMMARY": {**row, "gate": gate.as_dict()},
    }
    for name, value in files.items():
        folder.json(f"soak/iterations/{name}_iter{k}.json", value)
    folder.lines("soak/metrics.jsonl", [iteration_row(result, n) for n in range(1, k + 1)])


def write_verdict(result: SoakResult, folder: RunFolder) -> None:
    """Write what machines read of the whole run, as soon as it is judged."""
    folder.json("reports/EDGE_REPORT.json", result.reported.as_dict())
    folder.json("reports/KPI_GATE.json", result.judged.as_dict())
    folder.json("reports/soak_metrics.json", soak_metrics(result))
    folder.json("reports/gates_summary.json", gates_summary(result))


def write_run(result: SoakResult, folder: RunFolder) -> None:
    """Write what the run leaves beside its verdict: rows, the tuner's account, words and the page."""
    from framework.soak import kept
    from framework.soak.markdown import results_markdown
    from framework.soak.page.render import render_page
    from framework.soak.text import summary_text

    folder.text("soak/summary.txt", summary_text(result))
    folder.json("soak/runtime_overrides.json", final_package(result).mapping())
    folder.json("soak/TUNING_REPORT.json", tuning_report(result))
    folder.lines("soak/audit.jsonl", _by_time(_audit(whole) for whole in result.wholes))
    folder.lines("edge/trades.jsonl", _by_time(_trades(one) for one in result.each))
    _write_reloads(result, folder)
    folder.text("reports/SOAK_RESULTS.md", results_markdown(result))
    folder.json(str(kept.FILE), kept.kept_of(result))
    folder.text("reports/report.html", render_page(result))


def _audit(whole: WindowData) -> Iterator[dict[str, Any]]:
    return audit_rows(symbol=whole.symbol, audit=whole.audit)


def _trades(result: SoakResult) -> Iterator[dict[str, Any]]:
    """Give every fill with the route and the settings of the version that quoted it."""
    assert result.whole is not None
    shas = [version.config_sha for version in result.versions]
    return trade_rows(symbol=result.whole.symbol, fills=result.whole.fills, config_shas=shas)


def _by_time(rows: Iterable[Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Give the rows of all symbols on their one clock."""
    return merge(*rows, key=lambda row: row["ts_ms"])


def _write_reloads(result: SoakResult, folder: RunFolder) -> None:
    """Write what became of the patches of the run, and a schedule that repeats them in a replay."""
    start_ns = result.market.start_ns
    if result.reloads:
        folder.lines("soak/reloads.jsonl", (reload.row(start_ns=start_ns) for reload in result.reloads))
    if result.offers:
        folder.json("soak/patches.json", written_schedule(result.offers, start_ns=start_ns))


def final_package(result: SoakResult) -> TuningParams:
    """Give the package the run ended with: the tuner's last word, else what ran."""
    return result.decisions[-1].new_params if result.decisions else result.packages[-1]


def soak_metrics(result: SoakResult) -> dict[str, Any]:
    """Give the run's totals, one row an iteration, and where profile switching would have led."""
    return {
        "runtime": result.runtime.as_dict(),
        "totals": result.totals.as_dict(),
        "profile_switch": [canonical(row).as_dict() for row in switch_rows(*result.wholes)],
        "iterations": [iteration_row(result, k) for k in range(1, len(result.reports) + 1)],
        **_symbols({one.symbol: (one.reported, one.judged) for one in result.symbols}),
    }


def gates_summary(result: SoakResult) -> dict[str, Any]:
    """Give the run's verdicts by profile and by iteration, and the comparison with what runs today."""
    gate = result.judged
    return {
        "verdict": gate.verdict.value,
        "exit_code": gate.verdict.exit_code,
        "decides": gate.decides,
        "sentence": gate.sentence,
        "halts": [halt.as_dict() for halt in gate.halts or ()],
        "fees": fees_of(result),
        "profiles": {name: judged.verdict.value for name, judged in gate.profiles.items()},
        "iterations": [gate.verdict.value for gate in result.gates],
        "comparison": comparison_of(result),
        **({"symbols": {one.symbol: one.verdict.value for one in result.symbols}} if result.symbols else {}),
    }


def fees_of(result: SoakResult) -> dict[str, Any]:
    """Give what was charged, who said so, and the maker fee at which these fills would net nothing."""
    return {
        "maker_fee_bps": result.runtime.maker_fee_bps,
        "taker_fee_bps": result.runtime.taker_fee_bps,
        "from": result.origin.fee_from,
        "chosen": result.origin.fee_chosen,
        "break_even_maker_fee_bps": canonical(result.break_even_maker_fee_bps),
    }


def tuning_report(result: SoakResult) -> dict[str, Any]:
    """Give every decision with its reasons, the trajectory of the package, and the arms beside it."""
    tally = result.decisions[-1].state.tally if result.decisions else None
    return {
        "enabled": bool(result.decisions),
        "why_not": result.untuned,
        "trajectory": [package.mapping() for package in result.packages],
        "decisions": [
            {
                "iteration": k,
                "phase": decision.phase,
                "write": decision.write,
                "why": decision.why,
                "rows": [row.as_dict() for row in decision.rows],
            }
            for k, decision in enumerate(result.decisions, start=1)
        ],
        "deltas": None
        if tally is None
        else {
            "ordered": tally.ordered,
            "in_force": tally.in_force,
            "full_apply_ratio": tally.full_apply_ratio,
        },
        "arms": [arm.as_dict() for arm in result.arms],
    }
