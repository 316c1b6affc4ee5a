"""The folder of one run: every file whole or absent, the run marked incomplete until its verdict stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from framework.settings.files import write_atomic, write_json

LATEST = ("reports", "soak")


class RunFolder:
    """Write a run's artifacts below one folder and point the documented paths at it.

    ``run.json`` says ``status`` running, complete or incomplete; a run that was cut off stays what it was.
    """

    def __init__(self, path: Path, *, artifacts: Path) -> None:
        self.path = path
        self.artifacts = artifacts
        self._run: dict[str, Any] = {}

    def start(self, run: Mapping[str, Any]) -> None:
        """Create the folder and say what runs."""
        for name in ("reports", "soak/iterations", "edge"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        self._run = dict(run)
        self._mark("running")

    def finish(self, *, status: str, **more: Any) -> None:
        """Say how the run ended (complete or incomplete)."""
        self._run |= more
        self._mark(status)

    def _mark(self, status: str) -> None:
        self.json("run.json", {**self._run, "status": status})

    def json(self, name: str, value: Any) -> None:
        """Write canonical JSON."""
        write_json(path=self.path / name, value=value)

    def text(self, name: str, text: str) -> None:
        """Write a text file."""
        write_atomic(path=self.path / name, data=text)

    def lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one JSON object a line, whole or not at all."""
        encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True, allow_nan=False).encode
        self.text(name, "".join(encode(row) + "\n" for row in rows))

    def publish(self) -> None:
        """Point ``artifacts/reports`` and ``artifacts/soak`` at this run: links, or a file ``LATEST`` without them."""
        for name in LATEST:
            link, target = self.artifacts / name, self.path / name
            try:
                if link.is_symlink() or not link.exists():
                    fresh = link.with_name(f".{name}.new")
                    fresh.unlink(missing_ok=True)
                    fresh.symlink_to(target, target_is_directory=True)
                    fresh.replace(link)
                    continue
            except OSError:
                pass  # no symbolic links here: the pointer file below says the same
            link.mkdir(parents=True, exist_ok=True)
            write_atomic(path=link / "LATEST", data=f"{target}\n")
