"""Do book and trades belong together? Then trades print within the touches around them."""

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.importers.recording import Recording
from framework.units import SECOND

Ints = NDArray[np.int64]
NEARBY_NS = SECOND
"""Touches this much before and after a trade are around it; books are published every 10 to 200 ms."""
SAMPLE, ENOUGH = 20_000, 30


def check_trades(
    *, recording: Recording, times: Ints, bids: Ints, asks: Ints, trades: dict[str, Ints]
) -> None:
    """Count the trades outside the touches around them; raises TapeError when most are.

    ``times, bids, asks`` are exchange time and touch after each book message, 0 for none.
    """
    sided = (bids > 0) & (asks > 0)
    times, bids, asks = times[sided], bids[sided], asks[sided]
    count = len(trades["kind"])
    chosen = np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.int64))
    at, price = trades["exch_ts_ns"][chosen], trades["price_ticks"][chosen]
    begin, end = (np.searchsorted(times, at + shift, side="right") for shift in (-NEARBY_NS, NEARBY_NS))
    within = end > begin  # where the book is silent, nothing is known of it
    if not within.any():
        return
    begin, end, price = np.maximum(begin - 1, 0)[within], end[within], price[within]
    outside = (price < _lowest(bids, begin, end)) | (price > -_lowest(-asks, begin, end))
    recording.measures["trades_checked"] = len(price)
    recording.measures["trades_outside_book"] = int(outside.sum())
    if len(price) >= ENOUGH and 2 * outside.sum() > len(price):
        raise TapeError(
            f"{', '.join(recording.files)}: {outside.sum()} of {len(price)} trades print outside the book "
            "within a second of them; allowed book and trades of one market on one clock"
        )


def _lowest(values: Ints, begin: Ints, end: Ints) -> Ints:
    """Return the least value of each range."""
    bounds = np.stack([begin, end], axis=1).ravel()
    lowest: Ints = np.minimum.reduceat(np.append(values, values[-1]), bounds)[::2]
    return lowest
