"""Jobs of the fan-out's tests: functions that a worker can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from framework.errors import QuoteopsError


def square(x: int) -> int:
    return x * x


def later_is_faster(x: int) -> int:
    time.sleep(0.3 / (1 + x))
    return x


def fussy(x: int) -> int:
    if x == 1:
        raise QuoteopsError("fussy: x is 1; allowed anything else")
    if x == 2:
        raise ZeroDivisionError("float division by zero\nsecond line")
    if x == 3:
        raise SystemExit(7)
    return x


def dies_once(place: str) -> str:
    """Kill its own worker at the first call with a marker, as an out-of-memory killer would."""
    marker = Path(place)
    if marker.name.startswith("mark") and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return marker.name


def always_dies(x: int) -> int:
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def gives_what_cannot_travel(x: int) -> object:
    return (lambda: x) if x == 1 else x


def where(_: int) -> tuple[int, str | None]:
    time.sleep(0.02)
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def forever(place: str) -> None:
    (Path(place) / str(os.getpid())).touch()
    time.sleep(600)


def plus(base: int, x: int) -> int:
    return base + x
