"""Requests and reports written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.compiled.records import dtype_of
from framework.market.events import BUY
from framework.market.records import FILLED, NEW, Report, Request
from framework.venue.gateway import ReportRow, RequestRow

SYMBOL = "TESTUSDT"
LOTS = {SYMBOL: 0.001}


def asked(order_id: int, action: int = NEW, *, link: int | None = None) -> RequestRow:
    """A request; the link of a new order is its number unless told otherwise."""
    row = np.zeros(1, dtype_of(Request))
    row["action"], row["order_id"], row["link_id"] = action, order_id, link or order_id
    return RequestRow(SYMBOL, row[0])


def heard(kind: int, order_id: int, **fields: Any) -> ReportRow:
    """A report; its link is the order's number unless told otherwise."""
    row = np.zeros(1, dtype_of(Report))
    given = {"report_kind": kind, "order_id": order_id, "link_id": order_id, "side": BUY, **fields}
    for name, value in given.items():
        row[name] = value
    return ReportRow(SYMBOL, row[0])


def filled(exec_id: int, order_id: int, *, lots: int = 1, leaves: int = 0, at_ns: int = 5) -> ReportRow:
    """A report of a fill."""
    fields = {"qty_lots": lots, "leaves_lots": leaves, "exec_id": exec_id, "exch_ts_ns": at_ns}
    return heard(FILLED, order_id, **fields)
