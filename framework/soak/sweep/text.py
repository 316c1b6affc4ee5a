"""A sweep in words: the ranked table for a terminal and for SWEEP.md, and what leads."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from framework.gates.comparison import ALPHA, FEW_FILLS, TURNOVER_FLOOR, Answer
from framework.gates.comparison_text import signed
from framework.soak.sweep.next_step import next_step
from framework.soak.sweep.row import RankedRow, Standing
from framework.soak.sweep.table import Sweep

HEAD = (
    "rank", "cell", "values", "{quote}/day", "bar", "gain bps", "turnover", "fills", "markout bps", "±",
    "net bps", "90 %", "better?", "KPI",
)  # fmt: skip
NARROW = (0, 1, 2, 3, 4, 5, 6, 7, 13)
"""What a terminal shows of it."""
LEAVE = (0, 1, 5)
"""What it goes without, one after the other, until the rest fits."""


def sweep_markdown(sweep: Sweep) -> str:
    """Give the sweep as Markdown."""
    lines = [_head(sweep), ("---",) * len(HEAD), *(_cells(row, str) for row in sweep.cells)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    text = f"{sentence(sweep)}\n\nWhat runs: {sweep.present or 'unknown'}."
    return f"# Sweep: {sweep.verdict.value}\n\n{text}\n\n{table}\n\n{_legend(sweep)}\n"


def sweep_text(sweep: Sweep, *, folder: str, root: Path, page: str = "", columns: int | None = None) -> str:
    """Give the sweep as aligned columns, the answer last; ``folder`` of ``root`` and ``page`` hold it."""
    rows = [_head(sweep), *(_cells(row, _short) for row in sweep.cells)]
    lines = _aligned(rows, NARROW)
    for gone in range(1, len(LEAVE) + 1):
        if columns is not None and max(map(len, lines)) > columns:
            lines = _aligned(rows, [k for k in NARROW if k not in LEAVE[:gone]])
    step = next_step(sweep, folder=folder, root=root)
    more = [_legend(sweep), f"what runs: {sweep.present or 'unknown'}", *([f"page: {page}"] if page else [])]
    more += [f"next: {step.removeprefix('try: ')}"] if step else []
    return "\n".join([*lines, *more, f"{sweep.verdict.words}: {sentence(sweep)}"]) + "\n"


def _aligned(rows: Sequence[Sequence[str]], kept: Sequence[int]) -> list[str]:
    wide = [max(len(row[k]) for row in rows) for k in kept]
    return [" ".join(row[k].ljust(w) for k, w in zip(kept, wide, strict=True)).rstrip() for row in rows]


def sentence(sweep: Sweep) -> str:
    """Say what the sweep found: whether its leader is better than what runs, then its KPI verdict."""
    if sweep.leader is None or sweep.leader[1].is_present or sweep.leader[1].answer is None:
        return claim(sweep)
    return f"{_claimed(*sweep.leader, sweep)}; its KPI verdict is {sweep.leader[1].verdict}{_lost(sweep)}"


def claim(sweep: Sweep) -> str:
    """Say whether its leader is better than what runs."""
    if sweep.leader is None:
        return f"no cell ran{_lost(sweep)}"
    best, standing = sweep.leader
    if standing.is_present:
        return f"nothing else than what runs was tried{_lost(sweep)}"
    return f"{_claimed(best, standing, sweep)}{_lost(sweep)}"


def _claimed(best: RankedRow, standing: Standing, sweep: Sweep) -> str:
    if standing.answer is None:
        return f"{best.label} was not compared with what runs"
    return f"{best.label} {_claim(standing, sweep)}"


def _lost(sweep: Sweep) -> str:
    lost = f"; {sweep.failed} could not run" if sweep.failed else ""
    if not sweep.complete:
        lost += f"; incomplete, {sweep.planned - len(sweep.cells)} of {sweep.planned} cells not played"
    return lost


def _claim(best: Standing, sweep: Sweep) -> str:
    gain, traded = _gain(best), _traded(best)
    match Answer(best.answer):
        case Answer.BETTER:
            return f"gains {gain} on what runs, at {traded}, proven among {_trials(sweep)}"
        case Answer.WORSE:
            return f"leads and is worse than what runs: {gain}, at {traded}"
        case Answer.TOO_QUIET:
            return f"leads at {traded}: no cell keeps {TURNOVER_FLOOR:.0%} of it, where a gain counts"
        case Answer.NO_EFFECT:
            return "leads and trades exactly as what runs does on this tape"
        case _:
            return f"leads with {gain} against what runs, at {traded}, not proven among {_trials(sweep)}"


def _gain(best: Standing) -> str:
    money = (
        f"{_interval(best.gain_per_day, best.gain_per_day_lower, best.gain_per_day_upper)} {best.quote} a day"
    )
    if min(best.fills, best.present_fills or 0) < FEW_FILLS:
        return money
    return f"{_interval(best.gain_bps, best.gain_bps_lower, best.gain_bps_upper)} bps, {money}"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return _signed(value)
    return f"{signed(value)} ({signed(low)} to {signed(high)})"


def _traded(best: Standing) -> str:
    ratio = best.turnover_vs_present
    return "a turnover that has no measure" if ratio is None else f"{ratio:.0%} of its turnover"


def _trials(sweep: Sweep) -> str:
    return "1 trial" if sweep.trials == 1 else f"{sweep.trials} trials"


def _quote(sweep: Sweep) -> str:
    return next((row.measured.quote for row in sweep.cells if row.measured and row.measured.quote), "quote")


def _head(sweep: Sweep) -> tuple[str, ...]:
    return tuple(name.format(quote=_quote(sweep)) for name in HEAD)


def _legend(sweep: Sweep) -> str:
    quote = _quote(sweep)
    return (
        f"gain: markout net of fees after 30 s less that of what runs, same tape, {quote}\n"
        f"a day and bps; bar: its lower bound at the level of {_trials(sweep)}\n"
        f"({sweep.level:.2%} one-sided each, {ALPHA:.0%} together); turnover: of what runs;\n"
        f"ranked by bar, cells below {TURNOVER_FLOOR:.0%} of the turnover after the others"
    )


def _short(label: str) -> str:
    """Leave out the groups in front of the names."""
    return re.sub(r"(^| )[\w.]*\.(\w+=)", r"\1\2", label)


def _cells(row: RankedRow, name: Callable[[str], str]) -> tuple[str, ...]:
    standing = row.measured
    label = name(row.label)
    if standing is None:
        blank = ("–",) * (len(HEAD) - 4)
        return (str(row.rank), str(row.cell), label, *blank, f"NOT RUN: {row.error}")
    notes = ["what runs"] * standing.is_present
    notes += [f"as cell {standing.same_as}"] * (standing.same_as is not None)
    few = min(standing.fills, standing.present_fills or 0) < FEW_FILLS
    ratio = standing.turnover_vs_present
    return (
        str(row.rank),
        str(row.cell),
        f"{label} ({', '.join(notes)})" if notes else label,
        _signed(standing.gain_per_day),
        _signed(standing.bar_per_day),
        "–" if few else _signed(standing.gain_bps),
        "–" if ratio is None else f"{ratio:.0%}",
        str(standing.fills),
        *_own_bps(standing),
        "–" if standing.answer is None else Answer(standing.answer).words,
        standing.verdict,
    )


def _own_bps(standing: Standing) -> tuple[str, ...]:
    """Give markout, its error, net and its interval; of too few fills none is worth a figure in bps."""
    if standing.fills < FEW_FILLS:
        return ("–",) * 4
    bounds = f"{_num(standing.net_bps_lower)} to {_num(standing.net_bps_upper)}"
    shown = (standing.markout_net_30s_bps, standing.markout_net_30s_se_bps, standing.net_bps)
    return (*map(_num, shown), bounds)


def _signed(value: float | None) -> str:
    return "–" if value is None else signed(value)


def _num(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
