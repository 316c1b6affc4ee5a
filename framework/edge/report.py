"""Build an edge report: where the result of a run came from, how sure that is, and what it cost to get.

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
from framework.edge.canonical import canonical
from framework.edge.errors import EdgeInputError
from framework.edge.intervals import (
    Interval,
    quantile_interval,
    ratio_fieller,
    ratio_of_sums,
    share_interval,
)
from framework.edge.section import (
    Amount,
    Cost,
    EdgeReport,
    Markout,
    Section,
    blocked_shares,
    requests_of,
    share_at_limit,
)
from framework.edge.window import HORIZONS, Rows, WindowData
from framework.quoting.records import AT_LIMIT, BLOCK, BLOCK_NAMES, CANCEL_QUOTE, PLACE, REPLACE

Floats = np.ndarray[Any, np.dtype[np.float64]]
LEVEL = 0.90
PERCENTILE = 0.95
PARTS = (
    "gross", "slippage", "fees_eff", "adverse_1s", "carry", "opening", "funding", "inventory", "net",
)  # fmt: skip
"""The components in the order in which a report shows them."""


@dataclass(frozen=True)
class _Book:
    """A window with what was derived from it once."""

    window: WindowData
    edge: FillEdge
    parts: Components
    costs: measures.FillCosts


def build_edge_report(
    *, windows: Sequence[WindowData], runtime: Mapping[str, Any] | None = None
) -> EdgeReport:
    """Build the edge report of a run: one window per symbol (join iterations with ``window.chain`` first).

    ``runtime`` is copied in as it is (version, config_sha, seed, tape digests, clock). Raises LedgerError
    when the attribution and the books disagree, EdgeInputError for no windows, a symbol given twice or mixed
    quote currencies.
    """
    _check_windows(windows)
    books = [_book(w) for w in sorted(windows, key=lambda w: w.symbol)]
    symbols = {b.window.symbol: _section([b]) for b in books}
    totals = _section(books) if len(books) > 1 else symbols[books[0].window.symbol]
    report: EdgeReport = canonical(EdgeReport(windows[0].quote, dict(runtime or {}), symbols, totals))
    return report


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


def _section(books: Sequence[_Book]) -> Section:
    """Build one section: a symbol's, or the totals over several."""
    windows = [b.window for b in books]
    grid = measures.grid_of(windows)
    parts = add_up(b.parts for b in books)
    fills = sum(len(w.fills) for w in windows)
    rms = [measures.rms_position(w) for w in windows]
    worth = [quote for _, quote in rms if quote is not None]
    counts = measures.block_counts(windows)
    return Section(
        hours=sum(w.hours for w in windows) / len(windows),
        start_ns=grid.start_ns,
        end_ns=grid.end_ns,
        fills=fills,
        mids_held=sum(int((w.fills["mid_held"] != 0).sum()) for w in windows),
        turnover_quote=parts.turnover,
        parts={name: _amount(getattr(parts, name), parts) for name in PARTS},
        net_to_gross=_share(parts.net, parts.gross) if parts.gross > 0.0 else None,
        carry_share_of_net=_share(parts.carry + parts.opening, parts.net),
        cost_ranking=rank_costs(parts),
        rms_inventory_base=rms[0][0] if len(rms) == 1 else None,
        rms_inventory_quote=math.sqrt(math.fsum(x * x for x in worth)) if worth else None,
        max_drawdown_quote=measures.max_drawdown(windows),
        closing_position_base=windows[0].closing.position if len(windows) == 1 else None,
        markouts={h: _markout(books, grid, field=field) for h, field in {"fill": "m", **HORIZONS}.items()},
        percentiles=_percentiles(books),
        fills_past_1s_horizon=sum(b.costs.past_end for b in books),
        unit_move={w.symbol: measures.unit_move(w) for w in windows},
        requests=requests_of(**measures.action_counts(windows), fills=fills),
        maker_share_pct=_share(_maker(books), parts.turnover, scale=100.0),
        block_reasons=blocked_shares(counts),
        at_position_limit=share_at_limit(measures.limit_count(windows), blocked=sum(counts.values())),
        intervals=_intervals(books, grid),
        block_s=grid.seconds,
        block_count=grid.count,
        counters=_sum_counters(windows),
    )


def _amount(quote: float, parts: Components) -> Amount:
    return Amount(quote, _share(quote, parts.turnover, scale=1e4))


def rank_costs(parts: Components) -> tuple[Cost, ...]:
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
    return tuple(Cost(name, quote, _share(quote, parts.turnover, scale=1e4)) for quote, name in losses)


def _markout(books: Sequence[_Book], grid: measures.Grid, *, field: str) -> Markout:
    """Measure s (mid at the horizon - price) q over turnover, before and after fees, with errors."""
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
    return Markout(
        bps=_share(math.fsum(earned), total, scale=1e4),
        se_bps=None if before.se is None else before.se * 1e4,
        net_bps=_share(math.fsum(net), total, scale=1e4),
        net_se_bps=None if after.se is None else after.se * 1e4,
        net_n_eff=after.n_eff,
        fills=known_fills,
        past_end=past_end,
    )


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


def _percentiles(books: Sequence[_Book]) -> dict[str, float | None]:
    lags = [b.window.ws_lag_ms for b in books if b.window.ws_lag_ms is not None]
    values = {name: None if pair is None else pair[1] for name, pair in _samples(books).items()}
    values["ws_lag_p95_ms"] = np.concatenate(lags) if lags else None
    return {
        name: float(np.quantile(column, PERCENTILE)) if column is not None and len(column) else None
        for name, column in values.items()
    }


def _intervals(books: Sequence[_Book], grid: measures.Grid) -> dict[str, Interval]:
    """Bound every judged metric at 90 %; ratios by block sums, percentiles by order statistics."""
    sums = _block_sums(books, grid)

    def bps(part: str) -> Interval:
        return _scaled(ratio_of_sums(numerator=sums[part], denominator=sums["turnover"], level=LEVEL), 1e4)

    def share(part: str, whole: str, units: float) -> Interval:
        return share_interval(part=sums[part], whole=sums[whole], units=units, level=LEVEL)

    runs = sum(int(_blocked(b.window.audit).sum()) for b in books)
    intervals = {
        **{f"{name}_bps": bps(name) for name in ("net", *_PER_FILL)},
        "net_to_gross": ratio_fieller(numerator=sums["net"], denominator=sums["gross"], level=LEVEL),
        "maker_share_pct": _scaled(share("maker", "turnover", _equal_fills(books)), 100.0),
        "cancel_ratio": share("cancels", "requests", math.fsum(sums["requests"])),
        **{f"block_{reason}": share(reason, "blocked", runs) for reason in BLOCK_NAMES.values()},
    }
    for name, pair in {**_samples(books), "ws_lag_p95_ms": _timed_lags(books)}.items():
        if pair is not None:
            ts, values = pair
            intervals[name] = quantile_interval(
                values=values, block=grid.block_of(ts), q=PERCENTILE, level=LEVEL
            )
    return intervals


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
