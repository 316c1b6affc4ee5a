"""The package that a soak tuned, with the words it was tuned beside and what not tuning earned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import read_text
from framework.files.moments import iso_utc
from framework.gates.comparison import Answer
from framework.gitops.errors import GitopsError
from framework.gitops.proposal.source import (
    RUN,
    Source,
    moment,
    number,
    read_object,
    read_whole,
    table_lines,
    values_of_words,
)
from framework.gitops.proposal.world import WRITTEN, world_of
from framework.session.present import is_world

TUNED = "soak/runtime_overrides.json"
TUNING = "soak/TUNING_REPORT.json"
KPI_GATE = "reports/KPI_GATE.json"
SUMMARY = "reports/gates_summary.json"
MAY_BE_PROPOSED = ("PASS", "WARN", "INCONCLUSIVE")
"""What a soak's verdict may be; one that is missing or no verdict is none of them."""


@dataclass(frozen=True, kw_only=True)
class _Totals:
    """What a proposal says of a run: its window, and what it earned, None where that is unknown."""

    start: datetime
    end: datetime
    fills: int
    net_bps: float | None
    markout_net_30s_bps: float | None
    markout_net_30s_se_bps: float | None


def read_soak(folder: Path, anyway: bool) -> Source:
    """Read a soak's folder. Raises GitopsError for a run that is not whole, and for one that lost."""
    from framework.settings.patch import Window, parse_patch

    where = folder / RUN
    run = read_whole(where)
    patch = parse_patch(read_text(folder / TUNED), where=str(folder / TUNED), json=True)
    if not anyway:
        _refuse_loser(folder, run)
    totals = _totals(folder / "reports" / "EDGE_REPORT.json")
    world = world_of(run, where=where)
    tried = _tried_in(run, where)
    windows = tuple(Window(digest, totals.start, totals.end) for digest in sorted(set(world.tapes.values())))
    rows = [
        ("verdict", run.get("verdict")),
        ("config_sha", run.get("config_sha")),
        ("code", run.get("code_sha")),
        ("tape", run["runtime"].get("tape")),
        ("window", f"{iso_utc(totals.start, timespec='auto')} to {iso_utc(totals.end, timespec='auto')}"),
        ("fills", totals.fills),
        ("net, bps", number(totals.net_bps)),
        (
            "30-s markout net, bps",
            f"{number(totals.markout_net_30s_bps)} ± {number(totals.markout_net_30s_se_bps)}",
        ),
        *world.rows,
        ("words", " ".join(_words_of(run, where)) or None),
    ]
    note = "The values were found on this window; it cannot judge them, so the gate leaves it out."
    lines = (*table_lines(rows), *_arms(folder), "", note)
    values = {**tried, **patch.values}
    return Source(values, f"tuned in soak {folder.name}", windows, lines, world=world)


def _refuse_loser(folder: Path, run: Mapping[str, Any]) -> None:
    """Refuse a soak that missed its KPIs, is worse than what runs or lost to static. Raises GitopsError."""
    verdicts = {name: read_object(folder / name).get("verdict") for name in (RUN, KPI_GATE)}
    for name, verdict in verdicts.items():
        if verdict not in MAY_BE_PROPOSED:
            raise GitopsError(f"{folder / name}: verdict is {verdict}; allowed another one, or --anyway")
    beside = read_object(folder / SUMMARY).get("comparison")
    answer = beside.get("answer") if isinstance(beside, dict) else None
    if answer in (Answer.WORSE.value, Answer.TOO_QUIET.value):
        raise GitopsError(
            f"{folder / SUMMARY}: the run is {Answer(answer).words} beside what runs; allowed what is not, or"
            " --anyway"
        )
    _refuse_loser_to_static(folder)


def _refuse_loser_to_static(folder: Path) -> None:
    """Refuse what tuning made worse, and tuning beside which nothing was played. Raises GitopsError."""
    where = folder / TUNING
    if read_object(where).get("enabled") is False:
        return
    worth = {row["arm"]: _worth(row) for row in _arm_rows(folder)}
    tuned, static = worth.get("tuned"), worth.get("static")
    if tuned is None or static is None:
        raise GitopsError(
            f"{where}: does not say what tuning earned beside not tuning; allowed a run that played both, or"
            " --anyway"
        )
    if tuned < static:
        raise GitopsError(
            f"{folder}: tuned earns {number(tuned)} after 30 s, not tuning {number(static)}; allowed what"
            " does not lose to static, or --anyway"
        )


def _arm_rows(folder: Path) -> list[dict[str, Any]]:
    """Return what was played beside each other, rows that name an arm alone."""
    path = folder / TUNING
    rows = read_object(path).get("arms") if path.is_file() else None
    return [row for row in rows or () if isinstance(row, dict) and isinstance(row.get("arm"), str)]


def _worth(row: Mapping[str, Any]) -> float | None:
    """Return the markout net of an arm in quote currency."""
    bps, turnover = row.get("markout_net_30s_bps"), row.get("turnover_quote")
    if turnover == 0:  # an arm that traded nothing earned nothing
        return 0.0
    if not isinstance(bps, (int, float)) or not isinstance(turnover, (int, float)):
        return None
    worth = bps * turnover / 1e4
    return worth if math.isfinite(worth) else None


def _arms(folder: Path) -> tuple[str, ...]:
    rows = [
        (f"arm {row['arm']}", f"{number(row.get('markout_net_30s_bps'))} bps, {row.get('fills')} fills")
        for row in _arm_rows(folder)
    ]
    return (
        ("", "30-s markout net beside not tuning, on the same tape:", "", *table_lines(rows)) if rows else ()
    )


def _words_of(run: Mapping[str, Any], where: Path) -> list[str]:
    """Return the words a run was given, the files it chose among them. Raises GitopsError."""
    told = run.get("sources")
    if not isinstance(told, dict) or not told or not all(isinstance(one, str) for one in told.values()):
        raise GitopsError(f"{where}: does not say with which words it ran (sources); {WRITTEN}")
    return sorted(
        {
            source.removeprefix("command line ")
            for source in told.values()
            if source.startswith("command line ")
        }
    )


def _tried_in(run: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """Return the values that a run's own words tried, which what it tuned was tuned beside."""
    return values_of_words([word for word in _words_of(run, where) if not is_world(word)], where=str(where))


def _totals(path: Path) -> _Totals:
    report = read_object(path)
    try:
        totals = report["totals"]
        return _Totals(
            start=moment(totals["start_ns"]),
            end=moment(totals["end_ns"]),
            fills=totals["fills"],
            net_bps=totals["net_bps"],
            markout_net_30s_bps=totals["markout_net_30s_bps"],
            markout_net_30s_se_bps=totals["markout_net_30s_se_bps"],
        )
    except (KeyError, TypeError) as error:
        raise GitopsError(f"{path}: no totals to read ({error}); allowed what a run has written") from error
