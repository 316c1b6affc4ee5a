"""What a session finds at the exchange is its own, or nothing is traded; nothing is invented in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework.compiled.records import dtype_of
from framework.market.events import BUY, SELL
from framework.market.records import CANCELLED, DUPLICATE, FILLED, NEW, REJECTED, Report, Request
from framework.session.intents import MemoryJournal
from framework.session.reconcile import Known, Reconciled, Refused, reconcile
from framework.venue.gateway import Execution, OpenOrder, ReportRow, RequestRow, VenueState

S = "TESTUSDT"
LOTS = {S: 0.001}
OWN = Known(orders=frozenset({(S, 1), (S, 2)}), executions=frozenset({(S, 7)}), positions={S: 0.005})


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


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"orders": (9,)}, "TESTUSDT: order 9 rests at the exchange and is not this session's"),
        ({"fills": (fill(8, 9),), "position": 0.01}, "TESTUSDT: fill 8 is of order 9, which is not"),
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


def asked(order_id: int) -> RequestRow:
    row = np.zeros(1, dtype_of(Request))
    row["action"], row["order_id"] = NEW, order_id
    return RequestRow(S, row[0])


def heard(kind: int, order_id: int, **fields: Any) -> ReportRow:
    row = np.zeros(1, dtype_of(Report))
    row["report_kind"], row["order_id"], row["side"] = kind, order_id, BUY
    for name, value in fields.items():
        row[name] = value
    return ReportRow(S, row[0])


def test_a_journal_knows_an_order_from_before_it_is_sent_until_it_is_over() -> None:
    journal = MemoryJournal(lots=LOTS)
    journal.intend([asked(1), asked(2), asked(3)])
    journal.hear([heard(CANCELLED, 1), heard(REJECTED, 2, reason=DUPLICATE)])
    journal.hear([heard(FILLED, 3, qty_lots=2, leaves_lots=3, exec_id=1, exch_ts_ns=5)])
    assert journal.known().orders == {(S, 2), (S, 3)}
    journal.hear([heard(FILLED, 3, qty_lots=3, leaves_lots=0, exec_id=2, exch_ts_ns=5)])
    known = journal.known()
    assert known.orders == {(S, 2)}
    assert known.executions == {(S, 1), (S, 2)}
    assert known.since_ns == 5
    assert known.positions[S] == pytest.approx(0.005)
