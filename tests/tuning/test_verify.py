"""Delta verification: an order counts as in force only when its very value was."""

from dataclasses import replace

from framework.tuning.rows import Reason
from framework.tuning.verify import Miss
from tests.tuning.tuning_cases import AUDIT, START, driver, measured, one_step, run, sure

CHURN = measured(cancel_ratio=sure(0.6))


def test_orders_found_in_force_give_a_full_apply_ratio_of_one() -> None:
    last = run([CHURN, CHURN, measured()])[-1]
    assert last.verify.full_apply_ratio == 1.0
    assert (last.state.tally.ordered, last.state.tally.in_force) == (4, 4)
    assert last.state.tally.full_apply_ratio == 1.0


def test_nothing_ordered_is_no_ratio_rather_than_a_perfect_one() -> None:
    last = run([measured(), measured()])[-1]
    assert last.verify.full_apply_ratio is None
    assert last.state.tally.full_apply_ratio is None


def test_an_order_that_was_ignored_is_a_miss_and_may_be_given_again() -> None:
    first = one_step(CHURN, iteration=1)
    second = one_step(CHURN, state=first.state, params=START, iteration=2)
    assert second.verify.full_apply_ratio == 0.0
    assert [row.reason for row in second.rows][:2] == [Reason.NOT_IN_FORCE] * 2
    assert second.new_params == first.new_params


def test_a_slow_key_need_not_cool_down_from_a_change_that_never_was() -> None:
    loss = measured(net_bps=sure(-0.5), neg_edge_drivers=driver("adverse_bps"))
    first = one_step(loss, iteration=1)
    rules = replace(AUDIT, fallback=replace(AUDIT.fallback, after_negative=99))
    second = one_step(loss, rules=rules, state=first.state, params=START, iteration=2)
    assert second.new_params.impact_cap_ratio == 0.07


def test_a_key_that_exists_with_another_value_is_a_miss() -> None:
    first = one_step(CHURN, iteration=1)
    half = replace(first.new_params, replace_rate_per_min=265)
    second = one_step(measured(), state=first.state, params=half, iteration=2)
    assert second.verify.full_apply_ratio == 0.5
    (miss,) = second.verify.misses
    assert (miss.before, miss.expected, miss.found) == (280, 250, 265)
    assert isinstance(miss, Miss)


def test_a_last_iteration_orders_nothing_to_verify() -> None:
    last = run([CHURN, CHURN], last=True)[-1]
    assert last.state.pending == ()


def test_values_are_compared_as_kept_not_as_noisy_floats() -> None:
    first = one_step(measured(adverse_p95=sure(4.5)), iteration=1)
    noisy = replace(first.new_params, base_spread_bps_delta=0.1 + 0.05)
    second = one_step(measured(), state=first.state, params=noisy, iteration=2)
    assert second.verify.full_apply_ratio == 1.0
