"""Canary rollout inside a soak: which package each minute trades, and what each route earned.

A soak without rollout judges the composed package everywhere. Under ``rollout=canary`` the composed package
is the candidate and the profile without overrides the baseline: minutes on the canary route trade the
candidate, the rest the baseline, through versions of the engine's parameters, and every fill names the
version that quoted it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.edge.attribution import attribute_fills
from framework.edge.intervals import ratio_of_sums
from framework.edge.measures import grid_of
from framework.edge.window import WindowData
from framework.rollout.guard import Record, assess
from framework.rollout.lots import Trade, closed_lots
from framework.rollout.route import CANARY, MINUTE_NS, REAL, stretches
from framework.settings.schema.rollout import Rollout, RolloutGuard
from framework.soak.tuning.params import TuningParams

LEVEL = 0.90


@dataclass(frozen=True)
class Routes:
    """Versions of the parameters in time order: when each comes into force, its route, its iteration (from
    0).

    ``baseline`` is what route real trades when there is a canary, else None.
    """

    starts: tuple[int, ...]
    route_of: tuple[str, ...]
    iteration_of: tuple[int, ...]
    end_ns: int
    baseline: TuningParams | None = None

    def versions(self, iteration: int) -> Iterator[int]:
        """Yield the versions of an iteration."""
        return (v for v, k in enumerate(self.iteration_of) if k == iteration)

    def packages(self, candidate: TuningParams) -> dict[str, TuningParams]:
        """Give the package of each route."""
        return {REAL: candidate} if self.baseline is None else {REAL: self.baseline, CANARY: candidate}


def plain_routes(*, edges: tuple[int, ...]) -> Routes:
    """Give one version an iteration, all on route real."""
    n = len(edges) - 1
    return Routes(starts=edges[:-1], route_of=(REAL,) * n, iteration_of=tuple(range(n)), end_ns=edges[-1])


def canary_routes(*, edges: tuple[int, ...], symbol: str, rollout: Rollout, baseline: TuningParams) -> Routes:
    """Give one version for every stretch of minutes on one route, cut at the iterations."""
    rows = [
        (start, route, k)
        for k in range(len(edges) - 1)
        for start, route in stretches(
            seed=rollout.rng_seed,
            symbol=symbol,
            fraction=rollout.canary_fraction,
            start_ns=edges[k],
            end_ns=edges[k + 1],
        )
    ]
    starts, routes, iterations = zip(*rows, strict=True)
    return Routes(starts, routes, iterations, edges[-1], baseline)


def route_split(*, window: WindowData, routes: Routes, guard: RolloutGuard) -> dict[str, Any]:
    """Give what each route did: minutes, fills, turnover, markout net at 5 s and 30 s with its standard
    error, and whether the rollout guard would take the candidate back.

    ``difference`` is canary minus real, with the error of two independent halves. A fill belongs to the
    route whose version quoted its price, even if it came a moment after that minute.
    """
    assert routes.baseline is not None
    versions = np.array([route == CANARY for route in routes.route_of])
    canary = versions[window.fills["params_version"]]
    rows = {CANARY: _row(window, canary), REAL: _row(window, ~canary)}
    spans = np.diff([*routes.starts, routes.end_ns])
    rows[CANARY]["minutes"] = float(spans[versions].sum()) / MINUTE_NS
    rows[REAL]["minutes"] = float(spans[~versions].sum()) / MINUTE_NS
    return {
        **rows,
        "difference": {h: _difference(rows, h) for h in ("5s", "30s")},
        "guard": _guard(window, canary, guard),
    }


def _guard(window: WindowData, canary: NDArray[np.bool_], limits: RolloutGuard) -> dict[str, Any]:
    """Give what the rollout guard would do; a lot belongs to the route of the fill that opened it."""
    fills = window.fills
    cost = fills["fee_quote"] + fills["fee_base"] * fills["m"]
    columns = (fills[name].tolist() for name in ("side", "qty_lots", "price"))
    trades = [Trade(*row) for row in zip(*columns, cost.tolist(), strict=True)]
    lots = closed_lots(trades=trades, lot=window.lot)
    records = {
        route: Record(
            lots=sum(1 for k, _ in lots if canary[k] == (route == CANARY)),
            wins=sum(1 for k, net in lots if canary[k] == (route == CANARY) and net > 0.0),
        )
        for route in (CANARY, REAL)
    }
    call, reason = assess(
        canary=records[CANARY],
        real=records[REAL],
        winrate_delta_pp=limits.winrate_delta_pp,
        min_sample=limits.min_sample,
    )
    counted = {
        route: {"lots": r.lots, "wins": r.wins, "winrate_pct": r.winrate_pct} for route, r in records.items()
    }
    return {"roll_back": call.value, "reason": reason, **counted}


def _row(window: WindowData, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    edge = attribute_fills(window)
    return {
        "fills": int(chosen.sum()),
        "turnover_quote": math.fsum(edge.notional[chosen]),
        "markout_net": {
            horizon: _markout(window, chosen, field, edge.fees_eff, edge.notional)
            for horizon, field in (("5s", "m_5s"), ("30s", "m_30s"))
        },
    }


def _markout(
    window: WindowData, chosen: NDArray[np.bool_], field: str, fees: Any, notional: Any
) -> dict[str, float | int | None]:
    """Measure s (mid at the horizon - price) q + fees over turnover, from sums per block of time."""
    rows, grid = window.fills, grid_of([window])
    known = chosen & np.isfinite(rows[field])
    net = (rows["side"] * (rows[field] - rows["price"]) * rows["qty"] + fees)[known]
    ts, worth = rows["exch_ts_ns"][known], notional[known]
    total = math.fsum(worth)
    # Only blocks in which the route traded: the others are the other route's and say nothing of this one.
    earned, traded = grid.sums(ts, net), grid.sums(ts, worth)
    found = ratio_of_sums(numerator=earned[traded > 0.0], denominator=traded[traded > 0.0], level=LEVEL)
    return {
        "bps": math.fsum(net) / total * 1e4 if total else None,
        "se_bps": None if found.se is None else found.se * 1e4,
        "fills": int(known.sum()),
    }


def _difference(rows: dict[str, dict[str, Any]], horizon: str) -> dict[str, float | None]:
    a, b = (rows[route]["markout_net"][horizon] for route in (CANARY, REAL))
    if a["bps"] is None or b["bps"] is None:
        return {"bps": None, "se_bps": None}
    errors = (a["se_bps"], b["se_bps"])
    return {
        "bps": a["bps"] - b["bps"],
        "se_bps": None if None in errors else math.hypot(*errors),
    }
