"""Play scripts of order requests through hftbacktest and write down every fill it reports.

Runs inside the oracle's own environment: ``python play_script.py IN.npz OUT.npz [IN.npz OUT.npz ...]``. An IN
holds the tape's columns, the script's columns and the scalars tick, lot, feed_ns, entry_ns, response_ns,
queue_model (0 risk-averse, 1 power), queue_power.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest
from numba import njit

from benchmarks.hft_rows import hft_rows

# the project's numbers for actions and order kinds
NEW, AMEND, CANCEL = 1, 2, 3
LIMIT, POST_ONLY, IOC, MARKET = 1, 2, 3, 4
# hftbacktest's
GTC, GTX, HFT_IOC = 0, 1, 3
HFT_LIMIT, HFT_MARKET = 0, 1
EXPIRED, FILLED, CANCELED = 2, 3, 4
SCRIPT = ("sent_ns", "action", "order_id", "order_side", "order_kind", "order_ticks", "order_lots")


@njit
def collect(orders, out, counts):  # type: ignore[no-untyped-def]
    """Note the orders that have come to an end since the last look: fills in ``out``, the rest as counts."""
    values = orders.values()
    while True:
        order = values.next()
        if order is None:
            return
        if order.status == FILLED:
            row = out[counts[0]]
            row[0], row[1] = order.exch_timestamp, np.int64(order.order_id)
            row[2], row[3] = order.arr[0].side, order.exec_price_tick
            row[4], row[5] = np.int64(round(order.exec_qty * 1e12)), np.int64(order.arr[0].maker)
            counts[0] += 1
        elif order.status == EXPIRED:
            counts[1] += 1
        elif order.status == CANCELED:
            counts[2] += 1


@njit
def play(  # type: ignore[no-untyped-def]
    hbt, sent, action, order_id, side, kind, price_ticks, qty_lots, tick, lot, out
):
    """Send every request at its time; count fills, expired, cancelled, and requests refused locally."""
    counts = np.zeros(4, np.int64)
    orders = hbt.orders(0)
    hbt.elapse(0)
    for i in range(len(sent)):
        if sent[i] > hbt.current_timestamp:
            if hbt.elapse(sent[i] - hbt.current_timestamp) != 0:
                break
            collect(orders, out, counts)
            hbt.clear_inactive_orders(0)
        key = np.uint64(order_id[i])
        if action[i] == CANCEL:
            if hbt.cancel(0, key, False) != 0:
                counts[3] += 1
        elif action[i] == AMEND:
            if hbt.modify(0, key, price_ticks[i] * tick, qty_lots[i] * lot, False) != 0:
                counts[3] += 1
        else:
            in_force = GTX if kind[i] == POST_ONLY else (HFT_IOC if kind[i] == IOC else GTC)
            form = HFT_MARKET if kind[i] == MARKET else HFT_LIMIT
            price, qty = price_ticks[i] * tick, qty_lots[i] * lot
            if side[i] > 0:
                hbt.submit_buy_order(0, key, price, qty, in_force, form, False)
            else:
                hbt.submit_sell_order(0, key, price, qty, in_force, form, False)
    while hbt.elapse(1_000_000_000) == 0:
        collect(orders, out, counts)
        hbt.clear_inactive_orders(0)
    collect(orders, out, counts)
    return counts


def backtest(*, given: Any, rows: np.ndarray[Any, Any]) -> Any:
    """Build the oracle with constant latencies and the queue model asked for."""
    asset = (
        BacktestAsset()
        .data([rows])
        .linear_asset(1.0)
        .constant_order_latency(int(given["entry_ns"]), int(given["response_ns"]))
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0002, 0.00055)
        .tick_size(float(given["tick"]))
        .lot_size(float(given["lot"]))
    )
    if int(given["queue_model"]) == 1:
        asset = asset.power_prob_queue_model3(float(given["queue_power"]))
    else:
        asset = asset.risk_adverse_queue_model()
    return HashMapMarketDepthBacktest([asset])


def answer(*, given_path: str, found_path: str) -> None:
    """Play one case and write its fills and counts."""
    with np.load(given_path) as stored:
        given = {name: stored[name] for name in stored.files}
    tick, lot = float(given["tick"]), float(given["lot"])
    rows = hft_rows(cols=given, tick=tick, lot=lot, feed_latency_ns=int(given["feed_ns"]))
    out = np.zeros((len(given["sent_ns"]) + 1, 6), np.int64)
    counts = play(
        backtest(given=given, rows=rows),
        *(given[name] for name in SCRIPT),
        tick,
        lot,
        out,
    )
    fills = out[: counts[0]]
    fills[:, 4] = np.rint(fills[:, 4] / 1e12 / lot).astype(np.int64)
    np.savez(found_path, allow_pickle=False, fills=fills, counts=counts)


if __name__ == "__main__":
    for given_path, found_path in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        answer(given_path=given_path, found_path=found_path)
