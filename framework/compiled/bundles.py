"""Bundles: many buffers as one argument, declared once.

``@bundle`` reads the annotations of a class: ``list[X]`` is a buffer of the record, integers or floats X,
``Sequence[X]`` one that is only read; a bare record is a single row. The class becomes a named tuple. An
entry whose parameters are annotated with bundles takes its signature from there, a driver makes its buffers
into one with ``bind``, and so an argument list is written in one place. A call from Python costs the same for
thirty buffers as for one.
"""

from __future__ import annotations

import sys
from collections import namedtuple
from typing import Any, TypeVar

import numpy as np

from framework.compiled.records import dtype_of, interpreted
from framework.compiled.signature import Buffer

T = TypeVar("T")
PLAIN = ("i8", "f8", "u1", "i1")


def bundle(cls: type[T]) -> type[T]:
    """Turn an annotated class into a bundle of buffers and single rows."""
    owner = vars(sys.modules[cls.__module__])
    layout = {name: _member(str(kind), owner) for name, kind in cls.__annotations__.items()}
    build: Any = namedtuple
    made = build(cls.__name__, tuple(layout))
    made.__doc__, made.__module__ = cls.__doc__, cls.__module__
    made.layout = made(**layout)
    return made  # type: ignore[no-any-return]


def _member(kind: str, owner: dict[str, Any]) -> Buffer:
    outer, _, inner = kind.rstrip("]").rpartition("[")
    dtype = np.dtype(inner) if inner in PLAIN else dtype_of(owner[inner])
    return Buffer(dtype, writable=outer != "Sequence", single=not outer)


def bind(kind: type[T], /, **buffers: Any) -> T:
    """Make buffers into a bundle; a single row is given as a buffer whose first row it is."""
    made: Any = kind
    if interpreted():
        return made(**{name: _plain(made.layout, name, buffer) for name, buffer in buffers.items()})  # type: ignore[no-any-return]
    return made(**buffers)  # type: ignore[no-any-return]


def rebind(given: T, /, **buffers: Any) -> T:
    """Give a bundle with some of its buffers replaced by others."""
    made: Any = given
    if interpreted():
        buffers = {name: _plain(made.layout, name, buffer) for name, buffer in buffers.items()}
    return made._replace(**buffers)  # type: ignore[no-any-return]


def _plain(layout: Any, name: str, buffer: Any) -> Any:
    if getattr(layout, name).single:
        return buffer[0]
    return buffer.tolist() if isinstance(buffer, np.ndarray) else buffer
