"""Which files a gate passes through: one key of one environment is changed, judged, and its look published.

    python -m tests.gitops.gate_path

A file of ``framework/gitops`` or ``framework/cli`` is entered when a function that has a name of its own is
called in it from another file of these two (comprehensions and lambdas are part of what they stand in); every
further entry is a come-back. Both arms are replayed in this process, so what workers run is counted too.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from framework.cli.main import main as quoteops
from tests.gitops.repository import ROOT, Repo, bare, desired_state

ROOMS = tuple(f"{ROOT}/framework/{room}/" for room in ("gitops", "cli"))
TAPES = """tapes:
  half-hour:
    regime: normal
    market: liquid
    symbol: SYNTHUSDT
    synthetic: {preset: liquid_perp, seed: 101, hours: 0.5}
"""
CHANGE = ("min_interval_ms: 70", "min_interval_ms: 90")


class Entered:
    """Count, while it is open, how often each file is entered."""

    def __init__(self) -> None:
        self.entries: Counter[str] = Counter()

    def __enter__(self) -> Entered:
        sys.setprofile(self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _seen(self, frame: FrameType, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(ROOMS) or frame.f_code.co_name.startswith("<"):
            return
        caller = frame.f_back
        while caller is not None and not caller.f_code.co_filename.startswith(ROOMS):
            caller = caller.f_back
        if caller is None or caller.f_code.co_filename != file:
            self.entries[file.removeprefix(f"{ROOT}/framework/")] += 1


def world(folder: Path) -> tuple[Repo, str, str]:
    """Make a repository with one tape and a remote; give it, its base, and a head of one changed key."""
    repo = desired_state(folder / "repo")
    repo.write("gitops/tapes.yaml", TAPES)
    sandbox = "gitops/environments/sandbox.yaml"
    lines = (repo.path / sandbox).read_text("utf-8").splitlines()
    repo.write(
        sandbox, "\n".join([*(line for line in lines if not line.startswith("tapes:")), "tapes: []", ""])
    )
    base = repo.commit("one small tape")
    repo.git("remote", "add", "origin", str(bare(folder / "remote.git")))
    repo.edit("runtime_overrides/sandbox.yaml", *CHANGE)
    return repo, base, repo.commit("one key")


def gate_path(folder: Path) -> tuple[Counter[str], str]:
    """Run the gate in a new world; give how often each file was entered, and what the gate printed."""
    repo, base, head = world(folder)
    words = ["gitops", "gate", "--repo", str(repo.path), "--base", base, "--head", head, "--workers", "0"]
    words += ["--environment", "sandbox", "--remote", "origin", "--out", str(folder / "out")]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), Entered() as entered:
        quoteops(words)
    return entered.entries, printed.getvalue()


def main() -> None:
    """Print the files in the order they are first entered, each with its entries and come-backs."""
    with tempfile.TemporaryDirectory() as folder:
        entries, said = gate_path(Path(folder))
    print(said.splitlines()[-1])
    print(f"{'file':<42} {'entries':>7} {'come-backs':>10}")
    for file, count in entries.items():
        print(f"{file:<42} {count:>7} {count - 1:>10}")
    print(f"{len(entries):<42} {entries.total():>7} {entries.total() - len(entries):>10}")


if __name__ == "__main__":
    main()
