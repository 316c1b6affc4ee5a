"""The reference tape: one seeded market every engine replays, so that their times can be compared.

1,000,050 events over three hours: a snapshot of 25 + 25 levels, 600,000 depth rows and 400,000 trades.
Tick 0.1, lot 0.001; the book is never crossed, its spread is one tick or two (mean about 1.12). A trade
burst is printed at one instant together with the depth row it leaves; a touched-out level is soon filled
again by the same side or by the other, which is how the price moves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from framework.market.instrument import Instrument
    from framework.market.tape import Tape

SEED = 20240101
START_NS = 1_704_067_200_000_000_000
HOURS = 3
SNAPSHOT_LEVELS = 25
DEPTH_ROWS = 600_000
TRADE_ROWS = 400_000
TICK_SIZE, LOT_SIZE = "0.1", "0.001"
START_TICK = 600_000
SPARE_ROWS = 500
"""Depth rows kept for after the last trade, so that both counts are met exactly."""
FEED_LATENCY_NS = 10_000_000
DEPTH, TRADE, CLEAR = 1, 2, 3

Columns = dict[str, NDArray[Any]]


@dataclass
class _Market:
    """A book of integer lots and the rows it has emitted: (group, kind, side, price, quantity)."""

    rng: Random
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    best_bid: int = START_TICK
    best_ask: int = START_TICK + 1
    group: int = 0
    depth_rows: int = 0
    trade_rows: int = 0
    rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def size(self, mean_lots: float) -> int:
        """Draw a quantity in lots: at least one, log-normal with a heavy right tail."""
        return max(1, int(mean_lots * self.rng.lognormvariate(-0.5, 1.0)))

    def level_size(self, levels_away: int) -> int:
        return self.size(900.0 * (1.0 + 0.25 * min(levels_away, 12)))

    def depth(self, side: int, price: int, lots: int) -> None:
        self.rows.append((self.group, DEPTH, side, price, lots))
        book = self.bids if side > 0 else self.asks
        if lots:
            book[price] = lots
        else:
            book.pop(price, None)
        self.depth_rows += 1

    def change_a_level(self) -> None:
        """Set the quantity of a level near the touch: orders come and go."""
        side = 1 if self.rng.random() < 0.5 else -1
        away = min(int(self.rng.expovariate(0.28)), SNAPSHOT_LEVELS - 1)
        price = self.best_bid - away if side > 0 else self.best_ask + away
        held = (self.bids if side > 0 else self.asks).get(price, 0)
        if held > 1 and self.rng.random() < 0.65:
            lots = max(1, held + (1 if self.rng.random() < 0.52 else -1) * self.size(0.25 * held))
        else:
            lots = self.level_size(away)
        self.depth(side, price, lots)

    def fill_the_gap(self) -> None:
        """Close a two-tick spread: the emptied side comes back, or the other steps up: the price moved."""
        if self.rng.random() < 0.5:
            self.best_bid += 1
            self.depth(1, self.best_bid, self.level_size(0))
        else:
            self.best_ask -= 1
            self.depth(-1, self.best_ask, self.level_size(0))

    def market_order(self, prints_left: int) -> None:
        """Print a taker's trades at the touch and the depth row they leave; the spread may widen."""
        side = 1 if self.rng.random() < 0.5 else -1
        price = self.best_ask if side > 0 else self.best_bid
        book = self.asks if side > 0 else self.bids
        held = book[price]
        for _ in range(min(prints_left, 1 + (self.rng.random() < 0.25))):
            lots = min(held, self.size(90.0))
            self.rows.append((self.group, TRADE, side, price, lots))
            self.trade_rows += 1
            held -= lots
            if not held:
                break
        if held:
            if self.rng.random() < 0.62:
                self.depth(-side, price, held)
            else:
                book[price] = held  # its depth row comes later, with the level's next change
            return
        if self.best_ask - self.best_bid > 1:
            held = self.level_size(0)  # replenished at once: the spread never exceeds two ticks
            self.depth(-side, price, held)
            return
        self.depth(-side, price, 0)
        if side > 0:
            self.best_ask = self.next_level(price, 1, book)
        else:
            self.best_bid = self.next_level(price, -1, book)

    def next_level(self, price: int, step: int, book: dict[int, int]) -> int:
        """Return the next price outwards, with a quantity emitted when nothing rests there."""
        price += step
        if price not in book:
            self.depth(-step, price, self.level_size(1))
        return price

    def snapshot(self) -> None:
        for away in range(SNAPSHOT_LEVELS):
            self.depth(1, self.best_bid - away, self.level_size(away))
        for away in range(SNAPSHOT_LEVELS):
            self.depth(-1, self.best_ask + away, self.level_size(away))


def columns(*, seed: int = SEED, depth_rows: int = DEPTH_ROWS, trade_rows: int = TRADE_ROWS) -> Columns:
    """Generate the tape as equal-length column arrays named as a Tape's, the leading CLEAR row included.

    ``depth_rows`` and ``trade_rows`` count what follows the snapshot; the span scales with them, so that a
    smaller tape has the same event rate.
    """
    market = _Market(rng=Random(seed))
    market.snapshot()
    market.depth_rows = 0
    while market.depth_rows < depth_rows:
        market.group += 1
        depth_left, trades_left = depth_rows - market.depth_rows, trade_rows - market.trade_rows
        wanted = trades_left / max(1, depth_left - SPARE_ROWS)
        if market.best_ask - market.best_bid > 1 and market.rng.random() < 0.43:
            market.fill_the_gap()
        elif market.rng.random() < wanted / (1.25 + 0.3 * wanted):
            market.market_order(trades_left)
        else:
            market.change_a_level()
            if depth_left > SPARE_ROWS and market.rng.random() < 0.09:
                market.change_a_level()
    if (market.depth_rows, market.trade_rows) != (depth_rows, trade_rows):
        raise ValueError(
            f"reference tape: {market.depth_rows} depth rows and {market.trade_rows} trades; "
            f"allowed {depth_rows} and {trade_rows}"
        )
    rows = np.array(market.rows, dtype=np.int64)
    return _columns(
        rows=rows,
        span_ns=int(HOURS * 3_600e9 * (depth_rows + trade_rows) / (DEPTH_ROWS + TRADE_ROWS)),
        seed=seed,
    )


def _columns(*, rows: NDArray[np.int64], span_ns: int, seed: int) -> Columns:
    """Stamp groups with exponential gaps in whole microseconds over the span, and put the CLEAR in front."""
    groups = int(rows[-1, 0])
    steps = np.random.default_rng(seed).exponential(size=groups)
    offsets_us = np.floor(np.cumsum(steps) * (span_ns / 1000.0 / steps.sum())).astype(np.int64)
    times = START_NS + 1000 * np.concatenate([[0], offsets_us])[rows[:, 0]]
    exch = np.concatenate([[START_NS], times])
    return {
        "exch_ts_ns": exch,
        "recv_ts_ns": exch + FEED_LATENCY_NS,
        "kind": np.concatenate([[CLEAR], rows[:, 1]]).astype(np.uint8),
        "side": np.concatenate([[0], rows[:, 2]]).astype(np.int8),
        "price_ticks": np.concatenate([[0], rows[:, 3]]),
        "qty_lots": np.concatenate([[0], rows[:, 4]]),
    }


def digest(*, cols: Columns) -> str:
    """Return the sha256 of the columns, names included."""
    total = hashlib.sha256()
    for name in sorted(cols):
        total.update(name.encode())
        total.update(np.ascontiguousarray(cols[name]).data)
    return total.hexdigest()


def cached(*, folder: Path, seed: int = SEED) -> Columns:
    """Return the full reference columns, generated once and kept as one .npz in ``folder``."""
    path = folder / f"reference_{seed}_v1.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **columns(seed=seed))
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def instrument() -> Instrument:
    """Return the linear contract REFUSDT."""
    from framework.market.instrument import Instrument

    return Instrument(
        symbol="REFUSDT",
        venue="reference",
        kind="linear",
        tick_size=TICK_SIZE,
        lot_size=LOT_SIZE,
        min_qty=LOT_SIZE,
        min_notional="0",
        base="REF",
        quote="USDT",
        funding_interval_min=480,
    )


def as_tape(*, cols: Columns) -> Tape:
    """Wrap columns as a Tape of REFUSDT."""
    from framework.market.tape import Tape

    given: dict[str, Any] = dict(cols)
    return Tape.from_columns(instrument=instrument(), source="reference", format="reference", **given)


def describe(*, cols: Columns) -> dict[str, float]:
    """Measure what the description promises: counts, time-weighted spread, crossings, distinct times."""
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    best = [0, 0]
    weighted = total = 0.0
    crossed = 0
    ts, kind, side = cols["exch_ts_ns"].tolist(), cols["kind"].tolist(), cols["side"].tolist()
    price, qty = cols["price_ticks"].tolist(), cols["qty_lots"].tolist()
    for i in range(len(ts)):
        if best[0] and best[1] and i + 1 < len(ts):
            weighted += (best[1] - best[0]) * (ts[i] - ts[i - 1])
            total += ts[i] - ts[i - 1]
        if kind[i] != DEPTH:
            continue
        book = bids if side[i] > 0 else asks
        if qty[i]:
            book[price[i]] = qty[i]
        else:
            book.pop(price[i], None)
        if side[i] > 0 and (price[i] >= best[0]):
            best[0] = max(bids) if bids else 0
        if side[i] < 0 and (price[i] <= best[1] or not best[1]):
            best[1] = min(asks) if asks else 0
        crossed += bool(best[0] and best[1] and best[0] >= best[1])
    depth = cols["kind"] == DEPTH
    return {
        "events": float(len(ts) - 1),
        "depth": float(depth.sum() - 2 * SNAPSHOT_LEVELS),
        "trades": float((cols["kind"] == TRADE).sum()),
        "mean_spread_ticks": weighted / total,
        "crossed": float(crossed),
        "distinct_times": float(len(np.unique(cols["exch_ts_ns"]))),
        "distinct_book_times": float(len(np.unique(cols["exch_ts_ns"][depth]))),
        "hours": (ts[-1] - ts[0]) / 3.6e12,
        "low_tick": float(cols["price_ticks"][1:].min()),
        "high_tick": float(cols["price_ticks"].max()),
    }
