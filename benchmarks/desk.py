"""Time the desk half as a live session calls it: one instant of market data from Python, requests out.

The reference tape's updates reach a desk half one instant at a time; an exchange half beside it, not timed,
answers what it asks. Its parameters are those of ``benchmarks.replay``: every update is looked at, and the
six stages run or repeat. The clock is read around each call, and what reading it costs is taken off.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import time
from typing import Any

import numpy as np

from benchmarks import reference_tape
from benchmarks.replay import CACHE, bench_params, bench_rules

GOALS_US = {"p50": 2.0, "p99": 4.0}
DELAY_NS = 10_000_000
WARM_UP = 20_000
"""Calls that are not counted: caches fill, and pages of the buffers are touched for the first time."""


def calls(*, instants: int) -> dict[str, float]:
    """Play instants of the tape through both halves; give microseconds of the desk's calls, and counts."""
    from framework.compiled.bundles import bind
    from framework.compiled.records import at
    from framework.engine.halves import DeskHalf, ExchangeHalf, WireBuffers
    from framework.engine.records import Feed
    from framework.engine.replay import ladder

    tape = reference_tape.as_tape(cols=reference_tape.cached(folder=CACHE))
    rungs, delay = ladder(tape.price_ticks, tape.kind), np.full(1, DELAY_NS)
    wire = WireBuffers(entry_ns=delay, response_ns=delay)
    desk = DeskHalf(params=bench_params(cadence="event"), ladder=rungs, start_ns=tape.start_ns)
    exchange = ExchangeHalf(rules=bench_rules(tape=tape), ladder=rungs)
    rows: list[Any] = [np.asarray(tape.exch_ts_ns), tape.exch_ts_ns + DELAY_NS]
    rows += [np.asarray(column) for column in (tape.kind, tape.side, tape.price_ticks, tape.qty_lots)]
    names = ("exch_ts_ns", "local_ts_ns", "kind", "side", "price_ticks", "qty_lots")
    none = np.zeros(1, np.int64)
    market = bind(Feed, **dict(zip(names, rows, strict=True)), delay_ns=none)
    starts = np.flatnonzero(np.diff(rows[1], prepend=-1))[: WARM_UP + instants + 1].tolist()
    most = int(np.diff(starts).max())
    message: list[Any] = [np.zeros(most, column.dtype) for column in rows]
    feed = bind(Feed, **dict(zip(names, message, strict=True)), delay_ns=none)
    spent = np.zeros(len(starts) - 1, np.int64)
    clock = time.perf_counter_ns
    for k, (first, last) in enumerate(itertools.pairwise(starts)):
        now, events = int(rows[1][first]), last - first
        exchange.advance(now, feed=market, wire=wire)
        for buffer, column in zip(message, rows, strict=True):
            buffer[:events] = column[first:last]
        began = clock()
        desk.advance(now, feed=feed, events=events, wire=wire)
        spent[k] = clock() - began
    empty = np.array([-(clock() - clock()) for _ in range(10_000)])
    us = np.maximum(spent[WARM_UP:] - np.median(empty), 0) / 1e3
    return {
        "calls": float(len(us)),
        "p50_us": float(np.percentile(us, 50)),
        "p99_us": float(np.percentile(us, 99)),
        "p999_us": float(np.percentile(us, 99.9)),
        "mean_us": float(us.mean()),
        "requests": float(at(wire.rings, 0).requests),
        "fills": float(at(exchange.state, 0).fills),
    }


def main() -> int:
    """Run the benchmark, print it and write ``.cache/desk.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--instants", type=int, default=200_000)
    found = calls(instants=parser.parse_args().instants)
    (CACHE / "desk.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(
        f"desk half, one instant a call from Python, {platform.machine()}: p50 {found['p50_us']:.2f} us, "
        f"p99 {found['p99_us']:.2f} us, p99.9 {found['p999_us']:.2f} us, mean {found['mean_us']:.2f} us over "
        f"{found['calls']:.0f} calls, {found['requests']:.0f} requests, {found['fills']:.0f} fills "
        f"(goal {GOALS_US['p50']:.0f} and {GOALS_US['p99']:.0f} us)"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
