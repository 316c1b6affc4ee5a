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
ALONE_S = 20.0
"""How long a cluster may be without a core before the run is given up."""


class RayCluster:
    """Tasks on a Ray cluster; ours ends with ``close``, a joined one is left."""

    def __init__(self, *, workers: int | None, address: str | None) -> None:
        self._scratch = tempfile.mkdtemp(prefix="quoteops-ray-")
        self._workers = workers
        try:
            self._ray = _start(workers=workers, address=address, scratch=self._scratch)
        except BaseException:
            self._clean()
            raise

    def close(self) -> None:
        """Leave the cluster, and end it when it is our own."""
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
        slots = self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        return _Run(self._ray, shared, packed, on_done, slots).play()


class _Run:
    """The calls of one run: which wait, which are out, which are done."""

    def __init__(self, ray: Any, job: Any, items: list[bytes], on_done: OnDone, slots: int) -> None:
        self.ray, self.job, self.items, self.on_done, self.slots = ray, job, items, on_done, slots
        self.waiting = deque((index, 1) for index in range(len(items)))
        self.out: dict[Any, Bundle] = {}
        self.done: dict[int, Outcome[Any]] = {}
        self.bundles = Bundles(items=len(items), workers=slots)
        # Nothing is retried by Ray itself: a call that kills its worker would be made again and again.
        self.task = ray.remote(num_cpus=1, max_retries=0)(make_calls)

    def play(self) -> list[Outcome[Any]]:
        quiet_s = 0.0
        while len(self.done) < len(self.items):
            while self.waiting and len(self.out) < self.slots + 1:
                self._submit()
            ready, _ = self.ray.wait(list(self.out), num_returns=1, timeout=1.0)
            quiet_s = 0.0 if ready else self._alone(quiet_s + 1.0)
            for ref in ready:
                self._take(ref)
        return [self.done[index] for index in range(len(self.items))]

    def _submit(self) -> None:
        bundle = [self.waiting.popleft()]
        if bundle[0][1] == 1:
            for _ in range(self.bundles.take() - 1):
                if self.waiting and self.waiting[0][1] == 1:
                    bundle.append(self.waiting.popleft())
        calls = [(index, attempts, self.items[index]) for index, attempts in bundle]
        self.out[self.task.remote(self.job, calls)] = bundle

    def _take(self, ref: Any) -> None:
        bundle = self.out.pop(ref)
        try:
            outcomes: list[Outcome[Any]] = pickle.loads(self.ray.get(ref))
        except self.ray.exceptions.RayError as error:
            outcomes = self._again(bundle, error)
        for outcome in outcomes:
            self.bundles.took(outcome.seconds)
            self.done[outcome.index] = outcome
            self.on_done(outcome)

    def _again(self, bundle: Bundle, error: Exception) -> list[Outcome[Any]]:
        """Make the calls of a bundle whose worker or node died once more, each on its own."""
        ended = []
        for index, attempts in reversed(bundle):
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


def make_calls(job: Callable[[Any], Any], calls: list[tuple[int, int, bytes]]) -> bytes:
    """Make the calls of a bundle in a worker; give their outcomes, pickled."""
    outcomes = [call_packed(job, item, index=index, attempts=attempts) for index, attempts, item in calls]
    return pickle.dumps(outcomes, protocol=5)


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
