"""The folder of one run: every file whole or absent, the run marked incomplete until its verdict stands."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json, write_atomic, write_json
from framework.files.errors import FileError
from framework.session.errors import SoakError
from framework.session.published import publish

RUN = "run.json"
FOLDERS = ("reports", "soak/iterations", "edge")
RUN_NAME = re.compile(r"\d{8}T\d{6}(-\d+)?")
INCOMPLETE = "incomplete"
COMPLETE = "complete"
STARTED = "still running, or cut off before it could say why"


class RunFolder:
    """Write a run's artifacts below one folder and point the documented paths at it.

    ``run.json`` says ``status`` incomplete from the first moment and complete only when everything is
    written, so that a run cut off in any way, by a full disk or a lost machine too, stays marked.
    """

    def __init__(self, path: Path, *, artifacts: Path) -> None:
        self.path = path
        self.artifacts = artifacts
        self._run: dict[str, Any] = {}

    def start(self, run: Mapping[str, Any], *, own_name: bool = False) -> None:
        """Take the folder for this run alone and say what runs.

        ``own_name`` says that the name comes from a word: a folder that is not empty is then refused with a
        SoakError. Otherwise the next free name beside it is taken, so two runs of one second do not mix.
        """
        self._run = dict(run)
        number, first = 1, self.path
        while not self._take():
            if own_name:
                raise SoakError(f"{first}: is not empty; allowed a folder without a run in it")
            number += 1
            self.path = first.with_name(f"{first.name}-{number}")
        for name in FOLDERS:
            _make(self.path / name)

    def _take(self) -> bool:
        """Create run.json in an empty folder; False when somebody else has it or it holds anything."""
        _make(self.path)
        try:
            if any(self.path.iterdir()):
                return False
            with (self.path / RUN).open("x", encoding="utf-8") as file:
                file.write(canonical_json({**self._run, "status": INCOMPLETE, "reason": STARTED}) + "\n")
        except FileExistsError:
            return False
        except OSError as error:
            raise FileError(f"{self.path / RUN}: cannot write: {error.strerror or error}") from error
        return True

    def complete(self, **more: Any) -> None:
        """Say that everything is written."""
        self.json(RUN, {**self._run, **more, "status": COMPLETE})

    def incomplete(self, *, reason: str, **more: Any) -> None:
        """Say why the run ended early, if the disk still takes it; it is marked incomplete either way."""
        with contextlib.suppress(FileError):
            self.json(RUN, {**self._run, **more, "status": INCOMPLETE, "reason": reason})

    def json(self, name: str, value: Any) -> None:
        """Write canonical JSON."""
        write_json(path=self.path / name, value=value)

    def text(self, name: str, text: str) -> None:
        """Write a text file."""
        write_atomic(path=self.path / name, data=text)

    def lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one JSON object a line, whole or not at all."""
        write_atomic(path=self.path / name, data=_lines(rows))

    def append(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add JSON objects to a file that grows while the run does, all or none; raises FileError."""
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            data = "".join(_lines(rows)).encode()
            before = path.stat().st_size if path.exists() else 0
            try:
                with path.open("ab") as file:
                    file.write(data)
            except OSError:
                with contextlib.suppress(OSError):  # or the next rows would go on in a torn line
                    os.truncate(path, before)
                raise
        except OSError as error:
            raise FileError(f"{path}: cannot append: {error.strerror or error}") from error

    def publish(self) -> None:
        """Show this run at the documented paths."""
        publish(self.path, artifacts=self.artifacts)

    def rotate(self, *, keep: int) -> None:
        """Delete the oldest complete runs beside this one beyond ``keep``; 0 keeps all."""
        if keep == 0 or not RUN_NAME.fullmatch(self.path.name):
            return
        beside = sorted(
            p for p in self.path.parent.iterdir() if RUN_NAME.fullmatch(p.name) and p != self.path
        )
        complete = [p for p in beside if _status(p) == COMPLETE]
        for old in complete[: max(0, len(complete) + 1 - keep)]:
            shutil.rmtree(old, ignore_errors=True)


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode
    return (encode(row) + "\n" for row in rows)


def _status(folder: Path) -> str | None:
    try:
        status: str | None = json.loads((folder / RUN).read_text(encoding="utf-8")).get("status")
    except (OSError, ValueError):
        return None
    return status


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"{folder}: cannot create: {error.strerror or error}; allowed a folder that can be written"
            f" (hydra.run.dir=...)"
        ) from error
