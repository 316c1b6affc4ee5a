"""A sweep: a soak for every combination of the words' lists, spread over processes or machines, and ranked.

The configuration is copied first, and every combination composed and validated before the first is played: a
wrong value in the last cell is refused at once, and an edit during the sweep changes nothing. A cell that
cannot be played is a row of the table, not the end of the sweep. The table depends on the words and the
configuration alone: not on who played which cell, nor on how often a worker died.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.fanout.multirun import multirun
from framework.fanout.outcome import Outcome
from framework.fanout.run import Fanout, cores, open_fanout
from framework.fanout.spread import Spread
from framework.files.atomic import locked, write_atomic, write_json
from framework.market.tapes.open import TapeCache
from framework.market.tapes.share import TapeHandle, share_tape
from framework.market.tapes.sources import TapeSource
from framework.session.window import tape_sources
from framework.settings.compose import Composed
from framework.settings.compose_many import compose_cells
from framework.settings.resolve import find_root
from framework.soak.run import Interrupted, Log, Progress
from framework.soak.sweep.beside import NONE, comparisons, presents_of
from framework.soak.sweep.cell import Cell, CellResult, PlayCell, cell_of, code_digest, warm_up
from framework.soak.sweep.folder import SweepFolder, begun_folder, new_folder, tree_digest
from framework.soak.sweep.plan import PLAN, SweepPlan
from framework.soak.sweep.row import SweepRow, folder_of, measured_of
from framework.soak.sweep.table import SWEEP, Sweep, label_of, summary, values_of
from framework.soak.sweep.text import sweep_markdown
from framework.soak.sweep.winner import play_winner
from framework.soak.sweep.words import as_begun, own_folder
from framework.soak.versus import Blocks

REWRITE_S = 5.0
"""How often the tables are written while cells come in; cells themselves are on disk at once."""


def run_sweep(
    *,
    words: Sequence[str],
    log: Log,
    progress: Progress,
    root: Path | None = None,
    resume: Path | None = None,
    pages: bool = True,
) -> tuple[Sweep, Path]:
    """Play every combination; give the sweep and the folder that holds it.

    A folder with a sweep begun, named by ``hydra.sweep.dir`` or ``resume``, is gone on with: only cells
    without a whole row are played. ``pages`` False leaves out the page and the winner's own run. Raises
    ConfigError for words that cannot be combined, SoakError for a sweep that cannot be gone on with, and
    Interrupted on Ctrl-C; SWEEP.json then holds the cells that were played and says that it is incomplete.
    """
    home = root or find_root()
    own, rest = own_folder(words)
    if resume is not None:
        folder = begun_folder(Path.cwd() / resume)
        rest = as_begun(rest, plan=folder.plan)
    else:
        folder = new_folder(own=own, home=home)
    fresh = folder.plan is None
    sweep = _Sweep(folder, home, rest, log, progress)
    try:
        with locked(path=folder.path / PLAN, timeout_s=1.0):  # one process plays it
            multirun(
                primary="soak",
                words=rest,
                app=sweep,
                sweep_dir=folder.path / "hydra",
                root=folder.config,
                environ=os.environ,
            )
            return sweep.finish(pages=pages), folder.path
    except KeyboardInterrupt as error:
        raise Interrupted(sweep.stopped()) from error
    except BaseException:
        if fresh and folder.plan is None:
            folder.drop()
        raise


class _Sweep:
    """The cells of a sweep, and the rows of those that were played."""

    def __init__(
        self, folder: SweepFolder, home: Path, words: Sequence[str], log: Log, progress: Progress
    ) -> None:
        self.folder, self.home, self.log, self.progress = folder, home, log, progress
        self.words = [word for word in words if not word.startswith(("hydra.", "hydra/"))]
        self.composed: list[Composed] = []
        self.cells: list[Cell] = []
        self.values: list[dict[str, Any]] = []
        self.rows: dict[int, SweepRow] = {}
        self.presents = NONE
        self.blocks: dict[int, Blocks] = {}
        self.block_s: dict[int, int] = {}
        self.timing: dict[str, Any] = {"cells": {}, "seconds": {}}
        self._written = 0.0

    def batch(self, *, cells: Sequence[Sequence[str]], spread: Spread) -> list[Any]:
        """Compose every cell, then play those that are missing."""
        start = time.perf_counter()
        self.progress("composing", 0.0)
        self.composed = compose_cells(
            primary="soak", cells=cells, root=self.folder.config, environ=os.environ
        )
        self.cells = [cell_of(composed) for composed in self.composed]
        self.presents = presents_of(words=cells, cells=self.cells, root=self.folder.config)
        self.values = values_of(self.composed, words=self.words)
        self.folder.begin(self._plan())
        everything = [*self.presents.cells, *range(len(self.cells))]  # a present first: cells wait for it
        for n in everything:
            if (done := self.folder.done(n)) is not None:
                self.rows[n], self.blocks[n], self.block_s[n] = done.row, done.blocks, done.block_s
        missing = [n for n in everything if n not in self.rows]
        if self.done:
            self.log(f"| soak_sweep | RESUMED | {self.done} of {len(self.cells)} cells are done |")
        self._lap("compose", start)
        self.write(complete=False)
        if missing:
            self._spread(missing, spread)
        return [self.rows[n].verdict for n in range(len(self.cells))]

    @property
    def done(self) -> int:
        """Count the cells that have a row."""
        return sum(n >= 0 for n in self.rows)

    def _cell(self, number: int) -> Cell:
        return self.cells[number] if number >= 0 else self.presents.cells[number]

    def _spread(self, missing: list[int], spread: Spread) -> None:
        start = time.perf_counter()
        workers = spread.workers
        if spread.address is None:
            workers = min(workers or cores(), len(missing))
        self.timing["spread"] = {"backend": spread.backend, "workers": workers}
        self.progress("starting workers", 0.0)
        with open_fanout(backend=spread.backend, workers=workers, address=spread.address) as fanout:
            job = PlayCell(self._tapes(missing, fanout, travels=spread.address is not None), code_digest())
            self._lap("start", start)
            start = time.perf_counter()
            failed = self._play(missing, fanout, job, last=False)
            if failed:
                self._play(failed, fanout, job, last=True)
            self._lap("cells", start)

    def _tapes(self, missing: list[int], fanout: Fanout, *, travels: bool) -> dict[TapeSource, TapeHandle]:
        """Make or open each tape once, before the cells that share it are out, and warm the other workers."""
        sources: list[TapeSource] = []
        for n in missing:
            try:
                wanted = tape_sources(self._cell(n).settings)
            except QuoteopsError:  # the cell says so itself
                continue
            sources += [source for source in wanted if source not in sources]
        self.progress("market", 0.0)
        here: list[TapeSource | None] = [] if travels else list(sources)
        here += [None] * (fanout.size - len(here))
        shared = fanout.run(warm_up, here, on_done=lambda _: None)
        if travels:
            cache = TapeCache(log=self.log)
            return {source: share_tape(source, cache=cache, travels=True) for source in sources}
        # A tape that cannot be had is an error of each cell that asks for it.
        pairs = ((source, got.value) for source, got in zip(sources, shared, strict=False))
        return {source: handle for source, handle in pairs if handle is not None}

    def _play(self, numbers: list[int], fanout: Fanout, job: PlayCell, *, last: bool) -> list[int]:
        """Play cells; give those that a fault kept from being played, to be tried once more."""
        again: list[int] = []

        def done(outcome: Outcome[CellResult]) -> None:
            n = numbers[outcome.index]
            if outcome.attempts > 1 and outcome.ok:
                self.log(
                    f"| soak_sweep | RETRIED | cell={folder_of(n)} its worker died; played again elsewhere |"
                )
            if not outcome.ok and not outcome.refused and not last:
                self.log(f"| soak_sweep | RETRY | cell={folder_of(n)} {outcome.error} |")
                again.append(n)
                return
            self._take(n, outcome)

        fanout.run(job, [self._cell(n) for n in numbers], on_done=done)
        return again

    def _take(self, n: int, outcome: Outcome[CellResult]) -> None:
        """Write what a cell came to."""
        values = self.values[n] if n >= 0 else {}
        cell, row = self._cell(n), SweepRow(cell=n, label=label_of(values), values=values)
        if outcome.ok:
            played = outcome.unwrap()
            totals = played.report.totals
            row = replace(
                row,
                measured=measured_of(
                    verdict=played.verdict,
                    totals=totals,
                    quote=played.report.quote,
                    tick_bps=played.tick_bps,
                ),
                tape=(played.runtime.tape.tape_digest, totals.start_ns, totals.end_ns),
            )
            self.blocks[n], self.block_s[n] = played.blocks, played.block_s
            self.folder.write_cell(cell=cell, row=row, played=played)
            self.timing["cells"][str(n)] = [
                outcome.worker, round(outcome.seconds, 4), round(played.replay_s, 4), outcome.attempts
            ]  # fmt: skip
        else:
            where = f" (see {n}/error.txt)" if outcome.trace is not None else ""
            row = replace(row, error=f"{outcome.error}{where}")
            self.folder.write_failure(cell=cell, row=row, trace=outcome.trace)
        self.rows[n] = row
        if n >= 0:
            self.log(f"| soak_sweep | {row.verdict} | cell={n} {row.label} |")
        elif row.error is not None:
            self.log(f"| soak_sweep | NOT COMPARED | what runs cannot be played: {row.error} |")
        self.progress(f"{self.done} of {len(self.cells)} cells", self.done / len(self.cells))
        if time.monotonic() - self._written > REWRITE_S:
            self.write(complete=False)

    def finish(self, *, pages: bool) -> Sweep:
        """Write the tables, the winner's own run and the page; give the sweep."""
        sweep = self.write(complete=True)
        if pages:
            start = time.perf_counter()
            if sweep.leader is not None:
                best, _ = sweep.leader
                self.progress("the winner's reports", 1.0)
                play_winner(
                    composed=self.composed[best.cell],
                    row=best,
                    folder=self.folder.path,
                    home=self.home,
                )
            self._lap("winner", start)
            start = time.perf_counter()
            from framework.soak.record import RUNS
            from framework.soak.runs import write_index
            from framework.soak.sweep.page import render_sweep

            write_atomic(path=self.folder.path / "SWEEP.html", data=render_sweep(sweep))
            if self.folder.path.parent == self.home / "artifacts" / RUNS:
                write_index(self.home / "artifacts")
            self._lap("page", start)
        write_json(path=self.folder.path / "timing.json", value=self.timing)
        return sweep

    def write(self, *, complete: bool) -> Sweep:
        """Write the table of the cells so far; give it."""
        presents = self.presents
        sweep = summary(
            rows=[self.rows[n] for n in sorted(self.rows) if n >= 0],
            planned=len(self.cells),
            words=self.words,
            complete=complete,
            against=comparisons(presents=presents, blocks=self.blocks, block_s=self.block_s),
            presents=presents.among,
            present=presents.named,
        )
        write_json(path=self.folder.path / SWEEP, value=sweep.as_dict())
        write_atomic(path=self.folder.path / "SWEEP.md", data=sweep_markdown(sweep))
        self._written = time.monotonic()
        return sweep

    def stopped(self) -> str:
        """Say how far it came and how to go on."""
        if self.folder.plan is None:
            self.folder.drop()
            return "interrupted before the first cell"
        self.write(complete=self.done == len(self.cells))
        held = f"{self.folder.path / SWEEP} holds {self.done} of {len(self.cells)} cells"
        return f"interrupted; {held}; quoteops soak --resume {self.folder.path} plays the rest"

    def _plan(self) -> SweepPlan:
        return SweepPlan(
            words=tuple(self.words),
            config=tree_digest(self.folder.config),
            code=code_digest(),
            labels=tuple(label_of(values) for values in self.values),
            cells=tuple(cell.digest() for cell in self.cells),
            presents={str(n): cell.digest() for n, cell in self.presents.cells.items()},
        )

    def _lap(self, name: str, start: float) -> None:
        self.timing["seconds"][name] = round(time.perf_counter() - start, 4)
