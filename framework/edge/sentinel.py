"""Where the edge is lost: the worst buckets and symbols, the component behind, one line of advice."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from framework.edge.canonical import canonical
from framework.edge.rows import TradeRow

COMPONENTS = ("gross", "slippage", "fees_eff", "adverse_1s")

ADVICE = {
    "gross": "orders were priced through the mid: check post-only and the reservation price",
    "slippage": "quotes rest while the mid leaves them: widen base_spread_bps_delta by .02-.05",
    "fees_eff": "fees outweigh the edge: check the fee tier and the maker share before any tuning",
    "adverse_1s": "informed flow takes the quotes: lower impact_cap_ratio and max_delta_ratio by .02",
}
NO_LOSS = "no component lost money here"


def watch(*, trades: Sequence[TradeRow], bucket_min: int = 15, worst: int = 5) -> dict[str, Any]:
    """Rank symbols and time buckets by the money their fills lost within one second, worst first.

    Signs are economic and amounts in quote currency, with bps of turnover beside them. A trade without
    ``mid_at_quote`` books its slippage under gross; one whose second lies past the end is left out of adverse
    and counted. Only losers are listed. ``contributors`` names, per component, the buckets that lost most by
    it.
    """
    by_symbol: dict[str, list[TradeRow]] = {}
    by_bucket: dict[tuple[str, int], list[TradeRow]] = {}
    step = bucket_min * 60_000
    for trade in trades:
        by_symbol.setdefault(trade.symbol, []).append(trade)
        by_bucket.setdefault((trade.symbol, trade.ts_ms // step * step), []).append(trade)
    symbols = [{"symbol": s, **_summary(rows)} for s, rows in by_symbol.items()]
    buckets = [{"symbol": s, "start_ms": t, **_summary(rows)} for (s, t), rows in by_bucket.items()]
    report = {
        "bucket_min": bucket_min,
        "fills": len(trades),
        "symbols": _losers(symbols, worst),
        "buckets": _losers(buckets, worst),
        "contributors": {name: _contributors(buckets, name, worst) for name in COMPONENTS},
        "advice": _advice(_summary(trades)["components"]) if trades else "no fills: nothing to advise on",
    }
    plain: dict[str, Any] = canonical(report)
    return plain


def _summary(rows: Sequence[TradeRow]) -> dict[str, Any]:
    parts = [_components(t) for t in rows]
    turnover = math.fsum(t.price * t.qty for t in rows)
    components = {name: math.fsum(p[name] for p in parts) for name in COMPONENTS}
    edge = math.fsum(components.values())
    return {
        "fills": len(rows),
        "past_end": sum(t.mid_after_1s is None for t in rows),
        "turnover": turnover,
        "edge_quote": edge,
        "edge_bps": edge / turnover * 1e4,
        "components": components,
        "driver": _driver(components),
        "advice": _advice(components),
    }


def _components(t: TradeRow) -> dict[str, float]:
    quoted = t.mid_before if t.mid_at_quote is None else t.mid_at_quote
    later = t.mid_before if t.mid_after_1s is None else t.mid_after_1s
    return {
        "gross": t.side * (quoted - t.price) * t.qty,
        "slippage": t.side * (t.mid_before - quoted) * t.qty,
        "fees_eff": -t.fee_bps / 1e4 * t.price * t.qty,
        "adverse_1s": t.side * (later - t.mid_before) * t.qty,
    }


def _driver(components: Mapping[str, float]) -> str | None:
    amount, name = min((amount, name) for name, amount in components.items())
    return name if amount < 0.0 else None


def _advice(components: Mapping[str, float]) -> str:
    driver = _driver(components)
    return NO_LOSS if driver is None else ADVICE[driver]


def _losers(rows: Iterable[dict[str, Any]], worst: int) -> list[dict[str, Any]]:
    losing = [r for r in rows if r["edge_quote"] < 0.0]
    return sorted(losing, key=lambda r: (r["edge_quote"], r["symbol"], r.get("start_ms", 0)))[:worst]


def _contributors(buckets: Iterable[dict[str, Any]], component: str, worst: int) -> list[dict[str, Any]]:
    found = [
        {"symbol": b["symbol"], "start_ms": b["start_ms"], "quote": b["components"][component]}
        for b in buckets
        if b["components"][component] < 0.0
    ]
    return sorted(found, key=lambda r: (r["quote"], r["symbol"], r["start_ms"]))[:worst]
