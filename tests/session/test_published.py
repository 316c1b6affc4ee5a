"""The documented paths show the latest run, whatever lies there, and tell what a person has written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from framework.files.errors import FileError
from framework.session.published import behind, check_places, publish, written_by_hand

OVERRIDES = '{"min_interval_ms":90}\n'
MADE = (
    "reports/EDGE_REPORT.json", "reports/KPI_GATE.json", "soak/summary.txt", "soak/metrics.jsonl",
    "soak/iterations/ITER_SUMMARY_iter1.json", "edge/trades.jsonl",
)  # fmt: skip


def a_run(artifacts: Path, name: str) -> Path:
    run = artifacts / "runs" / "soak" / name
    for path in MADE:
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_text(f"{name} {path}")
    (run / "soak" / "runtime_overrides.json").write_text(OVERRIDES)
    return run


def shows(artifacts: Path, name: str) -> bool:
    return all((artifacts / path).read_text() == f"{name} {path}" for path in MADE)


@pytest.fixture(params=["nothing", "folders", "links of before", "folders, links refused", "links refused"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    before = request.param
    if before.startswith("folders"):
        (tmp_path / "soak" / "iterations").mkdir(parents=True)
        (tmp_path / "reports").mkdir()
        (tmp_path / "soak" / "notes.txt").write_text("mine")
    if before == "links of before":
        old = a_run(tmp_path, "old")
        for name in ("soak", "reports"):
            (tmp_path / name).symlink_to(os.path.relpath(old / name, tmp_path))
    if before.endswith("refused"):

        def refused(*_: Any, **__: Any) -> None:
            raise OSError("a required privilege is not held")

        monkeypatch.setattr(Path, "symlink_to", refused)
    return tmp_path


def test_the_latest_run_is_shown_and_what_a_person_keeps_there_stays(artifacts: Path) -> None:
    had_notes = (artifacts / "soak" / "notes.txt").exists()
    for name in ("one", "two"):
        run = a_run(artifacts, name)
        publish(run, artifacts=artifacts)
        assert shows(artifacts, name)
        assert (artifacts / "soak" / "runtime_overrides.json").read_text() == OVERRIDES
        assert (artifacts / "EDGE_REPORT.json").read_text() == f"{name} reports/EDGE_REPORT.json"
        assert behind(artifacts / "soak") == run / "soak"
    assert (artifacts / "soak" / "notes.txt").exists() == had_notes
    assert not [path for path in artifacts.rglob(".*") if not path.name.endswith(".sha256")]


def test_what_a_person_writes_is_told_from_what_a_run_left_and_stays_out_of_it(artifacts: Path) -> None:
    run = a_run(artifacts, "one")
    assert written_by_hand(artifacts) is None
    publish(run, artifacts=artifacts)
    assert written_by_hand(artifacts) is None
    file = artifacts / "soak" / "runtime_overrides.json"
    assert behind(file) == run / "soak" / "runtime_overrides.json"
    file.write_text('{"min_interval_ms": 70}')
    assert written_by_hand(artifacts) == file
    assert behind(file) == file
    assert (run / "soak" / "runtime_overrides.json").read_text() == OVERRIDES
    publish(a_run(artifacts, "two"), artifacts=artifacts)
    assert written_by_hand(artifacts) is None
    (kept,) = (artifacts / "soak").glob("runtime_overrides.by-hand-*.json")
    assert kept.read_text() == '{"min_interval_ms": 70}'


def test_an_entry_that_the_next_run_lacks_is_no_longer_shown(tmp_path: Path) -> None:
    run = a_run(tmp_path, "one")
    (run / "soak" / "reloads.jsonl").write_text("{}")
    publish(run, artifacts=tmp_path)
    assert (tmp_path / "soak" / "reloads.jsonl").exists()
    publish(a_run(tmp_path, "two"), artifacts=tmp_path)
    assert not (tmp_path / "soak" / "reloads.jsonl").is_symlink()


def test_a_folder_in_the_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "soak" / "summary.txt").mkdir(parents=True)
    with pytest.raises(FileError, match=r"summary.txt: cannot write: .*; allowed a file$"):
        publish(a_run(tmp_path, "one"), artifacts=tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "soak").write_text("a file")
    with pytest.raises(FileError, match=r"soak: cannot create: .*; allowed a folder$"):
        publish(a_run(tmp_path, "two"), artifacts=tmp_path / "other")


@pytest.mark.parametrize("name", ["soak/runtime_overrides.json", "soak/summary.txt", "EDGE_REPORT.json"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_in_the_place_of_one_is_refused_before_a_run(
    tmp_path: Path, name: str, kind: str
) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/null")
    with pytest.raises(FileError, match=rf"{place.name}: is not a plain file; allowed a file, or nothing$"):
        check_places(tmp_path)


def test_a_file_in_the_place_of_a_folder_is_refused_before_a_run(tmp_path: Path) -> None:
    check_places(tmp_path)
    (tmp_path / "soak").write_text("a file")
    with pytest.raises(FileError, match=r"soak: is not a folder; allowed a folder, or nothing$"):
        check_places(tmp_path)
