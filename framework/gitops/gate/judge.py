"""From replayed arms to findings: tapes of one symbol together, every metric, each value, the KPI profiles.

Nothing here replays, reads or writes: the same arms give the same findings.

A change of several values is judged as a whole, and what the whole proves is proven of no part that the
tapes never touch: a limit that is never reached, raised beside a value that gains. So every value is replayed
alone, and one that increases risk without one other fill or request is refused by its name. That is no
statistic: two arms are the same to the byte or they are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from framework.gates.kpi import Profile, ProfileVerdict, judge_totals
from framework.gates.paired import EvidenceRules, Floats
from framework.gates.paired_metrics import Effect, Pair, compare
from framework.gates.paired_verdict import Finding, Outcome, SymbolEffects
from framework.gates.profiles import Profiles
from framework.gates.totals import totals_of
from framework.gates.verdict import Verdict, combine
from framework.gitops.gate.arms import ArmBlocks, KeyAlone, TapeArms, cut_of
from framework.settings.overrides import Change
from framework.settings.overrides import Effect as Risk
from framework.settings.schema.gitops import GateRules, Margin, TierRules
from framework.settings.validate import shown_value

BPS = 1e4


def evidence_rules(rules: GateRules) -> EvidenceRules:
    """Return what the policy asks of evidence, for the statistics."""
    return EvidenceRules(
        alpha=rules.alpha,
        min_effective_blocks=rules.min_effective_blocks,
        top_block_share=rules.top_block_share,
        sd_floor=rules.variance_floor,
    )


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
class KeyVerdict:
    """What one value does by itself: net by symbol, and whether it changes anything (None: unknown)."""

    change: Change
    seen: bool | None
    net: Mapping[str, Effect]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        change = self.change
        return {
            "name": change.name,
            "old": change.old,
            "new": change.new,
            "effect": str(change.effect),
            "seen": self.seen,
            "net": {
                symbol: {"unit": net.unit, "effect": net.effect, "low": net.low, "high": net.high}
                for symbol, net in self.net.items()
            },
        }


def key_verdicts(
    keys: Sequence[KeyAlone],
    groups: Mapping[str, Sequence[TapeArms]],
    *,
    like: Mapping[str, SymbolEffects],
    rules: GateRules,
    alpha: float,
) -> tuple[KeyVerdict, ...]:
    """Say what every value of a change does by itself, over all tapes of a symbol."""
    verdicts = []
    for k, key in enumerate(keys):
        apart = {
            symbol: [_pair(tape, tape.alone[k], taken_out=key.taken_out) for tape in tapes]
            for symbol, tapes in groups.items()
            if key.settings is not None
        }
        net = {
            symbol: net_effect(tapes=tapes, like=like[symbol], rules=rules, alpha=alpha)
            for symbol, tapes in apart.items()
        }
        observed = (
            None if not apart else any(not tape.identical for tapes in apart.values() for tape in tapes)
        )
        verdicts.append(KeyVerdict(change=key.change, seen=observed, net=net))
    return tuple(verdicts)


def _pair(tape: TapeArms, alone: ArmBlocks | None, *, taken_out: bool) -> TapeArms:
    """Return a tape's two arms that one value sets apart."""
    assert alone is not None
    return replace(tape, base=alone, routes=()) if taken_out else replace(tape, candidate=alone, routes=())


def rider_findings(keys: Sequence[KeyVerdict]) -> tuple[list[Finding], list[str]]:
    """Refuse values that do nothing by themselves, unless they reduce risk: those are noted."""
    findings, quiet = list[Finding](), list[str]()
    for key in keys:
        change = key.change
        if key.seen:
            continue
        if change.effect is Risk.REDUCING:
            quiet.append(change.name)
            continue
        way = "increases risk" if change.effect is Risk.INCREASING else "has no safe direction"
        what = f"{change.name} ({shown_value(change.old)} to {shown_value(change.new)}) {way} and"
        why = (
            "can be told apart from the rest of the change neither alone nor left out"
            if key.seen is None
            else "changes no fill and no request on any tape when it changes alone"
        )
        ask = "no tape here judges it; allowed as a change of its own, on a tape that exercises it"
        findings.append(Finding(Outcome.FAIL, "GATE:rider", f"{what} {why}: {ask}"))
    notes = [f"changes nothing on these tapes by itself: {', '.join(quiet)}"] if quiet else []
    return findings, notes


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


def kpi_rows(*, tapes: Sequence[TapeArms], profiles: Profiles) -> list[KpiRow]:
    """Judge both arms of every tape by every profile; several windows of a tape by the worst."""
    rows = []
    for tape in tapes:
        for name, profile in sorted(profiles.by_name().items()):
            base, candidate = (_judged(arm, profile) for arm in (tape.base, tape.candidate))
            rows.append(
                KpiRow(
                    tape=tape.name,
                    profile=name,
                    decides=name == profiles.deciding.name,
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
