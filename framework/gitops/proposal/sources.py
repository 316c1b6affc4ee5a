"""What a proposal rests on: a tuned package of a soak, the winner of a sweep, or a patch somebody wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.files.atomic import read_text
from framework.gitops.errors import GitopsError
from framework.session.published import behind
from framework.soak.sweep.row import Standing
from framework.soak.sweep.table import SWEEP, Sweep, read_sweep

if TYPE_CHECKING:
    from framework.settings.patch import Window

RUN = "run.json"
TUNED = "soak/runtime_overrides.json"


@dataclass(frozen=True)
class Source:
    """Values with what is known of them."""

    values: dict[str, Any]
    reason: str
    windows: tuple[Window, ...]
    """What has been seen in finding the values, so that no gate judges by it."""

    lines: tuple[str, ...]
    """Markdown for the pull request."""

    trials: int = 1


@dataclass(frozen=True, kw_only=True)
class _Totals:
    """What a proposal says of a run: its window, and what it earned, None where that is unknown."""

    start: datetime
    end: datetime
    fills: int
    net_bps: float | None
    markout_net_30s_bps: float | None
    markout_net_30s_se_bps: float | None


def read_source(path: Path, *, anyway: bool = False) -> Source:
    """Read a run's folder, a sweep's, a tuned package, SWEEP.json or a patch.

    Raises GitopsError for a run that is not complete and for a sweep that proved nothing; ``anyway`` takes
    the sweep's leader all the same, and the body says so.
    """
    path = behind(path)
    if path.is_dir():
        for name, read in ((SWEEP, _sweep), (RUN, _run)):
            if (path / name).is_file():
                return read(path, anyway)
        if path / "runtime_overrides.json" == path.parent / TUNED and (path.parent / RUN).is_file():
            return _run(path.parent, anyway)
        raise GitopsError(f"{path}: holds neither {SWEEP} nor {RUN}; allowed a run's or a sweep's folder")
    if path.name == SWEEP:
        return _sweep(path.parent, anyway)
    run = path.parent.parent
    if path == run / TUNED and (run / RUN).is_file():
        return _run(run, anyway)
    return _patch(path)


def _patch(path: Path) -> Source:
    from framework.settings.patch import parse_patch

    patch = parse_patch(read_text(path), where=str(path), json=path.suffix == ".json")
    reason = patch.reason or f"values of {path.name}"
    line = "No run stands behind these values: the gate is all the evidence there will be."
    return Source(dict(patch.values), reason, patch.tuned_on, (line,))


def _run(folder: Path, anyway: bool) -> Source:
    from framework.settings.patch import Window, parse_patch

    run = _object(folder / RUN)
    if run.get("status") != "complete":
        raise GitopsError(f"{folder / RUN}: status is {run.get('status')}; allowed a complete run")
    patch = parse_patch(read_text(folder / TUNED), where=str(folder / TUNED), json=True)
    totals = _totals(folder / "reports" / "EDGE_REPORT.json")
    tapes = run.get("tapes")
    if not isinstance(tapes, dict) or not tapes:
        raise GitopsError(f"{folder / RUN}: names no tapes; allowed what a run has written")
    windows = tuple(Window(digest, totals.start, totals.end) for digest in sorted(set(tapes.values())))
    rows = [
        ("verdict", run.get("verdict")),
        ("config_sha", run.get("config_sha")),
        ("code", run.get("code_sha")),
        ("seed", run.get("seed")),
        ("tape", (run.get("runtime") or {}).get("tape")),
        ("window", f"{totals.start.isoformat()} to {totals.end.isoformat()}"),
        ("fills", totals.fills),
        ("net, bps", _number(totals.net_bps)),
        (
            "30-s markout net, bps",
            f"{_number(totals.markout_net_30s_bps)} ± {_number(totals.markout_net_30s_se_bps)}",
        ),
    ]
    note = "The values were found on this window; it cannot judge them, so the gate leaves it out."
    return Source(dict(patch.values), f"tuned in soak {folder.name}", windows, (*_table(rows), "", note))


def _totals(path: Path) -> _Totals:
    report = _object(path)
    try:
        totals = report["totals"]
        return _Totals(
            start=_at(totals["start_ns"]),
            end=_at(totals["end_ns"]),
            fills=totals["fills"],
            net_bps=totals["net_bps"],
            markout_net_30s_bps=totals["markout_net_30s_bps"],
            markout_net_30s_se_bps=totals["markout_net_30s_se_bps"],
        )
    except (KeyError, TypeError) as error:
        raise GitopsError(f"{path}: no totals to read ({error}); allowed what a run has written") from error


def _sweep(folder: Path, anyway: bool) -> Source:
    from framework.settings.patch import Window

    where = folder / SWEEP
    try:
        sweep = read_sweep(where)
    except QuoteopsError as error:
        raise GitopsError(str(error)) from error
    if not sweep.complete:
        raise GitopsError(f"{where}: status is incomplete; allowed a complete sweep")
    if sweep.leader is None:
        raise GitopsError(f"{where}: no cell could run; allowed a sweep with results")
    first, standing = sweep.leader
    if not standing.proven and not anyway:
        raise GitopsError(
            f"{where}: nothing is proven: the best of {sweep.trials} earns at least"
            f" {_number(standing.deflated_lower_bps)} bps; allowed a bound above 0, or --anyway"
        )
    windows = tuple(Window(tape, _at(start_ns), _at(end_ns)) for tape, start_ns, end_ns in sweep.tapes)
    reason = f"leader of {sweep.trials} cells of {folder.name}"
    lines = _sweep_lines(sweep, first.label, standing)
    return Source(_named(first.values, where), reason, windows, lines, trials=sweep.trials)


def _sweep_lines(sweep: Sweep, label: str, first: Standing) -> tuple[str, ...]:
    """Say what leads a sweep and how far that is proven, as Markdown."""
    rows = [
        ("cell", label),
        ("verdict", first.verdict),
        ("trials", sweep.trials),
        ("fills", first.fills),
        (
            "30-s markout net, bps",
            f"{_number(first.markout_net_30s_bps)} ± {_number(first.markout_net_30s_se_bps)}",
        ),
        ("at least, alone (95 %)", _number(first.lower_bps)),
        (
            f"at least, best of {sweep.trials} (level {sweep.level:.4g})",
            _number(first.deflated_lower_bps),
        ),
        ("turnover against the first cell", _number(first.turnover_vs_first)),
    ]
    bar = f"The bar is raised for {sweep.trials} trials: the best of many worthless cells looks good."
    lines = (*_table(rows), "", bar)
    if first.proven:
        return lines
    return (*lines, "", "**Nothing is proven by this sweep**; it is proposed all the same, as asked.")


def _named(values: Mapping[str, Any], where: Path) -> dict[str, Any]:
    from framework.settings.fields import runtime_fields, why_refused

    named = {key.removeprefix("params."): value for key, value in values.items()}
    for name in named:
        if name not in runtime_fields():
            raise GitopsError(f"{where}: {name} {why_refused(name)}")
    return named


def _table(rows: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    cells = [(name, str(value).replace("|", "\\|")) for name, value in rows if value is not None]
    return ("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in cells))


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_text(path))
    except ValueError as error:
        raise GitopsError(f"{path}: is not JSON; allowed what a run has written") from error
    except QuoteopsError as error:
        raise GitopsError(str(error)) from error
    if not isinstance(data, dict):
        raise GitopsError(f"{path}: is not an object; allowed what a run has written")
    return data


def _at(ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=-(-ns // 1_000))


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (int, float)) else "unknown"
