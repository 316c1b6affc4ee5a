"""run.json: the figures that it holds for those who list and compare runs, and what they read of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.edge.canonical import canonical

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

RUNS = Path("runs") / "soak"
LARGEST = 4_000_000
"""A file of more bytes than this is not read for a list."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The figures of a run that run.json holds for those who list and compare runs."""

    symbol: str
    quote: str
    hours: float
    answer: str
    net_bps: float | None
    markout_net_30s_bps: float | None
    gross_bps: float | None
    net_quote: float
    max_drawdown_quote: float
    fills: int
    turnover_quote: float
    break_even_maker_fee_bps: float | None
    errors: Mapping[str, float | None]
    """Standard errors of figures that have one."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What run.json says of a run; of a version or a state that says less, what it does not say is empty."""

    name: str
    verdict: str
    config_sha: str
    headline: Mapping[str, Any]
    """By the names of ``Headline``."""

    runtime: Mapping[str, Any]
    settings: Mapping[str, Any]


def headline_of(result: SoakResult) -> Headline:
    """Return the figures that run.json holds."""
    totals = result.totals
    headline: Headline = canonical(
        Headline(
            symbol=result.symbol,
            quote=result.reported.quote,
            hours=totals.hours,
            answer="" if result.comparison is None else result.comparison.answer.words,
            net_bps=totals.net_bps,
            markout_net_30s_bps=totals.markout_30s.net_bps,
            gross_bps=totals.parts["gross"].bps,
            net_quote=totals.net_quote,
            max_drawdown_quote=totals.max_drawdown_quote,
            fills=totals.fills,
            turnover_quote=totals.turnover_quote,
            break_even_maker_fee_bps=result.break_even_maker_fee_bps,
            errors={
                "net_bps": totals.intervals["net_bps"].se,
                "markout_net_30s_bps": totals.markout_30s.net_se_bps,
                "gross_bps": totals.intervals["gross_bps"].se,
            },
        )
    )
    return headline


def read_run(folder: Path) -> RunRecord | None:
    """Read run.json; None where it is none."""
    run = read_table(folder / "run.json")
    if run is None:
        return None
    tables = {name: run.get(name) for name in ("headline", "runtime", "settings")}
    return RunRecord(
        name=folder.resolve().name,
        verdict=str(run.get("verdict") or ""),
        config_sha=str(run.get("config_sha") or ""),
        **{name: table if isinstance(table, dict) else {} for name, table in tables.items()},
    )


def read_table(path: Path) -> dict[str, Any] | None:
    """Read a file of JSON that holds a table; None of anything else."""
    try:
        if path.stat().st_size > LARGEST:
            return None
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
