"""The page of a sweep: what leads and by how much, what each parameter does, every cell with its interval."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from framework.soak.page.palette import COLOURS
from framework.soak.page.standing import tint
from framework.soak.page.template import fill_template
from framework.soak.page.words import fixed, interval, known, num, percent, typeset, whole
from framework.soak.sweep import charts
from framework.soak.sweep.grid import Grid, grid_of
from framework.soak.sweep.text import sentence

HERE = Path(__file__).parent
STYLES = (HERE.parent / "page" / "report.css", HERE / "sweep.css")
SHOWN = 200
"""Rows of the table; SWEEP.json holds all."""


def render_sweep(sweep: dict[str, Any]) -> str:
    """Render a sweep as one HTML page without scripts or wall time: the same bytes for the same sweep."""
    grid = grid_of(sweep)
    return fill_template(
        HERE / "sweep.html",
        **_words(sweep, grid),
        figures=_figures(grid),
        colours=COLOURS,
        style="".join(path.read_text("utf-8") for path in STYLES),
    )


def _figures(grid: Grid) -> dict[str, Any]:
    return {
        "parallel": [charts.parallel(grid, narrow=narrow) for narrow in (False, True)],
        "effects": charts.effects(grid),
        "heat": charts.heat_maps(grid),
    }


def _words(sweep: dict[str, Any], grid: Grid) -> dict[str, Any]:
    rows = sweep["cells"]
    best = next((row for row in rows if "error" not in row), None)
    return {
        "verdict": sweep["verdict"],
        "tint": tint(sweep["verdict"]),
        "sentence": typeset(sentence(sweep)),
        "span": _span(sweep),
        "headline": _headline(sweep, best),
        "repeat": None if best is None else _repeat(sweep, best),
        "axes": [{"name": axis.name, "broken": _broken(axis.short)} for axis in grid.axes],
        "rows": _rows(rows[:SHOWN], grid),
        "hidden": max(0, len(rows) - SHOWN),
        "level": percent(sweep["level"]),
        "alpha": percent(sweep["alpha"]),
        "trials": sweep["trials"],
        "best": best,
        "tapes": sweep["tapes"],
        "words": " ".join(sweep["words"]),
    }


def _broken(name: str) -> str:
    """Let a long name break at its underscores."""
    return escape(name).replace("_", "_<wbr>")


def _span(sweep: dict[str, Any]) -> str:
    tapes = sweep["tapes"]
    if not tapes:
        return "no tape played"
    several = f", and {len(tapes) - 1} more" if len(tapes) > 1 else ""
    start, end = (tapes[0][name].replace("T", " ")[:16] for name in ("start", "end"))
    return f"{start} to {end} UTC{several}"


def _headline(sweep: dict[str, Any], best: dict[str, Any] | None) -> list[dict[str, str]]:
    failed = sum("error" in row for row in sweep["cells"])
    played = f"{sweep['trials']} of {sweep['planned']}"
    tiles = [("Cells played", played, f"{failed} could not run" if failed else "none failed")]
    if best is not None:
        error = num(best["markout_net_30s_se_bps"])
        band = interval(best["net_bps_lower"], best["net_bps_upper"])
        proven = "above zero: proven" if best["proven"] else "not proven above zero"
        tiles += [
            ("Leading markout", num(best["markout_net_30s_bps"], plus=True), f"bps net after 30 s ± {error}"),
            ("Its bar", num(best["deflated_lower_bps"], plus=True), f"bps, {proven}"),
            ("Its net", num(best["net_bps"], plus=True), f"bps, 90 %: {band}"),
            ("Its fills", whole(best["fills"]), f"turnover {percent(best['turnover_vs_first'])} of cell 0's"),
        ]
    tiles.append(
        ("Level of a cell", percent(sweep["level"]), f"one-sided, {percent(sweep['alpha'])} together")
    )
    return [{"name": name, "value": value, "beside": beside} for name, value, beside in tiles]


def _repeat(sweep: dict[str, Any], row: dict[str, Any]) -> str:
    kept = [word for word in sweep["words"] if word.partition("=")[0] not in row["values"]]
    return " ".join(["quoteops soak", *kept, *(f"{key}={value}" for key, value in row["values"].items())])


def _rows(rows: list[dict[str, Any]], grid: Grid) -> list[dict[str, Any]]:
    low, high = _reach(rows)
    return [
        {
            "rank": row["rank"],
            "cell": row["cell"],
            "values": [grid.shown(axis, row) for axis in grid.axes],
            "error": row.get("error"),
            **({} if "error" in row else _measured(row, low, high)),
        }
        for row in rows
    ]


def _measured(row: dict[str, Any], low: float, high: float) -> dict[str, Any]:
    return {
        "markout": fixed(row["markout_net_30s_bps"]),
        "error_bps": fixed(row["markout_net_30s_se_bps"]),
        "bar": fixed(row["deflated_lower_bps"]),
        "net": fixed(row["net_bps"]),
        "interval": interval(row["net_bps_lower"], row["net_bps_upper"], digits=2),
        "fills": whole(row["fills"]),
        "turnover": percent(row["turnover_vs_first"]),
        "verdict": row["verdict"],
        "tint": tint(row["verdict"]),
        "tone": "good" if row["proven"] else "net",
        "same_as": row["same_as"],
        "gauge": _gauge(row, low, high),
    }


def _band(row: dict[str, Any]) -> tuple[float, float, float] | None:
    """Give the bar, the markout and the bar's mirror image above it."""
    value, bar = known(row.get("markout_net_30s_bps")), known(row.get("deflated_lower_bps"))
    return None if value is None or bar is None else (bar, value, 2.0 * value - bar)


def _reach(rows: list[dict[str, Any]]) -> tuple[float, float]:
    bands = [band for row in rows if (band := _band(row)) is not None]
    return min((0.0, *(band[0] for band in bands))), max((0.0, *(band[2] for band in bands)))


def _gauge(row: dict[str, Any], low: float, high: float) -> dict[str, float] | None:
    band = _band(row)
    if band is None or high <= low:
        return None

    def place(value: float) -> float:
        return round(100.0 * (value - low) / (high - low), 2)

    return {
        "start": place(band[0]),
        "width": round(place(band[2]) - place(band[0]), 2),
        "value": place(band[1]),
        "zero": place(0.0),
    }
