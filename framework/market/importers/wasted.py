"""What of the files given came to nothing: told twice, or before the book began."""

import numpy as np
from numpy.typing import NDArray

from framework.market.errors import TapeError
from framework.market.events import TRADE
from framework.market.importers.ordering import JOINS
from framework.market.importers.recording import BREAK, LOST, PLACE_SHIFT, SNAPSHOT, Recording
from framework.units import SECOND

Ints = NDArray[np.int64]
FEW = 10
"""Rows that say nothing of a file."""
DEAD_NS = 300 * SECOND
"""A book that has said nothing for so long in which trades print has died."""


def refuse_wasted(*, recording: Recording, messages: Ints, rows: dict[str, Ints]) -> None:
    """Raise TapeError when most trades, or most rows of a file, come to nothing.

    ``messages`` are the book's that were used, ``rows`` the tape's with their places.
    """
    traded = rows["kind"] == TRADE
    _count_after_book(recording=recording, rows=rows, traded=traded)
    used = rows["place"][traded]
    held = np.array(recording.trades.place, np.int64)
    told = held[np.setdiff1d(np.arange(len(held)), sorted(recording.trades.lost))]
    if len(told) >= FEW and 2 * len(used) < len(told):
        raise TapeError(
            f"{', '.join(recording.files)}: {len(told) - len(used)} of {len(told)} trades come to nothing"
            f"{_reasons(recording)}; allowed book and trades of one time"
        )
    book_told, book_used = _book_places(recording=recording, messages=messages)
    for file, name in enumerate(recording.files):
        given = _of_file(told, file) + _of_file(book_told, file)
        kept = _of_file(used, file) + _of_file(book_used, file)
        if given >= FEW and 2 * kept < given:
            raise TapeError(
                f"{name}: {given - kept} of its {given} rows come to nothing{_reasons(recording)}; "
                "allowed a file that adds to the others"
            )


def _count_after_book(*, recording: Recording, rows: dict[str, Ints], traded: NDArray[np.bool_]) -> None:
    """Count the trades that stand on the tape long after the book's last row: `tape gaps` fails there."""
    if not traded.all():
        last = int(rows["exch_ts_ns"][~traded][-1])
        if after := int((traded & (rows["exch_ts_ns"] > last + DEAD_NS)).sum()):
            recording.measures["trades_after_book"] = after


def _book_places(*, recording: Recording, messages: Ints) -> tuple[Ints, Ints]:
    """Return the places of the book messages that should be used and those that were; none where the feed
    broke, which the tape tells itself.
    """
    none = np.zeros(0, np.int64)
    if recording.faults.get("sequence_gaps"):
        return none, none
    op, place = (np.array(column, np.int64) for column in (recording.messages.op, recording.messages.place))
    counts = (op != LOST) & (op != BREAK)
    if recording.contiguous in JOINS:
        counts &= op != SNAPSHOT
    used = np.unique(messages)
    return place[counts], place[used[counts[used]]]


def _of_file(places: Ints, file: int) -> int:
    return int(np.count_nonzero(places >> PLACE_SHIFT == file))


def _reasons(recording: Recording) -> str:
    told = {
        "before the book begins": recording.measures.get("events_before_book", 0),
        "updates before the first snapshot": recording.measures.get("diffs_before_book", 0),
        "trades told before": recording.faults.get("duplicate_trades", 0),
        "updates told before": recording.faults.get("duplicate_updates", 0),
        "without a quantity": recording.measures.get("empty_trades", 0),
    }
    words = ", ".join(f"{count} {what}" for what, count in told.items() if count)
    return f" ({words})" if words else ""
