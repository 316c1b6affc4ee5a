"""Where a tape's feed broke, and where it or one of its channels, book and trades, fell silent."""

from dataclasses import dataclass

import numpy as np

from framework.market.events import CLEAR, GAP, TRADE
from framework.market.tape import Tape
from framework.units import SECOND

SEQUENCE, SILENCE, BOOK, TRADES = "sequence", "silence", "book", "trades"
DEFAULT_SILENCE_S = 300.0
RARE = 50
"""Trades are silent when they keep away so many of their mean intervals: they come when they like."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Hold one hole between two times, UTC ns: no trusted book (``sequence``), no event at all (``silence``),
    or none of one channel while there were of the other (``book``, ``trades``).
    """

    kind: str
    start_ns: int
    end_ns: int

    @property
    def length_s(self) -> float:
        """Return the length in seconds."""
        return (self.end_ns - self.start_ns) / SECOND


def sequence_gaps(*, tape: Tape) -> list[Gap]:
    """Return each break of the feed: from the last event before it until the next snapshot, or the tape's
    end.
    """
    clears = np.flatnonzero((tape.kind == CLEAR) & (tape.side == 0))
    gaps = []
    for row in np.flatnonzero(tape.kind == GAP):
        after = int(np.searchsorted(clears, row))
        end = int(tape.exch_ts_ns[clears[after]]) if after < len(clears) else tape.end_ns
        gaps.append(Gap(kind=SEQUENCE, start_ns=int(tape.exch_ts_ns[max(int(row) - 1, 0)]), end_ns=end))
    return gaps


def silences(*, tape: Tape, longer_than_s: float) -> list[Gap]:
    """Return each stretch without any event that is longer than so many seconds."""
    quiet = np.flatnonzero(np.diff(tape.exch_ts_ns) > longer_than_s * SECOND)
    return [
        Gap(kind=SILENCE, start_ns=int(tape.exch_ts_ns[row]), end_ns=int(tape.exch_ts_ns[row + 1]))
        for row in quiet
    ]


def channel_silences(*, tape: Tape, longer_than_s: float) -> list[Gap]:
    """Return each stretch in which a channel was silent while the other went on, the tape's ends included."""
    traded = tape.kind == TRADE
    gaps = []
    for name, of_channel in ((BOOK, ~traded), (TRADES, traded)):
        times = tape.exch_ts_ns[of_channel]
        others = tape.exch_ts_ns[~of_channel]
        if not len(times) or not len(others):
            continue
        usual = RARE * int(times[-1] - times[0]) / len(times) if name == TRADES else 0.0
        times = np.concatenate([[tape.start_ns], times, [tape.end_ns]])
        for row in np.flatnonzero(np.diff(times) > max(longer_than_s * SECOND, usual)).tolist():
            begin, end = int(times[row]), int(times[row + 1])
            inside = np.searchsorted(others, end, side="left") - np.searchsorted(others, begin, side="right")
            if inside > 0:
                gaps.append(Gap(kind=name, start_ns=begin, end_ns=end))
    return gaps


def find_gaps(*, tape: Tape, silence_s: float = DEFAULT_SILENCE_S) -> list[Gap]:
    """Return sequence gaps and silences in order of time; a book that is not trusted is not silent, too."""
    dark = sequence_gaps(tape=tape)
    quiet = [
        gap
        for gap in channel_silences(tape=tape, longer_than_s=silence_s)
        if gap.kind != BOOK
        or not any(one.start_ns <= gap.end_ns and gap.start_ns <= one.end_ns for one in dark)
    ]
    gaps = dark + silences(tape=tape, longer_than_s=silence_s) + quiet
    return sorted(gaps, key=lambda gap: (gap.start_ns, gap.kind))
