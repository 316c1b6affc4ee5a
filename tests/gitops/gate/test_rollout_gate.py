"""A rollout at the gate: a canary is judged by its candidate, so that it passes, fails or stays unclear."""

from __future__ import annotations

from pathlib import Path

import pytest

from framework.compiled.records import interpreted
from framework.gates.paired_verdict import Outcome
from framework.gitops.gate.answer import CANARY_NOTE
from framework.gitops.gate.report import gate_markdown
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


def test_a_canary_of_any_share_is_held_to_what_its_candidate_is_held_to_alone(gate: Gate) -> None:
    whole = looked(gate, begun(gate, SLOWER, "full"))
    assert whole.outcome is Outcome.FAIL
    assert "time off target" in whole.report.sentence
    far = of(whole)["symbols"]["SYNTHUSDT"]
    for fraction in (0.1, 0.5):
        result = looked(gate, begun(gate, SLOWER, "canary", fraction))
        assert result.outcome is Outcome.FAIL
        near = of(result)["symbols"]["SYNTHUSDT"]
        assert near["effects"] == far["effects"]
        # What its routes do stands beside it: a share of the minutes, a share of the effect.
        mixed = near["routes"]["off_target"]["effect"]
        assert 0.0 < mixed < far["effects"]["off_target"]["effect"]
        assert CANARY_NOTE in of(result)["notes"]
        assert "as its routes trade" in gate_markdown(result.report)
    assert far["routes"] == {}


def test_growing_a_canary_asks_the_same_question_and_another_candidate_a_new_one(gate: Gate) -> None:
    first, base = looked(gate, begun(gate, SLOWER, "canary", 0.1)), gate.repo.commit()
    gate.repo.edit(FILE, "canary_fraction=0.1", "canary_fraction=0.9")
    grown = looked(gate, gate.repo.commit(), base)
    assert of(grown)["changes"][0]["name"] == "rollout.canary_fraction"
    assert of(grown)["inputs"]["attempt"] == of(first)["inputs"]["attempt"]
    assert grown.outcome is first.outcome
    verdict = of(grown)["journal"][-1]["data"]
    assert verdict["config_sha"] == of(grown)["inputs"]["head"]["config_sha"]
    tried(gate.repo, "max_delta_ratio: 0.15")
    changed = looked(gate, gate.repo.commit(), base)
    assert of(changed)["inputs"]["attempt"] != of(first)["inputs"]["attempt"]
    assert changed.outcome is Outcome.INCONCLUSIVE


def test_a_baseline_that_changes_beneath_a_canary_is_compared_by_the_routes(gate: Gate) -> None:
    base = begun(gate, "max_delta_ratio: 0.15", "canary", 0.1)
    gate.repo.edit("runtime_overrides/sandbox.yaml", "min_interval_ms: 70", "min_interval_ms: 110")
    result = looked(gate, gate.repo.commit(), base)
    assert result.outcome is Outcome.FAIL
    assert of(result)["symbols"]["SYNTHUSDT"]["routes"] == {}


def test_a_candidate_that_changes_nothing_has_no_effect(gate: Gate) -> None:
    assert looked(gate, begun(gate, "max_delta_ratio: 0.14", "canary")).outcome is Outcome.NO_EFFECT


def test_what_is_taken_back_needs_no_tapes(gate: Gate) -> None:
    base = begun(gate, SLOWER, "full")
    gate.repo.edit(FILE, "rollout: full", "rollout: disabled")
    result = looked(gate, gate.repo.commit(), base)
    assert result.outcome is Outcome.NOT_JUDGED
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
