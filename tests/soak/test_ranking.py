"""A sweep's ranking asks more of the best of many than of one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from framework.files.atomic import canonical_json
from framework.gates.verdict import Verdict
from framework.soak.sweep.ranking import ALPHA, level_for, lower_bound, ranked, sweep_verdict
from framework.soak.sweep.row import Measured, Standing, SweepRow, played_row


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


def order(*cells: SweepRow) -> list[int]:
    return [row.cell for row in ranked(cells=cells)]


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
    lucky = cell(0, markout_net_30s_bps=2.0, markout_net_30s_se_bps=1.0)
    assert order(lucky, cell(1)) == [1, 0]


def test_the_bar_rises_with_the_number_of_trials() -> None:
    alone = standings(cell(0))[0]
    among = standings(*(cell(n) for n in range(20)))[0]
    assert alone.deflated_lower_bps == pytest.approx(alone.lower_bps)
    assert among.deflated_lower_bps is not None
    assert among.lower_bps is not None
    assert among.deflated_lower_bps < among.lower_bps == alone.lower_bps


def test_a_cell_is_proven_only_above_the_bar_of_all_trials() -> None:
    close = {"markout_net_30s_bps": 0.2, "markout_net_30s_se_bps": 0.1}
    assert ranked(cells=[cell(0, **close)])[0].proven
    assert not any(row.proven for row in ranked(cells=[cell(n, **close) for n in range(20)]))


def test_cells_without_a_bound_come_after_those_with_one_and_failed_ones_last() -> None:
    unsure = cell(1, markout_net_30s_se_bps=None)
    rows = ranked(cells=[failed(0), unsure, cell(2, markout_net_30s_bps=-5.0)])
    assert [row.cell for row in rows] == [2, 1, 0]
    assert [row.rank for row in rows] == [1, 2, 3]
    assert not rows[1].proven


def test_a_failed_cell_is_no_trial() -> None:
    (alone,) = standings(cell(0), failed(1))
    assert alone.deflated_lower_bps == pytest.approx(alone.lower_bps)


def test_equal_cells_keep_their_order() -> None:
    assert order(cell(0), cell(1), cell(2)) == [0, 1, 2]


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
    ("verdicts", "worst"),
    [
        (["PASS", "WARN"], Verdict.WARN),
        (["PASS", "INCONCLUSIVE"], Verdict.INCONCLUSIVE),
        (["FAIL", "INCONCLUSIVE", "PASS"], Verdict.FAIL),
        (["PASS", None, "FAIL"], Verdict.ERROR),
    ],
)
def test_the_sweeps_verdict_is_the_worst_of_its_cells(verdicts: list[str | None], worst: Verdict) -> None:
    cells = [failed(n) if verdict is None else cell(n, verdict=verdict) for n, verdict in enumerate(verdicts)]
    assert sweep_verdict(cells=cells) is worst


def test_a_row_is_read_back_as_it_was_written() -> None:
    row = replace(cell(3, markout_net_30s_bps=None), tape=("ab" * 32, 1, 2))
    assert played_row(json.loads(canonical_json(row.as_dict()))) == row
    with pytest.raises(KeyError):
        played_row(failed(0).as_dict())
