"""A halt is said, with its time, its guard and how often."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from framework.compiled.records import dtype_of
from framework.edge.window import WindowData
from framework.gates.explain import build_gate
from framework.gates.profiles import Profiles
from framework.gates.totals import Totals
from framework.quoting.records import HALT, LOSS, NO_MARKET, PLACE, STALE, VOLATILITY, Audit
from framework.session.halts import halts_of, halts_sentence, loss_halt_before
from tests.edge.builders import window
from tests.gates.kpi_cases import SHIPPED

S = 1_000_000_000


def halted(*rows: tuple[float, int]) -> WindowData:
    """Give a window with an audit row for each (seconds after the start, reason)."""
    empty = window()
    audit = np.zeros(len(rows) + 1, dtype_of(Audit))
    audit["action"] = [*(HALT for _ in rows), PLACE]
    audit["ts_ns"] = [*(empty.start_ns + int(s * S) for s, _ in rows), empty.start_ns]
    audit["reason"] = [*(reason for _, reason in rows), 0]
    return replace(empty, audit=audit)


def said(*rows: tuple[float, int]) -> str:
    return halts_sentence(halts_of(halted(*rows)))


def test_a_run_without_halts_says_nothing() -> None:
    assert halts_of(halted()) == ()
    assert said() == ""


def test_the_loss_halt_says_when_quoting_stopped() -> None:
    assert said((4323.5, LOSS)) == "quoting stopped at 01:12:03 by the loss halt, to the end of the run"


@pytest.mark.parametrize(("reason", "name"), [(VOLATILITY, "volatility"), (STALE, "stale")])
def test_a_halt_that_ends_says_how_often(reason: int, name: str) -> None:
    assert said((61, reason)) == f"quoting paused once at 00:01:01 by the {name} halt"
    assert said((61, reason), (90, reason)) == f"quoting paused 2 times, first at 00:01:01 by the {name} halt"


def test_kinds_are_told_apart_in_the_order_of_their_first() -> None:
    rows = halts_of(halted((5, STALE), (9, LOSS), (11, STALE)))
    assert [(row.reason, row.count, row.after_s) for row in rows] == [
        ("stale", 2, 5.0),
        ("loss", 1, 9.0),
    ]


def test_a_market_without_two_sides_is_listed_but_no_guard_is_named() -> None:
    assert [row.reason for row in halts_of(halted((0, NO_MARKET)))] == ["no_market"]
    assert said((0, NO_MARKET)) == ""


def test_the_loss_halt_is_found_in_the_iteration_that_had_it() -> None:
    quiet = build_gate(totals=Totals({}), profiles=Profiles(SHIPPED["scaled"]), runtime={}, wall_clock=False)
    gates = [quiet, replace(quiet, halts=halts_of(halted((1, LOSS)))), quiet]
    assert loss_halt_before(gates) == 2
    assert loss_halt_before(gates[:1]) is None
