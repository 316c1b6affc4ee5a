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
from framework.gitops.proposal.world import World, world_of
from framework.session.present import is_world, tried_words
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
    world: World | None = None


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
    if not anyway:
        _refuse_loser(folder, run)
    totals = _totals(folder / "reports" / "EDGE_REPORT.json")
    tape = str((run.get("runtime") or {}).get("tape"))
    world = world_of(run.get("settings"), tape=tape)
    tried = _tried_in(run)
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
    rows += [*(world.rows if world is not None else ()), ("words", " ".join(_words_of(run)) or None)]
    note = "The values were found on this window; it cannot judge them, so the gate leaves it out."
    lines = (*_table(rows), *_arms(folder), "", note)
    values = {**tried, **patch.values}
    return Source(values, f"tuned in soak {folder.name}", windows, lines, world=world)


def _refuse_loser(folder: Path, run: Mapping[str, Any]) -> None:
    """Refuse a soak that missed its KPIs or lost to not tuning. Raises GitopsError."""
    if run.get("verdict") == "FAIL":
        raise GitopsError(f"{folder / RUN}: verdict is FAIL; allowed another one, or --anyway")
    worth = {row["arm"]: _worth(row) for row in _arm_rows(folder)}
    tuned, static = worth.get("tuned"), worth.get("static")
    if tuned is not None and static is not None and tuned < static:
        raise GitopsError(
            f"{folder}: tuned earns {_number(tuned)} after 30 s, not tuning {_number(static)}; allowed what"
            " does not lose to static, or --anyway"
        )


def _arm_rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / "soak" / "TUNING_REPORT.json"
    return list(_object(path).get("arms") or ()) if path.is_file() else []


def _worth(row: Mapping[str, Any]) -> float | None:
    """Return the markout net of an arm in quote currency."""
    bps, turnover = row.get("markout_net_30s_bps"), row.get("turnover_quote")
    return None if bps is None or turnover is None else float(bps) * float(turnover) / 1e4


def _arms(folder: Path) -> tuple[str, ...]:
    rows = [
        (f"arm {row['arm']}", f"{_number(row.get('markout_net_30s_bps'))} bps, {row.get('fills')} fills")
        for row in _arm_rows(folder)
    ]
    return ("", "30-s markout net beside not tuning, on the same tape:", "", *_table(rows)) if rows else ()


def _words_of(run: Mapping[str, Any]) -> list[str]:
    """Return the words a run was given, the files it chose among them."""
    told = (run.get("sources") or {}).items()
    return sorted(
        {said.removeprefix("command line ") for _, said in told if said.startswith("command line ")}
    )


def _tried_in(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a run's own words tried, which what it tuned was tuned beside."""
    return _values([word for word in _words_of(run) if not is_world(word)], where=RUN)


def _values(words: Sequence[str], *, where: str) -> dict[str, Any]:
    """Return the values of plain words by the names a patch gives them. Raises GitopsError for a choice."""
    from framework.settings.documents import read_scalar

    found: dict[str, Any] = {}
    for word in words:
        key, _, text = word.lstrip("+").partition("=")
        if key == "soak.overrides_file":
            continue
        if "." not in key:
            raise GitopsError(
                f"{where}: was found with {word}, a choice of a file that a patch cannot make; allowed the"
                " environment's own, with soak.environment=NAME"
            )
        found[key] = read_scalar(text)
    return _named(found, Path(where))


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
            f"{where}: nothing is proven: the best of {sweep.trials} is {sweep.verdict.words} against what"
            f" runs, at least {_number(standing.bar_per_day)} {standing.quote} a day; allowed a bound above 0"
            f" at the turnover there is, or --anyway"
        )
    cell = folder / first.folder / RUN
    run = _object(cell) if cell.is_file() else {}
    world = world_of(run.get("settings"), tape=str((run.get("runtime") or {}).get("tape")))
    fixed = [word for word in tried_words(sweep.words) if word.partition("=")[0] not in first.values]
    windows = tuple(Window(tape, _at(start_ns), _at(end_ns)) for tape, start_ns, end_ns in sweep.tapes)
    reason = f"leader of {sweep.trials} cells of {folder.name}"
    lines = _sweep_lines(sweep, first.label, standing, world)
    values = {**_values(fixed, where=str(where)), **_named(first.values, where)}
    return Source(values, reason, windows, lines, trials=sweep.trials, world=world)


def _sweep_lines(sweep: Sweep, label: str, first: Standing, world: World | None) -> tuple[str, ...]:
    """Say what leads a sweep and how far that is proven, as Markdown."""
    rows = [
        ("cell", label),
        ("words", " ".join(sweep.words)),
        *(world.rows if world is not None else ()),
        ("compared with", sweep.present or None),
        ("better?", sweep.verdict.words),
        ("gain, bps of its turnover", _between(first.gain_bps, first.gain_bps_lower, first.gain_bps_upper)),
        (
            f"gain, {first.quote or 'quote'} a day",
            _between(first.gain_per_day, first.gain_per_day_lower, first.gain_per_day_upper),
        ),
        ("turnover against what runs", _number(first.turnover_vs_present)),
        ("KPI verdict", first.verdict),
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


def _between(value: float | None, low: float | None, high: float | None) -> str:
    bounds = "open" if low is None or high is None else f"{_number(low)} to {_number(high)}"
    return f"{_number(value)} ({bounds})"


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
