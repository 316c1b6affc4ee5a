"""The soak from words to artifacts: all of them are there, and the same command gives the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import latest, only_run, private_copy, quoteops

DEFAULT_BUT_SHORT = ("soak.hours=0.3", "soak.iterations=3")
REPORTS = {
    "EDGE_REPORT.json",
    "blocks.json",
    "KPI_GATE.json",
    "soak_metrics.json",
    "gates_summary.json",
    "SOAK_RESULTS.md",
    "report.html",
}
SOAK = {
    "audit.jsonl",
    "metrics.jsonl",
    "summary.txt",
    "runtime_overrides.json",
    "TUNING_REPORT.json",
    "iterations",
}
ITERATION = ("AUDIT_SNAPSHOT", "BLOCKS_BREAKDOWN", "NEG_EDGE_DRIVERS", "ITER_SUMMARY")
DIFFERS = {"run.json", "timing.json"}
"""The two files of a run that know when and where it was."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return private_copy(tmp_path_factory.mktemp("soak"))


@pytest.fixture(scope="module")
def run(root: Path) -> Path:
    done = quoteops("soak", *DEFAULT_BUT_SHORT, root=root)
    assert done.returncode in (0, 1, 3), done.stderr
    return only_run(root)


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in DIFFERS}


def test_every_artifact_of_the_design_is_there_and_no_other(run: Path) -> None:
    assert {path.name for path in run.iterdir()} == {"run.json", "timing.json", "reports", "soak", "edge"}
    assert {path.name for path in (run / "reports").iterdir()} == REPORTS
    assert {path.name for path in (run / "soak").iterdir()} == SOAK
    expected = {f"{name}_iter{k}.json" for name in ITERATION for k in (1, 2, 3)}
    assert {path.name for path in (run / "soak" / "iterations").iterdir()} == expected
    assert {path.name for path in (run / "edge").iterdir()} == {"trades.jsonl"}


def test_the_documented_paths_lead_to_the_run(root: Path, run: Path) -> None:
    assert latest(root, "reports").samefile(run / "reports")
    assert latest(root, "soak").samefile(run / "soak")


def test_run_json_says_what_the_run_rests_on(run: Path) -> None:
    told = read(run / "run.json")
    assert {
        "status", "verdict", "config_sha", "seed", "code_sha", "compiled_digest", "tapes", "versions",
        "settings", "sources", "choices", "runtime", "headline",
    } == set(told)  # fmt: skip
    assert told["status"] == "complete"


def test_the_edge_report_carries_what_the_documents_name(run: Path) -> None:
    report = read(run / "reports" / "EDGE_REPORT.json")
    assert set(report) == {"convention", "quote", "runtime", "symbols", "totals"}
    totals = report["totals"]
    for name in (
        "net_bps", "gross_bps", "fees_eff_bps", "slippage_bps", "inventory_bps", "adverse_bps_p95",
        "slippage_bps_p95", "order_age_p95_ms", "ws_lag_p95_ms", "cancel_ratio", "replace_ratio",
        "maker_share_pct", "neg_edge_drivers", "block_reasons", "component_breakdown", "markouts",
        "intervals", "carry_share_of_net", "markout_net_30s_bps", "markout_net_30s_se_bps",
        "rms_inventory_quote", "requests_per_fill",
    ):  # fmt: skip
        assert name in totals, name
    assert set(totals["block_reasons"]) == {"min_interval", "concurrency", "risk", "throttle"}


def test_both_profiles_stand_side_by_side_and_the_decider_sets_the_exit_code(run: Path) -> None:
    gate = read(run / "reports" / "KPI_GATE.json")
    assert set(gate["profiles"]) == {"audit_3h", "scaled"}
    assert gate["decides"] == "scaled"
    assert gate["verdict"] == gate["profiles"]["scaled"]["verdict"]
    assert gate["sentence"]
    summary = read(run / "reports" / "gates_summary.json")
    assert summary["profiles"] == {name: judged["verdict"] for name, judged in gate["profiles"].items()}
    assert len(summary["iterations"]) == 3


def test_an_iterations_files_agree_with_each_other_and_with_the_metrics(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "soak" / "metrics.jsonl").read_text().splitlines()]
    assert [row["iteration"] for row in rows] == [1, 2, 3]
    for k, row in enumerate(rows, start=1):
        place = run / "soak" / "iterations"
        snapshot, blocks, drivers, summary = (read(place / f"{name}_iter{k}.json") for name in ITERATION)
        assert snapshot["params"] == summary["params"] == row["params"]
        assert snapshot["totals"]["net_bps"] == drivers["net_bps"] == row["net_bps"]
        assert snapshot["totals"]["block_reasons"] == blocks["block_reasons"]
        assert snapshot["totals"]["neg_edge_drivers"] == drivers["neg_edge_drivers"]
        assert summary["gate"]["verdict"] == row["verdict"]
    assert read(run / "reports" / "soak_metrics.json")["iterations"] == rows


def test_the_tuner_is_set_against_its_arms_and_its_orders_were_in_force(run: Path) -> None:
    tuning = read(run / "soak" / "TUNING_REPORT.json")
    assert [row["arm"] for row in tuning["arms"]] == ["tuned", "static", "corner", "placebo"]
    assert len(tuning["decisions"]) == len(tuning["trajectory"]) == 3
    assert tuning["deltas"]["in_force"] == tuning["deltas"]["ordered"]
    packages = [read(run / "soak" / "iterations" / f"ITER_SUMMARY_iter{k}.json")["params"] for k in (1, 2, 3)]
    assert tuning["trajectory"] == packages
    assert read(run / "soak" / "runtime_overrides.json") == packages[-1]


def test_what_a_soak_writes_the_tools_read(run: Path, root: Path) -> None:
    trades = (run / "edge" / "trades.jsonl").read_text().splitlines()
    totals = read(run / "reports" / "EDGE_REPORT.json")["totals"]
    assert len(trades) == totals["fills"] > 0
    patch = f"soak.overrides_file={run / 'soak' / 'runtime_overrides.json'}"
    shown = quoteops("config", "show", "--json", patch, root=root)
    assert shown.returncode == 0, shown.stderr
    report = run / "reports" / "EDGE_REPORT.json"
    judged = quoteops("kpi", "check", "--report", str(report), "--profile", "scaled", root=root)
    assert judged.returncode == read(run / "reports" / "KPI_GATE.json")["exit_code"]


def test_iterations_chain_so_their_money_adds_up_to_the_runs(run: Path) -> None:
    totals = read(run / "reports" / "EDGE_REPORT.json")["totals"]
    rows = read(run / "reports" / "soak_metrics.json")["iterations"]
    assert sum(row["fills"] for row in rows) == totals["fills"]
    assert sum(row["net_quote"] for row in rows) == pytest.approx(
        totals["net_quote"], abs=1e-9 * totals["turnover_quote"]
    )


def test_the_same_command_twice_gives_the_same_bytes(run: Path, root: Path, tmp_path: Path) -> None:
    elsewhere = private_copy(tmp_path)
    again = quoteops("soak", *DEFAULT_BUT_SHORT, f"hydra.run.dir={tmp_path / 'again'}", root=elsewhere)
    assert again.returncode in (0, 1, 3), again.stderr
    first, second = files(run), files(tmp_path / "again")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_reports_hold_no_path_of_the_machine_and_no_run_id(run: Path, root: Path) -> None:
    for name, content in files(run).items():
        assert str(root).encode() not in content, name
        assert run.name.encode() not in content, name
