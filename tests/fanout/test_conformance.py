"""What every way to spread calls does: outcomes in order, faults as outcomes, deaths made good."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from framework.fanout.errors import FanoutError
from framework.fanout.outcome import Outcome
from framework.fanout.run import BACKENDS, BackendName, Fanout, open_fanout
from tests.fanout import jobs

APART = [name for name in BACKENDS if name != "serial"]


@pytest.fixture(scope="module")
def opened() -> Iterator[dict[str, Fanout]]:
    """Keep one of each backend warm for the whole module."""
    keeps: dict[str, Any] = {}
    found: dict[str, Fanout] = {}
    for name in BACKENDS:
        if name == "ray":
            try:
                import ray  # noqa: F401
            except ImportError:
                continue
        keeps[name] = open_fanout(backend=name, workers=2)
        found[name] = keeps[name].__enter__()
    yield found
    for keep in keeps.values():
        keep.__exit__(None, None, None)


def spread(opened: dict[str, Fanout], backend: str, job: Any, items: Any) -> list[Outcome[Any]]:
    if backend not in opened:
        pytest.skip("Ray is not installed")
    heard: list[Outcome[Any]] = []
    outcomes = opened[backend].run(job, items, on_done=heard.append)
    assert sorted(outcome.index for outcome in heard) == list(range(len(items)))
    assert sorted(heard, key=lambda outcome: outcome.index) == outcomes
    return outcomes


@pytest.mark.parametrize("backend", BACKENDS)
def test_outcomes_come_in_the_order_of_the_items(opened: dict[str, Fanout], backend: BackendName) -> None:
    assert [o.value for o in spread(opened, backend, jobs.later_is_faster, range(4))] == [0, 1, 2, 3]
    assert [o.value for o in spread(opened, backend, jobs.square, range(500))] == [x * x for x in range(500)]
    assert spread(opened, backend, jobs.square, []) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_call_raises_is_its_outcome(opened: dict[str, Fanout], backend: BackendName) -> None:
    zero, refused, fault, left, four = spread(opened, backend, jobs.fussy, range(5))
    assert (zero.ok, zero.value, four.unwrap()) == (True, 0, 4)
    assert (refused.error, refused.trace, refused.refused) == (
        "fussy: x is 1; allowed anything else",
        None,
        True,
    )
    assert fault.error == "ZeroDivisionError: float division by zero"
    assert fault.trace is not None
    assert "second line" in fault.trace
    assert left.error == "SystemExit: 7"
    with pytest.raises(FanoutError, match="ZeroDivisionError: float division by zero"):
        fault.unwrap()


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_goes_with_the_job_goes_to_each_worker(opened: dict[str, Fanout], backend: BackendName) -> None:
    outcomes = spread(opened, backend, partial(jobs.plus, 40), range(3))
    assert [o.value for o in outcomes] == [40, 41, 42]


@pytest.mark.parametrize("backend", APART)
def test_workers_are_two_warm_processes_of_one_thread(
    opened: dict[str, Fanout], backend: BackendName
) -> None:
    seen = {o.unwrap() for _ in range(2) for o in spread(opened, backend, jobs.where, range(8))}
    assert {threads for _, threads in seen} == {"1"}
    assert os.getpid() not in {pid for pid, _ in seen}
    assert len(seen) == 2


@pytest.mark.parametrize("backend", APART)
def test_a_call_whose_worker_is_killed_is_made_once_more(
    opened: dict[str, Fanout], backend: BackendName, tmp_path: Path
) -> None:
    items = [str(tmp_path / name) for name in ("a", "mark", "b", "c", "mark2", "d")]
    outcomes = spread(opened, backend, jobs.dies_once, items)
    assert [o.value for o in outcomes] == ["a", "mark", "b", "c", "mark2", "d"]
    # A worker of Ray's that dies may take an answer along that was still on its way; then that one counts as
    # what it was at, and the one behind it, the killer, as not begun.
    tried = [o.attempts for o in outcomes if o.value in ("mark", "mark2")]
    assert tried == [2, 2] if backend == "pool" else set(tried) <= {1, 2}


@pytest.mark.parametrize("backend", APART)
def test_a_call_that_kills_two_workers_is_an_error_and_hides_no_other(
    opened: dict[str, Fanout], backend: BackendName
) -> None:
    first, killer, *rest = spread(opened, backend, jobs.always_dies, range(4))
    assert [o.value for o in (first, *rest)] == [0, 2, 3]
    assert killer.error is not None
    assert killer.error.startswith("its worker died 2 times (")


@pytest.mark.parametrize("backend", APART)
def test_a_value_that_cannot_travel_is_an_error_of_its_item(
    opened: dict[str, Fanout], backend: BackendName
) -> None:
    first, bad, last = spread(opened, backend, jobs.gives_what_cannot_travel, range(3))
    assert (first.value, last.value) == (0, 2)
    assert bad.error is not None
    assert bad.error.startswith("its value cannot be sent: ")


def test_a_job_that_cannot_travel_is_refused(opened: dict[str, Fanout]) -> None:
    with pytest.raises(FanoutError, match="the job cannot be sent to another process"):
        opened["pool"].run(lambda x: x, [1], on_done=lambda _: None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"workers": 0}, "workers is 0; allowed 1 or more"),
        ({"backend": "threads"}, "backend is threads; allowed serial, pool, ray"),
        ({"backend": "pool", "address": "127.0.0.1:1"}, "address is 127.0.0.1:1 with backend pool"),
    ],
)
def test_what_cannot_be_opened_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(FanoutError, match=said), open_fanout(**asked):
        pass
