"""The tapes of a gate: opened, without the windows somebody tuned on, and both arms replayed on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from framework.fanout.run import Fanout, cores, open_fanout
from framework.gitops.gate.arms import ArmJob, Windows, replay_arm, usable_windows
from framework.gitops.gate.judge import TapeArms, cut_of
from framework.gitops.gate.tapes import open_evidence
from framework.settings.patch import Window
from framework.settings.schema.gitops import EvidenceTape, GateRules
from framework.settings.schema.run import RunSettings
from framework.units import SECOND

Moved = Callable[[float], None]
EMBARGO_NS = 600 * SECOND
"""Left out on both sides of a window somebody tuned on: its neighbourhood is no longer unseen."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A tape that is opened: its digest, the windows that may be used, what was cut out of it."""

    tape: EvidenceTape
    digest: str
    windows: Windows
    cut: int


def open_unseen(*, tape: EvidenceTape, tuned: Sequence[Window], home: Path) -> Evidence:
    """Open a tape and cut out the windows somebody tuned on.

    A window counts for the tape it names, and for every recorded tape of the same hours: another cut of the
    same recording has another digest, and another symbol lived through the same market.
    """
    opened = open_evidence(tape, home=home)
    cut = [
        (_ns(window.start), _ns(window.end))
        for window in tuned
        if window.tape in (tape.digest, opened.meta.digest) or not tape.is_synthetic
    ]
    windows = usable_windows(tape=opened, cut=cut, margin_ns=EMBARGO_NS)
    inside = [1 for start, end in cut if start < opened.end_ns and end > opened.start_ns]
    return Evidence(tape=tape, digest=opened.meta.digest, windows=windows, cut=len(inside))


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6) * 1_000


def workers_for(*, tapes: int, workers: int | None) -> AbstractContextManager[Fanout]:
    """Open the processes of a gate (0: none), kept warm from opening the tapes to the last replay."""
    if workers == 0 or not tapes:
        return open_fanout(backend="serial")
    return open_fanout(workers=min(workers or cores(), 2 * tapes))


def open_all(
    *, tapes: Sequence[EvidenceTape], tuned: Sequence[Window], home: Path, fanout: Fanout, moved: Moved
) -> list[Evidence]:
    """Open every tape; one that is made and not yet kept is made here, each by a worker of its own."""
    job = partial(_open, tuned=tuple(tuned), home=home)
    outcomes = fanout.run(job, tapes, on_done=_counting(len(tapes), moved)) if tapes else []
    return [outcome.unwrap() for outcome in outcomes]


def _open(tape: EvidenceTape, *, tuned: Sequence[Window], home: Path) -> Evidence:
    return open_unseen(tape=tape, tuned=tuned, home=home)


def _counting(of: int, moved: Moved) -> Callable[[object], None]:
    done: list[int] = []

    def count(_: object) -> None:
        done.append(1)
        moved(len(done) / of)

    return count


def replay_evidence(
    *,
    evidence: Sequence[Evidence],
    base: RunSettings,
    head: RunSettings,
    rules: GateRules,
    home: Path,
    fanout: Fanout,
    moved: Moved,
) -> list[TapeArms]:
    """Replay both arms on every tape, with delays drawn from the base's seed; give the tapes in order."""
    if not evidence:
        return []
    jobs = [
        ArmJob(
            settings=settings,
            opener=partial(open_evidence, one.tape, home=home),
            seed=base.soak.seed,
            cut=cut_of(rules, one.tape.market),
            windows=one.windows,
        )
        for one in evidence
        for settings in (base, head)
    ]
    outcomes = fanout.run(replay_arm, jobs, on_done=_counting(len(jobs), moved))
    arms = [outcome.unwrap() for outcome in outcomes]
    return [
        TapeArms(
            name=one.tape.name,
            symbol=one.tape.symbol,
            regime=one.tape.regime,
            market=one.tape.market,
            synthetic=one.tape.is_synthetic,
            base=arms[2 * k],
            candidate=arms[2 * k + 1],
        )
        for k, one in enumerate(evidence)
    ]
