"""Ray behind the same call: a short-lived cluster of this machine's own, or one that is joined by address."""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from framework.fanout.bundles import Bundles
from framework.fanout.errors import FanoutError
from framework.fanout.joining import start
from framework.fanout.outcome import ATTEMPTS, Outcome, call_packed, lost, one_line

OnDone = Callable[[Outcome[Any]], None]
Bundle = list[tuple[int, int]]
"""Items (index, attempts) that go to a worker together."""
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
            self._ray = start(workers=workers, address=address, scratch=self._scratch)
        except BaseException:
            self._clean()
            raise
        count = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._workers = [_Worker(self._ray) for _ in range(count)]
        # All together where the cluster is free; on a busy one the rest join when they get their core.
        self._ray.wait([worker.owes[0][0] for worker in self._workers], num_returns=count, timeout=START_S)

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
    """An actor, and the answers it owes with their bundles: the first is the one it is at.

    An actor keeps its place, where a task would ask for one anew: after a node's death such requests wait
    for the cluster to notice, ten seconds and more, with other nodes idle.
    """

    def __init__(self, ray: Any) -> None:
        # Nothing is retried by Ray itself: a call that kills its worker would be made again and again.
        self.actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Caller).remote()
        self.owes: deque[tuple[Any, Bundle]] = deque([(self.actor.ready.remote(), [])])
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
                self._feed(worker)
            owed = {worker.owes[0][0]: place for place, worker in enumerate(self.workers) if worker.owes}
            ready, _ = self.ray.wait(list(owed), num_returns=1, timeout=1.0)
            quiet_s = 0.0 if ready else self._alone(quiet_s + 1.0)
            for ref in ready:
                self._take(owed[ref])
        return [self.done[index] for index in range(len(self.items))]

    def _feed(self, worker: _Worker) -> None:
        """Send the next bundle, and one more for it to go on with unless the end is near."""
        while worker.started and self.waiting:
            ahead = len(self.waiting) > 2 * len(self.workers)
            if len(worker.owes) > ahead:
                return
            bundle = self._bundle()
            calls = [(index, attempts, self.items[index]) for index, attempts in bundle]
            worker.owes.append((worker.actor.make.remote(self.job, calls), bundle))

    def _bundle(self) -> Bundle:
        """Take the next bundle; an item whose worker died goes alone."""
        size = self.bundles.take()
        bundle = [self.waiting.popleft()]
        while len(bundle) < size and self.waiting and bundle[0][1] == self.waiting[0][1] == 1:
            bundle.append(self.waiting.popleft())
        return bundle

    def _take(self, place: int) -> None:
        """Take an answer, or the news that none will come."""
        worker = self.workers[place]
        ref, bundle = worker.owes[0]
        errors = self.ray.exceptions
        try:
            answer = self.ray.get(ref)
            outcomes: list[Outcome[Any]] = pickle.loads(answer) if worker.started else []
            worker.started = True
        except errors.RayError as error:
            if worker.started and isinstance(error, errors.RayTaskError):
                outcomes = _unread(bundle, error)
            else:
                outcomes = self._again(worker, error)
                self.workers[place] = worker = _Worker(self.ray)
        if worker.started:
            worker.owes.popleft()
            self._feed(worker)  # before anything else, so that it need not wait
        for outcome in outcomes:
            self.bundles.took(outcome.seconds)
            self.done[outcome.index] = outcome
            self.on_done(outcome)

    def _again(self, worker: _Worker, error: Exception) -> list[Outcome[Any]]:
        """Make the calls a worker was at when it died once more; those behind them had not begun."""
        self.ray.kill(worker.actor)
        self.stillborn += not worker.started
        if self.stillborn >= STILLBORN:
            raise FanoutError(f"fanout: the cluster's workers die before they answer: {one_line(error)}")
        (_, bundle), *behind = worker.owes
        for _, later in reversed(behind):
            self.waiting.extendleft(reversed(later))
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


def _unread(bundle: Bundle, error: Exception) -> list[Outcome[Any]]:
    text = f"the job cannot be read: {one_line(error)}"
    return [Outcome(index=index, attempts=attempts, error=text) for index, attempts in bundle]
