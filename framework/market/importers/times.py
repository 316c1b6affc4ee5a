"""Exchange times for messages that carry none, and what the recorder's clock did."""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from framework.market.importers.recording import Recording
from framework.units import MS, SECOND

Ints = NDArray[np.int64]
NEARBY = 51
"""Stamped messages whose median clock offset is believed for the unstamped ones among them."""
STRAY_NS = 1000 * MS
UNITS = ((10**11, SECOND), (10**14, MS), (10**17, 1_000))
"""Unix times below a size are in a unit of so many ns: s, ms, µs; above all they are ns."""
TRADE_LEAD_NS = 5 * MS
"""A best-quote ticker may reach the recorder this much before the trade that caused it."""


def positive_or(*, times: Ints, other: Ints) -> Ints:
    """Return times, or the other's where a time is 0."""
    return np.where(times > 0, times, other)


def to_ns(*, clock: int) -> int:
    """Return nanoseconds of a Unix time whose unit (s, ms, µs, ns) shows in its size."""
    for limit, factor in UNITS:
        if clock < limit:
            return clock * factor
    return clock


def in_ns(*, times: Ints) -> Ints:
    """Return the nanoseconds of a column of Unix times in one unit, which shows in its largest."""
    largest = int(times.max(initial=0))
    return times * (to_ns(clock=largest) // largest) if largest > 0 else times


def clock_text_ns(*, text: str) -> int:
    """Return nanoseconds of a Unix time written with or without a fraction."""
    clock = Decimal(text)
    whole = int(clock)
    return to_ns(clock=whole) if clock == whole else int(clock * (to_ns(clock=whole) // whole))


def settle(*, recording: Recording, times: Ints) -> Ints:
    """Return times that never fall, and count what had to be changed as clock faults."""
    settled = steady(times=times)
    recording.count("clock_faults", int((settled != times).sum()))
    return settled


def steady(*, times: Ints) -> Ints:
    """Return times that never fall.

    A time that strays from the median of its four neighbours and itself by more than a second is taken to be
    wrong and becomes that median (in order, a time is its own median); one that still falls becomes the last.
    """
    if not len(times):
        return times
    around = np.lib.stride_tricks.sliding_window_view(np.pad(times, 2, mode="edge"), 5)
    middle = np.partition(around, 2, axis=1)[:, 2]
    return np.maximum.accumulate(np.where(np.abs(times - middle) > STRAY_NS, middle, times))


def measure_clock(*, recording: Recording) -> None:
    """Report receive minus exchange time over all stamped messages, and count those received before they were
    sent.

    The distribution goes to ``measures`` in microseconds; the replay never uses a recorded receive time.
    """
    exch = np.array(recording.messages.exch_ns + recording.trades.exch_ns, np.int64)
    recv = np.array(recording.messages.recv_ns + recording.trades.recv_ns, np.int64)
    stamped = (exch > 0) & (recv > 0)
    lag = recv[stamped] - exch[stamped]
    recording.count("negative_feed_latency", int((lag < 0).sum()))
    if len(lag):
        for name, share in (("p01", 1), ("median", 50), ("p99", 99)):
            recording.measures[f"recorder_lag_us_{name}"] = int(np.percentile(lag, share) // 1000)


def estimate_ticker_times(
    *,
    recording: Recording,
    exch: Ints,
    recv: Ints,
    ticker_rows: Ints,
    diff_rows: Ints,
    ticker_ids: Ints,
    diff_ids: Ints,
) -> Ints:
    """Return exchange times of all messages, with those of unstamped tickers estimated.

    A ticker's time is its receive time less the recorder's offset around it, not before a trade that arrived
    up to TRADE_LEAD_NS later, rounded to the millisecond, and within the diffs whose ids surround its own.
    Diffs are given in the order of their ids, their times settled.
    """
    rows = ticker_rows[exch[ticker_rows] == 0]
    if not len(rows):
        return exch
    ids = ticker_ids[exch[ticker_rows] == 0]
    recording.measures["ticker_times_estimated"] = len(rows)
    trade_exch = np.array(recording.trades.exch_ns, np.int64)
    trade_recv = np.array(recording.trades.recv_ns, np.int64)
    guess = recv[rows] - _offset_at(
        at=recv[rows],
        recv=np.concatenate([recv[diff_rows], trade_recv]),
        exch=np.concatenate([exch[diff_rows], trade_exch]),
    )
    guess = (guess + MS // 2) // MS * MS
    if len(trade_exch):
        order = np.argsort(trade_recv, kind="stable")
        newest = steady(times=trade_exch[order])
        upto = np.searchsorted(trade_recv[order], recv[rows] + TRADE_LEAD_NS, side="right")
        guess = np.where(upto > 0, np.maximum(guess, newest[np.maximum(upto - 1, 0)]), guess)
    times = exch[diff_rows]
    before = np.searchsorted(diff_ids, ids, side="right") - 1
    after = np.searchsorted(diff_ids, ids, side="left")
    guess = np.where(after < len(times), np.minimum(guess, times[np.minimum(after, len(times) - 1)]), guess)
    guess = np.where(before >= 0, np.maximum(guess, times[np.maximum(before, 0)]), guess)
    filled = exch.copy()
    filled[rows] = np.maximum.accumulate(guess)
    return filled


def unstamped(*, recording: Recording, exch: Ints, recv: Ints) -> Ints:
    """Return exchange times; a message without one gets its receive time less the recorder's offset."""
    missing = exch == 0
    trades = np.array([recording.trades.recv_ns, recording.trades.exch_ns], np.int64)
    stamps = trades[:, (trades > 0).all(axis=0)]
    stamped = ~missing & (recv > 0)
    stamps = np.concatenate([stamps, np.stack([recv[stamped], exch[stamped]])], axis=1)
    if not missing.any() or not stamps.shape[1]:
        return positive_or(times=exch, other=recv)
    recording.measures["book_times_estimated"] = int(missing.sum())
    return np.where(missing, recv - _offset_at(at=recv, recv=stamps[0], exch=stamps[1]), exch)


def _offset_at(*, at: Ints, recv: Ints, exch: Ints) -> Ints:
    """Return the median of (recv - exch) over the NEARBY stamped messages around each time."""
    order = np.argsort(recv, kind="stable")
    recv, offset = recv[order], (recv - exch)[order]
    width = min(NEARBY, len(offset))
    medians = np.median(np.lib.stride_tricks.sliding_window_view(offset, width), axis=1).astype(np.int64)
    centre = np.searchsorted(recv, at) - width // 2
    return medians[np.clip(centre, 0, len(medians) - 1)]
