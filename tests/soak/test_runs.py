"""Runs beside each other: the list of all, and one compared with an earlier one."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from framework.session.errors import SoakError
from framework.soak.beside import beside
from framework.soak.earlier import compared, earlier_run, write_comparison
from framework.soak.kept import kept_of
from framework.soak.record import RUNS, headline_of
from framework.soak.runs import MOST, write_index
from tests.soak.page_cases import result
from tests.soak.page_reader import Reader

WORLD = {"tape_digest": "d", "maker_fee_bps": 0.1, "seed": 7, "clock": "replay", "version": "1"}


def run(artifacts: Path, name: str, *, spread: float = 1.0, **more: Any) -> Path:
    """Leave a complete run behind."""
    folder = artifacts / RUNS / name
    for name in ("reports", "soak", "edge"):
        (folder / name).mkdir(parents=True)
    for name in ("edge/trades.jsonl", "reports/EDGE_REPORT.json", "soak/runtime_overrides.json"):
        (folder / name).write_text("{}")
    (folder / "reports" / "report.html").write_text("x")
    (folder / "reports" / "blocks.json").write_text(json.dumps(kept_of(result())))
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


def test_a_sweep_stands_among_the_soaks_with_its_own_answer(tmp_path: Path) -> None:
    for name in ("20260101T000000", "20260103T000000"):
        run(tmp_path, name)
    folder = tmp_path / RUNS / "sweep-20260102T000000"
    folder.mkdir()
    table = {"status": "complete", "verdict": "TOO_QUIET", "planned": 12, "words": ["soak.environment=paper"]}
    (folder / "SWEEP.json").write_text(json.dumps(table))
    page = write_index(tmp_path).read_text("utf-8")
    places = [page.index(name) for name in ("20260103T", "sweep-20260102T", "20260101T")]
    assert places == sorted(places)
    seen = " ".join(" ".join(Reader(page).seen).split())
    assert "sweep-20260102T000000 sweep of 12 TOO QUIET – paper" in seen


def test_the_list_says_the_environment_and_that_a_market_was_drawn(tmp_path: Path) -> None:
    settings = {"soak": {"environment": "paper"}, "market": {"kind": "synthetic", "preset": "thin_spot"}}
    run(tmp_path, "20260101T000000", settings=settings)
    seen = " ".join(" ".join(Reader(write_index(tmp_path).read_text("utf-8")).seen).split())
    assert "FAIL paper XYZUSDT drawn: thin_spot" in seen


def test_a_run_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    run(tmp_path, "20260101T000000")
    (run(tmp_path, "20260102T000000") / "run.json").write_text("{torn")
    assert "20260101T000000" in write_index(tmp_path).read_text("utf-8")


def test_runs_of_one_world_differ_by_their_settings_and_figures(tmp_path: Path) -> None:
    earlier = earlier_run("20260101T000000", artifacts=_two(tmp_path))
    here = tmp_path / RUNS / "20260102T000000"
    lines = write_comparison(result(), here, earlier=earlier, artifacts=tmp_path)
    assert lines[0] == "beside 20260101T000000: FAIL, now FAIL"
    assert lines[1].startswith("better than 20260101T000000? NO EFFECT: every fill on this tape")
    assert lines[2] == "changed strategy.base_half_spread_bps: 1.0 → 2.0"
    assert re.fullmatch(r"net, bps: (\S+) → \1 \(0, 90 %: −[\d.]+ to [\d.]+\)", lines[3])
    assert any(line.startswith("fills: 180 → 180") for line in lines)
    assert (here / "reports" / "compare.txt").read_text("utf-8").splitlines() == lines


def test_the_page_stands_beside_the_earlier_run(tmp_path: Path) -> None:
    earlier = earlier_run("20260101T000000", artifacts=_two(tmp_path))
    here = tmp_path / RUNS / "20260102T000000"
    write_comparison(result(), here, earlier=earlier, artifacts=tmp_path)
    reader = Reader((here / "reports" / "report.html").read_text("utf-8"))
    seen = " ".join(" ".join(reader.seen).split())
    assert not reader.wrong
    assert "Is it better than the earlier run? NO EFFECT" in seen
    assert "strategy.base_half_spread_bps 1.0 2.0" in seen
    assert ("data-chart", "beside") in reader.attributes
    (chart,) = [one for one in json.loads(reader.scripts[1]) if one["at"] == "beside"]
    assert [line["name"] for panel in chart["panels"] for line in panel["lines"]] == [
        "earlier", "this run", "difference",
    ]  # fmt: skip


def test_a_run_that_kept_no_curve_stands_beside_by_its_figures_alone(tmp_path: Path) -> None:
    _two(tmp_path)
    (tmp_path / RUNS / "20260101T000000" / "reports" / "blocks.json").unlink()
    earlier = earlier_run("20260101T000000", artifacts=tmp_path)
    here = tmp_path / RUNS / "20260102T000000"
    lines = write_comparison(result(), here, earlier=earlier, artifacts=tmp_path)
    assert lines[1].startswith("changed")
    assert "do not stand on one axis" in (here / "reports" / "report.html").read_text("utf-8")


def test_runs_of_two_worlds_say_so(tmp_path: Path) -> None:
    earlier = earlier_run("20260101T000000", artifacts=_two(tmp_path))
    here = replace(earlier.run, runtime={**WORLD, "maker_fee_bps": 2.0, "tape_digest": "e"})
    found = beside(here, kept=earlier.kept, earlier=earlier)
    assert found.comparison is None
    assert compared(found)[1].startswith("not of one world: tape_digest, maker_fee_bps differ")


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
