"""Why a side was not quoted, and how long queues, orders and answers took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.edge.measures import ages_ms
from framework.edge.rows import LIMIT_NAME
from framework.edge.window import WindowData
from framework.quoting.records import HALT, WITHHELD_NAMES
from framework.soak.page.words import NONE, milliseconds, num, percent, whole
from framework.units import MS

if TYPE_CHECKING:
    from framework.edge.section import Section

QUANTILES = (0.05, 0.5, 0.95, 0.99)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A count as a bar; ``width`` in percent of the largest."""

    name: str
    count: str
    share: str
    width: float


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A group of reasons with their total."""

    name: str
    total: str
    beside: str
    rows: list[Bar]


@dataclass(frozen=True, kw_only=True)
class QuantileRow:
    """A measure with how often it was taken and its quantiles."""

    name: str
    count: str
    cells: list[str]


def bars(rows: list[tuple[str, int]], *, of: int) -> list[Bar]:
    """Give counts as bars, the largest first, those of zero last and by name."""
    most = max((n for _, n in rows), default=0)
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return [
        Bar(
            name=name.replace("_", " "),
            count=whole(n),
            share=percent(n / of) if of else NONE,
            width=round(100.0 * n / most, 1) if most else 0.0,
        )
        for name, n in ordered
    ]


def reasons(totals: Section, window: WindowData) -> list[Reason]:
    """Give the reasons why sides were not quoted: blocks, drops, halts, and the requests that were sent."""
    counters = totals.counters
    blocks = [(name, row.count) for name, row in totals.block_reasons.items()]
    blocks.append((LIMIT_NAME, totals.at_position_limit.count))
    drops = [(name.removeprefix("drops_"), n) for name, n in counters.items() if name.startswith("drops_")]
    halt_rows = window.audit[window.audit["action"] == HALT]
    halted = [(word, int((halt_rows["reason"] == code).sum())) for code, word in WITHHELD_NAMES.items()]
    sent = [(name, getattr(totals.requests, name)) for name in ("place", "replace", "cancel")]
    rejects = counters.get("exchange_rejects", 0)
    sides = 2 * counters.get("ticks", 0)
    per_fill = num(totals.requests.per_fill)
    return [
        _reason("Blocked", blocks, f"{percent(_part(sum(n for _, n in blocks), sides))} of side-ticks"),
        _reason("Dropped", [row for row in drops if row[1]], "not quoted although nothing limits the rate"),
        _reason("Halts", [row for row in halted if row[1]], "all quotes withdrawn"),
        _reason("Requests", sent, f"{per_fill} per fill, {whole(rejects)} refused by the exchange"),
    ]


def _reason(name: str, rows: list[tuple[str, int]], beside: str) -> Reason:
    total = sum(n for _, n in rows)
    return Reason(name=name, total=whole(total), beside=beside, rows=bars(rows, of=total))


def _part(part: float, total: float) -> float | None:
    return part / total if total else None


def quantiles(window: WindowData) -> list[QuantileRow]:
    """Give the quantiles of queues, latencies and ages."""
    makers = window.fills[window.fills["is_maker"] != 0]
    fills = window.fills
    rows: list[tuple[str, Any, Any]] = [
        ("queue ahead at entry, base units", makers["queue_ahead_entry_lots"] * window.lot, num),
        ("queue ahead when filled, base units", makers["queue_ahead_fill_lots"] * window.lot, num),
        ("placed to filled", (makers["exch_ts_ns"] - makers["order_ts_ns"]) / MS, milliseconds),
        ("price decided to filled", (makers["exch_ts_ns"] - makers["quote_ts_ns"]) / MS, milliseconds),
        ("off-target age", ages_ms(window, field="off_target_age_ns")[1], milliseconds),
        ("resting age", ages_ms(window, field="resting_age_ns")[1], milliseconds),
        ("entry latency", _since_zero(fills["entry_latency_ns"]), milliseconds),
        ("response latency", _since_zero(fills["response_latency_ns"]), milliseconds),
    ]
    return [_quantile_row(name, np.asarray(values, dtype=np.float64), write) for name, values, write in rows]


def _since_zero(ns: Any) -> Any:
    return ns[ns >= 0] / MS


def _quantile_row(name: str, values: Any, write: Any) -> QuantileRow:
    values = values[np.isfinite(values)]
    cells = [write(x) for x in np.quantile(values, QUANTILES)] if len(values) else [NONE] * len(QUANTILES)
    return QuantileRow(name=name, count=whole(len(values)), cells=cells)
