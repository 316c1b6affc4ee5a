"""From replayed arms to findings: tapes of one symbol together, every metric, and the KPI profiles besides.

Nothing here replays, reads or writes: the same arms give the same findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from framework.gates.kpi import Profile, ProfileVerdict, judge_totals
from framework.gates.paired import EvidenceRules, Floats
from framework.gates.paired_metrics import Effect, Pair, compare
from framework.gates.paired_verdict import Finding, Outcome, SymbolEffects
from framework.gates.totals import totals_of
from framework.gates.verdict import Verdict, combine
from framework.gitops.gate.arms import ArmBlocks
from framework.session.blocks import Cut
from framework.settings.schema.gitops import GateRules, Margin, MarketClass, TierRules

BPS = 1e4


@dataclass(frozen=True, kw_only=True)
class TapeArms:
    """Both arms on one evidence tape, and what the tape is."""

    name: str
    symbol: str
    regime: str
    market: Literal["liquid", "thin"]
    synthetic: bool
    base: ArmBlocks
    candidate: ArmBlocks
    routes: tuple[ArmBlocks, ...] = ()
    """Of a canary what runs now and what would, as their routes trade."""

    alone: tuple[ArmBlocks | None, ...] = ()
    """What each value of a change does by itself, None where it does not compose."""

    @property
    def identical(self) -> bool:
        """Tell whether every fill and request of both arms is the same."""
        return self.base.digest == self.candidate.digest


def evidence_rules(rules: GateRules) -> EvidenceRules:
    """Return what the policy asks of evidence, for the statistics."""
    return EvidenceRules(
        alpha=rules.alpha,
        min_effective_blocks=rules.min_effective_blocks,
        top_block_share=rules.top_block_share,
        sd_floor=rules.variance_floor,
    )


def cut_of(rules: GateRules, market: Literal["liquid", "thin"]) -> Cut:
    """Return how the policy cuts a kind of market into blocks."""
    kind: MarketClass = getattr(rules.markets, market)
    return Cut(block_s=kind.block_s, horizon=kind.horizon)


def by_symbol(tapes: Sequence[TapeArms]) -> dict[str, list[TapeArms]]:
    """Group tapes whose blocks are one population: one symbol, one kind of market."""
    groups: dict[str, list[TapeArms]] = {}
    kinds: dict[str, set[str]] = {}
    for tape in tapes:
        kinds.setdefault(tape.symbol, set()).add(tape.market)
    for tape in tapes:
        name = tape.symbol if len(kinds[tape.symbol]) == 1 else f"{tape.symbol} ({tape.market})"
        groups.setdefault(name, []).append(tape)
    return groups


def effects_of(*, name: str, tapes: Sequence[TapeArms], rules: GateRules, alpha: float) -> SymbolEffects:
    """Compare every metric of one symbol over all its tapes, and net by regime where there are several."""
    whole = _Joined(tapes, rules, alpha)
    regimes = dict.fromkeys(tape.regime for tape in tapes)
    apart = {r: _Joined([t for t in tapes if t.regime == r], rules, alpha, whole.margins) for r in regimes}
    mixed = [replace(tape, base=tape.routes[0], candidate=tape.routes[1]) for tape in tapes if tape.routes]
    as_run = _Joined(mixed, rules, alpha, whole.margins) if mixed else None
    return SymbolEffects(
        symbol=name,
        hours=whole.hours,
        identical=all(tape.identical for tape in tapes),
        effects={metric: whole.effect(metric) for metric in whole.margins},
        better=whole.effect("net", margin=0.0),
        regimes={r: part.effect("net") for r, part in apart.items()} if len(regimes) > 1 else {},
        routes={} if as_run is None else {metric: as_run.effect(metric) for metric in whole.margins},
    )


def tape_effect(*, tape: TapeArms, like: SymbolEffects, rules: GateRules, alpha: float) -> Effect:
    """Give net on one tape alone, at its symbol's margin; shown, never judged."""
    return net_effect(tapes=[tape], like=like, rules=rules, alpha=alpha)


def net_effect(*, tapes: Sequence[TapeArms], like: SymbolEffects, rules: GateRules, alpha: float) -> Effect:
    """Give net on tapes at its symbol's margin; shown, never judged."""
    margins = {"net": like.effects["net"].margin}
    return _Joined(tapes, rules, alpha, margins).effect("net")


def margins_of(*, base: Mapping[str, Floats], rules: GateRules) -> dict[str, float]:
    """Return what a candidate may be worse by, per metric: bps of turnover, else shares of the baseline."""
    turnover, gross = (float(base[name].sum()) for name in ("turnover", "gross"))
    quoted = BPS * gross / turnover if turnover > 0.0 else 0.0

    def bps(margin: Margin) -> float:
        return max(margin.bps, margin.of_gross * quoted)

    risk = rules.risk_margins
    return {
        "net": bps(rules.net_margin),
        "turnover": 1.0 - rules.turnover_floor,
        "adverse": bps(rules.adverse_margin),
        "drawdown": risk.drawdown,
        "rms_inventory": risk.rms_inventory,
        "requests": risk.requests,
        "off_target": risk.off_target,
    }


class _Joined:
    """The blocks of several tapes as one population."""

    def __init__(
        self,
        tapes: Sequence[TapeArms],
        rules: GateRules,
        alpha: float,
        margins: Mapping[str, float] | None = None,
    ) -> None:
        self.rules, self.alpha = evidence_rules(rules), alpha
        self.base = _join(tape.base.sums for tape in tapes)
        self.candidate = _join(tape.candidate.sums for tape in tapes)
        self.starts = np.concatenate([tape.base.starts for tape in tapes])
        self.hours = sum(tape.base.hours for tape in tapes)
        self.block_hours = cut_of(rules, tapes[0].market).block_s / 3600.0
        self.margins = margins or margins_of(base=self.base, rules=rules)

    def effect(self, metric: str, *, margin: float | None = None) -> Effect:
        """Compare one metric."""
        allowed = self.margins[metric] if margin is None else margin
        pair = Pair(metric, self.base, self.candidate, allowed, self.starts)
        return compare(pair=pair, rules=self.rules, alpha=self.alpha, block_hours=self.block_hours)


def _join(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    rows = list(parts)
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


@dataclass(frozen=True, kw_only=True)
class KpiRow:
    """One KPI profile on one tape: what it says of either arm."""

    tape: str
    profile: str
    decides: bool
    base: Verdict
    candidate: Verdict
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "tape": self.tape,
            "profile": self.profile,
            "decides": self.decides,
            "base": self.base.value,
            "candidate": self.candidate.value,
            "reasons": list(self.reasons),
        }


def kpi_rows(*, tapes: Sequence[TapeArms], deciding: Profile, shown: Sequence[Profile]) -> list[KpiRow]:
    """Judge both arms of every tape by every profile; several windows of a tape by the worst."""
    profiles = {profile.name: profile for profile in (*shown, deciding)}
    rows = []
    for tape in tapes:
        for name, profile in sorted(profiles.items()):
            base, candidate = (_judged(arm, profile) for arm in (tape.base, tape.candidate))
            rows.append(
                KpiRow(
                    tape=tape.name,
                    profile=name,
                    decides=name == deciding.name,
                    base=combine(v.verdict for v in base),
                    candidate=combine(v.verdict for v in candidate),
                    reasons=tuple(dict.fromkeys(r for v in candidate for r in v.reasons)),
                )
            )
    return rows


def _judged(arm: ArmBlocks, profile: Profile) -> list[ProfileVerdict]:
    return [judge_totals(totals=totals_of(t), profile=profile, wall_clock=False) for t in arm.totals]


def kpi_findings(rows: Sequence[KpiRow], *, tier: str) -> tuple[list[Finding], list[str]]:
    """Return what the deciding profile stops or warns of, and what is only worth a note.

    A hard limit that the candidate misses and the baseline meets is a FAIL, and undecided while the
    baseline's is; one that both miss is the baseline's fault and only production refuses it. Production takes
    no hard miss and nothing unproven.
    """
    findings, shared = list[Finding](), dict[str, list[str]]()
    strict = tier == "production"
    for row in (row for row in rows if row.decides):
        reasons = ", ".join(row.reasons) or "none"
        text = f"KPI profile {row.profile} on {row.tape}: {row.candidate.value} ({reasons})"
        new = row.base is not row.candidate
        if row.candidate is Verdict.FAIL and (row.base.accepted or strict):
            was = f", the baseline {row.base.value}" if new else ", and production takes no hard miss"
            findings.append(Finding(Outcome.FAIL, "KPI:hard", text + was))
        elif row.candidate is Verdict.FAIL and new:
            # Beside a baseline that may miss it too, that is no proof against the change.
            was = f", the baseline {row.base.value}"
            findings.append(Finding(Outcome.INCONCLUSIVE, "KPI:hard", text + was))
        elif row.candidate is Verdict.INCONCLUSIVE and strict:
            findings.append(
                Finding(Outcome.INCONCLUSIVE, "KPI:unproven", f"{text}: production needs it proven")
            )
        elif row.candidate is Verdict.WARN and (new or strict):
            findings.append(Finding(Outcome.WARN, "KPI:soft", text))
        elif row.candidate is not Verdict.PASS:
            was = "as the baseline" if not new else f"the baseline {row.base.value}"
            shared.setdefault(f"KPI profile {row.profile}: {row.candidate.value}, {was}", []).append(row.tape)
    return findings, [f"{text}, on {', '.join(tapes)}" for text, tapes in shared.items()]


def tier_findings(
    *, tapes: Sequence[TapeArms], rules: TierRules, tier: str
) -> tuple[list[Finding], list[str]]:
    """Return what the tier stops whatever the statistics say, and the regimes that no tape shows."""
    notes = []
    unseen = [regime for regime in rules.regimes if regime not in {tape.regime for tape in tapes}]
    if unseen:
        notes.append(f"regimes no tape shows: {', '.join(unseen)}")
    if tapes and all(tape.synthetic for tape in tapes) and not rules.synthetic_alone:
        says = f"every tape is synthetic, which alone promotes nothing to tier {tier}; add a recorded tape"
        return [Finding(Outcome.INCONCLUSIVE, "GATE:synthetic", says)], notes
    return [], notes


def settle(findings: Sequence[Finding], *, rules: TierRules) -> Outcome:
    """Return the outcome of findings sorted worst first; where a WARN may not promote it is no evidence."""
    outcome = findings[0].outcome
    if outcome is Outcome.WARN and not rules.warn_promotes:
        return Outcome.INCONCLUSIVE
    return outcome
