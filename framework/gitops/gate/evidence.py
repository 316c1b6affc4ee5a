"""The evidence tapes: opened and checked against their digest, without what somebody tuned on, replayed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from framework.fanout.run import Fanout, cores, open_fanout
from framework.files.hints import did_you_mean
from framework.gitops.errors import GitopsError
from framework.gitops.gate.arms import ArmJob, Windows, replay_arm, usable_windows
from framework.gitops.gate.compared import Compared
from framework.gitops.gate.judge import TapeArms, cut_of
from framework.market.made import Made
from framework.market.tape import Tape
from framework.market.tapes.open import TapeCache
from framework.market.tapes.sources import Recorded, TapeSource
from framework.settings.gitops_files import TAPES, read_tapes
from framework.settings.patch import Window
from framework.settings.schema.gitops import EnvironmentFile, EvidenceTape, GateRules
from framework.settings.schema.run import RunSettings
from framework.units import SECOND

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")

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


def load_tapes(root: Path) -> tuple[EvidenceTape, ...]:
    """Read the evidence tapes of a tree. Raises ``ConfigError`` or ``FileError``."""
    return read_tapes(root)


def tapes_of(environment: EnvironmentFile, tapes: tuple[EvidenceTape, ...]) -> tuple[EvidenceTape, ...]:
    """Return the tapes that are evidence in an environment, all when it names none. Raises GitopsError."""
    known = {tape.name: tape for tape in tapes}
    for name in environment.tapes:
        if name not in known:
            raise GitopsError(
                f"environment {environment.name}: tapes names {name}; allowed"
                f" {', '.join(known)}{did_you_mean(name, known)}"
            )
    return tuple(known[name] for name in environment.tapes) or tapes


def open_evidence(tape: EvidenceTape, *, home: Path) -> Tape:
    """Open or make a tape; ``home`` is what a location without a root is below.

    Raises GitopsError when the content is not what the digest names, and what the store or the generator
    raises.
    """
    opened = TapeCache().tape(_source(tape, home))
    if tape.digest is not None and opened.meta.digest != tape.digest:
        raise GitopsError(
            f"{TAPES}: {tape.name}: digest is {tape.digest}; the tape's is {opened.meta.digest}: another"
            " window, another recording, or (synthetic) another platform"
        )
    return opened


def _source(tape: EvidenceTape, home: Path) -> TapeSource:
    if tape.synthetic is not None:
        made = tape.synthetic
        return Made(
            preset=made.preset, regime=tape.regime, hours=made.hours, seed=made.seed, symbol=tape.symbol
        )
    location = tape.location or os.environ.get(tape.location_env or "")
    if not location:
        raise GitopsError(
            f"{TAPES}: {tape.name}: lies where {tape.location_env} says, which is not set here: the tape is"
            " the gate's own; allowed where that variable is set"
        )
    path = location if _URL.match(location) else str(home / location)
    return Recorded(path=path, symbol=tape.symbol, start=tape.start, end=tape.end)


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
    compared: Compared,
    rules: GateRules,
    home: Path,
    fanout: Fanout,
    moved: Moved,
) -> list[TapeArms]:
    """Replay both arms on every tape, with delays drawn from the base's seed; give the tapes in order."""
    if not evidence:
        return []
    arms, routes, keys = _arms_of(compared)
    jobs = [
        ArmJob(
            settings=settings,
            opener=partial(open_evidence, one.tape, home=home),
            seed=compared.base.soak.seed,
            cut=cut_of(rules, one.tape.market),
            windows=one.windows,
            judged=k < 2,
        )
        for one in evidence
        for k, settings in enumerate(arms)
    ]
    outcomes = fanout.run(replay_arm, jobs, on_done=_counting(len(jobs), moved))
    blocks = [outcome.unwrap() for outcome in outcomes]
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
