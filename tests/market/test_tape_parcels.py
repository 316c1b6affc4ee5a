"""Tapes on their way to the workers of a sweep: mapped from one folder, or read where they lie."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from framework.market.store import write_tape
from framework.market.tape import Tape, utc
from framework.market.tapes.open import TapeShelf, tape_key
from framework.market.tapes.parcels import Parcel, ParcelShelf, pack
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from tests.command import REPOSITORY

SYNTHETIC = ("market.preset=thin_spot", "soak.hours=0.05")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def settings(*words: str) -> RunSettings:
    return compose_run(words=words, root=REPOSITORY, environ={}).settings


def same(a: Tape, b: Tape) -> bool:
    columns = b.columns()
    return (
        a.meta == b.meta
        and a.instrument == b.instrument
        and all(np.array_equal(column, columns[name]) for name, column in a.columns().items())
    )


def recorded(folder: Path) -> tuple[str, ...]:
    """Write an archive; give the words of half of it and of all of it."""
    tape = TapeShelf().tape(settings=settings(*SYNTHETIC))
    write_tape(tape=tape, root=folder)
    middle = (tape.start_ns + tape.end_ns) // 2
    return ("market=tape", f"market.path={folder}", "soak.hours=tape", f"market.start='{utc(ns=middle)}'")


@pytest.mark.parametrize("kind", ["synthetic", "recorded", "window"])
def test_what_arrives_is_the_tape_mapped_from_where_it_is_kept(tmp_path: Path, kind: str) -> None:
    words = SYNTHETIC if kind == "synthetic" else recorded(tmp_path / "archive")
    asked = settings(*(words[:-1] if kind == "recorded" else words))
    shelf = TapeShelf()
    parcel: Parcel = pickle.loads(pickle.dumps(pack(settings=asked, shelf=shelf, travels=False)))
    assert parcel.columns is None
    arrived = parcel.tape()
    assert same(arrived, shelf.tape(settings=asked))
    assert isinstance(arrived.price_ticks.base, np.memmap)


def test_a_tape_that_cannot_be_kept_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_tape: Tape, _place: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("framework.market.tapes.open._write", full)
    asked = settings(*SYNTHETIC)
    shelf = TapeShelf()
    parcel: Parcel = pickle.loads(pickle.dumps(pack(settings=asked, shelf=shelf, travels=False)))
    assert same(parcel.tape(), shelf.tape(settings=asked))


def test_columns_that_may_not_be_written_to_are_read_where_they_lie() -> None:
    """An object store hands out read-only memory; compiled code takes arrays that may be written to."""
    asked = settings(*SYNTHETIC)
    parcel = pack(settings=asked, shelf=TapeShelf(), travels=True)
    assert parcel.columns is not None
    store = {name: np.frombuffer(column.tobytes(), column.dtype) for name, column in parcel.columns.items()}
    assert not store["price_ticks"].flags.writeable
    tape = Parcel(parcel.sidecar, "/nowhere", store).tape()
    assert tape.price_ticks.flags.writeable
    assert tape.price_ticks.ctypes.data == store["price_ticks"].ctypes.data
    assert same(tape, parcel.tape())


def test_a_shelf_of_parcels_opens_any_other_tape_itself() -> None:
    asked, other = settings(*SYNTHETIC), settings(*SYNTHETIC, "soak.seed=8")
    shelf = ParcelShelf({tape_key(asked): pack(settings=asked, shelf=TapeShelf(), travels=False)})
    assert shelf.tape(settings=asked) is shelf.tape(settings=asked)
    assert shelf.tape(settings=other).meta.digest != shelf.tape(settings=asked).meta.digest
