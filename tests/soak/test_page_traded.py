"""Buys against sells, hours, holding times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from framework.soak.page.traded import holding_times, traded
from tests.edge import builders
from tests.edge.builders import window


def fill(at_s: float, side: int, price: float, qty: float, **more: float) -> dict[str, Any]:
    return builders.fill(at_s, side, price, qty, m0=100.0, m=100.0, **more)


def test_what_was_opened_first_is_closed_first_and_a_turn_opens_the_other_way() -> None:
    made = window(
        [
            fill(10.0, 1, 99.0, 2.0),
            fill(20.0, 1, 99.0, 1.0),
            fill(30.0, -1, 101.0, 2.5),
            fill(50.0, -1, 101.0, 1.5),
            fill(60.0, 1, 100.0, 1.0),
        ],
        end_s=100.0,
    )
    lots = [(20.0, 2.0), (10.0, 0.5), (30.0, 0.5), (10.0, 1.0)]
    assert np.array(holding_times(made)) == pytest.approx(np.array(lots))


def test_sides_add_up_to_the_fills_and_hours_are_shown_from_two_on() -> None:
    fills = [fill(10.0, 1, 99.0, 1.0), fill(20.0, -1, 101.0, 1.0), fill(3700.0, 1, 99.0, 1.0)]
    found = traded([window(fills, end_s=7200.0)])
    assert found is not None
    assert [(row.name, row.cells[0]) for row in found.sides] == [("buys", "2"), ("sells", "1")]
    assert [(row.name, row.cells[0]) for row in found.hours] == [("00:00", "2"), ("01:00", "1")]
    first = traded([window(fills[:2], end_s=7200.0)])
    assert first is not None
    assert first.hours == []


def test_a_loss_hangs_to_the_left_of_the_middle_and_a_gain_to_the_right() -> None:
    fills = [fill(10.0, 1, 99.0, 1.0, m_30s=100.0), fill(20.0, -1, 99.0, 1.0, m_30s=101.0)]
    found = traded([window(fills, end_s=100.0)])
    assert found is not None
    gain, loss = found.sides
    assert (gain.tint, gain.left, gain.width) == ("good", 50.0, 25.0)
    assert (loss.tint, loss.left, loss.width) == ("bad", 0.0, 50.0)


def test_without_fills_there_is_nothing_to_split() -> None:
    assert traded([window([], end_s=100.0)]) is None
