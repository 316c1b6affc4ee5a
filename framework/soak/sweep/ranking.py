"""Rank the cells of a sweep by what they are proven to earn, with the bar raised for having tried many.

The best of N worthless cells looks good. With N trials a cell's bound is taken at the Šidák level
1 - (1 - .05)^(1/N), so that the chance of any false winner stays at 5 % (Šidák, 1967; the idea of Bailey
and López de Prado's deflated Sharpe ratio, 2014).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from framework.edge.quantiles import t_quantile
from framework.edge.section import Section
from framework.gates.verdict import Verdict, combine

ALPHA = 0.05
RESULTS = ("markout_net_30s_bps", "markout_net_30s_se_bps", "turnover_quote", "net_bps", "fills")


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


def cell_measures(*, totals: Section) -> dict[str, Any]:
    """Read what the table shows of a cell from the totals of its edge report."""
    markout, interval = totals.markout_30s, totals.intervals["net_bps"]
    return {
        "net_bps": totals.net_bps,
        "net_bps_lower": interval.lower,
        "net_bps_upper": interval.upper,
        "markout_net_30s_bps": markout.net_bps,
        "markout_net_30s_se_bps": markout.net_se_bps,
        "markout_blocks": markout.net_n_eff,
        "fills": totals.fills,
        "turnover_quote": totals.turnover_quote,
    }


def ranked(*, cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the cells best first, each with its bounds and its turnover against the first cell's.

    A cell has ``cell`` (its number, from 0), ``verdict`` and the fields of ``cell_measures``, or ``error``.
    Order: by the deflated lower bound of the 30-s markout net; then cells without one, then those that
    could not run; ties by number. ``same_as`` names an earlier cell with the very same results.
    """
    trials = sum("error" not in cell for cell in cells)
    first = next((cell for cell in cells if cell["cell"] == 0 and "error" not in cell), None)
    rows = [_bounded(cell, first, trials) | _twin(cell, cells) for cell in cells]
    order = sorted(rows, key=_order)
    return [{"rank": n, **row} for n, row in enumerate(order, start=1)]


def _twin(cell: dict[str, Any], cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Name the first cell with the very same results: what differs between them had no effect."""
    if "error" in cell:
        return {}
    same = (
        other["cell"]
        for other in cells
        if "error" not in other and all(other[name] == cell[name] for name in RESULTS)
    )
    first = next(same)
    return {"same_as": None if first == cell["cell"] else first}


def _bounded(cell: dict[str, Any], first: dict[str, Any] | None, trials: int) -> dict[str, Any]:
    if "error" in cell:
        return cell
    value, se, n_eff = (cell[k] for k in ("markout_net_30s_bps", "markout_net_30s_se_bps", "markout_blocks"))
    alone = lower_bound(value=value, se=se, n_eff=n_eff, level=ALPHA)
    deflated = lower_bound(value=value, se=se, n_eff=n_eff, level=level_for(trials=trials))
    base = first["turnover_quote"] if first is not None else 0.0
    return {
        **cell,
        "lower_bps": alone,
        "deflated_lower_bps": deflated,
        "proven": deflated is not None and deflated > 0.0,
        "turnover_vs_first": cell["turnover_quote"] / base if base else None,
    }


def _order(row: dict[str, Any]) -> tuple[int, float, int]:
    if "error" in row:
        return 2, 0.0, row["cell"]
    bound = row["deflated_lower_bps"]
    return (1, 0.0, row["cell"]) if bound is None else (0, -bound, row["cell"])


def sweep_verdict(*, cells: Sequence[dict[str, Any]]) -> Verdict:
    """Give the worst of all cells: ERROR (could not run), FAIL, INCONCLUSIVE, WARN, PASS."""
    return combine(Verdict.ERROR if "error" in cell else Verdict(cell["verdict"]) for cell in cells)
