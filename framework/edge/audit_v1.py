"""The documents' edge audit, value for value: ``convention=audit_v1``.

It is kept for comparison with older reports. Its signs are not economic: a maker buy below the mid has a
negative gross, and slippage is measured against the opposite touch, so a fill inside the spread counts as
negative. The project's own ledger (``framework.edge.attribution``) decides everything else.

Per fill, s = +1 buy, -1 sell, in bps: gross = s(price - mid)/mid; fees_eff = -|fee|; adverse = s(mid_1s -
mid)/mid; slippage = s(price - ref)/ref with ref the best ask (buy) or bid (sell) of the latest quote at or
before the fill. Per symbol the means, inventory = -|mean(s q) / mean(|p q|)| and net = gross + fees_eff +
slippage + inventory; the total is the unweighted mean over symbols, with fills and turnover summed.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from framework.edge.rows import QuoteRow, TradeRow
from framework.files.atomic import canonical_json

VERSION = "0.1.0"
"""Version of the convention, as its reports carry it."""


@dataclass(frozen=True, kw_only=True)
class AuditEdge:
    """The edge of a symbol, or the unweighted mean over symbols; ``fills`` is a float, as documented."""

    gross_bps: float
    fees_eff_bps: float
    adverse_bps: float
    slippage_bps: float
    inventory_bps: float
    net_bps: float
    fills: float
    turnover_usd: float


SUMS = ("fills", "turnover_usd")
MEANS = tuple(field.name for field in fields(AuditEdge) if field.name not in SUMS)


@dataclass(frozen=True)
class AuditReport:
    """The report of the documents' audit."""

    utc: str
    symbols: Mapping[str, AuditEdge]
    total: AuditEdge

    def as_dict(self) -> dict[str, Any]:
        """Return the plain data of the file."""
        return {
            "runtime": {"utc": self.utc, "version": VERSION},
            "symbols": {name: asdict(edge) for name, edge in self.symbols.items()},
            "total": asdict(self.total),
        }

    def text(self) -> str:
        """Return its one JSON text: sorted keys, no spaces, numbers with six decimals, one newline."""
        return _text(self.as_dict()) + "\n"


def audit(*, trades: Sequence[TradeRow], quotes: Sequence[QuoteRow], utc: str) -> AuditReport:
    """Compute the audit report; a trade whose mid is not positive is skipped.

    ``utc`` is the time the report carries. A report without any usable trade has no symbols and zero totals.
    """
    books = _books(quotes)
    fills: dict[str, list[TradeRow]] = {}
    for trade in trades:
        if trade.mid_before > 0.0:
            fills.setdefault(trade.symbol, []).append(trade)
    symbols = {s: _symbol(rows, books.get(s, ([], []))) for s, rows in fills.items()}
    return AuditReport(utc, symbols, _total(list(symbols.values())))


def _books(quotes: Iterable[QuoteRow]) -> dict[str, tuple[list[int], list[QuoteRow]]]:
    """Group quotes by symbol in time order; of two at one time the later line is the latest."""
    grouped: dict[str, list[QuoteRow]] = {}
    for quote in quotes:
        grouped.setdefault(quote.symbol, []).append(quote)
    ordered = {s: sorted(rows, key=lambda q: q.ts_ms) for s, rows in grouped.items()}
    return {s: ([q.ts_ms for q in rows], rows) for s, rows in ordered.items()}


def _symbol(rows: Sequence[TradeRow], book: tuple[list[int], list[QuoteRow]]) -> AuditEdge:
    signed = math.fsum(t.side * t.qty for t in rows) / len(rows)
    turnover = math.fsum(abs(t.price * t.qty) for t in rows)
    gross = _mean(t.side * (t.price - t.mid_before) / t.mid_before * 1e4 for t in rows)
    fees = _mean(-abs(t.fee_bps) for t in rows)
    slippage = _mean(_slippage(t, book) for t in rows)
    inventory = -abs(signed / (turnover / len(rows)))
    return AuditEdge(
        gross_bps=gross,
        fees_eff_bps=fees,
        adverse_bps=_mean(_adverse(t) for t in rows),
        slippage_bps=slippage,
        inventory_bps=inventory,
        net_bps=gross + fees + slippage + inventory,
        fills=float(len(rows)),
        turnover_usd=turnover,
    )


def _adverse(trade: TradeRow) -> float:
    later = trade.mid_after_1s
    return 0.0 if later is None else trade.side * (later - trade.mid_before) / trade.mid_before * 1e4


def _slippage(trade: TradeRow, book: tuple[list[int], list[QuoteRow]]) -> float:
    times, quotes = book
    index = bisect_right(times, trade.ts_ms) - 1
    if index < 0:
        return 0.0
    reference = quotes[index].best_ask if trade.side > 0 else quotes[index].best_bid
    return trade.side * (trade.price - reference) / reference * 1e4 if reference > 0.0 else 0.0


def _total(rows: Sequence[AuditEdge]) -> AuditEdge:
    means = {name: math.fsum(getattr(r, name) for r in rows) / len(rows) if rows else 0.0 for name in MEANS}
    return AuditEdge(**means, **{name: math.fsum(getattr(r, name) for r in rows) for name in SUMS})


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        body = ",".join(f"{canonical_json(k)}:{_text(v)}" for k, v in sorted(value.items()))
        return "{" + body + "}"
    if isinstance(value, str):
        return canonical_json(value)
    shown = f"{value:.6f}"
    return "0.000000" if shown == "-0.000000" else shown
