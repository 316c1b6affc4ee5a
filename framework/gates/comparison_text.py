"""A comparison in words: its interval in bps and in money a day, what was traded, what would tell."""

from __future__ import annotations

from framework.gates.comparison import FEW_FILLS, TURNOVER_FLOOR, Answer, Comparison
from framework.gates.explain import fills_words, hours_words


def comparison_sentence(comparison: Comparison, *, quote: str) -> str:
    """Say whether a run is better than the present one, and by how much."""
    return f"{comparison.answer.words}: {comparison_words(comparison, quote=quote)}"


def comparison_words(comparison: Comparison, *, quote: str) -> str:
    """Say by how much, without the answer."""
    if comparison.answer is Answer.NO_EFFECT:
        return "every fill on this tape is that of the present configuration"
    if comparison.answer is Answer.ERROR:
        return "there is nothing to compare"
    return ", ".join([*_gain(comparison, quote), _traded(comparison)]) + _what_would_tell(comparison)


def _gain(comparison: Comparison, quote: str) -> list[str]:
    money = _interval(
        comparison.gain_per_day,
        comparison.gain_per_day_lower,
        comparison.gain_per_day_upper,
        f"{quote} a day",
    )
    if comparison.gain_per_day is None:
        return []
    if comparison.few_fills or comparison.gain_bps is None:
        return [money]
    gain = _interval(comparison.gain_bps, comparison.gain_bps_lower, comparison.gain_bps_upper, "bps")
    return [f"{gain} of the present's turnover", money]


def _interval(value: float | None, low: float | None, high: float | None, unit: str) -> str:
    if value is None:
        return f"{unit} unknown"
    if low is None or high is None:
        return f"{signed(value)} {unit}"
    return f"{signed(value)} {unit} ({signed(low)} to {signed(high)})"


def _traded(comparison: Comparison) -> str:
    if not comparison.blocks:
        return "the tape is shorter than a block of evidence"
    if comparison.turnover_ratio is None:
        return "the present configuration trades nothing here"
    least = (
        f", below the {TURNOVER_FLOOR:.0%} at which a gain counts" if not comparison.keeps_turnover else ""
    )
    return f"turnover {comparison.turnover_ratio:.0%} of the present's{least}"


def _what_would_tell(comparison: Comparison) -> str:
    if comparison.few_fills:
        old = f"30 s old: {comparison.fills} against {comparison.present_fills}"
        return f"; fewer than {fills_words(FEW_FILLS)} on one side give no figure in bps ({old})"
    if comparison.answer is not Answer.INCONCLUSIVE:
        return ""
    if comparison.hours_needed is None:
        return "; no amount of such tape is known to tell"
    hours = hours_words(max(comparison.hours_needed, comparison.hours))
    return f"; about {hours} of such tape in all would tell"


def signed(value: float) -> str:
    """Write a number with its sign, three digits or whole."""
    return f"{value:+,.0f}" if abs(value) >= 1000.0 else f"{value:+.3g}"
