"""The outcome of one call: what it gave, or why it gave nothing, and where it ran."""

from __future__ import annotations

import os
import pickle
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

from framework.errors import QuoteopsError
from framework.fanout.errors import FanoutError

T = TypeVar("T")
R = TypeVar("R")
ATTEMPTS = 2
"""A call whose worker dies is made once more; one that kills two workers is an error."""


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[R]):
    """What became of the item at ``index``: a value, or an error of one line.

    ``trace`` is the traceback of a fault of the program; a refusal (QuoteopsError) and a dead worker have
    none. ``attempts`` is 2 when the first worker died. ``seconds`` is the time the call took and ``worker``
    the process that made it: neither belongs in a report.
    """

    index: int
    value: R | None = None
    error: str | None = None
    trace: str | None = None
    refused: bool = False
    attempts: int = 1
    seconds: float = 0.0
    worker: str = ""

    @property
    def ok(self) -> bool:
        """Tell whether the call gave a value."""
        return self.error is None

    def unwrap(self) -> R:
        """Give the value; raises FanoutError with the outcome's error."""
        if self.error is not None:
            raise FanoutError(self.error)
        return self.value  # type: ignore[return-value]


def call(job: Callable[[Any], R], item: Any, *, index: int, attempts: int) -> Outcome[R]:
    """Make one call; whatever it raises is an outcome, a keyboard interrupt excepted."""
    start = time.perf_counter()
    result: dict[str, Any]
    try:
        result = {"value": job(item)}
    except QuoteopsError as error:
        result = {"error": one_line(error), "refused": True}
    except (Exception, SystemExit) as error:  # noqa: BLE001 - one item's fault must not hide the others
        result = {"error": f"{type(error).__name__}: {one_line(error)}", "trace": traceback.format_exc()}
    return Outcome(
        index=index,
        attempts=attempts,
        seconds=time.perf_counter() - start,
        worker=f"{os.getpid()}@{socket.gethostname()}",
        **result,
    )


def call_packed(job: bytes | Callable[[Any], R], item: bytes, *, index: int, attempts: int) -> Outcome[R]:
    """Make one call whose item, and perhaps job, came pickled: what cannot be unpickled is an outcome too.

    The outcome can be pickled.
    """

    def unpacked(data: bytes) -> R:
        ready: Callable[[Any], R] = _job(job) if isinstance(job, bytes) else job
        return ready(pickle.loads(data))

    outcome = call(unpacked, item, index=index, attempts=attempts)
    try:
        pickle.dumps(outcome, protocol=5)
    except Exception as error:  # noqa: BLE001 - a value that cannot travel is this item's error
        text = f"its value cannot be sent: {type(error).__name__}: {one_line(error)}"
        return replace(outcome, value=None, error=text)
    return outcome


@lru_cache(maxsize=1)
def _job(data: bytes) -> Any:
    return pickle.loads(data)


def lost(*, index: int, attempts: int, how: str) -> Outcome[Any]:
    """Give the outcome of an item that no worker survived."""
    return Outcome(index=index, attempts=attempts, error=f"its worker died {attempts} times ({how})")


def one_line(error: BaseException) -> str:
    """Give an error's first line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
