"""What was run on what: the last table of the page."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from framework.files.moments import utc_words
from framework.soak.page.words import hours, milliseconds, num, whole

if TYPE_CHECKING:
    from framework.soak.result import SoakResult


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


def _again(result: SoakResult) -> list[tuple[str, str]]:
    """Give how to run it again: the command, and the commit it ran from."""
    given = (("command", result.origin.command), ("commit", result.origin.commit))
    return [(name, value) for name, value in given if value]


def run_facts(result: SoakResult) -> list[tuple[str, str]]:
    """Give what was run on what, so that the same command gives the same page; no wall time."""
    runtime, settings, totals = result.runtime, result.settings, result.totals
    exchange, sizing = settings.exchange, settings.sizing
    quote, instruments = result.reported.quote, [tape.instrument for tape in result.market.tapes]
    source = f", from {result.origin.fee_from}" if result.origin.fee_from else ""
    return [
        *_again(result),
        ("tape", runtime.tape.tape),
        ("tape digest", runtime.tape.tape_digest),
        ("window", f"{utc_words(totals.start_ns)} to {utc_words(totals.end_ns)} UTC, {hours(totals.hours)}"),
        *(
            ("instrument", f"{one.symbol}, {one.kind}, tick {one.tick_size}, lot {one.lot_size}")
            for one in instruments
        ),
        ("clock", runtime.clock),
        (
            "fees",
            f"maker {num(runtime.maker_fee_bps)} bps, taker {num(runtime.taker_fee_bps)} bps{source}",
        ),
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
        ("config_sha", runtime.config_sha),
        ("seed", str(runtime.seed)),
        (
            "versions",
            f"quoteops {runtime.version}, Python {platform.python_version()}, numpy {version('numpy')}",
        ),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"
