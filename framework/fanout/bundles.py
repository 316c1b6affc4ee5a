"""How many short items go to a worker at once: as many as take about a twentieth of a second."""

from __future__ import annotations

import math

TARGET_S = 0.05
"""Against a dispatch of a millisecond, a bundle of this length costs two per cent."""


class Bundles:
    """The size of the next bundle, from how long items have taken so far."""

    def __init__(self, *, items: int, workers: int) -> None:
        self._left, self._workers = items, workers
        self._seen, self._seconds = 0, 0.0

    def took(self, seconds: float) -> None:
        """Note how long an item took."""
        self._seen += 1
        self._seconds += seconds

    def take(self) -> int:
        """Give the size of the next bundle: one until an item has been timed, and less towards the end."""
        size = 1
        if self._seen:
            mean = max(self._seconds / self._seen, 1e-6)
            fair = self._left // (2 * self._workers)  # the last bundles are small, so that all end together
            size = max(1, min(math.ceil(TARGET_S / mean), fair)) if mean < TARGET_S else 1
        self._left = max(0, self._left - size)
        return size
