"""How much memory a soak takes as its tape grows: the peak of what no file backs, and its processor time.

    python -m benchmarks.memory [--hours 3,24,72] [--word profile=moderate]

Each length is played twice by a fresh process in an empty cache folder: first the tape is made, then it is
opened. Resident anonymous memory (RssAnon of /proc: what the process alone holds; mapped files that the
kernel may drop at any time are not in it) is read every few milliseconds from outside. Linux only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

GOAL_MB = 350.0
"""Most at 24 and at 72 hours; source: the measures of the project's design."""
EVERY_S = 0.01


def peak_of(command: Sequence[str], *, cache: Path) -> tuple[float, float]:
    """Run a command; give the most anonymous memory in MB that was seen, and its processor time (s)."""
    most_kb = 0
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "QUOTEOPS_CACHE": str(cache)}
    )
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        most_kb = max(most_kb, _anonymous_kb(process.pid))
        time.sleep(EVERY_S)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 3):
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return most_kb / 1024.0, usage.ru_utime + usage.ru_stime


def _anonymous_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row a length: peak and processor time, made and opened."""
    parser = argparse.ArgumentParser(prog="benchmarks.memory", description=__doc__)
    parser.add_argument("--hours", default="3,24,72")
    parser.add_argument("--word", action="append", default=[], help="a word of the soak, again and again")
    given = parser.parse_args(argv)
    print(f"{'hours':>6} {'made MB':>9} {'cpu s':>7} {'opened MB':>10} {'cpu s':>7}   goal <= {GOAL_MB:g} MB")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "framework.cli.main", "soak", *given.word]
        warm = [*command, "soak.hours=0.1", f"hydra.run.dir={folder}/warm"]
        peak_of(warm, cache=Path(folder) / "cache")  # compiles what is compiled once
        for hours in given.hours.split(","):
            row: list[float] = []
            for turn in ("made", "opened"):
                run = [*command, f"soak.hours={hours}", f"hydra.run.dir={folder}/{turn}-{hours}"]
                row += peak_of(run, cache=Path(folder) / "cache")
            print(f"{hours:>6} {row[0]:9.0f} {row[1]:7.2f} {row[2]:10.0f} {row[3]:7.2f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
