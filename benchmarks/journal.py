"""What a long journal costs: an append, a turn, a publication, a rollback and a restart, by how long it is.

    python -m benchmarks.journal [--entries 1e3 1e6 1e7] [--verify]

Each journal is written as the agent writes one, its chain and states whole (``--verify`` reads all of it).
Its segments are on the branch of a bare remote, and objects of the agent's mirror, before anything is timed.
Peak memory is that of the process that restarts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reconcile import PATCH, desired_state
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.operator import roll_back_environment
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.serve import once
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.desired.checkpoint import checkpoint, compact, refold
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.desired.history import History
from framework.gitops.desired.rendered import rendered_of
from framework.gitops.repo.journal_branch import BRANCH, append_published
from framework.journal.entry import Head, Kind, make_entry
from framework.journal.journal import Journal, utc_now
from framework.journal.segments import SEGMENT_BYTES, folder_of, name_of

AT = "2026-03-04T12:00:00.000000Z"
REPEATS = 30
ROLLBACKS = 7

RESTART = """
import resource, sys, time
from pathlib import Path
from framework.gitops.agent.state_dir import JournalView
begin = time.perf_counter()
view = JournalView(Path(sys.argv[1]))
view.history()
took = (time.perf_counter() - begin) * 1e3
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, view.head.seq)
"""


def grow(path: Path, *, entries: int) -> None:
    """Write entries behind a journal that an agent began: drifts and repairs, sealed as they come."""
    view = JournalView(path)
    history, head = view.history(), view.head
    assert history.applied is not None
    sha, first, lines = history.applied.overrides_sha, 1, [view.journal.read()]
    size, opening = len(lines[0]), 0
    while head.seq < entries:
        if size - opening >= SEGMENT_BYTES:
            file = folder_of(path) / name_of(first)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"".join(lines))
            carried = {"first": first, "last": head.seq, **checkpoint(compact(history))}
            entry = make_entry(after=head, at=AT, kind=Kind.SEGMENT, data=carried)
            head, first, lines = entry.head, entry.seq, [entry.line()]
            size = opening = len(lines[0])
        found = f"{head.seq:064x}"
        for kind, data in (
            ("drift", f'{{"expected":"{sha}","found":"{found}","where":"file"}}'),
            ("repaired", f'{{"found":"{found}","overrides_sha":"{sha}","where":"file"}}'),
        ):
            body = f'{{"at":"{AT}","data":{data},"kind":"{kind}","prev":"{head.sha256}","seq":{head.seq + 1}'
            digest = hashlib.sha256(f"{body}}}".encode()).hexdigest()
            line = f'{body},"sha256":"{digest}"}}\n'.encode()
            head, size = Head(head.seq + 1, digest), size + len(line)
            lines.append(line)
        history = replace(history, drift_at=datetime.fromisoformat(AT))  # all that a repaired drift leaves
    path.write_bytes(b"".join(lines))


def timed(act: Callable[[], Any], *, repeats: int = REPEATS) -> dict[str, float]:
    """Give the median and the most of some calls, in milliseconds."""
    took = []
    for _ in range(repeats):
        begin = time.perf_counter()
        act()
        took.append((time.perf_counter() - begin) * 1e3)
    return _shown(took)


def _shown(took: list[float]) -> dict[str, float]:
    return {"p50_ms": round(float(np.median(took)), 2), "max_ms": round(max(took), 2)}


class Bench:
    """An environment with a journal of some length, all of it published."""

    def __init__(self, folder: Path, entries: int) -> None:
        self.remote, self.state_dir = folder / "remote.git", StateDir(folder / "home", "sandbox")
        self.author = desired_state(self.remote, poll_s=1.0)
        once(self.agent(), wait_s=0.0)
        self.ask(1)
        once(self.agent(), wait_s=0.0)
        grow(self.state_dir.journal, entries=entries)
        self.publish_segments()
        begin = time.perf_counter()
        once(self.agent(), wait_s=0.0)
        self.first_publication_s = time.perf_counter() - begin

    def publish_segments(self) -> None:
        """Put what was sealed on the branch at one stroke, as years of publications would have."""
        folder = folder_of(self.state_dir.journal)
        files = sorted(folder.rglob("*.jsonl"))
        if not files:
            return
        paths = "".join(f"{file}\n" for file in files)
        done = subprocess.run(
            ["git", "-C", str(self.remote), "-c", "core.compression=1", "hash-object", "-w", "--stdin-paths"],
            input=paths, text=True, capture_output=True, check=True,
        )  # fmt: skip
        tip = self.author.rev(BRANCH)
        index = {"GIT_INDEX_FILE": str(self.state_dir.folder / "bench.index")}
        self.author.run("read-tree", tip, env=index)
        names = [f"sandbox.segments/{file.relative_to(folder).as_posix()}" for file in files]
        rows = "".join(
            f"100644 {oid}\t{name}\0" for oid, name in zip(done.stdout.split(), names, strict=True)
        )
        self.author.run("update-index", "-z", "--index-info", input=rows.encode(), env=index)
        tree = self.author.run("write-tree", env=index).decode().strip()
        who = {
            f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        commit = (
            self.author.run("commit-tree", "-p", tip, tree, input=b"segments\n", env=who).decode().strip()
        )
        self.author.run("update-ref", f"refs/heads/{BRANCH}", commit)
        shared = self.state_dir.mirror / "objects" / "info" / "alternates"
        shared.parent.mkdir(parents=True, exist_ok=True)
        shared.write_text(f"{self.remote / 'objects'}\n")

    def agent(self) -> Reconciler:
        """Start an agent."""
        return Reconciler(Observer(self.state_dir, str(self.remote), utc_now), log=lambda _line: None)

    def ask(self, number: int) -> None:
        """Commit a content and let it be promoted."""
        text = f"reason: bench\nowner: bench\noverrides:\n  tail_age_ms: {500 + number}\n"
        sha = self.author.commit_files(self.author.rev("main"), {PATCH: text.encode()}, "bench\n")
        self.author.run("update-ref", "refs/heads/main", sha)
        revision = read_revision(self.author, commit=sha, environment="sandbox")
        config = rendered_of(revision, environment="sandbox", now=utc_now()).config_sha
        data = {"environment": "sandbox", "commit": sha, "config_sha": config, "verdict": "PASS"}
        append_published(self.author, str(self.remote), "sandbox.gate", [(Kind.PROMOTED, data)])

    def rollbacks(self) -> dict[str, float]:
        """Time going back from a content that was let in a moment before."""
        took = []
        for number in range(2, 2 + ROLLBACKS):
            self.ask(number)
            once(self.agent(), wait_s=0.0)
            agent = self.agent()
            begin = time.perf_counter()
            roll_back_environment(agent, reason="bench")
            took.append((time.perf_counter() - begin) * 1e3)
        return _shown(took)

    def measure(self) -> dict[str, Any]:
        """Time what an agent does all day."""
        agent = self.agent()
        agent.look()
        agent.turn()

        def publication() -> None:
            agent.view.note(Kind.ALERT, {"topic": "bench", "text": "x"})
            agent.publish()

        found = {
            "append": timed(lambda: agent.view.note(Kind.ALERT, {"topic": "bench", "text": "x"})),
            "turn": timed(agent.turn),
            "publication": timed(publication, repeats=10),
            "rollback": self.rollbacks(),
        }
        done = subprocess.run(
            [sys.executable, "-c", RESTART, str(self.state_dir.journal)],
            capture_output=True,
            text=True,
            check=True,
        )
        took, mib, seq = done.stdout.split()
        return {
            **found,
            "restart_ms": round(float(took), 1),
            "restart_peak_mib": round(float(mib), 1),
            "entries": int(seq),
        }


def verified(path: Path) -> dict[str, Any]:
    """Read all of a journal, as ``quoteops gitops journal --verify`` does."""
    begin, history, segments = time.perf_counter(), History(), 0
    for content in Journal(path).walk():
        history, segments = refold(content.entries, into=history, where=str(path)), segments + 1
    return {"verify_s": round(time.perf_counter() - begin, 1), "segments": segments}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--entries", type=float, nargs="+", default=[1e3, 1e6])
    parser.add_argument("--verify", action="store_true", help="read all of it besides")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    for entries in map(int, args.entries):
        with tempfile.TemporaryDirectory(prefix="quoteops-bench-") as name:
            bench = Bench(Path(name), entries)
            row = {**bench.measure(), "first_publication_s": round(bench.first_publication_s, 1)}
            row |= verified(bench.state_dir.journal) if args.verify else {}
        if args.json:
            print(json.dumps(row), flush=True)
            continue
        print(f"{row['entries']:>10,} entries", flush=True)
        for what in ("append", "turn", "publication", "rollback"):
            print(f"  {what:<12} p50 {row[what]['p50_ms']:8.2f} ms   max {row[what]['max_ms']:8.2f} ms")
        print(f"  restart      {row['restart_ms']:.1f} ms, peak {row['restart_peak_mib']:.0f} MiB")
        print(f"  first turn and publication {row['first_publication_s']:.1f} s")
        if args.verify:
            print(f"  verify       {row['verify_s']:.1f} s, {row['segments']} segments", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
