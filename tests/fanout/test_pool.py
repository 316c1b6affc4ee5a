"""A pool ends its processes: with its block, with Ctrl-C, and when its own process is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from framework.fanout.run import open_fanout, run_all
from tests.command import REPOSITORY, environment
from tests.fanout import jobs

DRIVER = """
from framework.fanout.run import run_all
from tests.fanout.jobs import forever
run_all(forever, [{place!r}] * 4, workers=2)
"""


def started(place: Path) -> tuple[subprocess.Popen[bytes], list[psutil.Process]]:
    """Start a process whose two workers never end; give it and them."""
    code = DRIVER.format(place=str(place))
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, env=environment(), stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30.0
    while len(list(place.iterdir())) < 2:
        assert time.monotonic() < deadline, "the workers did not start"
        time.sleep(0.05)
    return process, psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_leave_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    process, workers = started(tmp_path)
    assert len(workers) >= 2
    process.send_signal(how)
    process.wait(timeout=10)
    _, left = psutil.wait_procs(workers, timeout=10)
    assert not left


def test_what_is_raised_over_an_outcome_ends_the_workers() -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    before = {p.pid for p in psutil.Process().children(recursive=True)}
    with pytest.raises(KeyboardInterrupt):
        run_all(jobs.where, range(50), workers=2, on_done=stop)
    after = {
        p.pid for p in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(p.cmdline())
    }
    assert after <= before


def test_workers_end_with_the_block() -> None:
    with open_fanout(backend="pool", workers=2) as fanout:
        pids = {o.unwrap()[0] for o in fanout.run(jobs.where, range(8), on_done=lambda _: None)}
    assert not any(psutil.pid_exists(pid) for pid in pids)
