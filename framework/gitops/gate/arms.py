"""Both arms of a gate on the same tapes: one replay each, and what every block of time gave.

Common random numbers: both arms see the same events under the same drawn delays, so most of what differs
between two blocks of tape cancels. Nothing is tuned on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from framework.edge.attribution import FillEdge, attribute_fills
from framework.edge.measures import Grid, Ints, ages_ms, equity_at
from framework.edge.report import build_edge_report
from framework.edge.section import Section
from framework.edge.window import HORIZONS, WindowData
from framework.gates.paired import Bools, Floats
from framework.gates.paired_metrics import COLUMNS
from framework.gitops.errors import GitopsError
from framework.market.events import GAP
from framework.market.tape import Tape
from framework.quoting.records import CANCEL_QUOTE, PLACE, REPLACE
from framework.session.play import play
from framework.session.replay import SoakReplay
from framework.session.window import cut_window
from framework.settings.schema.run import RunSettings
from framework.units import SECOND

LONGEST_AGE_MS = 1_000.0
"""An older quote off its target counts as this old: one halted minute is not a thousand slow quotes."""
SENT = ("ts_ns", "side", "action", "price_ticks", "qty_lots")
FILLED = ("exch_ts_ns", "side", "price_ticks", "qty_lots", "is_maker", "fee_quote", "fee_base")

Opener = Callable[[], Tape]
"""Gives a tape; importable by name (or a partial of such a function), for workers call it."""
Windows = tuple[tuple[int, int], ...]


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


@dataclass(frozen=True, kw_only=True)
class ArmJob:
    """One arm on one tape: its settings, how the tape is opened, the windows it may use (None: all of it).

    ``judged`` makes the edge reports a KPI profile judges.
    """

    settings: RunSettings
    opener: Opener
    seed: int
    cut: Cut
    windows: Windows | None = None
    judged: bool = True


@dataclass(frozen=True, kw_only=True)
class ArmBlocks:
    """What one arm left on one tape: sums per block in time order, and what a KPI profile judges.

    ``starts`` marks the first block of each uninterrupted window; ``digest`` covers every fill and request.
    ``totals`` are those of the edge report of each window.
    """

    sums: dict[str, Floats]
    starts: Bools
    hours: float
    digest: str
    fills: int
    totals: tuple[Section, ...]


def replay_arm(job: ArmJob) -> ArmBlocks:
    """Replay one arm on one tape; raises what opening, replaying and attributing raise."""
    tape = job.opener()
    spans = job.windows if job.windows is not None else usable_windows(tape=tape)
    played = [_play(job, tape, start, end) for start, end in spans]
    if not played:
        raise GitopsError(f"{tape.meta.source}: no window is left to judge on; allowed tape nobody tuned on")
    parts = [block_sums(window=w, cut=job.cut) for w in played]
    counts = [len(part["turnover"]) for part in parts]
    return ArmBlocks(
        sums={name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        starts=np.concatenate([np.arange(count) == 0 for count in counts]),
        hours=sum(counts) * job.cut.every_s / 3600.0,
        digest=_digest(played),
        fills=sum(len(w.fills) for w in played),
        totals=tuple(build_edge_report(windows=[w]).totals for w in played) if job.judged else (),
    )


def usable_windows(*, tape: Tape, cut: Sequence[tuple[int, int]] = (), margin_ns: int = 0) -> Windows:
    """Return the stretches of a tape (ns) without a broken feed and outside the windows cut out of it.

    ``margin_ns`` is left out on both sides of a cut too: what was fitted on a window knows its neighbourhood.
    """
    gaps = [(int(at), int(at) + 1) for at in tape.exch_ts_ns[tape.kind == GAP]]
    holes = sorted([*gaps, *((start - margin_ns, end + margin_ns) for start, end in cut)])
    spans, at = [], tape.start_ns
    for start, end in holes:
        if start > at:
            spans.append((at, min(start, tape.end_ns)))
        at = max(at, end)
    spans.append((at, tape.end_ns))
    # A minute is the shortest block there is.
    return tuple((a, b) for a, b in spans if b - a >= 2 * 60 * SECOND)


def _play(job: ArmJob, tape: Tape, start: int, end: int) -> WindowData:
    whole = start <= tape.start_ns and end >= tape.end_ns
    part = tape if whole else tape.window(start_ns=start, end_ns=end)
    # The run is the tape's: no hours, iterations or seed of its own.
    soak = job.settings.soak.model_copy(update={"hours": "tape", "iterations": 1, "seed": job.seed})
    settings = job.settings.model_copy(update={"soak": soak})
    market = cut_window(settings=settings, tape=part)
    (iteration,) = play(SoakReplay(settings=settings, market=market))
    return iteration.window


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
    return {
        **_fill_sums(window, edge, grid, HORIZONS[cut.horizon]),
        **_order_sums(window, grid),
        **_states(window, grid),
    }


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
        "adverse": -edge.adverse_1s,
        "fills": np.ones(len(rows)),
    }
    inside = _within(grid, ts)
    return {name: grid.sums(ts[inside], value[inside]) for name, value in values.items()}


def _order_sums(window: WindowData, grid: Grid) -> dict[str, Floats]:
    sent = window.audit["ts_ns"][np.isin(window.audit["action"], (PLACE, REPLACE, CANCEL_QUOTE))]
    sent = sent[_within(grid, sent)]
    ts, age = ages_ms(window, field="off_target_age_ns")
    inside = _within(grid, ts)
    count = grid.sums(ts[inside], np.ones(int(inside.sum())))
    total = grid.sums(ts[inside], np.minimum(age[inside], LONGEST_AGE_MS))
    return {
        "requests": grid.sums(sent, np.ones(len(sent))),
        "age_ms": total / np.maximum(count, 1.0),
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


def _digest(windows: Sequence[WindowData]) -> str:
    """Return the SHA-256 of every fill and request."""
    whole = hashlib.sha256()
    for window in windows:
        sent = window.audit[np.isin(window.audit["action"], (PLACE, REPLACE, CANCEL_QUOTE))]
        for rows, names in ((window.fills, FILLED), (sent, SENT)):
            for name in names:
                whole.update(np.ascontiguousarray(rows[name]).tobytes())
    return whole.hexdigest()
