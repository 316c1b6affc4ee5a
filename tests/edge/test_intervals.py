"""Intervals against scipy, against exact order statistics, and against how often they hold the truth."""

import numpy as np
import pytest
from scipy import special, stats

from framework.edge import intervals as iv
from framework.edge import quantiles


@pytest.mark.parametrize("a", [0.3, 0.5, 1.0, 4.5, 60.0, 5000.0])
@pytest.mark.parametrize("b", [0.5, 1.0, 7.0, 300.0])
@pytest.mark.parametrize("x", [0.0, 1e-6, 0.03, 0.5, 0.95, 0.999, 1.0])
def test_the_beta_distribution_is_scipys(a: float, b: float, x: float) -> None:
    assert quantiles.beta_cdf(x=x, a=a, b=b) == pytest.approx(special.betainc(a, b, x), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("df", [0.7, 1.0, 2.0, 5.5, 30.0, 1000.0, 1e5])
@pytest.mark.parametrize("p", [0.6, 0.9, 0.95, 0.995])
def test_students_quantile_is_scipys(df: float, p: float) -> None:
    assert quantiles.t_quantile(p=p, df=df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7)


def test_independent_values_get_the_exact_order_statistics() -> None:
    n, q = 400, 0.95
    values = np.arange(n, dtype=np.float64)
    found = iv.quantile_interval(values=values, block=np.arange(n), q=q, level=0.90)
    lower = stats.binom.ppf(0.05, n, q)
    upper = stats.binom.ppf(0.95, n, q) + 1
    assert found.lower == pytest.approx(values[int(lower) - 1], abs=1)
    assert found.upper == pytest.approx(values[int(upper) - 1], abs=1)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < np.quantile(values, q) < found.upper


def test_values_that_come_in_clusters_are_worth_fewer() -> None:
    rng = np.random.default_rng(3)
    level = np.repeat(rng.normal(size=60), 20)
    block = np.repeat(np.arange(60), 20)
    together = iv.quantile_interval(values=level, block=block, q=0.95, level=0.90)
    apart = iv.quantile_interval(values=rng.normal(size=1200), block=block, q=0.95, level=0.90)
    assert together.n_eff < 200 < 700 < apart.n_eff


def test_too_few_values_leave_the_upper_side_of_a_95th_percentile_open() -> None:
    fewest = iv.values_for_upper_bound(q=0.95, level=0.90)
    assert fewest == 59
    for n, closed in ((fewest - 1, False), (fewest, True)):
        found = iv.quantile_interval(values=np.arange(n, dtype=float), block=np.arange(n), q=0.95, level=0.90)
        assert (found.upper is not None) is closed
        assert found.lower is not None


def test_values_of_one_or_two_blocks_bound_nothing() -> None:
    values = np.arange(500, dtype=float)
    for block in (np.zeros(500, int), np.repeat([0, 1], 250)):
        found = iv.quantile_interval(values=values, block=block, q=0.95, level=0.90)
        assert (found.lower, found.upper) == (None, None)
    empty = iv.quantile_interval(values=np.zeros(0), block=np.zeros(0, int), q=0.95, level=0.90)
    assert (empty.lower, empty.upper, empty.n) == (None, None, 0)


@pytest.mark.parametrize("method", [iv.ratio_of_sums, iv.ratio_fieller])
def test_a_ratio_of_too_few_blocks_or_of_nothing_bounds_nothing(method) -> None:  # type: ignore[no-untyped-def]
    for n in (0, 1, 2):
        found = method(numerator=np.ones(n), denominator=np.ones(n), level=0.90)
        assert (found.lower, found.upper) == (None, None)
    found = method(numerator=np.ones(9), denominator=np.zeros(9), level=0.90)
    assert (found.lower, found.upper) == (None, None)


@pytest.mark.parametrize("method", [iv.ratio_of_sums, iv.ratio_fieller])
def test_a_constant_ratio_is_known_exactly(method) -> None:  # type: ignore[no-untyped-def]
    weight = np.array([1.0, 4.0, 2.0, 0.0, 3.0])
    found = method(numerator=0.25 * weight, denominator=weight, level=0.90)
    assert (found.lower, found.upper) == (pytest.approx(0.25), pytest.approx(0.25))


@pytest.mark.parametrize("method", [iv.ratio_of_sums, iv.ratio_fieller])
def test_ninety_per_cent_intervals_hold_the_truth_about_nine_times_in_ten(method) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        weight = rng.gamma(2.0, size=40)
        found = method(numerator=0.5 * weight + rng.normal(size=40), denominator=weight, level=0.90)
        held += found.lower <= 0.5 <= found.upper
    assert 0.86 <= held / 400 <= 0.95


def test_autocorrelated_and_concentrated_blocks_widen_the_interval() -> None:
    rng = np.random.default_rng(5)
    noise, ones = rng.normal(size=200), np.ones(200)
    plain = iv.ratio_of_sums(numerator=noise, denominator=ones, level=0.90)
    smooth = np.convolve(noise, np.ones(10) / np.sqrt(10), mode="same")
    trending = iv.ratio_of_sums(numerator=smooth, denominator=ones, level=0.90)
    spiky = noise.copy()
    spiky[7] = 200.0
    one_block = iv.ratio_of_sums(numerator=spiky, denominator=ones, level=0.90)
    assert plain.n_eff > 100
    assert trending.n_eff < 60
    assert one_block.n_eff < 10


def test_fieller_agrees_with_testing_the_difference_directly() -> None:
    rng = np.random.default_rng(2)
    gross = rng.gamma(3.0, size=60)
    net = 0.3 * gross + rng.normal(scale=0.4, size=60)
    found = iv.ratio_fieller(numerator=net, denominator=gross, level=0.90)
    assert found.lower is not None
    assert found.upper is not None
    for k, inside in ((found.lower + 1e-9, True), (found.lower - 1e-6, False), (found.upper + 1e-6, False)):
        rest = net - k * gross
        spread = np.sqrt(60 * rest.var(ddof=1))
        residual = net - net.sum() / gross.sum() * gross
        limit = quantiles.t_quantile(p=0.95, df=found.n_eff - 1) * np.sqrt(iv._inflation(residual))
        assert bool(abs(rest.sum()) / spread <= limit) is inside


def test_a_quoted_edge_that_is_not_proven_positive_bounds_no_share_of_it() -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(size=50)
    unclear = iv.ratio_fieller(numerator=noise, denominator=rng.normal(size=50), level=0.90)
    assert unclear.lower is None
    losing = iv.ratio_fieller(numerator=noise - 3.0, denominator=rng.normal(size=50) - 0.1, level=0.90)
    assert (losing.lower, losing.upper) == (None, 0.0)


def test_a_share_of_equal_blocks_gets_the_exact_binomial_interval() -> None:
    whole = np.full(40, 5.0)
    for events in (0, 1, 37, 200):
        part = np.bincount(np.arange(events) % 40, minlength=40).astype(float)
        found = iv.share_interval(part=part, whole=whole, units=200.0, level=0.90)
        exact = stats.binomtest(events, 200).proportion_ci(0.90, method="exact")
        assert found.lower is not None
        assert found.upper is not None
        assert found.lower <= exact.low + 1e-9
        assert found.upper >= exact.high - 1e-9


def test_no_event_of_n_leaves_an_upper_bound_of_about_three_over_n() -> None:
    none = iv.share_interval(part=np.zeros(60), whole=np.full(60, 2.0), units=120.0, level=0.90)
    every = iv.share_interval(part=np.full(60, 2.0), whole=np.full(60, 2.0), units=120.0, level=0.90)
    assert none.lower == 0.0
    assert none.upper == pytest.approx(3.0 / 120.0, rel=0.02)
    assert every.lower == pytest.approx(1.0 - 3.0 / 120.0, rel=0.02)
    assert every.upper == 1.0


def test_shares_that_come_in_clusters_are_bounded_within_zero_and_one_and_hold_the_truth() -> None:
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(200):
        whole = rng.poisson(12, 40).astype(float)
        part = rng.binomial(whole.astype(int), rng.beta(0.4, 19.6, 40)).astype(float)
        found = iv.share_interval(part=part, whole=whole, units=whole.sum(), level=0.90)
        assert found.lower is not None
        assert found.upper is not None
        assert 0.0 <= found.lower <= found.upper <= 1.0
        held += found.lower <= 0.02 <= found.upper
    assert held >= 0.88 * 200


def test_one_block_that_holds_everything_has_no_standard_error() -> None:
    weight = np.array([0.0, 0.0, 7.0, 0.0, 0.0])
    found = iv.ratio_of_sums(numerator=-0.3 * weight, denominator=weight, level=0.90)
    assert (found.lower, found.upper, found.se) == (None, None, None)
