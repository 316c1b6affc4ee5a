"""A base that does not compose: its repair is compared with what stood before, and others are not kept."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.cli.main import main
from framework.gates.paired_verdict import Outcome
from framework.gitops.change.report import ChangeReport
from framework.gitops.desired.revision import Revision
from framework.gitops.gate.report import gate_lines
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import run_gate
from framework.journal.journal import Journal, Kind
from tests.gitops.repository import Repo, bare, classified, desired_state

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
SANDBOX = "runtime_overrides/sandbox.yaml"
PRODUCTION = "runtime_overrides/production.yaml"
FILE = "gitops/environments/sandbox.yaml"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return desired_state(tmp_path / "repo")


BREAKS = {
    "a value out of bounds": (SANDBOX, "min_interval_ms: 70", "min_interval_ms: 20"),
    "a patch that is no YAML": (SANDBOX, "overrides:", "overrides: ["),
    "an environment's file with an unknown key": (FILE, "tier: sandbox", "tier: sandbox\nflavour: mild"),
    "a tier that there is not": (FILE, "tier: sandbox", "tier: sandpit"),
}


def broken(repo: Repo, how: str) -> tuple[str, str]:
    """Break the sandbox; return the good commit and the broken one."""
    good = repo.git("rev-parse", "HEAD")
    repo.edit(*BREAKS[how])
    return good, repo.commit("breaks the sandbox")


def mended(repo: Repo, how: str) -> str:
    name, old, new = BREAKS[how]
    repo.edit(name, new, old)
    return repo.commit("mends it")


def against(report: ChangeReport) -> dict[str, str]:
    return {c.name: c.against.commit for c in report.environments if c.against is not None}


@pytest.mark.parametrize("how", BREAKS)
def test_what_goes_back_to_the_byte_needs_nothing_and_says_what_it_is_compared_with(
    repo: Repo, how: str
) -> None:
    good, base = broken(repo, how)
    if BREAKS[how][0] == FILE:
        report = classified(repo.reader, base, mended(repo, how), now=NOW)
    else:
        report = classified(repo.reader, base, mended(repo, how), "sandbox", now=NOW)
    assert (report.verdict, report.refusals) == ("neutral", ())
    assert against(report) == {"sandbox": good}
    assert f"it is compared with {good[:12]}, the newest content below it that composes" in report.notes[0]


def test_a_repair_that_takes_risk_besides_is_judged_by_all_of_it(repo: Repo) -> None:
    good, base = broken(repo, "a value out of bounds")
    repo.edit(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    report = classified(repo.reader, base, mended(repo, "a value out of bounds"), now=NOW)
    assert (report.verdict, report.classification) == ("gate", "increasing")
    (change,) = [c for c in report.environments if c.changes]
    assert [c.name for c in change.changes] == ["base_spread_bps_delta"]
    assert against(report) == {"sandbox": good}


def test_risk_that_hid_behind_the_fault_counts_when_the_fault_goes(repo: Repo) -> None:
    repo.edit(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    _, base = broken(repo, "a value out of bounds")
    report = classified(repo.reader, base, mended(repo, "a value out of bounds"), now=NOW)
    assert (report.verdict, report.classification) == ("gate", "increasing")


@pytest.mark.parametrize("how", BREAKS)
def test_a_broken_environment_keeps_no_other_one_from_an_emergency(repo: Repo, how: str) -> None:
    _, base = broken(repo, how)
    repo.edit(PRODUCTION, "base_spread_bps_delta: 0.20", "base_spread_bps_delta: 0.40")
    head = repo.commit()
    report = classified(repo.reader, base, head, now=NOW)
    assert not [fault for fault in report.refusals if "sign" not in fault]
    assert {c.name for c in report.environments if c.changes} == {"production"}
    assert any("does not compose, as before" in note for note in report.notes)
    alone = classified(repo.reader, base, head, "sandbox", now=NOW)
    assert alone.refusals  # nobody may call this one in order


def test_another_fault_is_a_new_one(repo: Repo) -> None:
    _, base = broken(repo, "a value out of bounds")
    repo.edit(SANDBOX, "min_interval_ms: 20", "min_interval_ms: 30")
    report = classified(repo.reader, base, repo.commit(), now=NOW)
    assert "min_interval_ms is 30" in report.refusals[0]


def test_where_nothing_below_composes_it_is_refused(repo: Repo) -> None:
    repo.write("gitops/environments/other.yaml", "name: other\ntier: moon\n")
    base = repo.commit()
    text = (repo.path / FILE).read_text("utf-8").replace("name: sandbox", "name: other")
    repo.write("gitops/environments/other.yaml", text)
    report = classified(repo.reader, base, repo.commit(), now=NOW)
    assert "nothing to compare it with" in report.refusals[0]


def asked(repo: Repo, base: str, head: str, journal: Journal) -> tuple[Outcome, str]:
    """Let the gate judge by what a journal says is in force; return its verdict and its lines."""
    with Revision(repo.reader, base) as old, Revision(repo.reader, head) as new:
        result = run_gate(
            GateRequest(
                base=old, head=new, home=repo.path, now=NOW, workers=0,
                rows=lambda _: (), agent_rows=lambda _: journal.entries(),
            )
        )  # fmt: skip
    return result.outcome, "\n".join(gate_lines(result.report))


def test_the_gate_asks_the_journal_what_is_in_force(repo: Repo, tmp_path: Path) -> None:
    good = repo.git("rev-parse", "HEAD")
    with Revision(repo.reader, good) as revision:
        sha = revision.settings("sandbox", now=NOW).config_sha
    journal = Journal(tmp_path / "journal.jsonl", now=lambda: NOW)
    data = {"commit": good, "config_sha": sha, "overrides_sha": "0" * 64, "generation": 1, "cause": "commit"}
    journal.append(kind=Kind.APPLIED, data=data)
    repo.edit(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    repo.commit("looser, and never let in")
    _, base = broken(repo, "a value out of bounds")
    repo.edit(SANDBOX, "base_spread_bps_delta: 0.05", "base_spread_bps_delta: 0.10")
    outcome, said = asked(repo, base, mended(repo, "a value out of bounds"), journal)
    assert outcome is Outcome.NOT_JUDGED
    assert f"it is compared with {good[:12]}, what is in force there by its agent's journal" in said


def test_check_and_gate_agree_that_the_repair_is_free(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    _, base = broken(repo, "a value out of bounds")
    head = mended(repo, "a value out of bounds")
    words = ["--base", base, "--head", head, "--repo", str(repo.path)]
    assert main(["gitops", "check", *words]) == 0
    assert "OK: nothing that an environment runs changes" in capsys.readouterr().out
    assert main(["gitops", "gate", *words]) == 0
    assert "NOT JUDGED: " in capsys.readouterr().out


def test_check_reads_the_published_journals(
    repo: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = bare(tmp_path / "remote.git")
    repo.git("push", "--quiet", str(remote), "main")
    _, base = broken(repo, "a value out of bounds")
    head = mended(repo, "a value out of bounds")
    words = ["--base", base, "--head", head, "--repo", str(repo.path), "--remote", str(remote)]
    assert main(["gitops", "check", *words]) == 0
    assert "note: sandbox: does not compose in the base" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["check", "gate"])
@pytest.mark.parametrize("what", ["a link", "a policy that is no YAML", "no policy"])
def test_a_base_that_cannot_be_read_is_passed_over_for_what_can(
    repo: Repo, verb: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = repo.git("rev-parse", "HEAD")
    policy = (repo.path / "gitops/policy.yaml").read_bytes()
    if what == "a link":
        os.symlink("policy.yaml", repo.path / "gitops/other.yaml")
    elif what == "no policy":
        (repo.path / "gitops/policy.yaml").unlink()
    else:
        repo.write("gitops/policy.yaml", "paths: [")
    base = repo.commit("merged by force")
    (repo.path / "gitops/other.yaml").unlink(missing_ok=True)
    repo.write("gitops/policy.yaml", policy)
    head = repo.commit("mends it")
    assert main(["gitops", verb, "--base", base, "--head", head, "--repo", str(repo.path)]) == 0
    assert f"compared with {good[:12]}, the newest below it that can be read" in capsys.readouterr().err
