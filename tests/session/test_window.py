"""What a soak refuses to replay, each time saying where, what and what is allowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.market.events import GAP, TRADE
from framework.market.made import Made
from framework.market.store import write_tape
from framework.market.synthetic import generate
from framework.market.tape import EVENT_COLUMNS, Tape
from framework.session.errors import SoakError
from framework.session.window import ReplayWindow, cut_window, join_window, open_window
from framework.settings.compose import compose_run
from tests.command import REPOSITORY

MINUTE = 60_000_000_000


@pytest.fixture(scope="module")
def tape() -> Tape:
    return generate(Made(preset="thin_spot", regime="normal", hours=0.1, seed=1))


def opened(tape: Tape, *words: str) -> ReplayWindow:
    given = ["market=tape", "market.path=x", *words]
    if not any(word.startswith("soak.iterations") for word in words):
        given.append("soak.iterations=3")
    settings = compose_run(words=given, root=REPOSITORY, environ={}).settings
    return cut_window(settings=settings, tape=tape)


def columns(tape: Tape, **changes: Any) -> Tape:
    return replace(tape, **changes)


def test_iterations_cut_the_hours_asked_evenly(tape: Tape) -> None:
    edges = opened(tape, "soak.hours=0.09").boundaries
    assert edges[0] == tape.start_ns
    assert edges[-1] - edges[0] == round(0.09 * 60 * MINUTE)
    assert max(np.diff(edges)) - min(np.diff(edges)) <= 1


def test_the_whole_tape_ends_with_its_last_event(tape: Tape) -> None:
    assert opened(tape, "soak.hours=tape").boundaries[-1] == tape.end_ns


def test_a_minute_of_silence_at_the_end_still_belongs_to_the_hour(tape: Tape) -> None:
    assert opened(tape, "soak.hours=0.115").boundaries[-1] > tape.end_ns


def test_a_tape_of_trades_alone_is_refused(tape: Tape) -> None:
    rows = tape.kind == TRADE
    alone = columns(tape, **{name: getattr(tape, name)[rows] for name, _ in EVENT_COLUMNS})
    with pytest.raises(SoakError, match="holds no order book, trades alone; allowed a tape with a book"):
        opened(alone)


def test_a_tape_shorter_than_asked_is_refused(tape: Tape) -> None:
    with pytest.raises(
        SoakError, match=r"^soak.hours: 2 h asked, .* holds 0.0999 h; allowed up to that, or soak.hours"
    ):
        opened(tape, "soak.hours=2")


def test_a_gap_inside_an_iteration_is_refused_with_its_place(tape: Tape) -> None:
    kind = tape.kind.copy()
    kind[len(tape) // 2] = GAP
    with pytest.raises(
        SoakError, match=r"the feed breaks at 2025-01-06T06:3.*, inside iteration 2, and 1 time"
    ):
        opened(columns(tape, kind=kind), "soak.hours=tape")


def test_a_gap_after_the_last_iteration_harms_nothing(tape: Tape) -> None:
    kind = tape.kind.copy()
    kind[-1] = GAP
    assert len(opened(columns(tape, kind=kind), "soak.hours=0.05").boundaries) == 4


def test_a_tape_without_events_is_refused(tape: Tape) -> None:
    empty = columns(tape, **{name: getattr(tape, name)[:0] for name, _ in EVENT_COLUMNS})
    with pytest.raises(SoakError, match="holds no event; allowed a tape with a market in it"):
        opened(empty, "soak.hours=tape")


def test_iterations_shorter_than_a_second_are_refused(tape: Tape) -> None:
    with pytest.raises(
        SoakError, match=r"^soak.iterations: 1000 iterations of 0.36 s on .*; allowed at least 1 s"
    ):
        opened(tape, "soak.hours=0.1", "soak.iterations=1000")


def test_fees_in_the_base_coin_are_for_spot_only(tape: Tape) -> None:
    assert tape.instrument.kind == "spot"
    opened(tape, "soak.hours=tape", "exchange.fee_in_base=true")
    perp = replace(tape, instrument=tape.instrument.changed(kind="linear"))
    with pytest.raises(
        SoakError, match=r"^exchange.fee_in_base: true, but .* is linear; allowed with spot only"
    ):
        opened(perp, "soak.hours=tape", "exchange.fee_in_base=true")


def test_the_window_asked_for_is_what_is_replayed(tape: Tape, tmp_path: Path) -> None:
    write_tape(tape=tape, root=tmp_path / "archive")
    words = [
        "market=tape",
        f"market.path={tmp_path / 'archive'}",
        "market.start=2025-01-06T06:31:00Z",
        "market.end=2025-01-06T06:34:00Z",
        "soak.hours=tape",
    ]
    market = open_window(settings=compose_run(words=words, root=REPOSITORY, environ={}).settings)
    assert market.boundaries[0] == tape.start_ns + MINUTE
    assert market.boundaries[-1] <= tape.start_ns + 4 * MINUTE
    assert (market.tape.kind == TRADE).any()


def test_a_replay_refuses_orders_that_are_meant_to_be_real(tape: Tape) -> None:
    real = compose_run(words=("exchange=bybit_v5",), environ={"EXCHANGE_MODE": "real"}).settings
    with pytest.raises(
        SoakError, match=r"exchange.mode: is real, but .* nothing would be sent; allowed paper"
    ):
        cut_window(settings=real, tape=tape)


def beside(tape: Tape, *, name: str = "ETHUSDT", quote: str = "USDT", shift_ns: int = 0) -> Tape:
    """The same market under another name, later by so much."""
    instrument = replace(tape.instrument, symbol=name, quote=quote)
    times: dict[str, Any] = {
        "exch_ts_ns": tape.exch_ts_ns + shift_ns,
        "recv_ts_ns": tape.recv_ts_ns + shift_ns,
    }
    return replace(tape, instrument=instrument, **times)


def joined(tapes: list[Tape], *words: str) -> ReplayWindow:
    names = ",".join(tape.instrument.symbol for tape in tapes)
    given = ["market=tape", "market.path=x", f"market.symbols=[{names}]", "soak.iterations=3", *words]
    settings = compose_run(words=given, root=REPOSITORY, environ={}).settings
    return join_window(settings=settings, tapes=tapes)


def test_tapes_of_one_account_are_played_over_the_time_all_of_them_cover(tape: Tape) -> None:
    later = beside(tape, shift_ns=MINUTE)
    market = joined([tape, later], "soak.hours=tape")
    assert (market.start_ns, market.end_ns) == (later.start_ns, tape.end_ns)
    assert {one.start_ns for one in market.tapes} == {market.start_ns}
    assert market.tapes[0].meta.digest == tape.window(start_ns=later.start_ns).meta.digest
    assert [one.tape for one in market.each()] == list(market.tapes)


def test_tapes_that_do_not_overlap_are_refused(tape: Tape) -> None:
    later = beside(tape, shift_ns=60 * MINUTE)
    with pytest.raises(
        SoakError,
        match=r"^market.symbols: SYNTHUSDT ends at .*, before ETHUSDT begins at .*; allowed tapes that overl",
    ):
        joined([later, tape], "soak.hours=tape")


def test_tapes_that_overlap_for_less_than_asked_are_refused(tape: Tape) -> None:
    assert joined([tape, beside(tape)], "soak.hours=0.09").iterations == 3
    with pytest.raises(
        SoakError, match=r"^soak.hours: 0.09 h asked, the tapes have in common 0.0333 h; allowed"
    ):
        joined([tape, beside(tape, shift_ns=4 * MINUTE)], "soak.hours=0.09")


def test_a_gap_in_any_of_the_tapes_is_refused(tape: Tape) -> None:
    kind = tape.kind.copy()
    kind[len(tape) // 2] = GAP
    with pytest.raises(SoakError, match="the feed breaks at 2025-01-06T06:3"):
        joined([tape, beside(columns(tape, kind=kind))], "soak.hours=tape")


@pytest.mark.parametrize(
    ("quote", "word", "said"),
    [
        ("BTC", "soak.clock=replay", r"^market.symbols: paid in BTC and USDT; allowed symbols of one quote"),
        ("USDT", "soak.clock=wall", r"^soak.clock: wall, but market.symbols names 2; allowed one symbol, or"),
    ],
)
def test_what_cannot_share_an_account_is_refused(tape: Tape, quote: str, word: str, said: str) -> None:
    with pytest.raises(SoakError, match=said):
        joined([tape, beside(tape, quote=quote)], "soak.hours=tape", word)


def test_the_archives_of_several_symbols_are_one_folder_or_one_for_each(tape: Tape, tmp_path: Path) -> None:
    other = generate(Made(preset="thin_spot", regime="normal", hours=0.1, seed=2, symbol="ETHUSDT"))
    for folder in ("shared", "first"):
        write_tape(tape=tape, root=tmp_path / folder)
    for folder in ("shared", "second"):
        write_tape(tape=other, root=tmp_path / folder)
    found = []
    for path in (f"{tmp_path}/shared", f"[{tmp_path}/first,{tmp_path}/second]"):
        words = ["market=tape", f"market.path={path}", "market.symbols=[SYNTHUSDT,ETHUSDT]"]
        words += ["soak.hours=tape", "soak.iterations=1"]
        market = open_window(settings=compose_run(words=words, root=REPOSITORY, environ={}).settings)
        found.append((market.symbols, [one.meta.digest for one in market.tapes]))
    assert found[0] == found[1]
    assert found[0][0] == ("SYNTHUSDT", "ETHUSDT")
