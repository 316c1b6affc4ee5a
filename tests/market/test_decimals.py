"""Decimal texts are exact integers: nothing is rounded on the way to ticks and lots."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.market.errors import TapeError
from framework.market.importers import decimals

STEPS = st.sampled_from(["0.1", "0.01", "0.5", "0.00000001", "1", "100", "0.25", "0.001"])


@given(STEPS, st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_a_multiple_of_the_step_comes_back_as_its_count(step: str, counts: list[int]) -> None:
    texts = [format(Decimal(step) * count, "f") for count in counts]
    numbers = decimals.parse(texts=texts)
    found = decimals.count_steps(numbers=numbers, step=step, what="price", place=str)
    assert found.tolist() == counts


@given(STEPS, st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
def test_the_inferred_grid_is_the_greatest_step_that_fits_all(step: str, counts: list[int]) -> None:
    numbers = decimals.parse(texts=[format(Decimal(step) * count, ".8f") for count in counts])
    grid = decimals.grid(numbers=numbers, what="price", where="x")
    found = decimals.count_steps(numbers=numbers, step=grid, what="price", place=str)
    assert np.gcd.reduce(found) == 1
    assert Decimal(grid) % Decimal(step) == 0


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 8)), max_size=30))
def test_floats_are_read_as_the_shortest_decimals_they_stand_for(parts: list[tuple[int, int]]) -> None:
    texts = [format(Decimal(whole).scaleb(-places), "f") for whole, places in parts]
    exact = decimals.parse(texts=texts)
    read = decimals.from_floats(values=np.array([float(text) for text in texts], np.float64))
    assert read.mantissa.tolist() == exact.mantissa.tolist()
    assert read.places.tolist() == exact.places.tolist()


def test_exponents_and_whole_numbers_are_decimals_too() -> None:
    read = decimals.parse(texts=["1e-7", "9682", "28145.10"])
    assert read.mantissa.tolist() == [1, 9682, 281451]
    assert read.places.tolist() == [7, 0, 1]


@pytest.mark.parametrize("text", ["", ".", "1.2.3", "-1", "abc", "1 2", "NaN", "9" * 19])
def test_a_text_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        decimals.parse(texts=["1.0", text])


def test_a_number_off_the_grid_is_refused_with_its_place() -> None:
    numbers = decimals.parse(texts=["1.00", "1.25"])
    with pytest.raises(TapeError, match=r"line 1: price 1.25 does not fit; allowed multiples of 0.1"):
        decimals.count_steps(numbers=numbers, step="0.1", what="price", place=lambda row: f"line {row}")


def test_numbers_too_wide_for_64_bits_in_one_go_are_still_exact() -> None:
    numbers = decimals.parse(texts=["900000000000000000", "0.5"])
    with pytest.raises(TapeError, match="does not fit"):
        decimals.count_steps(numbers=numbers, step="1", what="quantity", place=str)
    assert decimals.grid(numbers=numbers, what="quantity", where="x") == "0.5"
