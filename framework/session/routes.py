"""Rollout in a session: what each minute trades and on which route, and what each route earned.

disabled trades the baseline and full the candidate, both on route real; canary trades the candidate in the
minutes on route canary and the baseline in all others. Each is a whole composition and a version of the
engine's parameters, and every fill names the version that quoted it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from framework.edge.attribution import FillEdge, attribute_fills
from framework.edge.canonical import canonical
from framework.edge.intervals import ratio_of_sums
from framework.edge.measures import grid_of
from framework.edge.routes import Estimate, GuardCall, Lots, Route, RouteMarkout, RouteSplit, TakenBack
from framework.edge.window import HORIZONS, WindowData
from framework.rollout.guard import Tally, assess
from framework.rollout.lots import closed_lots
from framework.rollout.route import CANARY, REAL, stretches
from framework.session.guard import minute_of, trade_of
from framework.session.reload import TAKEN_BACK, Reload
from framework.session.timeline import Version
from framework.settings.schema.rollout import RolloutGuard
from framework.settings.schema.run import RunSettings
from framework.units import MINUTE, SECOND

LEVEL = 0.90


def spans(
    settings: RunSettings, *, symbol: str, start_ns: int, end_ns: int, running: str | None = None
) -> list[tuple[int, str, RunSettings]]:
    """Cut start <= time < end (tape, ns) into spans: (from when, route, what trades).

    ``running`` is the route in force so far. A minute that began on real ends on it, so that no amend
    changes an order's route to canary; the other way, which goes back, is at once.
    """
    candidate, rollout = settings.candidate, settings.rollout
    if candidate is None or rollout.mode == "disabled":
        return [(start_ns, REAL, settings.baseline)]
    if rollout.mode == "full":
        return [(start_ns, REAL, candidate)]
    whole_ns = -(-start_ns // MINUTE) * MINUTE if running == REAL else start_ns
    rows = [(start_ns, REAL)] if whole_ns > start_ns else []
    if whole_ns < end_ns or not rows:
        rows += stretches(
            seed=rollout.rng_seed,
            symbol=symbol,
            fraction=rollout.canary_fraction,
            start_ns=whole_ns,
            end_ns=max(end_ns, whole_ns + 1),
        )
    trades = {REAL: settings.baseline, CANARY: candidate}
    return [(ns, route, trades[route]) for ns, route in rows]


def route_split(
    *,
    window: WindowData,
    versions: Sequence[Version],
    end_ns: int,
    guard: RolloutGuard,
    reloads: Sequence[Reload] = (),
) -> RouteSplit:
    """Give what each route did, and whether the rollout guard would take the candidate back.

    The difference is canary minus real, with the error of two independent halves. A fill belongs to the
    route whose version quoted its price, even if it came a moment after that minute.
    """
    on_canary = np.array([version.route == CANARY for version in versions])
    canary = on_canary[window.fills["params_version"]]
    lengths = np.diff([*(version.start_ns for version in versions), end_ns])
    ours = _route(window, canary, minutes=float(lengths[on_canary].sum()) / MINUTE)
    theirs = _route(window, ~canary, minutes=float(lengths[~on_canary].sum()) / MINUTE)
    apart = {h: _difference(ours.markout_net[h], theirs.markout_net[h]) for h in ours.markout_net}
    called = _guard(window, canary, guard, reloads)
    split: RouteSplit = canonical(RouteSplit(ours, theirs, apart, called))
    return split


def _back(window: WindowData, reloads: Sequence[Reload]) -> TakenBack | None:
    back = [reload for reload in reloads if reload.result == TAKEN_BACK]
    return TakenBack((back[-1].at_ns - window.start_ns) / SECOND, back[-1].why) if back else None


def _guard(
    window: WindowData, canary: NDArray[np.bool_], limits: RolloutGuard, reloads: Sequence[Reload]
) -> GuardCall:
    """Give what the rollout guard says and did; a lot belongs to the route of the fill that opened it."""
    fills = window.fills
    tallies = {True: Tally(), False: Tally()}
    for k, net in closed_lots(trades=[trade_of(row) for row in fills], lot=window.lot):
        tallies[bool(canary[k])].add(minute=minute_of(fills[k]), won=net > 0.0)
    ours, theirs = tallies[True].record, tallies[False].record
    call, reason = assess(
        canary=ours,
        real=theirs,
        winrate_delta_pp=limits.winrate_delta_pp,
        min_sample=limits.min_sample,
    )
    won, beside = (Lots(record.lots, record.wins, record.winrate_pct) for record in (ours, theirs))
    return GuardCall(call.value, reason, won, beside, taken_back=_back(window, reloads))


def _route(window: WindowData, chosen: NDArray[np.bool_], *, minutes: float) -> Route:
    edge = attribute_fills(window)
    return Route(
        fills=int(chosen.sum()),
        turnover_quote=math.fsum(edge.notional[chosen]),
        markout_net={h: _markout(window, chosen, edge, field=HORIZONS[h]) for h in ("5s", "30s")},
        minutes=minutes,
    )


def _markout(window: WindowData, chosen: NDArray[np.bool_], edge: FillEdge, *, field: str) -> RouteMarkout:
    """Measure s (mid at the horizon - price) q + fees over turnover, from sums per block of time."""
    rows, grid = window.fills, grid_of([window])
    known = chosen & np.isfinite(rows[field])
    net = (rows["side"] * (rows[field] - rows["price"]) * rows["qty"] + edge.fees_eff)[known]
    ts, worth = rows["exch_ts_ns"][known], edge.notional[known]
    total = math.fsum(worth)
    # Only blocks in which the route traded: the others are the other route's and say nothing of this one.
    earned, traded = grid.sums(ts, net), grid.sums(ts, worth)
    ratio = ratio_of_sums(numerator=earned[traded > 0.0], denominator=traded[traded > 0.0], level=LEVEL)
    return RouteMarkout(
        bps=math.fsum(net) / total * 1e4 if total else None,
        se_bps=None if ratio.se is None else ratio.se * 1e4,
        fills=int(known.sum()),
    )


def _difference(ours: Estimate, theirs: Estimate) -> Estimate:
    if ours.bps is None or theirs.bps is None:
        return Estimate(None, None)
    known = ours.se_bps is not None and theirs.se_bps is not None
    error = math.hypot(ours.se_bps or 0.0, theirs.se_bps or 0.0) if known else None
    return Estimate(ours.bps - theirs.bps, error)
