"""A run's folder, its marks, its lines and what it does when something inside contradicts itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framework.compiled.records import interpreted
from framework.edge.errors import LedgerError
from framework.engine.replay import EngineError
from framework.errors import QuoteopsError
from framework.files.errors import FileError
from framework.session.errors import SoakError
from framework.session.replay import SoakReplay
from framework.session.run_folder import RunFolder
from framework.settings.compose import compose_run
from framework.settings.errors import ConfigError
from framework.soak.result import SoakResult
from framework.soak.run import Interrupted, run_soak
from tests.command import QUICK, latest, only_run, private_copy, soaked

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")
PRESENT = "conf/, profile S1 and runtime_overrides/soak.yaml, without the words that are tried"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return private_copy(tmp_path)


def told(folder: Path, name: str = "run.json") -> Any:
    return json.loads((folder / name).read_text())


def test_a_run_that_ends_says_complete_and_what_it_rests_on(root: Path) -> None:
    result, folder, _ = soaked(root, *QUICK)
    run = told(folder)
    assert run["status"] == "complete"
    assert run["verdict"] == result.verdict.value
    assert run["config_sha"] == result.settings.config_sha
    assert run["tapes"] == {"SYNTHUSDT": result.market.tape.meta.digest}
    assert run["sources"]["soak.hours"] == "command line soak.hours=0.1"
    assert run["choices"]["profile"] == "S1"


def test_a_run_is_marked_incomplete_from_its_first_moment(root: Path) -> None:
    folder = RunFolder(root / "run", artifacts=root / "artifacts")
    folder.start({"seed": 7})
    assert told(root / "run") == {
        "seed": 7,
        "status": "incomplete",
        "reason": "still running, or cut off before it could say why",
    }


def test_runs_of_one_second_do_not_mix(root: Path) -> None:
    folders = [RunFolder(root / "20250101T000000", artifacts=root) for _ in range(3)]
    for folder in folders:
        folder.start({})
    names = ["20250101T000000", "20250101T000000-2", "20250101T000000-3"]
    assert [folder.path.name for folder in folders] == names


def test_a_folder_that_a_word_names_must_be_empty(root: Path) -> None:
    named = root / "mine"
    named.mkdir()
    RunFolder(named, artifacts=root).start({}, own_name=True)
    with pytest.raises(SoakError, match=r"mine: is not empty; allowed a folder without a run in it$"):
        RunFolder(named, artifacts=root).start({}, own_name=True)


def test_a_folder_that_cannot_be_made_is_one_line(root: Path) -> None:
    (root / "artifacts").write_text("a file where a folder should be")
    with pytest.raises(FileError, match=r"cannot create: .*; allowed a folder that can be written"):
        soaked(root, *QUICK)


def test_the_documented_paths_follow_the_latest_run(root: Path) -> None:
    for _ in range(2):
        _, folder, _ = soaked(root, *QUICK)
        assert latest(root, "reports").samefile(folder / "reports")
        assert latest(root, "soak").samefile(folder / "soak")


def test_the_lines_for_stdout_hold_the_markers(root: Path) -> None:
    _, _, said = soaked(root, *QUICK)
    assert said[0].startswith(
        "soak: SYNTHUSDT, 0.1 h in 2 iterations, from synthetic thin_spot normal 0.1 h seed 7"
    )
    assert said[1] == "| soak_iter_artifacts | OK | iter=1 |"
    assert said[2].startswith("iter 1: INCONCLUSIVE net ")
    judged = next(k for k, line in enumerate(said) if line.startswith("| kpi_gate | INCONCLUSIVE | REASONS="))
    assert said[judged + 1].startswith("INCONCLUSIVE: ")
    assert said[-1].startswith("next: ")
    assert said[judged - 1] == "better? nothing is tried: this is what runs (" + PRESENT + ")"


def test_what_is_tried_is_compared_with_what_runs_before_the_kpis_are_said(root: Path) -> None:
    words = [word for word in QUICK if not word.startswith("soak.hours")]
    result, folder, said = soaked(root, *words, "soak.hours=1", "strategy.base_half_spread_bps=10")
    judged = next(k for k, line in enumerate(said) if line.startswith("| kpi_gate | "))
    assert said[judged - 2].startswith("better? NOT PROVEN: ")
    assert said[judged - 1] == f"present: {PRESENT}"
    summary = json.loads((folder / "reports" / "gates_summary.json").read_text())
    assert summary["comparison"]["answer"] == "INCONCLUSIVE"
    assert summary["comparison"]["fills"] == (result.comparison and result.comparison.fills)
    untried, _, _ = soaked(root, *words, "soak.hours=1")
    assert 0 < summary["comparison"]["present_fills"] <= untried.totals.fills
    assert (folder / "soak" / "summary.txt").read_text().startswith("better? NOT PROVEN: ")


def test_the_verdict_is_said_before_the_page_is_drawn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def draw(_: SoakResult) -> str:
        raise QuoteopsError("no room for a page")

    monkeypatch.setattr("framework.soak.page.render.render_page", draw)
    composed = compose_run(words=QUICK, root=root, environ={})
    with pytest.raises(QuoteopsError, match="no room"):
        run_soak(composed=composed, log=said.append)
    assert any(line.startswith("INCONCLUSIVE: ") for line in said)
    assert (composed.run_dir / "reports" / "KPI_GATE.json").is_file()
    assert json.loads((composed.run_dir / "run.json").read_text())["status"] == "incomplete"


@pytest.mark.parametrize("kind", [EngineError, LedgerError])
def test_a_run_that_contradicts_itself_is_an_error_whatever_it_earned(
    root: Path, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    played = SoakReplay.run

    def broken(self: SoakReplay, *args: Any, **more: Any) -> Any:
        if self.done == 1:
            raise kind("replay at 7 ns: the books do not add up")
        return played(self, *args, **more)

    monkeypatch.setattr(SoakReplay, "run", broken)
    said: list[str] = []
    with pytest.raises(kind):
        soaked_lines(root, said)
    folder = only_run(root)
    assert said[-1] == "| kpi_gate | ERROR | REASONS=INTERNAL |"
    assert told(folder)["status"] == "incomplete"
    assert told(folder)["verdict"] == "ERROR"
    gate = told(folder, "reports/KPI_GATE.json")
    assert (gate["verdict"], gate["exit_code"]) == ("ERROR", 2)
    assert told(folder, "soak/iterations/ITER_SUMMARY_iter1.json")["iteration"] == 1
    assert not (root / "artifacts" / "reports").exists()


def soaked_lines(root: Path, said: list[str]) -> None:

    run_soak(composed=compose_run(words=QUICK, root=root, environ={}), log=said.append)


def test_an_interrupt_leaves_what_was_written_and_says_so(root: Path) -> None:
    def stop(doing: str, share: float) -> None:
        if doing == "iteration 2 of 2" and share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=r"^interrupted; .* is marked incomplete$"):
        soaked(root, *QUICK, progress=stop)
    folder = only_run(root)
    assert told(folder)["reason"] == "interrupted"
    assert (folder / "soak" / "iterations" / "AUDIT_SNAPSHOT_iter1.json").is_file()
    assert not (folder / "soak" / "iterations" / "AUDIT_SNAPSHOT_iter2.json").exists()


def test_the_loss_halt_is_part_of_the_verdicts_sentence(root: Path) -> None:
    words = ("soak.hours=0.3", "soak.iterations=3", "soak.auto_tune=false", "guards.loss_halt_usd=0.2")
    result, folder, said = soaked(root, *words)
    stopped = "by the loss halt, to the end of the run"
    assert stopped in result.judged.sentence
    assert stopped in told(folder, "reports/gates_summary.json")["sentence"]
    assert stopped in (folder / "soak" / "summary.txt").read_text()
    first = next(k for k, gate in enumerate(result.gates, start=1) if gate.halts)
    later = [line for line in said if line.startswith("iter ")][first:]
    assert all(f"no quoting since the loss halt in iteration {first}" in line for line in later)


def test_a_canary_is_split_by_route_and_never_tuned(root: Path) -> None:
    out = (
        "rollout=canary",
        "rollout.canary_fraction=0.5",
        "rollout.candidate_file=runtime_overrides/try.yaml",
    )
    values = "  base_spread_bps_delta: 0.2\n  sizing.max_position_quotes: 3\n"
    (root / "runtime_overrides" / "try.yaml").write_text(f"reason: a try\nowner: us\noverrides:\n{values}")
    words = (
        *(word.replace("=runtime", f"={root}/runtime") for word in out),
        "soak.hours=0.2",
        "soak.iterations=2",
    )
    result, folder, said = soaked(root, *words)
    assert any(line.startswith("| autotune | OFF | rollout is canary") for line in said)
    split = told(folder, "reports/EDGE_REPORT.json")["routes"]
    assert split["canary"]["fills"] + split["real"]["fills"] == result.totals.fills > 10
    trades = [json.loads(line) for line in (folder / "edge" / "trades.jsonl").read_text().splitlines()]
    for route in ("canary", "real"):
        assert sum(trade["route"] == route for trade in trades) == split[route]["fills"]
        assert len({trade["config_sha"] for trade in trades if trade["route"] == route}) == 1
    assert told(folder, "run.json")["config_sha"] not in {trade["config_sha"] for trade in trades}
    assert "route canary: " in (folder / "soak" / "summary.txt").read_text()
    assert "## Routes" in (folder / "reports" / "SOAK_RESULTS.md").read_text()
    assert told(folder, "soak/TUNING_REPORT.json")["why_not"].startswith("rollout is canary")


@pytest.mark.parametrize("mode", ["canary", "full"])
def test_a_rollout_without_a_candidate_is_refused(root: Path, mode: str) -> None:
    with pytest.raises(ConfigError, match=f"mode is {mode} without a candidate; allowed with one"):
        soaked(root, f"rollout={mode}", *QUICK)


def test_a_run_without_rollout_has_no_routes(root: Path) -> None:
    _, folder, _ = soaked(root, *QUICK)
    assert "routes" not in told(folder, "reports/EDGE_REPORT.json")


class SkippingClock:
    """Real time that passes in no time, a little late at each wake."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        self.now += 20_000
        return self.now

    def sleep_until(self, ns: int) -> None:
        self.now = max(self.now, ns) + 1_000_000


def test_the_wall_clock_measures_and_judges_the_lag(root: Path) -> None:
    words = (*QUICK, "soak.clock=wall", "kpi=audit_3h")
    result, _, said = soaked(root, *words, clock=SkippingClock())
    totals = result.totals
    assert 1.0 < (totals.ws_lag_p95_ms or 0.0) < 2.0
    assert totals.intervals["ws_lag_p95_ms"].n > 100
    assert totals.counters["deadline_misses"] == 0
    rows = {row.metric: row for row in result.judged.profiles["audit_3h"].rows}
    assert rows["ws_lag_p95_ms"].word == "PASS"
    assert ", in real time" in said[0]
    assert all(report.totals.ws_lag_p95_ms is not None for report in result.reports)


def test_the_wall_clock_trades_what_replay_trades(root: Path) -> None:
    paced, _, _ = soaked(root, *QUICK, "soak.clock=wall", clock=SkippingClock())
    replayed, _, _ = soaked(root, *QUICK)
    assert paced.whole is not None
    assert replayed.whole is not None
    assert paced.whole.fills.tobytes() == replayed.whole.fills.tobytes()
    assert paced.whole.audit.tobytes() == replayed.whole.audit.tobytes()


def test_replay_does_not_judge_the_lag(root: Path) -> None:
    result, _, _ = soaked(root, *QUICK, "kpi=audit_3h")
    rows = {row.metric: row for row in result.judged.profiles["audit_3h"].rows}
    assert rows["ws_lag_p95_ms"].word == "N/A"
    assert result.totals.ws_lag_p95_ms is None


class LateClock(SkippingClock):
    """Real time on a machine that wakes a fifth of a second late."""

    def sleep_until(self, ns: int) -> None:
        self.now = max(self.now, ns) + 200_000_000


@pytest.mark.slow
def test_a_feed_that_lags_is_judged_and_tuned_against(root: Path) -> None:
    words = ("soak.hours=0.4", "soak.iterations=2", "soak.clock=wall", "kpi=audit_3h")
    result, folder, said = soaked(root, *words, clock=LateClock())
    assert (result.totals.intervals["ws_lag_p95_ms"].lower or 0.0) > 130.0
    assert result.totals.counters["deadline_misses"] > 1_000
    assert "EDGE:ws_lag" in result.judged.decided.reasons
    rules = [row["rule"] for row in told(folder, "soak/TUNING_REPORT.json")["decisions"][0]["rows"]]
    assert "ws_lag" in rules
    assert any("TRIGGER:ws_lag" in line for line in said)
