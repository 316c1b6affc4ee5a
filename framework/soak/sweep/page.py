"""The page of a sweep: what leads and by how much, what each parameter does, every cell with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from framework.gates.comparison import ALPHA, FEW_FILLS, TURNOVER_FLOOR, Answer
from framework.soak.page.earnings import Tile
from framework.soak.page.standing import QUESTION, AnswerWords, answer_tint, tint
from framework.soak.page.template import fill_template
from framework.soak.page.words import NONE, fixed, interval, num, percent, typeset, whole
from framework.soak.sweep import charts
from framework.soak.sweep.grid import Grid, grid_of
from framework.soak.sweep.row import RankedRow, Standing
from framework.soak.sweep.table import Sweep
from framework.soak.sweep.text import claim

HERE = Path(__file__).parent
STYLES = (HERE.parent / "page" / "report.css", HERE / "sweep.css")
SHOWN = 200
"""Rows of the table; SWEEP.json holds all."""


@dataclass(frozen=True)
class AxisHead:
    """The head of a parameter's column: its name, and the short one, also as HTML that may break."""

    name: str
    short: str
    broken: str


@dataclass(frozen=True, kw_only=True)
class CellGauge:
    """Bar, gain and zero on a line from 0 to 100."""

    start: float
    width: float
    value: float
    zero: float


@dataclass(frozen=True, kw_only=True)
class PlayedCell:
    """What a cell came to, in words."""

    gain: str
    markout: str
    error_bps: str
    bar: str
    net: str
    interval: str
    fills: str
    turnover: str
    answer: str
    answer_tint: str
    verdict: str
    tint: str
    tone: str
    is_present: bool
    same_as: int | None
    gauge: CellGauge | None


@dataclass(frozen=True, kw_only=True)
class CellRow:
    """A cell in its place, played or with the error for which it could not be."""

    rank: int
    cell: int
    shown: list[str]
    error: str | None
    played: PlayedCell | None


def render_sweep(sweep: Sweep) -> str:
    """Render a sweep as one HTML page without scripts or wall time: the same bytes for the same sweep."""
    grid = grid_of(sweep)
    return fill_template(
        HERE / "sweep.html",
        **_words(sweep, grid),
        figures=_figures(grid),
        style="".join(path.read_text("utf-8") for path in STYLES),
    )


def _figures(grid: Grid) -> dict[str, Any]:
    return {
        "parallel": [charts.parallel(grid, narrow=narrow) for narrow in (False, True)],
        "effects": charts.effects(grid),
        "heat": charts.heat_maps(grid),
    }


def _words(sweep: Sweep, grid: Grid) -> dict[str, Any]:
    return {
        "answers": _answers(sweep),
        "worth": grid.name,
        "floor": percent(TURNOVER_FLOOR),
        "present": sweep.present,
        "span": _span(sweep),
        "headline": _headline(sweep),
        "repeat": None if sweep.leader is None else _repeat(sweep, sweep.leader[0]),
        "axes": [
            AxisHead(axis.name, axis.short.replace("_", "_\u200b"), _broken(axis.short)) for axis in grid.axes
        ],
        "rows": _rows(sweep.cells[:SHOWN], grid),
        "hidden": max(0, len(sweep.cells) - SHOWN),
        "level": percent(sweep.level),
        "alpha": percent(ALPHA),
        "trials": sweep.trials,
        "tapes": sweep.seen,
        "words": " ".join(sweep.words),
    }


def _answers(sweep: Sweep) -> list[AnswerWords]:
    """Give the leader's two answers."""
    shade = answer_tint(sweep.verdict)
    better = AnswerWords(
        question=QUESTION,
        word=sweep.verdict.words,
        tint=shade,
        text=typeset(claim(sweep)),
        beside=f"What runs: {sweep.present or 'unknown'}.",
    )
    if sweep.leader is None:
        return [better]
    verdict = sweep.leader[1].verdict
    kpi = AnswerWords(
        question="Does the leader meet the KPI?",
        word=verdict,
        tint=tint(verdict),
        text="its key figures stand in its own report",
    )
    return [better, kpi]


def _broken(name: str) -> str:
    """Let a long name break at its underscores."""
    return escape(name).replace("_", "_<wbr>")


def _span(sweep: Sweep) -> str:
    tapes = sweep.seen
    if not tapes:
        return "no tape played"
    several = f", and {len(tapes) - 1} more" if len(tapes) > 1 else ""
    start, end = (tapes[0][name].replace("T", " ")[:16] for name in ("start", "end"))
    return f"{start} to {end} UTC{several}"


def _headline(sweep: Sweep) -> list[Tile]:
    failed = f"{sweep.failed} could not run" if sweep.failed else "none failed"
    tiles = [("Cells played", f"{sweep.trials} of {sweep.planned}", failed)]
    if sweep.leader is not None:
        _, best = sweep.leader
        error = num(best.markout_net_30s_se_bps)
        proven = "above zero: proven" if best.proven else "not proven"
        few = min(best.fills, best.present_fills or 0) < FEW_FILLS
        gain = (
            "too few fills for bps"
            if few
            else f"{num(best.gain_bps, plus=True)} bps of the present's turnover"
        )
        tiles += [
            ("Gain on what runs", num(best.gain_per_day, plus=True), f"{best.quote} a day, {gain}"),
            ("Its bar", num(best.bar_per_day, plus=True), f"{best.quote} a day, {proven}"),
            ("Its turnover", percent(best.turnover_vs_present), f"of what runs, {whole(best.fills)} fills"),
            ("Its markout", num(best.markout_net_30s_bps, plus=True), f"bps net after 30 s ± {error}"),
        ]
    tiles.append(("Level of a cell", percent(sweep.level), f"one-sided, {percent(ALPHA)} together"))
    return [Tile(*tile) for tile in tiles]


def _repeat(sweep: Sweep, row: RankedRow) -> str:
    kept = [word for word in sweep.words if word.partition("=")[0] not in row.values]
    return " ".join(["quoteops soak", *kept, *(f"{key}={value}" for key, value in row.values.items())])


def _rows(rows: Sequence[RankedRow], grid: Grid) -> list[CellRow]:
    low, high = _reach(rows)
    return [
        CellRow(
            rank=row.rank,
            cell=row.cell,
            shown=[grid.shown(axis, row) for axis in grid.axes],
            error=row.error,
            played=None if row.measured is None else _played(row.measured, low, high, _tone(row, grid)),
        )
        for row in rows
    ]


def _tone(row: RankedRow, grid: Grid) -> str:
    shade = charts.shade_of(grid, row)
    return "muted" if shade == "faint" else shade


def _played(row: Standing, low: float, high: float, tone: str) -> PlayedCell:
    return PlayedCell(
        markout=fixed(row.markout_net_30s_bps, plus=True),
        error_bps=fixed(row.markout_net_30s_se_bps),
        gain=fixed(row.gain_per_day, plus=True),
        bar=fixed(row.bar_per_day, plus=True),
        net=fixed(row.net_bps, plus=True),
        interval=interval(row.net_bps_lower, row.net_bps_upper, digits=2),
        fills=whole(row.fills),
        turnover=percent(row.turnover_vs_present),
        answer=NONE if row.answer is None else Answer(row.answer).words,
        answer_tint="muted" if row.answer is None else answer_tint(Answer(row.answer)),
        is_present=row.is_present,
        verdict=row.verdict,
        tint=tint(row.verdict),
        tone=tone,
        same_as=row.same_as,
        gauge=_gauge(row, low, high),
    )


def _band(row: Standing) -> tuple[float, float, float] | None:
    """Give the bar, the gain and the bar's mirror image above it."""
    value, bar = row.gain_per_day, row.bar_per_day
    return None if value is None or bar is None else (bar, value, 2.0 * value - bar)


def _reach(rows: Sequence[RankedRow]) -> tuple[float, float]:
    bands = [band for row in rows if row.measured and (band := _band(row.measured))]
    return min((0.0, *(band[0] for band in bands))), max((0.0, *(band[2] for band in bands)))


def _gauge(row: Standing, low: float, high: float) -> CellGauge | None:
    band = _band(row)
    if band is None or high <= low:
        return None

    def place(value: float) -> float:
        return round(100.0 * (value - low) / (high - low), 2)

    return CellGauge(
        start=place(band[0]),
        width=round(place(band[2]) - place(band[0]), 2),
        value=place(band[1]),
        zero=place(0.0),
    )
