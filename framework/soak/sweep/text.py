"""A sweep in words: the ranked table for a terminal and for SWEEP.md."""

from __future__ import annotations

from typing import Any

HEAD = (
    "rank", "cell", "values", "markout bps", "±", "bar", "net bps", "90 %", "fills", "turnover", "verdict",
)  # fmt: skip


def sweep_markdown(sweep: dict[str, Any]) -> str:
    """Give the sweep as Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *(_cells(row) for row in sweep["cells"])]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"# Sweep: {sweep['verdict']}\n\n{sentence(sweep)}\n\n{table}\n\n{_legend(sweep)}\n"


def sweep_text(sweep: dict[str, Any]) -> str:
    """Give the sweep as aligned columns."""
    rows = [HEAD, *(_cells(row) for row in sweep["cells"])]
    wide = [max(len(row[k]) for row in rows) for k in range(len(HEAD))]
    lines = [" ".join(cell.ljust(wide[k]) for k, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join([*lines, _legend(sweep), f"{sweep['verdict']}: {sentence(sweep)}"]) + "\n"


def sentence(sweep: dict[str, Any]) -> str:
    """Say what the sweep found."""
    rows = sweep["cells"]
    failed = [row for row in rows if "error" in row]
    lost = f"; {len(failed)} could not run" if failed else ""
    if sweep["status"] != "complete":
        lost += f"; incomplete, {sweep['planned'] - len(rows)} of {sweep['planned']} cells not played"
    best = next((row for row in rows if "error" not in row), None)
    if best is None:
        return f"no cell ran{lost}"
    if best["deflated_lower_bps"] is None:
        return f"no cell traded enough to bound what it earns{lost}"
    said = f"{best['label']} leads with {best['markout_net_30s_bps']:.3g} bps markout net after 30 s"
    if best["proven"]:
        return f"{said}, proven above zero among {_trials(sweep)}{lost}"
    return f"{said}, not proven above zero among {_trials(sweep)}{lost}"


def _trials(sweep: dict[str, Any]) -> str:
    return "1 trial" if sweep["trials"] == 1 else f"{sweep['trials']} trials"


def _legend(sweep: dict[str, Any]) -> str:
    return (
        f"markout: net of fees after 30 s; bar: its lower bound at the level of {_trials(sweep)}"
        f" ({sweep['level']:.2%} one-sided each, {sweep['alpha']:.0%} together); turnover against cell 0;"
        f" ranked by bar"
    )


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    if "error" in row:
        blank = ("–",) * (len(HEAD) - 4)
        return (str(row["rank"]), str(row["cell"]), row["label"], *blank, f"NOT RUN: {row['error']}")
    return (
        str(row["rank"]),
        str(row["cell"]),
        row["label"] if row["same_as"] is None else f"{row['label']} (as cell {row['same_as']})",
        _num(row["markout_net_30s_bps"]),
        _num(row["markout_net_30s_se_bps"]),
        _num(row["deflated_lower_bps"]),
        _num(row["net_bps"]),
        f"{_num(row['net_bps_lower'])} to {_num(row['net_bps_upper'])}",
        str(row["fills"]),
        "–" if row["turnover_vs_first"] is None else f"{row['turnover_vs_first']:.0%}",
        row["verdict"],
    )


def _num(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
