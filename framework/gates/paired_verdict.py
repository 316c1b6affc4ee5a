"""From effects to a decision: who must be proven good, who may not be proven bad, and what it says.

Promotion is an intersection-union test (Berger, 1982): every metric of every symbol must be proven, each at
the whole alpha, because one that is not good enough stops it. Where one of several suffices (any metric
proven worse; better on any symbol) alpha is divided by how many there are (Bonferroni, which is Holm's
first step, and one rejection is all that is asked).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from framework.gates.paired_metrics import METRICS, Effect

Want = Literal["not_worse", "better"]


class Outcome(Enum):
    """What the paired gate says; NO_EFFECT is no pass: on these tapes the change does nothing.

    NOT_JUDGED: no tape was asked, because the change may be merged without; it is no pass either.
    """

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_EFFECT = "NO_EFFECT"
    NOT_JUDGED = "NOT_JUDGED"

    @property
    def exit_code(self) -> int:
        """Return the exit code: 0 pass, warn or not judged, 1 fail, 3 inconclusive or no effect."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Outcome.PASS: 0,
    Outcome.WARN: 0,
    Outcome.FAIL: 1,
    Outcome.INCONCLUSIVE: 3,
    Outcome.NO_EFFECT: 3,
    Outcome.NOT_JUDGED: 0,
}
_WORST_FIRST = (
    Outcome.FAIL,
    Outcome.NO_EFFECT,
    Outcome.INCONCLUSIVE,
    Outcome.WARN,
    Outcome.NOT_JUDGED,
    Outcome.PASS,
)


@dataclass(frozen=True)
class Finding:
    """One thing that was found, with its reason code; the worst findings decide."""

    outcome: Outcome
    code: str
    says: str
    hours_needed: float | None = None


@dataclass(frozen=True, kw_only=True)
class SymbolEffects:
    """The effects on one symbol: ``effects`` must all hold; ``better`` is net at margin 0.

    ``regimes`` holds net (at its margin) by regime, ``routes`` every metric of a canary as its routes trade:
    each of them may fail the change but need not be proven. ``identical``: fills and requests of both arms
    agree byte for byte.
    """

    symbol: str
    hours: float
    identical: bool
    effects: Mapping[str, Effect]
    better: Effect
    regimes: Mapping[str, Effect] = field(default_factory=dict)
    routes: Mapping[str, Effect] = field(default_factory=dict)


def alpha_of_any(*, symbols: Sequence[SymbolEffects], alpha: float) -> float:
    """Return alpha for each of the claims any one of which, proven wrong, fails the change."""
    claims = sum(len(s.effects) + len(s.regimes) for s in symbols if not s.identical)
    return alpha / max(claims, 1)


def find(*, symbols: Sequence[SymbolEffects], want: Want, alpha: float) -> list[Finding]:
    """Return what the paired tests found, worst first; at least one finding.

    A symbol on which both arms did exactly the same neither supports nor stops a change that does something
    on another.
    """
    live = [s for s in symbols if not s.identical]
    if not symbols:
        return [Finding(Outcome.INCONCLUSIVE, "GATE:no_tapes", "there is no tape to judge the change on")]
    if not live:
        says = "the change does nothing on these tapes: every fill and request of both arms is the same"
        return [Finding(Outcome.NO_EFFECT, "GATE:no_effect", says)]
    strict = alpha_of_any(symbols=symbols, alpha=alpha)
    findings = [f for s in live for f in _of_symbol(s, alpha=alpha, strict=strict)]
    findings += _by_routes(live, alpha=alpha)
    if want == "better":
        findings += _better(live, alpha=alpha / len(live))
    if not findings:
        findings = [Finding(Outcome.PASS, "GATE:proven", _proven(live, want))]
    return worst_first(findings)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by outcome, the undecided ones that need most tape first."""

    def most(finding: Finding) -> float:
        return -(finding.hours_needed or 0.0)

    return sorted(findings, key=lambda f: (_WORST_FIRST.index(f.outcome), most(f)))


def _of_symbol(symbol: SymbolEffects, *, alpha: float, strict: float) -> list[Finding]:
    findings = []
    for name, effect in symbol.effects.items():
        if effect.claim.below(alpha=strict):
            findings.append(Finding(Outcome.FAIL, f"GATE:{name}", _worse(symbol.symbol, effect)))
        elif not effect.claim.above(alpha=alpha):
            findings.append(_undecided(symbol, effect, code=f"GATE:{name}"))
    for regime, effect in symbol.regimes.items():
        if effect.claim.below(alpha=strict):
            where = f"{symbol.symbol}, regime {regime}"
            findings.append(Finding(Outcome.FAIL, f"GATE:net:{regime}", _worse(where, effect)))
    return findings


def _by_routes(live: Sequence[SymbolEffects], *, alpha: float) -> list[Finding]:
    """Find what a canary's routes are proven worse in, at an alpha of their own."""
    strict = alpha / max(sum(len(s.routes) for s in live), 1)
    return [
        Finding(Outcome.FAIL, f"GATE:{name}:routes", _worse(f"{s.symbol}, as its routes trade,", effect))
        for s in live
        for name, effect in s.routes.items()
        if effect.claim.below(alpha=strict)
    ]


def _better(live: Sequence[SymbolEffects], *, alpha: float) -> list[Finding]:
    if any(s.better.claim.above(alpha=alpha) for s in live):
        return []
    # The symbol that would show it first.
    best = min(live, key=lambda s: _hours_upward(s.better))
    effect = best.better
    if math.isinf(_hours_upward(effect)):
        says = (
            f"net on {best.symbol} is {words(effect)}: the policy asks it to be better, and it is not higher"
        )
        return [Finding(Outcome.INCONCLUSIVE, "GATE:not_better", says)]
    return [_undecided(best, effect, code="GATE:not_better")]


def _hours_upward(effect: Effect) -> float:
    """Return the hours that would prove a gain; infinite where none shows."""
    return effect.hours_needed if effect.hours_needed is not None and effect.claim.mean > 0.0 else math.inf


def _undecided(symbol: SymbolEffects, effect: Effect, *, code: str) -> Finding:
    label = METRICS[effect.metric].label
    claim = effect.claim
    if claim.n and not claim.enough and claim.n_eff < 1.0:
        says = f"{label} on {symbol.symbol} does not differ in any block, or is not known"
        return Finding(Outcome.INCONCLUSIVE, code, says)
    why = "not proven on either side of its margin"
    if not claim.enough:
        why = f"resting on {claim.n_eff:.0f} effective blocks of {claim.n}, one with {claim.top_share:.0%}"
    says = f"{label} on {symbol.symbol} is {words(effect)}, {why}{margin_words(effect)}"
    return Finding(Outcome.INCONCLUSIVE, code, says, more_hours(effect, have=symbol.hours))


def more_hours(effect: Effect, *, have: float) -> float | None:
    """Return how much more tape than there is would decide an effect; None when no amount is known to."""
    return None if effect.hours_needed is None else max(effect.hours_needed - have, 0.0)


def _worse(where: str, effect: Effect) -> str:
    label = METRICS[effect.metric].label
    if effect.metric == "turnover":
        return f"{label} on {where} is {words(effect)}: a candidate may not win by not trading"
    return f"{label} on {where} is {words(effect)}: worse than the margin allows{margin_words(effect)}"


def _proven(live: Sequence[SymbolEffects], want: Want) -> str:
    text = "; ".join(f"net on {s.symbol} {words(s.effects['net'])}" for s in live)
    claim = "better, with no risk metric worse" if want == "better" else "not worse in net or any risk metric"
    return f"proven {claim} than the margins allow: {text}"


def words(effect: Effect) -> str:
    """Write an effect with its interval."""
    if effect.effect is None:
        return "not known"
    shown = [_number(effect, value) for value in (effect.effect, effect.low, effect.high)]
    interval = "" if effect.low is None and effect.high is None else f" ({shown[1]} to {shown[2]})"
    unit = "" if effect.relative else f" {effect.unit}"
    return f"{shown[0]}{unit}{interval}"


def margin_words(effect: Effect) -> str:
    """Write the margin of an effect; nothing where better is asked for."""
    if not effect.margin:
        return ""
    sign = "-" if effect.metric in ("net", "turnover") else "+"
    size = f"{effect.margin:.3g} {effect.unit}" if not effect.relative else f"{effect.margin:.3g}"
    return f" (margin {sign}{size if not effect.relative else f'{effect.margin:.0%}'})"


def _number(effect: Effect, value: float | None) -> str:
    if value is None:
        return "open"
    return f"{value:+.0%}" if effect.relative else f"{value:+.3g}"
