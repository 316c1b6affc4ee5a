"""Runs beside each other: artifacts/index.html of all of them, and one compared with an earlier one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.edge.canonical import canonical
from framework.files.atomic import write_atomic
from framework.gates.comparison import Answer
from framework.session.errors import SoakError
from framework.settings.documents import leaves
from framework.soak.page.standing import answer_tint, tint
from framework.soak.page.template import fill_template
from framework.soak.page.words import NONE, fixed, hours, num, whole

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

HERE = Path(__file__).parent / "page"
RUNS = Path("runs") / "soak"
MOST = 60
"""So many of the newest runs are listed."""
FIGURES = (
    ("net_bps", "net, bps"), ("markout_net_30s_bps", "30-s markout net, bps"),
    ("gross_bps", "quoted edge, bps"), ("net_quote", "result"),
    ("max_drawdown_quote", "worst drawdown"), ("fills", "fills"),
    ("turnover_quote", "turnover"), ("break_even_maker_fee_bps", "break-even maker fee, bps"),
)  # fmt: skip
SAME = ("tape_digest", "maker_fee_bps", "seed", "clock", "version")
"""What both runs must have in common for their figures to be of one world."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run in the list; ``link`` is empty when it left no page."""

    name: str
    link: str
    verdict: str
    tint: str
    answer: str
    answer_tint: str
    cells: list[str]


@dataclass(frozen=True)
class EarlierRun:
    """What run.json of an earlier run says."""

    name: str
    run: dict[str, Any]


def headline_of(result: SoakResult) -> dict[str, Any]:
    """Return the figures that run.json holds for those who list and compare runs."""
    totals = result.totals
    given = {
        "symbol": result.symbol,
        "quote": result.reported.quote,
        "hours": totals.hours,
        "answer": "" if result.comparison is None else result.comparison.answer.words,
        "net_bps": totals.net_bps,
        "markout_net_30s_bps": totals.markout_30s.net_bps,
        "gross_bps": totals.parts["gross"].bps,
        "net_quote": totals.net_quote,
        "max_drawdown_quote": totals.max_drawdown_quote,
        "fills": totals.fills,
        "turnover_quote": totals.turnover_quote,
        "break_even_maker_fee_bps": result.break_even_maker_fee_bps,
    }
    plain: dict[str, Any] = canonical(given)
    return plain


def write_index(artifacts: Path) -> Path:
    """List the newest runs in artifacts/index.html, which is whole at every moment. Raises FileError."""
    folder = artifacts / RUNS
    names = sorted((p.name for p in folder.iterdir() if p.is_dir()), reverse=True) if folder.is_dir() else []
    rows = [row for name in names[:MOST] if (row := _row(folder / name)) is not None]
    style = (HERE / "report.css").read_text("utf-8")
    page = fill_template(HERE / "runs.html", rows=rows, left_out=max(0, len(names) - MOST), style=style)
    write_atomic(path=artifacts / "index.html", data=page)
    return artifacts / "index.html"


def _row(folder: Path) -> RunRow | None:
    """Return a run's row; None of a folder that holds none."""
    run = _read(folder)
    if run is None:
        return None
    told, about = run.get("headline") or {}, run.get("runtime") or {}
    verdict = str(run.get("verdict") or "incomplete")
    answer = str(told.get("answer") or "")
    page = folder / "reports" / "report.html"
    return RunRow(
        name=folder.name,
        link=f"runs/soak/{folder.name}/reports/report.html" if page.is_file() else "",
        verdict=verdict,
        tint=tint(verdict),
        answer=answer or NONE,
        answer_tint=next((answer_tint(one) for one in Answer if one.words == answer), "muted"),
        cells=[
            str(told.get("symbol") or about.get("tape") or NONE), hours(told.get("hours")),
            fixed(told.get("net_bps"), plus=True), fixed(told.get("markout_net_30s_bps"), plus=True),
            num(told.get("net_quote"), plus=True), whole(told.get("fills")), num(about.get("maker_fee_bps")),
            str(run.get("config_sha", NONE))[:12],
        ],
    )  # fmt: skip


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return run if isinstance(run, dict) else None


def earlier_run(named: str, *, artifacts: Path) -> EarlierRun:
    """Read a complete run, given by its folder or its name. Raises SoakError."""
    place = next((p for p in (Path(named), artifacts / RUNS / named) if (p / "run.json").is_file()), None)
    if place is None:
        raise SoakError(f"--compare: no run in {named} nor {artifacts / RUNS}; allowed the folder of a run")
    run = _read(place) or {}
    if not isinstance(run.get("headline"), dict):
        where = place / "run.json"
        raise SoakError(f"{where}: holds no figures to compare; allowed a complete run of this version")
    return EarlierRun(place.resolve().name, run)


def write_comparison(run: Path, *, earlier: EarlierRun) -> list[str]:
    """Say how a run differs from an earlier one, in reports/compare.txt too. Raises FileError."""
    lines = compared(_read(run) or {}, earlier=earlier)
    write_atomic(path=run / "reports" / "compare.txt", data="".join(f"{line}\n" for line in lines))
    return lines


def compared(here: Mapping[str, Any], *, earlier: EarlierRun) -> list[str]:
    """Say how a run differs from an earlier one: its world, its settings, its figures."""
    there = earlier.run
    lines = [f"beside {earlier.name}: {there.get('verdict')}, now {here.get('verdict')}"]
    apart = [name for name in SAME if _about(here, name) != _about(there, name)]
    if apart:
        lines.append(f"not of one world: {', '.join(apart)} differ, so no figure is due to settings alone")
    lines += _changed(there.get("settings", {}), here.get("settings", {}))
    for name, word in FIGURES:
        before, now = there["headline"].get(name), here["headline"].get(name)
        known = before is not None and now is not None
        lines.append(
            f"{word}: {num(before)} → {num(now)}{f' ({num(now - before, plus=True)})' if known else ''}"
        )
    return lines


def _about(run: Mapping[str, Any], name: str) -> Any:
    return run.get("runtime", {}).get(name)


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say which settings differ, but for those that name no behaviour."""
    one, other = (dict(leaves(dict(given))) for given in (before, now))
    names = sorted({*one, *other})
    return [
        f"changed {'.'.join(name)}: {one.get(name)} → {other.get(name)}"
        for name in names
        if one.get(name) != other.get(name)
    ] or ["changed: no setting"]
