"""What goes wrong inside compiled code, as a number: each place that can fail returns a status of its own.

numba would store a pickled exception in the code and return its address; here the code returns which line of
a table it is, and the table lies beside the code. The call turns it into the exception.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core.callconv import FIRST_USEREXC, CPUCallConv
from numba.core.callconv import _const_int as status_of

from framework.compiled.call import Fault

ELSEWHERE: Fault = ("RuntimeError", "an error in code that somebody else compiled", "an inner function")
FAULTS: list[Fault] = [ELSEWHERE]
"""The table, of all that this process compiled; numba's own convention has one status, the first."""

_lowered: list[tuple[str, str]] = []
_numbas_own = CPUCallConv.return_user_exc


@contextmanager
def lowering(*, module: str, function: str) -> Iterator[None]:
    """Name the function whose code is being made, and the module its code goes into."""
    _lowered.append((module, function))
    try:
        yield
    finally:
        _lowered.pop()


def return_fault(
    conv: Any, builder: Any, exc: Any, exc_args: Any = None, loc: Any = None, func_name: Any = None
) -> None:
    """Return from compiled code with the status of a fault, in place of numba's ``return_user_exc``.

    What numba compiles on the way for itself keeps numba's convention: others may call it later.
    """
    module, function = _lowered[-1] if _lowered else ("", "")
    if builder.module.name != module:
        _numbas_own(conv, builder, exc, exc_args, loc, func_name)
        return
    fault = (exc.__name__, str(exc_args[0]) if exc_args else exc.__name__, function)
    if fault not in FAULTS:
        FAULTS.append(fault)
    conv._return_errcode_raw(builder, status_of(FIRST_USEREXC + FAULTS.index(fault)))
