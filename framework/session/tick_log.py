"""Sampled ticks as rows of ``edge/feeds/ticks.jsonl``, named as the calibration feeds name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from framework.files.moments import iso_utc_ns
from framework.units import MS


def tick_rows(
    *, symbol: str, lot: float, ticks: NDArray[Any], served_ns: int, deadline_ns: int
) -> Iterator[dict[str, Any]]:
    """Give ticks as rows; ``served_ns`` is when they were done, on the clock of their ``ts_ns``.

    The engine knows no clock: how late a tick was and whether that missed the deadline is the driver's word.
    Depths are in base coin, ``queue_absorb_rate`` base coin a second, ``vol_realized`` bps of one second.
    """
    for row in ticks:
        ts_ns, waited_ns = int(row["ts_ns"]), int(row["waited_ns"])
        lag_ns = max(0, served_ns - ts_ns)
        yield {
            "ts": ts_ns // MS,
            "ts_iso": iso_utc_ns(ts_ns),
            "symbol": symbol,
            "tick_total_ms": (waited_ns + lag_ns) / MS,
            "lag_ms": lag_ns / MS,
            "deadline_miss": waited_ns + lag_ns > deadline_ns,
            "cache_hit": bool(row["cache_hit"]),
            "cache_age_ms": int(row["cache_age_ns"]) / MS,
            "used_stale": bool(row["used_stale"]),
            "mid_price": float(row["mid"]),
            "bid_depth": int(row["bid_lots"]) * lot,
            "ask_depth": int(row["ask_lots"]) * lot,
            "vol_realized": float(row["sigma_bps"]),
            "queue_absorb_rate": float(row["absorbed_lots"]) * lot,
            "half_spread_bps": float(row["half_spread_bps"]),
            "score": float(row["score"]),
            "position": float(row["position"]),
            "loss": float(row["loss"]),
        }
