"""What a session finds at the exchange is its own, or nothing is traded; nothing is invented in between."""

from __future__ import annotations

from typing import Any

import pytest

from framework.market.events import BUY, SELL
from framework.session.reconcile import Known, Reconciled, Refused, reconcile
from framework.venue.gateway import Execution, OpenOrder, VenueState

S = "TESTUSDT"
LOTS = {S: 0.001}
OWN = Known(
    orders=frozenset({(S, 1), (S, 2)}),
    ended=frozenset({(S, 3)}),
    executions=frozenset({(S, 7)}),
    positions={S: 0.005},
)


def order(order_id: int) -> OpenOrder:
    return OpenOrder(
        symbol=S, order_id=order_id, side=BUY, price_ticks=1, leaves_lots=5, filled_lots=0, reduce_only=False
    )


def fill(exec_id: int, order_id: int = 1, *, side: int = BUY, lots: int = 5) -> Execution:
    return Execution(
        symbol=S, exec_id=exec_id, order_id=order_id, side=side, price_ticks=1, qty_lots=lots, is_maker=True,
        fee_quote=0.0, fee_base=0.0, exch_ts_ns=9,
    )  # fmt: skip


def found(
    *, orders: tuple[int, ...] = (), fills: tuple[Execution, ...] = (), position: float = 0.005
) -> Reconciled | Refused:
    state = VenueState(
        at_ns=9, since_ns=0, cash=0.0, positions={S: position},
        orders=tuple(map(order, orders)), executions=fills,
    )  # fmt: skip
    return reconcile(known=OWN, state=state, lots=LOTS)


def test_what_the_journal_knows_is_explained() -> None:
    decision = found(orders=(2,), fills=(fill(7),))
    assert isinstance(decision, Reconciled)
    assert [o.order_id for o in decision.open] == [2]
    assert (decision.missed, decision.gone) == ((), ((S, 1),))


def test_a_fill_that_was_missed_is_taken_once() -> None:
    decision = found(fills=(fill(7), fill(8, side=SELL, lots=2)), position=0.003)
    assert isinstance(decision, Reconciled)
    assert [e.exec_id for e in decision.missed] == [8]


def test_a_late_fill_of_an_order_that_is_over_is_taken_and_attributed() -> None:
    decision = found(fills=(fill(8, 3, lots=2),), position=0.007)
    assert isinstance(decision, Reconciled)
    assert [(e.exec_id, e.order_id) for e in decision.missed] == [(8, 3)]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"orders": (9,)}, "TESTUSDT: order 9 rests at the exchange and is not this session's"),
        ({"fills": (fill(8, 9),), "position": 0.01}, "TESTUSDT: fill 8 is of order 9, which is not"),
        ({"orders": (3,)}, "TESTUSDT: order 3 rests at the exchange and was told to be over"),
        ({"position": 0.012}, "TESTUSDT: position is 0.012, the session's fills make 0.005"),
        ({"fills": (fill(8),)}, "TESTUSDT: position is 0.005, the session's fills make 0.01"),
    ],
)
def test_what_nothing_explains_is_refused_and_not_explained_away(state: dict[str, Any], says: str) -> None:
    decision = found(**state)
    assert isinstance(decision, Refused)
    assert len(decision.unexplained) == 1
    assert decision.unexplained[0].startswith(says)


def test_dust_of_a_fee_in_the_base_coin_is_no_difference() -> None:
    assert isinstance(found(position=0.0050004), Reconciled)
