"""Rank the cells of a sweep by what they are proven to earn, with the bar raised for having tried many.

The best of N worthless cells looks good. With N trials a cell's bound is taken at the Šidák level
1 - (1 - .05)^(1/N), so that the chance of any false winner stays at 5 % (Šidák, 1967; the idea of Bailey
and López de Prado's deflated Sharpe ratio, 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from operator import attrgetter

from framework.edge.quantiles import t_quantile
from framework.gates.verdict import Verdict, combine
from framework.soak.sweep.row import Measured, RankedRow, Standing, SweepRow

ALPHA = 0.05
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


def ranked(*, cells: Sequence[SweepRow]) -> list[RankedRow]:
    """Give the cells best first, each with its bounds and its turnover against the first cell's.

    Order: by the deflated lower bound of the 30-s markout net; then cells without one, then those that
    could not run; ties by number. ``same_as`` names an earlier cell with the very same results.
    """
    played = [(row.cell, row.measured) for row in cells if row.measured is not None]
    standings = {number: _standing(number, measured, played) for number, measured in played}
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


def _standing(number: int, measured: Measured, played: Sequence[tuple[int, Measured]]) -> Standing:
    value, se, n_eff = measured.markout_net_30s_bps, measured.markout_net_30s_se_bps, measured.markout_blocks
    deflated = lower_bound(value=value, se=se, n_eff=n_eff, level=level_for(trials=len(played)))
    base = next((first.turnover_quote for other, first in played if other == 0), 0.0)
    twin = next(other for other, theirs in played if RESULTS(theirs) == RESULTS(measured))
    return Standing(
        **asdict(measured),
        lower_bps=lower_bound(value=value, se=se, n_eff=n_eff, level=ALPHA),
        deflated_lower_bps=deflated,
        proven=deflated is not None and deflated > 0.0,
        turnover_vs_first=measured.turnover_quote / base if base else None,
        same_as=None if twin == number else twin,
    )


def _order(number: int, standing: Standing | None) -> tuple[int, float, int]:
    if standing is None:
        return 2, 0.0, number
    bound = standing.deflated_lower_bps
    return (1, 0.0, number) if bound is None else (0, -bound, number)


def sweep_verdict(*, cells: Sequence[SweepRow]) -> Verdict:
    """Give the worst of all cells: ERROR (could not run), FAIL, INCONCLUSIVE, WARN, PASS."""
    return combine(Verdict(cell.verdict) for cell in cells)
