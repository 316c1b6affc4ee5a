"""One run beside an earlier one: found, said in words, and put on the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from framework.files.atomic import write_atomic
from framework.gates.comparison_text import comparison_sentence
from framework.session.errors import SoakError
from framework.session.published import publish
from framework.soak.beside import Beside, EarlierRun, Figure, beside
from framework.soak.kept import read_kept
from framework.soak.page.words import interval, num
from framework.soak.record import RUNS, read_run

if TYPE_CHECKING:
    from framework.soak.result import SoakResult


def earlier_run(named: str, *, artifacts: Path) -> EarlierRun:
    """Read a complete run, given by its folder or its name. Raises SoakError."""
    place = next((p for p in (Path(named), artifacts / RUNS / named) if (p / "run.json").is_file()), None)
    if place is None:
        raise SoakError(f"--compare: no run in {named} nor {artifacts / RUNS}; allowed the folder of a run")
    run = read_run(place)
    if run is None or not run.headline:
        where = place / "run.json"
        raise SoakError(f"{where}: holds no figures to compare; allowed a complete run of this version")
    return EarlierRun(run, read_kept(place))


def write_comparison(result: SoakResult, run: Path, *, earlier: EarlierRun, artifacts: Path) -> list[str]:
    """Say how a run differs from an earlier one, in reports/compare.txt and on its page. Raises FileError."""
    from framework.soak.page.render import render_page

    here = read_run(run)
    assert here is not None
    both = beside(here, kept=read_kept(run), earlier=earlier)
    lines = compared(both)
    write_atomic(path=run / "reports" / "compare.txt", data="".join(f"{line}\n" for line in lines))
    write_atomic(path=run / "reports" / "report.html", data=render_page(result, beside=both))
    publish(run, artifacts=artifacts)
    return lines


def compared(both: Beside) -> list[str]:
    """Say how a run differs from an earlier one: its world, its settings, its figures."""
    before, now = both.verdicts
    lines = [f"beside {both.name}: {before}, now {now}"]
    if both.comparison is not None:
        words = comparison_sentence(both.comparison, quote=both.quote).replace("present", "earlier run")
        lines.append(f"better than {both.name}? {words}")
    if both.apart:
        lines.append(
            f"not of one world: {', '.join(both.apart)} differ, so no figure is due to settings alone"
        )
    lines += [f"changed {name}: {one} → {other}" for name, one, other in both.changed]
    lines += [] if both.changed else ["changed: no setting"]
    return [*lines, *(_line(figure) for figure in both.figures)]


def _line(figure: Figure) -> str:
    more = "" if figure.difference is None else f" ({num(figure.difference, plus=True)}{_between(figure)})"
    return f"{figure.word}: {num(figure.before)} → {num(figure.now)}{more}"


def _between(figure: Figure) -> str:
    return "" if figure.bounds is None else f", 90 %: {interval(*figure.bounds)}"
