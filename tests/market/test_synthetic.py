"""The synthetic market as a tape: reproducible, ordered, never crossed; wrong words get one line."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.compiled.records import interpreted
from framework.market.errors import TapeError
from framework.market.events import CLEAR, DEPTH, TRADE
from framework.market.facts import replay
from framework.market.made import Made
from framework.market.synthetic import START_NS, generate
from framework.market.synthetic_presets import PRESETS
from framework.market.synthetic_regimes import REGIMES
from framework.market.tape import Tape, book_at

hours_long = pytest.mark.skipif(interpreted(), reason="hours of tape need the compiled code")
CASES = [(preset, regime) for preset in PRESETS for regime in REGIMES]


def short(preset: str, regime: str = "normal", seed: int = 1, hours: float = 0.02) -> Tape:
    return generate(Made(preset=preset, regime=regime, hours=hours, seed=seed))


@pytest.mark.parametrize(("preset", "regime"), CASES)
def test_one_seed_gives_the_same_bytes_and_another_seed_others(preset: str, regime: str) -> None:
    first, again, other = (short(preset, regime, seed) for seed in (1, 1, 2))
    assert first.meta.digest == again.meta.digest
    assert first.recv_ts_ns.tobytes() == again.recv_ts_ns.tobytes()
    assert first.meta.digest != other.meta.digest


@pytest.mark.parametrize("preset", PRESETS)
def test_a_tape_opens_with_a_snapshot_of_a_two_sided_book(preset: str) -> None:
    tape = short(preset)
    assert (tape.kind[0], tape.side[0], tape.start_ns) == (CLEAR, 0, START_NS)
    snapshot = int(np.searchsorted(tape.exch_ts_ns, START_NS, side="right"))
    assert (tape.kind[1:snapshot] == DEPTH).all()
    side, price, _, trusted = book_at(tape=tape, before=snapshot)
    assert trusted
    assert price[side > 0].max() + 1 == price[side < 0].min()


@settings(max_examples=12)
@given(case=st.sampled_from(CASES), seed=st.integers(0, 2**32), hours=st.sampled_from([1 / 3600, 0.01, 0.05]))
def test_every_tape_is_ordered_uncrossed_and_trades_only_at_prices_that_stood(
    case: tuple[str, str], seed: int, hours: float
) -> None:
    tape = short(*case, seed=seed, hours=hours)
    assert (np.diff(tape.exch_ts_ns) >= 0).all()
    assert (np.diff(tape.recv_ts_ns) >= 0).all()
    assert (tape.recv_ts_ns > tape.exch_ts_ns).all()
    assert_trades_precede_book_updates(tape)
    assert_book_is_coherent(tape)


def assert_trades_precede_book_updates(tape: Tape) -> None:
    is_book = (tape.kind != TRADE).astype(int)
    same_time = np.diff(tape.exch_ts_ns) == 0
    assert (np.diff(is_book)[same_time] >= 0).all()


def assert_book_is_coherent(tape: Tape) -> None:
    """Replay in plain Python: no cross after a message, no trade for more than stood at its price."""
    books: dict[int, dict[int, int]] = {1: {}, -1: {}}
    taken: dict[tuple[int, int], int] = {}
    rows = zip(tape.exch_ts_ns, tape.kind, tape.side, tape.price_ticks, tape.qty_lots, strict=True)
    now = tape.start_ns
    for ts, kind, side, price, qty in rows:
        if ts != now:
            assert max(books[1]) < min(books[-1]), "the book is crossed after a message"
            taken, now = {}, ts
        if kind == TRADE:
            taken[(-side, price)] = taken.get((-side, price), 0) + qty
            assert taken[(-side, price)] <= books[-side].get(price, 0), "a trade met no resting quantity"
        elif kind == DEPTH and qty:
            books[side][price] = qty
        elif kind == DEPTH:
            del books[side][price]


@hours_long
def test_a_funding_time_falls_into_three_hours_of_the_perpetual_and_none_into_spot() -> None:
    perp = short("liquid_perp", hours=1.6)
    assert [str(t.astype("datetime64[ns]"))[11:16] for t in perp.funding_ts_ns] == ["08:00"]
    at = int(np.searchsorted(perp.exch_ts_ns, perp.funding_ts_ns[0]))
    traded = perp.price_ticks[:at][perp.kind[:at] == TRADE][-1] * perp.instrument.tick
    assert perp.funding_mark[0] == traded
    assert len(short("thin_spot", hours=1.6).funding_ts_ns) == 0


@hours_long
def test_an_event_tape_moves_more_after_its_burst_than_before() -> None:
    tape = generate(Made(preset="liquid_perp", regime="event", hours=1.0, seed=3))
    touches = replay(tape=tape, probe_ms=100).touches
    mid = (touches["bid"] + touches["ask"]).astype(float)
    minute = (touches["ts_ns"] - tape.start_ns) // 60_000_000_000
    variance = np.array([np.sum(np.diff(mid[minute == k]) ** 2) for k in range(60)])
    assert variance.max() > 10 * np.median(variance[:15])


@hours_long
def test_high_volatility_has_more_orders_and_less_depth_than_normal() -> None:
    normal, wild = (short("liquid_perp", regime, hours=0.5) for regime in ("normal", "high_vol"))
    assert np.sum(wild.kind == TRADE) > 1.2 * np.sum(normal.kind == TRADE)
    snapshot = [t.qty_lots[t.exch_ts_ns == START_NS].sum() for t in (normal, wild)]
    assert snapshot[1] < 0.9 * snapshot[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"preset": "liquid"}, "preset is 'liquid'; allowed liquid_perp, thin_spot"),
        ({"regime": "calm"}, "regime is 'calm'; allowed normal, event, high_vol"),
        ({"hours": 0.0}, "hours is 0; allowed above 0 to 744"),
        ({"hours": float("nan")}, "hours is nan; allowed above 0 to 744"),
        ({"seed": -1}, "seed is -1; allowed 0 or more"),
        ({"symbol": "SYNTH"}, "symbol is 'SYNTH'; allowed one that ends in USDT"),
    ],
)
def test_a_wrong_word_is_refused_with_what_is_allowed(words: dict[str, object], message: str) -> None:
    asked = {"preset": "liquid_perp", "regime": "normal", "hours": 0.1, "seed": 1} | words
    with pytest.raises(TapeError, match="synthetic market: ") as raised:
        generate(Made(**asked))  # type: ignore[arg-type]
    assert message in str(raised.value)


@hours_long
def test_interpreted_code_writes_the_same_tape() -> None:
    code = (
        "from framework.market.made import Made; from framework.market.synthetic import generate;"
        "print(*(generate(Made(preset=p, regime='event', hours=0.004, seed=5)).meta.digest"
        " for p in ('liquid_perp', 'thin_spot')))"
    )
    compiled = [generate(Made(preset=p, regime="event", hours=0.004, seed=5)).meta.digest for p in PRESETS]
    plain = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert plain.stdout.split() == compiled
