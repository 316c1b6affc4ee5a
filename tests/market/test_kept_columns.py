"""Kept columns that are no longer what was written are built again; evidence is digested whole."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from framework.gitops.gate.evidence import open_evidence
from framework.market.columns import MARKS
from framework.market.made import Made
from framework.market.store import open_tape, write_tape
from framework.market.synthetic import generate
from framework.market.tape import Tape
from framework.market.tapes.open import TapeCache
from framework.market.tapes.sources import Recorded
from framework.settings.schema.gitops import EvidenceTape

MADE = Made(preset="thin_spot", regime="normal", hours=0.3, seed=7, symbol="SYNTHUSDT")


def zero_pages(file: Path) -> None:
    """Lose pages as a power cut does: the size stays, and the time of the file too."""
    told = file.stat()
    with file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(bytes(4096))
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))


def write_later(file: Path) -> None:
    """Write the last bytes again: nothing changes but the time."""
    with file.open("r+b") as stream:
        stream.seek(-8, os.SEEK_END)
        last = stream.read()
        stream.seek(-8, os.SEEK_END)
        stream.write(bytes(8 - len(last)) + last)
    os.utime(file, ns=(1, 1))


def flip_a_value(file: Path) -> None:
    """Change one value in the midst of a page, as bits rot."""
    told = file.stat()
    with file.open("r+b") as stream:
        stream.seek(4096 + 128 + 800)
        value = stream.read(1)
        stream.seek(4096 + 128 + 800)
        stream.write(bytes([value[0] ^ 1]))
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))


def same(a: Tape, b: Tape) -> bool:
    columns = b.columns()
    return a.meta == b.meta and all(
        np.array_equal(column, columns[name]) for name, column in a.columns().items()
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache."""
    monkeypatch.setenv("QUOTEOPS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tapes"


@pytest.mark.parametrize("damage", [zero_pages, write_later, lambda file: (file.parent / MARKS).unlink()])
@pytest.mark.parametrize("name", ["price_ticks.npy", "exch_ts_ns.npy"])
def test_a_recorded_tape_whose_kept_columns_changed_is_read_again(
    tmp_path: Path, cache: Path, damage: Callable[[Path], object], name: str
) -> None:
    tape = generate(MADE)
    write_tape(tape=tape, root=tmp_path / "root")
    open_tape(tmp_path / "root")
    damage(next(cache.rglob(name)))
    assert same(open_tape(tmp_path / "root"), tape)
    assert isinstance(open_tape(tmp_path / "root").price_ticks.base, np.memmap)


@pytest.mark.parametrize("damage", [zero_pages, write_later])
def test_a_made_tape_whose_kept_columns_changed_is_made_again(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    made = TapeCache(folder=tmp_path).tape(MADE)
    damage(next(tmp_path.rglob("qty_lots.npy")))
    assert same(TapeCache(folder=tmp_path).tape(MADE), generate(MADE))
    assert made.meta.digest == generate(MADE).meta.digest


def test_a_kept_window_whose_columns_changed_is_kept_again(tmp_path: Path, cache: Path) -> None:
    tape = generate(MADE)
    write_tape(tape=tape, root=tmp_path / "root")
    source = Recorded(path=str(tmp_path / "root"), start="1970-01-01T00:00:00Z", end="2099-01-01T00:00:00Z")
    part = Recorded(path=str(tmp_path / "root"), start=_moment(tape, 0.5))
    tapes = TapeCache()
    _, folder = tapes.kept(part)
    assert folder is not None
    zero_pages(folder / "price_ticks.npy")
    again, where = TapeCache().kept(part)
    assert where == folder
    assert np.array_equal(np.load(folder / "price_ticks.npy"), again.price_ticks)
    assert same(TapeCache().tape(source), tape)


def _moment(tape: Tape, share: float) -> str:
    from framework.files.moments import iso_utc_ns

    return iso_utc_ns(int(tape.start_ns + share * (tape.end_ns - tape.start_ns)))


def test_evidence_is_digested_to_the_last_value(tmp_path: Path, cache: Path) -> None:
    tape = generate(MADE)
    write_tape(tape=tape, root=tmp_path / "root")
    open_tape(tmp_path / "root")
    flip_a_value(next(cache.rglob("qty_lots.npy")))
    assert not same(open_tape(tmp_path / "root"), tape), "too costly to see at every start"
    told = EvidenceTape(
        name="one",
        regime="normal",
        market="thin",
        symbol="SYNTHUSDT",
        location="root",
        digest=tape.meta.digest,
    )
    assert same(open_evidence(told, home=tmp_path), tape)
    assert same(open_tape(tmp_path / "root"), tape)


def test_made_evidence_is_digested_to_the_last_value(tmp_path: Path) -> None:
    TapeCache(folder=tmp_path).tape(MADE)
    flip_a_value(next(tmp_path.rglob("qty_lots.npy")))
    assert same(TapeCache(folder=tmp_path, exact=True).tape(MADE), generate(MADE))
