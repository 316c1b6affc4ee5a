"""The evidence tapes: opened and checked against their digest, without what somebody tuned on.

Who opens and replays them, in how many processes, is said once: ``Workers``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from framework.fanout.run import Fanout, cores, open_fanout
from framework.files.hints import did_you_mean
from framework.gitops.errors import GitopsError
from framework.market.events import GAP
from framework.market.made import Made
from framework.market.tape import Tape
from framework.market.tapes.open import TapeCache
from framework.market.tapes.sources import Recorded, TapeSource
from framework.settings.gitops_files import TAPES
from framework.settings.patch import Window
from framework.settings.schema.gitops import EnvironmentFile, EvidenceTape
from framework.units import SECOND

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")

T = TypeVar("T")
R = TypeVar("R")
Windows = tuple[tuple[int, int], ...]
Progress = Callable[[str, float], None]
"""Is told what is being done and how much of it is."""
EMBARGO_NS = 600 * SECOND
"""Left out on both sides of a window somebody tuned on: its neighbourhood is no longer unseen."""


@dataclass(frozen=True)
class Workers:
    """The processes of a gate, kept warm from opening the tapes to the last replay.

    ``home`` is what a tape's location is below.
    """

    fanout: Fanout
    home: Path
    progress: Progress

    def run(self, what: str, job: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Call ``job`` with every item and give what it returns, in order; raises what it raises."""
        done: list[object] = []

        def count(outcome: object) -> None:
            done.append(outcome)
            self.progress(what, len(done) / len(items))

        outcomes = self.fanout.run(job, items, on_done=count) if items else []
        return [outcome.unwrap() for outcome in outcomes]


@contextmanager
def workers_for(*, tapes: int, workers: int | None, home: Path, progress: Progress) -> Iterator[Workers]:
    """Open the processes of a gate over so many tapes; 0: none."""
    with (
        open_fanout(backend="serial")
        if workers == 0 or not tapes
        else open_fanout(workers=min(workers or cores(), 2 * tapes))
    ) as fanout:
        yield Workers(fanout, home, progress)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A tape that is opened: its digest, the windows that may be used, what was cut out of it."""

    tape: EvidenceTape
    digest: str
    windows: Windows
    cut: int


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


def open_all(*, tapes: Sequence[EvidenceTape], tuned: Sequence[Window], workers: Workers) -> list[Evidence]:
    """Open every tape; one that is made and not yet kept is made here, each by a worker of its own."""
    return workers.run("tapes", partial(open_unseen, tuned=tuple(tuned), home=workers.home), tapes)


def open_unseen(tape: EvidenceTape, *, tuned: Sequence[Window], home: Path) -> Evidence:
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


def open_evidence(tape: EvidenceTape, *, home: Path) -> Tape:
    """Open or make a tape; ``home`` is what a location without a root is below.

    Raises GitopsError when the content is not what the digest names, and what the store or the generator
    raises; of a tape whose place is the gate's own, no word of what they say.
    """
    source = _source(tape, home)
    try:
        opened = TapeCache(exact=True).tape(source)
    except Exception as error:
        if tape.location_env is None:
            raise
        raise GitopsError(
            f"{TAPES}: {tape.name}: cannot be opened where {tape.location_env} says"
            f" ({type(error).__name__}); allowed a tape archive there: see quoteops tape info beside the gate"
        ) from None
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
