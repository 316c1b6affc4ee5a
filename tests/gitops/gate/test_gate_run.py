"""``quoteops gitops gate`` on real commits: what is judged, by whose rules, on which tapes and alpha."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from framework.compiled.records import interpreted
from framework.files.atomic import canonical_json
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Outcome
from framework.gitops.change.judges import in_force
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.answer import SymbolVerdict
from framework.gitops.gate.promote import read_rows
from framework.gitops.gate.report import gate_lines, gate_markdown
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import GateResult, run_gate
from framework.gitops.gate.verify import Row
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import fetch_published
from framework.journal.journal import Entry, Journal, Kind
from tests.gitops.repository import Repo, bare, desired_state

pytestmark = pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
SANDBOX = "runtime_overrides/sandbox.yaml"
INTERVAL = ("min_interval_ms: 70", "min_interval_ms: 90")
LIQUID = """tapes:
  liquid-normal:
    regime: normal
    market: liquid
    symbol: SYNTHUSDT
    synthetic: {preset: liquid_perp, seed: 101, hours: 0.5}
  liquid-event:
    regime: event
    market: liquid
    symbol: SYNTHUSDT
    synthetic: {preset: liquid_perp, seed: 102, hours: 0.5}
"""
LOST = """tapes:
  lost:
    regime: normal
    market: liquid
    symbol: BTCUSDT
    location: nowhere
    start: 2025-10-10T20:00:00Z
    end: 2025-10-10T23:00:00Z
    digest: %s
""" % ("a" * 64)
THIN = """tapes:
  thin-normal:
    regime: normal
    market: thin
    symbol: THINUSDT
    synthetic: {preset: thin_spot, seed: 201, hours: 3.0}
"""


class Gate:
    """A repository whose base has small tapes, a journal, and the gate over both."""

    def __init__(self, folder: Path, *, tapes: str = LIQUID) -> None:
        self.repo: Repo = desired_state(folder / "repo")
        self.repo.write("gitops/tapes.yaml", tapes)
        for name in ("sandbox", "paper", "production", "thin"):
            file = f"gitops/environments/{name}.yaml"
            text = (self.repo.path / file).read_text("utf-8")
            kept = [line for line in text.splitlines() if not line.startswith("tapes:")]
            self.repo.write(file, "\n".join([*kept, "tapes: []", ""]))
        self.base = self.repo.begun()
        self.journal = Journal(folder / "journal.jsonl", now=lambda: NOW)

    def rows(self, _environment: str) -> tuple[Entry, ...]:
        return self.journal.entries() if self.journal.path.is_file() else ()

    def append(self, _environment: str, kind: Kind, data: Mapping[str, Any]) -> None:
        self.journal.append(kind=kind, data=data)

    def change(self, old: str, new: str, *, name: str = SANDBOX) -> str:
        """Commit a change on top of the base."""
        self.repo.git("checkout", "--quiet", "-B", "head", self.base)
        self.repo.edit(name, old, new)
        return self.repo.commit()

    def judge(self, head: str, **more: Any) -> GateResult:
        asked: dict[str, Any] = {
            "home": self.repo.path,
            "rows": self.rows, "append": self.append, "environment": "sandbox", "now": NOW, "workers": 0,
        }  # fmt: skip
        git = self.repo.reader
        with Revision.open(git, more.pop("base", self.base)) as old, Revision.open(git, head) as new:
            return run_gate(GateRequest(base=old, head=new, **{**asked, **more}))


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"))


def of(result: GateResult) -> dict[str, Any]:
    found: dict[str, Any] = result.report.as_dict()["environments"][0]
    return found


WIDER = ("base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.15")


def test_a_change_that_reduces_risk_needs_no_gate_and_is_never_called_a_pass(gate: Gate) -> None:
    result = gate.judge(gate.change(*WIDER))
    assert (result.outcome, result.outcome.exit_code) == (Outcome.NOT_JUDGED, 0)
    assert "no gate is needed" in result.report.sentence
    assert "sandbox keeps " in result.report.sentence
    assert gate_lines(result.report)[-1].startswith("NOT JUDGED: ")
    assert result.report.environments == ()


def test_what_a_check_is_enough_for_is_judged_when_all_is_asked_for(gate: Gate) -> None:
    result = gate.judge(gate.change(*WIDER), everything=True)
    assert result.outcome is Outcome.INCONCLUSIVE, "half an hour tells nothing"
    lines = gate_lines(result.report)
    assert any(line.startswith("  better? SYNTHUSDT: NOT PROVEN ") for line in lines)
    assert any(line.startswith("  KPI scaled: ") and "on liquid-normal (baseline " in line for line in lines)
    narrow = gate_lines(result.report, columns=80)
    at = next(n for n, line in enumerate(narrow) if line.startswith("    markout net, bps"))
    assert narrow[at + 1].startswith("      interval ")
    assert all(len(line) <= 80 for line in narrow[at : at + 14])
    assert [line for line in narrow if "open: too little tape for one" in line]


def test_a_widening_that_stops_quoting_fails_though_it_reduces_risk(gate: Gate) -> None:
    far = gate.change(
        "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.10\n  strategy.base_half_spread_bps: 60.0"
    )
    result = gate.judge(far)
    assert (result.outcome, result.outcome.exit_code) == (Outcome.FAIL, 1)
    assert (
        "sandbox stops quoting: 0% of the turnover on liquid-normal (0 fills against "
        in result.report.sentence
    )
    assert result.report.environments == ()


def test_a_tightening_does_not_wait_for_a_tape_that_cannot_be_had(tmp_path: Path) -> None:
    lost = Gate(tmp_path, tapes=LOST)
    result = lost.judge(lost.change(*WIDER))
    assert result.outcome is Outcome.NOT_JUDGED
    assert "turnover floor not checked: " in result.report.sentence


def test_a_change_of_documents_alone_needs_no_gate(gate: Gate) -> None:
    gate.repo.git("checkout", "--quiet", "-B", "head", gate.base)
    gate.repo.write("docs/new.md", "text\n")
    result = gate.judge(gate.repo.commit())
    assert result.outcome is Outcome.NOT_JUDGED
    assert "nothing that an environment runs changes" in result.report.sentence


def test_a_change_of_the_gate_together_with_values_is_refused(gate: Gate) -> None:
    gate.change(*INTERVAL)
    gate.repo.edit("gitops/policy.yaml", "turnover_floor: 0.8", "turnover_floor: 0.1")
    result = gate.judge(gate.repo.commit())
    assert result.outcome is Outcome.FAIL
    assert "refused" in result.report.sentence


def test_half_an_hour_of_tape_is_inconclusive_and_names_the_hours(gate: Gate) -> None:
    result = gate.judge(gate.change(*INTERVAL))
    environment = of(result)
    assert result.outcome is Outcome.INCONCLUSIVE
    assert result.outcome.exit_code == 3
    assert "more of such tape" in result.report.sentence
    assert environment["hours_needed"] > 0.0
    assert "regimes no tape shows: high_vol" in environment["notes"]
    symbol = environment["symbols"]["SYNTHUSDT"]
    assert set(symbol) == {field.name for field in fields(SymbolVerdict)}
    effects = symbol["effects"]
    assert set(effects) == {
        "net", "turnover", "adverse", "drawdown", "rms_inventory", "requests", "off_target",
    }  # fmt: skip
    assert {row["profile"] for row in environment["kpi"]} >= {"scaled", "audit_3h"}


def test_the_same_inputs_give_the_same_bytes(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    head = gate.change(*INTERVAL)
    one = gate.judge(head, rows=lambda _: (), append=lambda *_: None)
    # Whoever runs the gate may have any threshold in the environment: it is not read.
    for name in ("KPI_NET_BPS_FAIL", "KPI_ADVERSE_FAIL", "KPI_NONSENSE"):
        monkeypatch.setenv(name, "1")
    two = gate.judge(head, rows=lambda _: (), append=lambda *_: None, workers=2)
    assert canonical_json(one.report.as_dict()) == canonical_json(two.report.as_dict())
    assert gate_markdown(one.report) == gate_markdown(two.report)


def test_the_inputs_are_named_by_digest(gate: Gate) -> None:
    head = gate.change(*INTERVAL)
    inputs = of(gate.judge(head, code_sha="c0de"))["inputs"]
    assert inputs["gate_version"] == GATE_VERSION
    assert inputs["code_sha"] == "c0de"
    assert (inputs["base"]["commit"], inputs["head"]["commit"]) == (gate.base, head)
    assert inputs["base"]["config_sha"] != inputs["head"]["config_sha"]
    assert [len(tape["digest"]) for tape in inputs["tapes"]] == [64, 64]
    assert len(inputs["policy_sha"]) == len(inputs["kpi_sha"]) == 64


def test_every_attempt_halves_what_is_left_and_a_repeated_one_spends_nothing(tmp_path: Path) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    seen = []
    for value in (71, 72, 71, 73):
        head = gate.change("min_interval_ms: 70", f"min_interval_ms: {value}")
        budget = of(gate.judge(head))["budget"]
        seen.append((budget["attempt"], budget["given"], budget["repeated"]))
    assert seen == [(1, 0.025, False), (2, 0.0125, False), (1, 0.025, True), (3, 0.00625, False)]
    kinds = [entry.kind for entry in gate.journal.entries()]
    assert kinds.count(Kind.ATTEMPT) == 3
    assert kinds.count(Kind.VERDICT) == 4
    # The attempt is on the disk before the gate looks.
    assert kinds[:2] == [Kind.ATTEMPT, Kind.VERDICT]


def test_alpha_is_the_lesser_of_the_policys_and_what_the_budget_gives(tmp_path: Path) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    alphas = []
    for value in range(71, 76):
        head = gate.change("min_interval_ms: 70", f"min_interval_ms: {value}")
        alphas.append(of(gate.judge(head))["budget"]["alpha"])
    assert alphas == pytest.approx([0.005, 0.005, 0.005, 0.003125, 0.0015625])


def test_a_change_that_changes_nothing_on_the_tapes_has_no_effect_and_does_not_pass(tmp_path: Path) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    result = gate.judge(gate.change("replace_rate_per_min: 280", "replace_rate_per_min: 281"))
    assert result.outcome is Outcome.NO_EFFECT
    assert result.outcome.exit_code == 3
    assert "does nothing on these tapes" in result.report.sentence


def test_paper_is_not_promoted_on_synthetic_tapes_alone(tmp_path: Path) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    head = gate.change(*INTERVAL, name="runtime_overrides/paper.yaml")
    environment = of(gate.judge(head, environment="paper"))
    assert environment["verdict"] == "INCONCLUSIVE"
    assert "GATE:synthetic" in environment["reasons"]


def tuned(digest: str, start: str, end: str) -> str:
    return f"""tuned_on:
  - tape: {digest}
    start: {start}
    end: {end}
overrides:"""


def test_what_was_tuned_on_is_not_evidence(gate: Gate) -> None:
    plain = of(gate.judge(gate.change(*INTERVAL)))
    first = plain["tapes"][0]
    start, end = (datetime.fromtimestamp(ns / 1e9, UTC) for ns in first["windows_ns"][0])
    whole = tuned(first["digest"], f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:59Z}")
    gate.change(*INTERVAL)
    gate.repo.edit(SANDBOX, "overrides:", whole)
    environment = of(gate.judge(gate.repo.commit()))
    assert [tape["name"] for tape in environment["tapes"]] == [plain["tapes"][1]["name"]]
    assert any(first["name"] in note and "tuned on" in note for note in environment["notes"])
    assert any("all of regime" in finding["says"] for finding in environment["findings"])


def test_another_choice_of_hours_or_draws_is_another_look_and_spends(tmp_path: Path) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    first = of(gate.judge(gate.change(*INTERVAL)))
    (tape,) = first["tapes"]
    start = datetime.fromtimestamp(tape["windows_ns"][0][0] / 1e9, tz=UTC) + timedelta(minutes=80)
    hours = (f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (start, start + timedelta(minutes=5)))
    gate.repo.git("checkout", "--quiet", "-B", "head", gate.base)
    gate.repo.edit(SANDBOX, *INTERVAL)
    gate.repo.edit(SANDBOX, "overrides:", tuned(tape["digest"], *hours))
    second = of(gate.judge(gate.repo.commit()))
    assert second["inputs"]["head"]["config_sha"] == first["inputs"]["head"]["config_sha"]
    assert (second["budget"]["repeated"], second["budget"]["attempt"]) == (False, 2)


def looks(remote: Path) -> list[Entry]:
    """Give what a remote's journal of the sandbox's gate holds."""
    published = fetch_published(Git(remote), str(remote), "sandbox.gate")
    return [] if published is None else list(published.entries)


def test_a_look_is_published_before_it_is_taken_and_every_other_one_costs(tmp_path: Path) -> None:
    gate, remote = Gate(tmp_path, tapes=THIN), bare(tmp_path / "remote.git")
    words = ["gitops", "gate", "--repo", str(gate.repo.path), "--base", gate.base, "--workers", "0"]
    words += ["--environment", "sandbox", "--remote", str(remote)]
    left = []
    for n, value in enumerate(("90", "95", "90"), start=1):
        head = gate.change(INTERVAL[0], f"min_interval_ms: {value}")
        out = tmp_path / f"out-{n}"
        assert main([*words, "--head", head, "--out", str(out)]) == 3
        left.append(json.loads((out / "gate.json").read_text())["environments"][0]["budget"])
    assert [(one["attempt"], one["repeated"]) for one in left] == [(1, False), (2, False), (1, True)]
    assert [entry.kind for entry in looks(remote)] == [Kind.ATTEMPT, Kind.ATTEMPT]
    assert main(["gitops", "record", "--repo", str(gate.repo.path), "--remote", str(remote),
                 "--evidence", str(tmp_path / "out-1")]) == 0  # fmt: skip
    assert [entry.kind for entry in looks(remote)] == [Kind.ATTEMPT, Kind.ATTEMPT, Kind.VERDICT]
    (bundle,) = (tmp_path / "out-1" / "bundles").iterdir()
    assert looks(remote)[-1].data["bundle"].startswith(bundle.name)


def test_a_look_can_be_spent_by_one_job_and_taken_by_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, remote = Gate(tmp_path, tapes=THIN), bare(tmp_path / "remote.git")
    words = ["gitops", "gate", "--repo", str(gate.repo.path), "--base", gate.base, "--workers", "0"]
    words += ["--environment", "sandbox", "--remote", str(remote), "--head", gate.change(*INTERVAL)]
    assert main([*words, "--spent"]) == 2
    said = capsys.readouterr()
    assert "is not spent in the journal, so it is not taken" in said.err
    assert "INCONCLUSIVE" not in said.out
    assert main([*words, "--spend"]) == 0
    assert "| look | SPENT | environment=sandbox attempt=1 of " in capsys.readouterr().out
    assert main([*words, "--spend"]) == 0
    assert "| look | KNOWN | " in capsys.readouterr().out
    assert main([*words, "--spent"]) == 3
    assert [entry.kind for entry in looks(remote)] == [Kind.ATTEMPT]


def test_a_look_that_cannot_be_published_is_not_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    words = ["gitops", "gate", "--repo", str(gate.repo.path), "--base", gate.base, "--workers", "0"]
    nowhere = str(tmp_path / "nowhere.git")
    assert main([*words, "--head", gate.change(*INTERVAL), "--remote", nowhere]) == 2
    assert capsys.readouterr().out == ""


def test_only_what_a_gate_says_is_recorded(tmp_path: Path) -> None:
    row = {"kind": "promoted", "data": {"environment": "sandbox", "config_sha": "a" * 64}}
    report = {"environments": [{"environment": "sandbox", "journal": [row]}]}
    (tmp_path / "gate.json").write_text(json.dumps(report))
    with pytest.raises(GitopsError, match="is no report of a gate"):
        read_rows(tmp_path)


def test_tapes_that_were_taken_away_count_until_that_has_settled(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.repo.edit("gitops/environments/sandbox.yaml", "tapes: []", "tapes: [liquid-normal]")
    with Revision.open(gate.repo.reader, gate.repo.commit("one market")) as base:
        judges = in_force(base, datetime.now(UTC))
        later = in_force(base, datetime.now(UTC) + timedelta(hours=169))
    assert [tape.name for tape in judges.tapes["sandbox"]] == ["liquid-event"]
    assert not later.tapes


def test_a_folder_that_no_gate_came_to_has_nothing_to_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo, remote = desired_state(tmp_path / "repo"), bare(tmp_path / "remote.git")
    words = ["gitops", "record", "--repo", str(repo.path), "--remote", str(remote), "--evidence"]
    (tmp_path / "out").mkdir()
    assert main([*words, str(tmp_path / "out")]) == 0
    assert "nothing to record" in capsys.readouterr().out
    assert main([*words, str(tmp_path / "none")]) == 2


def test_nobody_goes_back_to_what_the_branch_has_never_held(tmp_path: Path) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    head = gate.change(*INTERVAL)
    sides = of(gate.judge(head))["inputs"]
    for commit in (head, gate.base, "0" * 40, "--all", None):
        held = {**sides["head"], "commit": commit}
        forged = {"hold": "hold-1", "held": held, "quarantined": sides["base"]}
        row = Row(1, NOW.isoformat(), Kind.HOLD, forged)
        result = gate.judge(head, agent_rows=lambda _, row=row: [row])
        assert result.report.environments, "it was judged"


@pytest.mark.parametrize(
    ("decided", "judged"),
    [
        ((), True),
        ((Kind.PROMOTED,), False),
        ((Kind.REFUSED,), True),
        ((Kind.PROMOTED, Kind.REFUSED), True),
        ((Kind.REFUSED, Kind.PROMOTED), False),
    ],
)
def test_what_the_gate_has_never_let_in_is_judged_whatever_a_hold_says(
    tmp_path: Path, decided: tuple[Kind, ...], judged: bool
) -> None:
    """A commit that nobody judged lies beneath an innocent one, and a forged hold says that it ran."""
    gate = Gate(tmp_path, tapes=THIN)
    risky = gate.change(*INTERVAL)
    gate.repo.edit(SANDBOX, *reversed(INTERVAL))
    base = gate.repo.commit("docs: words")
    gate.repo.edit(SANDBOX, *INTERVAL)
    head = gate.repo.commit("revert(sandbox): back")
    with Revision.open(gate.repo.reader, base) as old, Revision.open(gate.repo.reader, risky) as evil:
        bad, held = (one.settings("sandbox").config_sha for one in (old, evil))
    hold = {
        "hold": "hold-1",
        "held": {"commit": risky, "config_sha": held},
        "quarantined": {"commit": base, "config_sha": bad},
    }
    other = Row(9, NOW.isoformat(), Kind.PROMOTED, {"commit": base, "config_sha": bad})
    rows = [Row(n, NOW.isoformat(), kind, {"config_sha": held}) for n, kind in enumerate(decided, start=1)]
    result = gate.judge(
        head,
        base=base,
        rows=lambda _: [*rows, other],
        agent_rows=lambda _: [Row(1, NOW.isoformat(), Kind.HOLD, hold)],
    )
    assert bool(result.report.environments) is judged
    assert (result.outcome is Outcome.NOT_JUDGED) is not judged


def test_a_part_that_was_tuned_on_is_cut_out_of_its_tape(gate: Gate) -> None:
    first = of(gate.judge(gate.change(*INTERVAL)))["tapes"][0]
    start_ns = first["windows_ns"][0][0]
    start, end = (datetime.fromtimestamp(start_ns / 1e9 + s, UTC) for s in (0.0, 60.0))
    gate.change(*INTERVAL)
    gate.repo.edit(
        SANDBOX, "overrides:", tuned(first["digest"], *(f"{t:%Y-%m-%dT%H:%M:%SZ}" for t in (start, end)))
    )
    cut = of(gate.judge(gate.repo.commit()))["tapes"][0]
    assert cut["cut_out"] == 1
    assert cut["windows_ns"][0][0] >= start_ns + 600_000_000_000
    assert cut["hours"] < first["hours"]


def test_the_text_says_the_verdict_last_and_takes_nothing_as_markup(gate: Gate) -> None:
    report = gate.judge(gate.change(*INTERVAL)).report
    assert gate_lines(report)[-1].startswith("INCONCLUSIVE: ")
    (one,) = report.environments
    hostile = replace(one.answer, notes=(*one.answer.notes, "<img src=x> | `a` [b](c)"))
    text = gate_markdown(replace(report, environments=(replace(one, answer=hostile),)))
    assert "<img" not in text
    assert "| metric | baseline |" in text


def test_the_command_writes_its_files_and_exits_by_its_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = Gate(tmp_path, tapes=THIN)
    head = gate.change(*INTERVAL)
    out, summary = tmp_path / "out", tmp_path / "summary.md"
    summary.write_text("before\n")
    words = [
        "gitops", "gate", "--repo", str(gate.repo.path), "--base", gate.base, "--head", head,
        "--environment", "sandbox", "--out", str(out), "--out-md", str(summary), "--workers", "0", "--json",
    ]  # fmt: skip
    assert main(words) == 3
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((out / "gate.json").read_text()) == printed
    assert summary.read_text() == "before\n" + (out / "gate.md").read_text()
    journal = gate.repo.path / "artifacts" / "gitops" / "sandbox" / "journal.jsonl"
    assert [entry.kind for entry in Journal(journal).entries()] == [Kind.ATTEMPT, Kind.VERDICT]


@pytest.mark.parametrize("missing", ["--base", "--head"])
def test_a_commit_that_does_not_exist_is_one_line(
    gate: Gate, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refs = {"--base": gate.base, "--head": gate.base, missing: "nowhere"}
    words = [word for pair in refs.items() for word in pair]
    assert main(["gitops", "gate", "--repo", str(gate.repo.path), *words]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ")
    assert "\n" not in said
