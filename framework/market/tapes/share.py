"""The tapes of a sweep on their way to its workers: mapped from one folder, or carried where there is none.

On one machine every worker maps the columns the tape cache holds, so that a tape is in memory once. To the
other machines of a cluster the columns travel through its object store, once a node, and workers read them
where they lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from framework.market.columns import map_tape, tape_of
from framework.market.errors import TapeError
from framework.market.sidecar import Sidecar
from framework.market.tape import Tape
from framework.market.tapes.open import HELD, TapeCache
from framework.market.tapes.sources import TapeSource

_open: dict[tuple[str, str], Tape] = {}
"""The tapes this process has open: a worker plays many cells on one."""


@dataclass(frozen=True)
class TapeHandle:
    """A tape: what describes it, the folder its columns can be mapped from, and perhaps the columns."""

    sidecar: Sidecar
    folder: str | None
    columns: Mapping[str, NDArray[Any]] | None = None

    def tape(self) -> Tape:
        """Open the tape; raises TapeError when its folder is gone and it carries no columns."""
        if self.folder is not None:
            try:
                return map_tape(folder=Path(self.folder), sidecar=self.sidecar)
            except TapeError:
                if self.columns is None:
                    raise
        assert self.columns is not None
        return tape_of(columns=self.columns, sidecar=self.sidecar)


def share_tape(source: TapeSource, *, cache: TapeCache, travels: bool) -> TapeHandle:
    """Open a tape and give a handle to it; ``travels`` takes its columns along. Raises TapeError."""
    tape, folder = cache.kept(source)
    columns = tape.columns() if travels or folder is None else None
    return TapeHandle(Sidecar.of(tape), None if folder is None else str(folder), columns)


class SharedTapes(TapeCache):
    """A cache whose tapes came as handles; any other is opened as usual."""

    def __init__(self, handles: Mapping[TapeSource, TapeHandle]) -> None:
        super().__init__()
        self._handles = handles

    def tape(self, source: TapeSource) -> Tape:
        """Give the tape; raises TapeError."""
        handle = self._handles.get(source)
        if handle is None:
            return super().tape(source)
        known = (handle.sidecar.meta.source, handle.sidecar.meta.digest)
        if known not in _open:
            while len(_open) >= HELD:
                _open.pop(next(iter(_open)))
            _open[known] = handle.tape()
        return _open[known]
