"""The soak: replay the market in iterations, report, judge, tune; leave every artifact behind.

gather (market, rules, judge) → play → report → decide → write. The verdict of the run is the deciding KPI profile's on
the whole run; anything inconsistent ends it with an error and marks the folder incomplete.
"""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from framework.compiled.jit import source_digest
from framework.edge.rows import audit_rows, trade_rows
from framework.gates.verdict import Verdict
from framework.settings.compose import Composed
from framework.settings.schema.run import RunSettings
from framework.soak.arms import compare_arms
from framework.soak.artifacts import RunFolder
from framework.soak.errors import SoakError
from framework.soak.judge import Judge, make_judge
from framework.soak.market import SoakMarket, open_market
from framework.soak.replay import SoakReplay, package_of
from framework.soak.result import SoakResult
from framework.soak.tuning.load import rules_from_mapping
from framework.soak.tuning.params import TuningParams
from framework.soak.tuning.rules import TuningRules
from framework.soak.tuning.state import start_state
from framework.soak.tuning.step import step
from framework.soak.tuning.totals import input_from_totals

Say = Callable[[str], None]


def run_soak(
    *, composed: Composed, say: Say = print, progress: Callable[[float], None] | None = None
) -> SoakResult:
    """Run one soak and write its artifacts; raises QuoteopsError subclasses for what it cannot run.

    ``say`` gets the marker lines, ``progress`` the share of the replay that is done.
    """
    settings = composed.settings
    if settings.soak.clock == "wall":
        raise SoakError("soak.clock: wall is not available for this market; allowed replay")
    folder = RunFolder(composed.run_dir, artifacts=composed.root / "artifacts")
    folder.start({"config_sha": settings.config_sha, "seed": settings.soak.seed})
    clock = _Stopwatch()
    try:
        market = open_market(settings=settings)
        clock.lap("market")
        result = SoakResult(
            settings=settings, market=market, root=composed.root, runtime=_runtime(settings, market)
        )
        judge = make_judge(settings=settings, root=composed.root, runtime=result.runtime)
        rules = _rules(settings, judge)
        _play(result, judge, rules, folder, say, progress)
        clock.lap("iterations")
        if settings.soak.auto_tune and rules is not None:
            result.arms = compare_arms(
                settings=settings, market=market, judge=judge, rules=rules,
                tuned=result.packages, tuned_report=result.report,
            )  # fmt: skip
            clock.lap("arms")
        _write_run(result, folder, say)
        clock.lap("reports")
    except BaseException as error:
        folder.finish(status="incomplete", reason=_one_line(error))
        raise
    folder.json("timing.json", {"seconds": clock.laps, "verdict": result.verdict.value})
    folder.finish(status="complete", verdict=result.verdict.value, **_provenance(result, composed))
    folder.publish()
    return result


def _play(
    result: SoakResult,
    judge: Judge,
    rules: TuningRules | None,
    folder: RunFolder,
    say: Say,
    progress: Callable[[float], None] | None,
) -> None:
    """Play every iteration; write its artifacts before the next begins."""
    replay = SoakReplay(settings=result.settings, market=result.market)
    package = package_of(result.settings)
    state = start_state(params=package)
    last = len(result.market.edges) - 1
    metrics: list[dict[str, Any]] = []
    for k in range(1, last + 1):
        window = replay.run(package)
        report = judge.report(window)
        gate = judge.gate(report)
        result.windows.append(window)
        result.packages.append(package)
        result.reports.append(report)
        result.gates.append(gate)
        if rules is not None:
            decision = step(
                rules, state,
                input_from_totals(
                    totals=report["totals"], unit=rules.unit, verdict=Verdict(gate["verdict"]), wall_clock=False
                ),
                package, iteration=k, last_iteration=k == last,
            )  # fmt: skip
            state = decision.state
            result.decisions.append(decision)
            for line in decision.markers:
                say(line)
            package = decision.new_params
        metrics.append(_iteration_row(result, k))
        _write_iteration(result, k, folder)
        folder.lines("soak/metrics.jsonl", metrics)
        say(f"| soak_iter_artifacts | OK | iter={k} |")
        if progress is not None:
            progress(k / last)
    result.whole = replay.whole()
    result.report = judge.report(result.whole)
    result.gate = judge.gate(result.report)


def _rules(settings: RunSettings, judge: Judge) -> TuningRules | None:
    if not settings.soak.auto_tune or not settings.tuning.enabled:
        return None
    table = settings.tuning.model_dump()["table"]
    return rules_from_mapping(table, profile=judge.deciding.name, warm_up=settings.soak.warm_up)


def _runtime(settings: RunSettings, market: SoakMarket) -> dict[str, Any]:
    """Say what a report is about; nothing here changes from one run of the same inputs to the next."""
    return {
        "version": version("quoteops"),
        "config_sha": settings.config_sha,
        "tape": market.tape.meta.source,
        "tape_digest": market.tape.meta.digest,
        "seed": settings.soak.seed,
        "clock": settings.soak.clock,
        "maker_fee_bps": settings.exchange.maker_fee_bps,
        "taker_fee_bps": settings.exchange.taker_fee_bps,
        "iterations": settings.soak.iterations,
    }


def _iteration_row(result: SoakResult, k: int) -> dict[str, Any]:
    totals, gate = result.reports[k - 1]["totals"], result.gates[k - 1]
    decision = result.decisions[k - 1] if result.decisions else None
    names = (
        "fills", "turnover_quote", "net_quote", "net_bps", "gross_bps", "slippage_bps", "fees_eff_bps",
        "inventory_bps", "adverse_bps_p95", "slippage_bps_p95", "adverse_u_p95", "slippage_u_p95",
        "order_age_p95_ms", "cancel_ratio", "replace_ratio", "maker_share_pct", "requests_per_fill",
        "neg_edge_drivers", "markout_net_30s_bps", "markout_net_30s_se_bps",
    )  # fmt: skip
    return {
        "iteration": k,
        "verdict": gate["verdict"],
        "sentence": gate["sentence"],
        "params": result.packages[k - 1].mapping(),
        **{name: totals[name] for name in names},
        "tuning": None if decision is None else [row.as_dict() for row in decision.rows],
    }


def _write_iteration(result: SoakResult, k: int, folder: RunFolder) -> None:
    report, gate = result.reports[k - 1], result.gates[k - 1]
    totals, params = report["totals"], result.packages[k - 1].mapping()
    place = "soak/iterations/{}_iter" + f"{k}.json"
    folder.json(place.format("AUDIT_SNAPSHOT"), {**report, "params": params})
    folder.json(
        place.format("BLOCKS_BREAKDOWN"),
        {"iteration": k, "block_reasons": totals["block_reasons"], "runtime": report["runtime"]},
    )
    folder.json(
        place.format("NEG_EDGE_DRIVERS"),
        {
            "iteration": k,
            "neg_edge_drivers": totals["neg_edge_drivers"],
            "cost_ranking": totals["cost_ranking"],
            "net_bps": totals["net_bps"],
            "component_breakdown": totals["component_breakdown"],
            "runtime": report["runtime"],
        },
    )
    folder.json(place.format("ITER_SUMMARY"), {**_iteration_row(result, k), "gate": gate})


def _write_run(result: SoakResult, folder: RunFolder, say: Say) -> None:
    """Write the reports of the whole run."""
    from framework.soak.page.render import render_page
    from framework.soak.text import results_markdown, summary_text

    assert result.whole is not None
    gate = result.gate
    folder.json("reports/EDGE_REPORT.json", result.report)
    folder.json("reports/KPI_GATE.json", gate)
    folder.json("reports/soak_metrics.json", soak_metrics(result))
    folder.json("reports/gates_summary.json", gates_summary(result))
    folder.text("reports/SOAK_RESULTS.md", results_markdown(result))
    folder.text("reports/report.html", render_page(result))
    folder.text("soak/summary.txt", summary_text(result))
    folder.json("soak/runtime_overrides.json", _final_package(result).mapping())
    folder.json("soak/TUNING_REPORT.json", tuning_report(result))
    folder.lines("soak/audit.jsonl", audit_rows(result.whole))
    folder.lines("edge/trades.jsonl", trade_rows(result.whole))
    reasons = ",".join(gate["reasons"]) or "none"
    say(f"| kpi_gate | {gate['verdict']} | REASONS={reasons} |")


def _final_package(result: SoakResult) -> TuningParams:
    return result.decisions[-1].new_params if result.decisions else result.packages[-1]


def soak_metrics(result: SoakResult) -> dict[str, Any]:
    """Give the run's totals and one row an iteration."""
    return {
        "runtime": result.runtime,
        "totals": result.report["totals"],
        "iterations": [_iteration_row(result, k) for k in range(1, len(result.reports) + 1)],
    }


def gates_summary(result: SoakResult) -> dict[str, Any]:
    """Give the verdicts of the run by profile and of every iteration by the deciding one."""
    return {
        "verdict": result.gate["verdict"],
        "exit_code": result.gate["exit_code"],
        "decides": result.gate["decides"],
        "sentence": result.gate["sentence"],
        "profiles": {name: judged["verdict"] for name, judged in result.gate["profiles"].items()},
        "iterations": [gate["verdict"] for gate in result.gates],
    }


def tuning_report(result: SoakResult) -> dict[str, Any]:
    """Give every decision with its reasons, the trajectory of the package, and the arms it is compared with."""
    tally = result.decisions[-1].state.tally if result.decisions else None
    return {
        "enabled": bool(result.decisions),
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
        "arms": result.arms,
    }


def _provenance(result: SoakResult, composed: Composed) -> dict[str, Any]:
    import framework.engine.loop as loop

    return {
        "runtime": result.runtime,
        "choices": composed.choices,
        "settings": result.settings.model_dump(mode="json"),
        "sources": {key: str(source) for key, source in composed.sources.items()},
        "code_sha": code_sha(composed.root),
        "compiled_digest": source_digest(Path(loop.__file__)),
        "tapes": {result.market.tape.instrument.symbol: result.market.tape.meta.digest},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
    }


def code_sha(root: Path) -> str | None:
    """Give the commit of the checkout, with ``-dirty`` when tracked files differ from it; None outside git."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout.strip() or None


def _one_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


class _Stopwatch:
    """Measure the run's parts for timing.json, the only file that knows wall time."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 4)
        self._last = now


def lines_of(rows: Iterable[str]) -> str:
    """Join lines with a final newline."""
    return "".join(f"{row}\n" for row in rows)
