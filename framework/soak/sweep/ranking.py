"""Rank the cells of a sweep by what they gain on what runs, with the bar raised for having tried many.

The best of N worthless cells looks good. With N trials a cell's bound is taken at the Šidák level
1 - (1 - .05)^(1/N), so that the chance of any false winner stays at 5 % (Šidák, 1967; the idea of Bailey
and López de Prado's deflated Sharpe ratio, 2014). A cell that trades less than .8 of what the present
configuration trades never comes before one that keeps the turnover.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from framework.edge.canonical import canonical
from framework.edge.quantiles import t_quantile
from framework.gates.comparison import ALPHA, TURNOVER_FLOOR, Answer, Comparison
from framework.soak.sweep.row import Measured, RankedRow, Standing, SweepRow

SHARED = (
    "gain_bps", "gain_bps_lower", "gain_bps_upper", "gain_per_day", "gain_per_day_lower",
    "gain_per_day_upper", "present_fills", "hours_needed",
)  # fmt: skip
RESULTS = attrgetter("markout_net_30s_bps", "markout_net_30s_se_bps", "turnover_quote", "net_bps", "fills")
"""What two cells share of which one had no effect."""


def level_for(*, trials: int) -> float:
    """Give the one-sided level of one cell so that all of them together err with probability ALPHA."""
    level: float = 1.0 - (1.0 - ALPHA) ** (1.0 / max(trials, 1))
    return level


def lower_bound(*, value: float | None, se: float | None, n_eff: float | None, level: float) -> float | None:
    """Give the one-sided lower bound of a mean from its error and effective blocks; None without evidence."""
    if value is None or se is None or n_eff is None or n_eff <= 1.0:
        return None
    bound = value - t_quantile(p=1.0 - level, df=n_eff - 1.0) * se
    return bound if math.isfinite(bound) else None


def ranked(
    *,
    cells: Sequence[SweepRow],
    against: Mapping[int, Comparison] | None = None,
    presents: Sequence[int] = (),
) -> list[RankedRow]:
    """Give the cells best first, each with its bounds and beside what runs.

    ``against`` holds, by cell, the comparison with the present at the level of all trials; ``presents`` are
    the cells that are the present, whose bar is 0. Order: cells that keep the turnover by their bar, then
    those that do not by their gain, then those not compared, then those that could not run; ties by number.
    ``same_as`` names an earlier cell with the very same results.
    """
    played = [(row.cell, row.measured) for row in cells if row.measured is not None]
    standings = {
        number: _standing(number, measured, played, (against or {}).get(number), number in presents)
        for number, measured in played
    }
    order = sorted(cells, key=lambda row: _order(row.cell, standings.get(row.cell)))
    return [
        RankedRow(
            rank=rank,
            cell=row.cell,
            label=row.label,
            values=row.values,
            error=row.error,
            measured=standings.get(row.cell),
        )
        for rank, row in enumerate(order, start=1)
    ]


def _standing(
    number: int,
    measured: Measured,
    played: Sequence[tuple[int, Measured]],
    comparison: Comparison | None,
    is_present: bool,
) -> Standing:
    value, se, n_eff = measured.markout_net_30s_bps, measured.markout_net_30s_se_bps, measured.markout_blocks
    base = next((first.turnover_quote for other, first in played if other == 0), 0.0)
    twin = next(other for other, theirs in played if RESULTS(theirs) == RESULTS(measured))
    return Standing(
        **asdict(measured),
        is_present=is_present,
        **({} if comparison is None else _beside(comparison, is_present=is_present)),
        lower_bps=lower_bound(value=value, se=se, n_eff=n_eff, level=ALPHA),
        deflated_lower_bps=lower_bound(value=value, se=se, n_eff=n_eff, level=level_for(trials=len(played))),
        proven=comparison is not None and comparison.answer is Answer.BETTER,
        turnover_vs_first=measured.turnover_quote / base if base else None,
        same_as=None if twin == number else twin,
    )


def _beside(comparison: Comparison, *, is_present: bool) -> dict[str, Any]:
    """Give what a standing says of the comparison with what runs."""
    shown: Comparison = canonical(comparison)
    return {
        "answer": shown.answer.value,
        "turnover_vs_present": shown.turnover_ratio,
        **{name: getattr(shown, name) for name in SHARED},
        "bar_per_day": 0.0 if is_present else shown.bar_per_day,
    }


def _order(number: int, standing: Standing | None) -> tuple[int, float, int]:
    if standing is None:
        return 4, 0.0, number
    if standing.answer is None:
        return 3, 0.0, number
    if not standing.is_present and (standing.turnover_vs_present or math.inf) < TURNOVER_FLOOR:
        return 2, -(standing.gain_per_day or 0.0), number
    bar = standing.bar_per_day
    return (1, 0.0, number) if bar is None else (0, -bar, number)


def sweep_answer(cells: Sequence[RankedRow]) -> Answer:
    """Give the leader's answer to whether it is better than what runs; ERROR when no cell ran."""
    best = leading(cells)
    if best is None:
        return Answer.ERROR
    return Answer.INCONCLUSIVE if best.answer is None else Answer(best.answer)


def leading_row(cells: Sequence[RankedRow]) -> RankedRow | None:
    """Give the best of the cells that ran and are tried; the present where nothing else is."""
    ran = [row for row in cells if row.measured is not None]
    return next((row for row in ran if row.measured and not row.measured.is_present), next(iter(ran), None))


def leading(cells: Sequence[RankedRow]) -> Standing | None:
    """Give how the leader stands."""
    row = leading_row(cells)
    return None if row is None else row.measured
