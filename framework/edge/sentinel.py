"""Where the edge is lost: the worst buckets and symbols, the component behind, one line of advice."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What the fills of a symbol, or of one bucket of time of it, came to in quote currency."""

    symbol: str
    start_ms: int | None
    """Of the bucket; None of all time."""

    fills: int
    past_end: int
    turnover: float
    edge_quote: float
    edge_bps: float
    components: Mapping[str, float]
    driver: str | None
    advice: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as the ranking's file holds it."""
        plain = asdict(self)
        return {name: value for name, value in plain.items() if name != "start_ms" or value is not None}


@dataclass(frozen=True)
class Contribution:
    """What one bucket lost by one component."""

    symbol: str
    start_ms: int
    quote: float


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Where the edge is lost, worst first."""

    bucket_min: int
    fills: int
    symbols: tuple[Loss, ...]
    buckets: tuple[Loss, ...]
    contributors: Mapping[str, tuple[Contribution, ...]]
    advice: str

    def as_dict(self) -> dict[str, Any]:
        """Return the plain data of the file."""
        return {
            "bucket_min": self.bucket_min,
            "fills": self.fills,
            "symbols": [loss.as_dict() for loss in self.symbols],
            "buckets": [loss.as_dict() for loss in self.buckets],
            "contributors": {name: [asdict(c) for c in rows] for name, rows in self.contributors.items()},
            "advice": self.advice,
        }


def watch(*, trades: Sequence[TradeRow], bucket_min: int = 15, worst: int = 5) -> Ranking:
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
    symbols = [_summary(rows, symbol=symbol) for symbol, rows in by_symbol.items()]
    buckets = [_summary(rows, symbol=symbol, start_ms=at) for (symbol, at), rows in by_bucket.items()]
    ranking: Ranking = canonical(
        Ranking(
            bucket_min=bucket_min,
            fills=len(trades),
            symbols=_losers(symbols, worst),
            buckets=_losers(buckets, worst),
            contributors={name: _contributors(buckets, name, worst) for name in COMPONENTS},
            advice=_summary(trades).advice if trades else "no fills: nothing to advise on",
        )
    )
    return ranking


def _summary(rows: Sequence[TradeRow], *, symbol: str = "", start_ms: int | None = None) -> Loss:
    parts = [_components(t) for t in rows]
    turnover = math.fsum(t.price * t.qty for t in rows)
    components = {name: math.fsum(p[name] for p in parts) for name in COMPONENTS}
    edge = math.fsum(components.values())
    driver = _driver(components)
    return Loss(
        symbol=symbol,
        start_ms=start_ms,
        fills=len(rows),
        past_end=sum(t.mid_after_1s is None for t in rows),
        turnover=turnover,
        edge_quote=edge,
        edge_bps=edge / turnover * 1e4,
        components=components,
        driver=driver,
        advice=NO_LOSS if driver is None else ADVICE[driver],
    )


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


def _losers(rows: Iterable[Loss], worst: int) -> tuple[Loss, ...]:
    losing = [row for row in rows if row.edge_quote < 0.0]
    return tuple(sorted(losing, key=lambda row: (row.edge_quote, row.symbol, row.start_ms or 0))[:worst])


def _contributors(buckets: Iterable[Loss], component: str, worst: int) -> tuple[Contribution, ...]:
    losing = [
        Contribution(bucket.symbol, bucket.start_ms, bucket.components[component])
        for bucket in buckets
        if bucket.components[component] < 0.0 and bucket.start_ms is not None
    ]
    return tuple(sorted(losing, key=lambda row: (row.quote, row.symbol, row.start_ms))[:worst])
