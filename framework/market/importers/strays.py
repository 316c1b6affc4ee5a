"""Rows whose clock is far off that of the rows before and after them."""

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers.recording import Recording
from framework.units import MS, SECOND

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
STRAY_NS = 1000 * MS
FEW_STRAYS = 100
"""One time in so many may be wrong; a recording with more of them has no clock to order it by."""
PARDONED = 10
BURST = 3
"""So many strays in a row are not told by their neighbours' median."""
FAR_NS = 60 * SECOND
"""A message that reaches the recorder this much sooner than the others do was not sent when it says."""


def strays(*, times: Ints, apart_ns: int = STRAY_NS) -> Bools:
    """Tell which times are far off those before and after: the fewest without which the rest is in order."""
    odd = np.zeros(len(times), bool)
    if not len(times):
        return odd
    highest, lowest = np.maximum.accumulate(times), np.minimum.accumulate(times[::-1])[::-1]
    apart = np.flatnonzero((highest - times > apart_ns) | (times - lowest > apart_ns))
    if not len(apart):
        return odd
    begin, end = int(apart[0]), int(apart[-1]) + 1
    part = times[begin:end]
    rising = _rising(part.tolist())
    held = np.zeros(len(part), bool)
    held[rising] = True
    before = np.maximum.accumulate(np.where(held, part, part[rising[0]]))
    after = np.minimum.accumulate(np.where(held, part, part[rising[-1]])[::-1])[::-1]
    odd[begin:end] = ~held & ((before - part > apart_ns) | (part - after > apart_ns))
    return odd


def _rising(values: list[int]) -> list[int]:
    """Return the rows of a longest part that never falls."""
    tails: list[int] = []
    rows: list[int] = []
    before: list[int] = []
    for row, value in enumerate(values):
        at = bisect_right(tails, value)
        before.append(rows[at - 1] if at else -1)
        if at == len(tails):
            tails.append(value)
            rows.append(row)
        else:
            tails[at], rows[at] = value, row
    chain, row = [], rows[-1]
    while row >= 0:
        chain.append(row)
        row = before[row]
    return chain[::-1]


def ahead_of_receipt(*, times: Ints, recv: Ints) -> Bools:
    """Tell which times lie far ahead of when their message came, by the lag of most.

    There are none where the recorder's own clock was set on the way.
    """
    told = (times > 0) & (recv > 0)
    if not told.any():
        return told
    lag = recv[told] - times[told]
    leaps = np.abs(np.diff(lag)) > FAR_NS
    if (leaps & (np.abs(np.diff(times[told])) < FAR_NS // 2)).any():
        return np.zeros(len(times), bool)
    ahead = np.zeros(len(times), bool)
    ahead[np.flatnonzero(told)[lag < np.median(lag) - FAR_NS]] = True
    return ahead


def bursts(*, odd: Bools) -> Bools:
    """Tell which odd rows stand three or more in a row."""
    edges = np.diff(odd.astype(np.int8), prepend=0, append=0)
    begins, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    many = np.zeros(len(odd), bool)
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        many[begin:end] = end - begin >= BURST
    return many


def falls(*, times: Ints) -> bool:
    """Tell whether so many times fall by a second that what they were sorted by is no order of time."""
    return int((np.diff(times) < -STRAY_NS).sum()) * FEW_STRAYS > len(times)


def carried(*, times: Ints, odd: Bools) -> Ints:
    """Return times with each odd one replaced by the last before it that is not, or the first after."""
    good = np.flatnonzero(~odd)
    if not odd.any() or not len(good):
        return times
    at = np.maximum(np.searchsorted(good, np.arange(len(times)), side="right") - 1, 0)
    return np.where(odd, times[good[at]], times)


def refuse_strays(*, recording: Recording, odd: Bools, what: str) -> None:
    """Raise TapeError when more than a few times are wrong."""
    count = int(odd.sum())
    if count > PARDONED and count * FEW_STRAYS > len(odd):
        raise TapeError(
            f"{', '.join(recording.files)}: the exchange times of {count} of {len(odd)} {what} are far"
            f" off those before and after; allowed one in {FEW_STRAYS}, in files in the order of time"
        )
