"""What a run leaves behind and costs: old runs, memory, stage times."""

import json
from pathlib import Path

import pytest

from framework.session.run_folder import RunFolder
from framework.soak.resources import MemoryWatch


def run_named(parent: Path, name: str, status: str) -> Path:
    folder = parent / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": status}), encoding="utf-8")
    return folder


def test_only_the_oldest_complete_runs_are_deleted(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    oldest = run_named(runs, "20260101T000000", "complete")
    cut_off = run_named(runs, "20260101T000001", "incomplete")
    sweep = run_named(runs, "sweep-20260101T000002", "complete")
    named = run_named(runs, "mine", "complete")
    younger = run_named(runs, "20260101T000003", "complete")
    latest = run_named(runs, "20260101T000004", "complete")
    RunFolder(latest, artifacts=tmp_path).rotate(keep=2)
    assert not oldest.exists()
    assert all(folder.exists() for folder in (cut_off, sweep, named, younger, latest))


@pytest.mark.parametrize(("keep", "own"), [(0, "20260101T000009"), (1, "mine")])
def test_nothing_is_deleted_without_a_limit_or_beside_a_run_with_its_own_name(
    tmp_path: Path, keep: int, own: str
) -> None:
    runs = tmp_path / "runs"
    old = [run_named(runs, f"20260101T00000{k}", "complete") for k in range(3)]
    RunFolder(run_named(runs, own, "complete"), artifacts=tmp_path).rotate(keep=keep)
    assert all(folder.exists() for folder in old)


def watched(rows: list[tuple[float, float]]) -> MemoryWatch:
    watch = MemoryWatch()
    watch.rows = rows
    return watch


def test_memory_that_grows_for_hours_is_told() -> None:
    leaking = watched([(0.5 * k, 200.0 + 6.0 * k) for k in range(1, 9)])
    assert leaking.growth_mb_per_hour() == pytest.approx(12.0)
    marker = leaking.marker()
    assert marker is not None
    assert "grows by 12.0 MB/h" in marker


def test_memory_is_not_judged_before_an_hour_nor_for_staying() -> None:
    assert watched([(0.1 * k, 200.0 + 50.0 * k) for k in range(1, 5)]).marker() is None
    assert watched([(0.5 * k, 200.0 + k % 2) for k in range(1, 9)]).marker() is None
    assert watched([]).growth_mb_per_hour() is None


def test_a_reading_is_the_process_s_own_memory() -> None:
    watch = MemoryWatch()
    watch.note(hours=0.1)
    assert watch.rows[0][1] > 10.0
