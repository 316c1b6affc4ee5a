"""The system's clock inside compiled code, for measurements only: no result may depend on it."""

from __future__ import annotations

import sys
from time import perf_counter_ns
from typing import Any

HAS_CLOCK = sys.platform != "win32"
"""Whether compiled code can read the clock here: it calls ``clock_gettime``."""

CLOCK_MONOTONIC = 6 if sys.platform == "darwin" else 1


def clock_ns(room: Any) -> int:
    """Give nanoseconds of a clock that only rises; ``room`` is an int64 array of two to read it into."""
    return perf_counter_ns()
