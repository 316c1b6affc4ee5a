"""What a caller hands to compiled code is looked at before the code is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from framework.compiled.jit import Entry, array, entry
from framework.compiled.records import f8, i8, interpreted, record, zeros

pytestmark = pytest.mark.skipif(interpreted(), reason="nothing is compiled")

Ints = NDArray[np.int64]


@record
class Total:
    count: i8
    value: f8


class Pair(NamedTuple):
    left: Any
    right: Any


READ = array("i8", writable=False)


@entry(float, Pair(READ, array("f8")), Total, returns=float)
def add_up(factor: float, pair: Pair, totals: list[Total]) -> float:
    total = totals[0]
    for k in range(len(pair.left)):
        total.count += 1
        total.value += factor * pair.left[k]
        pair.right[k] = total.value
    return total.value


@entry(int, array("i8"))
def pick(k: int, values: Ints) -> int:
    return int(values[k])


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUOTEOPS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def made() -> tuple[Pair, list[Total]]:
    return Pair(np.arange(4), np.zeros(4)), zeros(Total, 1)


def test_numbers_records_and_tuples_of_buffers_arrive() -> None:
    pair, totals = made()
    run = add_up.load()
    assert run(0.5, pair, totals) == 3.0
    assert pair.right.tolist() == [0.0, 0.5, 1.5, 3.0]
    assert run(1, pair, totals) == 9.0
    assert int(np.asarray(totals)["count"][0]) == 8


def test_memory_that_may_not_be_written_to_is_read_where_it_lies() -> None:
    pair, totals = made()
    pair.left.flags.writeable = False
    assert add_up(2.0, pair, totals) == 12.0


def test_another_buffer_takes_the_place_of_the_one_before() -> None:
    run = pick.load()
    first, second = np.array([1, 2]), np.array([3, 4, 5])
    assert [run(1, first), run(1, second), run(2, second), run(1, first)] == [2, 4, 5, 2]


def test_callers_do_not_share_what_they_remember() -> None:
    ours, theirs = pick.load(), pick.load()
    assert ours(0, np.array([1])) == 1
    assert theirs(0, np.array([2])) == 2


WRONG: dict[str, tuple[Callable[[Pair, list[Total]], tuple[Any, ...]], str]] = {
    "too few": (lambda pair, totals: (1.0, pair), "takes 3 arguments, 2 given"),
    "a text": (
        lambda pair, totals: ("1.0", pair, totals),
        "argument 1 is a str no word holds; allowed float64",
    ),
    "no tuple": (lambda pair, totals: (1.0, pair.left, totals), "argument 2 is a ndarray; allowed Pair"),
    "a list": (lambda pair, totals: (1.0, Pair([1], pair.right), totals), "argument 2.left is .*list"),
    "a dtype": (
        lambda pair, totals: (1.0, Pair(pair.left.astype(np.int32), pair.right), totals),
        "argument 2.left is 1-dimensional int32; allowed a 1-dimensional array of int64",
    ),
    "another record": (lambda pair, totals: (1.0, pair, pair.left), "argument 3 is 1-dimensional int64"),
    "steps": (
        lambda pair, totals: (1.0, Pair(np.arange(8)[::2], pair.right), totals),
        "argument 2.left is not; allowed a contiguous, aligned array",
    ),
    "a table": (lambda pair, totals: (1.0, Pair(pair.left.reshape(2, 2), pair.right), totals), "2-dim"),
    "read-only": (
        lambda pair, totals: (1.0, Pair(pair.left, np.frombuffer(bytes(32))), totals),
        "argument 2.right is not; allowed a contiguous, aligned and writable array",
    ),
    "crooked": (
        lambda pair, totals: (1.0, Pair(np.frombuffer(bytes(33), np.int64, 4, 1), pair.right), totals),
        "aligned",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_arguments_that_are_not_of_the_signature_are_refused_before_anything_runs(what: str) -> None:
    spoil, message = WRONG[what]
    pair, totals = made()
    run = add_up.load()
    with pytest.raises(TypeError, match=message):
        run(*spoil(pair, totals))
    assert int(np.asarray(totals)["count"][0]) == 0
    assert run(1.0, pair, totals) == 6.0


def test_a_number_that_no_word_holds_is_refused() -> None:
    for number in (1 << 63, 1.0, None, np.float64(2.0), np.zeros(1, np.int64)):
        with pytest.raises(TypeError, match=r"pick: argument 1 is a \w+ no word holds; allowed int64"):
            pick(number, np.arange(3))


@pytest.mark.parametrize("index", [3, -1])
def test_a_buffer_too_short_for_its_index_is_an_error_that_names_the_function(index: int) -> None:
    with pytest.raises(IndexError, match=r"index is out of bounds \(in pick, compiled\)"):
        pick(index, np.arange(3))


@pytest.mark.parametrize("declared", ["u1", "list"])
def test_an_entry_takes_numbers_of_64_bits_only(declared: str) -> None:
    with pytest.raises(TypeError):
        Entry(pick.function, (np.dtype("u1") if declared == "u1" else list,), int)
