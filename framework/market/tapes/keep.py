"""Tapes kept on disk for the next process: made ones, and windows of recorded ones, within a budget."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from framework.compiled.jit import source_digest
from framework.market.columns import (
    GrowingColumns,
    building_beside,
    map_tape,
    put_in_place,
    save_column,
    write_columns,
)
from framework.market.errors import TapeError
from framework.market.made import Made
from framework.market.sidecar import Sidecar
from framework.market.tape import FUNDING_COLUMNS, SCHEMA_HASH, Tape

Log = Callable[[str], None]
KEPT_BYTES = 2 << 30
"""Tapes kept on disk, together; the oldest go first."""
SIDECAR = "tape.json"
LAYOUT = 3
"""Of a kept folder; another layout is another folder."""


def made_folder(made: Made, *, below: Path) -> Path:
    """Give the folder of a made tape: named by its words and by the sources that make it."""
    import framework.market.synthetic as maker

    made_by = [LAYOUT, SCHEMA_HASH, source_digest(Path(maker.__file__)), platform.machine()]
    digest = hashlib.sha256(json.dumps([asdict(made), made_by], sort_keys=True).encode()).hexdigest()
    return below / f"synthetic-{digest[:32]}"


def window_folder(tape: Tape, *, below: Path) -> Path:
    """Give the folder of a window of a recorded tape, whose columns exist nowhere else."""
    return below / f"window{LAYOUT}-{tape.meta.digest[:32]}"


def kept_tape(folder: Path) -> Tape | None:
    """Map a kept tape, or None when there is none whole."""
    try:
        sidecar = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
        return map_tape(folder=folder, sidecar=Sidecar.read(sidecar, where=SIDECAR))
    except (OSError, ValueError, KeyError, TypeError, TapeError):
        return None


def keep_tape(tape: Tape, folder: Path, *, log: Log) -> None:
    """Write a tape for the next process; a cache that cannot be written costs time, not the run."""
    try:
        write_columns(folder=folder, columns=tape.columns(), beside=_beside(Sidecar.of(tape)))
        _evict(folder)
    except OSError as error:
        log(_not_kept(folder, error))


def make_kept(made: Made, folder: Path, *, log: Log) -> Tape:
    """Make a tape chunk by chunk in the folder it is kept in, and in memory where that cannot be written.

    Raises TapeError.
    """
    from framework.market.synthetic import generate, simulation

    market = simulation(made)
    try:
        with building_beside(folder) as building:
            growing = GrowingColumns(building)
            for chunk in market.chunks:
                growing.add(chunk)
            sidecar = Sidecar.of(_kept_funding(market.tape(growing.close()), building))
            put_in_place(
                building,
                folder,
                rows=sidecar.rows,
                funding_rows=sidecar.funding_rows,
                beside=_beside(sidecar),
            )
        _evict(folder)
    except OSError as error:
        log(_not_kept(folder, error))
    tape = kept_tape(folder)
    return generate(made) if tape is None else tape


def _kept_funding(tape: Tape, folder: Path) -> Tape:
    for name, _ in FUNDING_COLUMNS:
        save_column(column=getattr(tape, name), file=folder / f"{name}.npy")
    return tape


def _beside(sidecar: Sidecar) -> dict[str, str]:
    return {SIDECAR: json.dumps(sidecar.as_dict(), sort_keys=True)}


def _not_kept(folder: Path, error: OSError) -> str:
    return (
        f"note: {folder.parent}: the synthetic tape is not kept ({error.strerror or error});"
        f" it is made anew next time"
    )


def _evict(newest: Path) -> None:
    """Delete the oldest kept tapes beyond the budget, never the newest."""
    folders = (folder for kind in ("synthetic-*", "window*-*") for folder in newest.parent.glob(kind))
    kept = sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
    total = 0
    for folder in kept:
        total += sum(file.stat().st_size for file in folder.iterdir())
        if total > KEPT_BYTES and folder != newest:
            shutil.rmtree(folder, ignore_errors=True)
