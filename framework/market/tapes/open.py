"""The tapes of a process: each opened or made once, made ones kept on disk for the next process."""

from __future__ import annotations

import shutil
from pathlib import Path

from framework.market.columns import cache_folder, map_tape
from framework.market.errors import TapeError
from framework.market.made import Made
from framework.market.sidecar import Sidecar
from framework.market.tape import Tape, is_exact
from framework.market.tapes.keep import Log, keep_tape, kept_tape, made_folder, make_kept, window_folder
from framework.market.tapes.sources import TapeSource

HELD = 2
"""Tapes held open at a time: a sweep over seeds needs one after the other, not all at once."""


class TapeCache:
    """Open or make a tape once a process; ``log`` hears what could not be kept below ``folder``.

    ``exact``: tapes are evidence, and every value of a kept one is digested when it is opened.
    """

    def __init__(self, *, log: Log = lambda _: None, folder: Path | None = None, exact: bool = False) -> None:
        self._log, self._exact = log, exact
        self._folder = folder or cache_folder()
        self._held: dict[TapeSource, Tape] = {}

    def tape(self, source: TapeSource) -> Tape:
        """Give the tape; raises TapeError."""
        if source not in self._held:
            while len(self._held) >= HELD:
                self._held.pop(next(iter(self._held)))
            self._held[source] = self._opened(source)
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

    def _opened(self, source: TapeSource) -> Tape:
        return self._made(source) if isinstance(source, Made) else source.open(exact=self._exact)

    def _made(self, made: Made) -> Tape:
        folder = made_folder(made, below=self._folder)
        tape = kept_tape(folder)
        if tape is not None and self._exact and not is_exact(tape):
            shutil.rmtree(folder, ignore_errors=True)
            tape = None
        return make_kept(made, folder, log=self._log) if tape is None else tape
