"""Which package a unit trades: one symbol for one UTC minute, chosen by a hash that every process agrees on.

A unit is a minute and not an order, so that an amend keeps the route of the order it changes.
"""

from __future__ import annotations

import hashlib

from framework.market import records
from framework.market.records import ROUTE_NAMES
from framework.units import MINUTE

REAL, CANARY = (ROUTE_NAMES[code] for code in (records.REAL, records.CANARY))


def on_canary(*, seed: int, symbol: str, minute: int, fraction: float) -> bool:
    """Tell whether a unit is on the canary route.

    ``minute`` counts whole UTC minutes since the epoch. The vote is the first 8 bytes, big-endian, of
    sha256("seed:symbol:minute") over 2^64, below ``fraction``.
    """
    digest = hashlib.sha256(f"{seed}:{symbol}:{minute}".encode()).digest()
    # Scaling by a power of two is exact, and Python compares a whole number with a float exactly.
    return int.from_bytes(digest[:8], "big") < fraction * 2.0**64


def stretches(
    *, seed: int, symbol: str, fraction: float, start_ns: int, end_ns: int
) -> list[tuple[int, str]]:
    """Cut start <= time < end (UTC ns) into stretches of one route: (from when, route), first at the start.

    Raises ValueError when the end is not after the start.
    """
    if end_ns <= start_ns:
        raise ValueError(f"stretches: end {end_ns} is not after start {start_ns}")
    spans: list[tuple[int, str]] = []
    for minute in range(start_ns // MINUTE, (end_ns - 1) // MINUTE + 1):
        chosen = on_canary(seed=seed, symbol=symbol, minute=minute, fraction=fraction)
        route = CANARY if chosen else REAL
        if not spans or spans[-1][1] != route:
            spans.append((max(start_ns, minute * MINUTE), route))
    return spans
