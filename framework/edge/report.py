"""EDGE_REPORT.json: where the result of a run came from, how sure that is, and what it cost to get.

Money is signed economically (a cost is negative); percentiles are cost-oriented (higher is worse); what is
not known is null. Nothing here depends on when or where the report was made.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.edge import measures
from framework.edge.attribution import Components, FillEdge, add_up, attribute_fills, attribute_window
from framework.edge.errors import EdgeInputError
from framework.edge.intervals import (
    Interval,
    quantile_interval,
    ratio_fieller,
    ratio_of_sums,
    share_interval,
)
from framework.edge.window import HORIZONS, Rows, WindowData
from framework.quoting.records import AT_LIMIT, BLOCK, BLOCK_NAMES, CANCEL_QUOTE, PLACE, REPLACE

Floats = np.ndarray[Any, np.dtype[np.float64]]
LEVEL = 0.90
PERCENTILE = 0.95
DRIVERS = 2
"""So many of the components that lost most are named as what made net negative (spec soak_audit.md)."""


@dataclass(frozen=True)
class _Book:
    """A window with what was derived from it once."""

    window: WindowData
    edge: FillEdge
    parts: Components
    costs: measures.FillCosts


def build_edge_report(
    *, windows: Sequence[WindowData], runtime: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Build the edge report of a run: one window per symbol (join iterations with ``window.chain`` first).

    ``runtime`` is copied in as it is (version, config_sha, seed, tape digests, clock). Raises LedgerError
    when the attribution and the books disagree, EdgeInputError for no windows, a symbol given twice or mixed
    quote currencies.
    """
    _check_windows(windows)
    books = [_book(w) for w in sorted(windows, key=lambda w: w.symbol)]
    symbols = {b.window.symbol: _section([b]) for b in books}
    report = {
        "convention": "ledger",
        "quote": windows[0].quote,
        "runtime": dict(runtime or {}),
        "symbols": symbols,
        "totals": _section(books) if len(books) > 1 else symbols[books[0].window.symbol],
    }
    plain: dict[str, Any] = canonical(report)
    return plain


def canonical(value: Any) -> Any:
    """Return plain data with floats at 12 significant digits, no -0, None for NaN and infinities."""
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(v) for v in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.12g}") + 0.0 if math.isfinite(value) else None
    return value


def _check_windows(windows: Sequence[WindowData]) -> None:
    if not windows:
        raise EdgeInputError("edge report: no windows; at least one symbol is needed")
    symbols = [w.symbol for w in windows]
    if len(set(symbols)) < len(symbols):
        raise EdgeInputError(f"edge report: a symbol is given twice in {symbols}; join its windows first")
    quotes = sorted({w.quote for w in windows})
    if len(quotes) > 1:
        raise EdgeInputError(
            f"edge report: quote currencies {', '.join(quotes)} do not add up; one report each"
        )


def _book(window: WindowData) -> _Book:
    edge = attribute_fills(window)
    return _Book(window, edge, attribute_window(window, edge=edge), measures.fill_costs(window, edge=edge))


def _section(books: Sequence[_Book]) -> dict[str, Any]:
    """Build one section: a symbol's, or the totals over several."""
    windows = [b.window for b in books]
    grid = measures.grid_of(windows)
    parts = add_up(b.parts for b in books)
    fills = sum(len(w.fills) for w in windows)
    return {
        "hours": sum(w.hours for w in windows) / len(windows),
        "start_ns": grid.start_ns,
        "end_ns": grid.end_ns,
        "fills": fills,
        "mids_held": sum(int((w.fills["mid_held"] != 0).sum()) for w in windows),
        "turnover_quote": parts.turnover,
        **_money(parts),
        **_inventory(windows, parts),
        **_markouts(books, grid),
        **_percentiles(books),
        **_requests(windows, fills),
        "maker_share_pct": _share(_maker(books), parts.turnover, scale=100.0),
        **measures.blocks_section(measures.block_counts(windows), at_limit=measures.limit_count(windows)),
        "intervals": _intervals(books, grid),
        "blocks": {"seconds": grid.seconds, "count": grid.count},
        "counters": _sum_counters(windows),
    }


def _money(parts: Components) -> dict[str, Any]:
    names = ("gross", "slippage", "fees_eff", "inventory", "net")
    breakdown = {
        name: {"quote": getattr(parts, name), "bps": _share(getattr(parts, name), parts.turnover, scale=1e4)}
        for name in (*names[:3], "adverse_1s", "carry", "opening", "funding", *names[3:])
    }
    ranking = rank_costs(parts)
    return {
        **{f"{name}_bps": breakdown[name]["bps"] for name in names},
        "adverse_1s_bps": breakdown["adverse_1s"]["bps"],
        "net_quote": parts.net,
        "net_to_gross": _share(parts.net, parts.gross) if parts.gross > 0.0 else None,
        "carry_share_of_net": _share(parts.carry + parts.opening, parts.net),
        "component_breakdown": breakdown,
        "cost_ranking": ranking,
        "neg_edge_drivers": [row["driver"] for row in ranking[:DRIVERS]] if parts.net < 0.0 else [],
    }


def rank_costs(parts: Components) -> list[dict[str, Any]]:
    """Rank the components that lost money, worst first; a gain is never a driver.

    ``inventory_bps`` is the inventory result without its first second, which is ``adverse_bps``.
    """
    drivers = {
        "gross_bps": parts.gross,
        "fees_eff_bps": parts.fees_eff,
        "slippage_bps": parts.slippage,
        "adverse_bps": parts.adverse_1s,
        "inventory_bps": parts.inventory - parts.adverse_1s,
    }
    losses = sorted((amount, name) for name, amount in drivers.items() if amount < 0.0)
    return [{"driver": n, "quote": a, "bps": _share(a, parts.turnover, scale=1e4)} for a, n in losses]


def _inventory(windows: Sequence[WindowData], parts: Components) -> dict[str, Any]:
    rms = [measures.rms_position(w) for w in windows]
    worth = [quote for _, quote in rms if quote is not None]
    return {
        "rms_inventory_base": rms[0][0] if len(rms) == 1 else None,
        "rms_inventory_quote": math.sqrt(math.fsum(x * x for x in worth)) if worth else None,
        "max_drawdown_quote": measures.max_drawdown(windows),
        "closing_position_base": windows[0].closing.position if len(windows) == 1 else None,
    }


def _markouts(books: Sequence[_Book], grid: measures.Grid) -> dict[str, Any]:
    """Measure s (mid at the horizon - price) q over turnover, before and after fees, with errors."""
    curve = {
        "fill": _markout(books, grid, field="m"),
        **{h: _markout(books, grid, field=f) for h, f in HORIZONS.items()},
    }
    return {
        "markouts": curve,
        "markout_net_30s_bps": curve["30s"]["net_bps"],
        "markout_net_30s_se_bps": curve["30s"]["net_se_bps"],
    }


def _markout(books: Sequence[_Book], grid: measures.Grid, *, field: str) -> dict[str, Any]:
    earned, net, notional = (np.zeros(grid.count) for _ in range(3))
    known_fills = past_end = 0
    for b in books:
        rows, edge = b.window.fills, b.edge
        known = np.isfinite(rows[field])
        ts = rows["exch_ts_ns"][known]
        move = (rows["side"] * (rows[field] - rows["price"]) * rows["qty"])[known]
        earned += grid.sums(ts, move)
        net += grid.sums(ts, move + edge.fees_eff[known])
        notional += grid.sums(ts, edge.notional[known])
        known_fills += int(known.sum())
        past_end += int((~known).sum())
    total = math.fsum(notional)
    before, after = (ratio_of_sums(numerator=x, denominator=notional, level=LEVEL) for x in (earned, net))
    return {
        "bps": _share(math.fsum(earned), total, scale=1e4),
        "se_bps": None if before.se is None else before.se * 1e4,
        "net_bps": _share(math.fsum(net), total, scale=1e4),
        "net_se_bps": None if after.se is None else after.se * 1e4,
        "net_n_eff": after.n_eff,
        "fills": known_fills,
        "past_end": past_end,
    }


def _samples(books: Sequence[_Book]) -> dict[str, tuple[measures.Ints, Floats] | None]:
    """Gather the values behind each percentile with their times; None when a symbol cannot give them."""
    costs = [b.costs for b in books]
    adverse_ts = np.concatenate([c.adverse_ts_ns for c in costs])
    slip_ts = np.concatenate([c.ts_ns for c in costs])
    adverse_u = [c.adverse_u for c in costs if c.adverse_u is not None]
    slippage_u = [c.slippage_u for c in costs if c.slippage_u is not None]
    all_known = len(adverse_u) == len(costs)
    ages = [measures.ages_ms(b.window, field="off_target_age_ns") for b in books]
    resting = [measures.ages_ms(b.window, field="resting_age_ns") for b in books]
    return {
        "adverse_bps_p95": (adverse_ts, np.concatenate([c.adverse_bps for c in costs])),
        "slippage_bps_p95": (slip_ts, np.concatenate([c.slippage_bps for c in costs])),
        "adverse_u_p95": (adverse_ts, np.concatenate(adverse_u)) if all_known else None,
        "slippage_u_p95": (slip_ts, np.concatenate(slippage_u)) if all_known else None,
        "order_age_p95_ms": (np.concatenate([t for t, _ in ages]), np.concatenate([a for _, a in ages])),
        "resting_age_p95_ms": (
            np.concatenate([t for t, _ in resting]),
            np.concatenate([a for _, a in resting]),
        ),
    }


def _percentiles(books: Sequence[_Book]) -> dict[str, Any]:
    found = {
        name: float(np.quantile(pair[1], PERCENTILE)) if pair is not None and len(pair[1]) else None
        for name, pair in _samples(books).items()
    }
    lags = [b.window.ws_lag_ms for b in books if b.window.ws_lag_ms is not None]
    pooled = np.concatenate(lags) if lags else np.zeros(0)
    return {
        **found,
        "ws_lag_p95_ms": float(np.quantile(pooled, PERCENTILE)) if len(pooled) else None,
        "fills_past_1s_horizon": sum(b.costs.past_end for b in books),
        "unit_move": {b.window.symbol: measures.unit_move(b.window) for b in books},
    }


def _requests(windows: Sequence[WindowData], fills: int) -> dict[str, Any]:
    sent = measures.action_counts(windows)
    total = sum(sent.values())
    return {
        "requests": {**sent, "total": total},
        "replace_ratio": _share(sent["replace"], total),
        "cancel_ratio": _share(sent["cancel"], total),
        "requests_per_fill": _share(total, fills),
    }


def _intervals(books: Sequence[_Book], grid: measures.Grid) -> dict[str, Any]:
    """Bound every judged metric at 90 %; ratios by block sums, percentiles by order statistics."""
    sums = _block_sums(books, grid)

    def bps(part: str) -> Interval:
        return _scaled(ratio_of_sums(numerator=sums[part], denominator=sums["turnover"], level=LEVEL), 1e4)

    def share(part: str, whole: str, units: float) -> Interval:
        return share_interval(part=sums[part], whole=sums[whole], units=units, level=LEVEL)

    runs = sum(int(_blocked(b.window.audit).sum()) for b in books)
    found = {
        **{f"{name}_bps": bps(name) for name in ("net", *_PER_FILL)},
        "net_to_gross": ratio_fieller(numerator=sums["net"], denominator=sums["gross"], level=LEVEL),
        "maker_share_pct": _scaled(share("maker", "turnover", _equal_fills(books)), 100.0),
        "cancel_ratio": share("cancels", "requests", math.fsum(sums["requests"])),
        **{f"block_{reason}": share(reason, "blocked", runs) for reason in BLOCK_NAMES.values()},
    }
    for name, pair in {**_samples(books), "ws_lag_p95_ms": _timed_lags(books)}.items():
        if pair is not None:
            ts, values = pair
            found[name] = quantile_interval(values=values, block=grid.block_of(ts), q=PERCENTILE, level=LEVEL)
    return {name: interval.as_dict() for name, interval in found.items()}


def _equal_fills(books: Sequence[_Book]) -> float:
    """Return how many fills of one size the fills are worth (Kish)."""
    worth = np.concatenate([b.edge.notional for b in books])
    return float(worth.sum() ** 2 / (worth**2).sum()) if len(worth) else 0.0


def _timed_lags(books: Sequence[_Book]) -> tuple[measures.Ints, Floats] | None:
    """Gather the feed lags with their times; None without the wall clock, or where a window has no times."""
    lags = [(b.window.ws_lag_ts_ns, b.window.ws_lag_ms) for b in books if b.window.ws_lag_ms is not None]
    timed = [(ts, lag) for ts, lag in lags if ts is not None]
    if not timed or len(timed) < len(lags):
        return None
    return np.concatenate([ts for ts, _ in timed]), np.concatenate([lag for _, lag in timed])


_PER_FILL = ("gross", "slippage", "fees_eff", "adverse_1s")


def _block_sums(books: Sequence[_Book], grid: measures.Grid) -> dict[str, Floats]:
    """Add up by block of time: money by component, turnover, requests, blocked ticks by reason."""
    sums: defaultdict[str, Floats] = defaultdict(lambda: np.zeros(grid.count))
    for b in books:
        fills, audit = b.window.fills, b.window.audit
        sums["net"] += np.diff(measures.equity_at(b.window, times=grid.edges))
        per_fill = {name: getattr(b.edge, name) for name in _PER_FILL}
        per_fill |= {"turnover": b.edge.notional, "maker": b.edge.notional * (fills["is_maker"] != 0)}
        for name, values in per_fill.items():
            sums[name] += grid.sums(fills["exch_ts_ns"], values)
        sent = np.isin(audit["action"], (PLACE, REPLACE, CANCEL_QUOTE))
        blocked = np.where(_blocked(audit), audit["count"], 0)
        per_row = {"requests": sent, "cancels": audit["action"] == CANCEL_QUOTE, "blocked": blocked}
        per_row |= {name: blocked * (audit["reason"] == code) for code, name in BLOCK_NAMES.items()}
        for name, values in per_row.items():
            sums[name] += grid.sums(audit["ts_ns"], values.astype(np.float64))
    return sums


def _blocked(audit: Rows) -> Rows:
    """Tell which audit rows are runs of blocked ticks."""
    rows: Rows = (audit["action"] == BLOCK) & (audit["reason"] != AT_LIMIT)
    return rows


def _maker(books: Sequence[_Book]) -> float:
    return math.fsum(math.fsum(b.edge.notional[b.window.fills["is_maker"] != 0]) for b in books)


def _sum_counters(windows: Sequence[WindowData]) -> dict[str, int]:
    names = sorted({name for w in windows for name in w.counters})
    return {name: sum(int(w.counters.get(name, 0)) for w in windows) for name in names}


def _scaled(i: Interval, by: float) -> Interval:
    lower, upper, se = (None if x is None else x * by for x in (i.lower, i.upper, i.se))
    return Interval(lower, upper, i.level, i.n, i.n_eff, se)


def _share(part: float, whole: float, *, scale: float = 1.0) -> float | None:
    return part / whole * scale if whole else None
