"""Exchange times for messages that carry none, and what the recorder's clock did."""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from framework.market.importers.recording import Recording
from framework.market.importers.strays import (
    FAR_NS,
    FEW_STRAYS,
    PARDONED,
    STRAY_NS,
    Bools,
    ahead_of_receipt,
    bursts,
    carried,
    refuse_strays,
    strays,
)
from framework.units import MS, SECOND

Ints = NDArray[np.int64]
NEARBY = 51
"""Stamped messages whose median clock offset is believed for the unstamped ones among them."""
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


def settle(*, recording: Recording, times: Ints, recv: Ints, what: str) -> Ints:
    """Return times that never fall, and count what had to be changed as clock faults.

    ``recv`` are receive times, 0 for none. Raises TapeError when more than a few are far off.
    """
    ahead = ahead_of_receipt(times=times, recv=recv)
    settled, odd = _settled(times=times, wrong=ahead)
    refuse_strays(recording=recording, odd=odd, what=what)
    recording.count("clock_faults", int((settled != times).sum()))
    return settled


def untangled(*, recording: Recording, times: Ints, recv: Ints) -> Ints:
    """Return times in the order of arrival, ready to be sorted: those a minute off all others are put beside
    the last that is not, and counted. Where most times fall, arrival is no order, and nothing is changed.
    """
    odd = ahead_of_receipt(times=times, recv=recv) | strays(times=times, apart_ns=FAR_NS)
    if int(odd.sum()) * FEW_STRAYS > max(len(times), PARDONED * FEW_STRAYS):
        return times
    recording.count("clock_faults", int(odd.sum()))
    return carried(times=times, odd=odd)


def steady(*, times: Ints) -> Ints:
    """Return times that never fall."""
    return _settled(times=times, wrong=np.zeros(len(times), bool))[0]


def _settled(*, times: Ints, wrong: Bools) -> tuple[Ints, Bools]:
    """Return times that never fall, and which were far off.

    Those known to be wrong and bursts of three or more strays get the time of the last that is none. A lone
    one gets the median of its four neighbours and itself (in order, a time is its own median); one that still
    falls becomes the last.
    """
    if not len(times):
        return times, wrong
    wrong = wrong | bursts(odd=strays(times=times))
    held = carried(times=times, odd=wrong)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(held, 2, mode="edge"), 5)
    middle = np.partition(around, 2, axis=1)[:, 2]
    lone = np.abs(held - middle) > STRAY_NS
    held = np.where(lone, middle, held)
    odd = strays(times=held)
    return np.maximum.accumulate(carried(times=held, odd=odd)), wrong | lone | odd


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
