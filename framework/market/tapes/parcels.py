"""The tapes of a sweep on their way to its workers: mapped from one folder, or carried where there is none.

On one machine every worker maps the columns the tape cache holds, so that a tape is in memory once. To the
other machines of a cluster the columns travel through its object store, once a node, and workers read them
where they lie.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.market.tape import Tape
from framework.market.tapes.open import HELD, TapeShelf, mapped, sidecar_of, tape_key, tape_of
from framework.settings.schema.run import RunSettings

_open: dict[tuple[str, str], Tape] = {}
"""The tapes this process has open: a worker plays many cells on one."""


@dataclass(frozen=True)
class Parcel:
    """A tape: what describes it, the folder its columns can be mapped from, and perhaps the columns."""

    sidecar: Mapping[str, Any]
    place: str | None
    columns: Mapping[str, NDArray[Any]] | None = None

    def tape(self) -> Tape:
        """Open the tape; None is never given: a parcel without columns has a folder."""
        found = None if self.place is None else mapped(Path(self.place), sidecar=self.sidecar)
        if found is not None:
            return found
        if self.columns is None:
            raise FileNotFoundError(f"{self.place}: the tape's columns are gone")
        return tape_of({name: _writable(c) for name, c in self.columns.items()}, sidecar=self.sidecar)


def pack(*, settings: RunSettings, shelf: TapeShelf, travels: bool) -> Parcel:
    """Open the tape of settings and pack it; ``travels`` takes its columns along. Raises as opening does."""
    tape, place = shelf.where(settings=settings)
    columns = tape.columns() if travels or place is None else None
    return Parcel(sidecar_of(tape), None if place is None else str(place), columns)


class ParcelShelf(TapeShelf):
    """A shelf whose tapes came in parcels; any other is opened as usual."""

    def __init__(self, parcels: Mapping[tuple[Any, ...], Parcel]) -> None:
        super().__init__()
        self._parcels = parcels

    def tape(self, *, settings: RunSettings) -> Tape:
        """Give the tape; raises what the store or the generator raises."""
        parcel = self._parcels.get(tape_key(settings))
        if parcel is None:
            return super().tape(settings=settings)
        known = (parcel.sidecar["meta"]["source"], parcel.sidecar["meta"]["digest"])
        if known not in _open:
            while len(_open) >= HELD:
                _open.pop(next(iter(_open)))
            _open[known] = parcel.tape()
        return _open[known]


def _writable(column: NDArray[Any]) -> NDArray[Any]:
    """Give a column as compiled code wants it, which is compiled for arrays that may be written to.

    An object store hands out read-only memory; nothing writes to a tape, so the flag alone is in the way.
    """
    if column.flags.writeable or not column.size:
        return column
    memory: Any = (ctypes.c_char * column.nbytes).from_address(column.ctypes.data)
    memory.column = column  # keeps the store's memory as long as the view
    view: NDArray[Any] = np.frombuffer(memory, dtype=column.dtype)
    return view
