"""The calibration, small: it is reproducible, it knows a fair gate from a broken one, and writes its page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from framework.cli.main import main
from framework.compiled.records import interpreted
from framework.gates.paired import EvidenceRules
from framework.gitops.arms import LIQUID
from framework.gitops.calibrate import (
    Design,
    Question,
    Stretch,
    TapeClass,
    false_promotions,
    measure,
    power,
    seed_promotions,
    target_met,
)

RULES = EvidenceRules()
SMALL = Design(draws=100)


def stretch_of(seed: int, *, skewed: bool = False, shift: float = 0.0) -> Stretch:
    rng = np.random.default_rng(seed)
    turnover = rng.gamma(4.0, 250.0, 400)
    base = turnover * 1e-4 * rng.normal(0.0, 1.0, 400)
    noise = -rng.lognormal(0.0, 1.5, 400) if skewed else rng.standard_t(4, 400)
    return Stretch(
        base_net=base,
        candidate_net=base + 0.05 * noise + shift,
        turnover=turnover,
        gross=turnover * 1e-4,
    )


def tapes_of(**changes: Stretch) -> TapeClass:
    found = {name: (part,) for name, part in changes.items()}
    return TapeClass(
        name="test, liquid", tapes=("TEST 2024-01-01",), cut=LIQUID, group=1, run=5, hours=400 / 60,
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


def test_the_same_seed_measures_the_same() -> None:
    question = Question(tapes=PLAIN, rules=RULES, design=SMALL, margin_bps=0.3, power_draws=20)
    assert measure(question) == measure(question)


def test_a_change_without_effect_is_named_and_not_counted() -> None:
    same = stretch_of(1)
    idle = replace(same, candidate_net=same.base_net)
    found = measure(
        Question(
            tapes=tapes_of(a=stretch_of(2), idle=idle),
            rules=RULES,
            design=SMALL,
            margin_bps=0.3,
            power_draws=5,
        )
    )
    assert (found["changes"], found["no_effect"]) == (["a"], ["idle"])


def test_a_target_over_nothing_is_not_met() -> None:
    assert not target_met([], target=0.01)
    nothing = {kind: {"mean": None} for kind in ("seeds", "zero", "margin")}
    assert not target_met([{"rates": nothing}], target=0.01)
    fine = {kind: {"mean": 0.01} for kind in ("seeds", "zero", "margin")}
    assert target_met([{"rates": fine}], target=0.01)
    assert not target_met([{"rates": fine}, {"rates": {**fine, "zero": {"mean": 0.011}}}], target=0.01)


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
