"""A sweep in words: the ranked table for a terminal and for SWEEP.md."""

from __future__ import annotations

from framework.soak.sweep.ranking import ALPHA
from framework.soak.sweep.row import RankedRow
from framework.soak.sweep.table import Sweep

HEAD = (
    "rank", "cell", "values", "markout bps", "±", "bar", "net bps", "90 %", "fills", "turnover", "verdict",
)  # fmt: skip


def sweep_markdown(sweep: Sweep) -> str:
    """Give the sweep as Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *(_cells(row) for row in sweep.cells)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"# Sweep: {sweep.verdict.value}\n\n{sentence(sweep)}\n\n{table}\n\n{_legend(sweep)}\n"


def sweep_text(sweep: Sweep) -> str:
    """Give the sweep as aligned columns."""
    rows = [HEAD, *(_cells(row) for row in sweep.cells)]
    wide = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = [" ".join(cell.ljust(wide[k]) for k, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([*lines, _legend(sweep), f"{sweep.verdict.value}: {sentence(sweep)}"]) + "\n"


def sentence(sweep: Sweep) -> str:
    """Say what the sweep found."""
    lost = f"; {sweep.failed} could not run" if sweep.failed else ""
    if not sweep.complete:
        lost += f"; incomplete, {sweep.planned - len(sweep.cells)} of {sweep.planned} cells not played"
    if sweep.leader is None:
        return f"no cell ran{lost}"
    best, standing = sweep.leader
    if standing.deflated_lower_bps is None:
        return f"no cell traded enough to bound what it earns{lost}"
    said = f"{best.label} leads with {_num(standing.markout_net_30s_bps)} bps markout net after 30 s"
    if standing.proven:
        return f"{said}, proven above zero among {_trials(sweep)}{lost}"
    return f"{said}, not proven above zero among {_trials(sweep)}{lost}"


def _trials(sweep: Sweep) -> str:
    return "1 trial" if sweep.trials == 1 else f"{sweep.trials} trials"


def _legend(sweep: Sweep) -> str:
    return (
        f"markout: net of fees after 30 s; bar: its lower bound at the level of {_trials(sweep)}"
        f" ({sweep.level:.2%} one-sided each, {ALPHA:.0%} together); turnover against cell 0;"
        f" ranked by bar"
    )


def _cells(row: RankedRow) -> tuple[str, ...]:
    standing = row.measured
    if standing is None:
        blank = ("–",) * (len(HEAD) - 4)
        return (str(row.rank), str(row.cell), row.label, *blank, f"NOT RUN: {row.error}")
    return (
        str(row.rank),
        str(row.cell),
        row.label if standing.same_as is None else f"{row.label} (as cell {standing.same_as})",
        _num(standing.markout_net_30s_bps),
        _num(standing.markout_net_30s_se_bps),
        _num(standing.deflated_lower_bps),
        _num(standing.net_bps),
        f"{_num(standing.net_bps_lower)} to {_num(standing.net_bps_upper)}",
        str(standing.fills),
        "–" if standing.turnover_vs_first is None else f"{standing.turnover_vs_first:.0%}",
        standing.verdict,
    )


def _num(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
