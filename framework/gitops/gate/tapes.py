"""The evidence tapes: made from a seed, or opened from an archive and checked against their digest."""

from __future__ import annotations

import re
from pathlib import Path

from framework.files.hints import did_you_mean
from framework.gitops.errors import GitopsError
from framework.market.tape import Tape
from framework.market.tapes.open import TapeCache
from framework.market.tapes.sources import Made, Recorded, TapeSource
from framework.settings.gitops_files import TAPES, read_tapes
from framework.settings.schema.gitops import EnvironmentFile, EvidenceTape

_URL = re.compile(r"[a-z][a-z0-9+.-]+://")


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
    assert tape.location is not None
    path = tape.location if _URL.match(tape.location) else str(home / tape.location)
    return Recorded(path=path, symbol=tape.symbol, start=tape.start, end=tape.end)
