"""Machine code in the cache: used as it is, never trusted blindly, and loaded without the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from framework.compiled import build, cache, machine
from framework.compiled.image import flat_image
from framework.compiled.jit import Entry, array, cache_folder, entry
from framework.compiled.records import interpreted
from tests.house.tree import ROOT

pytestmark = pytest.mark.skipif(interpreted(), reason="nothing is compiled")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTEOPS_CACHE", str(tmp_path))


def halves(n: int, values: list[float]) -> float:
    total = 0.0
    for k in range(n):
        total += values[k] * 0.5
    return total


def made() -> Entry:
    return entry(int, array("f8"), returns=float)(halves)


def kept() -> Path:
    (path,) = cache_folder(Path(__file__)).glob("*.code")
    return path


VALUES = np.array([1.0, 2.0, 3.0])


def test_a_second_load_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert made()(3, VALUES) == 3.0

    def never(**_: object) -> machine.Machine:
        raise AssertionError("compiled again")

    monkeypatch.setattr(build, "build", never)
    assert made()(3, VALUES) == 3.0


def test_a_warm_cache_that_cannot_be_written_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made()(3, VALUES)

    def read_only(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    monkeypatch.setattr(build, "build", read_only)
    assert made()(3, VALUES) == 3.0


@pytest.mark.skipif(os.name != "posix", reason="Windows has no umask")
def test_a_second_load_compiles_nothing_where_files_are_made_for_everybody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = os.umask(0)
    try:
        made()(3, VALUES)
    finally:
        os.umask(before)
    assert machine.read(kept()) is not None


@pytest.mark.parametrize("name", ["NUMBA_OPT", "NUMBA_BOUNDSCHECK", "NUMBA_CPU_NAME"])
def test_what_numba_was_told_to_make_differently_is_kept_apart(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = cache.processor()
    monkeypatch.setenv(name, "0")
    cache.processor.cache_clear()
    try:
        assert cache.processor() != usual
    finally:
        cache.processor.cache_clear()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda data: data[:-1],
    "one bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "empty": lambda data: b"",
    "no head": lambda data: data.partition(b"\n")[2],
    "another start": lambda data: data.replace(b'"start":', b'"start":9', 1),
    "another kind": lambda data: data.replace(b'"image"', b'"object"', 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_anew(damage: str) -> None:
    assert made()(3, VALUES) == 3.0
    whole = kept().read_bytes()
    kept().write_bytes(DAMAGES[damage](whole))
    assert machine.read(kept()) is None
    assert made()(3, VALUES) == 3.0
    assert kept().read_bytes() == whole


def test_code_of_a_source_that_changed_after_its_import_is_kept_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "changed.py"
    source.write_text("")
    alone = cache.source_digest.__wrapped__(source)
    monkeypatch.setattr(cache, "STARTED_NS", time.time_ns() + 10**9)
    assert cache.source_digest.__wrapped__(source) != alone


def test_the_file_of_another_entry_is_not_run() -> None:
    made().load()
    other = kept().with_name(kept().name.replace("halves", "thirds"))
    other.write_bytes(kept().read_bytes())
    assert machine.read(other) is None


@pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX")
def test_a_file_that_others_may_write_to_is_not_run() -> None:
    made().load()
    assert machine.read(kept()) is not None
    kept().chmod(0o666)
    assert machine.read(kept()) is None


def test_another_kind_of_processor_has_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.processor.cache_clear()
    try:
        made().load()
        ours = kept().name
        monkeypatch.setenv("NUMBA_CPU_NAME", "generic")
        cache.processor.cache_clear()
        made().load()
        assert sum(1 for _ in cache_folder(Path(__file__)).glob("*.code")) == 2
        assert ours != f"halves-{cache.processor()}.code"
    finally:
        cache.processor.cache_clear()


def test_an_object_that_llvm_links_does_what_an_image_does(monkeypatch: pytest.MonkeyPatch) -> None:
    images: list[bool] = []

    def none(data: bytes, symbol: str) -> None:
        images.append(flat_image(data, symbol) is not None)

    monkeypatch.setattr(build, "flat_image", none)
    linked = made()
    assert linked(3, VALUES) == 3.0
    with pytest.raises(IndexError, match="in halves, compiled"):
        linked(4, VALUES)
    assert b'"kind":"object"' in kept().read_bytes()
    assert made()(3, VALUES) == 3.0
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        assert images == [True]


def test_what_is_no_object_of_this_kind_has_no_image() -> None:
    assert flat_image(b"MZ" + bytes(100), "entry") is None
    assert flat_image(b"\x7fELF\x02\x01" + bytes(100), "entry") is None


WARM = """
import sys
import framework.engine.loop as loop, framework.market.synthetic_core as synthetic
loop.advance.load(), synthetic.advance.load()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"numba", "llvmlite", "scipy", "filelock"}))
"""


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="an object needs LLVM")
def test_a_cached_core_needs_neither_compiler_nor_type_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUOTEOPS_CACHE")
    for _ in range(2):  # the first may have to compile
        done = subprocess.run(
            [sys.executable, "-c", WARM], cwd=ROOT, capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "[]"
