"""The documented rules: scenarios, drivers, triggers, packages, and the markers they print."""

from dataclasses import replace
from typing import Any

import pytest

from framework.tuning.measure import EdgeDriver
from framework.tuning.params import Field, TuningParams
from framework.tuning.rows import Reason
from framework.tuning.state import start_state
from framework.tuning.step import TuningDecision
from tests.tuning.tuning_cases import AUDIT, SCALED, START, driver, measured, one_step, run, sure, unsure

SLIPPAGE = measured(net_bps=sure(-0.5), neg_edge_drivers=driver("slippage_bps"))
ADVERSE = measured(net_bps=sure(-0.5), neg_edge_drivers=driver("adverse_bps"))
LOSS = measured(net_bps=sure(-0.5))


def reasons(decision: TuningDecision, rule: str) -> set[Reason]:
    return {row.reason for row in decision.rows if row.rule == rule}


def test_scenario_a_slippage_driver_widens_the_spread_and_lengthens_the_tail() -> None:
    # The document prints 0.15, the trigger's +0.05 with the driver's tail. By the formulas the driver adds
    # 0.02, the trigger 0.05, both 0.07.
    both = replace(SLIPPAGE, slippage_p95=sure(3.5))
    assert one_step(both).new_params == TuningParams(70, 280, 0.17, 700, 0.09, 0.14)
    trigger = measured(slippage_p95=sure(3.5))
    assert one_step(trigger).new_params == TuningParams(70, 280, 0.15, 650, 0.09, 0.14)


def test_the_slippage_driver_and_low_net_add_up_on_the_spread() -> None:
    assert one_step(SLIPPAGE).new_params == TuningParams(70, 280, 0.14, 700, 0.09, 0.14)


def test_scenario_b_adverse_driver_lowers_impact_cap_and_max_delta() -> None:
    decision = one_step(ADVERSE)
    assert decision.new_params == TuningParams(70, 280, 0.10, 650, 0.07, 0.12)
    assert reasons(decision, "net_low") == {Reason.MAX_KEYS}


def test_scenario_c_age_relief_quotes_faster_while_execution_is_healthy() -> None:
    decision = one_step(measured(order_age_p95_ms=sure(345.0)))
    assert decision.new_params == TuningParams(60, 310, 0.10, 650, 0.09, 0.14)


def test_scenario_d_fallback_keeps_impact_at_the_larger_of_its_value_and_008() -> None:
    once_negative = replace(start_state(params=START), evident_streak=1, negative_streak=1)
    decision = one_step(LOSS, state=once_negative)
    assert decision.new_params == TuningParams(90, 220, 0.12, 700, 0.09, 0.14)


def test_fallback_returns_early_whatever_else_fires() -> None:
    state = run([LOSS])[0].state
    loud = measured(
        net_bps=sure(-1.0),
        cancel_ratio=sure(0.9),
        adverse_p95=sure(9.0),
        ws_lag_p95_ms=sure(500.0),
        neg_edge_drivers=driver("slippage_bps"),
    )
    decision = one_step(loud, state=state, params=state.expected, iteration=2)
    assert {row.kind for row in decision.rows} == {"fallback"}


def test_fallback_resets_its_streak_and_waits_for_two_more_losses() -> None:
    kinds = [{row.kind for row in d.rows if row.applied} for d in run([LOSS] * 5)]
    assert [("fallback" in kind) for kind in kinds] == [False, True, False, True, False]


def test_fallback_is_not_repeated_within_the_gap() -> None:
    state = replace(run([LOSS])[0].state, last_fallback=1)
    decision = one_step(LOSS, state=state, params=state.expected, iteration=2)
    assert reasons(decision, "fallback_conservative") == {Reason.FALLBACK_GAP}


def test_an_iteration_in_profit_breaks_the_losing_streak() -> None:
    decisions = run([LOSS, measured(), LOSS])
    assert all(row.kind != "fallback" for d in decisions for row in d.rows)


def test_losses_that_are_not_evident_do_not_call_the_fallback() -> None:
    decision = run([measured(net_bps=unsure(-0.5))] * 2)[-1]
    assert reasons(decision, "fallback_conservative") == {Reason.NO_EVIDENCE}
    assert decision.new_params == START
    assert decision.markers[0] == (
        "| autotune | BLOCKED:no_evidence | FALLBACK_CONSERVATIVE net was negative 2 times, evidently 0 |"
    )


def test_a_value_that_is_already_there_is_a_row_but_no_line() -> None:
    decision = run([LOSS, LOSS])[-1]
    same = [row for row in decision.rows if row.reason is Reason.AT_LIMIT]
    assert [row.field for row in same] == [Field.IMPACT_CAP]
    assert not any("impact_cap" in line for line in decision.markers)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"block_min_interval": sure(0.5)}, {"min_interval_ms": 90}),
        ({"block_concurrency": sure(0.4)}, {"replace_rate_per_min": 250}),
        ({"cancel_ratio": sure(0.60)}, {"min_interval_ms": 90, "replace_rate_per_min": 250}),
        ({"adverse_p95": sure(4.5)}, {"base_spread_bps_delta": 0.15}),
        ({"slippage_p95": sure(3.5)}, {"base_spread_bps_delta": 0.15}),
        ({"adverse_p95": sure(4.5), "slippage_p95": sure(3.5)}, {"base_spread_bps_delta": 0.15}),
        ({"ws_lag_p95_ms": sure(150.0)}, {"min_interval_ms": 90}),
        ({"net_bps": sure(2.0)}, {"base_spread_bps_delta": 0.12}),
        ({"order_age_p95_ms": sure(345.0)}, {"min_interval_ms": 60, "replace_rate_per_min": 310}),
        ({}, {}),
    ],
)
def test_each_symptom_alone_moves_what_its_row_says(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert one_step(measured(**changes)).new_params == replace(START, **expected)


def test_low_net_is_silent_while_a_fail_fires() -> None:
    decision = one_step(measured(net_bps=sure(2.0), cancel_ratio=sure(0.6)))
    assert reasons(decision, "net_low") == set()
    assert decision.new_params.base_spread_bps_delta == START.base_spread_bps_delta


def test_age_relief_needs_execution_proven_healthy() -> None:
    decision = one_step(measured(order_age_p95_ms=sure(345.0), adverse_p95=unsure(3.0)))
    assert decision.new_params == START
    assert reasons(decision, "age_relief") == {Reason.NO_EVIDENCE}


def test_a_gain_is_never_a_driver() -> None:
    gain = measured(net_bps=sure(-0.5), neg_edge_drivers=(EdgeDriver("slippage_bps", sure(3.0)),))
    assert reasons(one_step(gain), "slippage_bps") == set()


def test_only_the_two_worst_components_are_drivers() -> None:
    names = ("gross_bps", "inventory_bps", "slippage_bps")
    third = measured(net_bps=sure(-0.5), neg_edge_drivers=tuple(EdgeDriver(n, sure(-1.0)) for n in names))
    assert reasons(one_step(third), "slippage_bps") == set()


def test_three_fails_discard_everything_and_calm_down() -> None:
    decision = one_step(
        measured(
            net_bps=sure(-0.5),
            cancel_ratio=sure(0.6),
            adverse_p95=sure(4.5),
            ws_lag_p95_ms=sure(150.0),
            neg_edge_drivers=driver("adverse_bps"),
        )
    )
    assert decision.new_params == TuningParams(90, 250, 0.15, 650, 0.09, 0.14)
    assert reasons(decision, "adverse_bps") == {Reason.MULTI_FAIL}
    assert reasons(decision, "multi_fail") == {Reason.APPLIED}


def test_two_fails_do_not_calm_down() -> None:
    decision = one_step(measured(cancel_ratio=sure(0.6), adverse_p95=sure(4.5)))
    assert reasons(decision, "multi_fail") == set()
    assert reasons(decision, "execution_quality") == {Reason.MAX_KEYS}


def test_a_third_change_of_a_field_is_refused() -> None:
    decision = one_step(
        measured(block_min_interval=sure(0.5), cancel_ratio=sure(0.6), ws_lag_p95_ms=sure(150.0)),
    )
    assert decision.new_params.min_interval_ms == 110
    assert reasons(decision, "ws_lag") == {Reason.MAX_CHANGES}


def test_a_rule_that_pulls_against_an_earlier_one_is_refused() -> None:
    decision = one_step(measured(cancel_ratio=sure(0.6), order_age_p95_ms=sure(345.0)))
    assert decision.new_params == replace(START, min_interval_ms=90, replace_rate_per_min=250)
    assert reasons(decision, "age_relief") == {Reason.OPPOSED}


def test_a_cap_never_pulls_a_value_back_that_is_already_past_it() -> None:
    wide = replace(START, min_interval_ms=200)
    decision = one_step(measured(block_min_interval=sure(0.5)), params=wide)
    assert decision.new_params == wide
    assert reasons(decision, "block_minint") == {Reason.AT_LIMIT}


def test_a_step_cut_by_its_cap_says_so() -> None:
    near = replace(START, min_interval_ms=110)
    decision = one_step(measured(block_min_interval=sure(0.5)), params=near)
    (row,) = decision.rows
    assert (row.before, row.proposed, row.after, row.reason) == (110, 130, 120, Reason.CLAMPED)
    assert row.detail == "limit of the rule 120"


def test_a_step_is_a_difference_and_never_written_as_the_value() -> None:
    odd = replace(START, min_interval_ms=65)
    assert one_step(measured(block_min_interval=sure(0.5)), params=odd).new_params.min_interval_ms == 85


def test_the_spread_rises_by_at_most_a_tenth_in_one_iteration() -> None:
    steep = tuple(
        replace(rule, steps=tuple(replace(s, add=0.08) for s in rule.steps))
        if rule.name in ("execution_quality", "slippage_bps")
        else rule
        for rule in AUDIT.rules
    )
    decision = one_step(replace(SLIPPAGE, slippage_p95=sure(3.5)), rules=replace(AUDIT, rules=steep))
    assert decision.new_params.base_spread_bps_delta == 0.20
    assert decision.rows[-1].detail == "rise per iteration 0.20"


def test_a_step_without_a_limit_of_its_own_stops_at_the_runtime_limit() -> None:
    free = tuple(
        replace(rule, steps=tuple(replace(s, limit=None) for s in rule.steps)) for rule in AUDIT.rules
    )
    decisions = run([measured(cancel_ratio=sure(0.6))] * 40, rules=replace(AUDIT, rules=free))
    assert decisions[-1].new_params == replace(START, min_interval_ms=300, replace_rate_per_min=120)
    clamped = {row.detail for d in decisions for row in d.rows if row.reason is Reason.CLAMPED}
    assert clamped == {"runtime limit 300", "runtime limit 120"}


def test_scaled_units_judge_the_same_market_by_its_own_scale() -> None:
    noisy = measured(unit="u", adverse_p95=sure(3.0), slippage_p95=sure(2.0))
    assert one_step(noisy, rules=SCALED).new_params.base_spread_bps_delta == 0.15
    assert one_step(replace(noisy, unit="bps")).new_params == START


def test_scaled_net_is_judged_as_a_share_of_gross() -> None:
    low = measured(unit="u", net_bps=sure(2.3), gross_bps=sure(8.0))
    assert one_step(low, rules=SCALED).new_params.base_spread_bps_delta == 0.12
    fine = replace(low, net_bps=sure(2.6))
    assert one_step(fine, rules=SCALED).new_params == START
    by_ratio = replace(fine, net_to_gross=sure(0.25))
    assert one_step(by_ratio, rules=SCALED).new_params.base_spread_bps_delta == 0.12


def test_markers_are_printed_as_documented() -> None:
    assert one_step(measured(block_min_interval=sure(0.5))).markers == (
        "| autotune | DRIVER:block_minint | field=min_interval_ms from=70 to=90 |",
    )
    assert one_step(SLIPPAGE).markers[0] == (
        "| autotune | DRIVER:slippage_bps | field=base_spread_bps_delta from=0.10 to=0.12 |"
    )
    assert one_step(ADVERSE).markers[0] == (
        "| autotune | DRIVER:adverse_bps | field=impact_cap_ratio from=0.09 to=0.07 |"
    )
    assert one_step(measured(order_age_p95_ms=sure(345.0))).markers == (
        "| autotune | AGE_RELIEF | min_interval_ms from=70 to=60 |",
        "| autotune | AGE_RELIEF | replace_rate_per_min from=280 to=310 |",
    )
    fallback = run([LOSS, LOSS])[-1].markers
    assert fallback[:2] == (
        "| autotune | FALLBACK_CONSERVATIVE | triggered=1 |",
        "| autotune | FALLBACK_CONSERVATIVE | min_interval_ms from=70 to=90 |",
    )


def test_a_refused_step_prints_why() -> None:
    assert one_step(measured(cancel_ratio=unsure(0.6))).markers[0] == (
        "| autotune | BLOCKED:no_evidence | "
        "field=min_interval_ms from=70 proposed=90 by=TRIGGER:cancel_ratio |"
    )


def test_rows_are_plain_data_with_their_evidence() -> None:
    (row,) = one_step(measured(block_min_interval=sure(0.5))).rows
    assert row.as_dict() == {
        "iteration": 2,
        "kind": "driver",
        "rule": "block_minint",
        "field": "min_interval_ms",
        "from": 70.0,
        "proposed": 90,
        "to": 90,
        "applied": True,
        "reason": "applied",
        "detail": "",
        "evidence": [
            {
                "metric": "block_min_interval",
                "relation": "above",
                "limit": 0.4,
                "value": 0.5,
                "lo": 0.495,
                "hi": 0.505,
                "standing": "evident",
            }
        ],
    }
