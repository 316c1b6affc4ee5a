"""Calling machine code with Python's objects: checks, then one pointer to a row of words.

The row holds the result and after it every argument in turn, a number in one word and a buffer as its
address and its length. Whoever calls keeps a ``Call`` of its own: buffers that are the same objects as in
the call before are neither looked at nor written again, which makes a call cheap enough for every event.
"""

from __future__ import annotations

import builtins
import ctypes
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from framework.compiled.signature import Buffer, words_of

Fault = tuple[str, str, str]
"""What a status above zero means: the exception's name, its message, and the function it came from."""


class Call:
    """A compiled entry and the row of words of one caller."""

    __slots__ = ("_address", "_buffers", "_faults", "_held", "_int", "_name", "_numbers", "_result", "_row",
                 "_run", "_signature", "_starts")  # fmt: skip

    def __init__(
        self,
        *,
        name: str,
        signature: Sequence[Any],
        returns: np.dtype[Any],
        address: int,
        faults: Sequence[Fault],
    ) -> None:
        self._name, self._signature, self._faults = name, signature, faults
        *self._starts, end = accumulate(map(words_of, signature), initial=1)
        self._row = (ctypes.c_int64 * end)()
        self._address = ctypes.addressof(self._row)
        raw = memoryview(self._row).cast("B")
        self._int, real = raw.cast("q"), raw.cast("d")
        self._result = real if returns.kind == "f" else self._int
        self._numbers = [
            (k, self._starts[k], real if spec.kind == "f" else self._int)
            for k, spec in enumerate(signature)
            if isinstance(spec, np.dtype)
        ]
        self._buffers = [k for k, spec in enumerate(signature) if not isinstance(spec, np.dtype)]
        self._held: list[Any] = [None] * len(signature)
        self._run: Callable[[int], int] = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(address)

    def __call__(self, *args: Any) -> Any:
        """Run the entry; TypeError for what is not of its signature, and what the compiled code raises."""
        held = self._held
        if len(args) != len(held):
            raise TypeError(f"{self._name} takes {len(held)} arguments, {len(args)} given")
        try:
            for k, word, row in self._numbers:
                row[word] = args[k]
        except (TypeError, ValueError) as error:
            given, allowed = type(args[k]).__name__, self._signature[k]
            raise TypeError(
                f"{self._name}: argument {k + 1} is a {given} no word holds; allowed {allowed}"
            ) from error
        for k in self._buffers:
            if args[k] is not held[k]:
                self._hold(k, args[k])
        status = self._run(self._address)
        if status:
            raise self._error(status)
        return self._result[0]

    def _hold(self, k: int, arg: Any) -> None:
        """Check an argument, write down where it lies, and keep it alive until another takes its place."""
        self._held[k] = None
        self._write(self._starts[k], self._signature[k], arg, f"argument {k + 1}")
        self._held[k] = arg

    def _write(self, word: int, spec: Any, arg: Any, what: str) -> None:
        if isinstance(spec, Buffer):
            self._int[word] = self._address_of(spec, arg, what)
            if not spec.single:
                self._int[word + 1] = len(arg)
            elif not len(arg):
                raise TypeError(f"{self._name}: {what} is empty; allowed at least one row")
            return
        if type(arg) is not type(spec):
            raise TypeError(f"{self._name}: {what} is a {type(arg).__name__}; allowed {type(spec).__name__}")
        for name, inner, part in zip(spec._fields, spec, arg, strict=True):
            if isinstance(inner, np.dtype):
                raise TypeError(f"{self._name}: {what}.{name} is a number; allowed buffers only")
            self._write(word, inner, part, f"{what}.{name}")
            word += words_of(inner)

    def _address_of(self, spec: Buffer, arg: Any, what: str) -> int:
        if not isinstance(arg, np.ndarray) or arg.ndim != 1 or arg.dtype != spec.dtype:
            given = f"{arg.ndim}-dimensional {arg.dtype}" if isinstance(arg, np.ndarray) else type(arg)
            raise TypeError(f"{self._name}: {what} is {given}; allowed a 1-dimensional array of {spec.dtype}")
        flags = arg.flags
        if not (flags.c_contiguous and flags.aligned and (flags.writeable or not spec.writable)):
            allowed = "a contiguous, aligned" + (" and writable" if spec.writable else "")
            raise TypeError(f"{self._name}: {what} is not; allowed {allowed} array")
        return int(arg.ctypes.data)

    def _error(self, status: int) -> Exception:
        if not 0 < status <= len(self._faults):
            return RuntimeError(f"{self._name}: compiled code ended with status {status}")
        kind, message, function = self._faults[status - 1]
        made: Exception = getattr(builtins, kind)(f"{message} (in {function}, compiled)")
        return made
