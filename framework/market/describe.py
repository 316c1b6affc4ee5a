"""What is on a tape: span, events, instrument, faults, and the statistics of its book and trades."""

import math
from typing import Any

import numpy as np

from framework.files.moments import iso_utc_ns
from framework.market.errors import TapeError
from framework.market.events import KIND_NAMES
from framework.market.gaps import sequence_gaps
from framework.market.tape import Tape
from framework.units import HOUR

STATISTICS = (
    "tick_bps",
    "spread_1_share",
    "spread_2_share",
    "spread_3_share",
    "touch_p50",
    "depth_5bps",
    "depth_25bps",
    "bbo_per_s",
    "bbo_moving_mid",
    "depth_messages_per_s",
    "depth_levels_per_s",
    "trades_per_min",
    "orders_per_min",
    "size_over_touch_p50",
    "clearing_share",
    "sd_1s_bps",
    "sd_30s_bps",
)
"""The facts (framework.market.facts) worth showing of any tape; money is quote currency."""


def describe(*, tape: Tape) -> dict[str, Any]:
    """Return plain values for ``tape info``; ``statistics`` is empty and ``no_statistics`` says why without a
    book.
    """
    from framework.market.facts import far_rows

    statistics, reason = _statistics(tape=tape)
    counts = np.bincount(tape.kind, minlength=max(KIND_NAMES) + 1)
    gaps = sequence_gaps(tape=tape)
    return {
        "source": tape.meta.source,
        "format": tape.meta.format,
        "digest": tape.meta.digest,
        "instrument": tape.instrument.as_dict(),
        "start": iso_utc_ns(tape.start_ns),
        "end": iso_utc_ns(tape.end_ns),
        "hours": (tape.end_ns - tape.start_ns) / HOUR,
        "events": {name: int(counts[kind]) for kind, name in KIND_NAMES.items()},
        "funding_times": len(tape.funding_ts_ns),
        "gaps": len(gaps),
        "untrusted_s": sum(gap.length_s for gap in gaps),
        "faults": dict(tape.meta.faults),
        "measures": dict(tape.meta.measures),
        "statistics": statistics,
        "no_statistics": reason,
        "far_rows": int(far_rows(tape=tape).sum()),
    }


def _statistics(*, tape: Tape) -> tuple[dict[str, float], str]:
    book, sides = tape.kind == 1, np.unique(tape.side[tape.kind == 1])
    if not book.any() or len(sides) < 2:
        return {}, "the tape has no two-sided book"
    if tape.end_ns - tape.start_ns < 2_000_000_000:
        return {}, "the tape is shorter than two seconds"
    from framework.market.facts import measure

    try:
        facts = measure(tape=tape)
    except TapeError as error:
        return {}, str(error)
    return {name: facts[name] for name in STATISTICS if math.isfinite(facts[name])}, ""
