"""The list of runs: artifacts/index.html."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.files.atomic import write_atomic
from framework.gates.comparison import Answer
from framework.soak.page.standing import answer_tint, tint
from framework.soak.page.template import fill_template
from framework.soak.page.words import NONE, fixed, hours, num, whole
from framework.soak.record import RUNS, RunRecord, read_run, read_table

if TYPE_CHECKING:
    pass

HERE = Path(__file__).parent / "page"
MOST = 60
"""So many of the newest runs are listed."""
SWEPT = "sweep-"
"""What the name of a sweep's folder begins with."""


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One run or sweep in the list; ``link`` is empty when it left no page."""

    name: str
    link: str
    kind: str
    environment: str
    answer: str
    answer_tint: str
    verdict: str
    tint: str
    market: str
    drawn: str
    cells: list[str]


def write_index(artifacts: Path) -> Path:
    """List the newest soaks and sweeps in artifacts/index.html, whole at every moment. Raises FileError."""
    folder = artifacts / RUNS
    names = [p.name for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    names.sort(key=lambda name: name.removeprefix(SWEPT), reverse=True)
    rows = [row for name in names[:MOST] if (row := _row(folder / name)) is not None]
    style = (HERE / "report.css").read_text("utf-8")
    page = fill_template(HERE / "runs.html", rows=rows, left_out=max(0, len(names) - MOST), style=style)
    write_atomic(path=artifacts / "index.html", data=page)
    return artifacts / "index.html"


def _row(folder: Path) -> RunRow | None:
    """Return the row of a run or of a sweep; None of a folder that holds neither."""
    if (run := read_run(folder)) is not None:
        return _soak_row(folder, run)
    table = read_table(folder / "SWEEP.json")
    return None if table is None else _sweep_row(folder, table)


def _soak_row(folder: Path, run: RunRecord) -> RunRow:
    told, about, settings = run.headline, run.runtime, run.settings
    verdict = run.verdict or "incomplete"
    return RunRow(
        name=folder.name,
        link=_link(folder, "reports/report.html"),
        kind="soak",
        environment=str(settings.get("soak", {}).get("environment") or NONE),
        answer=str(told.get("answer") or NONE),
        answer_tint=_answer_tint(str(told.get("answer"))),
        verdict=verdict,
        tint=tint(verdict),
        market=str(told.get("symbol") or about.get("tape") or NONE),
        drawn=_drawn(settings.get("market", {})),
        cells=[
            hours(told.get("hours")),
            fixed(told.get("net_bps"), plus=True), fixed(told.get("markout_net_30s_bps"), plus=True),
            num(told.get("net_quote"), plus=True), whole(told.get("fills")), num(about.get("maker_fee_bps")),
            run.config_sha[:12] or NONE,
        ],
    )  # fmt: skip


def _sweep_row(folder: Path, table: Mapping[str, Any]) -> RunRow:
    """Return the row of a sweep: its answer, and what its leader came to where that was played alone."""
    words = {str(word).partition("=")[0]: str(word).partition("=")[2] for word in table.get("words") or ()}
    leader = read_run(folder / "winner")
    row = RunRow(
        name=folder.name, link="", kind="", environment="", answer="", answer_tint="", verdict=NONE,
        tint="muted", market=NONE, drawn="", cells=[NONE] * 7,
    ) if leader is None else _soak_row(folder, leader)  # fmt: skip
    answer = str(table.get("verdict") or "").replace("INCONCLUSIVE", "NOT PROVEN").replace("_", " ")
    return replace(
        row,
        link=_link(folder, "SWEEP.html"),
        kind=f"sweep of {whole(table.get('planned'))}",
        environment=words.get("soak.environment") or NONE,
        answer=answer if table.get("status") == "complete" else "incomplete",
        answer_tint=_answer_tint(answer) if table.get("status") == "complete" else "muted",
    )


def _link(folder: Path, page: str) -> str:
    return f"{RUNS.as_posix()}/{folder.name}/{page}" if (folder / page).is_file() else ""


def _answer_tint(answer: str) -> str:
    return next((answer_tint(one) for one in Answer if one.words == answer), "muted")


def _drawn(market: Mapping[str, Any]) -> str:
    """Say of a market that was drawn from which preset; nothing of a recorded one."""
    return f"drawn: {market.get('preset')}" if market.get("kind") == "synthetic" else ""
