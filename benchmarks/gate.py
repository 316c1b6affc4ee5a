"""Time the gate of one override over three 3-hour tapes, as CI runs it: a cold process on a clone.

The tapes are synthetic, one a regime. Once they are made and kept on the disk (the first run says what that
takes) every round is a whole process: git, composition, six replays on the cores, statistics, reports.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GOAL_S = 15.0
OVERRIDES = "runtime_overrides/sandbox.yaml"
TAPES = """tapes:
  normal: {{regime: normal, market: liquid, symbol: SYNTHUSDT, synthetic: {{preset: liquid_perp, seed: {seed}, hours: 3.0}}}}
  event: {{regime: event, market: liquid, symbol: SYNTHUSDT, synthetic: {{preset: liquid_perp, seed: {seed}, hours: 3.0}}}}
  high-vol: {{regime: high_vol, market: liquid, symbol: SYNTHUSDT, synthetic: {{preset: liquid_perp, seed: {seed}, hours: 3.0}}}}
"""  # noqa: E501


def git(repo: Path, *words: str) -> str:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=repo, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def repository(folder: Path, *, seed: int) -> tuple[str, str]:
    """Make a repository with three tapes and a change of one override; give both commits."""
    for name in ("conf", "runtime_overrides", "gitops"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "gitops/tapes.yaml").write_text(TAPES.format(seed=seed))
    environment = folder / "gitops/environments/sandbox.yaml"
    lines = [line for line in environment.read_text().splitlines() if not line.startswith("tapes:")]
    environment.write_text("\n".join([*lines, "tapes: []", ""]))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "base")
    base = git(folder, "rev-parse", "HEAD")
    text = (folder / OVERRIDES).read_text()
    (folder / OVERRIDES).write_text(
        text.replace("base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    )
    git(folder, "commit", "--quiet", "--all", "-m", "one override")
    return base, git(folder, "rev-parse", "HEAD")


def judge(repo: Path, *, base: str, head: str) -> dict[str, Any]:
    """Run the gate in a process of its own; give its seconds and what it said."""
    words = [
        sys.executable, "-m", "framework.cli.main", "gitops", "gate", "--repo", str(repo), "--base", base,
        "--head", head, "--environment", "sandbox", "--json",
    ]  # fmt: skip
    started, used = time.perf_counter(), processor_s()
    done = subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1, 3):
        raise SystemExit(done.stderr)
    return {"seconds": seconds, "processor_s": processor_s() - used, **json.loads(done.stdout)}


def processor_s() -> float:
    """Give the processor time of all ended children: what a busy machine does not stretch."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print the median of the rounds against the goal; 1 when it is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the tapes; new by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder)
        base, head = repository(repo, seed=args.seed)
        first = judge(repo, base=base, head=head)
        rounds = [judge(repo, base=base, head=head) for _ in range(args.rounds)]
    median, used = (statistics.median(r[k] for r in rounds) for k in ("seconds", "processor_s"))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, goal {GOAL_S:g} s")
    for what, seconds, cpu in (
        ("first run, which makes the tapes", first["seconds"], first["processor_s"]),
        (f"every later one, median of {args.rounds}", median, used),
    ):
        print(f"  {what:<34}{seconds:6.2f} s, processor time {cpu:.2f} s")
    print(f"{first['verdict']}: {first['sentence']}")
    return int(max(median, first["seconds"]) > GOAL_S)


if __name__ == "__main__":
    raise SystemExit(main())
