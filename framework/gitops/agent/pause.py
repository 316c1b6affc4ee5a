"""How long nothing is asked of a remote that refused what was pushed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_S = 30.0
"""Pause after a push that failed."""


@dataclass
class Pause:
    """A pause of at most ``RETRY_S``; a clock that was set back ends it."""

    now: Callable[[], datetime]
    _until: datetime | None = None

    def begin(self) -> None:
        """Pause from now on."""
        self._until = self.now() + timedelta(seconds=RETRY_S)

    def end(self) -> None:
        """Go on at once."""
        self._until = None

    def lasts(self) -> bool:
        """Say whether it is too early to try again."""
        return self._until is not None and 0.0 < (self._until - self.now()).total_seconds() <= RETRY_S
