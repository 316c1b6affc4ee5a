"""The way back: a moved parameter returns once its symptom is evidently gone, and not before."""

from dataclasses import replace

from framework.tuning.params import Field, TuningParams
from framework.tuning.rows import Reason
from framework.tuning.step import TuningDecision
from tests.tuning.tuning_cases import START, driver, measured, run, sure, unsure

ADVERSE = measured(adverse_p95=sure(4.5))
CLEAN = measured()


def spreads(decisions: list[TuningDecision]) -> list[float]:
    return [d.new_params.base_spread_bps_delta for d in decisions]


def test_the_spread_returns_step_by_step_after_two_clean_iterations() -> None:
    found = spreads(run([ADVERSE, CLEAN, CLEAN, CLEAN, CLEAN, CLEAN]))
    assert found == [0.15, 0.15, 0.13, 0.11, 0.10, 0.10]


def test_a_return_is_printed_and_names_what_moved_the_parameter() -> None:
    decision = run([ADVERSE, CLEAN, CLEAN])[-1]
    assert decision.markers == (
        "| autotune | RETURN:base_spread_bps_delta | field=base_spread_bps_delta from=0.15 to=0.13 |",
    )
    assert [(row.kind, row.rule) for row in decision.rows] == [("return", "execution_quality")]


def test_a_symptom_that_is_only_not_proven_is_not_gone() -> None:
    maybe = measured(adverse_p95=unsure(2.0))
    assert spreads(run([ADVERSE, *[maybe] * 5]))[-1] == 0.15


def test_both_symptoms_of_a_rule_must_be_gone() -> None:
    half = measured(slippage_p95=None)
    assert spreads(run([ADVERSE, *[half] * 5]))[-1] == 0.15


def test_just_under_the_limit_is_not_yet_gone() -> None:
    near = measured(adverse_p95=sure(3.7))
    assert spreads(run([ADVERSE, *[near] * 5]))[-1] == 0.15


def test_one_bad_iteration_starts_the_wait_again() -> None:
    maybe = measured(adverse_p95=unsure(2.0))
    assert spreads(run([ADVERSE, CLEAN, maybe, CLEAN, CLEAN])) == [0.15, 0.15, 0.15, 0.15, 0.13]


def test_nothing_returns_while_a_fail_fires() -> None:
    decision = run([ADVERSE, CLEAN, measured(cancel_ratio=sure(0.6))])[-1]
    assert Reason.FAILS_PRESENT in {row.reason for row in decision.rows if row.kind == "return"}
    assert decision.new_params.base_spread_bps_delta == 0.15


def test_a_relapse_doubles_the_wait() -> None:
    story = [ADVERSE, CLEAN, CLEAN, ADVERSE, *[CLEAN] * 4]
    assert spreads(run(story)) == [0.15, 0.15, 0.13, 0.18, 0.18, 0.18, 0.18, 0.16]


def test_age_relief_is_taken_back_once_quotes_are_fresh() -> None:
    old = measured(order_age_p95_ms=sure(345.0))
    decisions = run([old, CLEAN, CLEAN, CLEAN])
    assert decisions[0].new_params == TuningParams(60, 310, 0.10, 650, 0.09, 0.14)
    assert decisions[2].new_params == TuningParams(70, 295, 0.10, 650, 0.09, 0.14)
    assert decisions[3].new_params == START


def test_what_a_driver_moved_returns_once_net_is_evidently_positive() -> None:
    loss = measured(net_bps=sure(-0.5), neg_edge_drivers=driver("adverse_bps"))
    decisions = run([loss, *[CLEAN] * 6])
    impacts = [d.new_params.impact_cap_ratio for d in decisions]
    assert impacts == [0.07, 0.07, 0.08, 0.08, 0.09, 0.09, 0.09]  # a slow key: every other iteration
    assert decisions[-1].new_params == START


def test_what_the_fallback_moved_returns_too() -> None:
    loss = measured(net_bps=sure(-0.5))
    decisions = run([loss, loss, *[CLEAN] * 25])
    assert decisions[1].new_params != START
    assert decisions[-1].new_params == START


def test_what_calming_down_moved_returns_only_when_every_fail_is_gone() -> None:
    storm = measured(cancel_ratio=sure(0.6), adverse_p95=sure(4.5), ws_lag_p95_ms=sure(150.0))
    blind = measured(ws_lag_p95_ms=None)
    assert run([storm, *[blind] * 9])[-1].new_params == TuningParams(90, 250, 0.15, 650, 0.09, 0.14)
    seen = measured(ws_lag_p95_ms=sure(50.0))
    assert run([storm, *[seen] * 9])[-1].new_params == START


def test_a_parameter_back_at_its_start_has_no_cause_left() -> None:
    state = run([ADVERSE, *[CLEAN] * 5])[-1].state
    assert state.trails[Field.SPREAD].causes == ()


def test_a_lasting_symptom_reaches_a_limit_and_a_cured_one_leaves_it_again() -> None:
    decisions = run([*[ADVERSE] * 20, *[replace(CLEAN)] * 60])
    assert max(spreads(decisions)) == 0.6
    assert decisions[-1].new_params == START
