"""Measure the stylised facts of any tape, real or synthetic, with the same code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.compiled.bundles import bind
from framework.compiled.records import dtype_of, from_array, to_array, zeros
from framework.market.errors import TapeError
from framework.market.events import DEPTH, TRADE
from framework.market.facts_core import Events, Found, ProbeFill, Scan, Touch, scan
from framework.market.tape import EVENT_COLUMNS, PIECE, Tape
from framework.units import DAY, HOUR, MS, SECOND

HORIZONS_S = (0.1, 0.5, 1.0, 5.0, 30.0)
SIGNATURE_S = (0.1, 1.0, 30.0)
FANO_S = (1, 10, 60)
BANDS_BPS = (1.0, 5.0, 10.0, 25.0)
DENSE_LIMIT = 1 << 25
LONGEST_NS, MOST_NS = HOUR, 200 * DAY
"""A silence counts as so much at most, and a tape is sampled each second for so long at most."""
Floats = NDArray[np.float64]
Facts = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one replay of a tape leaves to compute from."""

    seconds: float
    touches: NDArray[Any]
    fills: NDArray[Any]
    depths: NDArray[np.int64]
    depth_messages: int
    depth_levels: int


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The mid and the touch on a regular grid of times: the last one known at each."""

    mid: Floats
    imbalance: Floats


def measure(*, tape: Tape, probe_ms: int = 100) -> Facts:
    """Return every stylised fact of a tape by name; units are in the names, absent evidence is NaN.

    Money is quote currency, depth is one side. ``markout_*_bps`` are of a probe that rests one lot at the
    back of the queue of both touches and follows them every ``probe_ms``. Kurtosis is E[x^4] / E[x^2]^2,
    which is 3 for a normal.
    A stretch of more than an hour without an event counts as an hour; prices beyond a ladder's reach are left
    out. Raises TapeError when the tape never shows a two-sided book or is too long to be sampled each second.
    """
    tape = _without_holes(tape=_without_far_rows(tape=tape))
    observed = replay(tape=tape, probe_ms=probe_ms)
    tick, lot = tape.instrument.tick, tape.instrument.lot
    facts: Facts = {"hours": observed.seconds / 3600.0}
    facts |= _touch_facts(observed=observed, tick=tick, lot=lot)
    facts |= _depth_facts(observed=observed, tick=tick, lot=lot)
    facts |= _order_facts(tape=tape, observed=observed)
    facts |= _return_facts(observed=observed)
    facts |= _markout_facts(observed=observed)
    return facts


def far_rows(*, tape: Tape) -> NDArray[np.bool_]:
    """Tell which levels and trades lie further from the median price than a ladder reaches."""
    priced = (tape.kind == DEPTH) | (tape.kind == TRADE)
    prices = tape.price_ticks[priced]
    if not len(prices) or int(prices.max()) - int(prices.min()) < DENSE_LIMIT:
        return np.zeros(len(tape), bool)
    away = np.abs(tape.price_ticks - int(np.median(prices)))
    return np.asarray(priced & (away >= DENSE_LIMIT // 2), bool)


def _without_far_rows(*, tape: Tape) -> Tape:
    far = far_rows(tape=tape)
    if not far.any():
        return tape
    return replace(tape, **{name: getattr(tape, name)[~far] for name, _ in EVENT_COLUMNS})


def _without_holes(*, tape: Tape) -> Tape:
    """Shorten each stretch without an event to LONGEST_NS; raises TapeError for what is still too long."""
    steps = np.diff(tape.exch_ts_ns)
    if (steps > LONGEST_NS).any():
        shorter = np.cumsum(np.minimum(steps, LONGEST_NS), dtype=np.int64)
        tape = replace(tape, exch_ts_ns=tape.start_ns + np.concatenate([[0], shorter]))
    if tape.end_ns - tape.start_ns > MOST_NS:
        raise TapeError(f"longer than {MOST_NS // DAY} days; allowed a part, by --start and --end")
    return tape


def _messages(*, times: NDArray[np.int64]) -> Iterator[slice]:
    """Give the rows in pieces that end between two instants, so that a signal is heard between them."""
    begin = 0
    turns = np.append(np.flatnonzero(np.diff(times)) + 1, len(times))
    while begin < len(times):
        end = int(turns[min(int(np.searchsorted(turns, begin + PIECE)), len(turns) - 1)])
        yield slice(begin, end)
        begin = end


def replay(*, tape: Tape, probe_ms: int) -> Pass:
    """Replay a tape once through the compiled pass."""
    priced = tape.price_ticks[(tape.kind == DEPTH) | (tape.kind == TRADE)]
    if not len(priced):
        raise TapeError(f"{tape.meta.source}: no depth and no trade; allowed a tape with a book")
    low, high = int(priced.min()), int(priced.max())
    span, seconds = high - low + 1, (tape.end_ns - tape.start_ns) / SECOND
    start = np.zeros(1, dtype_of(Scan))
    values = {"span": span, "low": low, "bid": -1, "ask": -1, "bid_price": -1, "ask_price": -1}
    values |= {"bands": len(BANDS_BPS), "sample_ns": SECOND, "probe_ns": probe_ms * MS}
    values |= {"next_sample_ns": tape.start_ns + SECOND, "next_probe_ns": tape.start_ns + SECOND}
    for name, value in values.items():
        start[name] = value
    state, touches, fills = from_array(Scan, start), zeros(Touch, len(tape)), zeros(ProbeFill, 1 << 18)
    depths = np.zeros((int(seconds) + 2) * len(BANDS_BPS), np.int64)
    ticks = np.rint(np.array(BANDS_BPS) * 1e-4 * np.median(priced)).astype(np.int64)
    result = bind(
        Found,
        scan=state,
        book=np.zeros(2 * span, np.int64),
        band_ticks=ticks,
        depths=depths,
        touches=touches,
        fills=fills,
    )
    for rows in _messages(times=tape.exch_ts_ns):
        scan(bind(Events, **{name: getattr(tape, name)[rows] for name, _ in EVENT_COLUMNS}), result)
    end = to_array(Scan, state)[0]
    if end["touches"] == 0:
        raise TapeError(f"{tape.meta.source}: the book is never two-sided; allowed a tape with a snapshot")
    return Pass(
        seconds=seconds,
        touches=to_array(Touch, touches, int(end["touches"])),
        fills=to_array(ProbeFill, fills, int(end["fills"])),
        depths=np.asarray(result.depths).reshape(-1, len(BANDS_BPS))[: int(end["samples"])],
        depth_messages=int(end["depth_messages"]),
        depth_levels=int(end["depth_levels"]),
    )


def grid(*, observed: Pass, every_s: float) -> Grid:
    """Sample mid (ticks) and imbalance (bid - ask) / (bid + ask) of the touch every ``every_s`` seconds."""
    touches = observed.touches
    times = np.arange(touches["ts_ns"][0] + SECOND, touches["ts_ns"][-1], int(every_s * SECOND))
    at = np.searchsorted(touches["ts_ns"], times, side="right") - 1
    rows = touches[at]
    lots = rows["bid_lots"] + rows["ask_lots"]
    return Grid(
        mid=0.5 * (rows["bid"] + rows["ask"]),
        imbalance=(rows["bid_lots"] - rows["ask_lots"]) / np.maximum(lots, 1),
    )


def _touch_facts(*, observed: Pass, tick: float, lot: float) -> Facts:
    touches = observed.touches
    held = np.diff(touches["ts_ns"]).astype(np.float64)
    spread = (touches["ask"] - touches["bid"])[:-1]
    total = max(float(held.sum()), 1.0)
    mid = touches["bid"] + touches["ask"]
    price = 0.5 * tick * float(np.median(mid))
    times = np.arange(touches["ts_ns"][0] + SECOND, touches["ts_ns"][-1], SECOND)
    rows = touches[np.searchsorted(touches["ts_ns"], times, side="right") - 1]
    sizes = np.concatenate([rows["bid_lots"], rows["ask_lots"]]) * lot * price
    p10, p50, p90 = _quantiles(sizes, (0.1, 0.5, 0.9))
    moved = float(np.count_nonzero(np.diff(mid)))
    return {
        "tick_bps": 1e4 * tick / price,
        "spread_1_share": float(held[spread == 1].sum()) / total,
        "spread_2_share": float(held[spread == 2].sum()) / total,
        "spread_3_share": float(held[spread >= 3].sum()) / total,
        "touch_p10": p10,
        "touch_p50": p50,
        "touch_p90": p90,
        "bbo_per_s": len(touches) / observed.seconds,
        "bbo_moving_mid": moved / max(len(touches) - 1, 1),
    }


def _depth_facts(*, observed: Pass, tick: float, lot: float) -> Facts:
    price = 0.5 * tick * float(np.median(observed.touches["bid"] + observed.touches["ask"]))
    middle = np.median(observed.depths, axis=0) if len(observed.depths) else np.full(len(BANDS_BPS), np.nan)
    facts = {f"depth_{band:g}bps": float(v) * lot * price for band, v in zip(BANDS_BPS, middle, strict=True)}
    facts["depth_messages_per_s"] = observed.depth_messages / observed.seconds
    facts["depth_levels_per_s"] = observed.depth_levels / observed.seconds
    return facts


def _order_facts(*, tape: Tape, observed: Pass) -> Facts:
    rows = np.flatnonzero(tape.kind == TRADE)
    facts: Facts = {"trades_per_min": 60.0 * len(rows) / observed.seconds}
    ts, side, qty = tape.exch_ts_ns[rows], tape.side[rows], tape.qty_lots[rows]
    first = np.ones(len(rows), bool)
    first[1:] = (ts[1:] != ts[:-1]) | (side[1:] != side[:-1])
    facts["orders_per_min"] = 60.0 * float(first.sum()) / observed.seconds
    starts = np.flatnonzero(first)
    size = np.add.reduceat(qty, starts) if len(starts) else qty
    when, sign = ts[starts], side[starts].astype(np.float64)
    for width in FANO_S:
        facts[f"fano_{width}s"] = _fano(when=when, width_s=width)
    at = np.searchsorted(observed.touches["ts_ns"], when, side="left") - 1
    known = at >= 0
    book = observed.touches[at[known]]
    touch = np.where(sign[known] > 0, book["ask_lots"], book["bid_lots"])
    ratio = size[known] / np.maximum(touch, 1)
    facts["size_over_touch_p50"], facts["size_over_touch_p90"] = _quantiles(ratio, (0.5, 0.9))
    facts["clearing_share"] = float(np.mean(ratio >= 1.0)) if len(ratio) else float("nan")
    facts["sign_acf_1"], facts["sign_acf_10"] = _acf(sign, 1), _acf(sign, 10)
    return facts


def _return_facts(*, observed: Pass) -> Facts:
    facts: Facts = {}
    for every in SIGNATURE_S:
        mid = grid(observed=observed, every_s=every).mid
        moves = 1e4 * np.diff(mid) / mid[:-1]
        facts[f"sd_{every:g}s_bps"] = float(np.std(moves) / np.sqrt(every)) if len(moves) else float("nan")
    by_second = grid(observed=observed, every_s=1.0)
    moves = 1e4 * np.diff(by_second.mid) / by_second.mid[:-1]
    square = float(np.mean(moves**2)) if len(moves) else 0.0
    facts["kurtosis_1s"] = float(np.mean(moves**4)) / square**2 if square > 0 else float("nan")
    facts["imbalance_corr_1s"] = _correlation(by_second.imbalance[:-1], moves)
    return facts


def _markout_facts(*, observed: Pass) -> Facts:
    fills, touches = observed.fills, observed.touches
    mid = 0.5 * (touches["bid"] + touches["ask"])
    last_ns = touches["ts_ns"][-1]
    before = np.searchsorted(touches["ts_ns"], fills["ts_ns"], side="left") - 1
    facts: Facts = {"probe_fills_per_min": 60.0 * len(fills) / observed.seconds}
    facts["markout_fill_bps"] = _mean_bps(fills=fills, mid=mid[before])
    for horizon in HORIZONS_S:
        then = fills["ts_ns"] + int(horizon * SECOND)
        inside = then <= last_ns
        at = np.searchsorted(touches["ts_ns"], then[inside], side="right") - 1
        facts[f"markout_{horizon:g}s_bps"] = _mean_bps(fills=fills[inside], mid=mid[at])
    return facts


def _mean_bps(*, fills: NDArray[Any], mid: Floats) -> float:
    if not len(fills):
        return float("nan")
    return float(np.mean(1e4 * fills["side"] * (mid - fills["price_ticks"]) / fills["price_ticks"]))


def _fano(*, when: NDArray[np.int64], width_s: int) -> float:
    if len(when) < 2:
        return float("nan")
    counts = np.bincount((when - when[0]) // (width_s * SECOND))[:-1]
    return float(np.var(counts) / np.mean(counts)) if len(counts) and counts.any() else float("nan")


def _acf(values: Floats, lag: int) -> float:
    return _correlation(values[:-lag], values[lag:]) if len(values) > lag + 1 else float("nan")


def _correlation(a: Floats, b: Floats) -> float:
    if len(a) < 2:
        return float("nan")
    a, b = a - np.mean(a), b - np.mean(b)
    scale = float(np.sqrt(np.mean(a * a) * np.mean(b * b)))
    return float(np.mean(a * b)) / scale if scale > 0 else float("nan")


def _quantiles(values: NDArray[Any], shares: tuple[float, ...]) -> tuple[float, ...]:
    if not len(values):
        return tuple(float("nan") for _ in shares)
    return tuple(float(v) for v in np.quantile(values, shares))
