"""A sweep: one soak for every combination of the words' lists, and a ranked table of what they earned.

Configuration is copied first, and every combination composed and validated before the first soak begins: a
wrong value in the last cell is refused at once, and an edit during the sweep changes nothing. A cell that
cannot run is a row of the table, not the end of the sweep.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.settings.compose import Composed, multirun
from framework.settings.errors import ConfigError, FileError
from framework.settings.files import write_atomic, write_json
from framework.settings.plan import find_root
from framework.soak.errors import SoakError
from framework.soak.ranking import ALPHA, cell_measures, level_for, ranked, sweep_verdict
from framework.soak.run import Interrupted, run_soak
from framework.soak.shelf import TapeShelf
from framework.soak.sweep_text import sweep_markdown

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
SNAPSHOT = ("conf", "runtime_overrides")
OWN_DIR = "hydra.sweep.dir="


def run_sweep(
    *, words: Sequence[str], say: Say, progress: Progress, root: Path | None = None
) -> tuple[dict[str, Any], Path]:
    """Run a soak a combination; give the content of SWEEP.json and the folder that holds it.

    Raises ConfigError for words that cannot be combined and Interrupted on Ctrl-C; SWEEP.json then holds
    the cells that were played and says that it is incomplete.
    """
    home = root or find_root()
    own, rest = _own_folder(words)
    folder = _claim(own, home)
    config = folder / "config"
    for name in SNAPSHOT:
        if (home / name).is_dir():
            shutil.copytree(home / name, config / name)
    try:
        planned = _compose_all(rest, config)
    except BaseException:
        shutil.rmtree(config)
        folder.rmdir()
        raise
    sweep = _Sweep(folder, home, say, progress, planned)
    sweep.write(complete=False)
    try:
        multirun(words=rest, job=sweep.cell, sweep_dir=folder, root=config)
    except KeyboardInterrupt as error:
        raise Interrupted(_stopped(sweep)) from error
    except Interrupted as error:
        raise Interrupted(_stopped(sweep)) from error
    return sweep.write(complete=True), folder


def _stopped(sweep: _Sweep) -> str:
    return f"interrupted; {sweep.folder / 'SWEEP.json'} holds {len(sweep.cells)} of {len(sweep.labels)} cells"


class _Sweep:
    """The cells played so far."""

    def __init__(
        self, folder: Path, home: Path, say: Say, progress: Progress, planned: list[tuple[str, Composed]]
    ) -> None:
        self.folder, self.home, self.say, self.progress = folder, home, say, progress
        self.labels = [label for label, _ in planned]
        self.shelf = TapeShelf(say=say)
        self.cells: list[dict[str, Any]] = []

    def cell(self, composed: Composed) -> None:
        """Play one cell."""
        n, count = len(self.cells), len(self.labels)

        def moved(doing: str, share: float) -> None:
            self.progress(f"cell {n + 1} of {count}, {doing}", (n + share) / count)

        row: dict[str, Any] = {"cell": n, "label": self.labels[n], "folder": composed.run_dir.name}
        try:
            result, _ = run_soak(
                composed=composed,
                say=lambda _: None,
                progress=moved,
                shelf=self.shelf,
                home=self.home,
                own_name=True,
                publish=False,
            )
            row |= {"verdict": result.verdict.value, **cell_measures(totals=result.report["totals"])}
        except Interrupted:
            raise
        except QuoteopsError as error:
            row["error"] = str(error)
        except Exception as error:  # noqa: BLE001 - a fault of ours in one cell must not hide the others
            row["error"] = f"{type(error).__name__}: {error} (see {row['folder']}/error.txt)"
            write_atomic(path=composed.run_dir / "error.txt", data=traceback.format_exc())
        self.cells.append(row)
        self.write(complete=False)
        self.say(f"| soak_sweep | {row.get('verdict', 'ERROR')} | cell={n} {row['label']} |")

    def write(self, *, complete: bool) -> dict[str, Any]:
        """Write the table of the cells so far; give it."""
        verdict = sweep_verdict(cells=self.cells)
        trials = sum("error" not in cell for cell in self.cells)
        sweep = {
            "status": "complete" if complete else "incomplete",
            "verdict": verdict.value,
            "exit_code": verdict.exit_code,
            "planned": len(self.labels),
            "trials": trials,
            "alpha": ALPHA,
            "level": level_for(trials=trials),
            "cells": ranked(cells=self.cells),
        }
        write_json(path=self.folder / "SWEEP.json", value=sweep)
        write_atomic(path=self.folder / "SWEEP.md", data=sweep_markdown(sweep))
        return sweep


def _compose_all(words: Sequence[str], config: Path) -> list[tuple[str, Composed]]:
    """Compose every cell and name it by the words whose values differ."""
    with tempfile.TemporaryDirectory() as nowhere:
        cells = multirun(words=words, job=lambda composed: composed, sweep_dir=Path(nowhere), root=config)
    keys = [word.partition("=")[0] for word in words if not word.startswith("hydra")]
    shown = {key: [_value(cell, key) for cell in cells] for key in keys}
    apart = [key for key in keys if len(set(shown[key])) > 1] or keys
    return [
        (" ".join(f"{key}={shown[key][n]}" for key in apart) or "default", cell)
        for n, cell in enumerate(cells)
    ]


def _value(composed: Composed, key: str) -> str:
    if key in composed.choices:
        return composed.choices[key]
    value: Any = composed.settings.model_dump(mode="json")
    for name in key.split("."):
        value = value[name]
    return str(value)


def _own_folder(words: Sequence[str]) -> tuple[str | None, list[str]]:
    for word in words:
        if word.startswith("hydra.run.dir="):
            raise ConfigError(
                f"command line: {word} names the folder of one run; allowed {OWN_DIR}FOLDER with -m"
            )
    own = [word.removeprefix(OWN_DIR) for word in words if word.startswith(OWN_DIR)]
    return (own[-1] if own else None), [word for word in words if not word.startswith(OWN_DIR)]


def _claim(own: str | None, home: Path) -> Path:
    """Take a new folder for the sweep, or an empty one that a word names."""
    if own is not None:
        folder = Path.cwd() / own
        if folder.is_dir() and any(folder.iterdir()):
            raise SoakError(f"{folder}: is not empty; allowed a folder without a run in it")
        return _made(folder, exist_ok=True)
    runs = home / "artifacts" / "runs" / "soak"
    stamp = f"sweep-{datetime.now():%Y%m%dT%H%M%S}"
    number = 1
    while True:
        folder = runs / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            return _made(folder, exist_ok=False)
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
