"""Metrics as claims: what mean(x) says of a ratio, a floor, a root, and which way its effect reads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.gates.paired import Claim, EvidenceRules, Floats
from framework.gates.paired_metrics import COLUMNS, METRICS, RISK, Effect, Pair, compare

RULES = EvidenceRules()
BLOCKS = 600


def sums(seed: int = 1, *, blocks: int = BLOCKS, **scaled: float) -> dict[str, Floats]:
    """Give the block sums of an arm; ``scaled`` multiplies columns."""
    rng = np.random.default_rng(seed)
    turnover = rng.gamma(4.0, 250.0, blocks)
    fills = np.maximum(1.0, np.round(turnover / 250.0))
    found = {
        "turnover": turnover,
        "net": turnover * 1e-4 * rng.normal(0.3, 0.5, blocks),
        "net_marked": turnover * 1e-4 * rng.normal(0.3, 3.0, blocks),
        "gross": turnover * 1e-4,
        "adverse": turnover * 1e-4 * rng.normal(0.8, 0.4, blocks),
        "requests": fills * rng.integers(5, 15, blocks),
        "fills": fills,
        "quoted_s": rng.uniform(60.0, 120.0, blocks),
        "off_target": rng.gamma(4.0, 0.02, blocks),
        "position_sq": rng.gamma(4.0, 1e4, blocks),
        "drawdown": rng.gamma(4.0, 0.1, blocks),
    }
    assert set(found) == set(COLUMNS)
    return {name: column * scaled.get(name, 1.0) for name, column in found.items()}


def noisy(base: dict[str, Floats], *, seed: int = 2, by: float = 0.05, **scaled: float) -> dict[str, Floats]:
    """Give an arm that differs a little in every block."""
    rng = np.random.default_rng(seed)
    found = {}
    for name, column in base.items():
        wobble = rng.standard_normal(len(column))
        wobble -= (wobble * column).sum() / column.sum()  # leaves the sum alone
        found[name] = column * (1.0 + by * wobble) * scaled.get(name, 1.0)
    return found


def effect(metric: str, base: dict[str, Floats], candidate: dict[str, Floats], *, margin: float) -> Effect:
    pair = Pair(metric, base, candidate, margin)
    return compare(pair=pair, rules=RULES, alpha=0.005, block_hours=1 / 60)


@pytest.mark.parametrize("metric", METRICS)
def test_an_equal_candidate_is_proven_good_enough_at_a_generous_margin(metric: str) -> None:
    base = sums()
    found = effect(metric, base, noisy(base), margin=0.3)
    assert found.claim.above(alpha=0.005)
    assert not found.claim.below(alpha=0.5)
    assert found.effect == pytest.approx(0.0, abs=0.02)
    assert found.low is not None
    assert found.high is not None
    assert found.effect is not None
    assert found.low < found.effect < found.high


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("adverse", "adverse"),
        ("drawdown", "drawdown"),
        ("rms_inventory", "position_sq"),
        ("requests", "requests"),
        ("off_target", "off_target"),
    ],
)
def test_a_candidate_twice_as_risky_is_proven_worse(metric: str, column: str) -> None:
    base = sums()
    doubled: dict[str, Any] = {column: 2.0}
    found = effect(metric, base, noisy(base, **doubled), margin=0.2)
    assert found.claim.below(alpha=0.005 / 10)
    assert found.effect is not None
    assert found.effect > 0.2
    assert metric in RISK


def test_a_candidate_that_hardly_trades_is_refused_by_the_floor_whatever_it_earns() -> None:
    base = sums()
    candidate = noisy(base, turnover=0.4, net=1.5)
    assert effect("turnover", base, candidate, margin=0.2).claim.below(alpha=0.0005)
    found = effect("turnover", base, candidate, margin=0.2)
    assert found.effect == pytest.approx(-0.6)
    assert found.low is not None
    assert found.low < -0.6


def test_net_is_read_over_the_baselines_turnover_alone() -> None:
    base = sums()
    candidate = {**noisy(base), "net": base["net"] + 2e-5 * base["turnover"]}
    # Trading half would double a net per its own turnover.
    halved = {**candidate, "turnover": 0.5 * candidate["turnover"]}
    for arm in (candidate, halved):
        found = effect("net", base, arm, margin=0.0)
        assert found.effect == pytest.approx(0.2)
        assert found.candidate == pytest.approx((found.base or 0.0) + 0.2)


def test_not_worse_at_a_margin_is_better_at_zero_of_a_candidate_that_gains_the_margin() -> None:
    base = sums()
    loses = {**base, "net": base["net"] - 1e-5 * base["turnover"] + 1e-3 * np.cos(np.arange(BLOCKS))}
    gains = {**loses, "net": loses["net"] + 2e-5 * base["turnover"]}
    not_worse = effect("net", base, loses, margin=0.2)
    better = effect("net", base, gains, margin=0.0)
    assert not_worse.claim.mean == pytest.approx(better.claim.mean)


def test_the_root_mean_square_is_judged_as_a_root() -> None:
    base = sums()
    candidate = {**base, "position_sq": 1.44 * base["position_sq"]}
    found = effect("rms_inventory", base, candidate, margin=0.2)
    assert found.effect == pytest.approx(0.2)
    assert found.claim.mean == pytest.approx(0.0, abs=1e-6 * base["position_sq"].mean())
    assert found.base == pytest.approx(math.sqrt(base["position_sq"].mean()))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1_000), st.floats(0.0, 1.0), st.sampled_from(["adverse", "requests"]))
def test_the_mean_influence_is_the_difference_of_the_ratios(seed: int, margin: float, metric: str) -> None:
    base, candidate = sums(seed, blocks=40), sums(seed + 1, blocks=40)
    found = effect(metric, base, candidate, margin=margin)
    assert found.base is not None
    assert found.candidate is not None
    allowed = found.base * (1.0 + margin) if METRICS[metric].relative else found.base + margin
    assert found.claim.mean == pytest.approx(allowed - found.candidate, rel=1e-9, abs=1e-9)


def test_blocks_without_activity_are_no_evidence_of_net() -> None:
    base = sums()
    for column in base.values():
        column[100:] = 0.0
    assert effect("net", base, noisy(base), margin=0.2).claim.n_eff <= 100.0


def test_where_a_small_difference_lies_matters_for_net_and_not_for_what_guards_it() -> None:
    base = sums()
    candidate = {name: column.copy() for name, column in base.items()}
    for name in ("net", "turnover"):
        candidate[name][7] *= 1.1
    assert not effect("net", base, candidate, margin=0.2).claim.enough
    assert effect("turnover", base, candidate, margin=0.2).claim.above(alpha=0.005)
    candidate["turnover"][7] *= 1e4  # beyond any noise: that one block is all there is
    assert not effect("turnover", base, candidate, margin=0.2).claim.enough


@pytest.mark.parametrize(
    ("metric", "column"),
    [("adverse", "turnover"), ("requests", "quoted_s")],
)
def test_a_ratio_without_a_denominator_is_not_known(metric: str, column: str) -> None:
    base = sums()
    found = effect(metric, base, {**base, column: np.zeros(BLOCKS)}, margin=0.2)
    assert (found.candidate, found.effect, found.hours_needed) == (None, None, None)
    assert not found.claim.enough


def test_no_blocks_at_all_are_no_evidence() -> None:
    empty = {name: np.zeros(0) for name in COLUMNS}
    for metric in METRICS:
        found = effect(metric, empty, empty, margin=0.2)
        assert found.effect is None
        assert not found.claim.above(alpha=0.9)
        assert not found.claim.below(alpha=0.9)


def test_the_hours_asked_for_decide_when_they_are_there() -> None:
    base = sums()
    candidate = {**noisy(base), "net": base["net"] + 1e-3 * np.random.default_rng(3).standard_normal(BLOCKS)}
    few = {name: column[:60] for name, column in base.items()}
    found = effect("net", few, {name: column[:60] for name, column in candidate.items()}, margin=0.05)
    assert not found.claim.above(alpha=0.005)
    assert found.hours_needed is not None
    times = math.ceil(found.hours_needed * 60 / 60)
    longer = [
        {name: np.tile(column[:60], times + 1) for name, column in arm.items()} for arm in (base, candidate)
    ]
    assert effect("net", *longer, margin=0.05).claim.above(alpha=0.005)


@pytest.mark.parametrize("metric", RISK)
def test_a_guard_is_neither_passed_by_nothing_nor_lost_at_a_scale(metric: str) -> None:
    base, n, column = sums(), BLOCKS, METRICS[metric].column

    def judged(before: Any, after: Any) -> Claim:
        pair = Pair(metric, {**base, column: before}, {**base, column: after}, 0.2)
        return compare(pair=pair, rules=RULES, alpha=0.005, block_hours=1 / 12).claim

    nothing, some = np.zeros(n), base[column]
    assert judged(nothing, some).below(alpha=0.005)
    assert not judged(nothing, nothing).above(alpha=0.005)
    assert not judged(some, np.where(np.arange(n) == 3, np.nan, some)).above(alpha=0.005)
    for scale in (1e-12, 1e12):
        claim = judged(some * scale, some * scale * 1.01)
        assert all(bound is None or math.isfinite(bound) for bound in (claim.lower, claim.upper))
