"""KPI profiles and the decision matrix in words, for the summary and SOAK_RESULTS.md."""

from __future__ import annotations

from framework.gates.gate import Gate
from framework.gates.kpi import ProfileVerdict, RowVerdict
from framework.gates.metrics import METRICS
from framework.soak.figures import num


def profile_lines(gate: Gate) -> list[str]:
    """Give one line a profile: verdict and reasons, the deciding one marked."""
    return [
        f"profile {_name(gate, name)}: {judged.verdict.value} {_reasons(judged)}".rstrip()
        for name, judged in gate.profiles.items()
    ]


def _reasons(judged: ProfileVerdict) -> str:
    """Name the reasons of the verdict, and after them those that alone would give another one."""
    return "; ".join(
        f"{'' if kind is judged.verdict else f'{kind.value} '}{', '.join(named)}"
        for kind, named in judged.by_verdict.items()
    )


def profile_table(gate: Gate) -> tuple[list[str], list[list[str]]]:
    """Give head and rows of one table: every metric, and beside it each profile's limits and verdict."""
    profiles = gate.profiles
    judged = {name: {row.metric: row for row in p.rows} for name, p in profiles.items()}
    head = ["metric", "measured", "90 %", *(_name(gate, name) for name in profiles)]
    rows = []
    for metric in METRICS:
        rows_of_metric = [rows_of.get(metric) for rows_of in judged.values()]
        first = next((row for row in rows_of_metric if row is not None), None)
        if first is not None:
            m, unit = first.measured, METRICS[metric].unit
            bounds = "–" if m.value is None else _bounds(m.lower, m.upper)
            measured = "–" if m.value is None else f"{num(m.value)} {unit}".rstrip()
            rows.append([metric, measured, bounds, *(_standing(row) for row in rows_of_metric)])
    verdicts = [f"**{p.verdict.value}**" for p in profiles.values()]
    return head, [*rows, ["**verdict**", "", "", *verdicts]]


def _name(gate: Gate, name: str) -> str:
    return f"{name} (decides)" if name == gate.decides else name


def _standing(row: RowVerdict | None) -> str:
    if row is None:
        return "not judged"
    sign = "≥" if METRICS[row.metric].higher_is_better else "≤"
    kinds = (("limit", row.hard), ("target", row.soft))
    limits = [f"{kind} {sign} {num(limit)}" for kind, limit in kinds if limit is not None]
    return f"{row.word}: {', '.join(limits)}"


def _bounds(lower: float | None, upper: float | None) -> str:
    if lower is None and upper is None:
        return "–"
    return f"{'-∞' if lower is None else num(lower)} to {'∞' if upper is None else num(upper)}"
