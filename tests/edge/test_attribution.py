"""The identity over anything a book can meet, and components checked by hand (it cannot check those)."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.edge.attribution import Components, add_up, attribute_fills, attribute_window
from framework.edge.errors import LedgerError
from framework.edge.window import LedgerPoint, WindowData, chain
from tests.edge.builders import fill, window


def parts_of(w: WindowData) -> Components:
    return attribute_window(w, edge=attribute_fills(w))


mid = st.floats(1.0, 1000.0)
fills = st.lists(
    st.builds(
        lambda ts, side, price, qty, m0, m, later, fee, base: fill(
            ts, side, price, qty, m0=m0, m=m, m_1s=later, fee_quote=fee * price * qty, fee_base=base * qty
        ),
        ts=st.floats(0.0, 3599.0),
        side=st.sampled_from((1, -1)),
        price=mid,
        qty=st.floats(1e-3, 1e3),
        m0=mid,
        m=mid,
        later=mid | st.just(math.nan),
        fee=st.floats(-0.001, 0.001),
        base=st.floats(0.0, 0.001),
    ),
    max_size=30,
)
size = st.just(0.0) | st.floats(1e-3, 1e3) | st.floats(-1e3, -1e-3)
opening = st.builds(
    LedgerPoint, position=size, mid=mid, cash=st.floats(-100.0, 100.0), funding=st.floats(-10.0, 10.0)
)


@given(fills=fills, opening=opening, closing_mid=mid, funding=st.floats(-5.0, 5.0))
def test_components_add_up_to_the_change_of_the_books(fills, opening, closing_mid, funding):  # type: ignore[no-untyped-def]
    if not fills and not opening.position:
        funding = 0.0
    w = window(fills, opening=opening, closing_mid=closing_mid, funding=funding)
    parts = parts_of(w)
    books = (
        (w.closing.cash - w.opening.cash) + w.closing.position * closing_mid - opening.position * opening.mid
    )
    allowed = 1e-9 * max(parts.turnover, abs(opening.position) * opening.mid)
    assert abs(parts.net - books) <= allowed
    inner = parts.adverse_1s + parts.carry + parts.opening + parts.funding
    assert inner == pytest.approx(parts.inventory, abs=max(allowed, 1e-6))


def test_a_maker_buy_and_sell_split_as_worked_out_by_hand() -> None:
    # Bought 2 at 99.9 when the quote was set at mid 100.1 and the mid had slipped to 100.0; sold 1 at 100.4.
    w = window(
        [
            fill(10, +1, 99.9, 2.0, m0=100.1, m=100.0, m_1s=99.8, fee_quote=0.02),
            fill(20, -1, 100.4, 1.0, m0=100.2, m=100.3, m_1s=100.35, fee_quote=-0.01),
        ],
        closing_mid=100.5,
    )
    parts = parts_of(w)
    assert parts.turnover == pytest.approx(199.8 + 100.4)
    assert parts.gross == pytest.approx(0.4 + 0.2)  # (100.1-99.9)*2 and (100.4-100.2)*1
    assert parts.slippage == pytest.approx(-0.2 - 0.1)  # the mid fell under the bid, rose over the ask
    assert parts.fees_eff == pytest.approx(-0.02 + 0.01)  # a rebate is a gain
    assert parts.adverse_1s == pytest.approx(2 * -0.2 - 0.05)
    assert parts.inventory == pytest.approx(2 * 0.5 - 0.2)  # 2*(100.5-100.0) - 1*(100.5-100.3)
    assert parts.carry == pytest.approx(0.8 + 0.45)
    assert parts.net == pytest.approx(0.6 - 0.3 - 0.01 + 0.8)


def test_a_base_coin_fee_lowers_the_position_and_costs_its_worth_at_the_mid() -> None:
    w = window([fill(10, +1, 100.0, 1.0, m0=100.0, m=100.0, m_1s=100.0, fee_base=0.001)], closing_mid=110.0)
    parts = parts_of(w)
    assert w.closing.position == pytest.approx(0.999)
    assert parts.fees_eff == pytest.approx(-0.1)
    assert parts.inventory == pytest.approx(9.99)
    assert parts.net == pytest.approx(0.999 * 110.0 - 100.0)


def test_funding_and_the_opening_position_are_told_apart() -> None:
    start = LedgerPoint(position=3.0, mid=100.0, cash=-50.0, funding=-1.0)
    parts = parts_of(window(opening=start, closing_mid=101.0, funding=-0.25))
    assert (parts.opening, parts.funding, parts.carry, parts.net) == (3.0, -0.25, 0.0, 2.75)


def test_a_fill_in_the_last_second_counts_the_move_up_to_the_end_as_adverse() -> None:
    parts = parts_of(window([fill(3599.5, +1, 100.0, 1.0, m0=100.0, m=100.0)], closing_mid=99.0))
    assert (parts.adverse_1s, parts.carry) == (-1.0, 0.0)


@pytest.mark.parametrize("field", ["m0", "m"])
@pytest.mark.parametrize("value", [math.nan, 0.0, -1.0, math.inf])
def test_a_fill_without_a_mid_is_an_error(field: str, value: float) -> None:
    row = fill(10, +1, 100.0, 1.0, m0=100.0, m=100.0) | {field: value}
    with pytest.raises(LedgerError, match=r"fill 0 has m"):
        attribute_fills(window([row]))


@pytest.mark.parametrize("wrong", [1e-5, -1e-5, math.nan])
def test_books_that_disagree_with_the_attribution_are_an_error(wrong: float) -> None:
    w = window([fill(10, +1, 100.0, 1.0, m0=100.0, m=100.0)])
    broken = dataclasses.replace(w, closing=dataclasses.replace(w.closing, cash=w.closing.cash + wrong))
    with pytest.raises(LedgerError, match="differs from the books"):
        parts_of(broken)


def three_iterations() -> list[WindowData]:
    first = window([fill(10, +1, 99.0, 2.0, m0=100.0, m=99.5, m_1s=99.2)], end_s=100, closing_mid=98.0)
    second = window(
        [fill(150, -1, 98.7, 3.0, m0=98.2, m=98.4, m_1s=98.9, fee_quote=0.1)],
        start_s=100,
        end_s=200,
        opening=first.closing,
        closing_mid=99.1,
        funding=-0.02,
    )
    third = window(start_s=200, end_s=300, opening=second.closing, closing_mid=97.3)
    return [first, second, third]


def test_nets_of_chained_iterations_add_up_to_the_net_of_the_whole_run() -> None:
    iterations = three_iterations()
    whole, summed = parts_of(chain(iterations)), add_up(parts_of(w) for w in iterations)
    for name in ("turnover", "gross", "slippage", "fees_eff", "inventory", "funding", "net"):
        assert getattr(whole, name) == pytest.approx(getattr(summed, name), rel=1e-12), name


@pytest.mark.parametrize("change", [{"position": 9.0}, {"mid": 1.0}, {"cash": 0.0}, {"funding": 1.0}])
def test_iterations_that_do_not_carry_their_books_over_do_not_chain(change: dict[str, float]) -> None:
    first, second, _ = three_iterations()
    broken = dataclasses.replace(second, opening=dataclasses.replace(second.opening, **change))
    with pytest.raises(LedgerError, match="must carry over"):
        chain([first, broken])


def test_iterations_with_a_hole_in_time_do_not_chain() -> None:
    first, _, third = three_iterations()
    with pytest.raises(LedgerError, match="does not continue"):
        chain([first, third])
    with pytest.raises(LedgerError, match="no windows"):
        chain([])
