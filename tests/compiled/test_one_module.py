"""An entry and all it calls are compiled as one module, and numba is afterwards what it was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
import pytest
from numba import float64, int64
from numba.core import base, errors, typing
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.errors import UnsupportedError
from numba.core.types.functions import BaseFunction

from framework.compiled.jit import Entry, array, core, entry, hot
from framework.compiled.records import at, i8, interpreted, record, zeros
from framework.compiled.rows import rows

pytestmark = pytest.mark.skipif(interpreted(), reason="nothing is compiled")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUOTEOPS_CACHE", str(tmp_path))


@record
class Count:
    calls: i8


@core
def apart(value: int) -> tuple[int, float]:
    return value // 3, value % 3 * 0.5


@hot
def squared(value: int) -> int:
    return int(value**2)


@core
def factorial(value: int) -> int:
    return 1 if value < 2 else value * factorial(value - 1)


@core
def refused(value: int) -> int:
    if value < 0:
        raise ValueError("negative")
    return value


def odds_and_ends(n: int, items: Any, counts: list[Count]) -> float:
    items = rows(items)
    count = counts[0]
    total = 0.0
    for k in range(n):
        if k == 3:
            continue
        for j in range(k):
            if j > 5:
                break
            total += items[j]
        else:
            total += 100
        whole, rest = apart(k)
        rebound: float = whole
        if k > 2:
            rebound = rest * 2
        total += max(rebound, 1) + squared(value=k)
        count.calls += 1
    while total > 1_000:
        total -= 7
    return total + factorial(n) + min(n, 3)


def again(n: int) -> int:
    return squared(n) + factorial(n)


def refusing(n: int) -> int:
    return refused(n)


def as_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give the function with every inner function it calls as plain Python."""
    names = dict(globals())
    for name, value in globals().items():
        if hasattr(value, "py_func"):
            names[name] = FunctionType(value.py_func.__code__, names)
    return FunctionType(function.__code__, names)


def make(function: Callable[..., Any], *signature: Any, returns: Any = int64) -> Entry:
    return entry(*signature, returns=returns)(function)


def numba_insides() -> list[Any]:
    return [
        vars(owner).get(name)
        for owner, name in (
            (JITCodeLibrary, "add_ir_module"),
            (JITCodeLibrary, "finalize"),
            (JITCPUCodegen, "set_env"),
            (BaseFunction, "get_call_type"),
            (base.llvmir.Type, "get_abi_size"),
            (base.BaseContext, "refresh"),
            (typing.BaseContext, "refresh"),
            (errors, "_termcolor_inst"),
        )
    ]


def test_compiled_and_plain_python_agree_on_odds_and_ends() -> None:
    compiled = make(odds_and_ends, int64, array("f8"), Count, returns=float64)
    items = np.arange(16.0) * 0.3
    for n in (0, 1, 5, 12):
        ours, theirs = zeros(Count, 1), [Count()]
        assert compiled(n, items, ours) == as_python(odds_and_ends)(n, items, theirs)
        assert at(ours, 0).calls == theirs[0].calls


def test_a_second_entry_may_share_inner_functions_with_the_first() -> None:
    items = np.zeros(8)
    first = make(odds_and_ends, int64, array("f8"), Count, returns=float64)
    second = make(again, int64)
    assert first(4, items, zeros(Count, 1)) == as_python(odds_and_ends)(4, items, [Count()])
    assert second(5) == 25 + 120


def test_what_a_core_compiled_serves_an_ordinary_function_afterwards() -> None:
    assert make(again, int64)(5) == 25 + 120

    @numba.njit  # type: ignore[untyped-decorator]
    def ordinary(value: int) -> Any:
        return value**2 + factorial(value), [k**2 for k in range(value)]

    assert ordinary(4) == (16 + 24, [0, 1, 4, 9])


def test_what_an_ordinary_function_compiled_serves_a_core_afterwards() -> None:
    @numba.njit  # type: ignore[untyped-decorator]
    def ordinary(value: int) -> Any:
        return value**2

    @core
    def calling(value: int) -> Any:
        return ordinary(value)

    def through(n: int) -> Any:
        return calling(n) + n**2

    assert ordinary(3) == 9
    assert make(through, int64)(3) == 18


def test_an_index_out_of_bounds_is_an_error() -> None:
    compiled = make(odds_and_ends, int64, array("f8"), Count, returns=float64)
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(5, np.zeros(1), zeros(Count, 1))


def test_an_entry_comes_back_from_the_cache_as_it_was_compiled() -> None:
    assert make(again, int64)(6) == make(again, int64)(6) == 36 + 720


def test_numba_is_itself_again_after_a_compilation_and_after_one_that_failed() -> None:
    before = numba_insides()
    make(again, int64).load()
    with pytest.raises(UnsupportedError, match="raise"):
        make(refusing, int64).load()
    assert all(now is then for now, then in zip(numba_insides(), before, strict=True))
