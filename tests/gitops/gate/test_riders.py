"""What rides along: every value of a change is replayed by itself, and none passes by its company."""

from __future__ import annotations

from typing import Any

import pytest

from framework.compiled.records import interpreted
from framework.gates.paired_verdict import Outcome
from framework.gitops.gate.arms import ArmBlocks, ArmJob, compared, replay_arm
from framework.gitops.gate.report import gate_lines, gate_markdown
from framework.settings.environment import compose_environment
from framework.settings.overrides import Effect
from framework.settings.schema.run import RunSettings
from tests.gitops.gate.test_gate_run import SANDBOX, THIN, Gate
from tests.gitops.repository import ROOT

CAP = "\n  sizing.notional_cap_usd: 30000"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return Gate(tmp_path_factory.mktemp("gate"), tapes=THIN)


@pytest.fixture(scope="module")
def base() -> RunSettings:
    return compose_environment(ROOT, "sandbox").settings


def judged(gate: Gate, edits: dict[str, str]) -> Any:
    """Commit several values of the sandbox together and judge them."""
    gate.repo.git("checkout", "--quiet", "-B", "head", gate.base)
    for old, new in edits.items():
        gate.repo.edit(SANDBOX, old, new)
    return gate.judge(gate.repo.commit())


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_a_limit_that_no_tape_reaches_does_not_pass_by_the_company_it_keeps(gate: Gate) -> None:
    result = judged(gate, {"tail_age_ms: 650": f"tail_age_ms: 600{CAP}"})
    (one,) = result.report.as_dict()["environments"]
    assert result.outcome is Outcome.FAIL
    assert one["reasons"][0] == "GATE:rider"
    assert (
        "sizing.notional_cap_usd (20000.0 to 30000.0) increases risk and changes no fill" in one["sentence"]
    )
    rows = {row["name"]: row for row in one["keys"]}
    assert (rows["tail_age_ms"]["seen"], rows["sizing.notional_cap_usd"]["seen"]) == (True, False)
    assert rows["tail_age_ms"]["net"]["THINUSDT"]["effect"] == pytest.approx(
        one["symbols"]["THINUSDT"]["effects"]["net"]["effect"]
    ), "the other one did all of it"
    text = "\n".join(gate_lines(result.report))
    assert "each value alone" in text
    assert "Each value alone:" in gate_markdown(result.report)


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_a_value_without_a_direction_that_does_nothing_is_refused_too(gate: Gate) -> None:
    edits = {"tail_age_ms: 650": "tail_age_ms: 600", "replace_rate_per_min: 280": "replace_rate_per_min: 300"}
    (one,) = judged(gate, edits).report.as_dict()["environments"]
    assert one["reasons"][0] == "GATE:rider"
    assert (
        "replace_rate_per_min (280 to 300) has no safe direction and changes no fill and no request"
        in one["sentence"]
    )


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_a_value_that_reduces_risk_is_no_rider(gate: Gate) -> None:
    cap = CAP.replace("30000", "15000")
    (one,) = judged(gate, {"tail_age_ms: 650": f"tail_age_ms: 600{cap}"}).report.as_dict()["environments"]
    assert "GATE:rider" not in one["reasons"]
    assert "changes nothing on these tapes by itself: sizing.notional_cap_usd" in one["notes"]


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_values_that_all_show_are_judged_as_one(gate: Gate) -> None:
    edits = {"tail_age_ms: 650": "tail_age_ms: 600", "min_interval_ms: 70": "min_interval_ms: 90"}
    (one,) = judged(gate, edits).report.as_dict()["environments"]
    assert "GATE:rider" not in one["reasons"]
    assert [row["seen"] for row in one["keys"]] == [True, True]


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_a_change_that_does_nothing_at_all_has_no_effect_and_no_rider(gate: Gate) -> None:
    loss = "\n  guards.loss_halt_usd: 150"
    result = judged(gate, {"  max_delta_ratio: 0.14": f"  max_delta_ratio: 0.14{CAP}{loss}"})
    assert result.outcome is Outcome.NO_EFFECT


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_a_change_of_one_value_replays_two_arms_and_each_more_costs_one(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[str] = []
    plain = replay_arm

    def counted(job: ArmJob) -> ArmBlocks:
        played.append(job.settings.config_sha)
        return plain(job)

    monkeypatch.setattr("framework.gitops.gate.arms.replay_arm", counted)
    edits = {
        "tail_age_ms: 650": "tail_age_ms: 600",
        "max_delta_ratio: 0.14": "max_delta_ratio: 0.16",
        "min_interval_ms: 70": "min_interval_ms: 80",
    }
    for count, arms in ((1, 2), (2, 4), (3, 5)):
        played.clear()
        judged(gate, dict(list(edits.items())[:count]))
        assert (len(played), len(set(played))) == (arms, arms)


def test_one_value_is_the_change_itself(base: RunSettings) -> None:
    head = base.with_values({"tail_age_ms": 600})
    assert compared(base=base, head=head).keys == ()


def test_every_value_is_laid_over_the_base_by_itself(base: RunSettings) -> None:
    head = base.with_values({"tail_age_ms": 600, "sizing.notional_cap_usd": 30000.0})
    keys = compared(base=base, head=head).keys
    assert {key.change.name: key.change.effect for key in keys} == {
        "tail_age_ms": Effect.NONE,
        "sizing.notional_cap_usd": Effect.INCREASING,
    }
    for key in keys:
        assert key.settings is not None
        alone = base.with_values({key.change.name: key.change.new})
        assert key.settings.config_sha == alone.config_sha


def test_a_candidate_s_value_is_laid_over_the_baseline_as_far_out_as_the_head_lets_it(
    base: RunSettings,
) -> None:
    out = {"mode": "full", "candidate": {"tail_age_ms": 600, "sizing.notional_cap_usd": 30000.0}}
    head = base.with_values({"min_interval_ms": 80})
    head = head.replaced({"rollout": head.rollout.model_copy(update=out)})
    keys = compared(base=base, head=head).keys
    tried = [key for key in keys if key.change.name.startswith("candidate.")]
    assert {key.change.name for key in tried} == {
        "candidate.tail_age_ms", "candidate.sizing.notional_cap_usd"
    }  # fmt: skip
    for key in tried:
        assert key.settings is not None
        assert key.settings.rollout.mode == "full"
        assert list(key.settings.rollout.candidate or {}) == [key.change.name.removeprefix("candidate.")]


def test_a_value_that_does_not_compose_alone_is_taken_out_of_the_rest(base: RunSettings) -> None:
    assert base.sizing.notional_cap_usd == 20_000.0
    head = base.with_values({"sizing.notional_cap_usd": 30_000.0, "sizing.quote_notional_usd": 25_000.0})
    keys = {key.change.name: key for key in compared(base=base, head=head).keys}
    assert not keys["sizing.notional_cap_usd"].taken_out
    left = keys["sizing.quote_notional_usd"]
    assert left.taken_out
    assert left.settings is not None
    assert left.settings.sizing.notional_cap_usd == 30_000.0
    assert left.settings.sizing.quote_notional_usd == base.sizing.quote_notional_usd


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_a_knob_that_the_ticks_cannot_hear_names_those_that_answer(gate: Gate) -> None:
    knobs = "strategy.base_half_spread_bps and profile.spread_multiplier answer"
    for edit, told in (
        ({"base_spread_bps_delta: 0.10": "base_spread_bps_delta: 0.05"}, True),
        ({"tail_age_ms: 650": "tail_age_ms: 600"}, False),
    ):
        (one,) = judged(gate, edit).report.as_dict()["environments"]
        assert (knobs in f"{one['sentence']} {one['notes']}") is told
