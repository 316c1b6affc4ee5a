"""Both arms of a gate: what is compared, and one replay of each on the same tapes.

A canary is its candidate in minutes that a hash draws, whatever the market does: its mean effect is its share
of the candidate's own, and what is proven of the candidate alone beside the baseline alone is proven of every
share of it. What switching between them costs is not in that comparison, and is looked at beside it.

Common random numbers: both arms see the same events under the same drawn delays, so most of what differs
between two blocks of tape cancels. Nothing is tuned on the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from framework.edge.report import build_edge_report
from framework.edge.section import Section
from framework.edge.window import WindowData
from framework.gates.paired import Bools, Floats
from framework.gitops.errors import GitopsError
from framework.gitops.gate.evidence import Evidence, Windows, Workers, open_evidence, usable_windows
from framework.market.tape import Tape
from framework.quoting.records import CANCEL_QUOTE, PLACE, REPLACE
from framework.session.blocks import Cut, block_sums
from framework.session.play import play
from framework.session.replay import SoakReplay
from framework.session.ticks import tick_bps_of
from framework.session.window import cut_window
from framework.settings.overrides import Change
from framework.settings.schema.gitops import GateRules, MarketClass
from framework.settings.schema.run import RunSettings
from framework.settings.traded import CANDIDATE, traded_changes, traded_fields

JUDGED_APART = ("kpi.", "rollout.")
"""Thresholds are the judge's; how far a candidate is out is judged by its values."""

SENT = ("ts_ns", "side", "action", "price_ticks", "qty_lots")
FILLED = ("exch_ts_ns", "side", "price_ticks", "qty_lots", "is_maker", "fee_quote", "fee_base")

Opener = Callable[[], Tape]
"""Gives a tape; importable by name (or a partial of such a function), for workers call it."""


@dataclass(frozen=True)
class KeyAlone:
    """One value of a change by itself: over the base, or, where that composes not, taken out of the rest.

    ``settings`` is None where neither composes.
    """

    change: Change
    settings: RunSettings | None
    taken_out: bool = False


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The two configurations that are compared; ``routes``: of a canary, what runs now and what would.

    ``keys`` are the values of a change of several, each by itself.
    """

    base: RunSettings
    candidate: RunSettings
    routes: tuple[RunSettings, ...] = ()
    keys: tuple[KeyAlone, ...] = ()


def compared(*, base: RunSettings, head: RunSettings) -> Compared:
    """Say what two compositions are compared by: both sides, and of several values each by itself.

    A change of one value is that value.
    """
    sides = _sides(base, head)
    changes = [
        change
        for change in traded_changes(traded_fields(sides.base), traded_fields(sides.candidate))
        if not change.name.startswith(JUDGED_APART)
    ]
    if len(changes) < 2:
        return sides
    return replace(sides, keys=tuple(_alone(sides.base, sides.candidate, change) for change in changes))


def _sides(base: RunSettings, head: RunSettings) -> Compared:
    """Compare what is tried with the baseline it is tried beside, each alone; anything else as it runs.

    That takes one baseline on both sides; where it changes too, and from one candidate that trades every
    minute to another, both sides are compared as they run.
    """
    plain = Compared(base=base, candidate=head)
    shares = (base.rollout.share, head.rollout.share)
    if head.candidate is None or not shares[1] or shares == (1.0, 1.0):
        return plain
    beneath, candidate = _untried(base.baseline), _untried(head.candidate)
    if beneath.config_sha != _untried(head.baseline).config_sha:
        return plain
    mixed = any(0.0 < share < 1.0 for share in shares)
    return Compared(base=beneath, candidate=candidate, routes=(_as_run(base), _as_run(head)) if mixed else ())


def _as_run(settings: RunSettings) -> RunSettings:
    """Return the one composition that trades every minute, the settings themselves where two do."""
    if not settings.rollout.share:
        return _untried(settings.baseline)
    candidate = settings.candidate
    return settings if candidate is None or settings.rollout.share < 1.0 else _untried(candidate)


def _untried(settings: RunSettings) -> RunSettings:
    """Take out how far anything was or would be out, so that one question has one name at every share."""
    alone = {"mode": "disabled", "candidate": None, "canary_fraction": 0.0}
    return settings.replaced({"rollout": settings.rollout.model_copy(update=alone)})


def _alone(base: RunSettings, head: RunSettings, change: Change) -> KeyAlone:
    for settings, value, taken_out in ((base, change.new, False), (head, change.old, True)):
        try:
            return KeyAlone(change, _with(settings, head, change.name, value), taken_out)
        except (ValueError, KeyError, TypeError):  # together the values compose; this one does not by itself
            continue
    return KeyAlone(change, None)


def _with(settings: RunSettings, head: RunSettings, name: str, value: Any) -> RunSettings:
    """Return settings with one other value; a candidate's as far out as the head lets it."""
    if not name.startswith(CANDIDATE):
        return settings.with_values({name: value})
    tried = {**(settings.rollout.candidate or {}), name.removeprefix(CANDIDATE): value}
    return settings.replaced({"rollout": head.rollout.model_copy(update={"candidate": tried})})


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
    tick_bps: float = 0.0
    """What a tick is worth there."""


@dataclass(frozen=True, kw_only=True)
class TapeArms:
    """Both arms on one evidence tape, and what the tape is."""

    name: str
    symbol: str
    regime: str
    market: Literal["liquid", "thin"]
    synthetic: bool
    base: ArmBlocks
    candidate: ArmBlocks
    routes: tuple[ArmBlocks, ...] = ()
    """Of a canary what runs now and what would, as their routes trade."""

    alone: tuple[ArmBlocks | None, ...] = ()
    """What each value of a change does by itself, None where it does not compose."""

    @property
    def identical(self) -> bool:
        """Tell whether every fill and request of both arms is the same."""
        return self.base.digest == self.candidate.digest


def cut_of(rules: GateRules, market: Literal["liquid", "thin"]) -> Cut:
    """Return how the policy cuts a kind of market into blocks."""
    kind: MarketClass = getattr(rules.markets, market)
    return Cut(block_s=kind.block_s, horizon=kind.horizon)


def replay_evidence(
    evidence: Sequence[Evidence], *, compared: Compared, rules: GateRules, workers: Workers, what: str
) -> list[TapeArms]:
    """Replay both arms on every tape, with delays drawn from the base's seed; give the tapes in order."""
    if not evidence:
        return []
    arms, routes, keys = _arms_of(compared)
    jobs = [
        ArmJob(
            settings=settings,
            opener=partial(open_evidence, one.tape, home=workers.home),
            seed=compared.base.soak.seed,
            cut=cut_of(rules, one.tape.market),
            windows=one.windows,
            judged=k < 2,
        )
        for one in evidence
        for k, settings in enumerate(arms)
    ]
    blocks = workers.run(what, replay_arm, jobs)
    played = [blocks[k : k + len(arms)] for k in range(0, len(blocks), len(arms))]
    return [
        TapeArms(
            name=one.tape.name,
            symbol=one.tape.symbol,
            regime=one.tape.regime,
            market=one.tape.market,
            synthetic=one.tape.is_synthetic,
            base=played[k][0],
            candidate=played[k][1],
            routes=tuple(played[k][at] for at in routes),
            alone=tuple(None if at is None else played[k][at] for at in keys),
        )
        for k, one in enumerate(evidence)
    ]


def _arms_of(compared: Compared) -> tuple[list[RunSettings], list[int], list[int | None]]:
    """Return what is replayed, what is compared first; where in it each side's routes and each key are."""
    arms = [compared.base, compared.candidate]
    known = [arm.config_sha for arm in arms]

    def place(settings: RunSettings) -> int:
        if settings.config_sha not in known:
            arms.append(settings)
            known.append(settings.config_sha)
        return known.index(settings.config_sha)

    routes = [place(settings) for settings in compared.routes]
    keys = [None if key.settings is None else place(key.settings) for key in compared.keys]
    return arms, routes, keys


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
        tick_bps=tick_bps_of(played),
    )


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
