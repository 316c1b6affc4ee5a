"""The leader of a sweep, whose table and folder must tell one story."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from framework.errors import QuoteopsError
from framework.gates.comparison import Answer
from framework.gitops.errors import GitopsError
from framework.gitops.proposal.source import (
    RUN,
    Source,
    moment,
    named_values,
    number,
    read_object,
    read_whole,
    table_lines,
    values_of_words,
)
from framework.gitops.proposal.world import World, world_of
from framework.session.present import tried_words
from framework.soak.sweep.ranking import level_for
from framework.soak.sweep.row import Measured, RankedRow, Standing
from framework.soak.sweep.table import SWEEP, Sweep, read_sweep


def read_swept(folder: Path, anyway: bool) -> Source:
    """Read a sweep's folder. Raises GitopsError for one that is not whole, or that proved nothing."""
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
            f" runs, at least {number(standing.bar_per_day)} {standing.quote} a day; allowed a bound above 0"
            f" at the turnover there is, or --anyway"
        )
    _refuse_edited(sweep, standing, where)
    world = _leaders_world(folder, sweep, first)
    fixed = [word for word in tried_words(sweep.words) if word.partition("=")[0] not in first.values]
    windows = tuple(
        Window(digest, moment(start_ns), moment(end_ns))
        for tape, start_ns, end_ns in sweep.tapes
        for digest in _tapes_behind(tape, folder, sweep)
    )
    reason = f"leader of {sweep.trials} cells of {folder.name}"
    lines = _sweep_lines(sweep, first.label, standing, world)
    values = {**values_of_words(fixed, where=str(where)), **named_values(first.values, where)}
    return Source(values, reason, windows, lines, trials=sweep.trials, world=world)


def _refuse_edited(sweep: Sweep, standing: Standing, where: Path) -> None:
    """Refuse a table whose own figures contradict each other. Raises GitopsError."""
    better, played = Answer.BETTER.value, sum(row.measured is not None for row in sweep.cells)
    for what, told, follows in (
        ("proven", standing.proven, standing.answer == better),
        ("verdict", sweep.verdict.value, standing.answer),
        ("trials", sweep.trials, played),
        ("planned", sweep.planned, len(sweep.cells)),
        ("level", f"{sweep.level:.6g}", f"{level_for(trials=played):.6g}"),
    ):
        if told != follows:
            raise GitopsError(
                f"{where}: {what} is {told}, by its own rows {follows}; allowed what a sweep has written"
            )
    if not sweep.tapes:
        raise GitopsError(f"{where}: names no tapes; allowed what a sweep has written")


def _leaders_world(folder: Path, sweep: Sweep, first: RankedRow) -> World:
    """Read where the leader was played: its run.json must be that of the row. Raises GitopsError."""
    where = folder / first.folder / RUN
    if not where.is_file():
        raise GitopsError(
            f"{where}: is missing, and it alone says on which market, venue and fees the leader was played;"
            " allowed the whole folder of a sweep"
        )
    run = read_whole(where)
    row = run.get("row")
    measured = {field.name: getattr(first.measured, field.name) for field in fields(Measured)}
    told = {"values": dict(first.values), **measured}
    if not isinstance(row, dict) or any(row.get(name) != value for name, value in told.items()):
        raise GitopsError(f"{where}: is not the run of {first.label}; allowed what the sweep has written")
    world = world_of(run, where=where)
    if run["runtime"].get("tape_digest") not in {tape for tape, _, _ in sweep.tapes}:
        raise GitopsError(
            f"{where}: was played on a tape the sweep does not name; allowed what it has written"
        )
    return world


def _tapes_behind(tape: str, folder: Path, sweep: Sweep) -> list[str]:
    """Return the digests of a market's tapes: of several symbols on one account it has one for all."""
    for row in sweep.cells:
        where = folder / row.folder / RUN
        if row.measured is None or not where.is_file():
            continue
        run = read_object(where)
        runtime, tapes = run.get("runtime"), run.get("tapes")
        if isinstance(runtime, dict) and isinstance(tapes, dict) and runtime.get("tape_digest") == tape:
            return sorted({str(one) for one in tapes.values()})
    return [tape]


def _sweep_lines(sweep: Sweep, label: str, first: Standing, world: World) -> tuple[str, ...]:
    """Say what leads a sweep and how far that is proven, as Markdown."""
    rows = [
        ("cell", label),
        ("words", " ".join(sweep.words)),
        *world.rows,
        ("compared with", sweep.present or None),
        ("better?", sweep.verdict.words),
        ("gain, bps of its turnover", _between(first.gain_bps, first.gain_bps_lower, first.gain_bps_upper)),
        (
            f"gain, {first.quote or 'quote'} a day",
            _between(first.gain_per_day, first.gain_per_day_lower, first.gain_per_day_upper),
        ),
        ("turnover against what runs", number(first.turnover_vs_present)),
        ("KPI verdict", first.verdict),
        ("trials", sweep.trials),
        ("fills", first.fills),
        (
            "30-s markout net, bps",
            f"{number(first.markout_net_30s_bps)} ± {number(first.markout_net_30s_se_bps)}",
        ),
        ("at least, alone (95 %)", number(first.lower_bps)),
        (
            f"at least, best of {sweep.trials} (level {sweep.level:.4g})",
            number(first.deflated_lower_bps),
        ),
        ("turnover against the first cell", number(first.turnover_vs_first)),
    ]
    bar = f"The bar is raised for {sweep.trials} trials: the best of many worthless cells looks good."
    lines = (*table_lines(rows), "", bar)
    if first.proven:
        return lines
    return (*lines, "", "**Nothing is proven by this sweep**; it is proposed all the same, as asked.")


def _between(value: float | None, low: float | None, high: float | None) -> str:
    bounds = "open" if low is None or high is None else f"{number(low)} to {number(high)}"
    return f"{number(value)} ({bounds})"
