"""Tardis's snapshots of the best levels: the book after each row is the row, whatever came before."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.market.errors import TapeError
from framework.market.events import CLEAR, TRADE
from framework.market.importers.assemble import InstrumentFlags
from framework.market.importers.decimals import Decimals
from framework.market.importers.ladders import Ladder, LadderBook
from framework.market.importers.recording import Recording, Stamps
from framework.market.importers.table import import_tape, sniff
from framework.units import MS
from tests.market.recordings import BOOK, START_MS, Market
from tests.market.replay import final_book, states

FLAGS = InstrumentFlags(tick_size="0.01", lot_size="0.1")
Side = list[tuple[int, int]]


def header(depth: int) -> str:
    levels = (
        f"{side}[{at}].{what}"
        for at in range(depth)
        for side in ("asks", "bids")
        for what in ("price", "amount")
    )
    return f"exchange,symbol,timestamp,local_timestamp,{','.join(levels)}"


def best(book: BOOK, depth: int) -> BOOK:
    bids = sorted((price for side, price in book if side == 1), reverse=True)[:depth]
    asks = sorted(price for side, price in book if side == -1)[:depth]
    return {key: book[key] for key in [(1, price) for price in bids] + [(-1, price) for price in asks]}


def snapshot_row(book: BOOK, at_ms: int, depth: int, symbol: str = "ABCUSDT") -> str:
    kept = best(book, depth)
    told = {side: [(p, q) for (s, p), q in kept.items() if s == side] for side in (1, -1)}
    fields = []
    for at in range(depth):
        for side in (-1, 1):
            price, qty = told[side][at] if at < len(told[side]) else (None, None)
            fields += [f"{price / 100:g}" if price else "", f"{qty / 10:g}" if qty else ""]
    return f"binance-futures,{symbol},{at_ms * 1000},{at_ms * 1000 + 300},{','.join(fields)}"


def save(path: Path, depth: int, rows: list[str]) -> Path:
    text = "\n".join([header(depth), *rows]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), depth=st.sampled_from([1, 2, 5, 25]), updates=st.integers(1, 50))
def test_the_book_after_each_row_is_the_row(
    tmp_path_factory: pytest.TempPathFactory, seed: int, depth: int, updates: int
) -> None:
    market = Market(seed=seed, updates=updates)
    rows = [snapshot_row(market.books[i], START_MS + i, depth) for i in range(updates + 1)]
    tape = import_tape(paths=[save(tmp_path_factory.mktemp("s") / "s.csv", depth, rows)], flags=FLAGS)
    after = {ts // MS: dict(book) for ts, _, (book, _) in states(tape)}
    held: BOOK = {}
    for i in range(updates + 1):
        held = after.get(START_MS + i, held)
        assert held == best(market.books[i], depth)
    assert (tape.kind == CLEAR).sum() == 1


def test_snapshots_of_several_days_and_trades_are_one_tape(tmp_path: Path) -> None:
    market = Market(seed=8, updates=100)
    rows = [snapshot_row(market.books[i], START_MS + 10 * i, 25) for i in range(101)]
    times = [(START_MS + 10 * i) * 1000 for i in range(5, 90)]
    trades = [f"binance-futures,ABCUSDT,{at},{at + 5},{i},sell,1,0.3" for i, at in enumerate(times)]
    (tmp_path / "t.csv").write_text(
        "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n" + "\n".join(trades) + "\n"
    )
    days = [save(tmp_path / f"{i}.csv.gz", 25, part) for i, part in enumerate((rows[:60], rows[60:]))]
    assert sniff(paths=days) == "tardis"
    tape = import_tape(paths=[*days, tmp_path / "t.csv"])
    assert final_book(tape) == market.books[100]
    assert (tape.kind == TRADE).sum() == 85
    assert tape.meta.measures["book_levels"] == 25
    assert tape.meta.faults["sequence_gaps"] == 0


def test_beside_a_deeper_book_snapshots_are_left_out_and_counted(tmp_path: Path) -> None:
    stamp = f"binance-futures,ABCUSDT,{START_MS * 1000},{START_MS * 1000 + 9}"
    (tmp_path / "l2.csv").write_text(
        "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\n"
        f"{stamp},true,bid,0.97,1\n{stamp},true,ask,1.01,1\n"
    )
    row = snapshot_row({(1, 99): 1, (-1, 101): 1}, START_MS, 5)
    tape = import_tape(paths=[save(tmp_path / "s.csv", 5, [row]), tmp_path / "l2.csv"], flags=FLAGS)
    assert final_book(tape) == {(1, 97): 10, (-1, 101): 10}
    assert tape.meta.measures["snapshot_files_ignored"] == 1


def test_a_row_with_a_number_that_is_none_is_dropped_and_the_next_heals_the_book(tmp_path: Path) -> None:
    rows = [snapshot_row({(1, 99): n, (-1, 101): 1}, START_MS + n, 5) for n in range(1, 9)]
    rows[3] = rows[3].replace("0.99", "0.9x")
    rows[4] = rows[4].replace(str(START_MS + 5), "17")
    tape = import_tape(paths=[save(tmp_path / "s.csv", 5, rows)], flags=FLAGS)
    assert final_book(tape) == {(1, 99): 8, (-1, 101): 1}
    assert (tape.meta.faults["corrupt_lines"], tape.meta.measures["first_corrupt_line"]) == (2, 5)
    with pytest.raises(TapeError, match=r"s.csv:2: 4 of 7 lines are not understood"):
        import_tape(paths=[save(tmp_path / "s.csv", 5, [rows[3]] * 4 + rows[:3])], flags=FLAGS)


def test_several_symbols_in_one_file_need_a_choice_and_inverse_ones_are_refused(tmp_path: Path) -> None:
    book = {(1, 99): 1, (-1, 101): 2}
    rows = [snapshot_row(book, START_MS + i, 5, "ABCUSDT" if i % 2 else "XYZUSDT") for i in range(8)]
    path = save(tmp_path / "s.csv", 5, rows)
    with pytest.raises(TapeError, match="files hold ABCUSDT, XYZUSDT; choose one"):
        import_tape(paths=[path])
    tape = import_tape(paths=[path], flags=InstrumentFlags(symbol="ABCUSDT"))
    assert (tape.instrument.symbol, tape.start_ns) == ("ABCUSDT", (START_MS + 1) * MS)
    coin = snapshot_row(book, START_MS, 5, "ABCUSD_PERP").replace("binance-futures", "binance-delivery")
    with pytest.raises(TapeError, match="inverse contract"):
        import_tape(paths=[save(tmp_path / "c.csv", 5, [coin])])


def test_rows_added_in_parts_leave_the_messages_of_rows_added_at_once() -> None:
    rng = np.random.default_rng(4)
    mantissa, places = rng.integers(0, 4, (60, 3)), np.zeros((60, 3), np.int8)
    ladder = Ladder(Decimals(mantissa, places), Decimals(mantissa[::-1], places))
    clock = np.arange(60)

    def told(parts: list[slice]) -> tuple[list[int], list[int]]:
        recording = Recording(symbol="A", venue="", kind="spot", contiguous="none", format="x", files=["x"])
        book = LadderBook(recording=recording)
        for part in parts:
            book.add(bids=ladder.rows(part), asks=ladder.rows(part), stamps=Stamps(*(clock[part],) * 3))
        return recording.levels.get().mantissa.tolist(), recording.messages.bids.tolist()

    assert told([slice(0, 60)]) == told([slice(0, 1), slice(1, 7), slice(7, 60)])


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    updates=st.integers(1, 80),
    breaks=st.sets(st.integers(2, 80), max_size=4),
    spelled=st.sampled_from(["true,false", "True,False", "1,0"]),
)
def test_incremental_books_with_new_subscriptions_give_the_true_book(
    tmp_path_factory: pytest.TempPathFactory, seed: int, updates: int, breaks: set[int], spelled: str
) -> None:
    market, words = Market(seed=seed, updates=updates), spelled.split(",")
    rows: list[str] = []

    def tell(levels: list[tuple[int, int, int]], at_ms: int, word: str) -> None:
        stamp = f"binance-futures,ABCUSDT,{at_ms * 1000},{at_ms * 1000 + 300},{word}"
        rows.extend(f"{stamp},{'bid' if s == 1 else 'ask'},{p / 100:g},{q / 10:g}" for s, p, q in levels)

    tell([(*key, qty) for key, qty in market.books[0].items()], START_MS, words[0])
    for i in range(1, updates + 1):
        tell(market.diff(i, i), START_MS + i, words[1])
        if i in breaks:
            tell([(*key, qty) for key, qty in market.books[i].items()], START_MS + i, words[0])
    path = tmp_path_factory.mktemp("l2") / "l2.csv"
    path.write_text(
        "\n".join(["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount", *rows, ""])
    )
    tape = import_tape(paths=[path], flags=FLAGS)
    after = {ts // MS: dict(book) for ts, _, (book, _) in states(tape)}
    held: BOOK = {}
    for i in range(updates + 1):
        held = after.get(START_MS + i, held)
        assert held == market.books[i]
    assert tape.meta.faults["sequence_gaps"] == len(breaks & set(range(1, updates + 1)))
    assert tape.meta.faults["corrupt_lines"] == 0


def test_updates_of_one_instant_that_tell_a_level_twice_are_taken_in_their_order(tmp_path: Path) -> None:
    stamp = f"binance-futures,ABCUSDT,{START_MS * 1000},{START_MS * 1000 + 300}"
    told = [f"{stamp},true,ask,1.01,0.5", f"{stamp},true,bid,0.99,0.5"]
    told += [f"{stamp},false,bid,0.98,{qty}" for qty in (0.7, 0, 0.9, 0)]
    path = tmp_path / "l2.csv"
    path.write_text(
        "\n".join(["exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount", *told, ""])
    )
    assert final_book(import_tape(paths=[path], flags=FLAGS)) == {(1, 99): 5, (-1, 101): 5}
