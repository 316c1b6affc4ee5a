"""Both arms of a gate on the same tapes: one replay each, and what every block of time gave.

Common random numbers: both arms see the same events under the same drawn delays, so most of what differs
between two blocks of tape cancels. Nothing is tuned on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from framework.edge.report import build_edge_report
from framework.edge.section import Section
from framework.edge.window import WindowData
from framework.gates.paired import Bools, Floats
from framework.gitops.errors import GitopsError
from framework.market.events import GAP
from framework.market.tape import Tape
from framework.quoting.records import CANCEL_QUOTE, PLACE, REPLACE
from framework.session.blocks import Cut, block_sums
from framework.session.play import play
from framework.session.replay import SoakReplay
from framework.session.window import cut_window
from framework.settings.schema.run import RunSettings
from framework.units import SECOND

SENT = ("ts_ns", "side", "action", "price_ticks", "qty_lots")
FILLED = ("exch_ts_ns", "side", "price_ticks", "qty_lots", "is_maker", "fee_quote", "fee_base")

Opener = Callable[[], Tape]
"""Gives a tape; importable by name (or a partial of such a function), for workers call it."""
Windows = tuple[tuple[int, int], ...]


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


def _digest(windows: Sequence[WindowData]) -> str:
    """Return the SHA-256 of every fill and request."""
    whole = hashlib.sha256()
    for window in windows:
        sent = window.audit[np.isin(window.audit["action"], (PLACE, REPLACE, CANCEL_QUOTE))]
        for rows, names in ((window.fills, FILLED), (sent, SENT)):
            for name in names:
                whole.update(np.ascontiguousarray(rows[name]).tobytes())
    return whole.hexdigest()
