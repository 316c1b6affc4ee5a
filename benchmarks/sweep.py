"""A sweep of 64 cells on one worker and on two: what a cell costs beyond its replay, and how it scales.

    python -m benchmarks.sweep [--rounds N] [--without-ray]

Every run plays the same words and must leave the same SWEEP.json, the one that loses a node in mid-sweep
too. Times are of the cells alone: not of composing, starting workers, the winner's reports or the page. A
worker's first cell also loads the compiled code; the per-cell figures leave it out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.settings.resolve import find_root
from framework.soak.sweep.run import run_sweep

WORDS = (
    "soak.hours=3",
    "soak.iterations=1",
    "soak.auto_tune=false",
    "params.base_spread_bps_delta=0.0,0.1,0.2,0.3",
    "params.min_interval_ms=60,80,100,120",
    "params.tail_age_ms=500,600,700,800",
)
CELLS = 64
KILL_AFTER = 16


@dataclass
class Run:
    """One sweep: its seconds, what cells cost beyond their replay, how many were retried, its table."""

    seconds: float
    replay_ms: float
    overhead_ms: float
    retried: int
    table: bytes


def main() -> None:
    """Play every arrangement in turn, ``--rounds`` times, and print the best of each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without-ray", action="store_true")
    asked = parser.parse_args()
    arrangements: dict[str, Callable[[], Run]] = {
        "pool, 1 worker": lambda: _pool(1),
        "pool, 2 workers": lambda: _pool(2),
    }
    if not asked.without_ray:
        arrangements |= {
            "Ray, 1 node": lambda: _ray(1, kill=False),
            "Ray, 2 nodes": lambda: _ray(2, kill=False),
            "Ray, 2 nodes, one killed": lambda: _ray(2, kill=True),
        }
    print(f"{CELLS} cells of three hours of tape; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'':26}{'cells':>9}{'a cell':>10}{'replay':>10}{'beyond it':>12}{'retried':>9}")
    played: dict[str, list[Run]] = {name: [] for name in arrangements}
    tables = set()
    for _ in range(asked.rounds):
        for name, play in arrangements.items():
            run = play()
            played[name].append(run)
            tables.add(run.table)
            _print(name, run)
    _scaling(played)
    print(f"SWEEP.json: {'the same bytes in every run' if len(tables) == 1 else 'DIFFERS BETWEEN RUNS'}")
    if len(tables) != 1:
        raise SystemExit(1)


def _print(name: str, run: Run) -> None:
    each = run.seconds / CELLS * 1e3
    print(
        f"{name:26}{run.seconds:7.2f} s{each:7.0f} ms{run.replay_ms:7.0f} ms{run.overhead_ms:9.0f} ms"
        f"{run.retried:9d}",
        flush=True,
    )


def _scaling(played: dict[str, list[Run]]) -> None:
    best = {name: min(run.seconds for run in runs) for name, runs in played.items()}  # others only disturb
    for one, two in (("pool, 1 worker", "pool, 2 workers"), ("Ray, 1 node", "Ray, 2 nodes")):
        if one in best:
            print(f"{two} against {one}: {best[one] / best[two]:.2f} x (goal 1.8)")
    worst = max(min(run.overhead_ms for run in runs) for runs in played.values())
    print(f"beyond the replay, per cell on a warm worker: {worst:.0f} ms at most (goal 50)")


def _pool(workers: int) -> Run:
    return _played("hydra/launcher=pool", f"hydra.launcher.workers={workers}")


def _ray(count: int, *, kill: bool) -> Run:
    from benchmarks.nodes import Nodes

    with Nodes(count=count) as nodes:
        rows = 0

        def log(line: str) -> None:
            nonlocal rows
            rows += line.startswith("| soak_sweep |")
            if kill and rows == KILL_AFTER:
                rows += 1
                threading.Thread(target=nodes.kill_last).start()

        return _played("hydra/launcher=ray", f"hydra.launcher.address='{nodes.address}'", log=log)


def _played(*launcher: str, log: Callable[[str], None] = lambda _: None) -> Run:
    with _folder() as folder:
        sweep, _ = run_sweep(
            words=[*WORDS, *launcher, f"hydra.sweep.dir={folder}"],
            log=log,
            progress=lambda _doing, _share: None,
            root=find_root(),
            pages=False,
        )
        if sweep.trials != CELLS:
            raise SystemExit(f"a cell could not run: {sweep.cells[-1].error}")
        timing = json.loads((folder / "timing.json").read_text())
        return _measured(timing, (folder / "SWEEP.json").read_bytes())


def _measured(timing: dict[str, Any], table: bytes) -> Run:
    cells = list(timing["cells"].values())
    slowest: dict[str, float] = {}
    for worker, seconds, replay, _ in cells:
        slowest[worker] = max(slowest.get(worker, 0.0), seconds - replay)
    warm = [
        (replay, seconds - replay)
        for worker, seconds, replay, _ in cells
        if seconds - replay < slowest[worker]
    ]
    return Run(
        seconds=timing["seconds"]["cells"],
        replay_ms=statistics.median(replay for replay, _ in warm) * 1e3,
        overhead_ms=statistics.fmean(beyond for _, beyond in warm) * 1e3,
        retried=sum(attempts > 1 for *_, attempts in cells),
        table=table,
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="quoteops-sweep-") as name:
        yield Path(name)


if __name__ == "__main__":
    main()
