"""A rollout in an environment's file: a candidate is let out by a gate and taken back by a check."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.gitops.change.report import ChangeReport
from framework.settings.overrides import Direction
from tests.gitops.repository import Repo, classified, desired_state

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
FILE, TRY = "gitops/environments/sandbox.yaml", "runtime_overrides/sandbox.try.yaml"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return desired_state(tmp_path / "repo")


def tried(repo: Repo, values: str) -> None:
    repo.write(TRY, f"reason: a try\nowner: us\noverrides: {{{values}}}\n")


def named(repo: Repo, values: str = "max_delta_ratio: 0.15") -> None:
    tried(repo, values)
    repo.edit(FILE, "candidate: null", f"candidate: {TRY}")


def let_out(repo: Repo, mode: str = "canary", before: str = "disabled") -> None:
    repo.edit(FILE, f"rollout: {before}", f"rollout: {mode}")


def judged(repo: Repo) -> ChangeReport:
    """Commit what was edited and compare it with the commit before."""
    base = repo.git("rev-parse", "HEAD")
    return classified(repo.reader, base, repo.commit(), now=NOW)


def test_a_candidate_is_named_let_out_grown_and_taken_back(repo: Repo) -> None:
    named(repo)
    report = judged(repo)
    assert (report.verdict, report.refusals) == ("neutral", ())
    let_out(repo)
    report = judged(repo)
    assert (report.verdict, report.refusals) == ("gate", ())
    (change,) = [one for one in report.environments if one.needs != "none"]
    assert [one.name for one in change.changes] == ["rollout.mode", "candidate.max_delta_ratio"]
    assert change.base is not None
    assert change.head is not None
    assert change.base.config_sha == change.head.baseline.config_sha
    let_out(repo, "full", "canary")
    assert judged(repo).verdict == "gate"
    let_out(repo, "disabled", "full")
    report = judged(repo)
    assert (report.verdict, report.classification) == ("check", "reducing")


def test_a_changed_candidate_that_trades_is_a_change_and_promoting_it_moves_nothing(repo: Repo) -> None:
    named(repo)
    let_out(repo, "full")
    repo.commit()
    tried(repo, "max_delta_ratio: 0.16")
    report = judged(repo)
    assert report.verdict == "gate"
    assert {env.direction for env in report.environments} == {Direction.GATED, Direction.NEUTRAL}
    let_out(repo, "disabled", "full")
    repo.edit("runtime_overrides/sandbox.yaml", "max_delta_ratio: 0.14", "max_delta_ratio: 0.16")
    repo.edit(FILE, f"candidate: {TRY}", "candidate: null")
    report = judged(repo)
    assert (report.verdict, report.refusals, report.classification) == ("check", (), "reducing")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ("max_delta_ratio: 0.19", "max_delta_ratio goes from 0.14 to 0.19 share; allowed a step of 0.03"),
        (
            "sizing.leverage: 3.0",
            "sizing.leverage takes effect once flat, and a candidate trades by the minute",
        ),
        ("rollout.canary_fraction: 0.5", "rollout.canary_fraction says how a candidate is tried"),
        ("exchange.feed_ms: 1.0", "takes effect at a restart only"),
        ("sizing.quote_notional_usd: 90000.0", "quote_notional_usd is 90000; allowed up to notional_cap_usd"),
    ],
)
def test_what_no_candidate_may_hold_is_refused(repo: Repo, values: str, says: str) -> None:
    named(repo, values)
    let_out(repo)
    report = judged(repo)
    assert report.exit_code == 1
    assert any(says in refusal for refusal in report.refusals), report.refusals


def test_a_second_step_of_a_candidate_is_measured_from_the_baseline(repo: Repo) -> None:
    named(repo, "max_delta_ratio: 0.17")
    let_out(repo)
    repo.commit()
    tried(repo, "max_delta_ratio: 0.2")
    report = judged(repo)
    assert "sandbox: candidate.max_delta_ratio goes from 0.14 to 0.2" in report.refusals[0]


@pytest.mark.parametrize("mode", ["canary", "full"])
def test_letting_out_nothing_is_refused(repo: Repo, mode: str) -> None:
    let_out(repo, mode)
    report = judged(repo)
    assert report.exit_code == 1
    assert f"mode is {mode} without a candidate" in report.refusals[0]


def test_a_candidate_has_no_end_of_its_own(repo: Repo) -> None:
    named(repo)
    repo.edit(TRY, "owner: us", "owner: us\nexpires: 2030-01-01T00:00:00Z")
    assert "a candidate ends by a commit" in judged(repo).refusals[0]


def test_a_candidate_is_no_value_of_the_baselines_patch(repo: Repo) -> None:
    repo.edit(
        "runtime_overrides/sandbox.yaml",
        "overrides:\n",
        "overrides:\n  rollout.candidate: {tail_age_ms: 700}\n",
    )
    assert "allowed as a file of its own, candidate in the environment's" in judged(repo).refusals[0]
