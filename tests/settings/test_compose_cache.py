"""Compositions that are kept: the same value without Hydra, and never an old one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framework.settings.compose import Composed, compose_run
from framework.settings.compose_cache import NOW, composition_key, named_now

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of what a composition reads, and an empty cache."""
    for name in ("conf", "runtime_overrides"):
        shutil.copytree(ROOT / name, tmp_path / "repository" / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "repository"


def composed(root: Path, *words: str) -> Composed:
    return compose_run(words=words, root=root, environ={})


def kept_files(root: Path) -> list[Path]:
    return sorted((root.parent / "cache" / "quoteops" / "composed").glob("*.txt"))


def test_a_kept_composition_is_the_one_hydra_made(repository: Path) -> None:
    words = ("profile=conservative", "params.tail_age_ms=600", "soak.hours=1.5")
    first, second = composed(repository, *words), composed(repository, *words)
    assert len(kept_files(repository)) == 1
    assert (first.settings, first.sources, first.raw, first.choices) == (
        second.settings,
        second.sources,
        second.raw,
        second.choices,
    )
    assert first.run_dir.parent == second.run_dir.parent
    assert json.dumps(first.raw) == json.dumps(second.raw), "the order of keys is part of it"
    assert first.settings.model_dump_json() == second.settings.model_dump_json()


def test_a_second_start_does_not_import_hydra(repository: Path) -> None:
    composed(repository, "soak.iterations=3")
    code = (
        "import sys; from pathlib import Path; from framework.settings.compose import compose_run;"
        f"print(compose_run(words=['soak.iterations=3'], root=Path({str(repository)!r}), environ={{}})"
        ".settings.soak.iterations, 'hydra' in sys.modules)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert asked.stdout.split() == ["3", "False"]


def test_an_edit_of_any_file_is_seen(repository: Path) -> None:
    assert composed(repository).settings.strategy.tick_ms == 10
    file = repository / "conf" / "strategy" / "glft.yaml"
    file.write_text(file.read_text().replace("tick_ms: 10 ", "tick_ms: 25 "))
    assert composed(repository).settings.strategy.tick_ms == 25


def test_another_word_is_another_composition(repository: Path) -> None:
    assert composed(repository, "soak.iterations=3").settings.soak.iterations == 3
    assert composed(repository, "soak.iterations=4").settings.soak.iterations == 4


@pytest.mark.parametrize("damage", ["", "{", "[]", json.dumps({"raw": [], "run_dir": "x"}), "\xff"])
def test_a_damaged_file_is_composed_anew(repository: Path, damage: str) -> None:
    before = composed(repository)
    for file in kept_files(repository):
        file.write_text(damage, encoding="latin-1")
    assert composed(repository).settings == before.settings


def test_a_kept_composition_with_another_value_is_composed_anew(repository: Path) -> None:
    before = composed(repository).settings
    (file,) = kept_files(repository)
    text = file.read_text()
    assert '"tick_ms": 10,' in text
    file.write_text(text.replace('"tick_ms": 10,', '"tick_ms": 90,'))
    assert composed(repository).settings == before


def test_a_cache_that_cannot_be_written_costs_time_only(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = repository.parent / "a_file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert composed(repository).settings == composed(repository).settings


def test_the_time_in_a_folder_s_name_is_the_start_s_not_the_kept_one(repository: Path) -> None:
    assert NOW.sub("", "a/${now:%Y}/b") == "a//b"
    assert len(named_now("${now:%Y%m%dT%H%M%S}")) == len("20260101T000000")
    composed(repository)
    assert "${now:" in json.loads(kept_files(repository)[0].read_text().partition("\n")[2])["run_dir"]


def test_the_key_knows_files_by_name_and_content(repository: Path) -> None:
    conf = repository / "conf"
    before = composition_key(conf=conf, primary="soak", words=())
    (conf / "profile" / "S1.yaml").rename(conf / "profile" / "S2.yaml")
    assert composition_key(conf=conf, primary="soak", words=()) != before
