"""What an entry takes and gives, declared without the compiler: numbers, buffers, and tuples of buffers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.compiled.records import dtype_of

NUMBERS = (np.dtype(np.int64), np.dtype(np.float64))


@dataclass(frozen=True)
class Buffer:
    """A contiguous array of one dimension; one that is not ``writable`` may be read-only memory."""

    dtype: np.dtype[Any]
    writable: bool = True


def array(code: str, *, writable: bool = True) -> Buffer:
    """Name a contiguous one-dimensional array of a numpy type code such as ``i8``, ``f8``, ``u1``."""
    return Buffer(np.dtype(code), writable)


def spec_of(declared: Any) -> Any:
    """Turn what an entry declares into a dtype, a ``Buffer``, or a named tuple of both.

    ``int`` and ``float`` are numbers of 64 bits, a record class is a buffer of it, and an instance of a named
    tuple that holds declarations is such a tuple.
    """
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
    return 2 if isinstance(spec, Buffer) else 1
