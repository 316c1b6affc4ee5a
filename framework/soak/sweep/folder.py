"""The folder of a sweep: a copy of the configuration, the plan, a folder a cell, and the tables.

config/            conf/ and runtime_overrides/ as they were when the sweep began
plan.json          the words, and digests of configuration, code and every cell
0/, 1/, ...        a cell: reports/, blocks.json, then run.json, with which it is done
present/           what runs today on the same tape, unless a cell is that; present-1/, ... where it differs
winner/            the leading cell as a soak of its own, with every artifact
SWEEP.json .md .html, timing.json
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from framework.files.atomic import canonical_json, sha256_of, write_atomic, write_json
from framework.files.errors import FileError
from framework.session.errors import SoakError
from framework.session.run_folder import COMPLETE, INCOMPLETE
from framework.soak.sweep.cell import Cell, CellResult
from framework.soak.sweep.plan import PLAN, SweepPlan
from framework.soak.sweep.row import SweepRow, folder_of, played_row
from framework.soak.versus import COMPARED, Blocks

SNAPSHOT = ("conf", "runtime_overrides", "gitops/environments")
BLOCKS = "blocks.json"


@dataclass(frozen=True)
class Done:
    """What a cell that was played came to: its row, and its sums by blocks of ``block_s``."""

    row: SweepRow
    blocks: Blocks
    block_s: int


class SweepFolder:
    """Where a sweep's files are; ``plan`` is None until it is known what is played."""

    def __init__(self, path: Path, *, plan: SweepPlan | None) -> None:
        self.path = path
        self.plan = plan

    @property
    def config(self) -> Path:
        """The copy of the configuration."""
        return self.path / "config"

    def begin(self, plan: SweepPlan) -> None:
        """Write the plan of a new sweep, or hold that of a resumed one against what is asked now.

        Raises SoakError when a word, the code or a cell is another.
        """
        if self.plan is None:
            self.plan = plan
            write_json(path=self.path / PLAN, value=plan.as_dict())
        elif apart := plan.apart(self.plan):
            raise SoakError(f"{self.path}: {apart} than when the sweep began; allowed a new sweep")

    def done(self, number: int) -> Done | None:
        """Give what a cell, or a present, came to that was played whole under this plan."""
        place = self.path / folder_of(number)
        try:
            run = json.loads((place / "run.json").read_text(encoding="utf-8"))
            if run["status"] != COMPLETE or run["cell_digest"] != self._digest(number):
                return None
            held = json.loads((place / BLOCKS).read_text(encoding="utf-8"))
            blocks = {name: np.asarray(held[name], dtype=np.float64) for name in COMPARED}
            return Done(played_row(run["row"]), blocks, int(held["block_s"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _digest(self, number: int) -> str:
        assert self.plan is not None
        return self.plan.digest(number)

    def write_cell(self, *, cell: Cell, row: SweepRow, played: CellResult) -> None:
        """Write what a cell came to; run.json last, with which it is done."""
        place = self.path / row.folder
        held = {name: column.tolist() for name, column in played.blocks.items()}
        write_json(path=place / BLOCKS, value={"block_s": played.block_s, **held})
        write_json(path=place / "reports" / "EDGE_REPORT.json", value=played.report.as_dict())
        write_json(path=place / "reports" / "KPI_GATE.json", value=played.gate.as_dict())
        run = {
            "status": COMPLETE,
            "verdict": played.verdict,
            "row": row.as_dict(),
            "cell_digest": self._digest(row.cell),
            **_about(cell),
            "runtime": played.runtime.as_dict(),
            "tapes": dict(played.tapes),
        }
        write_json(path=place / "run.json", value=run)

    def write_failure(self, *, cell: Cell, row: SweepRow, trace: str | None) -> None:
        """Write why a cell could not be played."""
        place = self.path / row.folder
        if trace is not None:
            write_atomic(path=place / "error.txt", data=trace)
        run = {"status": INCOMPLETE, "reason": row.error, "row": row.as_dict(), **_about(cell)}
        write_json(path=place / "run.json", value=run)

    def drop(self) -> None:
        """Remove a folder in which nothing has begun."""
        shutil.rmtree(self.path)


def _about(cell: Cell) -> dict[str, Any]:
    settings = cell.settings
    return {
        "config_sha": settings.config_sha,
        "seed": settings.soak.seed,
        "settings": settings.model_dump(mode="json"),
    }


def new_folder(*, own: str | None, home: Path) -> SweepFolder:
    """Take a new folder, or the empty or begun one that a word names, and copy the configuration into it.

    Raises SoakError for a folder that holds anything else, or a sweep of another configuration.
    """
    if own is None:
        return _copied(_claim(home), home)
    path = Path.cwd() / own
    if (path / PLAN).is_file():
        folder = begun_folder(path)
        if tree_digest(home) != tree_digest(folder.config):
            raise SoakError(
                f"{path}: conf/ or runtime_overrides/ has changed since the sweep began; allowed a new sweep,"
                f" or --resume {path} to go on with the configuration it began with"
            )
        return folder
    if path.is_dir() and any(path.iterdir()):
        raise SoakError(f"{path}: is not empty; allowed a folder without a run in it, or with a sweep begun")
    return _copied(_made(path, exist_ok=True), home)


def begun_folder(path: Path) -> SweepFolder:
    """Open the folder of a sweep that was begun; raises SoakError when there is none."""
    return SweepFolder(path, plan=SweepPlan.read(path / PLAN))


def tree_digest(root: Path) -> str:
    """Digest the names and bytes of a configuration."""
    return sha256_of(canonical_json([[name, sha256_of(text)] for name, text in _files(root)]))


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for top in SNAPSHOT:
        for path in sorted((root / top).rglob("*")):
            if path.is_file():
                yield path.relative_to(root).as_posix(), path.read_bytes().decode("latin-1")


def _copied(path: Path, home: Path) -> SweepFolder:
    folder = SweepFolder(path, plan=None)
    for name in SNAPSHOT:
        if (home / name).is_dir():
            shutil.copytree(home / name, folder.config / name)
    return folder


def _claim(home: Path) -> Path:
    runs = home / "artifacts" / "runs" / "soak"
    stamp = f"sweep-{datetime.now():%Y%m%dT%H%M%S}"
    number = 1
    while True:
        try:
            return _made(runs / (stamp if number == 1 else f"{stamp}-{number}"), exist_ok=False)
        except FileExistsError:
            number += 1


def _made(folder: Path, *, exist_ok: bool) -> Path:
    try:
        os.makedirs(folder, exist_ok=exist_ok)
    except FileExistsError:
        if exist_ok:
            raise FileError(f"{folder}: is a file; allowed a folder") from None
        raise
    except OSError as error:
        raise FileError(
            f"{folder}: cannot create: {error.strerror or error}; allowed a folder that can be written"
            " (hydra.sweep.dir=...)"
        ) from error
    return folder
