"""One call after the other in this process: the reference that the other ways agree with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from framework.fanout.outcome import Outcome, call

OnDone = Callable[[Outcome[Any]], None]


class Serial:
    """Make the calls here."""

    size = 1

    def close(self) -> None:
        """Hold nothing, so let go of nothing."""

    def run(self, job: Callable[[Any], Any], items: Sequence[Any], *, on_done: OnDone) -> list[Outcome[Any]]:
        """Make every call; give the outcomes in the order of the items; raises what ``on_done`` raises."""
        outcomes = []
        for index, item in enumerate(items):
            outcomes.append(call(job, item, index=index, attempts=1))
            on_done(outcomes[-1])
        return outcomes
