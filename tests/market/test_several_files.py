"""Files that continue each other: in any order, told twice, overlapping, and clocks that run away."""

import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from framework.market.errors import TapeError
from framework.market.events import TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.strays import strays
from framework.market.importers.table import import_tape
from framework.market.tape import Tape
from tests.market.recordings import START_MS
from tests.market.test_door import L2, TRADES

DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
START_US = START_MS * 1000


def lines(seed: int, at_us: int, *, texts: bool = False, count: int = 600) -> tuple[list[str], list[str]]:
    """Return book and trades that begin at a time, an update each 200 ms, a trade each second."""
    rng, book, trades = random.Random(seed), [], []
    for side, sign in (("bid", -1), ("ask", 1)):
        for step in range(1, 11):
            book.append(f"binance,ABCUSDT,{at_us},{at_us + 900},true,{side},{1000 + sign * step},5")
    for k in range(1, count):
        at = at_us + 200_000 * k
        side, sign = rng.choice((("bid", -1), ("ask", 1)))
        price, amount = 1000 + sign * rng.randint(1, 10), rng.randint(1, 9)
        book.append(f"binance,ABCUSDT,{at},{at + 900},false,{side},{price},{amount}")
        if k % 5 == 0:
            ident = f"{seed:x}-{k:x}-{rng.getrandbits(64):x}" if texts else str(seed * 10_000 + k)
            trades.append(f"binance,ABCUSDT,{at + 10},{at + 910},{ident},buy,1001,{rng.randint(1, 9)}")
    return book, trades


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def two_days(folder: Path, *, texts: bool = False) -> list[Path]:
    paths = []
    for day in (1, 2):
        book, trades = lines(day, START_US + day * DAY_US, texts=texts)
        paths.append(write(folder / f"book{day}.csv", L2, book))
        paths.append(write(folder / f"trades{day}.csv", TRADES, trades))
    return paths


@pytest.mark.parametrize("texts", [False, True])
@pytest.mark.parametrize("order", [(2, 3, 0, 1), (2, 0, 1, 3), (0, 3, 2, 1)])
def test_files_given_in_any_order_make_the_tape_of_the_order_of_time(
    tmp_path: Path, order: tuple[int, ...], texts: bool
) -> None:
    paths = two_days(tmp_path, texts=texts)
    in_time = import_tape(paths=paths)
    shuffled = import_tape(paths=[paths[at] for at in order])
    assert shuffled.meta.digest == in_time.meta.digest
    assert shuffled.meta.faults["clock_faults"] == 0
    assert (shuffled.kind == TRADE).sum() == 2 * 119


def test_days_of_an_hftbacktest_tape_are_put_in_order(tmp_path: Path) -> None:
    from framework.market.importers.hftbacktest import EVENT

    days = []
    for day in (1, 2):
        rows = np.zeros(200, EVENT)
        rows["exch_ts"] = START_MS * 10**6 + day * 86_400 * 10**9 + np.arange(200) * 10**8
        rows["local_ts"] = rows["exch_ts"] + 10**6
        side = np.arange(200) % 2
        rows["ev"] = (1 << 31) | np.where(side == 0, 1 << 29, 1 << 28) | 1
        rows["px"], rows["qty"] = np.where(side == 0, 99.0, 101.0), 1 + np.arange(200) % 7
        np.save(tmp_path / f"{day}.npy", rows)
        days.append(tmp_path / f"{day}.npy")
    flags = InstrumentFlags(symbol="ABCUSDT")
    digests = {import_tape(paths=paths, flags=flags).meta.digest for paths in (days, days[::-1])}
    assert len(digests) == 1


def test_files_of_one_channel_that_overlap_are_refused_by_name(tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", L2, lines(1, START_US)[0])
    two = write(tmp_path / "two.csv", L2, lines(2, START_US + 60_000_000)[0])
    with pytest.raises(TapeError, match=r"one\.csv: book of .* overlaps two\.csv: book of"):
        import_tape(paths=[two, one])


def test_a_file_given_twice_is_refused(tmp_path: Path) -> None:
    book, trades = lines(1, START_US, texts=True)
    paths = [write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, trades)]
    again = write(tmp_path / "again.csv", TRADES, trades)
    with pytest.raises(TapeError, match=r"again\.csv: the same bytes as t\.csv"):
        import_tape(paths=[*paths, again])


@pytest.mark.parametrize("texts", [False, True])
def test_trades_told_twice_are_counted_whatever_their_ids_are(tmp_path: Path, texts: bool) -> None:
    book, trades = lines(1, START_US, texts=texts)
    paths = [write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, trades[:80])]
    paths.append(write(tmp_path / "u.csv", TRADES, trades[60:]))  # the recorder had come back
    tape = import_tape(paths=paths)
    once = import_tape(paths=[paths[0], write(tmp_path / "all.csv", TRADES, trades)])
    assert tape.meta.faults["duplicate_trades"] == 20
    assert tape.meta.digest == once.meta.digest


def test_one_id_that_is_a_text_does_not_hide_the_others_that_come_twice(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)
    told = [*trades, trades[7], trades[9].replace(",10050,", ",x,")]
    assert told[-1] != trades[9]
    tape = import_tape(paths=[write(tmp_path / "b.csv", L2, book), write(tmp_path / "t.csv", TRADES, told)])
    assert tape.meta.faults["duplicate_trades"] == 1
    assert (tape.kind == TRADE).sum() == 120


def test_rows_of_bybits_spot_archives_are_no_ids_beyond_their_file(tmp_path: Path) -> None:
    rows = [f"{k + 1},{START_MS + 400 * k},60000.1,0.{k + 1:03d},buy,0" for k in range(99)]
    text = "\n".join(["id,timestamp,price,volume,side,rpi", *rows]) + "\n"
    day, month = tmp_path / "ABCUSDT_2024-10-01.csv.gz", tmp_path / "ABCUSDT-2024-10.csv"
    day.write_bytes(gzip.compress(text.encode()))
    month.write_text(text)
    with pytest.raises(TapeError, match=r"trades of .* overlaps .*: trades of"):
        import_tape(paths=[day, month])
    day.write_bytes(gzip.compress((text + "\n".join(rows[:40]) + "\n").encode()))
    tape = import_tape(paths=[day])
    assert len(tape) == 99
    assert tape.meta.faults["duplicate_trades"] == 40


def with_clock(rows: list[str], which: range, by_us: int, *, recv: bool = False) -> list[str]:
    told = list(rows)
    for row in which:
        fields = told[row].split(",")
        fields[2] = str(int(fields[2]) + by_us)
        if recv:
            fields[3] = str(int(fields[3]) + by_us)
        told[row] = ",".join(fields)
    return told


def read(folder: Path, book: list[str], trades: list[str]) -> Tape:
    return import_tape(paths=[write(folder / "b.csv", L2, book), write(folder / "t.csv", TRADES, trades)])


@pytest.mark.parametrize("recv", [False, True])
@pytest.mark.parametrize("by_us", [HOUR_US, -HOUR_US])
@pytest.mark.parametrize("burst", [range(300, 303), range(300, 308), range(600, 606)])
def test_a_burst_of_wrong_clocks_moves_nothing_but_itself(
    tmp_path: Path, burst: range, by_us: int, recv: bool
) -> None:
    book, trades = lines(1, START_US)
    tape = read(tmp_path, with_clock(book, burst, by_us, recv=recv), trades)
    whole = read(tmp_path, book, trades)
    assert tape.meta.faults["clock_faults"] - recv * 2 <= len(burst)
    assert (tape.start_ns, len(tape)) == (whole.start_ns, len(whole))
    assert np.abs(tape.exch_ts_ns - whole.exch_ts_ns).max() <= 200_000_000 * (len(burst) + 1)


def test_a_burst_at_the_end_is_judged_by_when_it_came(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)
    burst = range(len(book) - 5, len(book))
    tape = read(tmp_path, with_clock(book, burst, HOUR_US), with_clock(trades, range(117, 119), HOUR_US))
    assert tape.end_ns < (START_US + 121_000_000) * 1000
    assert tape.meta.faults["clock_faults"] == 7


def test_a_recording_without_a_clock_is_refused(tmp_path: Path) -> None:
    book, trades = lines(1, START_US)
    with pytest.raises(TapeError, match=r"exchange times of 20 of .* are far off"):
        read(tmp_path, with_clock(book, range(300, 320), HOUR_US), trades)


def test_the_fewest_times_are_called_stray() -> None:
    times = np.array([1, 2, 90, 91, 92, 3, 4, -50, 5, 6, 7], np.int64) * 10**9
    assert np.flatnonzero(strays(times=times)).tolist() == [2, 3, 4, 7]
    assert not strays(times=np.sort(times)).any()
    assert not strays(times=np.array([], np.int64)).any()
