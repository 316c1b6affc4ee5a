"""Tables of the page: blocks, quantiles, iterations, arms, the run."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.edge.measures import ages_ms
from framework.edge.window import WindowData
from framework.quoting.records import HALT, WITHHELD_NAMES
from framework.soak.page.standing import tint
from framework.soak.page.words import (
    NONE,
    fixed,
    hours,
    interval,
    milliseconds,
    num,
    percent,
    utc,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from framework.edge.routes import Estimate
    from framework.edge.section import Section
    from framework.soak.result import SoakResult

ARMS = {
    "tuned": "this run",
    "static": "the start package throughout",
    "corner": "where the rules lead when nothing leads back",
    "placebo": "the same steps at shuffled times with random signs",
}
QUANTILES = (0.05, 0.5, 0.95, 0.99)


def bars(rows: list[tuple[str, int]], *, of: int) -> list[dict[str, Any]]:
    """Give counts as bars, the largest first, those of zero last and by name."""
    most = max((n for _, n in rows), default=0)
    ordered = sorted(rows, key=lambda row: (-row[1], row[0]))
    return [
        {
            "name": name.replace("_", " "),
            "count": whole(n),
            "share": percent(n / of) if of else NONE,
            "width": round(100.0 * n / most, 1) if most else 0.0,
        }
        for name, n in ordered
    ]


def reasons(totals: Section, window: WindowData) -> list[dict[str, Any]]:
    """Give the reasons why sides were not quoted: blocks, drops, halts, and the requests that were sent."""
    counters = totals.counters
    blocks = [(name, row.count) for name, row in totals.block_reasons.items()]
    blocks.append(("position_limit", totals.at_position_limit.count))
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


def _reason(name: str, rows: list[tuple[str, int]], beside: str) -> dict[str, Any]:
    total = sum(n for _, n in rows)
    return {"name": name, "total": whole(total), "beside": beside, "rows": bars(rows, of=total)}


def _part(part: float, total: float) -> float | None:
    return part / total if total else None


def quantiles(window: WindowData) -> list[dict[str, Any]]:
    """Give the quantiles of queues, latencies and ages."""
    makers = window.fills[window.fills["is_maker"] != 0]
    fills = window.fills
    rows: list[tuple[str, Any, Any]] = [
        ("queue ahead at entry, base units", makers["queue_ahead_entry_lots"] * window.lot, num),
        ("queue ahead when filled, base units", makers["queue_ahead_fill_lots"] * window.lot, num),
        ("placed to filled", (makers["exch_ts_ns"] - makers["order_ts_ns"]) / 1e6, milliseconds),
        ("price decided to filled", (makers["exch_ts_ns"] - makers["quote_ts_ns"]) / 1e6, milliseconds),
        ("off-target age", ages_ms(window, field="off_target_age_ns")[1], milliseconds),
        ("resting age", ages_ms(window, field="resting_age_ns")[1], milliseconds),
        ("entry latency", _since_zero(fills["entry_latency_ns"]), milliseconds),
        ("response latency", _since_zero(fills["response_latency_ns"]), milliseconds),
    ]
    return [_quantile_row(name, np.asarray(values, dtype=np.float64), write) for name, values, write in rows]


def _since_zero(ns: Any) -> Any:
    return ns[ns >= 0] / 1e6


def _quantile_row(name: str, values: Any, write: Any) -> dict[str, Any]:
    values = values[np.isfinite(values)]
    cells = [write(x) for x in np.quantile(values, QUANTILES)] if len(values) else [NONE] * len(QUANTILES)
    return {"name": name, "count": whole(len(values)), "cells": cells}


ITERATION_HEAD = (
    "window, UTC", "verdict", "net bps", "gross", "slippage", "fees", "inventory", "30-s markout net",
    "fills", "turnover", "adverse p95 u", "slippage p95 u", "off-target p95 ms", "risk blocks",
    "requests / fill",
)  # fmt: skip


def iterations(result: SoakResult) -> list[dict[str, Any]]:
    """Give one row an iteration."""
    rows = []
    edges = result.market.boundaries
    for k, (report, gate) in enumerate(zip(result.reports, result.gates, strict=True), 1):
        t, start_ns, end_ns = report.totals, edges[k - 1], edges[k]
        form = "%H:%M:%S" if t.hours < 0.05 else "%H:%M"
        rows.append(
            {
                "k": k,
                "verdict": gate.verdict.value,
                "tint": tint(gate.verdict.value),
                "window": f"{utc(start_ns, form=form)}–{utc(end_ns, form=form)}",
                "net": fixed(t.net_bps, plus=True),
                "net_tint": "bad" if (t.net_bps or 0.0) < 0.0 else "good",
                "cells": [
                    *(
                        fixed(t.parts[name].bps, plus=True)
                        for name in ("gross", "slippage", "fees_eff", "inventory")
                    ),
                    _markout(t),
                    whole(t.fills),
                    whole(t.turnover_quote),
                    fixed(t.percentiles["adverse_u_p95"]),
                    fixed(t.percentiles["slippage_u_p95"]),
                    num(t.percentiles["order_age_p95_ms"]),
                    percent(t.block_reasons["risk"].ratio),
                    num(t.requests.per_fill),
                ],
            }
        )
    return rows


def arms(result: SoakResult) -> list[dict[str, Any]]:
    """Give one row an arm."""
    rows = []
    for arm in result.arms:
        t, bounds = arm.totals, arm.totals.intervals["net_bps"]
        same = f"same as {arm.same_as}" if arm.same_as else ARMS.get(arm.arm, "")
        rows.append(
            {
                "name": arm.arm,
                "what": same,
                "cells": [
                    fixed(t.net_bps, plus=True),
                    interval(bounds.lower, bounds.upper, digits=2),
                    _markout(t),
                    num(t.net_quote, plus=True),
                    whole(t.fills),
                    whole(t.turnover_quote),
                    num(t.rms_inventory_quote),
                ],
            }
        )
    return rows


def _markout(totals: Section) -> str:
    given = totals.markout_30s
    error = "" if given.net_se_bps is None else f" ± {num(given.net_se_bps)}"
    return fixed(given.net_bps, plus=True) + error


ROUTES = {"canary": "the candidate", "real": "the baseline"}


def routes(result: SoakResult) -> list[dict[str, Any]]:
    """Give one row a route under a canary rollout and one for their difference; none without a split."""
    split = result.reported.routes
    if split is None:
        return []
    rows = [
        {
            "name": name,
            "what": ROUTES[name],
            "cells": [
                num(route.minutes),
                whole(route.fills),
                *_errors(route.markout_net),
            ],
        }
        for name, route in split.routes.items()
    ]
    apart = {
        "name": "difference",
        "what": "canary less real",
        "cells": ["", "", *_errors(split.difference)],
    }
    return [*rows, apart]


def guard_words(result: SoakResult) -> str:
    """Say what the rollout guard did or would do; empty without a split."""
    split = result.reported.routes
    if split is None:
        return ""
    if (back := split.guard.taken_back) is not None:
        return f"The rollout guard took the candidate back after {num(back.after_s / 60)} min. {back.reason}."
    return f"The rollout guard would roll back: {split.guard.roll_back}. {split.guard.reason}."


def _errors(given: Mapping[str, Estimate]) -> list[str]:
    return [f"{fixed(given[h].bps, plus=True)} ± {num(given[h].se_bps)}" for h in ("5s", "30s")]


def _pace(result: SoakResult) -> list[tuple[str, str]]:
    """Give how a run on the wall clock kept up; nothing in replay."""
    totals = result.totals
    if totals.ws_lag_p95_ms is None:
        return []
    missed = whole(totals.counters.get("deadline_misses", 0))
    deadline = num(result.settings.strategy.deadline_ms)
    return [
        ("pace", f"lag p95 {milliseconds(totals.ws_lag_p95_ms)}, {missed} slices later than {deadline} ms")
    ]


def run_facts(result: SoakResult) -> list[tuple[str, str]]:
    """Give what was run on what, so that the same command gives the same page; no wall time."""
    runtime, settings, totals = result.runtime, result.settings, result.totals
    exchange, sizing = settings.exchange, settings.sizing
    quote, instruments = result.reported.quote, [tape.instrument for tape in result.market.tapes]
    return [
        ("tape", str(runtime["tape"])),
        ("tape digest", str(runtime["tape_digest"])),
        ("window", f"{utc(totals.start_ns)} to {utc(totals.end_ns)} UTC, {hours(totals.hours)}"),
        *(
            ("instrument", f"{one.symbol}, {one.kind}, tick {one.tick_size}, lot {one.lot_size}")
            for one in instruments
        ),
        ("clock", str(runtime["clock"])),
        ("fees", f"maker {num(runtime['maker_fee_bps'])} bps, taker {num(runtime['taker_fee_bps'])} bps"),
        (
            "exchange model",
            f"queue {exchange.queue_model}, partial fills {_yes(exchange.partial_fills)}, shared queue"
            f" {_yes(exchange.shared_queue)}",
        ),
        (
            "latency",
            f"{exchange.latency_model}: feed {num(exchange.feed_ms)} ms, entry {num(exchange.entry_ms)} ms,"
            f" response {num(exchange.response_ms)} ms",
        ),
        (
            "sizing",
            f"quotes of {num(sizing.quote_notional_usd)} {quote}, position limit"
            f" {num(sizing.max_position_quotes)} quotes",
        ),
        ("blocks for intervals", f"{totals.block_count} of {totals.block_s} s"),
        ("mids held at fills", whole(totals.mids_held)),
        *_pace(result),
        ("config_sha", str(runtime["config_sha"])),
        ("seed", str(runtime["seed"])),
        (
            "versions",
            f"quoteops {runtime['version']}, Python {platform.python_version()}, numpy {version('numpy')}",
        ),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
