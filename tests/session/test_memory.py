"""What is heard twice, late or out of order is taken once; what nobody can know is not guessed."""

from __future__ import annotations

import pytest

from framework.market.records import (
    ACCEPTED,
    AMEND,
    AMENDED,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    DUPLICATE,
    EXPIRED,
    REJECTED,
    UNKNOWN,
)
from framework.session.errors import SoakError
from framework.session.intents import MemoryJournal
from framework.session.memory import OVERLAP_NS
from framework.session.reconcile import Reconciled
from framework.venue.gateway import Execution, ReportRow
from tests.session.rows import LOTS, SYMBOL, asked, filled, heard


def journal(*orders: int, kept: int = 100) -> MemoryJournal:
    made = MemoryJournal(lots=LOTS, kept=kept)
    made.intend([asked(order) for order in orders])
    return made


def kinds(reports: list[ReportRow]) -> list[int]:
    return [int(report.row["report_kind"]) for report in reports]


def test_an_order_is_known_from_before_it_is_sent_until_it_is_over() -> None:
    here = journal(1, 2, 3)
    here.hear([heard(CANCELLED, 1), heard(REJECTED, 2)])
    here.hear([filled(1, 3, lots=2, leaves=3)])
    assert here.known().orders == {(SYMBOL, 3)}
    here.hear([filled(2, 3, lots=3)])
    known = here.known()
    assert not known.orders
    assert known.ended == {(SYMBOL, 1), (SYMBOL, 2), (SYMBOL, 3)}
    assert known.executions == {(SYMBOL, 1), (SYMBOL, 2)}
    assert known.positions[SYMBOL] == pytest.approx(0.005)


def test_a_fill_that_comes_again_is_booked_once_whenever_it_comes() -> None:
    here = journal(1, 2)
    first, second = filled(1, 1, lots=2), filled(2, 2, lots=3)
    assert len(here.hear([second, first, second])) == 2
    assert here.hear([first, second]) == []
    assert here.known().positions[SYMBOL] == pytest.approx(0.005)


def test_a_late_fill_of_an_order_whose_cancel_was_heard_is_booked() -> None:
    here = journal(1)
    here.hear([heard(CANCELLED, 1)])
    assert len(here.hear([filled(1, 1, lots=2)])) == 1
    assert here.known().positions[SYMBOL] == pytest.approx(0.002)


def test_a_fill_of_a_stranger_ends_the_session() -> None:
    with pytest.raises(SoakError, match="TESTUSDT: fill 1 is of order 9, which is not this session's"):
        journal(1).hear([filled(1, 9)])


def test_what_is_forgotten_is_not_guessed_about() -> None:
    here = journal(1, kept=2)
    here.hear([filled(k, 1, leaves=9, at_ns=10 * k) for k in (1, 2, 3)])
    assert here.known().executions == {(SYMBOL, 2), (SYMBOL, 3)}
    with pytest.raises(SoakError, match="fill 1 is older than the last 2, so it may have been booked"):
        here.hear([filled(1, 1, at_ns=10)])


def test_executions_are_asked_for_from_a_while_before_the_newest_and_never_from_what_is_forgotten() -> None:
    here = journal(1, kept=2)
    here.hear([filled(1, 1, leaves=9, at_ns=3 * OVERLAP_NS), filled(2, 1, leaves=8, at_ns=OVERLAP_NS)])
    assert here.known().since_ns == 2 * OVERLAP_NS
    here.hear([filled(3, 1, leaves=7, at_ns=3 * OVERLAP_NS + 1)])
    assert here.known().since_ns == 3 * OVERLAP_NS + 1


def test_requests_that_nobody_answers_are_forgotten_oldest_first() -> None:
    here = journal(1, 2, 3, kept=2)
    assert len(here.hear([heard(ACCEPTED, k) for k in (1, 2, 3)])) == 2


def test_orders_that_are_over_are_forgotten_oldest_first() -> None:
    here = journal(1, 2, 3, kept=2)
    here.hear([heard(CANCELLED, k) for k in (1, 2, 3)])
    assert here.known().ended == {(SYMBOL, 2), (SYMBOL, 3)}


def test_an_answer_that_comes_again_answers_nothing() -> None:
    here = journal(1)
    assert kinds(here.hear([heard(ACCEPTED, 1), heard(ACCEPTED, 1)])) == [ACCEPTED]
    here.intend([asked(1, AMEND, link=2), asked(1, CANCEL, link=3)])
    answers = [heard(AMENDED, 1, link_id=2), heard(CANCELLED, 1, link_id=3)]
    assert kinds(here.hear(answers + answers)) == [AMENDED, CANCELLED]
    assert here.hear([heard(CANCEL_REJECTED, 1, link_id=3)]) == []


def test_a_duplicate_is_an_order_whose_fate_is_still_to_come() -> None:
    here = journal(1)
    duplicate = heard(REJECTED, 1, reason=DUPLICATE)
    assert kinds(here.hear([duplicate])) == [UNKNOWN]
    assert here.known().orders == {(SYMBOL, 1)}
    assert kinds(here.hear([heard(ACCEPTED, 1), duplicate])) == [ACCEPTED]
    assert here.known().orders == {(SYMBOL, 1)}


def test_an_order_that_goes_unasked_expires() -> None:
    here = journal(1)
    here.hear([heard(ACCEPTED, 1)])
    gone = heard(CANCELLED, 1)
    assert kinds(here.hear([gone, gone])) == [EXPIRED]
    assert here.known().orders == set()


def test_what_a_start_finds_is_booked_once_and_answers_what_was_asked_before() -> None:
    here = journal(1, 2)
    missed = Execution(
        symbol=SYMBOL, exec_id=7, order_id=1, side=1, price_ticks=1, qty_lots=2, is_maker=True,
        fee_quote=0.0, fee_base=0.0, exch_ts_ns=9,
    )  # fmt: skip
    here.reconciled(Reconciled(missed=(missed,), open=(), gone=((SYMBOL, 1), (SYMBOL, 2)), positions={}))
    assert here.hear([filled(7, 1, lots=2, at_ns=9), heard(ACCEPTED, 2)]) == []
    known = here.known()
    assert known.positions[SYMBOL] == pytest.approx(0.002)
    assert (known.last_order[SYMBOL], known.last_link[SYMBOL]) == (2, 2)
