"""hftbacktest's side of the replay benchmark: a bare two-quote strategy, compiled, without a recorder.

Runs inside the oracle's own environment. Without ``--serve`` it replays once and prints one JSON line
(that is the cold process); with it, a line of JSON on standard input asks for one replay, and the line
printed back holds its time without compilation.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any

import numpy as np
from hftbacktest import GTX, LIMIT, BacktestAsset, HashMapMarketDepthBacktest, ROIVectorMarketDepthBacktest
from numba import njit

from benchmarks.hft_rows import hft_rows

TICK, LOT = 0.1, 0.001
STEP_NS, LATENCY_NS = 100_000_000, 10_000_000
SIZE, MAX_POSITION = 0.01, 0.2
HALF_SPREAD_TICKS, SKEW_TICKS = 0.5, 2.0
FOREVER_NS = 3_600_000_000_000
NEW, NONE = 1, 0


@njit
def two_quotes(hbt, every_feed):  # type: ignore[no-untyped-def]
    """Keep one post-only bid and one ask at the skewed price, replacing each when its price changes."""
    counts = np.zeros(4, np.int64)  # steps, submits, cancels, next order id
    bid_id, ask_id = np.uint64(0), np.uint64(0)
    next_id = np.uint64(1)
    orders = hbt.orders(0)
    depth = hbt.depth(0)
    while (hbt.wait_next_feed(False, FOREVER_NS) == 2) if every_feed else (hbt.elapse(STEP_NS) == 0):
        counts[0] += 1
        hbt.clear_inactive_orders(0)
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        position = hbt.position(0)
        centre = (best_bid + best_ask) / 2.0 - SKEW_TICKS * position / MAX_POSITION
        bid = min(np.int64(np.floor(centre - HALF_SPREAD_TICKS)), best_ask - 1)
        ask = max(np.int64(np.ceil(centre + HALF_SPREAD_TICKS)), best_bid + 1)
        want_bid, want_ask = position < MAX_POSITION - 1e-9, position > -MAX_POSITION + 1e-9
        if bid_id:
            held = orders.get(bid_id)
            if held is None:
                bid_id = np.uint64(0)
            elif (held.price_tick != bid or not want_bid) and held.cancellable:
                hbt.cancel(0, bid_id, False)
                counts[2] += 1
                bid_id = np.uint64(0)
        if ask_id:
            held = orders.get(ask_id)
            if held is None:
                ask_id = np.uint64(0)
            elif (held.price_tick != ask or not want_ask) and held.cancellable:
                hbt.cancel(0, ask_id, False)
                counts[2] += 1
                ask_id = np.uint64(0)
        if not bid_id and want_bid:
            hbt.submit_buy_order(0, next_id, bid * TICK, SIZE, GTX, LIMIT, False)
            bid_id = next_id
            next_id += np.uint64(1)
        if not ask_id and want_ask:
            hbt.submit_sell_order(0, next_id, ask * TICK, SIZE, GTX, LIMIT, False)
            ask_id = next_id
            next_id += np.uint64(1)
    counts[1] = np.int64(next_id) - 1
    return counts


def backtest(*, rows: np.ndarray[Any, Any], depth: str) -> Any:
    """Build one backtest over in-memory rows; ``depth`` is roi (a vector of levels) or hash."""
    low, high = rows["px"][rows["px"] > 0].min() - 10, rows["px"].max() + 10
    asset = (
        BacktestAsset()
        .data([rows])
        .linear_asset(1.0)
        .constant_order_latency(LATENCY_NS, LATENCY_NS)
        .power_prob_queue_model3(3.0)
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.00055)
        .tick_size(TICK)
        .lot_size(LOT)
    )
    if depth == "roi":
        return ROIVectorMarketDepthBacktest([asset.roi_lb(low).roi_ub(high)])
    return HashMapMarketDepthBacktest([asset])


def replay(*, rows: np.ndarray[Any, Any], depth: str, cadence: str) -> dict[str, Any]:
    """Replay once and return seconds and counts; compiles on the first call of a process."""
    hbt = backtest(rows=rows, depth=depth)
    started, cpu = time.perf_counter(), time.process_time()
    counts = two_quotes(hbt, cadence == "event")
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    state = hbt.state_values(0)
    fills = int(state.num_trades)
    hbt.close()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "steps": int(counts[0]),
        "submits": int(counts[1]),
        "cancels": int(counts[2]),
        "fills": fills,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def load(path: str) -> np.ndarray[Any, Any]:
    """Read rows from a .npy, or convert the columns of a .npz."""
    if path.endswith(".npy"):
        rows: np.ndarray[Any, Any] = np.load(path)
        return rows
    with np.load(path) as stored:
        cols = {name: stored[name] for name in stored.files}
    return hft_rows(cols=cols, tick=TICK, lot=LOT, feed_latency_ns=LATENCY_NS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tape", required=True, help="columns .npz of the reference tape, or rows .npy")
    parser.add_argument("--depth", choices=("roi", "hash"), default="roi")
    parser.add_argument("--cadence", choices=("100ms", "event"), default="100ms")
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    rows = load(args.tape)
    if not args.serve:
        print(json.dumps(replay(rows=rows, depth=args.depth, cadence=args.cadence)))
        return
    for depth in ("roi", "hash"):
        replay(rows=rows[:5_000], depth=depth, cadence="event")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(replay(rows=rows, depth=asked["depth"], cadence=asked["cadence"])), flush=True)


if __name__ == "__main__":
    main()
