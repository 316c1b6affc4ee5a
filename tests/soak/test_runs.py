"""Runs beside each other: the list of all, and one compared with an earlier one."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from framework.session.errors import SoakError
from framework.soak.runs import MOST, RUNS, compared, earlier_run, headline_of, write_comparison, write_index
from tests.soak.page_cases import result
from tests.soak.page_reader import Reader

WORLD = {"tape_digest": "d", "maker_fee_bps": 0.1, "seed": 7, "clock": "replay", "version": "1"}


def run(artifacts: Path, name: str, *, spread: float = 1.0, **more: Any) -> Path:
    """Leave a complete run behind."""
    folder = artifacts / RUNS / name
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "report.html").write_text("x")
    settings = {"strategy": {"base_half_spread_bps": spread}}
    told = {"status": "complete", "verdict": "FAIL", "settings": settings, "runtime": WORLD}
    told |= {"headline": asdict(headline_of(result())), "config_sha": "c" * 64}
    (folder / "run.json").write_text(json.dumps({**told, **more}))
    return folder


def test_the_list_holds_the_newest_first_each_with_a_link_to_its_page(tmp_path: Path) -> None:
    for name in ("20260101T000000", "20260102T000000"):
        run(tmp_path, name)
    page = write_index(tmp_path).read_text("utf-8")
    assert page.index("20260102T000000") < page.index("20260101T000000")
    assert 'href="runs/soak/20260101T000000/reports/report.html"' in page
    assert "XYZUSDT" in page
    assert not Reader(page).wrong
    assert "://" not in page


def test_the_list_is_bounded_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    for number in range(MOST + 3):
        folder = tmp_path / RUNS / f"20260101T{number:06d}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text('{"status": "incomplete"}')
    page = write_index(tmp_path).read_text("utf-8")
    assert page.count("<tr>") == MOST + 1
    assert "3 older runs are not listed" in page


def test_a_run_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000")
    (run(tmp_path, "20260102T000000") / "run.json").write_text("{torn")
    assert "20260101T000000" in write_index(tmp_path).read_text("utf-8")


def test_runs_of_one_world_differ_by_their_settings_and_figures(tmp_path: Path) -> None:
    earlier = earlier_run("20260101T000000", artifacts=_two(tmp_path))
    lines = write_comparison(tmp_path / RUNS / "20260102T000000", earlier=earlier)
    assert lines[0] == "beside 20260101T000000: FAIL, now FAIL"
    assert lines[1] == "changed strategy.base_half_spread_bps: 1.0 → 2.0"
    assert any(line.startswith("fills: 180 → 180") for line in lines)
    written = tmp_path / RUNS / "20260102T000000" / "reports" / "compare.txt"
    assert written.read_text("utf-8").splitlines() == lines


def test_runs_of_two_worlds_say_so(tmp_path: Path) -> None:
    earlier = earlier_run("20260101T000000", artifacts=_two(tmp_path))
    here = replace(earlier, runtime={**WORLD, "maker_fee_bps": 2.0, "tape_digest": "e"})
    assert compared(here, earlier=earlier)[1].startswith(
        "not of one world: tape_digest, maker_fee_bps differ"
    )


@pytest.mark.parametrize("named", ["20260105T000000", "cut"])
def test_what_is_no_complete_run_is_refused_before_anything_is_played(tmp_path: Path, named: str) -> None:
    (tmp_path / RUNS / "cut").mkdir(parents=True)
    (tmp_path / RUNS / "cut" / "run.json").write_text('{"status": "incomplete"}')
    with pytest.raises(SoakError, match="allowed"):
        earlier_run(named, artifacts=tmp_path)


def _two(artifacts: Path) -> Path:
    run(artifacts, "20260101T000000")
    run(artifacts, "20260102T000000", spread=2.0)
    return artifacts
