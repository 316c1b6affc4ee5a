"""Which files a gate passes through: one key of one environment is changed, judged, and its look published.

    python -m tests.gitops.gate_path

A file of ``framework/gitops`` or ``framework/cli`` is entered when a function that has a name of its own is
called in it from another file of these two (comprehensions and lambdas are part of what they stand in); every
further entry is a come-back. Both arms are replayed in this process, so what workers run is counted too.
What a command that judges nothing enters as well (it prints a published journal) is every command's: the
command line, git, the journal's branch.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
    base = repo.begun()
    repo.git("remote", "add", "origin", str(bare(folder / "remote.git")))
    repo.edit("runtime_overrides/sandbox.yaml", *CHANGE)
    return repo, base, repo.commit("one key")


@dataclass(frozen=True)
class GatePath:
    """How often a gate entered each file, what it printed, and the files that are every command's."""

    entries: Counter[str]
    printed: str
    shared: frozenset[str]

    @property
    def own(self) -> list[str]:
        """The files that know something of changes and gates."""
        return sorted(set(self.entries) - self.shared)


def gate_path(folder: Path) -> GatePath:
    """Run the gate in a new world, and then a command that judges nothing: it prints the gate's journal."""
    repo, base, head = world(folder)
    gate = ["gate", "--base", base, "--head", head, "--workers", "0"]
    gate += ["--environment", "sandbox", "--remote", "origin", "--out", str(folder / "out")]
    with contextlib.chdir(repo.path):
        entries, printed = entered(gate)
        shared, _ = entered(["journal", "--environment", "sandbox.gate", "--remote", "origin"])
    return GatePath(entries, printed, frozenset(shared))


def entered(words: Sequence[str]) -> tuple[Counter[str], str]:
    """Run one command; give how often each file was entered, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), Entered() as files:
        code = quoteops(["gitops", *words])
    assert code in (0, 3), words
    return files.entries, printed.getvalue()


def main() -> None:
    """Print the files in the order they are first entered, each with its entries and come-backs."""
    with tempfile.TemporaryDirectory() as folder:
        path = gate_path(Path(folder))
    print(path.printed.splitlines()[-1])
    print(f"{'file':<42} {'entries':>7} {'come-backs':>10}")
    for file, count in path.entries.items():
        shared = "  every command's" if file in path.shared else ""
        print(f"{file:<42} {count:>7} {count - 1:>10}{shared}")
    total, files = path.entries.total(), len(path.entries)
    what = f"{files} files, {len(path.own)} of them the gate's"
    print(f"{what:<42} {total:>7} {total - files:>10}")


if __name__ == "__main__":
    main()
