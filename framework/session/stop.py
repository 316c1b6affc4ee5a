"""A wish to end early: noted once a run on the wall clock plays, an interrupt before that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Stopping = Callable[[], bool]


def never() -> bool:
    """Tell that nobody wants it to end."""
    return False


class Stop:
    """A handler of signals that ends a run at the next slice, with the report of what it has traded.

    Whoever insists, or asks before it is armed, gets KeyboardInterrupt, as without it.
    """

    def __init__(self) -> None:
        self.heard: int | None = None
        self.insisted = False
        self._armed = False

    def __call__(self, number: int, _frame: Any = None) -> None:
        """Take a signal."""
        if not self._armed or self.heard is not None:
            self.insisted = True  # whatever a library makes of the interrupt, it was one
            raise KeyboardInterrupt
        self.heard = number

    def wanted(self) -> bool:
        """Tell whether it is time to end."""
        return self.heard is not None

    def arm(self) -> None:
        """Note signals from here on instead of breaking off: real time cannot be repeated."""
        self._armed = True
