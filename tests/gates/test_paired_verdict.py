"""Findings: who must be proven good, who may not be proven bad, and that nothing is never a pass."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from framework.gates.paired import Claim
from framework.gates.paired_metrics import METRICS, Effect
from framework.gates.paired_verdict import (
    Finding,
    Outcome,
    SymbolEffects,
    alpha_of_any,
    find,
    worst_first,
)

ALPHA = 0.005


def claim(**changed: Any) -> Claim:
    known: dict[str, Any] = {
        "n": 540, "n_eff": 300.0, "top_share": 0.02, "mean": 1.0, "sd": 1.0, "enough": True,
        "p_above": 1e-6, "p_below": 1.0, "lower": 0.5, "upper": 1.5, "power": 0.9, "blocks_needed": 100,
    }  # fmt: skip
    return Claim(**{**known, **changed})


def effect(metric: str, *, hours: float | None = 2.0, **changed: Any) -> Effect:
    return Effect(
        metric=metric, unit=METRICS[metric].unit, relative=METRICS[metric].relative, base=1.0, candidate=1.0,
        effect=0.01, low=-0.05, high=0.07, margin=0.1, claim=claim(**changed), hours_needed=hours,
    )  # fmt: skip


def symbol(name: str = "BTCUSDT", *, identical: bool = False, **effects: Any) -> SymbolEffects:
    found: dict[str, Effect] = {metric: effect(metric) for metric in METRICS} | effects
    better = effects.get("better", effect("net"))
    found.pop("better", None)
    return SymbolEffects(symbol=name, hours=9.0, identical=identical, effects=found, better=better)


def _one(metric: str, found: Effect) -> dict[str, Any]:
    return {metric: found}


UNDECIDED: dict[str, Any] = {"p_above": 0.3}
WORSE: dict[str, Any] = {"p_above": 1.0, "p_below": 1e-9}


def outcome(*symbols: SymbolEffects, want: Any = "not_worse") -> Outcome:
    return find(symbols=symbols, want=want, alpha=ALPHA)[0].outcome


def test_everything_proven_passes() -> None:
    found = find(symbols=[symbol()], want="not_worse", alpha=ALPHA)
    assert [f.outcome for f in found] == [Outcome.PASS]
    assert "not worse" in found[0].says


@pytest.mark.parametrize("metric", METRICS)
def test_one_metric_that_is_not_proven_stops_everything(metric: str) -> None:
    assert outcome(symbol(**_one(metric, effect(metric, **UNDECIDED)))) is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("metric", METRICS)
def test_one_metric_proven_worse_fails_whatever_else_is_open(metric: str) -> None:
    others: dict[str, Any] = {name: effect(name, **UNDECIDED) for name in METRICS if name != metric}
    assert outcome(symbol(**others, **_one(metric, effect(metric, **WORSE)))) is Outcome.FAIL


def test_one_symbol_that_is_not_proven_stops_the_others() -> None:
    weak = symbol("NEXOUSDT", net=effect("net", hours=300.0, **UNDECIDED))
    found = find(symbols=[symbol(), weak], want="not_worse", alpha=ALPHA)
    assert found[0].outcome is Outcome.INCONCLUSIVE
    assert found[0].hours_needed == pytest.approx(291.0)
    assert "NEXOUSDT" in found[0].says


def test_better_on_one_symbol_is_enough_at_its_share_of_alpha() -> None:
    poor = effect("net", p_above=0.9)
    barely = effect("net", p_above=0.004)
    clear = effect("net", p_above=0.002)
    assert outcome(symbol("A", better=barely), want="better") is Outcome.PASS
    assert (
        outcome(symbol("A", better=barely), symbol("B", better=poor), want="better") is Outcome.INCONCLUSIVE
    )
    assert outcome(symbol("A", better=clear), symbol("B", better=poor), want="better") is Outcome.PASS


def test_not_worse_is_no_pass_where_better_is_asked() -> None:
    no_gain = effect("net", hours=None, mean=-0.1, p_above=1.0)
    assert outcome(symbol(better=no_gain), want="better") is Outcome.INCONCLUSIVE
    assert outcome(symbol(better=no_gain), want="not_worse") is Outcome.PASS


def test_alpha_of_a_failure_is_divided_by_the_claims_any_of_which_would_fail() -> None:
    symbols = [symbol("A"), symbol("B")]
    assert alpha_of_any(symbols=symbols, alpha=ALPHA) == pytest.approx(ALPHA / (2 * len(METRICS)))
    almost = effect("adverse", p_above=1.0, p_below=ALPHA / 3)
    assert outcome(symbol("A", adverse=almost), symbol("B")) is Outcome.INCONCLUSIVE


def test_a_regime_proven_worse_fails_what_passes_on_the_whole() -> None:
    bad = replace(symbol(), regimes={"normal": effect("net"), "event": effect("net", **WORSE)})
    found = find(symbols=[bad], want="not_worse", alpha=ALPHA)
    assert (found[0].outcome, found[0].code) == (Outcome.FAIL, "GATE:net:event")


def test_a_canary_whose_routes_are_proven_worse_fails_and_what_they_leave_open_stops_nothing() -> None:
    aside = {metric: effect(metric, **UNDECIDED) for metric in METRICS}
    assert outcome(replace(symbol(), routes=aside)) is Outcome.PASS
    bad = replace(symbol(), routes={**aside, "requests": effect("requests", **WORSE)})
    found = find(symbols=[bad], want="not_worse", alpha=ALPHA)
    assert (found[0].outcome, found[0].code) == (Outcome.FAIL, "GATE:requests:routes")
    assert "as its routes trade" in found[0].says


def test_arms_that_are_identical_everywhere_have_no_effect_and_do_not_pass() -> None:
    found = find(symbols=[symbol(identical=True)], want="not_worse", alpha=ALPHA)
    assert found[0].outcome is Outcome.NO_EFFECT
    assert found[0].outcome.exit_code == 3
    assert "does nothing on these tapes" in found[0].says


def _undecided() -> dict[str, Any]:
    return {metric: effect(metric, **UNDECIDED) for metric in METRICS}


def test_a_symbol_where_nothing_differs_neither_supports_nor_stops() -> None:
    same = symbol("COARSE", identical=True, **_undecided())
    assert outcome(same, symbol()) is Outcome.PASS
    assert outcome(same, symbol(net=effect("net", **UNDECIDED))) is Outcome.INCONCLUSIVE


def test_no_tape_is_no_evidence() -> None:
    assert outcome() is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("metric", METRICS)
def test_too_little_evidence_is_never_proof_of_anything(metric: str) -> None:
    thin = effect(metric, enough=False, n_eff=9.0, p_above=1.0, p_below=1.0, lower=None, upper=None)
    found = find(symbols=[symbol(**_one(metric, thin))], want="not_worse", alpha=ALPHA)
    assert found[0].outcome is Outcome.INCONCLUSIVE
    assert "9 effective blocks" in found[0].says


def test_the_worst_comes_first_and_of_the_undecided_what_needs_most() -> None:
    rows = [
        Finding(Outcome.PASS, "a", ""),
        Finding(Outcome.INCONCLUSIVE, "b", "", 3.0),
        Finding(Outcome.WARN, "c", ""),
        Finding(Outcome.FAIL, "d", ""),
        Finding(Outcome.INCONCLUSIVE, "e", "", 30.0),
        Finding(Outcome.INCONCLUSIVE, "f", ""),
    ]
    assert "".join(f.code for f in worst_first(rows)) == "debfca"
