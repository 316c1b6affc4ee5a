"""What a session remembers of its requests and of what it has heard, so that nothing is taken twice.

Whatever carries reports may bring one again, late or out of order. The memory is bounded: what is forgotten
is never guessed about.
"""

from __future__ import annotations

from typing import Any

from framework.market.records import (
    CANCELLED,
    DUPLICATE,
    EXPIRED,
    FILLED,
    NEW,
    REJECTED,
    UNKNOWN,
)
from framework.session.errors import SoakError
from framework.session.reconcile import Known, Reconciled
from framework.units import MINUTE
from framework.venue.gateway import ReportRow, RequestRow

OVER = (CANCELLED, REJECTED, EXPIRED)
KEPT = 16_384
"""Fills, orders that are over, and requests without an answer that are remembered."""
OVERLAP_NS = 10 * MINUTE
"""Who asks for executions asks from so long before the newest heard: they come in no promised order."""

Key = tuple[str, int]
"""A symbol, and the number of an order, a request or a fill."""


class Memory:
    """Orders that live or are over, requests without an answer, fills taken and the positions they make.

    ``lots`` is the size of a lot by symbol.
    """

    def __init__(self, *, lots: dict[str, float], kept: int = KEPT) -> None:
        self._lots, self._kept = lots, kept
        self._open: set[Key] = set()
        self._ended: dict[Key, None] = {}
        self._asked: dict[Key, None] = {}
        self._fills: dict[Key, int] = {}
        self._newest_ns, self._forgotten_ns = 0, -1
        self._positions = dict.fromkeys(lots, 0.0)
        self._last_order, self._last_link = dict.fromkeys(lots, 0), dict.fromkeys(lots, 0)

    def intend(self, request: RequestRow) -> None:
        """Remember a request that is about to be sent."""
        symbol, order, link = request.symbol, int(request.row["order_id"]), int(request.row["link_id"])
        self._note(self._asked, (symbol, link))
        self._last_link[symbol] = max(link, self._last_link[symbol])
        if request.row["action"] == NEW:
            self._open.add((symbol, order))
            self._last_order[symbol] = max(order, self._last_order[symbol])

    def hear(self, report: ReportRow) -> ReportRow | None:
        """Take a report in; give it as the desk should see it, None when it says nothing new.

        Raises SoakError for a fill that is nobody's or older than what is remembered.
        """
        kind = int(report.row["report_kind"])
        order = (report.symbol, int(report.row["order_id"]))
        if kind == FILLED:
            return report if self._fill(report, order) else None
        asked = (report.symbol, int(report.row["link_id"]))
        if kind == UNKNOWN:
            return report if asked in self._asked else None
        if kind != EXPIRED and asked in self._asked:
            if report.row["reason"] == DUPLICATE:  # the exchange has it already; what became of it is to come
                return _as(report, UNKNOWN)
            del self._asked[asked]
            if kind in OVER:
                self._end(order)
            return report
        if kind in (CANCELLED, EXPIRED) and order in self._open:  # nobody asked: no request is answered by it
            self._end(order)
            return _as(report, EXPIRED)
        return None

    def reconciled(self, decision: Reconciled) -> None:
        """Take in what was found at the exchange: what another process asked is answered by that."""
        for fill in decision.missed:
            lots = fill.side * fill.qty_lots * self._lots[fill.symbol]
            self._book((fill.symbol, fill.exec_id), fill.exch_ts_ns, lots - fill.fee_base)
        for order in decision.gone:
            self._end(order)
        self._asked.clear()

    def known(self) -> Known:
        """Give what is known."""
        return Known(
            orders=frozenset(self._open),
            ended=frozenset(self._ended),
            executions=frozenset(self._fills),
            positions=dict(self._positions),
            since_ns=max(0, self._newest_ns - OVERLAP_NS, self._forgotten_ns + 1),
            last_order=dict(self._last_order),
            last_link=dict(self._last_link),
        )

    def _fill(self, report: ReportRow, order: Key) -> bool:
        row, symbol, fill = report.row, report.symbol, (report.symbol, int(report.row["exec_id"]))
        if fill in self._fills:
            return False
        if order not in self._open and order not in self._ended:
            raise SoakError(
                f"{symbol}: fill {fill[1]} is of order {order[1]}, which is not this session's;"
                " allowed fills of its own orders"
            )
        if int(row["exch_ts_ns"]) <= self._forgotten_ns:
            raise SoakError(
                f"{symbol}: fill {fill[1]} is older than the last {self._kept}, so it may have been booked;"
                " allowed a start anew, which asks the exchange"
            )
        lots = float(row["side"] * row["qty_lots"])
        self._book(fill, int(row["exch_ts_ns"]), lots * self._lots[symbol] - float(row["fee_base"]))
        if row["leaves_lots"] == 0:
            self._end(order)
        return True

    def _book(self, fill: Key, exch_ts_ns: int, change: float) -> None:
        self._positions[fill[0]] += change
        self._fills[fill] = exch_ts_ns
        self._newest_ns = max(exch_ts_ns, self._newest_ns)
        if len(self._fills) > self._kept:
            self._forgotten_ns = max(self._forgotten_ns, self._fills.pop(next(iter(self._fills))))

    def _end(self, order: Key) -> None:
        """Note that an order is over: a fill of it may still be on its way."""
        self._open.discard(order)
        self._note(self._ended, order)

    def _note(self, keys: dict[Key, None], key: Key) -> None:
        keys[key] = None
        if len(keys) > self._kept:
            del keys[next(iter(keys))]


def _as(report: ReportRow, kind: int) -> ReportRow:
    row: Any = report.row.copy()
    row["report_kind"] = kind
    return ReportRow(report.symbol, row)
