"""What a cell of a sweep is beside what runs, as tests want it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from framework.gates.comparison import Answer, Comparison


def beside(gain: float = 10.0, *, bar: float | None = None, **changes: Any) -> Comparison:
    """Give a comparison with what runs; ``gain`` and ``bar`` in quote currency a day."""
    bar = gain - 5.0 if bar is None else bar
    found = Comparison(
        answer=Answer.BETTER if bar > 0.0 else Answer.INCONCLUSIVE,
        level=0.05,
        hours=24.0,
        blocks=144,
        effective_blocks=60.0,
        present_bps=-0.5,
        run_bps=1.0,
        gain_bps=1.5,
        gain_bps_lower=0.5,
        gain_bps_upper=2.5,
        gain_per_day=gain,
        gain_per_day_lower=bar,
        gain_per_day_upper=2.0 * gain - bar,
        bar_per_day=bar,
        turnover_ratio=1.0,
        present_turnover_per_day=1e5,
        turnover_per_day=1e5,
        present_fills=100,
        fills=100,
        hours_needed=None,
    )
    return replace(found, **changes)
