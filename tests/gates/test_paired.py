"""The anytime-valid bound: it errs no oftener than it says, on blocks that are nothing like normal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framework.gates.paired import (
    FLOORED,
    EvidenceRules,
    Floats,
    PairedSample,
    judge_claim,
    moments,
    p_values,
    power_at,
    running_moments,
    width,
)

RULES = EvidenceRules()
TAPES, BLOCKS = 1_500, 800


def sample_of(
    values: Floats, *, baseline: Floats | None = None, starts: Any = None, differences: Any = None
) -> PairedSample:
    return PairedSample(
        values=values,
        differences=values if differences is None else differences,
        baseline=np.zeros_like(values) if baseline is None else baseline,
        starts=starts,
    )


def ever_proven(values: Floats, *, alpha: float, baseline: Floats | None = None) -> float:
    """Give the share of tapes on which "mean > 0" is proven after any block."""
    found = running_moments(sample=sample_of(values, baseline=baseline), rules=RULES)
    above, _ = p_values(found, rho=RULES.rho)
    return float((above <= alpha).any(axis=1).mean())


def normal(rng: np.random.Generator) -> Floats:
    return rng.standard_normal((TAPES, BLOCKS))


def autocorrelated(rng: np.random.Generator, *, by: float) -> Floats:
    noise = normal(rng)
    for k in range(1, BLOCKS):
        noise[:, k] += by * noise[:, k - 1]
    return noise


def heavy_tailed(rng: np.random.Generator) -> Floats:
    return rng.standard_t(3, (TAPES, BLOCKS))


def mostly_zero(rng: np.random.Generator) -> Floats:
    return np.where(rng.random((TAPES, BLOCKS)) < 0.1, rng.standard_t(4, (TAPES, BLOCKS)), 0.0)


@pytest.mark.parametrize(
    "draw",
    [
        normal,
        heavy_tailed,
        mostly_zero,
        lambda rng: autocorrelated(rng, by=0.3),
        lambda rng: autocorrelated(rng, by=0.6),
    ],
    ids=["normal", "heavy_tailed", "mostly_zero", "autocorrelated .3", "autocorrelated .6"],
)
def test_a_mean_of_zero_is_called_positive_no_oftener_than_alpha_however_often_one_looks(draw: Any) -> None:
    values = draw(np.random.default_rng(3))
    # Of 1,500 tapes 7.5 are expected at alpha; three standard errors of that beyond it.
    assert ever_proven(values, alpha=RULES.alpha) <= RULES.alpha + 3.0 * math.sqrt(RULES.alpha / TAPES)


def test_rare_large_losses_that_have_not_shown_yet_are_held_off_by_the_floor() -> None:
    rng = np.random.default_rng(5)
    baseline = rng.standard_normal((TAPES, BLOCKS))
    lost = rng.random((TAPES, BLOCKS)) < 0.01
    values = np.where(lost, -3.0, 3.0 * 0.01 / 0.99) + 0.02 * rng.standard_normal((TAPES, BLOCKS))
    assert ever_proven(values, alpha=RULES.alpha) > 0.05  # without a floor it is fooled
    assert ever_proven(values, alpha=RULES.alpha, baseline=baseline) <= RULES.alpha


def test_a_gain_is_found_with_about_the_promised_power() -> None:
    rng = np.random.default_rng(4)
    n, gain = 400, 0.25
    found = running_moments(sample=sample_of(rng.standard_normal((2_000, n)) + gain), rules=RULES)
    above, _ = p_values(found, rho=RULES.rho)
    promised = power_at(reach=gain, sd=1.0, n=n, alpha=RULES.alpha, rules=RULES)
    # A little less: the spread is not known, and what looks like dependence by chance widens the bound.
    assert promised - 0.08 < float((above[:, -1] <= RULES.alpha).mean()) < promised


def test_the_bound_touches_zero_at_its_own_p_value() -> None:
    rng = np.random.default_rng(6)
    sample = sample_of(rng.standard_normal(200) + 0.2)
    p = judge_claim(sample=sample, rules=RULES, alpha=0.005, reach=0.1).p_above
    assert 0.0 < p < 1.0
    found = moments(sample=sample, rules=RULES)
    assert found.mean == pytest.approx(found.sd * float(width(n=found.n, alpha=p, rho=RULES.rho)))


def test_the_width_is_that_of_the_paper() -> None:
    n, alpha, rho = 120, 0.01, 0.4
    a = n * rho**2 + 1.0
    expected = math.sqrt(2.0 * a / (n**2 * rho**2) * math.log(1.0 + math.sqrt(a) / (2.0 * alpha)))
    assert float(width(n=n, alpha=alpha, rho=rho)) == pytest.approx(expected, rel=1e-12)


def test_rho_makes_the_bound_about_the_tightest_at_the_smallest_sample() -> None:
    n = RULES.min_effective_blocks
    best = min(float(width(n=n, alpha=RULES.alpha, rho=r)) for r in np.geomspace(0.01, 10.0, 400))
    assert float(width(n=n, alpha=RULES.alpha, rho=RULES.rho)) <= 1.03 * best


def test_a_few_blocks_that_differ_prove_nothing() -> None:
    values = np.full(400, 1.0)
    differences = np.zeros(400)
    differences[:10] = 1.0
    claim = judge_claim(
        sample=sample_of(values, differences=differences), rules=RULES, alpha=0.005, reach=1.0
    )
    assert claim.n_eff == pytest.approx(10.0)
    assert not claim.enough
    assert not claim.above(alpha=0.5)
    assert (claim.lower, claim.upper) == (None, None)
    # Ten effective blocks of 400: fifty take five times the tape.
    assert claim.blocks_needed == 2_000


def test_one_block_that_holds_most_of_the_squares_proves_nothing() -> None:
    differences = np.full(10_000, 1.0)
    differences[7] = 60.0
    claim = judge_claim(sample=sample_of(differences), rules=RULES, alpha=0.005, reach=1.0)
    assert claim.n_eff > RULES.min_effective_blocks
    assert claim.top_share > RULES.top_block_share
    assert not claim.above(alpha=0.5)


def test_differences_that_look_quieter_than_the_floor_count_as_that_noisy() -> None:
    rng = np.random.default_rng(8)
    baseline = rng.standard_normal(300)
    claim = judge_claim(
        sample=sample_of(0.01 + 0.001 * rng.standard_normal(300), baseline=baseline),
        rules=RULES,
        alpha=0.005,
        reach=0.01,
    )
    assert claim.sd == pytest.approx(0.5 * baseline.std(ddof=1))
    assert not claim.above(alpha=0.005)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["values", "differences", "baseline"])
def test_a_number_that_is_missing_is_no_evidence(bad: float, column: str) -> None:
    columns: dict[str, Any] = {name: np.full(200, 1.0) for name in ("values", "differences", "baseline")}
    columns[column][3] = bad
    with np.errstate(invalid="ignore"):
        claim = judge_claim(sample=PairedSample(**columns), rules=RULES, alpha=0.005, reach=1.0)
    assert not claim.enough
    assert (claim.p_above, claim.p_below) == (1.0, 1.0)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_blocks_prove_nothing(n: int) -> None:
    claim = judge_claim(sample=sample_of(np.ones(n)), rules=RULES, alpha=0.005, reach=1.0)
    assert not claim.enough
    assert claim.power in (None, 0.0)


@st.composite
def samples(draw: st.DrawFn) -> PairedSample:
    n = draw(st.integers(3, 200))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    differences = np.where(
        rng.random(n) < draw(st.floats(0.05, 1.0)), rng.standard_t(3, n) + draw(st.floats(-1.0, 1.0)), 0.0
    )
    base = rng.standard_normal(n) * draw(st.floats(0.0, 3.0))
    starts = rng.random(n) < 0.05
    starts[0] = True
    return PairedSample(
        values=differences + draw(st.floats(-0.5, 0.5)), differences=differences, baseline=base, starts=starts
    )


LOOSE = EvidenceRules(min_effective_blocks=10.0, top_block_share=0.9)


@settings(max_examples=100, deadline=None)
@given(samples(), st.floats(1e-3, 1.0))
def test_more_margin_never_proves_less(sample: PairedSample, more: float) -> None:
    wider = PairedSample(
        values=sample.values + more,
        differences=sample.differences,
        baseline=sample.baseline,
        starts=sample.starts,
    )
    tight, loose = (judge_claim(sample=s, rules=LOOSE, alpha=0.005, reach=0.1) for s in (sample, wider))
    assert loose.p_above <= tight.p_above + 1e-12
    assert loose.p_below >= tight.p_below - 1e-12


@settings(max_examples=100, deadline=None)
@given(samples(), st.sampled_from([1e-6, 0.37, 1e6]))
def test_the_size_of_money_decides_nothing(sample: PairedSample, scale: float) -> None:
    scaled = PairedSample(
        values=sample.values * scale,
        differences=sample.differences * scale,
        baseline=sample.baseline * scale,
        starts=sample.starts,
    )
    one, other = (judge_claim(sample=s, rules=LOOSE, alpha=0.005, reach=0.1) for s in (sample, scaled))
    assert other.p_above == pytest.approx(one.p_above, rel=1e-6, abs=1e-12)
    assert other.n_eff == pytest.approx(one.n_eff)
    assert other.enough == one.enough
    assert other.blocks_needed == one.blocks_needed


@settings(max_examples=100, deadline=None)
@given(samples(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_tapes_decides_nothing(sample: PairedSample, seed: int) -> None:
    assert sample.starts is not None
    cuts = np.flatnonzero(sample.starts)[1:]
    order = np.random.default_rng(seed).permutation(len(cuts) + 1)

    def shuffled(column: Any) -> Any:
        parts = np.split(column, cuts)
        return np.concatenate([parts[k] for k in order])

    other = PairedSample(
        values=shuffled(sample.values),
        differences=shuffled(sample.differences),
        baseline=shuffled(sample.baseline),
        starts=shuffled(sample.starts),
    )
    one, two = (judge_claim(sample=s, rules=LOOSE, alpha=0.005, reach=0.1) for s in (sample, other))
    assert two.p_above == pytest.approx(one.p_above, rel=1e-6, abs=1e-12)
    assert two.sd == pytest.approx(one.sd, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.integers(2, 60), elements=st.floats(-100.0, 100.0)))
def test_what_runs_along_the_axis_is_what_is_judged_at_its_end(values: Floats) -> None:
    sample = sample_of(values, baseline=values[::-1].copy())
    run = running_moments(sample=sample, rules=RULES)
    for k in range(2, len(values) + 1):
        cut = sample_of(values[:k], baseline=sample.baseline[:k])
        end = moments(sample=cut, rules=RULES)
        assert run.mean[k - 1] == pytest.approx(end.mean, rel=1e-9, abs=1e-9)
        assert run.sd[k - 1] == pytest.approx(end.sd, rel=1e-6, abs=1e-5)
        assert run.n_eff[k - 1] == pytest.approx(end.n_eff)


def slow(rng: np.random.Generator) -> Floats:
    """Give values half of which is a level that a run of fifteen blocks shares: r_1 tells little of it."""
    level = np.repeat(rng.standard_normal((TAPES, BLOCKS // 15 + 1)), 15, axis=1)[:, :BLOCKS]
    return normal(rng) + level


def test_what_lasts_for_many_blocks_is_not_counted_as_many_proofs() -> None:
    values = slow(np.random.default_rng(10))
    # Beyond alpha still, for fifty blocks are hardly four levels; by r_1 alone it would be a seventh of all.
    assert ever_proven(values, alpha=RULES.alpha) <= 0.035
    found = moments(sample=sample_of(values[0]), rules=RULES)
    # The true factor is 1 + 7 of the whole variance; r_1 alone would say 2.8.
    assert 5.0 < (found.sd / values[0].std(ddof=1)) ** 2 < 13.0


def test_a_guard_needs_more_blocks_than_net_which_counts_only_what_differs() -> None:
    values = 1.0 + 0.1 * np.random.default_rng(11).standard_normal(400)
    firsts = []
    for with_floor in (False, True):
        sample = PairedSample(
            values=values, differences=np.full(400, 1.0), baseline=np.ones(400), with_floor=with_floor
        )
        firsts.append(int(np.argmax(running_moments(sample=sample, rules=RULES).enough)))
    assert firsts[1] == pytest.approx(FLOORED * firsts[0], rel=0.2)


def test_autocorrelation_widens_by_the_factor_of_an_ar_1_and_not_across_tapes() -> None:
    values = autocorrelated(np.random.default_rng(9), by=0.5)[0]
    plain = moments(sample=sample_of(values), rules=RULES).sd
    assert plain == pytest.approx(values.std(ddof=1) * math.sqrt(1.5 / 0.5), rel=0.2)
    every = np.ones(len(values), dtype=bool)
    apart = moments(sample=sample_of(values, starts=every), rules=RULES).sd
    assert apart == pytest.approx(values.std(ddof=1))
