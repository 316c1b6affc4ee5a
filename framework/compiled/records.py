"""Flat records: one declaration gives a numpy dtype for compiled code and a slots class for the interpreter.

``@record`` reads the annotations of a class. Compiled code indexes an ndarray of the dtype; with
``NUMBA_DISABLE_JIT=1`` the same source indexes a list of slots objects, which is about thirty times faster
than ``numpy.record`` and lets a debugger and a coverage tool see every line.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    i8 = int
    u1 = int
    i1 = int
    f8 = float
else:
    i8, u1, i1, f8 = "i8", "u1", "i1", "f8"

T = TypeVar("T")
_KINDS = {"i8": (np.int64, 0), "f8": (np.float64, 0.0)}


@cache
def interpreted() -> bool:
    """Tell whether compiled code runs as plain Python (``NUMBA_DISABLE_JIT=1``)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def record(cls: type[T]) -> type[T]:
    """Turn an annotated class into a record with ``dtype`` and ``__slots__``.

    Fields are ``i8`` or ``f8``. Raises TypeError on another type or on a name that is also an ndarray
    attribute, which would mean something else in interpreted mode.
    """
    fields: list[tuple[str, Any]] = []
    for name, kind in cls.__annotations__.items():
        if kind not in _KINDS:
            raise TypeError(f"{cls.__name__}.{name}: type is {kind}; allowed i8, f8")
        if hasattr(np.ndarray, name):
            raise TypeError(f"{cls.__name__}.{name}: the name is an ndarray attribute; choose another")
        fields.append((name, _KINDS[kind][0]))
    defaults = [(name, _KINDS[kind][1]) for name, kind in cls.__annotations__.items()]

    def __init__(self: Any) -> None:
        for name, value in defaults:
            setattr(self, name, value)

    body = {
        "__slots__": tuple(name for name, _ in fields),
        "__init__": __init__,
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
    }
    made: Any = type(cls.__name__, (), body)
    made.dtype = np.dtype(fields, align=True)
    return made  # type: ignore[no-any-return]


def dtype_of(cls: type[T]) -> np.dtype[Any]:
    """Give the numpy dtype of a record."""
    return cls.dtype  # type: ignore[attr-defined, no-any-return]


def zeros(cls: type[T], n: int) -> list[T]:
    """Make a buffer of ``n`` zeroed records in the form the current mode wants.

    Typed as a list because both forms are indexed and assigned field by field in the same way.
    """
    if interpreted():
        return [cls() for _ in range(n)]
    return np.zeros(n, dtype_of(cls))  # type: ignore[return-value]


def to_array(cls: type[T], buffer: list[T], n: int | None = None) -> np.ndarray[Any, Any]:
    """Copy the first ``n`` records of a buffer into a structured ndarray, whatever the mode."""
    stop = len(buffer) if n is None else n
    if isinstance(buffer, np.ndarray):
        return buffer[:stop].copy()
    names = dtype_of(cls).names or ()
    rows = [tuple(getattr(r, name) for name in names) for r in buffer[:stop]]
    return np.array(rows, dtype_of(cls))


def rows_in(cls: type[T], buffer: list[T], first: int, end: int) -> np.ndarray[Any, Any]:
    """Give records to read as a structured ndarray: where they lie, if they lie in one, else a copy."""
    if not isinstance(buffer, np.ndarray):
        return to_array(cls, buffer[first:end])
    rows = buffer[first:end].view()
    rows.flags.writeable = False
    return rows


def from_array(cls: type[T], array: np.ndarray[Any, Any]) -> list[T]:
    """Copy a structured ndarray into a buffer of the current mode; the reverse of ``to_array``."""
    buffer = zeros(cls, len(array))
    if isinstance(buffer, np.ndarray):
        buffer[:] = array
        return buffer
    for target, row in zip(buffer, array, strict=True):
        for name in dtype_of(cls).names or ():
            setattr(target, name, row[name].item())
    return buffer


class Row:
    """Attribute access to one record of a structured ndarray, for drivers; compiled code does not need it."""

    __slots__ = ("_buffer", "_index")

    def __init__(self, buffer: np.ndarray[Any, Any], index: int) -> None:
        object.__setattr__(self, "_buffer", buffer)
        object.__setattr__(self, "_index", index)

    def __getattr__(self, name: str) -> Any:
        return self._buffer[name][self._index].item()

    def __setattr__(self, name: str, value: Any) -> None:
        self._buffer[name][self._index] = value


def at(buffer: list[T], index: int) -> T:
    """Give one record of a buffer with its fields as attributes, in either mode."""
    if isinstance(buffer, np.ndarray):
        return Row(buffer, index)
    return buffer[index]
