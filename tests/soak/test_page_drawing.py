"""What charts are drawn with: paths that lose nothing a pixel shows, and axes written on at round places."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.soak.page.layout import Box, reach, stacked
from framework.soak.page.panel import Panel, Pen
from framework.soak.page.paths import area_path, as_steps, line_path, number
from framework.soak.page.series import above_zero
from framework.soak.page.ticks import numbers, powers, spread_out, times

Points = list[tuple[int, int]]
SECOND = 1_000_000_000
places = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=1, max_size=12)


def drawn(path: str) -> list[Points]:
    """Follow path data; give the corners of each line in tenths of a pixel."""
    lines: list[Points] = []
    for word, given_numbers in re.findall(r"([MlhvzHV])([^A-Za-z]*)", path):
        at = [round(float(x) * 10) for x in re.findall(r"-?(?:\d+\.\d+|\.\d+|\d+)", given_numbers)]
        if word == "M":
            lines.append([(at[0], at[1])])
        elif word in "lhv":
            x, y = lines[-1][-1]
            dx, dy = (at[0], at[1]) if word == "l" else (at[0], 0) if word == "h" else (0, at[0])
            lines[-1].append((x + dx, y + dy))
    return lines


def covered(points: Points) -> set[tuple[int, int]]:
    """Give every tenth of a pixel on the level and upright stretches, and every corner."""
    found = set(points)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 == x1 or y0 == y1:
            count = max(abs(x1 - x0), abs(y1 - y0))
            step = ((x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0))
            found |= {(x0 + step[0] * k, y0 + step[1] * k) for k in range(count + 1)}
    return found


@given(places)
def test_a_path_leads_through_every_point_and_nowhere_else(points: Points) -> None:
    x, y = (np.array(values, np.float64) / 10.0 for values in zip(*points, strict=True))
    (line,) = drawn(line_path(x, y))
    assert covered(line) == covered(points)
    assert (line[0], line[-1]) == (points[0], points[-1])


def test_a_point_that_is_not_known_is_a_gap() -> None:
    x, y = np.arange(5.0), np.array([1.0, np.nan, 3.0, 4.0, np.inf])
    assert drawn(line_path(x, y)) == [[(0, 10)], [(20, 30), (30, 40)]]
    assert line_path(np.zeros(0), np.zeros(0)) == ""


def test_an_area_of_steps_keeps_the_corner_where_it_turns_back() -> None:
    at, over = as_steps(np.array([0.0, 1.0, 2.0]), np.array([4.0, 5.0, 5.0]))
    (around,) = drawn(area_path(at, np.zeros(len(at)), over))
    assert around == [(0, 40), (10, 40), (10, 50), (20, 50), (20, 0), (0, 0)]


@pytest.mark.parametrize(("value", "text"), [(0.04, "0"), (-0.26, "-.3"), (12.0, "12"), (-3.56, "-3.6")])
def test_a_coordinate_is_written_to_a_tenth_as_short_as_it_gets(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9), st.integers(2, 8))
def test_numbers_on_an_axis_are_few_evenly_apart_inside_it_and_told_apart(
    low: float, length: float, most: int
) -> None:
    high = low + length
    if (high - low) < 1e-7 * max(abs(low), abs(high)):
        return
    ticks = numbers(low, high, most=most)
    assert 1 <= len(ticks) <= most or length < 1e-12
    values = [value for value, _ in ticks]
    assert all(low - 1e-6 * length <= value <= high + 1e-6 * length for value in values)
    apart = np.diff(values)
    assert np.allclose(apart, apart[0] if len(apart) else 0.0, rtol=1e-3)
    assert len({text for _, text in ticks}) == len(ticks)


def test_a_wide_logarithmic_axis_has_powers_of_ten_and_a_narrow_one_more() -> None:
    assert [value for value, _ in powers(0.5, 2e3)] == [1.0, 10.0, 100.0, 1000.0]
    assert [text for _, text in powers(1.5, 30.0)] == ["2", "5", "10", "20"]
    assert len(powers(1e-12, 1e12)) <= 8


def test_times_are_round_and_in_the_unit_of_their_distance() -> None:
    noon = 1_700_049_600 * SECOND
    assert [text for _, text in times(start_ns=noon, end_ns=noon + 3 * 3600 * SECOND, most=4)] == [
        "12:00", "13:00", "14:00", "15:00",
    ]  # fmt: skip
    assert times(start_ns=noon + SECOND, end_ns=noon + 16 * SECOND, most=4)[0] == (4.0, "12:00:05")
    days = times(start_ns=noon, end_ns=noon + 10 * 86_400 * SECOND, most=4)
    assert re.fullmatch(r"\d\d \w{3}", days[0][1])


@given(st.lists(st.floats(0.0, 200.0), min_size=1, max_size=8))
def test_labels_that_would_touch_are_moved_apart_in_their_order(wanted: list[float]) -> None:
    placed = spread_out(wanted, gap=14.0, top=200.0)
    order = sorted(range(len(wanted)), key=lambda k: (wanted[k], k))
    assert all(placed[b] - placed[a] > 13.0 for a, b in pairwise(order))


def test_a_range_holds_everything_known_with_room_to_spare() -> None:
    assert reach([1.0, np.nan], [3.0], margin=0.1) == (0.8, 3.2)
    assert reach([2.0], zero=True, margin=0.0) == pytest.approx((-0.1, 2.1))
    assert reach([np.nan]) == (-1.0, 1.0)
    low, high = reach([5.0])
    assert low < 5.0 < high


def test_boxes_share_a_chart_in_their_proportions() -> None:
    first, second = stacked(width=100, height=200, rows=(2.0, 1.0), left=10, right=10, top=10, bottom=10)
    assert (first, second) == (Box(10, 10, 80, 100), Box(10, 140, 80, 50))


def test_a_line_is_cut_off_at_zero_where_it_crosses_it() -> None:
    x, y = above_zero(np.array([0.0, 1.0, 2.0]), np.array([1.0, -1.0, 3.0]))
    assert x.tolist() == [0.0, 0.5, 1.0, 1.25, 2.0]
    assert y.tolist() == [1.0, 0.0, 0.0, 0.0, 3.0]


def test_words_of_a_mark_and_of_a_text_are_escaped() -> None:
    panel = Panel(Box(0, 0, 10, 10), x=(0.0, 1.0), y=(0.0, 1.0))
    panel.dots([0.5], [0.5], Pen("net"), words=["<b>&"])
    panel.text(0, 0, "<b>&")
    assert "".join(panel.parts).count("&lt;b&gt;&amp;") == 2
