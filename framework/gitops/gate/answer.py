"""The gate's answer to one environment: what was compared, on which tapes, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from framework.edge.canonical import canonical
from framework.gates.explain import hours_words
from framework.gates.paired_metrics import METRICS, Effect
from framework.gates.paired_verdict import Finding, Outcome, SymbolEffects, find, more_hours, worst_first
from framework.gates.profiles import Profiles
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.gate.arms import Compared, TapeArms
from framework.gitops.gate.evidence import Evidence, Windows
from framework.gitops.gate.judge import (
    KeyVerdict,
    KpiRow,
    by_symbol,
    effects_of,
    key_verdicts,
    kpi_findings,
    kpi_rows,
    rider_findings,
    settle,
    tape_effect,
    tier_findings,
)
from framework.session.ticks import narrow_knob
from framework.settings.schema.gitops import Policy
from framework.tuning.params import Field

CANARY_NOTE = "a canary is judged by its candidate alone beside the baseline alone, whatever its share"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One environment's question to the gate, with everything that decides the answer."""

    change: EnvironmentChange
    compared: Compared
    policy: Policy
    opened: tuple[Evidence, ...]
    profiles: Profiles

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """Return the tapes that something is left of."""
        return tuple(one for one in self.opened if one.windows)

    @property
    def lost(self) -> tuple[str, ...]:
        """Return the regimes that the tapes show, and no window of them that was not tuned on."""
        return tuple(sorted({o.tape.regime for o in self.opened} - {o.tape.regime for o in self.evidence}))


@dataclass(frozen=True)
class TapeVerdict:
    """What a tape was and what both arms did on it."""

    evidence: Evidence
    arms: TapeArms

    @property
    def windows(self) -> Windows:
        """Return what was replayed of it, in ns."""
        return tuple(self.evidence.windows)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        tape, base, candidate = self.evidence.tape, self.arms.base, self.arms.candidate
        return {
            "name": tape.name,
            "symbol": tape.symbol,
            "regime": tape.regime,
            "market": tape.market,
            "synthetic": tape.is_synthetic,
            "digest": self.evidence.digest,
            "windows_ns": [list(window) for window in self.windows],
            "cut_out": self.evidence.cut,
            "hours": base.hours,
            "blocks": len(base.starts),
            "fills": {"base": base.fills, "candidate": candidate.fills},
            "identical": self.arms.identical,
        }


@dataclass(frozen=True)
class EffectRow:
    """An effect as it is shown; ``hours_needed`` is the tape that is missing beside what there is."""

    effect: Effect
    hours_needed: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        effect, claim = self.effect, self.effect.claim
        return {
            "metric": effect.metric,
            "label": METRICS[effect.metric].label,
            "unit": effect.unit,
            "relative": effect.relative,
            "base": effect.base,
            "candidate": effect.candidate,
            "effect": effect.effect,
            "low": effect.low,
            "high": effect.high,
            "margin": effect.margin,
            "power": claim.power,
            "hours_needed": self.hours_needed,
            "blocks": claim.n,
            "effective_blocks": claim.n_eff,
            "top_block_share": claim.top_share,
            "enough": claim.enough,
            "p_good": claim.p_above,
            "p_bad": claim.p_below,
        }


@dataclass(frozen=True, kw_only=True)
class SymbolVerdict:
    """Every metric of one symbol over all its tapes, of a canary by its routes; net by regime, by tape."""

    hours: float
    identical: bool
    effects: Mapping[str, EffectRow]
    better: EffectRow
    regimes: Mapping[str, EffectRow]
    routes: Mapping[str, EffectRow]
    tapes: Mapping[str, EffectRow]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "hours": self.hours,
            "identical": self.identical,
            "effects": {name: row.as_dict() for name, row in self.effects.items()},
            "better": self.better.as_dict(),
            "regimes": {name: row.as_dict() for name, row in self.regimes.items()},
            "routes": {name: row.as_dict() for name, row in self.routes.items()},
            "tapes": {name: row.as_dict() for name, row in self.tapes.items()},
        }


@dataclass(frozen=True, kw_only=True)
class GateAnswer:
    """Whether one environment's change may pass, and all that says so; ``findings`` worst first."""

    change: EnvironmentChange
    want: str
    outcome: Outcome
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    symbols: Mapping[str, SymbolVerdict]
    tapes: tuple[TapeVerdict, ...]
    kpi: tuple[KpiRow, ...]
    keys: tuple[KeyVerdict, ...] = ()
    """Of a change of several values what each does by itself."""

    @property
    def reasons(self) -> list[str]:
        """Return the codes of the findings, each once."""
        return list(dict.fromkeys(f.code for f in self.findings))

    @property
    def sentence(self) -> str:
        """Return the verdict's reason: the worst finding, and how much more tape would tell."""
        first = self.findings[0]
        text = first.says
        if self.outcome is Outcome.INCONCLUSIVE and first.outcome is Outcome.WARN:
            text = f"{text}, and this tier promotes on PASS alone"
        more = (
            ""
            if not self.hours_needed
            else f"; needs about {hours_words(self.hours_needed)} more of such tape"
        )
        others = sum(1 for f in self.findings[1:] if f.outcome is first.outcome)
        return f"{text}{more}" + (f" (and {others} more)" if others else "")

    @property
    def hours_needed(self) -> float | None:
        """Return the tape that would decide everything undecided; None when some of it is not known."""
        if self.outcome is not Outcome.INCONCLUSIVE:
            return None
        known = [f.hours_needed for f in self.findings if f.hours_needed is not None]
        return max(known, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "environment": self.change.name,
            "tier": self.change.tier,
            "want": self.want,
            "verdict": self.outcome.value,
            "exit_code": self.outcome.exit_code,
            "sentence": self.sentence,
            "hours_needed": self.hours_needed,
            "reasons": self.reasons,
            "findings": [_finding(f) for f in self.findings],
            "notes": list(self.notes),
            "changes": self.change.as_dict()["changes"],
            "symbols": {name: symbol.as_dict() for name, symbol in self.symbols.items()},
            "tapes": [tape.as_dict() for tape in self.tapes],
            "kpi": [row.as_dict() for row in self.kpi],
            "keys": [key.as_dict() for key in self.keys],
        }


def answer(question: Question, arms: Sequence[TapeArms], *, alpha: float) -> GateAnswer:
    """Compare both arms on every tape and settle what comes of it."""
    gate, rules = question.policy.gate, question.policy.rules(question.change.tier)
    groups = by_symbol(arms)
    symbols = {n: effects_of(name=n, tapes=ts, rules=gate, alpha=alpha) for n, ts in groups.items()}
    keys = key_verdicts(question.compared.keys, groups, like=symbols, rules=gate, alpha=alpha)
    findings, notes, kpi = _findings(question, arms, list(symbols.values()), keys, alpha)
    return GateAnswer(
        change=question.change,
        want=rules.net,
        outcome=settle(findings, rules=rules),
        findings=tuple(findings),
        notes=tuple(notes),
        symbols={
            name: _symbol_verdict(
                whole,
                {t.name: tape_effect(tape=t, like=whole, rules=gate, alpha=alpha) for t in groups[name]},
            )
            for name, whole in symbols.items()
        },
        tapes=tuple(TapeVerdict(e, arm) for e, arm in zip(question.evidence, arms, strict=True)),
        kpi=tuple(kpi),
        keys=canonical(keys),
    )


def _coarse(question: Question, arms: Sequence[TapeArms]) -> str:
    """Name the knobs that answer where the change turns one that no quote on these ticks can hear."""
    turned = any(change.name.endswith(Field.SPREAD.value) for change in question.change.changes)
    finest = min((tape.base.tick_bps for tape in arms), default=0.0)
    return narrow_knob(finest) if turned else ""


def _findings(
    question: Question,
    arms: Sequence[TapeArms],
    symbols: Sequence[SymbolEffects],
    keys: Sequence[KeyVerdict],
    alpha: float,
) -> tuple[list[Finding], list[str], list[KpiRow]]:
    """Return the findings worst first, what is worth a note, and what the KPI profiles say."""
    tier = question.change.tier
    rules = question.policy.rules(tier)
    findings = find(symbols=symbols, want=rules.net, alpha=alpha)
    coarse = _coarse(question, arms)
    if findings[0].outcome is Outcome.NO_EFFECT:
        findings = [replace(findings[0], says=f"{findings[0].says}{coarse}"), *findings[1:]]
    notes = [
        f"tape {one.tape.name} is not used: nothing of it is left that was not tuned on"
        for one in question.opened
        if not one.windows
    ]
    if coarse and findings[0].outcome is not Outcome.NO_EFFECT:
        notes.append(coarse.removeprefix("; "))
    if question.compared.routes:
        notes.append(CANARY_NOTE)
    rows: list[KpiRow] = []
    if findings[0].outcome is not Outcome.NO_EFFECT:
        rows = kpi_rows(tapes=arms, profiles=question.profiles)
        for more, more_notes in (
            kpi_findings(rows, tier=tier),
            tier_findings(tapes=arms, rules=rules, tier=tier),
            rider_findings(keys),
        ):
            findings += more
            notes += more_notes
    for regime in question.lost:
        says = f"all of regime {regime} was tuned on; add another tape of it"
        findings.append(Finding(Outcome.INCONCLUSIVE, "GATE:regime", says))
    same = [symbol.symbol for symbol in symbols if symbol.identical]
    if same:
        notes.append(f"nothing differs on {', '.join(same)}")
    return worst_first(findings), notes, rows


def _symbol_verdict(whole: SymbolEffects, tapes: Mapping[str, Effect]) -> SymbolVerdict:
    def rows(effects: Mapping[str, Effect]) -> dict[str, EffectRow]:
        return {name: _effect_row(effect, have=whole.hours) for name, effect in effects.items()}

    shown: SymbolVerdict = canonical(
        SymbolVerdict(
            hours=whole.hours,
            identical=whole.identical,
            effects=rows(whole.effects),
            better=_effect_row(whole.better, have=whole.hours),
            regimes=rows(whole.regimes),
            routes=rows(whole.routes),
            tapes=rows(tapes),
        )
    )
    return shown


def _effect_row(effect: Effect, *, have: float) -> EffectRow:
    return EffectRow(effect, more_hours(effect, have=have))


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "outcome": finding.outcome.value,
        "code": finding.code,
        "says": finding.says,
        "hours_needed": finding.hours_needed,
    }
