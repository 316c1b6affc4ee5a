"""What holds a step back: evidence, freeze, oscillation, velocity, cooldown, budgets, phases, patches."""

from dataclasses import replace
from typing import Any

import pytest

from framework.gates.verdict import Verdict
from framework.tuning.guards import reverses
from framework.tuning.params import RUNTIME_LIMITS, Field, TuningError, signature
from framework.tuning.rows import Reason
from framework.tuning.rules import lenient_verdict
from framework.tuning.state import rebase, start_state
from framework.tuning.step import SAME_SIGNATURE, TuningDecision
from tests.tuning.tuning_cases import AUDIT, START, WARM, driver, measured, one_step, run, sure, unsure

ADVERSE = measured(net_bps=sure(-0.5), neg_edge_drivers=driver("adverse_bps"))
BLOCKED = measured(block_min_interval=sure(0.5))
STABLE = measured(net_bps=sure(2.8), block_risk=sure(0.2))


def reason_of(decision: TuningDecision, field: Field) -> Reason:
    return next(row.reason for row in decision.rows if row.field is field)


def moved(decision: TuningDecision) -> set[str]:
    return {row.field.value for row in decision.rows if row.applied and row.field}


@pytest.mark.parametrize("value", [0.9, 5.0])
def test_a_point_beyond_the_limit_moves_nothing_while_its_interval_includes_it(value: float) -> None:
    decision = one_step(measured(adverse_p95=unsure(4.0 + value)))
    assert not decision.write
    assert decision.why == "no_evidence"
    assert reason_of(decision, Field.SPREAD) is Reason.NO_EVIDENCE


def test_a_value_without_bounds_is_no_evidence() -> None:
    bare = replace(sure(0.9), lo=None, hi=None)
    assert one_step(measured(cancel_ratio=bare)).why == "no_evidence"


def test_a_bound_exactly_on_the_limit_does_not_exclude_it() -> None:
    touching = replace(sure(4.5), lo=4.0)
    assert one_step(measured(adverse_p95=touching)).why == "no_evidence"


def test_an_unmeasured_metric_moves_nothing() -> None:
    blank = measured(
        net_bps=None, adverse_p95=None, slippage_p95=None, cancel_ratio=None, order_age_p95_ms=None
    )
    assert one_step(blank).rows == ()


def test_too_few_fills_are_no_evidence() -> None:
    decision = one_step(replace(BLOCKED, fills=29))
    assert (decision.new_params, decision.why) == (START, "too_few_fills")
    assert decision.markers == ("| autotune | BLOCKED:too_few_fills | STEP 29 fills, 30 needed |",)
    assert one_step(replace(BLOCKED, fills=30)).write


def test_an_iteration_that_broke_is_no_evidence() -> None:
    assert one_step(replace(BLOCKED, verdict=Verdict.ERROR)).why == "verdict_error"


def test_thin_iterations_break_every_streak() -> None:
    loss = measured(net_bps=sure(-0.5))
    decisions = run([loss, replace(loss, fills=3), loss])
    assert all(row.kind != "fallback" for d in decisions for row in d.rows)


def test_nothing_is_applied_on_the_last_iteration() -> None:
    decision = one_step(ADVERSE, last=True)
    assert (decision.new_params, decision.write, decision.why) == (START, False, "last_iteration")
    assert {row.reason for row in decision.rows} == {Reason.LAST_ITERATION}


def test_a_package_that_would_stay_the_same_is_not_written() -> None:
    decision = one_step(measured())
    assert (decision.write, decision.why, decision.rows) == (False, SAME_SIGNATURE, ())


def test_two_stable_iterations_freeze_impact_cap_and_max_delta_for_four() -> None:
    decisions = run([STABLE, STABLE, *[ADVERSE] * 2])
    for decision in decisions[2:3]:
        assert reason_of(decision, Field.IMPACT_CAP) is Reason.FREEZE
        assert reason_of(decision, Field.MAX_DELTA) is Reason.FREEZE
    trail = decisions[1].state.trails[Field.IMPACT_CAP]
    assert trail.frozen_until == 5
    after = one_step(ADVERSE, state=decisions[1].state, iteration=6)
    assert {"impact_cap_ratio", "max_delta_ratio"} <= moved(after)


def test_the_freeze_holds_during_the_iteration_that_starts_it() -> None:
    # Stable net and an adverse driver cannot meet in one document rule set; the frozen key is asked by state.
    state = run([STABLE])[0].state
    second = one_step(STABLE, state=state, iteration=2)
    assert second.state.trails[Field.MAX_DELTA].frozen_until == 5
    assert second.state.trails[Field.SPREAD].frozen_until == 0


@pytest.mark.parametrize(
    "unstable", [{"block_risk": sure(0.36)}, {"net_bps": sure(2.69)}, {"block_risk": None}, {"net_bps": None}]
)
def test_risk_blocks_or_low_net_prevent_the_freeze(unstable: dict[str, Any]) -> None:
    decisions = run([STABLE, replace(STABLE, **unstable), STABLE])
    assert decisions[-1].state.trails[Field.IMPACT_CAP].frozen_until == 0


def test_stability_at_the_floor_itself_counts() -> None:
    edge = replace(STABLE, net_bps=sure(2.7), block_risk=sure(0.35))
    assert run([edge, edge])[-1].state.trails[Field.IMPACT_CAP].frozen_until == 5


def test_going_straight_back_to_the_package_before_is_oscillation() -> None:
    floor = replace(START, min_interval_ms=50)  # relief can then only give back what concurrency took
    crowded, old = measured(block_concurrency=sure(0.4)), measured(order_age_p95_ms=sure(345.0))
    first, second, third = run([crowded, old, old], start=floor)
    assert first.new_params.replace_rate_per_min == 250
    assert {row.reason for row in second.rows} == {Reason.OSCILLATION}
    assert second.new_params == first.new_params
    assert third.new_params.replace_rate_per_min == 280


def test_a_package_is_compared_with_the_one_before_and_not_with_itself() -> None:
    state = replace(start_state(params=START), signatures=(signature(START), signature(START)))
    assert not reverses(state=state, params=START)
    state = replace(state, signatures=("other", signature(START)))
    assert not reverses(state=state, params=START)


def test_a_key_changed_in_three_iterations_in_a_row_pauses_for_one() -> None:
    spread = measured(adverse_p95=sure(4.5))
    decisions = run([spread] * 6)
    assert [d.write for d in decisions] == [True, True, True, False, True, True]
    assert reason_of(decisions[3], Field.SPREAD) is Reason.VELOCITY


def test_a_slow_key_cools_down_after_a_change() -> None:
    rules = replace(AUDIT, fallback=replace(AUDIT.fallback, after_negative=99))
    decisions = run([ADVERSE] * 3, rules=rules)
    assert [reason_of(d, Field.MAX_DELTA) for d in decisions] == [
        Reason.APPLIED,
        Reason.COOLDOWN,
        Reason.APPLIED,
    ]


def test_the_reason_given_is_the_one_of_highest_priority() -> None:
    rules = replace(AUDIT, guards=replace(AUDIT.guards, cooldown=dict.fromkeys(Field, 5)))
    state = start_state(params=START)
    busy = state.map_trails(lambda _, t: replace(t, changed_at=(1, 2, 3)))
    busy = replace(busy, iteration=3)
    target = signature(
        replace(START, impact_cap_ratio=0.07, max_delta_ratio=0.12, base_spread_bps_delta=0.10)
    )
    both = replace(busy, signatures=(target,))
    frozen = both.map_trails(lambda _, t: replace(t, frozen_until=4))
    for given, expected in [
        (frozen, Reason.FREEZE),
        (both, Reason.OSCILLATION),
        (busy, Reason.VELOCITY),
        (busy.map_trails(lambda _, t: replace(t, changed_at=(3,))), Reason.COOLDOWN),
    ]:
        decision = one_step(ADVERSE, rules=rules, state=given, iteration=4)
        assert reason_of(decision, Field.IMPACT_CAP) is expected


def test_dropping_one_key_does_not_let_the_rest_complete_an_oscillation() -> None:
    state = start_state(params=START)
    paced = state.map_trails(lambda field, t: replace(t, changed_at=(3,)) if field is Field.MAX_DELTA else t)
    target = signature(replace(START, impact_cap_ratio=0.07))
    quiet = replace(ADVERSE, net_bps=sure(-0.5))
    rules = replace(AUDIT, rules=tuple(r for r in AUDIT.rules if r.name != "net_low"))
    decision = one_step(
        quiet, rules=rules, state=replace(paced, iteration=3, signatures=(target,)), iteration=4
    )
    assert decision.new_params == START
    assert reason_of(decision, Field.IMPACT_CAP) is Reason.OSCILLATION


def test_a_micro_step_moves_at_most_two_keys() -> None:
    loud = measured(
        net_bps=sure(-0.5),
        cancel_ratio=sure(0.6),
        neg_edge_drivers=(*driver("slippage_bps"), *driver("adverse_bps")),
    )
    decision = one_step(loud)
    assert moved(decision) == {"base_spread_bps_delta", "impact_cap_ratio"}
    assert {r.reason for r in decision.rows if r.rule == "cancel_ratio"} == {Reason.MAX_KEYS}


@pytest.mark.parametrize(
    ("slippage", "adverse", "order"),
    [
        (-0.4, -0.3, ["base_spread_bps_delta", "impact_cap_ratio", "tail_age_ms", "max_delta_ratio"]),
        (-0.3, -0.4, ["impact_cap_ratio", "base_spread_bps_delta", "max_delta_ratio", "tail_age_ms"]),
    ],
)
def test_losing_components_take_turns_and_the_worst_begins(
    slippage: float, adverse: float, order: list[str]
) -> None:
    loud = measured(
        net_bps=sure(-0.5),
        neg_edge_drivers=(*driver("slippage_bps", slippage), *driver("adverse_bps", adverse)),
    )
    rows = [row for row in one_step(loud).rows if row.kind == "driver"]
    assert [str(row.field) for row in rows] == order
    assert [row.applied for row in rows] == [True, True, False, False]


def test_warm_up_holds_the_start_package_then_ramps_then_tunes() -> None:
    loud = measured(cancel_ratio=sure(0.6))
    decisions = run([loud] * 7, rules=WARM)
    assert [d.phase for d in decisions] == ["warm_up"] * 4 + ["ramp"] * 2 + ["steady"]
    assert [len(moved(d)) for d in decisions] == [0, 0, 0, 0, 1, 1, 2]
    assert reason_of(decisions[0], Field.MIN_INTERVAL) is Reason.WARM_UP


def test_a_fail_counts_as_warn_only_during_warm_up() -> None:
    failing = measured(verdict=Verdict.FAIL)
    assert [d.verdict for d in run([failing] * 5, rules=WARM)] == [Verdict.WARN] * 4 + [Verdict.FAIL]
    assert one_step(failing, iteration=1).verdict is Verdict.FAIL
    for verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS):
        assert lenient_verdict(rules=WARM, iteration=1, verdict=verdict) is verdict


def test_a_patch_sets_new_start_values_and_freezes_its_keys_for_the_run() -> None:
    before = run([BLOCKED])[-1]
    state, params = rebase(state=before.state, patch={"min_interval_ms": 150}, bounds=RUNTIME_LIMITS)
    assert params == replace(START, min_interval_ms=150)
    later = one_step(BLOCKED, state=state, params=params, iteration=9)
    assert reason_of(later, Field.MIN_INTERVAL) is Reason.PATCHED
    assert later.verify.misses == ()
    assert later.state.trails[Field.MIN_INTERVAL].start == 150


def test_a_patch_also_holds_against_packages() -> None:
    state, params = rebase(
        state=replace(start_state(params=START), evident_streak=1, negative_streak=1),
        patch={"min_interval_ms": 70},
        bounds=RUNTIME_LIMITS,
    )
    decision = one_step(measured(net_bps=sure(-0.5)), state=state, params=params)
    assert decision.new_params == replace(
        START, replace_rate_per_min=220, base_spread_bps_delta=0.12, tail_age_ms=700
    )


def test_a_patch_keeps_waiting_for_orders_of_other_keys() -> None:
    before = one_step(measured(cancel_ratio=sure(0.6)), iteration=1)
    state, params = rebase(state=before.state, patch={"min_interval_ms": 100}, bounds=RUNTIME_LIMITS)
    later = one_step(measured(), state=state, params=params, iteration=2)
    assert (later.verify.ordered, later.verify.in_force) == (1, 1)


def test_a_change_nobody_ordered_is_treated_as_a_patch() -> None:
    state = run([measured()])[-1].state
    later = one_step(BLOCKED, state=state, params=replace(START, min_interval_ms=100), iteration=2)
    assert [row.reason for row in later.rows] == [Reason.CHANGED_OUTSIDE, Reason.PATCHED]
    assert later.markers[0] == (
        "| autotune | BLOCKED:changed_outside | field=min_interval_ms from=70 proposed=none by=PATCH |"
    )


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"min_interval_ms": 49}, "min_interval_ms is 49; allowed 50 to 300"),
        ({"max_delta_ratio": float("nan")}, "max_delta_ratio is nan; allowed 0.10 to 0.20"),
        ({"min_intervl_ms": 60}, "nearest is min_interval_ms"),
        ({}, "patch is empty"),
    ],
)
def test_a_bad_patch_is_refused_with_what_is_allowed(patch: dict[str, float], message: str) -> None:
    with pytest.raises(TuningError, match=message):
        rebase(state=start_state(params=START), patch=patch, bounds=RUNTIME_LIMITS)


def test_a_package_in_force_outside_its_limits_is_refused() -> None:
    with pytest.raises(TuningError, match=r"impact_cap_ratio is 0.5; allowed 0.04 to 0.12"):
        one_step(measured(), params=replace(START, impact_cap_ratio=0.5))


def test_a_measurement_in_other_units_is_refused() -> None:
    with pytest.raises(TuningError, match="measurement is in u; profile audit_3h allows bps"):
        one_step(measured(unit="u"))


def test_an_iteration_out_of_order_is_refused() -> None:
    state = run([measured()] * 3)[-1].state
    with pytest.raises(TuningError, match="iteration 3 after 3"):
        one_step(measured(), state=state, iteration=3)
