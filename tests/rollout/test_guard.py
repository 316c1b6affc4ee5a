"""Closed lots and the guard: who opened, what it earned, and when a canary is taken back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.rollout.guard import Call, Record, assess
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


def called(canary: Record, real: Record) -> Call:
    return assess(canary=canary, real=real, winrate_delta_pp=5.0, min_sample=50)[0]


@pytest.mark.parametrize(
    ("canary_wins", "real_wins", "call"),
    [(45, 50, Call.KEEP), (44, 50, Call.ROLL_BACK), (90, 10, Call.KEEP)],
)
def test_exactly_the_limit_does_not_roll_back_and_more_does(
    canary_wins: int, real_wins: int, call: Call
) -> None:
    assert called(Record(100, canary_wins), Record(100, real_wins)) is call


@pytest.mark.parametrize(("canary", "real"), [((49, 0), (500, 400)), ((500, 0), (49, 49)), ((0, 0), (0, 0))])
def test_too_few_closed_lots_on_either_route_are_no_evidence(
    canary: tuple[int, int], real: tuple[int, int]
) -> None:
    assert called(Record(*canary), Record(*real)) is Call.INSUFFICIENT
