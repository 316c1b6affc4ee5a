"""The tapes of a process: each opened or generated once, synthetic ones kept on disk for the next process.

A synthetic tape is a pure function of its words and of the code that makes it, so its columns are kept as
``.npy`` files beside the tape store's, below a folder named by the digest of both, and memory-mapped from
then on.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework.compiled.jit import source_digest
from framework.market.errors import TapeError
from framework.market.instrument import Instrument
from framework.market.tape import EVENT_COLUMNS, FUNDING_COLUMNS, SCHEMA_HASH, Tape, TapeMeta
from framework.settings.schema.market import SyntheticMarket, TapeMarket
from framework.settings.schema.run import RunSettings

Say = Callable[[str], None]
KEPT_BYTES = 2 << 30
"""Synthetic tapes kept on disk, together; the oldest go first."""
HELD = 2
"""Tapes held open at a time: a sweep over seeds needs one after the other, not all at once."""
SIDECAR = "tape.json"


class TapeShelf:
    """Open or generate the tape that settings ask for, once a process."""

    def __init__(self, *, say: Say = lambda _: None, cache: Path | None = None) -> None:
        self._say = say
        self._cache = cache
        self._held: dict[tuple[Any, ...], Tape] = {}

    def where(self, *, settings: RunSettings) -> tuple[Tape, Path | None]:
        """Give the tape and the folder whose columns other processes can map; None when it cannot be kept.

        A window of a recorded tape is kept like a synthetic tape: its columns exist nowhere else.
        """
        tape, market = self.tape(settings=settings), settings.market
        if not isinstance(market, TapeMarket):
            place = self._place(synthetic_words(settings))
        elif market.start is None and market.end is None:
            from framework.market.store import cache_folder

            place = cache_folder() / tape.meta.digest
        else:
            place = self._folder() / f"window-{tape.meta.digest[:32]}"
            if _mapped(place) is None:
                self._keep(tape, place)
        return tape, place if mapped(place, sidecar=sidecar_of(tape)) is not None else None

    def tape(self, *, settings: RunSettings) -> Tape:
        """Give the tape; raises TapeError and what the store or the generator raises."""
        key = tape_key(settings)
        if key not in self._held:
            while len(self._held) >= HELD:
                self._held.pop(next(iter(self._held)))
            self._held[key] = self._open(settings)
        return self._held[key]

    def _open(self, settings: RunSettings) -> Tape:
        market = settings.market
        if isinstance(market, TapeMarket):
            from framework.market.store import open_tape

            return open_tape(market.path, symbol=market.symbol, start=market.start, end=market.end)
        return self.made(**synthetic_words(settings))

    def made(self, **words: Any) -> Tape:
        """Give the synthetic tape of the words of ``synthetic.generate``, from the disk when it was made
        before.
        """
        place = self._place(words)
        tape = _mapped(place)
        if tape is None:
            from framework.market.synthetic import generate

            tape = generate(**words)
            self._keep(tape, place)
        return tape

    def _keep(self, tape: Tape, place: Path) -> None:
        """Write a generated tape for the next process; a cache that cannot be written costs time, not the
        soak.
        """
        try:
            _write(tape, place)
            _evict(place)
        except OSError as error:
            self._say(
                f"note: {place.parent}: the synthetic tape is not kept ({error.strerror or error});"
                f" it is made anew next time"
            )

    def _place(self, words: dict[str, Any]) -> Path:
        """Give the folder of a synthetic tape: named by its words and by the sources that make it."""
        import framework.market.synthetic as maker

        made_by = [SCHEMA_HASH, source_digest(Path(maker.__file__)), platform.machine()]
        digest = hashlib.sha256(json.dumps([words, made_by], sort_keys=True).encode()).hexdigest()
        return self._folder() / f"synthetic-{digest[:32]}"

    def _folder(self) -> Path:
        from framework.market.store import cache_folder

        return self._cache or cache_folder()


def synthetic_words(settings: RunSettings) -> dict[str, Any]:
    """Give what decides a synthetic tape; raises TapeError when the hours are not a number."""
    market, hours = settings.market, settings.soak.hours
    assert isinstance(market, SyntheticMarket)
    if hours == "tape":
        raise TapeError(
            "soak.hours: tape needs market=tape; allowed a number of hours for a synthetic market"
        )
    return {
        "preset": market.preset,
        "regime": market.regime,
        "hours": float(hours),
        "seed": settings.soak.seed,
        "symbol": market.symbol,
    }


def tape_key(settings: RunSettings) -> tuple[Any, ...]:
    """Give what tells one tape from another."""
    market = settings.market
    if isinstance(market, TapeMarket):
        return ("tape", market.path, market.symbol, market.start, market.end)
    return ("synthetic", *synthetic_words(settings).values())


def _mapped(place: Path) -> Tape | None:
    """Map a kept tape, or None when there is none whole."""
    try:
        sidecar = json.loads((place / SIDECAR).read_text(encoding="utf-8"))
        return mapped(place, sidecar=sidecar)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def mapped(place: Path, *, sidecar: Mapping[str, Any]) -> Tape | None:
    """Map the columns in a folder as the tape that a sidecar describes, or None when they are not whole."""
    columns = {}
    try:
        for group, rows in ((EVENT_COLUMNS, sidecar["rows"]), (FUNDING_COLUMNS, sidecar["funding_rows"])):
            for name, dtype in group:
                column = np.asarray(np.load(place / f"{name}.npy", mmap_mode="c" if rows else None))
                if column.dtype != np.dtype(dtype) or column.shape != (rows,):
                    return None
                columns[name] = column
        return tape_of(columns, sidecar=sidecar)
    except (OSError, ValueError, EOFError, KeyError, TapeError):
        return None


def tape_of(columns: Mapping[str, Any], *, sidecar: Mapping[str, Any]) -> Tape:
    """Make a tape of its columns and its sidecar."""
    instrument = Instrument.from_dict(data=sidecar["instrument"], where=SIDECAR)
    return Tape(instrument=instrument, meta=TapeMeta(**sidecar["meta"]), **columns)


def _write(tape: Tape, place: Path) -> None:
    """Write the columns beside their place and rename the folder into it; two writers do not disturb each
    other.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}-"))
    try:
        for name, column in tape.columns().items():
            with (building / f"{name}.npy").open("wb") as stream:  # np.save would not notice a full disk
                np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(column))
                stream.write(np.ascontiguousarray(column).data)
        (building / SIDECAR).write_text(json.dumps(sidecar_of(tape), sort_keys=True), encoding="utf-8")
        if _mapped(place) is None:  # else another process was faster
            shutil.rmtree(place, ignore_errors=True)
            building.rename(place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def sidecar_of(tape: Tape) -> dict[str, Any]:
    """Describe a tape beside its columns."""
    meta = tape.meta
    return {
        "rows": len(tape),
        "funding_rows": len(tape.funding_ts_ns),
        "instrument": tape.instrument.as_dict(),
        "meta": {
            "source": meta.source,
            "format": meta.format,
            "digest": meta.digest,
            "faults": dict(meta.faults),
            "measures": dict(meta.measures),
        },
    }


def _evict(newest: Path) -> None:
    """Delete the oldest kept tapes beyond the budget, never the newest."""
    found = (place for kind in ("synthetic-*", "window-*") for place in newest.parent.glob(kind))
    kept = sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)
    total = 0
    for place in kept:
        total += sum(file.stat().st_size for file in place.iterdir())
        if total > KEPT_BYTES and place != newest:
            shutil.rmtree(place, ignore_errors=True)
