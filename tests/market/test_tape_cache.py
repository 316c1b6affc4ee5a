"""Tapes are made once: a process holds them, the disk keeps synthetic ones, a damaged copy is made anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import framework.market.tapes.open as shelf_module
from framework.market.tape import Tape
from framework.market.tapes.open import TapeShelf
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from tests.command import REPOSITORY

WORDS = ("market.preset=thin_spot", "soak.hours=0.05")


def settings(*words: str) -> RunSettings:
    return compose_run(words=[*WORDS, *words], root=REPOSITORY, environ={}).settings


def same(a: Tape, b: Tape) -> bool:
    columns = b.columns()
    return (
        a.meta == b.meta
        and a.instrument == b.instrument
        and all(np.array_equal(column, columns[name]) for name, column in a.columns().items())
    )


def kept(cache: Path) -> list[Path]:
    return sorted(cache.glob("synthetic-*"))


def test_a_process_opens_a_tape_once(tmp_path: Path) -> None:
    shelf = TapeShelf(cache=tmp_path)
    assert shelf.tape(settings=settings()) is shelf.tape(settings=settings("sizing.leverage=5"))


def test_the_next_process_maps_the_very_same_tape(tmp_path: Path) -> None:
    made = TapeShelf(cache=tmp_path).tape(settings=settings())
    mapped = TapeShelf(cache=tmp_path).tape(settings=settings())
    assert mapped is not made
    assert isinstance(mapped.price_ticks.base, np.memmap)
    assert same(made, mapped)
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize(
    "word", ["soak.seed=8", "soak.hours=0.06", "market.regime=event", "market.symbol=ABCUSDT"]
)
def test_another_word_is_another_tape(tmp_path: Path, word: str) -> None:
    shelf = TapeShelf(cache=tmp_path)
    words = settings(*([word] if "hours" not in word else []))
    if "hours" in word:
        words = compose_run(words=[WORDS[0], word], root=REPOSITORY, environ={}).settings
    assert not same(shelf.tape(settings=settings()), shelf.tape(settings=words))
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("damage", ["truncated column", "lost column", "torn sidecar", "foreign sidecar"])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: str) -> None:
    made = TapeShelf(cache=tmp_path).tape(settings=settings())
    (place,) = kept(tmp_path)
    column, sidecar = place / "price_ticks.npy", place / "tape.json"
    if damage == "truncated column":
        column.write_bytes(column.read_bytes()[:-100])
    elif damage == "lost column":
        column.unlink()
    else:
        sidecar.write_text('{"rows": ' if damage == "torn sidecar" else "{}")
    again = TapeShelf(cache=tmp_path).tape(settings=settings())
    assert same(made, again)
    assert same(made, TapeShelf(cache=tmp_path).tape(settings=settings()))


def test_a_cache_that_cannot_be_written_is_said_and_costs_nothing_else(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    said: list[str] = []
    tape = TapeShelf(say=said.append, cache=blocked).tape(settings=settings())
    assert len(tape) > 100
    assert len(said) == 1
    assert "is not kept" in said[0]


def test_the_oldest_copies_leave_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "KEPT_BYTES", 1)
    shelf = TapeShelf(cache=tmp_path)
    shelf.tape(settings=settings())
    (first,) = kept(tmp_path)
    shelf.tape(settings=settings("soak.seed=8"))
    (left,) = kept(tmp_path)
    assert left != first
