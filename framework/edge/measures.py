"""What a window measures beside money: blocks, costs per fill, ages, requests, inventory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge.attribution import FillEdge
from framework.edge.window import WindowData
from framework.quoting.records import AT_LIMIT, BLOCK, BLOCK_NAMES, CANCEL_QUOTE, PLACE, REPLACE
from framework.units import MS, SECOND

Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]

LIQUID_BLOCK_S = 60
THIN_BLOCK_S = 600
LIQUID_TRADES_PER_MIN = 100.0
"""Perpetuals measured 1,340 and more trades a minute, a thin spot pair 9."""


def block_seconds(windows: Sequence[WindowData]) -> int:
    """Choose the block length: 60 s on a liquid market, 600 s on a thin one; at least twice the 30-s horizon.

    A market is liquid from 100 trades a minute (summed over hours of tape); without a trade counter it is
    thin.
    """
    minutes = sum(w.hours for w in windows) * 60.0
    trades = sum(w.counters.get("trades", 0) for w in windows)
    return LIQUID_BLOCK_S if minutes > 0.0 and trades / minutes >= LIQUID_TRADES_PER_MIN else THIN_BLOCK_S


@dataclass(frozen=True)
class Grid:
    """Consecutive blocks of time from ``start_ns``; the last one may be shorter."""

    start_ns: int
    end_ns: int
    seconds: int

    @property
    def count(self) -> int:
        """Return how many blocks there are."""
        return max(1, math.ceil((self.end_ns - self.start_ns) / (self.seconds * SECOND)))

    @property
    def edges(self) -> Ints:
        """Return the count + 1 block boundaries in ns."""
        steps = self.start_ns + np.arange(self.count + 1, dtype=np.int64) * self.seconds * SECOND
        return np.minimum(steps, self.end_ns)

    def block_of(self, ts_ns: Ints) -> Ints:
        """Return the block number of each time; a time at the very end belongs to the last block."""
        index = (ts_ns - self.start_ns) // (self.seconds * SECOND)
        return np.clip(index, 0, self.count - 1)

    def sums(self, ts_ns: Ints, values: Floats) -> Floats:
        """Add values by block."""
        return np.bincount(self.block_of(ts_ns), weights=values, minlength=self.count).astype(np.float64)


def grid_of(windows: Sequence[WindowData]) -> Grid:
    """Return the one grid that covers all windows."""
    return Grid(min(w.start_ns for w in windows), max(w.end_ns for w in windows), block_seconds(windows))


def equity_at(window: WindowData, *, times: Ints) -> Floats:
    """Return the equity (quote) at each time: the latest sample's, the books' own at both ends."""
    rows = window.samples
    flat = rows["position"] == 0.0
    equity = rows["cash"] + np.where(flat, 0.0, rows["position"] * np.where(flat, 0.0, rows["mid"]))
    series = np.concatenate(([window.opening.equity], equity))
    at = series[np.searchsorted(rows["ts_ns"], times, side="right")]
    at = np.where(times <= window.start_ns, window.opening.equity, at)
    return np.where(times >= window.end_ns, window.closing.equity, at)


def sigma_1s(window: WindowData) -> float | None:
    """Return the root mean square move of the mid per square-root second, from the samples; None without two.

    Only neighbouring samples count: a pause of more than 1.5 sampling steps is a gap, not a move.
    """
    ts, mid = window.samples["ts_ns"], window.samples["mid"]
    known = np.isfinite(mid) & (mid > 0.0)
    ts, mid = ts[known], mid[known]
    if len(ts) < 2:
        return None
    gap, move = np.diff(ts), np.diff(mid)
    near = (gap > 0) & (gap <= 1.5 * float(np.median(gap)))
    seconds = float(gap[near].sum()) / SECOND
    return math.sqrt(float((move[near] ** 2).sum()) / seconds) if seconds > 0.0 else None


def unit_move(window: WindowData) -> float | None:
    """Return u = max(sigma of one second, one tick) in price; None when sigma is unknown."""
    sigma = sigma_1s(window)
    return None if sigma is None else max(sigma, window.tick)


@dataclass(frozen=True)
class FillCosts:
    """Costs per fill (positive is worse), of the fills whose horizon is known; times beside them."""

    ts_ns: Ints
    adverse_bps: Floats
    adverse_u: Floats | None
    adverse_ts_ns: Ints
    slippage_bps: Floats
    slippage_u: Floats | None
    past_end: int


def fill_costs(window: WindowData, *, edge: FillEdge) -> FillCosts:
    """Compute adverse (one second) and slippage cost per fill, in bps of its notional and in unit moves.

    Fills whose second lies past the end are left out of adverse and counted.
    """
    rows, u = window.fills, unit_move(window)
    known = np.isfinite(rows["m_1s"])
    s = rows["side"].astype(np.float64)
    adverse = -s * (rows["m_1s"] - rows["m"])
    slip = -edge.slippage
    return FillCosts(
        ts_ns=rows["exch_ts_ns"],
        adverse_bps=(adverse / rows["price"] * 1e4)[known],
        adverse_u=None if u is None else (adverse / u)[known],
        adverse_ts_ns=rows["exch_ts_ns"][known],
        slippage_bps=slip / edge.notional * 1e4,
        slippage_u=None if u is None else slip / rows["qty"] / u,
        past_end=int((~known).sum()),
    )


def ages_ms(window: WindowData, *, field: str) -> tuple[Ints, Floats]:
    """Return times and ages (ms) of our resting quotes at each maker fill, replace and cancel.

    ``field`` is ``off_target_age_ns`` or ``resting_age_ns``; -1 there means no age (a taker fill, a
    placement).
    """
    audit = window.audit[np.isin(window.audit["action"], (REPLACE, CANCEL_QUOTE))]
    ts = np.concatenate((window.fills["exch_ts_ns"], audit["ts_ns"]))
    age = np.concatenate((window.fills[field], audit[field]))
    known = age >= 0
    return ts[known], age[known].astype(np.float64) / MS


def action_counts(windows: Sequence[WindowData]) -> dict[str, int]:
    """Count the placements, replaces and cancels sent."""
    kinds = {"place": PLACE, "replace": REPLACE, "cancel": CANCEL_QUOTE}
    return {
        name: sum(int((w.audit["action"] == code).sum()) for w in windows) for name, code in kinds.items()
    }


def limit_count(windows: Sequence[WindowData]) -> int:
    """Count the side-ticks at the position limit, which are not among the blocked ones."""
    rows = (window.audit for window in windows)
    return sum(int(a["count"][(a["action"] == BLOCK) & (a["reason"] == AT_LIMIT)].sum()) for a in rows)


def block_counts(windows: Sequence[WindowData]) -> dict[str, int]:
    """Count the blocked side-ticks by reason; an audit row stands for a run of ``count`` of them."""
    counts = dict.fromkeys(BLOCK_NAMES.values(), 0)
    for window in windows:
        blocked = window.audit[window.audit["action"] == BLOCK]
        for code, name in BLOCK_NAMES.items():
            counts[name] += int(blocked["count"][blocked["reason"] == code].sum())
    return counts


def max_drawdown(windows: Sequence[WindowData]) -> float:
    """Return the largest fall of the summed equity from a previous high, in quote currency."""
    ends = [t for w in windows for t in (w.start_ns, w.end_ns)]
    times = np.sort(np.concatenate([w.samples["ts_ns"] for w in windows] + [np.array(ends, np.int64)]))
    equity = sum(equity_at(w, times=times) for w in windows)
    return float(np.max(np.maximum.accumulate(equity) - equity))


def rms_position(window: WindowData) -> tuple[float | None, float | None]:
    """Return the root mean square position in base and, at the mid, in quote; None without samples."""
    rows = window.samples
    if not len(rows):
        return None, None
    position = rows["position"]
    worth = np.where(position == 0.0, 0.0, position * np.where(np.isfinite(rows["mid"]), rows["mid"], 0.0))
    return math.sqrt(float((position**2).mean())), math.sqrt(float((worth**2).mean()))
