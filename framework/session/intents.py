"""What a session keeps of its requests before they are sent, so that it knows its own orders again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from framework.market.records import (
    CANCELLED,
    DUPLICATE,
    EXPIRED,
    FILLED,
    NEW,
    REJECTED,
)
from framework.session.reconcile import Known
from framework.venue.gateway import ReportRow, RequestRow

OVER = (CANCELLED, REJECTED, EXPIRED)


class IntentJournal(Protocol):
    """Keep requests before they are sent and what became of them."""

    def intend(self, requests: Sequence[RequestRow]) -> None:
        """Keep requests that are about to be sent; raises what keeps them from being kept."""
        ...

    def hear(self, reports: Sequence[ReportRow]) -> None:
        """Keep what the exchange has answered."""
        ...

    def known(self) -> Known:
        """Give what is known of orders, fills and positions."""
        ...


class MemoryJournal:
    """A journal that ends with its process: enough for an exchange that ends with it too.

    ``lots`` is the size of a lot by symbol.
    """

    def __init__(self, *, lots: dict[str, float]) -> None:
        self._lots = lots
        self._orders: set[tuple[str, int]] = set()
        self._positions = dict.fromkeys(lots, 0.0)
        self._since_ns = 0
        self._executions: set[tuple[str, int]] = set()

    def intend(self, requests: Sequence[RequestRow]) -> None:
        """Keep the orders that are new."""
        for request in requests:
            if request.row["action"] == NEW:
                self._orders.add((request.symbol, int(request.row["order_id"])))

    def hear(self, reports: Sequence[ReportRow]) -> None:
        """Forget the orders that are over and add up fills."""
        for report in reports:
            if report.row["reason"] == DUPLICATE:  # of an order that lives on
                continue
            kind = int(report.row["report_kind"])
            if kind == FILLED:
                self._fill(report)
            over = kind in OVER or (kind == FILLED and report.row["leaves_lots"] == 0)
            if over:
                self._orders.discard((report.symbol, int(report.row["order_id"])))

    def known(self) -> Known:
        """Give what is known."""
        return Known(
            orders=frozenset(self._orders),
            executions=frozenset(self._executions),
            positions=dict(self._positions),
            since_ns=self._since_ns,
        )

    def _fill(self, report: ReportRow) -> None:
        row, symbol = report.row, report.symbol
        lots = float(row["side"] * row["qty_lots"])
        self._positions[symbol] += lots * self._lots[symbol] - float(row["fee_base"])
        # Who asks for executions asks from the newest on: only those of its instant can come again.
        if int(row["exch_ts_ns"]) > self._since_ns:
            self._since_ns = int(row["exch_ts_ns"])
            self._executions.clear()
        self._executions.add((symbol, int(row["exec_id"])))
