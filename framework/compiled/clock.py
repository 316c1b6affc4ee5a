"""The system's clock inside compiled code, for measurements only: no result may depend on it."""

from __future__ import annotations

import sys
from time import perf_counter_ns
from typing import Any

from numba import types

from framework.compiled.jit import core
from framework.compiled.records import interpreted

HAS_CLOCK = sys.platform != "win32"
"""Whether compiled code can read the clock here: it calls ``clock_gettime``."""

CLOCK_MONOTONIC = 6 if sys.platform == "darwin" else 1

_clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.intp))


@core
def _compiled_ns(room: Any) -> int:
    _clock_gettime(CLOCK_MONOTONIC, room.ctypes.data)
    now: int = room[0] * 1_000_000_000 + room[1]
    return now


def _interpreted_ns(room: Any) -> int:
    return perf_counter_ns()


clock_ns = _interpreted_ns if interpreted() else _compiled_ns
"""Give nanoseconds of a clock that only rises; ``room`` is an int64 array of two to read it into."""
