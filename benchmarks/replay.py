"""Replay the reference tape with our whole loop and with hftbacktest's bare one, in turn; print the ratios.

Ours does the six stages, both books, partial fills with a shared queue, the ledger and a row per fill;
hftbacktest runs two post-only quotes and keeps no record, in the faster of its two book types. Both quote
the same size at the touch, are never throttled, and see 10 ms each way. Each engine lives in a process of
its own, in its own environment; a round asks each in turn, so that a disturbance of the machine hits
both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import reference_tape
from benchmarks.oracle_env import HERE, create

CACHE = HERE / ".cache"
CADENCES = {"100ms": 100_000_000, "event": 0}
CADENCE_NAMES = {"100ms": "a tick every 100 ms", "event": "a tick at every update"}
GOALS = {"ratio": 0.35, "cold_s": 0.5, "peak_mb": 200.0, "first_compile_s": 5.0}


def bench_params(*, cadence: str) -> Any:
    """Return one Params version that quotes 0.01 at the touch up to 0.2 unthrottled, as the bare strategy."""
    from framework.compiled.records import at, zeros
    from framework.engine.params import fill_params
    from framework.quoting.records import Params
    from framework.settings.compose import compose_run

    settings = compose_run(root=HERE.parent, environ={}).settings
    params = zeros(Params, 1)
    instrument = reference_tape.instrument()
    fill_params(params, settings=settings, instrument=instrument, version=0, from_ns=0)
    row = at(params, 0)
    row.tick_interval_ns = CADENCES[cadence]
    row.min_interval_ns, row.inflight_max = 0, 1_000
    row.replace_per_ns, row.replace_capacity = 1.0, 1e9
    row.base_half_spread_bps = row.min_half_spread_bps = row.glft_base_bps = 0.005
    row.base_spread_bps_delta = row.requote_tolerance_bps = 0.0
    row.maker_fee_bps = row.adverse_weight = row.slippage_penalty_coef = 0.0
    row.glft_risk, row.inventory_tilt_cap = 0.08, 100.0  # about two ticks of skew at the position limit
    row.max_delta_ratio, row.impact_cap_ratio = 1e9, 1.0
    row.quote_notional, row.max_position_quotes, row.notional_cap = 602.0, 20.0, 1e9
    row.equity_start, row.loss_halt, row.vol_halt_bps = 1e9, 1e12, 1e9
    return params


def bench_rules(*, tape: Any) -> Any:
    """Return an exchange with partial fills, a shared proportional queue and fees of 2 and 5.5 bps."""
    from framework.compiled.records import at, zeros
    from framework.venue.matching.records import PROB_POWER, VenueRules

    rules = zeros(VenueRules, 1)
    v = at(rules, 0)
    v.tick, v.lot, v.maker_fee, v.taker_fee = tape.instrument.tick, tape.instrument.lot, 0.0002, 0.00055
    v.queue_model, v.queue_power, v.partial_fills, v.shared_queue = PROB_POWER, 3, 1, 1
    return rules


def replay_ours(*, tape: Any, cadence: str) -> dict[str, Any]:
    """Replay once with the fused engine and return seconds of the loop and counts."""
    import numpy as np

    from framework.compiled.records import at
    from framework.engine.loop import advance
    from framework.engine.replay import Latency, Replay

    delay = np.full(1, 10_000_000)
    replay = Replay(
        tape=tape,
        params=bench_params(cadence=cadence),
        venue=bench_rules(tape=tape),
        latency=Latency(feed_ns=delay, entry_ns=delay, response_ns=delay),
    )
    started = time.perf_counter()
    advance.load()
    loaded, cpu = time.perf_counter(), time.process_time()
    replay.advance(tape.end_ns + 1_000_000_000)
    seconds, cpu = time.perf_counter() - loaded, time.process_time() - cpu
    desk, exchange, ledger = at(replay.desk, 0), at(replay.exchange, 0), at(replay.ledger, 0)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "load_seconds": loaded - started,
        "steps": int(desk.ticks),
        "requests": int(at(replay.rings, 0).requests),
        "fills": int(exchange.fills),
        "rejects": int(exchange.rejects),
        "position": float(ledger.position),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def serve_ours() -> None:
    """Answer each line of standard input with one replay; the other engine's ``--serve`` is alike."""
    tape = reference_tape.as_tape(cols=reference_tape.cached(folder=CACHE))
    for cadence in CADENCES:
        replay_ours(tape=tape, cadence=cadence)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(replay_ours(tape=tape, cadence=json.loads(line)["cadence"])), flush=True)


def once_ours(*, cadence: str) -> None:
    """Do what a cold process does: compose, open the archive, load the compiled core, replay, print."""
    from framework.market.store import open_tape

    print(json.dumps(replay_ours(tape=open_tape(CACHE / "archive"), cadence=cadence)))


@contextmanager
def server(*, command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run an engine's process until the block ends; it has said it is ready when the block begins."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError(f"{' '.join(command)}: ended before it was ready")
        yield process
        process.stdin.close()


def ask(*, process: subprocess.Popen[str], question: dict[str, str]) -> dict[str, Any]:
    """Ask a served engine for one replay."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps(question), file=process.stdin, flush=True)
    answer: dict[str, Any] = json.loads(process.stdout.readline())
    return answer


def cold(*, command: list[str], environment: dict[str, str] | None = None) -> dict[str, float]:
    """Run a whole process; return its wall seconds and peak resident megabytes."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, cwd=HERE.parent, env={**os.environ, **(environment or {})}
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: ended with {process.returncode}")
    return {"seconds": seconds, "peak_mb": usage.ru_maxrss / 1024}


def warm_ratios(*, ours: list[str], peer: list[str], rounds: int) -> dict[str, Any]:
    """Time both engines in turn at both cadences; the peer's time is that of its faster book."""
    found: dict[str, Any] = {}
    with server(command=[*ours, "--serve"]) as us, server(command=[*peer, "--serve"]) as them:
        for cadence in CADENCES:
            rows: dict[str, list[dict[str, Any]]] = {"ours": [], "roi": [], "hash": []}
            for _ in range(rounds):
                rows["ours"].append(ask(process=us, question={"cadence": cadence}))
                for depth in ("roi", "hash"):
                    rows[depth].append(ask(process=them, question={"cadence": cadence, "depth": depth}))
            found[cadence] = {**compared(rows=rows), "rounds": rounds}
    return found


def compared(*, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Reduce the rounds of one cadence to medians, the ratio of wall times, and that of processor times."""
    wall, cpu = (
        {name: statistics.median(row[key] for row in answers) for name, answers in rows.items()}
        for key in ("seconds", "cpu_seconds")
    )
    fastest = min("roi", "hash", key=cpu.__getitem__)
    return {
        "ours_s": wall["ours"],
        "peer_s": wall[fastest],
        "peer_book": fastest,
        "ratio": wall["ours"] / wall[fastest],
        "cpu_ratio": cpu["ours"] / cpu[fastest],
        "ours": rows["ours"][-1],
        "peer": rows[fastest][-1],
    }


def write_archive() -> None:
    """Write the reference tape as a parquet archive and the peer's rows as one .npy, once."""
    import numpy as np

    from benchmarks.hft_rows import hft_rows
    from framework.market.store import open_tape, write_tape

    cols = reference_tape.cached(folder=CACHE)
    if not (CACHE / "archive").exists():
        write_tape(tape=reference_tape.as_tape(cols=cols), root=CACHE / "archive")
    open_tape(CACHE / "archive")
    if not (CACHE / "rows.npy").exists():
        np.save(CACHE / "rows.npy", hft_rows(cols=cols, tick=0.1, lot=0.001, feed_latency_ns=10_000_000))


def cold_runs(*, ours: list[str], peer: list[str], rounds: int) -> dict[str, Any]:
    """Time whole processes in turn with warm caches, then ours once with an empty compile cache."""
    pairs = [(cold(command=ours), cold(command=peer)) for _ in range(rounds)]
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(_cache_root()):
            if name != "compiled":
                os.symlink(_cache_root() / name, Path(folder) / name)
        first = cold(command=ours, environment={"QUOTEOPS_CACHE": folder})
    return {
        "ours_s": statistics.median(pair[0]["seconds"] for pair in pairs),
        "peer_s": statistics.median(pair[1]["seconds"] for pair in pairs),
        "ours_peak_mb": max(pair[0]["peak_mb"] for pair in pairs),
        "peer_peak_mb": max(pair[1]["peak_mb"] for pair in pairs),
        "first_compile_s": first["seconds"],
        "first_compile_peak_mb": first["peak_mb"],
    }


def _cache_root() -> Path:
    from framework.market.columns import cache_folder

    return cache_folder().parent


def report(*, found: dict[str, Any]) -> str:
    """Render the figures as a few lines, each with its goal."""
    lines = [
        f"reference tape, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    ]
    for cadence, row in found["warm"].items():
        lines.append(
            f"{CADENCE_NAMES[cadence]}: ours {row['ours_s'] * 1e3:.1f} ms ({row['ours']['steps']} ticks, "
            f"{row['ours']['fills']} fills), hftbacktest {row['peer_s'] * 1e3:.1f} ms "
            f"({row['peer']['steps']} steps, {row['peer']['fills']} fills, {row['peer_book']} book): "
            f"ratio {row['ratio']:.2f}, "
            f"in processor time {row['cpu_ratio']:.2f} (goal {GOALS['ratio']})"
        )
    row = found["cold"]
    lines.append(
        f"whole cold process: ours {row['ours_s']:.2f} s, {row['ours_peak_mb']:.0f} MB "
        f"(goal {GOALS['cold_s']} s, {GOALS['peak_mb']:.0f} MB), "
        f"hftbacktest {row['peer_s']:.2f} s, {row['peer_peak_mb']:.0f} MB"
    )
    lines.append(
        f"first run with an empty compile cache: {row['first_compile_s']:.2f} s, "
        f"{row['first_compile_peak_mb']:.0f} MB (goal {GOALS['first_compile_s']} s)"
    )
    return "\n".join(lines)


def main() -> int:
    """Run the benchmark, print it and write ``.cache/replay.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--once", choices=tuple(CADENCES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cold-rounds", type=int, default=3)
    args = parser.parse_args()
    if args.serve:
        serve_ours()
        return 0
    if args.once:
        once_ours(cadence=args.once)
        return 0
    write_archive()
    ours = [sys.executable, "-m", "benchmarks.replay"]
    peer = [str(create()), "-m", "benchmarks.oracle.two_quotes", "--tape", str(CACHE / "rows.npy")]
    found = {
        "warm": warm_ratios(ours=ours, peer=peer, rounds=args.rounds),
        "cold": cold_runs(ours=[*ours, "--once", "100ms"], peer=peer, rounds=args.cold_rounds),
    }
    (CACHE / "replay.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(report(found=found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
