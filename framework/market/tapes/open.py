"""The tapes of a process: each opened or made once, made ones kept on disk for the next process."""

from __future__ import annotations

from pathlib import Path

from framework.market.columns import cache_folder, map_tape
from framework.market.errors import TapeError
from framework.market.made import Made
from framework.market.sidecar import Sidecar
from framework.market.tape import Tape
from framework.market.tapes.keep import Log, keep_tape, kept_tape, made_folder, make_kept, window_folder
from framework.market.tapes.sources import TapeSource

HELD = 2
"""Tapes held open at a time: a sweep over seeds needs one after the other, not all at once."""


class TapeCache:
    """Open or make a tape once a process; ``log`` hears what could not be kept below ``folder``."""

    def __init__(self, *, log: Log = lambda _: None, folder: Path | None = None) -> None:
        self._log = log
        self._folder = folder or cache_folder()
        self._held: dict[TapeSource, Tape] = {}

    def tape(self, source: TapeSource) -> Tape:
        """Give the tape; raises TapeError."""
        if source not in self._held:
            while len(self._held) >= HELD:
                self._held.pop(next(iter(self._held)))
            self._held[source] = self._made(source) if isinstance(source, Made) else source.open()
        return self._held[source]

    def kept(self, source: TapeSource) -> tuple[Tape, Path | None]:
        """Give the tape and the folder whose columns other processes can map; None when it cannot be kept."""
        tape = self.tape(source)
        if isinstance(source, Made):
            folder = made_folder(source, below=self._folder)
        elif source.whole:
            folder = cache_folder() / tape.meta.digest
        else:
            folder = window_folder(tape, below=self._folder)
            if kept_tape(folder) is None:
                keep_tape(tape, folder, log=self._log)
        try:
            map_tape(folder=folder, sidecar=Sidecar.of(tape))
        except TapeError:
            return tape, None
        return tape, folder

    def _made(self, made: Made) -> Tape:
        folder = made_folder(made, below=self._folder)
        tape = kept_tape(folder)
        return make_kept(made, folder, log=self._log) if tape is None else tape
