"""The gate's two answers in words, apart: is it better than what runs, and does it meet the KPI?"""

from __future__ import annotations

from collections.abc import Sequence

from framework.gates.comparison_text import signed
from framework.gitops.gate.answer import GateAnswer, SymbolVerdict


def answer_lines(answer: GateAnswer, *, alpha: float) -> list[str]:
    """Return the first question's answer a symbol, then the second's by tape."""
    lines = [f"better? {name}: {_better(symbol, alpha)}" for name, symbol in answer.symbols.items()]
    deciding = [row for row in answer.kpi if row.decides]
    verdicts = [f"{row.candidate.value} on {row.tape} (baseline {row.base.value})" for row in deciding]
    return [*lines, *_kpi(deciding[0].profile if deciding else "", verdicts)]


def _better(symbol: SymbolVerdict, alpha: float) -> str:
    if symbol.identical:
        return "NO EFFECT, every fill and request is the same"
    effect, claim = symbol.better.effect, symbol.better.effect.claim
    turnover = symbol.effects["turnover"].effect
    if effect.effect is None or turnover.base is None or not claim.n:
        return "NOT PROVEN, nothing was measured"
    word = "BETTER" if claim.above(alpha=alpha) else "WORSE" if claim.below(alpha=alpha) else "NOT PROVEN"
    a_day = turnover.base * claim.n * 24.0 / symbol.hours / 1e4
    bounds = (effect.low, effect.high)
    kept = "" if turnover.effect is None else f", turnover {1.0 + turnover.effect:.0%} of the baseline's"
    return (
        f"{word} {_interval(effect.effect, bounds, 1.0)} bps,"
        f" {_interval(effect.effect, bounds, a_day)} in quote currency a day{kept}"
    )


def _interval(value: float, bounds: tuple[float | None, float | None], scale: float) -> str:
    low, high = bounds
    if low is None or high is None:
        return signed(value * scale)
    return f"{signed(value * scale)} ({signed(low * scale)} to {signed(high * scale)})"


def _kpi(profile: str, verdicts: Sequence[str]) -> list[str]:
    return [f"KPI {profile}: {', '.join(verdicts)}"] if verdicts else []
