"""Windows made by hand: the books are kept here by plain arithmetic, apart from the code under test."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.compiled.records import dtype_of
from framework.edge.window import LedgerPoint, Rows, WindowData
from framework.market.records import Fill

S = 1_000_000_000

AUDIT = np.dtype(
    [(n, "i8") for n in ("ts_ns", "side", "action", "reason", "count", "order_id", "price_ticks", "qty_lots")]
    + [("off_target_age_ns", "i8"), ("resting_age_ns", "i8"), ("mid", "f8")]
    + [("params_version", "i8"), ("route", "i8")]
)
SAMPLE = np.dtype(
    [("ts_ns", "i8")]
    + [(n, "f8") for n in ("mid", "position", "cash", "fees", "funding", "turnover")]
    + [(n, "i8") for n in ("bid_ticks", "ask_ticks", "params_version")]
)


FLAT = LedgerPoint(position=0.0, mid=100.0, cash=0.0, funding=0.0)


def rows(dtype: Any, given: Sequence[Mapping[str, Any]], **defaults: Any) -> Rows:
    """Return a structured array; unnamed fields take the default or 0."""
    made = np.zeros(len(given), dtype)
    for index, row in enumerate(given):
        for name, value in {**defaults, **row}.items():
            made[name][index] = value
    return made


def fill(
    ts_s: float,
    side: int,
    price: float,
    qty: float,
    *,
    m0: float,
    m: float,
    m_1s: float = math.nan,
    **more: Any,
) -> dict[str, Any]:
    """Return one fill; mids at other horizons default to the one-second mid."""
    horizons = {f"m_{h}": m_1s for h in ("100ms", "500ms", "5s", "30s")}
    base = {"exch_ts_ns": round(ts_s * S), "side": side, "price": price, "qty": qty, "m0": m0, "m": m}
    return {
        **horizons,
        **base,
        "m_1s": m_1s,
        "is_maker": 1,
        "off_target_age_ns": -1,
        "resting_age_ns": -1,
        **more,
    }


def window(
    fills: Sequence[Mapping[str, Any]] = (),
    *,
    audit: Sequence[Mapping[str, Any]] = (),
    mids: Sequence[tuple[float, float]] = (),
    end_s: float = 3600.0,
    opening: LedgerPoint = FLAT,
    closing_mid: float = 100.0,
    funding: float = 0.0,
    symbol: str = "XYZUSDT",
    quote: str = "USDT",
    start_s: float = 0.0,
    tick: float = 0.01,
    trades: int = 0,
) -> WindowData:
    """Return a window whose samples and books follow from its fills; ``mids`` are (second, mid) samples."""
    cash, position = opening.cash, opening.position
    samples, pending = [], sorted(fills, key=lambda f: f["exch_ts_ns"])
    booked = 0
    for ts_s, mid in [*mids, (math.inf, closing_mid)]:
        while booked < len(pending) and pending[booked]["exch_ts_ns"] <= ts_s * S:
            f = pending[booked]
            cash -= f["side"] * f["price"] * f["qty"] + f.get("fee_quote", 0.0)
            position += f["side"] * f["qty"] - f.get("fee_base", 0.0)
            booked += 1
        if math.isfinite(ts_s):
            samples.append({"ts_ns": round(ts_s * S), "mid": mid, "position": position, "cash": cash})
    return WindowData(
        symbol=symbol,
        quote=quote,
        tick=tick,
        lot=0.001,
        start_ns=round(start_s * S),
        end_ns=round(end_s * S),
        opening=opening,
        closing=LedgerPoint(position, closing_mid, cash + funding, opening.funding + funding),
        fills=rows(dtype_of(Fill), pending),
        audit=rows(AUDIT, audit, count=1, off_target_age_ns=-1, resting_age_ns=-1),
        samples=rows(SAMPLE, samples),
        counters={"trades": trades},
    )
