"""Many calls of one function, spread as asked: in turn, over processes, or over a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeVar

from framework.fanout.errors import FanoutError
from framework.fanout.outcome import Outcome

T = TypeVar("T")
R = TypeVar("R")
BackendName = Literal["serial", "pool", "ray"]
BACKENDS: tuple[BackendName, ...] = ("serial", "pool", "ray")


class Fanout(Protocol):
    """A way to spread calls; its ``size`` workers stay warm from one ``run`` to the next."""

    @property
    def size(self) -> int:
        """Give how many calls are made at a time."""

    def run(
        self, job: Callable[[T], R], items: Sequence[T], *, on_done: Callable[[Outcome[R]], None]
    ) -> list[Outcome[R]]:
        """Make every call; give the outcomes in the order of the items."""

    def close(self) -> None:
        """End every worker."""


def run_all(
    job: Callable[[T], R],
    items: Sequence[T],
    *,
    workers: int | None = None,
    backend: BackendName = "pool",
    address: str | None = None,
    on_done: Callable[[Outcome[R]], None] = lambda _: None,
) -> list[Outcome[R]]:
    """Call ``job`` with every item; give the outcomes in the order of the items, whatever order they end in.

    ``job`` must be importable by name (or a ``functools.partial`` of such a function, whose arguments go to
    each worker once). What a call raises is its outcome; a call whose worker dies is made once more
    elsewhere. ``on_done`` gets each outcome in this process as it comes. ``workers`` defaults to the cores
    (of a joined cluster: all its cores), ``address`` joins a Ray cluster. Raises FanoutError when nothing
    can be spread at all, and what ``on_done`` raises; workers are ended either way.
    """
    with open_fanout(backend=backend, workers=_fit(workers, len(items), address), address=address) as fanout:
        return fanout.run(job, items, on_done=on_done)


@contextmanager
def open_fanout(
    *, backend: BackendName = "pool", workers: int | None = None, address: str | None = None
) -> Iterator[Fanout]:
    """Open a way to spread calls and end its workers afterwards, whatever happens. Raises FanoutError."""
    if workers is not None and workers < 1:
        raise FanoutError(f"fanout: workers is {workers}; allowed 1 or more")
    if address is not None and backend != "ray":
        raise FanoutError(f"fanout: address is {address} with backend {backend}; allowed with ray only")
    fanout = _opened(backend, workers, address)
    try:
        yield fanout
    finally:
        fanout.close()


def _opened(backend: BackendName, workers: int | None, address: str | None) -> Any:
    if backend == "serial":
        from framework.fanout.serial import Serial

        return Serial()
    if backend == "pool":
        from framework.fanout.pool import Pool

        return Pool(workers=workers or cores())
    if backend == "ray":
        from framework.fanout.cluster import RayCluster

        return RayCluster(workers=workers, address=address)
    raise FanoutError(f"fanout: backend is {backend}; allowed {', '.join(BACKENDS)}")


def cores() -> int:
    """Give the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _fit(workers: int | None, items: int, address: str | None) -> int | None:
    """Start no more workers than there are items."""
    if address is not None:
        return workers
    return max(1, min(cores() if workers is None else workers, items)) if workers != 0 else 0
