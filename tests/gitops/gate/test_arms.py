"""Arms: what a replay leaves per block adds up to its report, and only unseen, unbroken tape is used."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import interpreted
from framework.gates.paired_metrics import COLUMNS
from framework.gitops.errors import GitopsError
from framework.gitops.gate.arms import ArmBlocks, ArmJob, replay_arm
from framework.gitops.gate.evidence import usable_windows
from framework.market.events import GAP
from framework.market.made import Made
from framework.market.synthetic import generate
from framework.market.tape import Tape
from framework.session.blocks import LIQUID, Cut
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.units import SECOND
from tests.command import REPOSITORY

pytestmark = pytest.mark.skipif(interpreted(), reason="a replay of hours needs the compiled code")


def settings(*words: str) -> RunSettings:
    return compose_run(words=words, root=REPOSITORY, environ={}).settings


@pytest.fixture(scope="module")
def tape() -> Tape:
    return generate(Made(preset="liquid_perp", regime="normal", hours=0.5, seed=4, symbol="SYNTHUSDT"))


def same(tape: Tape) -> Tape:
    return tape


def played(tape: Tape, *words: str, seed: int = 7, **more: Any) -> ArmBlocks:
    job = ArmJob(settings=settings(*words), opener=partial(same, tape), seed=seed, cut=LIQUID)
    return replay_arm(replace(job, **more))


def test_one_arm_replayed_twice_is_the_same_arm(tape: Tape) -> None:
    one, two = played(tape), played(tape)
    assert one.digest == two.digest
    assert all(np.array_equal(one.sums[name], two.sums[name]) for name in COLUMNS)


def test_a_parameter_that_matters_changes_the_digest(tape: Tape) -> None:
    assert played(tape).digest != played(tape, "params.base_spread_bps_delta=0.6").digest


def test_the_columns_are_those_the_metrics_read(tape: Tape) -> None:
    arm = played(tape)
    assert set(arm.sums) == set(COLUMNS)
    assert {len(column) for column in arm.sums.values()} == {len(arm.starts)}
    assert all(np.isfinite(column).all() for column in arm.sums.values())
    # The half hour's last block reaches into the horizon of its last fills.
    assert len(arm.starts) == 29
    assert arm.hours == pytest.approx(29 / 60)


def test_blocks_add_up_to_the_edge_report(tape: Tape) -> None:
    cut = Cut(block_s=20, horizon="5s")
    arm = played(tape, cut=cut)
    totals = arm.totals[0].as_dict()
    # Only the last block is missing.
    assert arm.sums["fills"].sum() == pytest.approx(totals["fills"], rel=0.05)
    for column, name in (("turnover", "turnover_quote"), ("gross", "gross_bps")):
        whole = totals[name] if column == "turnover" else totals[name] * totals["turnover_quote"] / 1e4
        assert arm.sums[column].sum() == pytest.approx(whole, rel=0.05)
    adverse = -(totals["adverse_1s_bps"] + totals["gross_bps"]) * totals["turnover_quote"] / 1e4
    assert arm.sums["adverse"].sum() == pytest.approx(adverse, abs=0.05 * abs(arm.sums["gross"].sum()))
    assert 0.0 < arm.sums["quoted_s"].sum() <= 2.0 * 3_600.0 * arm.hours
    assert (arm.sums["off_target"] > 0.0).any()
    rms = np.sqrt(arm.sums["position_sq"].mean())
    assert rms == pytest.approx(totals["rms_inventory_quote"], rel=0.05)
    assert arm.sums["drawdown"].max() <= totals["max_drawdown_quote"] + 1e-9
    markout = totals["markouts"]["5s"]["net_bps"]
    assert 1e4 * arm.sums["net"].sum() / arm.sums["turnover"].sum() == pytest.approx(markout, abs=0.1)


def test_the_settings_of_the_soak_do_not_reach_the_arm(tape: Tape) -> None:
    plain = played(tape)
    assert played(tape, "soak.hours=0.1", "soak.iterations=3", "soak.seed=99").digest == plain.digest


def test_a_window_is_cut_out_with_its_neighbourhood(tape: Tape) -> None:
    minute = 60 * SECOND
    start, end = tape.start_ns + 10 * minute, tape.start_ns + 12 * minute
    windows = usable_windows(tape=tape, cut=[(start, end)], margin_ns=minute)
    assert windows == ((tape.start_ns, start - minute), (end + minute, tape.end_ns))
    arm = played(tape, windows=windows)
    assert list(np.flatnonzero(arm.starts)) == [0, 8]
    assert len(arm.starts) == 8 + 16


def test_overlapping_windows_are_cut_once_and_crumbs_are_not_used(tape: Tape) -> None:
    minute = 60 * SECOND
    cut = [(tape.start_ns + k * minute, tape.start_ns + (k + 5) * minute) for k in (1, 3, 5)]
    assert usable_windows(tape=tape, cut=cut) == ((tape.start_ns + 10 * minute, tape.end_ns),)


def test_a_tape_that_was_tuned_on_whole_has_nothing_left(tape: Tape) -> None:
    assert usable_windows(tape=tape, cut=[(tape.start_ns, tape.end_ns)]) == ()
    with pytest.raises(GitopsError, match="no window is left"):
        played(tape, windows=())


def test_a_broken_feed_parts_the_tape(tape: Tape) -> None:
    kind = tape.kind.copy()
    at = int(np.searchsorted(tape.exch_ts_ns, tape.start_ns + 900 * SECOND))
    kind[at] = GAP
    broken = replace(tape, kind=kind)
    windows = usable_windows(tape=broken)
    assert len(windows) == 2
    assert windows[0][1] <= int(tape.exch_ts_ns[at]) < windows[1][0]


@pytest.mark.parametrize("hours", [0.01, 0.03])
def test_a_tape_shorter_than_a_block_gives_no_block_and_no_error(hours: float) -> None:
    short = generate(Made(preset="liquid_perp", regime="normal", hours=hours, seed=4, symbol="SYNTHUSDT"))
    arm = played(short, windows=((short.start_ns, short.end_ns),), cut=Cut(block_s=600, horizon="30s"))
    assert len(arm.starts) == 0
