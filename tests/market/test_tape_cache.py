"""Tapes are made once: a process holds them, the disk keeps made ones, a damaged copy is made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import framework.market.tapes.keep as keep
from framework.market.made import Made
from framework.market.synthetic import generate
from framework.market.tape import Tape
from framework.market.tapes.open import TapeCache

MADE = Made(preset="thin_spot", regime="normal", hours=0.05, seed=7, symbol="SYNTHUSDT")


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
    tapes = TapeCache(folder=tmp_path)
    assert tapes.tape(MADE) is tapes.tape(replace(MADE))


def test_the_next_process_maps_the_very_same_tape(tmp_path: Path) -> None:
    made = TapeCache(folder=tmp_path).tape(MADE)
    mapped = TapeCache(folder=tmp_path).tape(MADE)
    assert mapped is not made
    assert isinstance(mapped.price_ticks.base, np.memmap)
    assert same(made, mapped)
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("word", [{"seed": 8}, {"hours": 0.06}, {"regime": "event"}, {"symbol": "ABCUSDT"}])
def test_another_word_is_another_tape(tmp_path: Path, word: dict[str, Any]) -> None:
    tapes = TapeCache(folder=tmp_path)
    assert not same(tapes.tape(MADE), tapes.tape(replace(MADE, **word)))
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("damage", ["truncated column", "lost column", "torn sidecar", "foreign sidecar"])
def test_a_damaged_copy_is_made_anew(tmp_path: Path, damage: str) -> None:
    TapeCache(folder=tmp_path).tape(MADE)
    made = generate(MADE)
    (place,) = kept(tmp_path)
    column, sidecar = place / "price_ticks.npy", place / "tape.json"
    if damage == "truncated column":
        column.write_bytes(column.read_bytes()[:-100])
    elif damage == "lost column":
        column.unlink()
    else:
        sidecar.write_text('{"rows": ' if damage == "torn sidecar" else "{}")
    again = TapeCache(folder=tmp_path).tape(MADE)
    assert same(made, again)
    mapped = TapeCache(folder=tmp_path).tape(MADE)
    assert isinstance(mapped.price_ticks.base, np.memmap)
    assert same(made, mapped)


def test_a_cache_that_cannot_be_written_is_said_and_costs_nothing_else(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    said: list[str] = []
    tape = TapeCache(log=said.append, folder=blocked).tape(MADE)
    assert len(tape) > 100
    assert len(said) == 1
    assert "is not kept" in said[0]


def test_the_oldest_copies_leave_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keep, "KEPT_BYTES", 1)
    tapes = TapeCache(folder=tmp_path)
    tapes.tape(MADE)
    (first,) = kept(tmp_path)
    tapes.tape(replace(MADE, seed=8))
    (left,) = kept(tmp_path)
    assert left != first
