"""Closed lots and the guard: who opened, what it earned, and when a canary is taken back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.rollout.guard import FALSE_ALARMS, Call, Record, Tally, assess, by_chance
from framework.rollout.lots import Trade, closed_lots


def buy(lots: int, price: float, cost: float = 0.0) -> Trade:
    return Trade(1, lots, price, cost)


def sell(lots: int, price: float, cost: float = 0.0) -> Trade:
    return Trade(-1, lots, price, cost)


def test_a_lot_closes_first_in_first_out_and_earns_after_the_costs_of_both_ends() -> None:
    trades = [buy(2, 100.0, 0.2), buy(2, 90.0), sell(3, 110.0, 0.3)]
    ((opened_by, net),) = closed_lots(trades=trades, lot=0.5)
    assert opened_by == 0
    assert net == pytest.approx(2 * (10.0 * 0.5 - 0.1 - 0.1))


def test_a_short_lot_earns_when_the_price_falls_and_the_rest_of_a_close_opens_the_other_way() -> None:
    trades = [sell(1, 100.0), buy(3, 99.0), sell(2, 98.0)]
    assert closed_lots(trades=trades, lot=1.0) == [(0, 1.0), (1, -2.0)]


def test_what_is_still_open_is_no_lot() -> None:
    assert closed_lots(trades=[buy(2, 100.0), sell(1, 200.0)], lot=1.0) == []


@given(
    st.lists(
        st.tuples(st.sampled_from([1, -1]), st.integers(1, 9), st.floats(1.0, 99.0), st.floats(0.0, 1.0)),
        max_size=40,
    )
)
def test_once_flat_the_lots_add_up_to_the_cash(rows: list[tuple[int, int, float, float]]) -> None:
    trades = [Trade(*row) for row in rows]
    position = sum(t.side * t.qty_lots for t in trades)
    if position:
        trades.append(Trade(-1 if position > 0 else 1, abs(position), 50.0, 0.5))
    cash = -math.fsum(t.side * t.qty_lots * t.price * 0.1 + t.cost for t in trades)
    net = math.fsum(net for _, net in closed_lots(trades=trades, lot=0.1))
    assert net == pytest.approx(cash, abs=1e-6)


def record(lots: int, wins: int, *, minutes: int | None = None) -> Record:
    """Give a record of lots that closed one a minute, or spread evenly over some minutes."""
    tally, spread = Tally(), minutes or max(lots, 1)
    won = {k * lots // wins for k in range(wins)} if wins else set[int]()
    for k in range(lots):
        tally.add(minute=k % spread, won=k in won)
    return tally.record


def called(canary: Record, real: Record) -> Call:
    return assess(canary=canary, real=real, winrate_delta_pp=5.0, min_sample=50)[0]


@pytest.mark.parametrize(
    ("canary_wins", "real_wins", "call"),
    [(4500, 5000, Call.KEEP), (4490, 5000, Call.ROLL_BACK), (9000, 1000, Call.KEEP)],
)
def test_exactly_the_limit_does_not_roll_back_and_more_does(
    canary_wins: int, real_wins: int, call: Call
) -> None:
    assert called(record(10_000, canary_wins), record(10_000, real_wins)) is call


def test_what_chance_explains_at_some_look_keeps_the_canary_whatever_the_limit() -> None:
    assert called(record(100, 44), record(100, 50)) is Call.KEEP
    assert called(record(100, 20), record(100, 50)) is Call.ROLL_BACK


def test_lots_of_few_minutes_prove_less_than_as_many_of_many_minutes() -> None:
    tallies = [Tally(), Tally()]
    for k in range(100):
        tallies[0].add(minute=k // 25, won=k // 25 == 0)  # a minute wins or loses as a whole
        tallies[1].add(minute=k // 25, won=k // 25 < 3)
    canary, real = (tally.record for tally in tallies)
    assert (canary.wins, real.wins) == (25, 75)
    assert called(canary, real) is Call.KEEP
    assert called(record(100, 25), record(100, 75)) is Call.ROLL_BACK


def test_a_canary_that_wins_nothing_leaves_an_error() -> None:
    assert by_chance(canary=record(10, 0), real=record(10, 5), min_sample=5) > 0.3


def test_of_candidates_that_are_the_baseline_few_are_ever_taken_back() -> None:
    rng, minutes, runs, back = np.random.default_rng(3), 600, 200, 0
    for _ in range(runs):
        tallies = {True: Tally(), False: Tally()}
        mood = 0.4
        for minute in range(minutes):
            mood = min(max(mood + rng.normal(0.0, 0.05), 0.05), 0.8)  # lots hang together over minutes
            on_canary = bool(rng.random() < 0.3)
            for won in rng.random(rng.poisson(2.0)) < mood:
                tallies[on_canary].add(minute=minute, won=bool(won))
            if called(tallies[True].record, tallies[False].record) is Call.ROLL_BACK:
                back += 1
                break
    assert back <= 2 * FALSE_ALARMS * runs


@pytest.mark.parametrize(("canary", "real"), [((49, 0), (500, 400)), ((500, 0), (49, 49)), ((0, 0), (0, 0))])
def test_too_few_closed_lots_on_either_route_are_no_evidence(
    canary: tuple[int, int], real: tuple[int, int]
) -> None:
    assert called(record(*canary), record(*real)) is Call.INSUFFICIENT
