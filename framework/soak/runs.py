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
        )
    )
    return headline


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
    told, about, verdict = run.headline, run.runtime, run.verdict or "incomplete"
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
            run.config_sha[:12] or NONE,
        ],
    )  # fmt: skip


def _read(folder: Path) -> RunRecord | None:
    """Read run.json; None where it is none."""
    try:
        run = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(run, dict):
        return None
    tables = {name: run.get(name) for name in ("headline", "runtime", "settings")}
    return RunRecord(
        name=folder.resolve().name,
        verdict=str(run.get("verdict") or ""),
        config_sha=str(run.get("config_sha") or ""),
        **{name: table if isinstance(table, dict) else {} for name, table in tables.items()},
    )


def earlier_run(named: str, *, artifacts: Path) -> RunRecord:
    """Read a complete run, given by its folder or its name. Raises SoakError."""
    place = next((p for p in (Path(named), artifacts / RUNS / named) if (p / "run.json").is_file()), None)
    if place is None:
        raise SoakError(f"--compare: no run in {named} nor {artifacts / RUNS}; allowed the folder of a run")
    run = _read(place)
    if run is None or not run.headline:
        where = place / "run.json"
        raise SoakError(f"{where}: holds no figures to compare; allowed a complete run of this version")
    return run


def write_comparison(run: Path, *, earlier: RunRecord) -> list[str]:
    """Say how a complete run differs from an earlier one, in reports/compare.txt too. Raises FileError."""
    here = _read(run)
    assert here is not None
    lines = compared(here, earlier=earlier)
    write_atomic(path=run / "reports" / "compare.txt", data="".join(f"{line}\n" for line in lines))
    return lines


def compared(here: RunRecord, *, earlier: RunRecord) -> list[str]:
    """Say how a run differs from an earlier one: its world, its settings, its figures."""
    lines = [f"beside {earlier.name}: {earlier.verdict}, now {here.verdict}"]
    apart = [name for name in SAME if here.runtime.get(name) != earlier.runtime.get(name)]
    if apart:
        lines.append(f"not of one world: {', '.join(apart)} differ, so no figure is due to settings alone")
    lines += _changed(earlier.settings, here.settings)
    for name, word in FIGURES:
        before, now = earlier.headline.get(name), here.headline.get(name)
        more = "" if before is None or now is None else f" ({num(now - before, plus=True)})"
        lines.append(f"{word}: {num(before)} → {num(now)}{more}")
    return lines


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say which settings differ, but for those that name no behaviour."""
    one, other = (dict(leaves(dict(given))) for given in (before, now))
    names = sorted({*one, *other})
    return [
        f"changed {'.'.join(name)}: {one.get(name)} → {other.get(name)}"
        for name in names
        if one.get(name) != other.get(name)
    ] or ["changed: no setting"]
