"""What an entry takes and gives, declared without the compiler: numbers, buffers, and tuples of buffers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

import numpy as np

from framework.compiled.records import dtype_of

NUMBERS = (np.dtype(np.int64), np.dtype(np.float64))


@dataclass(frozen=True)
class Buffer:
    """A contiguous array of one dimension; one that is not ``writable`` may be read-only memory.

    Of a ``single`` one compiled code sees the first row alone.
    """

    dtype: np.dtype[Any]
    writable: bool = True
    single: bool = False


def array(code: str, *, writable: bool = True) -> Buffer:
    """Name a contiguous one-dimensional array of a numpy type code such as ``i8``, ``f8``, ``u1``."""
    return Buffer(np.dtype(code), writable)


def spec_of(declared: Any) -> Any:
    """Turn what an entry declares into a dtype, a ``Buffer``, or a named tuple of both.

    ``int`` and ``float`` are numbers of 64 bits, a record class is a buffer of it, and a bundle, or an
    instance of a named tuple that holds declarations, is such a tuple.
    """
    if isinstance(declared, type) and hasattr(declared, "layout"):
        return declared.layout
    if declared == list[int]:
        return array("i8")
    if isinstance(declared, Buffer):
        return declared
    if isinstance(declared, tuple):
        return type(declared)(*map(spec_of, declared))
    if isinstance(declared, type) and hasattr(declared, "dtype"):
        return Buffer(dtype_of(declared))
    number = np.dtype(np.int64 if declared is int else declared)
    if number not in NUMBERS:
        raise TypeError(f"an entry takes {number}; allowed int, float, records, arrays and tuples of them")
    return number


def words_of(spec: Any) -> int:
    """Count the words of 64 bits that a declared argument takes: a buffer is an address and a length."""
    if isinstance(spec, tuple):
        return sum(map(words_of, spec))
    return 2 if isinstance(spec, Buffer) and not spec.single else 1


def annotated(function: Callable[..., Any]) -> list[Any]:
    """Read what an entry takes from its annotations."""
    hints = get_type_hints(function)
    hints.pop("return", None)
    return list(hints.values())
