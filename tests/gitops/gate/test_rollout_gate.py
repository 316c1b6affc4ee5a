"""A rollout at the gate: its routes are replayed, so that it passes, fails or stays unclear."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.compiled.records import interpreted
from framework.gates.paired_verdict import Outcome
from framework.gitops.gate.run import GateResult
from tests.gitops.change.test_rollout_changes import FILE, let_out, named, tried
from tests.gitops.gate.test_gate_run import LIQUID, Gate, of

pytestmark = pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")

SLOWER = "min_interval_ms: 110"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"), tapes=LIQUID.replace("hours: 0.5", "hours: 1.5"))


def begun(gate: Gate, values: str, mode: str, fraction: float = 0.5) -> str:
    """Commit a candidate that is let out at once."""
    gate.repo.git("checkout", "--quiet", "-B", "head", gate.base)
    named(gate.repo, values)
    let_out(gate.repo, mode)
    gate.repo.edit(FILE, "words: []", f"words: [rollout.canary_fraction={fraction}]")
    return gate.repo.commit()


def looked(gate: Gate, head: str, base: str | None = None) -> GateResult:
    return gate.judge(head, base=base or gate.base, rows=lambda _: (), append=lambda *_: None)


def test_a_canary_is_replayed_by_its_routes_and_may_stay_unclear(gate: Gate) -> None:
    result = looked(gate, begun(gate, SLOWER, "canary"))
    assert result.outcome is Outcome.INCONCLUSIVE
    age = of(result)["symbols"]["SYNTHUSDT"]["effects"]["off_target_age"]
    whole = looked(gate, begun(gate, SLOWER, "full"))
    assert whole.outcome is Outcome.FAIL
    assert "off-target age" in whole.report.sentence
    far = of(whole)["symbols"]["SYNTHUSDT"]["effects"]["off_target_age"]
    assert 0.0 < age["effect"] < far["effect"]  # half of the minutes, about half of the effect


def test_a_canary_that_grows_and_a_candidate_that_changes_are_judged_against_what_runs(gate: Gate) -> None:
    base = begun(gate, SLOWER, "canary", 0.1)
    gate.repo.edit(FILE, "canary_fraction=0.1", "canary_fraction=0.9")
    grown = looked(gate, gate.repo.commit(), base)
    assert grown.outcome not in (Outcome.NO_EFFECT, Outcome.PASS)
    assert of(grown)["changes"][0]["name"] == "rollout.canary_fraction"
    tried(gate.repo, "max_delta_ratio: 0.15")
    changed = looked(gate, gate.repo.commit(), base)
    assert changed.outcome is Outcome.INCONCLUSIVE


def test_a_candidate_that_changes_nothing_has_no_effect(gate: Gate) -> None:
    assert looked(gate, begun(gate, "max_delta_ratio: 0.14", "canary")).outcome is Outcome.NO_EFFECT


def test_what_is_taken_back_needs_no_tapes(gate: Gate) -> None:
    base = begun(gate, SLOWER, "full")
    gate.repo.edit(FILE, "rollout: full", "rollout: disabled")
    result = looked(gate, gate.repo.commit(), base)
    assert result.outcome is Outcome.PASS
    assert "the check is enough for sandbox (reducing)" in result.report.sentence


def test_hours_a_candidate_was_tuned_on_judge_nothing(gate: Gate, tmp_path: Path) -> None:
    head = begun(gate, SLOWER, "full")
    digest = of(looked(gate, head))["tapes"][0]["digest"]
    seen = f"tuned_on:\n  - {{tape: {digest}, start: 2020-01-01T00:00:00Z, end: 2040-01-01T00:00:00Z}}\n"
    repo = gate.repo
    name = "runtime_overrides/sandbox.try.yaml"
    repo.write(name, (repo.path / name).read_text("utf-8") + seen)
    result = looked(gate, repo.commit())
    assert (
        "tape liquid-normal is not used: nothing of it is left that was not tuned on" in of(result)["notes"]
    )
