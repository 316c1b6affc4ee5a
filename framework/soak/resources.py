"""What a run costs the machine: memory after every iteration and its growth, and the time of each stage."""

from __future__ import annotations

import time
from typing import Any

from framework.engine.timing import stage_timings
from framework.session.replay import SoakReplay
from framework.soak.result import SoakResult

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

    def summary(self) -> dict[str, Any]:
        """Give the readings and the growth for timing.json."""
        return {
            "mb": [round(mb, 1) for _, mb in self.rows],
            "growth_mb_per_hour": self.growth_mb_per_hour(),
            "limit_mb_per_hour": LEAK_MB_PER_HOUR,
        }


def time_stages(result: SoakResult) -> dict[str, dict[str, float]]:
    """Play the first iteration again with a clock between the stages; give their times in microseconds."""
    again = SoakReplay(settings=result.settings, market=result.market)
    return stage_timings(replay=again.replay, until_ns=result.market.boundaries[1] - 1)
