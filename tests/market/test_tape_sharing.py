"""Tapes on their way to the workers of a sweep: mapped from one folder, or read where they lie."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.files.moments import iso_utc_ns
from framework.market.columns import write_columns
from framework.market.errors import TapeError
from framework.market.store import write_tape
from framework.market.synthetic import generate
from framework.market.tapes.open import TapeCache
from framework.market.tapes.share import SharedTapes, TapeHandle, share_tape
from framework.market.tapes.sources import Recorded, TapeSource
from tests.market.test_tape_cache import MADE, same


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTEOPS_CACHE", str(tmp_path / "cache"))


def source(kind: str, folder: Path) -> TapeSource:
    if kind == "synthetic":
        return MADE
    tape = TapeCache().tape(MADE)
    write_tape(tape=tape, root=folder)
    middle = iso_utc_ns((tape.start_ns + tape.end_ns) // 2)
    return Recorded(path=str(folder), start=middle if kind == "window" else None)


@pytest.mark.parametrize("kind", ["synthetic", "recorded", "window"])
def test_what_arrives_is_the_tape_mapped_from_where_it_is_kept(tmp_path: Path, kind: str) -> None:
    asked, tapes = source(kind, tmp_path / "archive"), TapeCache()
    handle: TapeHandle = pickle.loads(pickle.dumps(share_tape(asked, cache=tapes, travels=False)))
    assert handle.columns is None
    arrived = handle.tape()
    assert same(arrived, tapes.tape(asked))
    assert isinstance(arrived.price_ticks.base, np.memmap)


def test_a_tape_that_cannot_be_kept_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **_words: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("framework.market.tapes.keep.put_in_place", full)
    said: list[str] = []
    tapes = TapeCache(log=said.append)
    handle: TapeHandle = pickle.loads(pickle.dumps(share_tape(MADE, cache=tapes, travels=False)))
    assert same(handle.tape(), tapes.tape(MADE))
    assert "is not kept (No space left on device)" in said[0]


def test_a_tape_made_chunk_by_chunk_in_its_folder_is_the_tape_made_in_memory(tmp_path: Path) -> None:
    whole, kept = generate(MADE), TapeCache(folder=tmp_path).tape(MADE)
    assert same(kept, whole)
    assert isinstance(kept.price_ticks.base, np.memmap)
    (folder,) = tmp_path.iterdir()
    again = tmp_path / "again"
    write_columns(folder=again, columns=whole.columns(), beside={})
    for file in again.glob("*.npy"):
        assert file.read_bytes() == (folder / file.name).read_bytes()


def test_columns_that_may_not_be_written_to_are_read_where_they_lie() -> None:
    """An object store hands out read-only memory."""
    handle = share_tape(MADE, cache=TapeCache(), travels=True)
    assert handle.columns is not None
    store = {name: np.frombuffer(column.tobytes(), column.dtype) for name, column in handle.columns.items()}
    tape = replace(handle, folder="/nowhere", columns=store).tape()
    assert tape.price_ticks is store["price_ticks"]
    assert same(tape, handle.tape())


def test_a_tape_whose_folder_is_gone_says_so() -> None:
    handle = share_tape(MADE, cache=TapeCache(), travels=False)
    with pytest.raises(TapeError, match=r"^/nowhere: "):
        replace(handle, folder="/nowhere").tape()


def test_a_cache_of_shared_tapes_opens_any_other_tape_itself() -> None:
    other = replace(MADE, seed=8)
    tapes = SharedTapes({MADE: share_tape(MADE, cache=TapeCache(), travels=False)})
    assert tapes.tape(MADE) is tapes.tape(MADE)
    assert tapes.tape(other).meta.digest != tapes.tape(MADE).meta.digest
