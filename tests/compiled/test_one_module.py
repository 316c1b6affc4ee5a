"""An entry and all it calls are compiled as one module, and numba is afterwards what it was before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import base, errors, typing
from numba.core.callconv import CPUCallConv
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.errors import UnsupportedError
from numba.core.types.functions import BaseFunction

from framework.compiled.jit import Entry, array, core, entry, hot
from framework.compiled.records import at, i8, interpreted, record, zeros

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


def make(function: Callable[..., Any], *signature: Any, returns: Any = int) -> Entry:
    return entry(*signature, returns=returns)(function)


def numba_insides() -> list[Any]:
    return [
        vars(owner).get(name)
        for owner, name in (
            (JITCodeLibrary, "add_ir_module"),
            (JITCodeLibrary, "finalize"),
            (JITCPUCodegen, "set_env"),
            (CPUCallConv, "return_user_exc"),
            (BaseFunction, "get_call_type"),
            (base.llvmir.Type, "get_abi_size"),
            (base.BaseContext, "refresh"),
            (typing.BaseContext, "refresh"),
            (typing.BaseContext, "_get_global_type"),
            (numba.types.NamedTuple, "mangling_args"),
            (errors, "_termcolor_inst"),
        )
    ]


def test_compiled_and_plain_python_agree_on_odds_and_ends() -> None:
    compiled = make(odds_and_ends, int, array("f8"), Count, returns=float)
    items = np.arange(16.0) * 0.3
    for n in (0, 1, 5, 12):
        ours, theirs = zeros(Count, 1), [Count()]
        assert compiled(n, items, ours) == odds_and_ends(n, items, theirs)
        assert at(ours, 0).calls == theirs[0].calls


def test_a_second_entry_may_share_inner_functions_with_the_first() -> None:
    items = np.zeros(8)
    first = make(odds_and_ends, int, array("f8"), Count, returns=float)
    second = make(again, int)
    assert first(4, items, zeros(Count, 1)) == odds_and_ends(4, items, [Count()])
    assert second(5) == 25 + 120


def test_an_ordinary_function_cannot_call_what_only_a_core_may() -> None:
    assert make(again, int)(5) == 25 + 120

    @numba.njit  # type: ignore[untyped-decorator]
    def ordinary(value: int) -> Any:
        return value**2 + factorial(value)

    with pytest.raises(errors.TypingError, match="factorial"):
        ordinary(4)


def test_numba_compiles_as_ever_after_a_core() -> None:
    assert make(again, int)(5) == 25 + 120

    @numba.njit  # type: ignore[untyped-decorator]
    def ordinary(value: int) -> Any:
        return value**2 // (value - 4), [k**2 for k in range(value)]

    assert ordinary(5) == (25, [0, 1, 4, 9, 16])
    with pytest.raises(ZeroDivisionError):
        ordinary(4)


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
    assert make(through, int)(3) == 18


def test_an_index_out_of_bounds_is_an_error_that_names_the_function() -> None:
    compiled = make(odds_and_ends, int, array("f8"), Count, returns=float)
    with pytest.raises(IndexError, match=r"index is out of bounds \(in odds_and_ends, compiled\)"):
        compiled(5, np.zeros(1), zeros(Count, 1))


def test_an_entry_comes_back_from_the_cache_as_it_was_compiled() -> None:
    assert make(again, int)(6) == make(again, int)(6) == 36 + 720


def test_numba_is_itself_again_after_a_compilation_and_after_one_that_failed() -> None:
    before = numba_insides()
    make(again, int).load()
    with pytest.raises(UnsupportedError, match="raise"):
        make(refusing, int).load()
    assert all(now is then for now, then in zip(numba_insides(), before, strict=True))
