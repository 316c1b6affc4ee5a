"""What a window earned, traded and risked by blocks of time, by which two runs of one tape are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from framework.edge.attribution import FillEdge, attribute_fills
from framework.edge.measures import Grid, Ints, ages_ms, equity_at
from framework.edge.window import HORIZONS, WindowData
from framework.gates.paired import Bools, Floats
from framework.gates.paired_metrics import COLUMNS
from framework.quoting.records import CANCEL_QUOTE, PLACE, REPLACE
from framework.units import SECOND

LONGEST_AGE_MS = 1_000.0
"""An older quote off its target counts as this old: one halted minute is not a thousand slow quotes."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How a market is cut into blocks, and when a fill is marked (a name of ``edge.window.HORIZONS``).

    With ``step_s``, a divisor of ``block_s``, blocks begin that often and overlap.
    """

    block_s: int
    horizon: str
    step_s: int | None = None

    @property
    def every_s(self) -> int:
        """Return how often a block begins."""
        return self.step_s or self.block_s

    @property
    def horizon_ns(self) -> int:
        """Return the markout horizon in ns."""
        return int(self.horizon.removesuffix("s")) * SECOND


LIQUID = Cut(block_s=60, horizon="5s")
THIN = Cut(block_s=600, horizon="30s")
"""A liquid market has spoken after five seconds, a thin one after thirty; blocks are at least twice that."""


def block_sums(*, window: WindowData, cut: Cut) -> dict[str, Floats]:
    """Return the columns of ``framework.gates.paired_metrics``, one value for each whole block.

    Blocks that reach into the markout horizon before the window's end are left out: their fills have no
    outcome yet.
    """
    edge = attribute_fills(window)
    parts = [
        _sums_from(window, edge, cut, window.start_ns + offset * SECOND)
        for offset in range(0, cut.block_s, cut.every_s)
    ]
    sums = {name: np.zeros(sum(len(part[name]) for part in parts)) for name in COLUMNS}
    for name, column in sums.items():
        for k, part in enumerate(parts):
            column[k :: len(parts)] = part[name]
    return sums


def _sums_from(window: WindowData, edge: FillEdge, cut: Cut, start_ns: int) -> dict[str, Floats]:
    """Return the columns of one block after the other from ``start_ns`` on."""
    usable = window.end_ns - start_ns - cut.horizon_ns
    count = max(0, usable // (cut.block_s * SECOND))
    if not count:
        return {name: np.zeros(0) for name in COLUMNS}
    grid = Grid(start_ns, start_ns + count * cut.block_s * SECOND, cut.block_s)
    quoted_s = _quoted_s(window, grid)
    return {
        **_fill_sums(window, edge, grid, HORIZONS[cut.horizon]),
        **_order_sums(window, grid, quoted_s),
        **_states(window, grid),
        "quoted_s": quoted_s,
    }


def _quoted_s(window: WindowData, grid: Grid) -> Floats:
    """Return for how long quotes rested, both sides added, from the samples."""
    rows = window.samples[_within(grid, window.samples["ts_ns"])]
    step_s = float(np.median(np.diff(rows["ts_ns"]))) / SECOND if len(rows) > 1 else 0.0
    sides = (rows["bid_ticks"] > 0).astype(np.float64) + (rows["ask_ticks"] > 0)
    return grid.sums(rows["ts_ns"], sides * step_s)


def _within(grid: Grid, ts_ns: Ints) -> Bools:
    inside: Bools = (ts_ns >= grid.start_ns) & (ts_ns < grid.end_ns)
    return inside


def _fill_sums(window: WindowData, edge: FillEdge, grid: Grid, markout: str) -> dict[str, Floats]:
    rows = window.fills
    ts = rows["exch_ts_ns"]
    outcome = rows["side"] * (rows[markout] - rows["price"]) * rows["qty"] + edge.fees_eff
    values = {
        "turnover": edge.notional,
        "net": outcome,
        "gross": edge.gross,
        "adverse": -edge.adverse_1s - edge.gross,
        "fills": np.ones(len(rows)),
    }
    inside = _within(grid, ts)
    return {name: grid.sums(ts[inside], value[inside]) for name, value in values.items()}


def _order_sums(window: WindowData, grid: Grid, quoted_s: Floats) -> dict[str, Floats]:
    """Count requests, and measure for which share of the time that quotes rest they are off target."""
    sent = window.audit["ts_ns"][np.isin(window.audit["action"], (PLACE, REPLACE, CANCEL_QUOTE))]
    sent = sent[_within(grid, sent)]
    ts, age = ages_ms(window, field="off_target_age_ns")
    inside = _within(grid, ts)
    off_s = grid.sums(ts[inside], np.minimum(age[inside], LONGEST_AGE_MS)) / 1_000.0
    return {
        "requests": grid.sums(sent, np.ones(len(sent))),
        "off_target": 100.0 * np.divide(off_s, quoted_s, out=np.zeros(grid.count), where=quoted_s > 0.0),
    }


def _states(window: WindowData, grid: Grid) -> dict[str, Floats]:
    """Measure equity and position: the change and the largest fall within each block, the mean square."""
    rows = window.samples
    inside = _within(grid, rows["ts_ns"])
    ts = rows["ts_ns"][inside]
    flat = rows["position"][inside] == 0.0
    worth = np.where(flat, 0.0, rows["position"][inside] * np.where(flat, 0.0, rows["mid"][inside]))
    held = grid.sums(ts, np.ones(len(ts)))
    squares = grid.sums(ts, worth * worth)
    edges = equity_at(window, times=grid.edges)
    times = np.concatenate((ts, grid.edges[:-1]))
    order = np.argsort(times, kind="stable")
    block = grid.block_of(times[order])
    equity = equity_at(window, times=times[order])
    fall = np.zeros(grid.count)
    for k, part in enumerate(np.split(equity, np.flatnonzero(np.diff(block)) + 1)):
        fall[k] = float(np.max(np.maximum.accumulate(part) - part))
    with np.errstate(invalid="ignore"):
        return {"net_marked": np.diff(edges), "position_sq": squares / held, "drawdown": fall}
