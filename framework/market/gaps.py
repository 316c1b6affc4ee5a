"""Where a tape's feed broke, and where it fell silent."""

from dataclasses import dataclass

import numpy as np

from framework.market.events import CLEAR, GAP
from framework.market.tape import Tape

SEQUENCE, SILENCE = "sequence", "silence"
DEFAULT_SILENCE_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Hold one hole: no trusted book (``sequence``) or no event at all (``silence``) between two times, UTC
    ns.
    """

    kind: str
    start_ns: int
    end_ns: int

    @property
    def length_s(self) -> float:
        """Return the length in seconds."""
        return (self.end_ns - self.start_ns) / 1e9


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
    quiet = np.flatnonzero(np.diff(tape.exch_ts_ns) > longer_than_s * 1e9)
    return [
        Gap(kind=SILENCE, start_ns=int(tape.exch_ts_ns[row]), end_ns=int(tape.exch_ts_ns[row + 1]))
        for row in quiet
    ]


def find_gaps(*, tape: Tape, silence_s: float = DEFAULT_SILENCE_S) -> list[Gap]:
    """Return sequence gaps and silences in order of time."""
    found = sequence_gaps(tape=tape) + silences(tape=tape, longer_than_s=silence_s)
    return sorted(found, key=lambda gap: (gap.start_ns, gap.kind))
