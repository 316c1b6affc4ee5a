"""What a driver reads of a replay between two slices, so that it need not know the engine's records."""

from __future__ import annotations

from dataclasses import dataclass

from framework.edge.window import LedgerPoint
from framework.quoting.records import Desk

COUNTED = tuple(
    name
    for name in Desk.dtype.names  # type: ignore[attr-defined]
    if name in ("ticks", "md_hits", "md_misses", "places", "replaces", "cancels", "rejects", "halts")
    or name.startswith(("blocks_", "drops_"))
)
"""Fields of the desk that only count up."""


@dataclass(frozen=True, kw_only=True)
class DeskSnapshot:
    """The desk at the instant played to: rows so far, the version in force, the books, what is halted.

    ``settled`` counts the fills whose first second has passed: those rows never change again. ``position``
    is the desk's own belief, which the reports on their way to it have not reached yet.
    """

    fills: int
    settled: int
    audits: int
    samples: int
    version: int
    books: LedgerPoint
    position: float
    halted: int
    loss_halted: bool
