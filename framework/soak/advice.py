"""What to do next, with a value and a command, from the run's own numbers; whether one move made the loss."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from framework.edge.measures import equity_at
from framework.edge.window import WindowData
from framework.files.moments import MINUTE_FORM, utc_words
from framework.gates.comparison import FEW_FILLS, Answer
from framework.gates.explain import next_step
from framework.gates.verdict import Verdict
from framework.session.present import Home, home_of
from framework.session.ticks import SPREAD, narrow_knob, tick_bps_of
from framework.units import MINUTE

if TYPE_CHECKING:
    from framework.edge.section import Section
    from framework.soak.result import SoakResult

LIMIT = "sizing.max_position_quotes"
MOST_HOURS = 720
IMPORT_MORE = "import more of it first: quoteops tape import --help"
NO_WIDTH = "no width pays here: these quotes already trade less than a gain needs"
WIDEST_BPS = 100.0
"""What the schema allows at most."""
ONE_MOVE = 0.5
"""The share of a loss from which one minute is said to have made it."""


def next_line(result: SoakResult) -> str:
    """Say what to do now: the step, and the command that does it."""
    step = next_step(result.judged)
    text = _what_to_try(result)
    return f"{step}; {text}" if text else step


def _what_to_try(result: SoakResult) -> str:
    """Say what to try, with its command; nothing where the step says it all."""
    if _answer(result) is Answer.BETTER:
        return _to_propose(result)
    if _answer(result) is Answer.TOO_QUIET:
        return NO_WIDTH
    hours = _hours_that_tell(result)
    if hours is not None:
        return _longer(result, hours)
    wide = _widths(result)
    if wide is not None:
        command = _soak(result, f"{SPREAD}={wide[0]:g},{wide[1]:g}", sweep=True)
        return f"{_in_ticks(result, wide)}{narrow_knob(tick_bps_of(result.wholes))}; try: {command}"
    if _asks_for_a_day(result):
        return f"try: {_soak(result, 'soak.hours=24')}"
    return _smaller(result)


def _hours_that_tell(result: SoakResult) -> int | None:
    """Return how much tape would decide what is open, in whole hours; None where that is not the matter."""
    gate, comparison = result.judged, result.comparison
    hours = [gate.decided.hours_needed if gate.verdict is Verdict.INCONCLUSIVE else None]
    hours += [
        comparison.hours_needed
        if comparison is not None and comparison.answer is Answer.INCONCLUSIVE
        else None
    ]
    known = [one for one in hours if one is not None]
    return math.ceil(max(known)) if known and gate.verdict is not Verdict.FAIL else None


def _longer(result: SoakResult, hours: int) -> str:
    """Say how to see so many hours: a recording has no more than it has."""
    if hours > MOST_HOURS:
        return f"about {hours:,} h of such tape would tell, more than anybody waits for: try a larger change"
    if result.settings.market.kind == "synthetic":
        return f"try: {_soak(result, f'soak.hours={hours}')}"
    if result.settings.soak.hours != "tape":
        whole = _soak(result, "soak.hours=tape")
        return f"about {hours} h would tell, or all there is of this tape; try: {whole}"
    return f"{result.hours:.3g} h of about {hours} are recorded: {IMPORT_MORE}"


def _smaller(result: SoakResult) -> str:
    """Say which position limit to try where the fills paid and what was held did not."""
    totals, now = result.totals, result.settings.sizing.max_position_quotes
    markout, held = totals.markout_30s.net_bps, totals.parts["inventory"].bps
    if result.judged.verdict is not Verdict.FAIL or totals.fills < FEW_FILLS:
        return ""
    if markout is None or held is None or markout < 0.0 or held >= 0.0:
        return ""
    word = f"{LIMIT}={now / 2.0:.3g},{now * 0.75:.3g}"
    what = f"fills earned {markout:.3g} bps in 30 s, what was held lost {-held:.3g}; {LIMIT} is {now:g}"
    return f"{what}; try: {_soak(result, word, sweep=True)}"


def _asks_for_a_day(result: SoakResult) -> bool:
    """Tell whether the decision matrix asks for a day of what has passed, and it has not had one."""
    made = result.settings.market.kind == "synthetic" and result.hours < 24.0
    return result.verdict.accepted and result.judged.decision.band == "SUCCESS" and made


def _to_propose(result: SoakResult) -> str:
    """Say how a better run is asked for: knowingly, where a proposal of it would be refused."""
    arms = {row.arm: row.totals for row in result.arms}
    lost = "static" in arms and _earned(arms["tuned"]) < _earned(arms["static"])
    known = " --anyway" if result.verdict is Verdict.FAIL or lost else ""
    again = " ".join(["quoteops soak", *map(shlex.quote, result.words)])
    return propose_or_compare(result.words, "artifacts/soak", root=result.root, again=again, known=known)


def _earned(totals: Section) -> float:
    return (totals.markout_30s.net_bps or 0.0) * totals.turnover_quote


def _answer(result: SoakResult) -> Answer | None:
    return None if result.comparison is None else result.comparison.answer


def propose_or_compare(words: Sequence[str], folder: str, *, root: Path, again: str, known: str = "") -> str:
    """Give the command that proposes what was found, or the one that compares it with what will be replaced.

    ``words`` are those of one run, ``again`` the command it was. A run that names no environment was compared
    with conf/: it is proposed to the environment that runs just that, and else compared with what one runs.
    """
    named = [word.partition("=")[2] for word in words if word.startswith("soak.environment=")]
    home = Home(named[-1], True) if named else home_of(words, root)
    if home is None:
        return "no file of gitops/environments/ trades this market at this venue and fee: write one first"
    if home.present:
        return f"try: quoteops gitops propose --environment {home.name} --from {shlex.quote(folder)}{known}"
    return f"not yet compared with what {home.name} runs; try: {again} soak.environment={home.name}"


def _widths(result: SoakResult) -> tuple[float, float] | None:
    """Name the half-spread that would have paid for what the fills lost, and half as much again.

    None where none would: nothing is lost, or so little is traded that wider quotes would trade nothing.
    """
    if result.judged.verdict is not Verdict.FAIL or _answer(result) in (Answer.BETTER, Answer.TOO_QUIET):
        return None
    markout, now = result.totals.markout_30s.net_bps, result.settings.strategy.base_half_spread_bps
    if markout is None or markout >= 0.0 or now <= 0.0:
        return None
    tick = tick_bps_of(result.wholes)
    least = max(now - markout, now + (tick if tick > 1.0 else 0.0))
    low, high = float(f"{least:.2g}"), float(f"{1.5 * least:.2g}")
    return None if low >= WIDEST_BPS else (low, min(high, WIDEST_BPS))


def _in_ticks(result: SoakResult, wide: tuple[float, float]) -> str:
    """Say what widths come to on this market."""
    tick, now = tick_bps_of(result.wholes), result.settings.strategy.base_half_spread_bps
    if not tick:
        return f"wider, now {now:g} bps"
    low, high = wide
    return f"{low / tick:.3g} and {high / tick:.3g} ticks wide; now {now:g} bps, {now / tick:.3g} ticks"


def _soak(result: SoakResult, word: str, *, sweep: bool = False) -> str:
    own = (word.partition("=")[0], "soak.auto_tune", "soak.clock", *(() if sweep else ("market.end",)))
    kept = [shlex.quote(one) for one in result.words if one.partition("=")[0] not in own]
    return " ".join(["quoteops soak", *(["-m"] if sweep else []), *kept, word, "soak.auto_tune=false"])


def one_move(*, windows: Sequence[WindowData], net_quote: float | None, quote: str) -> str | None:
    """Say which minute made most of a loss; None when none did."""
    if not windows or net_quote is None or net_quote >= 0.0:
        return None
    at_ns, lost = worst_minute(windows)
    if lost > ONE_MOVE * net_quote:
        return None
    share = f"{lost / net_quote:.0%} of it" if lost >= net_quote else "more than all of it"
    at = utc_words(at_ns, form=MINUTE_FORM)
    return f"one move: the minute from {at} UTC lost {-lost:.3g} {quote}, {share}"


def worst_minute(windows: Sequence[WindowData]) -> tuple[int, float]:
    """Return when the minute of the largest loss began, and what the account changed by in it."""
    start, end = windows[0].start_ns, min(window.end_ns for window in windows)
    times = np.append(np.arange(start, end, MINUTE, dtype=np.int64), end)
    moved = np.nan_to_num(np.sum([np.diff(equity_at(one, times=times)) for one in windows], axis=0))
    worst = int(np.argmin(moved))
    return int(times[worst]), float(moved[worst])
