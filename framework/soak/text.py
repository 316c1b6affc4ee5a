"""The soak in words: summary.txt for a terminal, SOAK_RESULTS.md for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.soak.result import SoakResult


def summary_text(result: SoakResult) -> str:
    """Give the run in a few lines: verdict, reason, money, iterations, tuner against its placebos, what next."""
    gate, totals = result.gate, result.report["totals"]
    lines = [
        f"{gate['verdict']}: {gate['sentence']}",
        _edge_line(totals),
        *(_iteration_line(k, row, result) for k, row in enumerate(result.reports, start=1)),
        *_arm_lines(result),
        f"next: {_next(gate)}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _next(gate: dict[str, Any]) -> str:
    if gate["decision"]["holds"]:
        return str(gate["decision"]["action"])
    hours = gate["hours_needed"]
    return "collect more evidence" + ("" if hours is None else f", about {hours:.3g} h of tape in all")


def _edge_line(totals: dict[str, Any]) -> str:
    return (
        f"net {_bps(totals['net_bps'])} = gross {_bps(totals['gross_bps'])} + fees {_bps(totals['fees_eff_bps'])}"
        f" + slippage {_bps(totals['slippage_bps'])} + inventory {_bps(totals['inventory_bps'])};"
        f" {totals['fills']} fills, turnover {totals['turnover_quote']:.6g},"
        f" 30-s markout net {_bps(totals['markout_net_30s_bps'])} ± {_num(totals['markout_net_30s_se_bps'])}"
    )


def _iteration_line(k: int, report: dict[str, Any], result: SoakResult) -> str:
    totals, package = report["totals"], result.packages[k - 1]
    words = " ".join(f"{name}={value}" for name, value in package.mapping().items())
    return (
        f"iter {k}: {result.gates[k - 1]['verdict']} net {_bps(totals['net_bps'])}, {totals['fills']} fills,"
        f" off-target p95 {_num(totals['order_age_p95_ms'])} ms | {words}"
    )


def _arm_lines(result: SoakResult) -> list[str]:
    return [
        f"arm {row['arm']}: net {_bps(row['net_bps'])}, 30-s markout net {_bps(row['markout_net_30s_bps'])}"
        f" ± {_num(row['markout_net_30s_se_bps'])}, {row['fills']} fills"
        for row in result.arms
    ]


def results_markdown(result: SoakResult) -> str:
    """Give the run as Markdown: verdict, both profiles side by side, edge, iterations, tuner."""
    gate, totals, runtime = result.gate, result.report["totals"], result.runtime
    parts = [
        f"# Soak: {gate['verdict']}",
        gate["sentence"],
        f"Tape {runtime['tape']}, {totals['hours']:.3g} h, {runtime['iterations']} iterations, maker fee"
        f" {runtime['maker_fee_bps']:g} bps, config {runtime['config_sha'][:12]}.",
        "## KPI profiles",
        _profiles(gate),
        "## Edge",
        _edge_table(totals),
        "## Iterations",
        _iterations(result),
    ]
    if result.arms:
        parts += ["## Tuned against not tuning", _arms(result.arms)]
    parts += ["## Next", _next(gate)]
    return "\n\n".join(parts) + "\n"


def _profiles(gate: dict[str, Any]) -> str:
    rows = []
    for name, judged in gate["profiles"].items():
        decides = " (decides)" if name == gate["decides"] else ""
        rows.append([f"{name}{decides}", judged["verdict"], ", ".join(judged["reasons"]) or "none"])
    return _table(["profile", "verdict", "reasons"], rows)


def _edge_table(totals: dict[str, Any]) -> str:
    rows = [
        [name, _num(part["bps"]), _num(part["quote"])] for name, part in totals["component_breakdown"].items()
    ]
    return _table(["component", "bps", "quote"], rows)


def _iterations(result: SoakResult) -> str:
    head = ["iter", "verdict", "net bps", "gross", "slippage", "inventory", "fills", "off-target p95 ms"]
    rows = []
    for k, report in enumerate(result.reports, start=1):
        t = report["totals"]
        values = [t["net_bps"], t["gross_bps"], t["slippage_bps"], t["inventory_bps"]]
        rows.append(
            [str(k), result.gates[k - 1]["verdict"], *map(_num, values), str(t["fills"]), _num(t["order_age_p95_ms"])]
        )  # fmt: skip
    return _table(head, rows)


def _arms(arms: list[dict[str, Any]]) -> str:
    head = ["arm", "net bps", "30-s markout net bps", "±", "fills", "turnover"]
    rows = [
        [
            row["arm"], _num(row["net_bps"]), _num(row["markout_net_30s_bps"]),
            _num(row["markout_net_30s_se_bps"]), str(row["fills"]), _num(row["turnover_quote"]),
        ]
        for row in arms
    ]  # fmt: skip
    return _table(head, rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _bps(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} bps"


def _num(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
