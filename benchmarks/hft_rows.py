"""Convert tape columns to hftbacktest's 64-byte rows; numpy alone, so that both environments can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
ROW = np.dtype(
    [
        ("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"),
        ("qty", "f8"), ("order_id", "u8"), ("ival", "i8"), ("fval", "f8"),
    ],
    align=True,
)  # fmt: skip
DEPTH, TRADE, CLEAR = 1, 2, 3


def hft_rows(
    *, cols: Mapping[str, NDArray[Any]], tick: float, lot: float, feed_latency_ns: int
) -> NDArray[Any]:
    """Return one row an event, local time being exchange time plus a constant latency.

    ``cols`` holds exch_ts_ns, kind, side, price_ticks, qty_lots; ``tick`` and ``lot`` are in quote and base
    units. Raises ValueError on GAP rows, which hftbacktest has no word for.
    """
    kind = cols["kind"].astype(np.uint64)
    if ((kind < DEPTH) | (kind > CLEAR)).any():
        raise ValueError("hft_rows: the tape holds GAP rows; allowed depth, trade and clear")
    rows = np.zeros(len(kind), ROW)
    rows["ev"] = kind | np.uint64(EXCH | LOCAL)
    rows["ev"] |= np.where(cols["side"] > 0, np.uint64(BUY), np.uint64(0))
    rows["ev"] |= np.where(cols["side"] < 0, np.uint64(SELL), np.uint64(0))
    rows["exch_ts"] = cols["exch_ts_ns"]
    rows["local_ts"] = cols["exch_ts_ns"] + feed_latency_ns
    rows["px"] = cols["price_ticks"] * tick
    rows["qty"] = cols["qty_lots"] * lot
    return rows
