"""What must hold whatever the market, the parameters, the fees and the delays are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from framework.compiled.clock import HAS_CLOCK
from framework.compiled.records import at, interpreted, to_array
from framework.edge.ledger import Ledger
from framework.engine.replay import Replay
from framework.engine.timing import stage_timings
from framework.market.events import BUY, DEPTH, SELL, TRADE
from framework.market.records import IOC, LIMIT, MARKET, POST_ONLY
from framework.quoting.records import CANCEL_QUOTE, PLACE, REPLACE, Desk
from framework.units import MS
from tests.engine.tapes import (
    LOT,
    START,
    TICK,
    Trader,
    ask,
    bid,
    latency,
    ns,
    quoter,
    quoting,
    venue,
    versions,
)
from tests.properties.markets import conventions, knobs, market

SEEDS = st.integers(0, 2**32 - 1)
DELAYS = st.tuples(*[st.sampled_from([0.0, 0.5, 7.0, 60.0])] * 3)
EVENTS = 250
FEW = settings(max_examples=20 if interpreted() else 120)


def desk_of(
    seed: int, values: dict[str, Any], rules: dict[str, Any], delays: tuple[float, float, float], **more: Any
) -> Replay:
    feed, entry, response = delays
    return quoter(
        market(seed=seed, events=EVENTS, spaced=more.pop("spaced", False)),
        quoting(**values),
        rules=venue(**rules),
        delays=latency(feed=feed, entry=entry, response=response),
        **more,
    )


def end_of(replay: Replay) -> int:
    return int(replay.tape.end_ns) + 1_000 * MS


def everything(replay: Replay) -> tuple[bytes, ...]:
    """Give all that a replay left, as bytes."""
    rows = [replay.fill_rows(), replay.audit_rows(), replay.sample_rows()]
    rows += [to_array(Ledger, replay.ledger, 1), to_array(Desk, replay.desk, 1)]
    return tuple(np.nan_to_num(_plain(part), nan=-1.0).tobytes() for part in rows)


def _plain(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.array([tuple(row) for row in rows.tolist()], dtype=np.float64)


def check_identity(
    replay: Replay, *, position: float, mid: float, funding: list[tuple[float, float, float]]
) -> None:
    """Check the books against the fill rows alone: nothing of the ledger but its cash and position is
    used.
    """
    fills, ledger = replay.fill_rows(), at(replay.ledger, 0)
    signed = fills["side"] * fills["qty"]
    moved = signed - fills["fee_base"]
    paid = 0.0
    for ms, rate, mark in funding:
        if ns(ms) <= at(replay.exchange, 0).now_ns or ns(ms) <= end_of(replay):
            paid -= (position + moved[fills["exch_ts_ns"] < ns(ms)].sum()) * rate * mark
    last = replay.mid()
    closing = position + moved.sum()
    cash = -(signed * fills["price"] + fills["fee_quote"]).sum() + paid
    gross = (signed * (fills["m0"] - fills["price"])).sum()
    slippage = (signed * (fills["m"] - fills["m0"])).sum()
    fees = -(fills["fee_quote"] + fills["fee_base"] * fills["m"]).sum()
    inventory = (moved * (last - fills["m"])).sum() + position * (last - mid) + paid
    turnover = (fills["qty"] * fills["price"]).sum()
    room = 1e-9 * max(turnover, abs(position) * mid, 1e-3)
    assert gross + slippage + fees + inventory == pytest.approx(
        cash + closing * last - position * mid, abs=room
    )
    assert ledger.cash == pytest.approx(cash, abs=room)
    assert ledger.position == pytest.approx(closing, abs=1e-9)
    assert ledger.gross == pytest.approx(gross, abs=room)
    assert ledger.slippage == pytest.approx(slippage, abs=room)
    assert ledger.fees_eff == pytest.approx(fees, abs=room)
    assert ledger.funding == pytest.approx(paid, abs=room)
    assert ledger.turnover == pytest.approx(turnover, rel=1e-9)


@FEW
@given(
    SEEDS,
    knobs(),
    conventions(),
    DELAYS,
    st.sampled_from([0.0, 0.004, -0.007]),
    st.lists(
        st.tuples(st.floats(1.0, 4_000.0), st.floats(-0.01, 0.01), st.floats(900.0, 1_100.0)), max_size=3
    ),
)
def test_net_is_the_change_of_cash_and_position_value(
    seed: int,
    values: dict[str, Any],
    rules: dict[str, Any],
    delays: tuple[float, float, float],
    held: float,
    funding: list[tuple[float, float, float]],
) -> None:
    due = sorted({round(ms): (float(round(ms)), rate, mark) for ms, rate, mark in funding}.values())
    replay = desk_of(seed, values, rules, delays, funding=due)
    at(replay.ledger, 0).position = at(replay.exposure, 0).position = held
    replay.advance(START)
    mid = replay.mid()
    replay.advance(end_of(replay))
    check_identity(replay, position=held, mid=mid, funding=due)
    desk, ledger = at(replay.desk, 0), at(replay.ledger, 0)
    believed = at(replay.exposure, 0).position  # every report has arrived
    assert believed == pytest.approx(ledger.position, abs=1e-9)
    assert desk.cash == pytest.approx(ledger.cash, abs=1e-6)


@FEW
@given(SEEDS, conventions(), st.sampled_from([0.0, 0.01]))
def test_the_identity_holds_for_takers_amends_and_cancels_too(
    seed: int, rules: dict[str, Any], held: float
) -> None:
    rng = np.random.default_rng(seed)
    trader = Trader(market(seed=seed, events=EVENTS, wild=False), rules=venue(**rules), position=held)
    last_ms = (trader.replay.tape.end_ns - START) / MS
    for k, ms in enumerate(np.sort(rng.uniform(1.0, last_ms, 60)).round(3)):
        action = int(rng.choice([1, 1, 2, 3]))
        trader.send(
            float(ms),
            action,
            k + 1 if action == 1 else int(rng.integers(1, k + 2)),
            side=int(rng.choice([BUY, SELL])),
            tick=int(10_000 + rng.integers(-6, 7)),
            lots=int(rng.integers(1, 9)),
            kind=int(rng.choice([LIMIT, POST_ONLY, IOC, MARKET])),
            m0=1000.0,
            reduce_only=int(rng.random() < 0.2),
        )
    replay = trader.replay
    replay.advance(end_of(replay))
    assert at(replay.rings, 0).report_count == at(replay.rings, 0).request_count == 0
    check_identity(replay, position=held, mid=1000.0, funding=[])


@FEW
@given(SEEDS, knobs(), conventions(), DELAYS, st.lists(st.floats(0.0, 6_000.0), max_size=25))
def test_a_replay_in_slices_is_byte_for_byte_the_replay_in_one(
    seed: int,
    values: dict[str, Any],
    rules: dict[str, Any],
    delays: tuple[float, float, float],
    cuts: list[float],
) -> None:
    whole, sliced = (desk_of(seed, values, rules, delays, funding=[(900.0, 0.001, 1000.0)]) for _ in range(2))
    whole.advance(end_of(whole))
    for ms in sorted(cuts):
        if ns(ms) < end_of(sliced):
            sliced.advance(ns(ms))
    sliced.advance(end_of(sliced))
    assert everything(whole) == everything(sliced)


@FEW
@given(SEEDS, st.lists(st.floats(0.0, 4_000.0), max_size=25))
def test_slices_do_not_change_when_a_faster_clock_comes_into_force(seed: int, cuts: list[float]) -> None:
    values = {"base_half_spread_bps": 1.0, "tick_interval_ns": 100 * MS}
    swaps = [(0.0, values), (633.0, values | {"tick_interval_ns": 3 * MS}), (1_234.5, values)]
    whole, sliced = (quoter(market(seed=seed, events=EVENTS), versions(*swaps)) for _ in range(2))
    whole.advance(end_of(whole))
    for ms in sorted(cuts):
        sliced.advance(ns(ms))
    sliced.advance(max(end_of(sliced), ns(4_001)))
    whole.advance(max(end_of(whole), ns(4_001)))
    assert everything(whole) == everything(sliced)


@pytest.mark.skipif(not HAS_CLOCK, reason="compiled code cannot read the clock here")
def test_a_replay_stage_by_stage_is_the_replay_in_one_and_times_every_stage() -> None:
    values = {"inventory_skew": 1.0, "glft_risk": 0.5, "base_half_spread_bps": 2.0}
    whole, staged = (desk_of(7, values, {}, (1.0, 1.0, 1.0)) for _ in range(2))
    whole.advance(end_of(whole))
    found = stage_timings(replay=staged, until_ns=end_of(staged))
    assert everything(whole) == everything(staged)
    assert list(found) == [
        "fetch_md",
        "signal",
        "spread",
        "guards",
        "inventory",
        "queue_aware",
        "emit",
        "tick_total",
    ]
    assert {row["calls"] for row in found.values()} == {float(at(whole.desk, 0).ticks)}


@FEW
@given(SEEDS, knobs(), conventions(), DELAYS)
def test_a_quoting_desk_keeps_its_promises(
    seed: int, values: dict[str, Any], rules: dict[str, Any], delays: tuple[float, float, float]
) -> None:
    replay = desk_of(seed, values, rules, delays)
    replay.advance(end_of(replay))
    desk, rings, fills, audit = (
        at(replay.desk, 0),
        at(replay.rings, 0),
        replay.fill_rows(),
        replay.audit_rows(),
    )
    # every request was answered once
    assert desk.inflight == 0
    assert rings.requests == desk.places + desk.replaces + desk.cancels
    # an order is placed once
    placed = audit[audit["action"] == PLACE]["order_id"]
    assert len(placed) == desk.places == len(np.unique(placed))
    # post-only never takes; its price is its order's, on the grid, never through the market of its decision
    assert (fills["is_maker"] == 1).all()
    assert np.array_equal(fills["price"], fills["price_ticks"] * TICK)
    # times run forward
    assert (fills["entry_latency_ns"] >= 0).all()
    assert (fills["off_target_age_ns"] >= 0).all()
    assert (fills["resting_age_ns"] >= 0).all()
    assert (fills["queue_ahead_fill_lots"] <= fills["queue_ahead_entry_lots"] + 1e-9).all()
    assert (fills["local_ts_ns"] >= fills["exch_ts_ns"]).all()
    assert (np.diff(fills["exch_ts_ns"]) >= 0).all()
    # blocked ticks: each in one row
    assert audit[audit["action"] == 4]["count"].sum() <= 2 * desk.ticks
    # no update of a side before its least interval, cancels and cuts apart
    limited = audit[np.isin(audit["action"], [PLACE, REPLACE]) & (audit["reason"] == 0)]
    for side in (BUY, SELL):
        waits = np.diff(limited[limited["side"] == side]["ts_ns"])
        assert (waits >= values["min_interval_ns"]).all()


@FEW
@given(SEEDS, knobs(), DELAYS)
def test_the_position_stays_within_its_limit(
    seed: int, values: dict[str, Any], delays: tuple[float, float, float]
) -> None:
    replay = desk_of(seed, values, {"fee_in_base": 0}, delays)
    replay.advance(end_of(replay))
    fills = replay.fill_rows()
    # the limit counts in quotes, whose size follows the price by a percent or so; an order may exceed its
    # room by an eighth
    largest = values["quote_notional"] / (TICK * (10_000 - 150)) / LOT
    limit = values["max_position_quotes"] * largest + largest / 8 + 1
    assert (np.abs(fills["position_after"]) / LOT <= limit + 1e-6).all()


@FEW
@given(SEEDS, knobs(), st.sampled_from([0, 1]))
def test_fills_never_exceed_what_was_printed_or_shown(seed: int, values: dict[str, Any], model: int) -> None:
    values = values | {"quote_notional": 60.0, "impact_cap_ratio": 1.0, "max_position_quotes": 9.0}
    replay = desk_of(seed, values, {"queue_model": model}, (1.0, 1.0, 1.0), spaced=True)
    replay.advance(end_of(replay))
    fills, tape = replay.fill_rows(), replay.tape
    for ts in np.unique(fills["exch_ts_ns"]):
        rows = np.flatnonzero(tape.exch_ts_ns == ts)
        prints = tape.qty_lots[rows[tape.kind[rows] == TRADE]].sum()
        shown = tape.qty_lots[rows[tape.kind[rows] == DEPTH]].sum()
        own = fills[fills["exch_ts_ns"] == ts]["qty_lots"].sum()
        if prints:
            assert own <= prints
        else:
            assert own <= shown + _shown_within(replay, fills, int(rows[-1]))


def _shown_within(replay: Replay, fills: np.ndarray[Any, Any], row: int) -> int:
    """Sum the levels of the crossing side that reach our price, besides the one the row sets."""
    tape = replay.tape
    side, price = (
        int(tape.side[row]),
        int(fills[fills["exch_ts_ns"] == tape.exch_ts_ns[row]]["price_ticks"][0]),
    )
    held: dict[int, int] = {}
    for k in range(row):
        if tape.kind[k] == 3 and tape.side[k] in (0, side):
            held.clear()
        elif tape.kind[k] == DEPTH and tape.side[k] == side:
            held[int(tape.price_ticks[k])] = int(tape.qty_lots[k])
    return sum(lots for tick, lots in held.items() if side * (tick - price) >= 0)


@FEW
@given(SEEDS, knobs(), st.lists(st.floats(1.0, 4_000.0), min_size=1, max_size=4, unique_by=round))
def test_a_version_of_the_parameters_is_in_force_from_the_next_tick_on(
    seed: int, values: dict[str, Any], swaps: list[float]
) -> None:
    starts = [0.0, *sorted(swaps)]
    changes = [(ms, values | {"base_half_spread_bps": 1.0 + k}) for k, ms in enumerate(starts)]
    replay = quoter(market(seed=seed, events=EVENTS), versions(*changes))
    replay.advance(end_of(replay))
    audit = replay.audit_rows()
    decided = audit[np.isin(audit["action"], [PLACE, REPLACE, CANCEL_QUOTE])]
    in_force = np.searchsorted([ns(ms) for ms in starts], decided["ts_ns"], side="right") - 1
    assert decided["params_version"].tolist() == in_force.tolist()


@settings(max_examples=15)
@given(SEEDS)
@example(0)
def test_a_thinned_replay_fills_less_and_keeps_its_books(seed: int) -> None:
    values = {"base_half_spread_bps": 2.0}
    table = np.concatenate([[1e-9, 1.0, 0.0, 0.1, 0.3, 0.3], np.random.default_rng(seed).random(64)])
    plain = desk_of(seed, values, {}, (1.0, 1.0, 1.0))
    thin = desk_of(seed, values, {"cost_knots": 2}, (1.0, 1.0, 1.0), costs=table)
    for replay in (plain, thin):
        replay.advance(end_of(replay))
    check_identity(thin, position=0.0, mid=1000.0, funding=[])
    if at(plain.exchange, 0).fills > 40:
        assert at(thin.exchange, 0).draws > 0


@FEW
@given(
    st.lists(st.tuples(st.integers(9_998, 10_006), st.integers(0, 9)), min_size=1, max_size=40),
    st.integers(1, 60),
    st.sampled_from([0, 1]),
)
def test_every_displayed_lot_that_reaches_an_order_fills_it_at_most_once(
    shown: list[tuple[int, int]], lots: int, model: int
) -> None:
    price = 10_002
    rows = [bid(20.0 + k, tick, size) for k, (tick, size) in enumerate(shown)]
    trader = Trader([bid(0, 9_990, 5), ask(0, 10_003, 5), *rows], rules=venue(queue_model=model))
    trader.place(10, 1, side=SELL, tick=price, lots=lots, m0=1000.0)
    fills = trader.play(20.0 + len(rows))
    taken, left = dict.fromkeys(range(9_998, 10_007), 0), lots
    expected: list[tuple[int, int]] = []
    for k, (tick, size) in enumerate(shown):
        taken[tick] = min(taken[tick], size)
        now = min(left, size - taken[tick]) if tick >= price else 0
        if now:
            taken[tick], left = taken[tick] + now, left - now
            expected.append((ns(20.0 + k), now))
    assert list(zip(fills["exch_ts_ns"].tolist(), fills["qty_lots"].tolist(), strict=True)) == expected
