"""What a session keeps of its requests before they are sent, so that it knows its own orders again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from framework.session.memory import KEPT, Memory
from framework.session.reconcile import Known, Reconciled
from framework.venue.gateway import ReportRow, RequestRow


class IntentJournal(Protocol):
    """Keep requests before they are sent and what became of them."""

    def intend(self, requests: Sequence[RequestRow]) -> None:
        """Keep requests that are about to be sent; raises what keeps them from being kept."""
        ...

    def hear(self, reports: Sequence[ReportRow]) -> list[ReportRow]:
        """Keep what the exchange has said; give what of it is new, as a desk should see it."""
        ...

    def reconciled(self, decision: Reconciled) -> None:
        """Keep what was found at the exchange when the session began."""
        ...

    def known(self) -> Known:
        """Give what is known of orders, fills and positions."""
        ...


class MemoryJournal:
    """A journal that ends with its process: enough for an exchange that ends with it too.

    ``lots`` is the size of a lot by symbol.
    """

    def __init__(self, *, lots: dict[str, float], kept: int = KEPT) -> None:
        self._memory = Memory(lots=lots, kept=kept)

    def intend(self, requests: Sequence[RequestRow]) -> None:
        """Remember requests."""
        for request in requests:
            self._memory.intend(request)

    def hear(self, reports: Sequence[ReportRow]) -> list[ReportRow]:
        """Remember reports; give what is new."""
        heard = map(self._memory.hear, reports)
        return [report for report in heard if report is not None]

    def reconciled(self, decision: Reconciled) -> None:
        """Remember what was found at the exchange."""
        self._memory.reconciled(decision)

    def known(self) -> Known:
        """Give what is known."""
        return self._memory.known()
