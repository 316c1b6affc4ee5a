"""A pool of spawned processes, kept warm; one that dies is replaced and its item made once more."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context
from typing import Any

from framework.fanout.bundles import Bundles
from framework.fanout.errors import FanoutError
from framework.fanout.outcome import ATTEMPTS, Outcome, lost
from framework.fanout.worker import work

ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GRACE_S = 1.0
OnDone = Callable[[Outcome[Any]], None]


class _Worker:
    """One process, the pipe to it, and what it has been sent and not answered."""

    def __init__(self) -> None:
        spawn = get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=work, args=(theirs,), daemon=True)
        with _one_thread():
            self.process.start()
        theirs.close()
        self.sent: deque[tuple[int, int]] = deque()

    def send(self, message: Any) -> None:
        """Send; a worker that has just died is noticed by its sentinel."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(message)

    def end(self) -> None:
        """End the process now."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        self.process.close()


class Pool:
    """Processes that stay warm from one ``run`` to the next."""

    def __init__(self, *, workers: int) -> None:
        self._workers = [_Worker() for _ in range(workers)]

    @property
    def size(self) -> int:
        """Give how many workers there are."""
        return len(self._workers)

    def close(self) -> None:
        """End every process: politely when idle, at once when at work."""
        for worker in self._workers:
            if not worker.sent:
                worker.send(None)
        for worker in self._workers:
            if not worker.sent:
                worker.process.join(GRACE_S)
            worker.end()
        self._workers.clear()

    def run(self, job: Callable[[Any], Any], items: Sequence[Any], *, on_done: OnDone) -> list[Outcome[Any]]:
        """Make every call; give the outcomes in the order of the items.

        Raises FanoutError when job or an item cannot be sent to another process, and what ``on_done`` raises.
        """
        run = _Run(self._workers, _pickled(job, "the job"), [_pickled(i, "an item") for i in items], on_done)
        try:
            return run.play()
        except BaseException:
            self.close()  # they are at work on what nobody waits for
            raise


class _Run:
    """The calls of one run: which wait, which are out, which are done."""

    def __init__(self, workers: list[_Worker], job: bytes, items: list[bytes], on_done: OnDone) -> None:
        self.workers, self.job, self.items, self.on_done = workers, job, items, on_done
        self.waiting = deque((index, 1) for index in range(len(items)))
        self.done: dict[int, Outcome[Any]] = {}
        self.bundles = Bundles(items=len(items), workers=len(workers))

    def play(self) -> list[Outcome[Any]]:
        for worker in self.workers:
            worker.send(("job", self.job))
            self._feed(worker)
        while len(self.done) < len(self.items):
            ready = set(connection.wait([x for w in self.workers for x in (w.pipe, w.process.sentinel)]))
            for place, worker in enumerate(self.workers):
                if worker.pipe in ready and self._heard(worker):
                    continue
                if worker.process.sentinel in ready or worker.pipe in ready:
                    self._bury(place)
        return [self.done[index] for index in range(len(self.items))]

    def _heard(self, worker: _Worker) -> bool:
        """Take one answer; False when the pipe is at its end."""
        try:
            outcome: Outcome[Any] = worker.pipe.recv()
        except (EOFError, OSError):
            return False
        worker.sent.popleft()
        self.bundles.took(outcome.seconds)
        if not worker.sent:
            self._feed(worker)  # before anything else, so that it need not wait
        self._note(outcome)
        return True

    def _feed(self, worker: _Worker) -> None:
        for _ in range(min(self.bundles.take(), len(self.waiting)) if self.waiting else 0):
            index, attempts = self.waiting.popleft()
            worker.sent.append((index, attempts))
            worker.send(("item", index, attempts, self.items[index]))

    def _bury(self, place: int) -> None:
        """Replace a dead worker. The item it was at is made once more; those behind it had not begun."""
        dead = self.workers[place]
        while dead.pipe.poll() and self._heard(dead):  # answers it gave before it died
            pass
        dead.process.join()
        how = _how(dead.process.exitcode)
        orphans = list(dead.sent)
        dead.end()
        self.workers[place] = worker = _Worker()
        self.waiting.extendleft(reversed(orphans[1:]))
        ended = []
        if orphans:
            index, attempts = orphans[0]
            if attempts < ATTEMPTS:
                self.waiting.appendleft((index, attempts + 1))
            else:
                ended.append(lost(index=index, attempts=attempts, how=how))
        worker.send(("job", self.job))
        self._feed(worker)
        for outcome in ended:
            self._note(outcome)

    def _note(self, outcome: Outcome[Any]) -> None:
        self.done[outcome.index] = outcome
        self.on_done(outcome)


def _pickled(value: Any, what: str) -> bytes:
    try:
        return pickle.dumps(value, protocol=5)
    except Exception as error:
        raise FanoutError(
            f"fanout: {what} cannot be sent to another process ({error}); allowed functions that can be"
            f" imported by name, and plain data"
        ) from error


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let a process that starts now, and the libraries in it, use one thread: the pool is the parallelism."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
