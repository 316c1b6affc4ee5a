"""A run is better than the present one only where its gain is proven at the turnover that was there."""

from __future__ import annotations

import numpy as np
import pytest

from framework.gates.comparison import RULES, Answer, Comparison, compare_runs
from framework.gates.comparison_text import comparison_sentence
from framework.gates.paired_metrics import Pair, compare

BLOCKS = 120
RNG = np.random.default_rng(5)
NOISE = RNG.normal(size=BLOCKS)


def side(*, net: float, turnover: float = 1000.0, fills: float = 5.0) -> dict[str, np.ndarray]:
    return {
        "net": net + 0.1 * NOISE,
        "turnover": np.full(BLOCKS, turnover),
        "fills": np.full(BLOCKS, fills),
    }


def compared(run: dict[str, np.ndarray], present: dict[str, np.ndarray] | None = None) -> Comparison:
    return compare_runs(present=present or side(net=-0.1), run=run, block_s=60)


def noisy(*, net: float, **more: float) -> dict[str, np.ndarray]:
    made = side(net=net, **more)
    return {**made, "net": made["net"] + 0.1 * RNG.normal(size=BLOCKS)}


def test_a_gain_in_every_block_is_better_in_bps_of_the_present_turnover_and_in_money_a_day() -> None:
    found = compared(noisy(net=0.4))
    assert found.answer is Answer.BETTER
    assert found.gain_bps == pytest.approx(5.0, abs=0.3)  # half a unit of 1,000
    assert found.gain_per_day == pytest.approx(0.5 * 1440, rel=0.1)
    assert found.gain_per_day_lower is not None
    assert found.gain_per_day_lower > 0.0
    assert found.turnover_ratio == pytest.approx(1.0)
    assert ") of the present's turnover, " in comparison_sentence(found, quote="USDT")


def test_a_gain_at_a_quarter_of_the_turnover_is_not_better() -> None:
    found = compared(noisy(net=0.4, turnover=260.0))
    assert found.answer is Answer.TOO_QUIET
    assert found.answer.exit_code == 1
    assert "turnover 26% of the present's" in comparison_sentence(found, quote="USDT")


def test_a_loss_that_is_proven_is_worse() -> None:
    assert compared(noisy(net=-0.7)).answer is Answer.WORSE


def test_the_same_fills_have_no_effect_and_are_no_pass() -> None:
    found = compared(side(net=-0.1))
    assert (found.answer, found.answer.exit_code) == (Answer.NO_EFFECT, 3)


def test_a_difference_within_the_noise_is_not_proven_and_says_what_would_tell() -> None:
    found = compared(noisy(net=-0.09))
    assert found.answer is Answer.INCONCLUSIVE
    said = comparison_sentence(found, quote="USDT")
    assert said.startswith("NOT PROVEN: ")
    assert "of such tape in all would tell" in said


def test_one_block_that_makes_the_whole_gain_proves_nothing() -> None:
    run = side(net=-0.1)
    run["net"][7] += 50.0
    assert compared(run).answer is Answer.INCONCLUSIVE


def test_a_gain_that_its_three_best_blocks_made_is_not_better_nor_such_a_loss_worse() -> None:
    differences = np.where(np.arange(BLOCKS) % 2 == 0, 0.13, -0.07)
    differences[[5, 57, 110]] += 0.45
    present = side(net=-0.1)
    for sign, wrong in ((1.0, Answer.BETTER), (-1.0, Answer.WORSE)):
        run = {**present, "net": present["net"] + sign * differences}
        claim = compare(pair=Pair("net", present, run, 0.0), rules=RULES, alpha=0.05, block_hours=1.0).claim
        assert min(claim.p_above, claim.p_below) <= 0.05  # all blocks together would have proven it
        assert compared(run, present).answer is not wrong


def test_the_interval_says_what_the_answer_says() -> None:
    rng = np.random.default_rng(3)
    answers = set()
    for gain in np.linspace(-0.1, 0.1, 41):
        present = side(net=0.0)
        run = {**present, "net": present["net"] + gain + 0.1 * rng.normal(size=BLOCKS)}
        found = compared(run, present)
        assert found.gain_per_day_lower is not None
        assert found.gain_per_day_upper is not None
        assert (found.answer is Answer.BETTER) == (found.gain_per_day_lower > 0.0)
        assert (found.answer is Answer.WORSE) == (found.gain_per_day_upper < 0.0)
        assert found.bar_per_day == found.gain_per_day_lower
        still_open = found.answer is Answer.INCONCLUSIVE
        assert not still_open or found.hours_needed is None or found.hours_needed > found.hours
        answers.add(found.answer)
    assert answers == {Answer.BETTER, Answer.WORSE, Answer.INCONCLUSIVE}


def test_fewer_than_thirty_fills_give_no_figure_in_bps() -> None:
    few = {**noisy(net=0.4), "fills": np.where(np.arange(BLOCKS) < 29, 1.0, 0.0)}
    said = comparison_sentence(compared(few), quote="USDT")
    assert "bps" not in said.partition(";")[0]
    assert "fewer than 30 fills on one side give no figure in bps" in said


def test_a_present_that_trades_nothing_gives_money_and_no_bps() -> None:
    found = compared(noisy(net=0.4), present={**side(net=0.0), "turnover": np.zeros(BLOCKS)})
    assert (found.gain_bps, found.turnover_ratio) == (None, None)
    assert found.gain_per_day is not None


def test_a_tape_shorter_than_a_block_says_nothing() -> None:
    none = {name: np.zeros(0) for name in ("net", "turnover", "fills")}
    found = compare_runs(present=none, run=none, block_s=600)
    assert (found.answer, found.gain_per_day, found.turnover_ratio) == (Answer.INCONCLUSIVE, None, None)
    assert comparison_sentence(found, quote="USDT").startswith("NOT PROVEN: the tape is shorter than a block")
