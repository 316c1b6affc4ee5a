"""A sweep's ranking asks more of the best of many than of one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from framework.files.atomic import canonical_json
from framework.gates.comparison import ALPHA, Answer, Comparison
from framework.soak.sweep.ranking import level_for, lower_bound, ranked, sweep_answer
from framework.soak.sweep.row import Measured, Standing, SweepRow, played_row
from tests.soak.sweep_cases import beside


def cell(n: int, **changes: Any) -> SweepRow:
    measured = Measured(
        verdict="FAIL",
        markout_net_30s_bps=1.0,
        markout_net_30s_se_bps=0.1,
        markout_blocks=50.0,
        turnover_quote=1000.0,
        net_bps=float(n),
        net_bps_lower=None,
        net_bps_upper=None,
        fills=100,
    )
    return SweepRow(cell=n, label=f"x={n}", values={"x": n}, measured=replace(measured, **changes))


def failed(n: int) -> SweepRow:
    return SweepRow(cell=n, label="x", values={}, error="refused")


def order(*cells: SweepRow, against: dict[int, Comparison], presents: tuple[int, ...] = ()) -> list[int]:
    return [row.cell for row in ranked(cells=cells, against=against, presents=presents)]


def standings(*cells: SweepRow) -> list[Standing]:
    """Give how the cells that ran stand, best first."""
    return [row.measured for row in ranked(cells=cells) if row.measured is not None]


@pytest.mark.parametrize("trials", [1, 2, 10, 1000])
def test_independent_trials_at_their_level_err_together_with_the_probability_asked(trials: int) -> None:
    assert 1.0 - (1.0 - level_for(trials=trials)) ** trials == pytest.approx(ALPHA)


def test_the_bound_of_one_cell_is_students() -> None:
    # t(0.95, 49) = 1.6766
    assert lower_bound(value=1.0, se=0.1, n_eff=50.0, level=0.05) == pytest.approx(1.0 - 0.16766, abs=1e-5)


def test_what_is_not_bounded_is_no_evidence() -> None:
    assert lower_bound(value=1.0, se=None, n_eff=50.0, level=0.05) is None
    assert lower_bound(value=1.0, se=0.1, n_eff=1.0, level=0.05) is None
    assert lower_bound(value=None, se=0.1, n_eff=9.0, level=0.05) is None


def test_a_surer_cell_ranks_above_a_luckier_one() -> None:
    assert order(cell(0), cell(1), against={0: beside(20.0, bar=-9.0), 1: beside(10.0)}) == [1, 0]


def test_a_cell_with_a_quarter_of_the_turnover_never_leads_whatever_it_gains() -> None:
    rich = beside(900.0, bar=800.0, turnover_ratio=0.26, answer=Answer.TOO_QUIET)
    poor = beside(-5.0, bar=-50.0)
    rows = ranked(cells=[cell(0, fills=52), cell(1)], against={0: rich, 1: poor})
    assert [row.cell for row in rows] == [1, 0]
    assert not rows[1].proven
    assert sweep_answer(rows) is Answer.INCONCLUSIVE


def test_what_runs_has_a_bar_of_zero_and_leads_nothing() -> None:
    against = {0: beside(0.0, answer=Answer.NO_EFFECT), 1: beside(3.0, bar=-2.0), 2: beside(9.0, bar=4.0)}
    rows = ranked(cells=[cell(n) for n in range(3)], against=against, presents=(0,))
    assert [row.cell for row in rows] == [2, 0, 1]
    assert sweep_answer(rows) is Answer.BETTER
    del against[2]
    rows = ranked(cells=[cell(0), cell(1)], against=against, presents=(0,))
    assert [row.cell for row in rows] == [0, 1]
    assert sweep_answer(rows) is Answer.INCONCLUSIVE


def test_the_bar_rises_with_the_number_of_trials() -> None:
    alone = standings(cell(0))[0]
    among = standings(*(cell(n) for n in range(20)))[0]
    assert alone.deflated_lower_bps == pytest.approx(alone.lower_bps)
    assert among.deflated_lower_bps is not None
    assert among.lower_bps is not None
    assert among.deflated_lower_bps < among.lower_bps == alone.lower_bps


def test_cells_come_as_far_as_they_are_known_and_failed_ones_last() -> None:
    unsure = beside(50.0, bar_per_day=None, answer=Answer.INCONCLUSIVE)
    quiet = beside(9.0, turnover_ratio=0.5, answer=Answer.TOO_QUIET)
    cells = [failed(0), cell(1), cell(2), cell(3), cell(4)]
    rows = ranked(cells=cells, against={1: unsure, 2: beside(-5.0), 3: quiet})
    assert [row.cell for row in rows] == [2, 1, 3, 4, 0]
    assert [row.rank for row in rows] == [1, 2, 3, 4, 5]


def test_a_failed_cell_is_no_trial() -> None:
    (alone,) = standings(cell(0), failed(1))
    assert alone.deflated_lower_bps == pytest.approx(alone.lower_bps)


def test_equal_cells_keep_their_order() -> None:
    against = {n: beside() for n in range(3)}
    assert order(cell(0), cell(1), cell(2), against=against) == [0, 1, 2]


def test_a_cell_that_changed_nothing_names_its_twin() -> None:
    rows = ranked(cells=[cell(0), cell(1, net_bps=0.0), failed(2), cell(3)])
    assert {row.cell: row.measured and row.measured.same_as for row in rows} == {
        0: None,
        1: 0,
        2: None,
        3: None,
    }


def test_turnover_is_compared_with_the_first_cell() -> None:
    shares = [row.turnover_vs_first for row in standings(cell(0), cell(1, turnover_quote=250.0))]
    assert shares == [1.0, 0.25]
    assert standings(failed(0), cell(1))[0].turnover_vs_first is None


@pytest.mark.parametrize(
    ("answer", "exit_code"),
    [
        (Answer.BETTER, 0),
        (Answer.WORSE, 1),
        (Answer.TOO_QUIET, 1),
        (Answer.INCONCLUSIVE, 3),
        (Answer.NO_EFFECT, 3),
    ],
)
def test_the_sweeps_answer_is_its_leaders_whatever_the_kpis_of_others_say(
    answer: Answer, exit_code: int
) -> None:
    against = {0: beside(answer=answer), 1: beside(-9.0, answer=Answer.WORSE, bar=-99.0)}
    rows = ranked(cells=[cell(0, verdict="FAIL"), cell(1), failed(2)], against=against)
    assert (sweep_answer(rows), sweep_answer(rows).exit_code) == (answer, exit_code)


def test_a_sweep_in_which_nothing_ran_could_not_run() -> None:
    assert sweep_answer(ranked(cells=[failed(0), failed(1)])).exit_code == 2


def test_a_row_is_read_back_as_it_was_written() -> None:
    row = replace(cell(3, markout_net_30s_bps=None), tape=("ab" * 32, 1, 2))
    assert played_row(json.loads(canonical_json(row.as_dict()))) == row
    with pytest.raises(KeyError):
        played_row(failed(0).as_dict())
