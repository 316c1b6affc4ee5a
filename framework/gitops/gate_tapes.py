"""The tapes of a gate: opened, without the windows somebody tuned on, and both arms replayed on each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from framework.fanout.run import run_all
from framework.gitops.arms import NS_PER_S, ArmJob, Windows, replay_arm, usable_windows
from framework.gitops.gate_judge import TapeArms, cut_of
from framework.gitops.tapes import open_evidence
from framework.settings.patch import Window
from framework.settings.schema.gitops import EvidenceTape, GateRules
from framework.settings.schema.run import RunSettings

EMBARGO_NS = 600 * NS_PER_S
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


def replay_evidence(
    *,
    evidence: Sequence[Evidence],
    base: RunSettings,
    head: RunSettings,
    rules: GateRules,
    home: Path,
    workers: int | None,
    moved: Callable[[float], None],
) -> list[TapeArms]:
    """Replay both arms on every tape, spread over the cores (``workers`` 0: in this process).

    Both arms draw their delays from the base's seed. Gives the tapes in their order.
    """
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
    done: list[int] = []

    def count(_: object) -> None:
        done.append(1)
        moved(len(done) / len(jobs))

    outcomes = run_all(
        replay_arm,
        jobs,
        backend="serial" if workers == 0 else "pool",
        workers=workers or None,
        on_done=count,
    )
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
