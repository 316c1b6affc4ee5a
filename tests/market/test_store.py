"""The archive keeps a tape whole or not at all, and gives back the same columns."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from framework.market import store
from framework.market.errors import TapeError
from framework.market.store import open_tape, write_tape
from framework.market.tape import Tape
from tests.market.recordings import BinanceRecording, Market
from tests.market.test_import_collector import read
from tests.market.test_tape import INSTRUMENT, tapes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "quoteops" / "tapes"


def make(folder: Path, *, symbol: str = "ABCUSDT", seed: int = 1) -> Tape:
    return read(BinanceRecording(Market(seed=seed, updates=100), symbol=symbol).write(), folder)


def same(left: Tape, right: Tape) -> bool:
    columns = right.columns()
    return all(np.array_equal(column, columns[name]) for name, column in left.columns().items())


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tapes())
def test_what_is_written_is_what_is_opened(tmp_path: Path, tape: Tape) -> None:
    write_tape(tape=tape, root=tmp_path / "root")
    for _ in range(2):  # once from parquet, once from the cache
        opened = open_tape(tmp_path / "root")
        assert same(opened, tape)
        assert opened.meta == tape.meta
        assert opened.instrument == tape.instrument
        assert {name: column.dtype for name, column in opened.columns().items()} == {
            name: column.dtype for name, column in tape.columns().items()
        }


def test_a_tape_of_two_days_has_a_file_a_day_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    day = 86_400 * 10**9
    tape = Tape.from_columns(
        instrument=INSTRUMENT,
        exch_ts_ns=[day - 1, day],
        kind=[3, 1],
        side=[0, 1],
        price_ticks=[0, 5],
        qty_lots=[0, 1],
    )
    written = []
    for name in ("a", "b"):
        write_tape(tape=tape, root=tmp_path / name, arguments={"format": "auto"})
        files = sorted(file for file in (tmp_path / name).rglob("*") if file.is_file())
        written.append({file.relative_to(tmp_path / name).as_posix(): file.read_bytes() for file in files})
    assert written[0] == written[1]
    assert sorted(written[0]) == [
        "symbol=ABCUSDT/date=1970-01-01/events.parquet",
        "symbol=ABCUSDT/date=1970-01-02/events.parquet",
        "symbol=ABCUSDT/funding.parquet",
        "symbol=ABCUSDT/tape.json",
    ]


def test_a_cached_tape_opens_without_pyarrow_and_its_columns_are_plain_arrays(tmp_path: Path) -> None:
    write_tape(tape=make(tmp_path), root=tmp_path / "root")
    opened = open_tape(tmp_path / "root")
    assert {type(column) for column in opened.columns().values()} == {np.ndarray}
    code = (
        "import sys; from framework.market.store import open_tape; "
        f"open_tape({str(tmp_path / 'root')!r}); "
        "print([n for n in ('pyarrow', 'fsspec', 'numba') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_an_opened_tape_cannot_be_written_to(tmp_path: Path) -> None:
    write_tape(tape=make(tmp_path), root=tmp_path / "root")
    with pytest.raises(ValueError, match="read-only"):
        open_tape(tmp_path / "root").price_ticks[:] = 7


def test_a_window_of_an_archive_is_the_window_of_the_tape(tmp_path: Path) -> None:
    tape = make(tmp_path)
    write_tape(tape=tape, root=tmp_path / "root")
    middle = tape.start_ns + 10**9
    opened = open_tape(tmp_path / "root", start=middle, end="2023-11-14T22:13:22Z")
    assert same(opened, tape.window(start_ns=middle, end_ns=1_700_000_002 * 10**9))
    with pytest.raises(TapeError, match="no event from"):
        open_tape(tmp_path / "root", start="2025-01-01")


def test_an_archive_holds_several_symbols_and_refuses_an_unknown_one(tmp_path: Path) -> None:
    for symbol in ("ABCUSDT", "XYZUSDT"):
        write_tape(tape=make(tmp_path, symbol=symbol), root=tmp_path / "root")
    assert open_tape(tmp_path / "root", "XYZUSDT").instrument.symbol == "XYZUSDT"
    with pytest.raises(TapeError, match="holds ABCUSDT, XYZUSDT; choose one"):
        open_tape(tmp_path / "root")
    with pytest.raises(TapeError, match="symbol NOPE is unknown; allowed ABCUSDT, XYZUSDT"):
        open_tape(tmp_path / "root", "NOPE")


def test_a_second_import_replaces_the_first(tmp_path: Path) -> None:
    for seed in (1, 2):
        tape = make(tmp_path, seed=seed)
        write_tape(tape=tape, root=tmp_path / "root")
        assert same(open_tape(tmp_path / "root"), tape)
    assert os.listdir(tmp_path / "root") == ["symbol=ABCUSDT"]


@pytest.mark.parametrize("cached", [False, True])
def test_a_parquet_file_cut_off_is_refused_also_when_the_cache_is_warm(tmp_path: Path, cached: bool) -> None:
    write_tape(tape=make(tmp_path), root=tmp_path / "root")
    if cached:
        open_tape(tmp_path / "root")
    file = next((tmp_path / "root").rglob("events.parquet"))
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(TapeError, match=r"events.parquet: its digest is not the one in tape.json"):
        open_tape(tmp_path / "root")
    file.unlink()
    with pytest.raises(TapeError, match=r"events.parquet: cannot be read"):
        open_tape(tmp_path / "root")


def test_a_damaged_cache_or_a_deleted_one_is_built_again(tmp_path: Path, cache: Path) -> None:
    tape = make(tmp_path)
    write_tape(tape=tape, root=tmp_path / "root")
    open_tape(tmp_path / "root")
    column = next(cache.rglob("price_ticks.npy"))
    column.write_bytes(column.read_bytes()[:-8])
    assert same(open_tape(tmp_path / "root"), tape)
    shutil.rmtree(cache)
    assert same(open_tape(tmp_path / "root"), tape)


def test_a_copy_of_an_archive_shares_the_cache(tmp_path: Path, cache: Path) -> None:
    write_tape(tape=make(tmp_path), root=tmp_path / "root")
    shutil.copytree(tmp_path / "root", tmp_path / "copy")
    for name in ("root", "copy", "root"):
        open_tape(tmp_path / name)
    assert len(os.listdir(cache)) == 1
    assert len(list(cache.rglob("verified-*.json"))) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema_hash": "0" * 64}, "schema 0+ is not this version's"),
        ({"digest": "../../etc"}, "digest is missing or wrong"),
        ({"digest": "0" * 64}, "content does not match its digest"),
        ({"rows": None}, "rows is missing or wrong"),
    ],
)
def test_a_sidecar_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, str | None], says: str
) -> None:
    write_tape(tape=make(tmp_path), root=tmp_path / "root")
    file = next((tmp_path / "root").rglob(store.SIDECAR))
    sidecar = json.loads(file.read_text()) | change
    file.write_text(json.dumps({name: value for name, value in sidecar.items() if value is not None}))
    with pytest.raises(TapeError, match=says):
        open_tape(tmp_path / "root")


def test_a_place_without_a_tape_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for name, says in (
        ("no", "no such tape"),
        ("file", "a file, not a tape archive"),
        ("empty", "no tape here"),
    ):
        with pytest.raises(TapeError, match=says):
            open_tape(tmp_path / name)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes, which Windows has not")
@pytest.mark.parametrize("limited", ["write", "open"])
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path: Path, limited: str) -> None:
    tape = make(tmp_path)
    root = tmp_path / "root"
    if limited == "open":
        write_tape(tape=tape, root=root)
    np.savez(tmp_path / "columns.npz", **tape.columns())  # type: ignore[arg-type]
    code = f"""
import resource, numpy as np
from framework.market.store import open_tape, write_tape
from framework.market.tape import Tape
from tests.market.test_tape import INSTRUMENT
import pyarrow.parquet
from framework.market.errors import TapeError
tape = Tape.from_columns(instrument=INSTRUMENT, **np.load({str(tmp_path / "columns.npz")!r}))
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
try:
    open_tape({str(root)!r}) if {limited == "open"} else write_tape(tape=tape, root={str(root)!r})
except TapeError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.count("\n") == 1
    assert "cannot be written (File too large)" in ran.stdout
    if limited == "write":
        assert os.listdir(root) == []
    else:
        assert os.listdir(tmp_path / "cache" / "quoteops" / "tapes") == []


def test_two_processes_that_open_a_tape_at_once_both_get_it(tmp_path: Path, cache: Path) -> None:
    write_tape(tape=make(tmp_path), root=tmp_path / "root")
    code = (
        "from framework.market.store import open_tape; "
        f"print(open_tape({str(tmp_path / 'root')!r}).meta.digest)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = {process.communicate(timeout=60)[0] for process in started}
    assert len(told) == 1
    assert [process.returncode for process in started] == [0, 0, 0]
    assert len(os.listdir(cache)) == 1


def test_an_archive_lives_in_an_object_store_too(tmp_path: Path) -> None:
    tape = make(tmp_path)
    url = f"memory://{tmp_path.name}/tapes/x"
    write_tape(tape=tape, root=url)
    write_tape(tape=tape, root=url)
    assert same(open_tape(url), tape)
    with pytest.raises(TapeError, match=r"no tape here|cannot be listed"):
        open_tape("memory://nowhere")
