"""Ray behind the same call: a short-lived cluster of this machine's own, or one that is joined by address."""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from framework.fanout.bundles import Bundles
from framework.fanout.errors import FanoutError
from framework.fanout.outcome import ATTEMPTS, Outcome, call_packed, lost, one_line

OnDone = Callable[[Outcome[Any]], None]
Bundle = list[tuple[int, int]]
"""Items (index, attempts) that go to a worker together."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
LOOPBACK = "127.0.0.1"
ANSWER_S = 5.0
STORE_BYTES = 256 << 20
START_S = 10.0
ALONE_S = 20.0
"""How long a cluster may be without a core before the run is given up."""
STILLBORN = 8
"""So many workers may die before they have answered once."""


class RayCluster:
    """Workers of one core each on a Ray cluster; a cluster of our own ends with ``close``."""

    def __init__(self, *, workers: int | None, address: str | None) -> None:
        self._scratch = tempfile.mkdtemp(prefix="quoteops-ray-")
        try:
            self._ray = _start(workers=workers, address=address, scratch=self._scratch)
        except BaseException:
            self._clean()
            raise
        count = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._workers = [_Worker(self._ray) for _ in range(count)]
        # All together where the cluster is free; on a busy one the rest join when they get their core.
        self._ray.wait([worker.owes for worker in self._workers], num_returns=count, timeout=START_S)

    @property
    def size(self) -> int:
        """Give how many workers there are."""
        return len(self._workers)

    def close(self) -> None:
        """End the workers, leave the cluster, and end it when it is our own."""
        self._ray.shutdown()
        self._clean()

    def _clean(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, job: Callable[[Any], Any], items: Sequence[Any], *, on_done: OnDone) -> list[Outcome[Any]]:
        """Make every call; give the outcomes in the order of the items.

        The job goes to the object store, once a node. Raises FanoutError when job or an item cannot be sent
        or the cluster is lost, and what ``on_done`` raises.
        """
        try:
            packed = [pickle.dumps(item, protocol=5) for item in items]
            shared = self._ray.put(job)
        except Exception as error:
            raise FanoutError(
                f"fanout: the job or an item cannot be sent to another process ({one_line(error)}); allowed"
                f" functions that can be imported by name, and plain data"
            ) from error
        return _Run(self._ray, self._workers, shared, packed, on_done).play()


class Caller:
    """The actor of a worker: it makes the calls it is sent."""

    def ready(self) -> None:
        """Answer: the worker has started."""

    def make(self, job: Callable[[Any], Any], calls: list[tuple[int, int, bytes]]) -> bytes:
        """Make the calls of a bundle; give their outcomes, pickled."""
        made = [call_packed(job, item, index=index, attempts=attempts) for index, attempts, item in calls]
        return pickle.dumps(made, protocol=5)


class _Worker:
    """An actor, the answer it owes, and the bundle it is at.

    An actor keeps its place, where a task would ask for one anew: after a node's death such requests wait
    for the cluster to notice, ten seconds and more, with other nodes idle.
    """

    def __init__(self, ray: Any) -> None:
        # Nothing is retried by Ray itself: a call that kills its worker would be made again and again.
        self.actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Caller).remote()
        self.owes = self.actor.ready.remote()
        self.bundle: Bundle = []
        self.started = False


class _Run:
    """The calls of one run: which wait, which are out, which are done."""

    def __init__(
        self, ray: Any, workers: list[_Worker], job: Any, items: list[bytes], on_done: OnDone
    ) -> None:
        self.ray, self.workers, self.job, self.items, self.on_done = ray, workers, job, items, on_done
        self.waiting = deque((index, 1) for index in range(len(items)))
        self.done: dict[int, Outcome[Any]] = {}
        self.bundles = Bundles(items=len(items), workers=len(workers))
        self.stillborn = 0

    def play(self) -> list[Outcome[Any]]:
        quiet_s = 0.0
        while len(self.done) < len(self.items):
            for worker in self.workers:
                if worker.owes is None:
                    self._feed(worker)
            owed = {w.owes: place for place, w in enumerate(self.workers) if w.owes is not None}
            ready, _ = self.ray.wait(list(owed), num_returns=1, timeout=1.0)
            quiet_s = 0.0 if ready else self._alone(quiet_s + 1.0)
            for ref in ready:
                self._take(owed[ref])
        return [self.done[index] for index in range(len(self.items))]

    def _feed(self, worker: _Worker) -> None:
        """Send the next bundle; an item whose worker died goes alone."""
        if not self.waiting:
            return
        size = self.bundles.take()
        bundle = [self.waiting.popleft()]
        while len(bundle) < size and self.waiting and bundle[0][1] == self.waiting[0][1] == 1:
            bundle.append(self.waiting.popleft())
        calls = [(index, attempts, self.items[index]) for index, attempts in bundle]
        worker.bundle, worker.owes = bundle, worker.actor.make.remote(self.job, calls)

    def _take(self, place: int) -> None:
        """Take an answer, or the news that none will come."""
        worker = self.workers[place]
        errors = self.ray.exceptions
        try:
            answer = self.ray.get(worker.owes)
            outcomes: list[Outcome[Any]] = pickle.loads(answer) if worker.started else []
        except errors.RayTaskError as error:  # the job itself could not be read there
            outcomes = _unread(worker.bundle, error)
            worker.owes, worker.bundle = None, []
        except errors.RayError as error:
            outcomes = self._again(worker, error)
            self.workers[place] = worker = _Worker(self.ray)
        else:
            worker.started, worker.owes, worker.bundle = True, None, []
            self._feed(worker)  # before anything else, so that it need not wait
        for outcome in outcomes:
            self.bundles.took(outcome.seconds)
            self.done[outcome.index] = outcome
            self.on_done(outcome)

    def _again(self, worker: _Worker, error: Exception) -> list[Outcome[Any]]:
        """Make the calls of a worker that died once more, each on its own."""
        self.ray.kill(worker.actor)
        self.stillborn += not worker.started
        if self.stillborn >= STILLBORN:
            raise FanoutError(f"fanout: the cluster's workers die before they answer: {one_line(error)}")
        ended = []
        for index, attempts in reversed(worker.bundle):
            if attempts < ATTEMPTS:
                self.waiting.appendleft((index, attempts + 1))
            else:
                ended.append(lost(index=index, attempts=attempts, how=type(error).__name__))
        return ended

    def _alone(self, quiet_s: float) -> float:
        """Give up when nothing has come for a while and no node is left that could send anything."""
        if quiet_s >= ALONE_S and not self.ray.cluster_resources().get("CPU"):
            raise FanoutError("fanout: no node of the Ray cluster has a core left; start one and run again")
        return quiet_s


def _unread(bundle: Bundle, error: Exception) -> list[Outcome[Any]]:
    said = f"the job cannot be read: {one_line(error)}"
    return [Outcome(index=index, attempts=attempts, error=said) for index, attempts in bundle]


def _start(*, workers: int | None, address: str | None, scratch: str) -> Any:
    ray = imported()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is not None:
            host = _answering(address)
            with loopback() if host in (LOOPBACK, "localhost") else nullcontext():
                ray.init(address=address, **quiet)
            return ray
        with loopback():
            ray.init(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=STORE_BYTES,
                _node_ip_address=LOOPBACK,
                _temp_dir=scratch,
                **quiet,
            )
    except FanoutError:
        raise
    except Exception as error:
        where = address or "a cluster of this machine's own"
        raise FanoutError(f"fanout: Ray cannot use {where}: {one_line(error)}") from error
    return ray


def _answering(address: str) -> str:
    """Give the host of a cluster that answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise FanoutError(f"fanout: address is {address}; allowed HOST:PORT of a Ray cluster's head")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()
    except OSError as error:
        raise FanoutError(
            f"fanout: {address} does not answer ({error.strerror or error}); allowed a Ray cluster's head"
        ) from error
    return host


def imported() -> Any:
    """Import Ray with its calls home and its chatter on standard output off."""
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    try:
        import ray
        from ray._private import worker
    except ImportError as error:
        raise FanoutError(
            "fanout: Ray is not installed; allowed backend pool, or install the extra: pip install"
            " 'quoteops[ray]'"
        ) from error
    worker._worker_logs_enabled = False  # notices of dead workers; outcomes tell of them
    return ray


@contextmanager
def loopback() -> Iterator[None]:
    """Let a cluster of our own listen on the loopback address only, which Ray does where it knows none."""
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
