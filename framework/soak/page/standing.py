"""The verdict in words and the key figures of each profile against their limits."""

from __future__ import annotations

from typing import Any

from framework.gates.kpi import METRICS
from framework.soak.page.palette import VERDICT_COLOURS
from framework.soak.page.words import hours, interval, known, num


def tint(verdict: str) -> str:
    """Give the colour name of a verdict."""
    return VERDICT_COLOURS.get(verdict, "muted")


def profiles(gate: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each profile with its rows, the deciding one first."""
    names = sorted(gate["profiles"], key=lambda name: (name != gate["decides"], name))
    return [_profile(name, gate["profiles"][name], decides=name == gate["decides"]) for name in names]


def _profile(name: str, judged: dict[str, Any], *, decides: bool) -> dict[str, Any]:
    how = "judged on 90 % intervals" if judged["judge"] == "interval" else "judged on the measured values"
    return {
        "name": name,
        "decides": decides,
        "verdict": judged["verdict"],
        "tint": tint(judged["verdict"]),
        "how": f"{how}, from {judged['min_fills']} fills",
        "hours": None if judged["hours_needed"] is None else hours(judged["hours_needed"]),
        "rows": [_kpi_row(row) for row in judged["rows"]],
    }


def _kpi_row(row: dict[str, Any]) -> dict[str, Any]:
    sign = "≥" if row["better"] == "higher" else "≤"
    limits = [(word, known(row[word])) for word in ("hard", "soft", "ideal")]
    kinds = {"hard": "limit", "soft": "target", "ideal": "ideal"}
    needed = known(row["hours_needed"])
    return {
        "label": METRICS[row["metric"]].label,
        "unit": row["unit"],
        "value": num(row["value"]),
        "interval": interval(row["lower"], row["upper"]),
        "limits": [f"{kinds[word]} {sign} {num(x)}" for word, x in limits if x is not None],
        "verdict": row["verdict"],
        "tint": tint(row["verdict"]),
        "note": row["note"],
        "hours": None if needed is None else f"{hours(needed)} of tape would tell",
        "gauge": gauge(row),
    }


def gauge(row: dict[str, Any]) -> dict[str, Any] | None:
    """Place value, interval and limits of a KPI on a line from 0 to 100; None when nothing was measured."""
    value = known(row["value"])
    limits = [x for x in (known(row["hard"]), known(row["soft"])) if x is not None]
    if value is None or not limits:
        return None
    given = [value, *limits]
    room = (max(given) - min(given)) * 0.5 or abs(value) * 0.5 or 1.0
    low, high = min(given) - room, max(given) + room

    def place(x: float | None, otherwise: float) -> float:
        return otherwise if x is None else round(min(max((x - low) / (high - low), 0.0), 1.0) * 100.0, 1)

    start, end = place(known(row["lower"]), 0.0), place(known(row["upper"]), 100.0)
    bounded = known(row["lower"]) is not None or known(row["upper"]) is not None
    return {
        "value": place(value, 0.0),
        "start": start,
        "width": round(max(end - start, 0.0), 1) if bounded else None,
        "limits": [place(x, 0.0) for x in limits],
    }
