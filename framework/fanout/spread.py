"""How a multirun is spread, and what is spread: between the words that say it and the app that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from framework.fanout.run import BackendName


@dataclass(frozen=True)
class Spread:
    """How the calls of a multirun are spread: what ``run_all`` takes."""

    backend: BackendName = "pool"
    workers: int | None = None
    address: str | None = None


class App(Protocol):
    """What our launchers launch."""

    def batch(self, *, cells: Sequence[Sequence[str]], spread: Spread) -> list[Any]:
        """Run every job, given as its words; give what each came to, in order."""
