"""KPI profiles and the decision matrix in words, for the summary and SOAK_RESULTS.md."""

from __future__ import annotations

from typing import Any

from framework.gates.kpi import METRICS


def profile_lines(gate: dict[str, Any]) -> list[str]:
    """Give one line a profile: verdict and reasons, the deciding one marked."""
    return [
        f"profile {_name(gate, name)}: {judged['verdict']} {', '.join(judged['reasons'])}".rstrip()
        for name, judged in gate["profiles"].items()
    ]


def profile_table(gate: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Give head and rows of one table: every metric, and beside it each profile's limits and verdict."""
    profiles = gate["profiles"]
    judged = {name: {row["metric"]: row for row in p["rows"]} for name, p in profiles.items()}
    head = ["metric", "measured", "90 %", *(_name(gate, name) for name in profiles)]
    rows = []
    for metric in METRICS:
        found = [rows_of.get(metric) for rows_of in judged.values()]
        first = next((row for row in found if row is not None), None)
        if first is not None:
            unit = f" {first['unit']}" if first["unit"] else ""
            known = first["value"] is not None
            bounds = _bounds(first["lower"], first["upper"]) if known else "–"
            measured = f"{_num(first['value'])}{unit}" if known else "–"
            rows.append([metric, measured, bounds, *(_standing(row) for row in found)])
    verdicts = [f"**{p['verdict']}**" for p in profiles.values()]
    return head, [*rows, ["**verdict**", "", "", *verdicts]]


def _name(gate: dict[str, Any], name: str) -> str:
    return f"{name} (decides)" if name == gate["decides"] else name


def _standing(row: dict[str, Any] | None) -> str:
    if row is None:
        return "not judged"
    sign = "≥" if row["better"] == "higher" else "≤"
    limits = [f"{kind} {sign} {_num(row[key])}" for kind, key in _KINDS if row[key] is not None]
    return f"{row['verdict']}: {', '.join(limits)}"


_KINDS = (("limit", "hard"), ("target", "soft"))


def _bounds(lower: float | None, upper: float | None) -> str:
    if lower is None and upper is None:
        return "–"
    return f"{'-∞' if lower is None else _num(lower)} to {'∞' if upper is None else _num(upper)}"


def _num(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
