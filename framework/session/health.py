"""How a bot on the wall clock is: healthy, degraded when something is off, failing when it quotes no more."""

from __future__ import annotations

from framework.engine.snapshot import DeskSnapshot
from framework.quoting.records import WITHHELD_NAMES
from framework.session.reload import Reload
from framework.session.replay import SoakReplay

HEALTHY, DEGRADED, FAILING = "healthy", "degraded", "failing"
GAUGE = {HEALTHY: 1.0, DEGRADED: 0.5, FAILING: 0.0}
MINUTE_BEATS = 60
LATE_SHARE = 0.05
"""Of the slices of a minute served later than the deadline, more are a degraded bot."""


class HealthWatch:
    """Judge a bot at every beat; it remembers the slices of the last minute."""

    def __init__(self, *, deadline_ms: int) -> None:
        self._deadline_ms = deadline_ms
        self._minute: list[tuple[int, int]] = []

    def judge(self, replay: SoakReplay, desk: DeskSnapshot, *, refused: Reload | None) -> tuple[str, str]:
        """Return the health and why it is no better."""
        if desk.loss_halted:
            return FAILING, "the loss halt has ended quoting"
        if refused is not None:
            return DEGRADED, f"overrides refused: {refused.why}"
        if desk.halted:
            return DEGRADED, f"quoting is paused by the {WITHHELD_NAMES[desk.halted]} halt"
        slices, missed = self._last_minute(replay)
        if missed > LATE_SHARE * slices:
            late = f"{missed} of {slices} slices in the last minute came later than {self._deadline_ms} ms"
            return DEGRADED, late
        return HEALTHY, ""

    def _last_minute(self, replay: SoakReplay) -> tuple[int, int]:
        """Return how many slices the last minute had, and how many of them came late."""
        assert replay.paced is not None
        now = (replay.paced.slices, replay.paced.deadline_misses)
        self._minute = [*self._minute, now][-MINUTE_BEATS:]
        then = self._minute[0]
        return now[0] - then[0], now[1] - then[1]
