"""A comparison in words: its interval in bps and in money a day, what was traded, what would tell."""

from __future__ import annotations

from framework.gates.comparison import FEW_FILLS, TURNOVER_FLOOR, Answer, Comparison
from framework.gates.explain import fills_words, hours_words


def comparison_sentence(found: Comparison, *, quote: str) -> str:
    """Say whether a run is better than the present one, and by how much."""
    return f"{found.answer.words}: {comparison_words(found, quote=quote)}"


def comparison_words(found: Comparison, *, quote: str) -> str:
    """Say by how much, without the answer."""
    if found.answer is Answer.NO_EFFECT:
        return "every fill on this tape is that of the present configuration"
    if found.answer is Answer.ERROR:
        return "there is nothing to compare"
    return ", ".join([*_gain(found, quote), _traded(found)]) + _what_would_tell(found)


def _gain(found: Comparison, quote: str) -> list[str]:
    money = _interval(
        found.gain_per_day, found.gain_per_day_lower, found.gain_per_day_upper, f"{quote} a day"
    )
    if found.gain_per_day is None:
        return []
    if found.few_fills or found.gain_bps is None:
        return [money]
    gain = _interval(found.gain_bps, found.gain_bps_lower, found.gain_bps_upper, "bps")
    return [f"{gain} of the present's turnover", money]


def _interval(value: float | None, low: float | None, high: float | None, unit: str) -> str:
    if value is None:
        return f"{unit} unknown"
    if low is None or high is None:
        return f"{signed(value)} {unit}"
    return f"{signed(value)} {unit} ({signed(low)} to {signed(high)})"


def _traded(found: Comparison) -> str:
    if not found.blocks:
        return "the tape is shorter than a block of evidence"
    if found.turnover_ratio is None:
        return "the present configuration trades nothing here"
    least = f", below the {TURNOVER_FLOOR:.0%} at which a gain counts" if not found.keeps_turnover else ""
    return f"turnover {found.turnover_ratio:.0%} of the present's{least}"


def _what_would_tell(found: Comparison) -> str:
    if found.few_fills:
        old = f"30 s old: {found.fills} against {found.present_fills}"
        return f"; fewer than {fills_words(FEW_FILLS)} on one side give no figure in bps ({old})"
    if found.answer is not Answer.INCONCLUSIVE:
        return ""
    if found.hours_needed is None:
        return "; no amount of such tape is known to tell"
    return f"; about {hours_words(max(found.hours_needed, found.hours))} of such tape in all would tell"


def signed(value: float) -> str:
    """Write a number with its sign, three digits or whole."""
    return f"{value:+,.0f}" if abs(value) >= 1000.0 else f"{value:+.3g}"
