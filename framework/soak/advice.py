"""What to do next, with a value and a command, from the run's own numbers; whether one move made the loss."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from framework.edge.measures import equity_at
from framework.edge.window import WindowData
from framework.files.moments import MINUTE_FORM, utc_words
from framework.gates.comparison import Answer
from framework.gates.explain import next_step
from framework.gates.verdict import Verdict
from framework.units import MINUTE

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

SPREAD = "strategy.base_half_spread_bps"
NO_WIDTH = "no width pays here: these quotes already trade less than a gain needs"
WIDEST_BPS = 100.0
"""What the schema allows at most."""
ONE_MOVE = 0.5
"""The share of a loss from which one minute is said to have made it."""


def next_line(result: SoakResult) -> str:
    """Say what to do now: the step, and the command that does it."""
    step, command = next_step(result.judged), next_command(result)
    if command is None:
        return f"{step}; {NO_WIDTH}" if _answer(result) is Answer.TOO_QUIET else step
    wide = _widths(result)
    return f"{step}{f'; {_in_ticks(result, wide)}' if wide else ''}; try: {command}"


def next_command(result: SoakResult) -> str | None:
    """Return the command that does the next step, to be typed as it stands; None when there is none."""
    gate, comparison = result.judged, result.comparison
    if _answer(result) is Answer.BETTER:
        return propose_command(result.words, "artifacts/soak")
    hours = [gate.decided.hours_needed if gate.verdict is Verdict.INCONCLUSIVE else None]
    hours += [
        comparison.hours_needed
        if comparison is not None and comparison.answer is Answer.INCONCLUSIVE
        else None
    ]
    known = [one for one in hours if one is not None]
    if known and gate.verdict is not Verdict.FAIL:
        return _soak(result, f"soak.hours={math.ceil(max(known))}") if max(known) <= 720.0 else None
    wide = _widths(result)
    return None if wide is None else _soak(result, f"{SPREAD}={wide[0]:g},{wide[1]:g}", sweep=True)


def _answer(result: SoakResult) -> Answer | None:
    return None if result.comparison is None else result.comparison.answer


def propose_command(words: Sequence[str], folder: str) -> str:
    """Give the command that proposes what a run or a sweep found, to the environment that its words name."""
    named = [word.partition("=")[2] for word in words if word.startswith("soak.environment=")]
    return (
        f"quoteops gitops propose --environment {named[-1] if named else 'NAME'} --from {shlex.quote(folder)}"
    )


def _widths(result: SoakResult) -> tuple[float, float] | None:
    """Name the half-spread that would have paid for what the fills lost, and half as much again.

    None where none would: nothing is lost, or so little is traded that wider quotes would trade nothing.
    """
    if result.judged.verdict is not Verdict.FAIL or _answer(result) in (Answer.BETTER, Answer.TOO_QUIET):
        return None
    markout, now = result.totals.markout_30s.net_bps, result.settings.strategy.base_half_spread_bps
    if markout is None or markout >= 0.0 or now <= 0.0:
        return None
    tick = _tick_bps(result)
    least = max(now - markout, now + (tick if tick > 1.0 else 0.0))
    low, high = float(f"{least:.2g}"), float(f"{1.5 * least:.2g}")
    return None if low >= WIDEST_BPS else (low, min(high, WIDEST_BPS))


def _in_ticks(result: SoakResult, wide: tuple[float, float]) -> str:
    """Say what widths come to on this market."""
    tick, now = _tick_bps(result), result.settings.strategy.base_half_spread_bps
    if not tick:
        return f"wider, now {now:g} bps"
    low, high = wide
    return f"{low / tick:.3g} and {high / tick:.3g} ticks wide; now {now:g} bps, {now / tick:.3g} ticks"


def _tick_bps(result: SoakResult) -> float:
    windows = result.wholes
    mids = [window.closing.mid for window in windows if window.closing.mid > 0.0]
    return 1e4 * windows[0].tick / mids[0] if mids else 0.0


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
