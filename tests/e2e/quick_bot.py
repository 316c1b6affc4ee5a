"""A bot whose clock runs some times as fast as the wall's: ``python -m tests.e2e.quick_bot TIMES WORDS…``.

Everything else is the bot that `quoteops soak` starts: what takes an hour of a market is seen in a minute.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from framework.settings.compose import compose_run
from framework.soak.run import run_soak


class QuickClock:
    """The machine's clock, a number of times as fast."""

    def __init__(self, times: int) -> None:
        self.times = times

    def now_ns(self) -> int:
        return time.monotonic_ns() * self.times

    def sleep_until(self, ns: int) -> None:
        left = ns - self.now_ns()
        if left > 0:
            time.sleep(left / self.times / 1e9)


def main(argv: Sequence[str]) -> int:
    """Run it until it ends or is ended."""
    times, *words = argv
    run_soak(composed=compose_run(primary="soak", words=words), clock=QuickClock(int(times)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
