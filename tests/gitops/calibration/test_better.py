"""How often BETTER is wrong: the measure tells fair rules from broken ones, and writes its page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from framework.gates.comparison import RULES
from framework.gitops.calibration.better import (
    any_of,
    gaining,
    keeps_turnover,
    measure_better,
    upper_bound,
    windows,
    worthless,
)
from framework.gitops.calibration.better_text import better_lines, better_page, pooled, target_met
from framework.gitops.calibration.resample import Stretch, TapeClass
from framework.session.blocks import Cut
from tests.gitops.calibration.test_calibration import stretch_of

THIN = Cut(block_s=600, horizon="30s")


def tapes(*, count: int = 4, blocks: int = 290, gain: float = 0.0) -> TapeClass:
    """Give tapes of two days on which four changes gain as much in every block."""

    def part(seed: int) -> Stretch:
        whole = stretch_of(seed, shift=gain)
        longer = {n: np.resize(c, blocks) for n, c in whole.base.items()}
        rng = np.random.default_rng(seed + 1_000)
        run = {**longer, "net": longer["net"] + gain + 0.05 * rng.standard_t(4, blocks)}
        return Stretch(base=longer, candidate=run)

    changes = {f"change {k}": tuple(part(100 * k + n) for n in range(count)) for k in range(4)}
    return TapeClass(
        name="thin, made up",
        tapes=(f"{count} of 48 h",),
        cut=THIN,
        run=6,
        hours=count * 48.0,
        longest_h=0.0,
        changes=changes,
        seeds={"seed 8": changes["change 0"]},
    )


def test_windows_are_whole_stretches_that_do_not_overlap() -> None:
    made = tapes(count=2)
    cut = windows(made, made.changes["change 0"], hours=24.0, seed=1)
    assert cut.index.shape == (4, 143)
    assert cut.independent == 4.0
    assert len(set(cut.index.ravel().tolist())) == cut.index.size
    assert all((np.diff(row) == 1).all() for row in cut.index)
    assert not any(row[0] < 290 <= row[-1] for row in cut.index)  # none spans two tapes


def test_tapes_that_are_too_short_are_joined_whole_and_a_single_recording_is_drawn() -> None:
    made = tapes(count=3, blocks=60)
    joined = windows(made, made.changes["change 0"], hours=24.0, seed=1)
    assert joined.index.shape == (200, 143)
    assert joined.independent == pytest.approx(180 / 144)
    one = tapes(count=1)
    assert windows(one, one.changes["change 0"], hours=24.0, seed=1).independent == 0.0


def test_what_is_worthless_gains_nothing_over_all_its_tapes_and_what_gains_as_much_as_is_said() -> None:
    parts = tapes(gain=0.02).changes["change 1"]
    for own in (False, True):
        base, run = worthless(parts, own_blocks=own)
        assert (run["net"] - base["net"]).mean() == pytest.approx(0.0, abs=1e-12)
    base, run = gaining(parts, effect_bps=2.0)
    assert 1e4 * (run["net"] - base["net"]).sum() / base["turnover"].sum() == pytest.approx(2.0)
    assert keeps_turnover(parts)


def test_fair_rules_are_seldom_wrong_and_broken_ones_often() -> None:
    made = tapes()
    fair = measure_better(made, seed=3)["by_hours"][1]
    broken = replace(RULES, min_effective_blocks=2.0, top_block_share=1.0, sd_floor=0.0)
    wrong = measure_better(made, seed=3, rules=replace(broken, alpha=0.5))["by_hours"][1]
    assert fair["better"]["own"]["mean"] <= wrong["better"]["own"]["mean"]
    assert fair["power"]["2"] >= fair["power"]["0.5"]
    assert fair["sweeps"]["8"] == {"even": None, "own": None}  # four changes make no sweep of eight


def test_a_sweep_is_as_often_wrong_as_its_best_cell() -> None:
    above = np.full((8, 10), 1.0)
    above[3, :4] = 1e-6
    assert any_of(above, cells=8, seed=1) == pytest.approx(0.4)
    assert any_of(above[:, :1], cells=9, seed=1) is None


@pytest.mark.parametrize(("rate", "windows", "bound"), [(0.0, 59, 0.0495), (0.05, 40, 0.1492), (1.0, 5, 1.0)])
def test_the_bound_of_a_rate_is_that_of_clopper_and_pearson(rate: float, windows: int, bound: float) -> None:
    assert upper_bound(rate=rate, independent=windows) == pytest.approx(bound, abs=5e-4)


def test_the_page_names_rates_by_length_and_keeps_its_verdict() -> None:
    sets: dict[str, list[dict[str, Any]]] = {"one": [measure_better(tapes(), seed=3)]}
    report = {"command": "quoteops gitops calibrate --better", "sets": sets, "met": target_met(sets)}
    page = better_page(report)
    assert "## one" in page
    assert "- 8 h: falsely BETTER" in page
    assert "| thin, made up | 24 | 8 |" in page
    assert better_lines(report)[-1].startswith("PASS" if report["met"] else "FAIL")
    assert [each.hours for each in pooled(sets)] == [(8.0,), (24.0,), (48.0,)]
    assert not target_met({})
