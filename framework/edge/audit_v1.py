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
from typing import Any

from framework.edge.rows import QuoteRow, TradeRow
from framework.files.atomic import canonical_json

VERSION = "0.1.0"
"""Version of the convention, as its reports carry it."""

MEANS = ("gross_bps", "fees_eff_bps", "adverse_bps", "slippage_bps", "inventory_bps", "net_bps")


def audit(*, trades: Sequence[TradeRow], quotes: Sequence[QuoteRow], utc: str) -> dict[str, Any]:
    """Compute the audit report; a trade whose mid is not positive is skipped.

    ``utc`` is the time the report carries. A report without any usable trade has no symbols and zero totals.
    """
    books = _books(quotes)
    fills: dict[str, list[TradeRow]] = {}
    for trade in trades:
        if trade.mid_before > 0.0:
            fills.setdefault(trade.symbol, []).append(trade)
    symbols = {s: _symbol(rows, books.get(s, ([], []))) for s, rows in fills.items()}
    return {"runtime": {"utc": utc, "version": VERSION}, "symbols": symbols, "total": _total(symbols)}


def dumps(report: Mapping[str, Any]) -> str:
    """Return the report's one JSON text: sorted keys, no spaces, numbers with six decimals, one newline."""
    return _text(report) + "\n"


def _books(quotes: Iterable[QuoteRow]) -> dict[str, tuple[list[int], list[QuoteRow]]]:
    """Group quotes by symbol in time order; of two at one time the later line is the latest."""
    grouped: dict[str, list[QuoteRow]] = {}
    for quote in quotes:
        grouped.setdefault(quote.symbol, []).append(quote)
    ordered = {s: sorted(rows, key=lambda q: q.ts_ms) for s, rows in grouped.items()}
    return {s: ([q.ts_ms for q in rows], rows) for s, rows in ordered.items()}


def _symbol(rows: Sequence[TradeRow], book: tuple[list[int], list[QuoteRow]]) -> dict[str, float]:
    signed = math.fsum(t.side * t.qty for t in rows) / len(rows)
    turnover = math.fsum(abs(t.price * t.qty) for t in rows)
    result = {
        "gross_bps": _mean(t.side * (t.price - t.mid_before) / t.mid_before * 1e4 for t in rows),
        "fees_eff_bps": _mean(-abs(t.fee_bps) for t in rows),
        "adverse_bps": _mean(_adverse(t) for t in rows),
        "slippage_bps": _mean(_slippage(t, book) for t in rows),
        "inventory_bps": -abs(signed / (turnover / len(rows))),
        "fills": float(len(rows)),
        "turnover_usd": turnover,
    }
    result["net_bps"] = (
        result["gross_bps"] + result["fees_eff_bps"] + result["slippage_bps"] + result["inventory_bps"]
    )
    return result


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


def _total(symbols: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    rows = list(symbols.values())
    means = {name: math.fsum(r[name] for r in rows) / len(rows) if rows else 0.0 for name in MEANS}
    sums = {name: math.fsum(r[name] for r in rows) for name in ("fills", "turnover_usd")}
    return means | sums


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
