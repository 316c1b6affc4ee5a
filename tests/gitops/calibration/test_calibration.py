"""The calibration, small: it is reproducible, it knows a fair gate from a broken one, and writes its page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.cli.main import main
from framework.compiled.records import interpreted
from framework.gates.paired import EvidenceRules
from framework.gates.paired_metrics import METRICS, Pair, compare
from framework.gitops.calibration.guard_metrics import GUARDS, measure_guards, proven
from framework.gitops.calibration.rates import (
    Question,
    false_promotions,
    measure_net,
    power,
    seed_promotions,
)
from framework.gitops.calibration.report import Rate, target_met
from framework.gitops.calibration.resample import Design, Stretch, TapeClass, at_margin, joined
from framework.session.blocks import LIQUID

RULES = EvidenceRules()
SMALL = Design(draws=100, guard_draws=40)


MARGINS = {
    "net": 0.3, "turnover": 0.2, "adverse": 0.3, "drawdown": 0.25, "rms_inventory": 0.2,
    "requests": 0.2, "off_target": 0.15,
}  # fmt: skip


def stretch_of(seed: int, *, skewed: bool = False, shift: float = 0.0) -> Stretch:
    rng = np.random.default_rng(seed)
    turnover = rng.gamma(4.0, 250.0, 400)
    base = {
        "turnover": turnover,
        "net": turnover * 1e-4 * rng.normal(0.0, 1.0, 400),
        "gross": turnover * 1e-4,
        "adverse": turnover * 1e-4 * rng.normal(0.8, 0.4, 400),
        "fills": np.maximum(1.0, np.round(turnover / 250.0)),
        "requests": rng.gamma(10.0, 5.0, 400),
        "quoted_s": rng.uniform(60.0, 120.0, 400),
        "off_target": rng.gamma(4.0, 0.02, 400),
        "position_sq": rng.gamma(4.0, 1e4, 400),
        "drawdown": rng.gamma(4.0, 0.1, 400),
    }
    candidate = {name: column * rng.lognormal(0.0, 0.1, 400) for name, column in base.items()}
    noise = -rng.lognormal(0.0, 1.5, 400) if skewed else rng.standard_t(4, 400)
    return Stretch(base=base, candidate={**candidate, "net": base["net"] + 0.05 * noise + shift})


def tapes_of(**changes: Stretch) -> TapeClass:
    found = {name: (part,) for name, part in changes.items()}
    return TapeClass(
        name="test, liquid", tapes=("TEST 2024-01-01",), cut=LIQUID, run=5, hours=400 / 60,
        longest_h=10.0, changes=found, seeds={"seed 8": (stretch_of(99),)},
    )  # fmt: skip


PLAIN = tapes_of(a=stretch_of(1), b=stretch_of(2, shift=0.5), c=stretch_of(3, skewed=True))


def test_a_difference_is_shifted_to_no_merit_before_it_is_drawn() -> None:
    names, rates = false_promotions(tapes=PLAIN, rules=RULES, design=SMALL, margin_bps=None)
    assert names == ["a", "b", "c"]
    # b gains enormously as it was measured, and nothing as it is drawn.
    assert rates.looked[1] <= 0.02


def test_rules_that_take_anything_are_seen_to_be_broken() -> None:
    broken = replace(RULES, alpha=0.2, min_effective_blocks=3.0, top_block_share=1.0, sd_floor=0.0)
    _, fair = false_promotions(tapes=PLAIN, rules=RULES, design=SMALL, margin_bps=None)
    _, wrong = false_promotions(tapes=PLAIN, rules=broken, design=SMALL, margin_bps=None)
    assert wrong.looked.mean() > 0.05 > fair.looked.mean()


@pytest.mark.parametrize("own_blocks", [False, True])
def test_a_candidate_at_the_margin_is_rarely_called_not_worse(own_blocks: bool) -> None:
    only = tapes_of(a=stretch_of(1), b=stretch_of(2))
    _, rates = false_promotions(tapes=only, rules=RULES, design=SMALL, margin_bps=0.5, own_blocks=own_blocks)
    assert rates.looked.max() <= 0.03


def test_two_seeds_are_rarely_told_apart() -> None:
    _, rates = seed_promotions(tapes=PLAIN, rules=RULES, design=SMALL)
    assert rates.looked.max() <= 0.03


def test_power_grows_with_hours_and_with_the_effect() -> None:
    table = np.array(
        [
            power(tapes=PLAIN, rules=RULES, design=SMALL, effect_bps=bps, hours=(1.0, 5.0, 20.0)).mean(axis=0)
            for bps in (0.1, 0.5, 3.0)
        ]
    )
    assert (np.diff(table, axis=1) >= 0.0).all()
    assert (np.diff(table, axis=0) >= 0.0).all()
    assert table[-1, -1] > 0.9


def mean_of(rate: Rate) -> float:
    assert rate.mean is not None
    return rate.mean


def question(tapes: TapeClass, **changed: Any) -> Question:
    plain = Question(tapes=tapes, rules=RULES, design=SMALL, margins=MARGINS, power_draws=5)
    return replace(plain, **changed)


@pytest.mark.parametrize("measure", [measure_net, measure_guards])
def test_the_same_seed_measures_the_same(measure: Any) -> None:
    assert measure(question(PLAIN)) == measure(question(PLAIN))


def test_a_change_without_effect_is_named_and_not_counted() -> None:
    same = stretch_of(1)
    tapes = tapes_of(a=stretch_of(2), idle=replace(same, candidate=same.base))
    measured = measure_net(question(tapes))
    assert (measured.changes, measured.no_effect) == (("a",), ("idle",))
    assert measure_guards(question(tapes)).guards["drawdown"].at_margin.count == 1


@pytest.mark.parametrize("own_blocks", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_a_candidate_is_moved_to_exactly_the_margin_of_a_metric(metric: str, own_blocks: bool) -> None:
    base, candidate = joined((stretch_of(1),))
    moved = at_margin(Pair(metric, base, candidate, MARGINS[metric]), own_blocks=own_blocks)
    pair = Pair(metric, base, moved, MARGINS[metric])
    found = compare(pair=pair, rules=RULES, alpha=0.005, block_hours=1 / 60)
    assert found.claim.mean == pytest.approx(0.0, abs=1e-9 * max(1.0, abs(found.base or 1.0)))
    worse = -1.0 if metric in ("net", "turnover") else 1.0
    assert found.effect == pytest.approx(worse * MARGINS[metric])


@pytest.mark.parametrize("metric", METRICS)
def test_after_the_last_block_a_metric_is_proven_as_the_gate_proves_it(metric: str) -> None:
    base, candidate = joined((stretch_of(1),))
    for n in (60, 100, 200, 400):
        for margin in (0.0, 0.02, MARGINS[metric]):
            arms = [{name: column[:n] for name, column in arm.items()} for arm in (base, candidate)]
            pair = Pair(metric, arms[0], arms[1], margin)
            said = compare(pair=pair, rules=RULES, alpha=0.005, block_hours=1 / 60)
            rows = [{name: column[None, :] for name, column in arm.items()} for arm in arms]
            found = proven(Pair(metric, rows[0], rows[1], margin), rules=RULES)
            assert bool(found[0, -1]) == said.claim.above(alpha=RULES.alpha)


def test_guards_hold_at_their_margins_and_rules_that_take_anything_do_not() -> None:
    tapes = tapes_of(a=stretch_of(1), b=stretch_of(2))
    broken = replace(RULES, alpha=0.2, min_effective_blocks=3.0, top_block_share=1.0, sd_floor=0.0)
    fair, wrong = (measure_guards(question(tapes, rules=rules)) for rules in (RULES, broken))
    for metric in GUARDS:
        rate, shares = mean_of(fair.guards[metric].at_margin), fair.guards[metric].within.shares
        assert rate <= 0.03
        assert mean_of(wrong.guards[metric].at_margin) >= rate
        assert shares is not None
        assert shares[-1] > 0.5
    assert max(mean_of(guard.at_margin) for guard in wrong.guards.values()) > 0.04
    whole = fair.whole
    for found in (whole.seeds, whole.zero, whole.margin, whole.everything):
        assert mean_of(found) <= 0.03


def test_a_target_over_nothing_is_not_met() -> None:
    assert not target_met([], target=0.01)
    assert not target_met([Rate(None, None, None, 0)], target=0.01)
    fine = Rate(0.01, 0.02, "a", 3)
    assert target_met([fine, fine, fine], target=0.01)
    assert not target_met([fine, replace(fine, mean=0.011), fine], target=0.01)
    assert not target_met([fine, replace(fine, mean=None), fine], target=0.01)


@pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")
def test_the_command_measures_the_embedded_market_and_writes_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    words = ["--synthetic", "--hours", "0.5", "--draws", "40", "--changes", "3", "--workers", "0"]
    code = main(["gitops", "calibrate", *words, "--out", str(page), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["met"] else 1)
    assert [row["name"] for row in report["classes"]] == ["synthetic, liquid", "synthetic, thin"]
    assert f"quoteops gitops calibrate {' '.join(words[:7])}" in page.read_text()


def test_a_calibration_of_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gitops", "calibrate"]) == 2
    assert "no tape" in capsys.readouterr().err
