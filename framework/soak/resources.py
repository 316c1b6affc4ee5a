"""What a run costs the machine: memory after every iteration and its growth, and the time of each stage."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from framework.engine.timing import stage_timings
from framework.session.replay import SoakReplay
from framework.soak.result import SoakResult

if TYPE_CHECKING:
    from framework.session.status_writer import FeedCounts

LEAK_MB_PER_HOUR = 10.0
"""Growth that counts as a leak; source: the soak system behind the specification."""
SETTLED_HOURS = 1.0
"""Real hours before growth is judged: caches fill first."""
MB = 1e6


class Stopwatch:
    """Measure the run's parts for timing.json, the only file that knows wall time."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def elapsed_s(self) -> float:
        """Give the seconds since the last lap."""
        return time.perf_counter() - self._last

    def lap(self, name: str) -> None:
        """Note the seconds since the last lap under a name."""
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 4)
        self._last = now


class MemoryWatch:
    """The process's memory over the real hours of a run."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float]] = []

    def note(self, *, hours: float) -> None:
        """Note the resident memory after ``hours`` of real time."""
        import psutil

        self.rows.append((hours, psutil.Process().memory_info().rss / MB))

    def growth_mb_per_hour(self) -> float | None:
        """Give the slope of memory over real time, None before an hour or three readings have passed."""
        settled = [row for row in self.rows if row[0] >= 0.25 * self.rows[-1][0]] if self.rows else []
        if len(settled) < 3 or self.rows[-1][0] < SETTLED_HOURS:
            return None
        mean_x = sum(x for x, _ in settled) / len(settled)
        mean_y = sum(y for _, y in settled) / len(settled)
        spread = sum((x - mean_x) ** 2 for x, _ in settled)
        return sum((x - mean_x) * (y - mean_y) for x, y in settled) / spread if spread else None

    def marker(self) -> str | None:
        """Give the line that tells of a leak."""
        growth = self.growth_mb_per_hour()
        if growth is None or growth <= LEAK_MB_PER_HOUR:
            return None
        grows = f"memory grows by {growth:.1f} MB/h"
        return f"| resources | WARN | {grows}, the limit is {LEAK_MB_PER_HOUR:g} |"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What timing.json holds: the only file that knows wall time and memory."""

    seconds: Mapping[str, float]
    """Of each part of the run."""

    verdict: str
    memory: MemoryWatch
    stages: Mapping[str, Mapping[str, float]] | None
    feeds: Mapping[str, FeedCounts] | None
    """Rows of the files that grew while it ran; None of a run that was not paced."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as the file holds it."""
        told = {} if self.feeds is None else {"feeds": {feed: asdict(n) for feed, n in self.feeds.items()}}
        memory = {
            "mb": [round(mb, 1) for _, mb in self.memory.rows],
            "growth_mb_per_hour": self.memory.growth_mb_per_hour(),
            "limit_mb_per_hour": LEAK_MB_PER_HOUR,
        }
        return {
            "seconds": self.seconds, "verdict": self.verdict, "memory": memory, "stages": self.stages, **told
        }  # fmt: skip


def time_stages(result: SoakResult) -> dict[str, dict[str, float]]:
    """Play the first iteration again with a clock between the stages; give their times in microseconds."""
    again = SoakReplay(settings=result.settings, market=result.market)
    return stage_timings(replay=again.replay, until_ns=result.market.boundaries[1] - 1)
