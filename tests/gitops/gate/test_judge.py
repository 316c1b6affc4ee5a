"""The gate on replayed arms: equal is not promoted, worse stopped, not trading refused, better passes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import interpreted
from framework.gates.paired_verdict import Finding, Outcome, find
from framework.gates.verdict import Verdict
from framework.gitops.gate.arms import ArmBlocks, ArmJob, TapeArms, replay_arm
from framework.gitops.gate.judge import (
    KpiRow,
    by_symbol,
    effects_of,
    kpi_findings,
    settle,
    tier_findings,
)
from framework.market.made import Made
from framework.market.synthetic import generate
from framework.market.tape import Tape
from framework.session.blocks import LIQUID
from framework.settings.compose import compose_run
from framework.settings.gitops_files import read_policy
from tests.command import REPOSITORY

compiled = pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
POLICY = read_policy(REPOSITORY)
REGIMES = ("normal", "event", "high_vol")
DRAWN = ("exchange.latency_model=lognormal",)


@pytest.fixture(scope="module")
def tapes() -> dict[str, Tape]:
    return {
        regime: generate(Made(preset="liquid_perp", regime=regime, hours=3.0, seed=101 + k))
        for k, regime in enumerate(REGIMES)
    }  # fmt: skip


def same(tape: Tape) -> Tape:
    return tape


def arm(tape: Tape, *words: str, seed: int = 7) -> ArmBlocks:
    settings = compose_run(words=(*DRAWN, *words), root=REPOSITORY, environ={}).settings
    return replay_arm(
        ArmJob(settings=settings, opener=partial(same, tape), seed=seed, cut=LIQUID, judged=False)
    )


@pytest.fixture(scope="module")
def baseline(tapes: dict[str, Tape]) -> dict[str, ArmBlocks]:
    return {regime: arm(tape) for regime, tape in tapes.items()}


def against(
    baseline: dict[str, ArmBlocks], candidate: dict[str, ArmBlocks], *, want: Any = "not_worse"
) -> list[Finding]:
    arms = [
        TapeArms(
            name=regime, symbol="SYNTHUSDT", regime=regime, market="liquid", synthetic=True,
            base=baseline[regime], candidate=candidate[regime],
        )
        for regime in baseline
    ]  # fmt: skip
    alpha = POLICY.gate.alpha
    symbols = [
        effects_of(name=n, tapes=t, rules=POLICY.gate, alpha=alpha) for n, t in by_symbol(arms).items()
    ]
    return find(symbols=symbols, want=want, alpha=alpha)


@compiled
def test_another_seed_of_the_delays_is_never_promoted_as_better(
    tapes: dict[str, Tape], baseline: dict[str, ArmBlocks]
) -> None:
    for seed in (8, 9, 10):
        other = {regime: arm(tape, seed=seed) for regime, tape in tapes.items()}
        for one, two in ((baseline, other), (other, baseline)):
            found = against(one, two, want="better")
            assert found[0].outcome is Outcome.INCONCLUSIVE, found[0].says


@compiled
def test_the_same_configuration_has_no_effect(baseline: dict[str, ArmBlocks]) -> None:
    assert against(baseline, baseline)[0].outcome is Outcome.NO_EFFECT


@compiled
@pytest.mark.parametrize("want", ["not_worse", "better"])
def test_quotes_far_too_tight_fail(tapes: dict[str, Tape], baseline: dict[str, ArmBlocks], want: str) -> None:
    tight = (
        "strategy.base_half_spread_bps=0.0", "strategy.min_half_spread_bps=0.0",
        "strategy.adverse_weight=0.0", "params.base_spread_bps_delta=0.0",
    )  # fmt: skip
    found = against(baseline, {r: arm(t, *tight) for r, t in tapes.items()}, want=want)
    assert found[0].outcome is Outcome.FAIL, found[0].says
    assert any(f.code.startswith("GATE:net") for f in found)


@compiled
def test_no_skew_at_all_is_not_passed(tapes: dict[str, Tape], baseline: dict[str, ArmBlocks]) -> None:
    found = against(baseline, {r: arm(t, "strategy.inventory_skew=0.0") for r, t in tapes.items()})
    assert found[0].outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)


@compiled
def test_widening_until_little_is_traded_is_refused_although_net_rises(
    tapes: dict[str, Tape], baseline: dict[str, ArmBlocks]
) -> None:
    wide = {r: arm(t, "params.base_spread_bps_delta=0.6") for r, t in tapes.items()}
    earned = sum(float((wide[r].sums["net"] - baseline[r].sums["net"]).sum()) for r in REGIMES)
    assert earned > 0.0
    found = against(baseline, wide)
    assert found[0].outcome is Outcome.FAIL
    assert "GATE:turnover" in {f.code for f in found if f.outcome is Outcome.FAIL}


@compiled
@pytest.mark.parametrize("want", ["not_worse", "better"])
def test_a_lower_fee_is_promoted(tapes: dict[str, Tape], baseline: dict[str, ArmBlocks], want: str) -> None:
    found = against(baseline, {r: arm(t, "exchange.maker_fee_bps=-0.5") for r, t in tapes.items()}, want=want)
    assert found[0].outcome is Outcome.PASS, found[0].says


@compiled
def test_the_order_of_the_tapes_changes_no_finding(
    tapes: dict[str, Tape], baseline: dict[str, ArmBlocks]
) -> None:
    candidate = {r: arm(t, "params.min_interval_ms=120") for r, t in tapes.items()}
    forward = against(baseline, candidate)
    backward = against(dict(reversed(baseline.items())), candidate)
    assert [(f.outcome, f.code) for f in forward] == [(f.outcome, f.code) for f in backward]


def blocks(**changed: Any) -> ArmBlocks:
    plain = ArmBlocks(
        sums={}, starts=np.zeros(0, dtype=bool), hours=0.0, digest="a", fills=0, totals=()
    )  # fmt: skip
    return replace(plain, **changed)


def on(name: str, **changed: Any) -> TapeArms:
    plain = TapeArms(
        name=name, symbol="BTCUSDT", regime="normal", market="liquid", synthetic=False,
        base=blocks(), candidate=blocks(digest="b"),
    )  # fmt: skip
    return replace(plain, **changed)


def test_one_symbol_in_two_kinds_of_market_is_two_populations() -> None:
    groups = by_symbol([on("a"), on("b", market="thin"), on("c", symbol="ETHUSDT", market="thin")])
    assert sorted(groups) == ["BTCUSDT (liquid)", "BTCUSDT (thin)", "ETHUSDT"]


def kpi(base: Verdict, candidate: Verdict, *, decides: bool = True) -> KpiRow:
    return KpiRow(
        tape="t", profile="scaled", decides=decides, base=base, candidate=candidate, reasons=("EDGE:net",)
    )


@pytest.mark.parametrize(
    ("base", "candidate", "elsewhere", "production"),
    [
        (Verdict.PASS, Verdict.PASS, None, None),
        (Verdict.PASS, Verdict.FAIL, Outcome.FAIL, Outcome.FAIL),
        (Verdict.INCONCLUSIVE, Verdict.FAIL, Outcome.INCONCLUSIVE, Outcome.FAIL),
        (Verdict.FAIL, Verdict.FAIL, None, Outcome.FAIL),
        (Verdict.PASS, Verdict.WARN, Outcome.WARN, Outcome.WARN),
        (Verdict.WARN, Verdict.WARN, None, Outcome.WARN),
        (Verdict.PASS, Verdict.INCONCLUSIVE, None, Outcome.INCONCLUSIVE),
        (Verdict.FAIL, Verdict.PASS, None, None),
    ],
)
def test_kpi_profiles_judge_besides(
    base: Verdict, candidate: Verdict, elsewhere: Outcome | None, production: Outcome | None
) -> None:
    for tier, expected in (("sandbox", elsewhere), ("paper", elsewhere), ("production", production)):
        found, notes = kpi_findings([kpi(base, candidate)], tier=tier)
        assert [f.outcome for f in found] == ([] if expected is None else [expected])
        assert bool(notes) == (expected is None and candidate is not Verdict.PASS)


def test_a_profile_that_does_not_decide_only_shows() -> None:
    assert kpi_findings([kpi(Verdict.PASS, Verdict.FAIL, decides=False)], tier="production") == ([], [])


def test_a_warning_is_no_pass_where_the_tier_says_so() -> None:
    warned = [Finding(Outcome.WARN, "KPI:soft", ""), Finding(Outcome.PASS, "GATE:proven", "")]
    assert settle(warned, rules=POLICY.rules("sandbox")) is Outcome.WARN
    assert settle(warned, rules=POLICY.rules("production")) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("tier", ["sandbox", "paper", "production"])
def test_synthetic_tapes_alone_promote_nothing_beyond_the_sandbox(tier: str) -> None:
    made = [on("a", synthetic=True), on("b", synthetic=True, regime="event")]
    found, notes = tier_findings(tapes=made, rules=POLICY.rules(tier), tier=tier)
    assert bool(found) == (tier != "sandbox")
    assert notes == ["regimes no tape shows: high_vol"]
    assert tier_findings(tapes=[*made, on("c")], rules=POLICY.rules(tier), tier=tier)[0] == []
