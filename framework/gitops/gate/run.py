"""``quoteops gitops gate``: both configurations on the evidence tapes, and whether the change may pass.

Policy, tapes, KPI profiles and tiers are the base's; the head brings values and nothing that judges them.
gather (classify, open, spend alpha) → replay both arms → compare → settle → say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from framework.edge.report import canonical
from framework.fanout.run import Fanout
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.kpi import Profile, profile_from
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Finding, Outcome, SymbolEffects, find, worst_first
from framework.gates.profiles import deciding_profile
from framework.gitops.change.classify import classify
from framework.gitops.change.report import ChangeReport, EnvironmentChange
from framework.gitops.change.restores_held import restores_held
from framework.gitops.desired.environments import PREFIXES, load_environment, tuned_on
from framework.gitops.gate.alpha_budget import Attempt, allowance, attempt_entry
from framework.gitops.gate.evidence import Evidence, open_all, replay_evidence, workers_for
from framework.gitops.gate.judge import (
    TapeArms,
    by_symbol,
    effects_of,
    kpi_findings,
    kpi_rows,
    settle,
    tape_effect,
    tier_findings,
)
from framework.gitops.gate.tapes import load_tapes, tapes_of
from framework.gitops.gate.text import effect_data, finding_data, tape_data
from framework.gitops.repo.git import Git
from framework.journal.entry import Kind, Row
from framework.session.judge import SIDE_BY_SIDE
from framework.settings.kpi_profiles import load_kpi_profiles
from framework.settings.schema.gitops import EvidenceTape, Policy
from framework.settings.schema.run import RunSettings

Append = Callable[[str, Kind, Mapping[str, Any]], None]
Rows = Callable[[str], Sequence[Row]]


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What is asked: two commits, which environment (None: all that need it), and where things are.

    ``home`` is what a tape's location is below; ``rows`` gives the attempts of an environment, ``append``
    adds to them, ``agent_rows`` its agent's journal; ``code_sha`` names the code that judges. ``workers`` 0
    replays in this process.
    """

    git: Git
    base: str
    head: str
    home: Path
    rows: Rows
    agent_rows: Rows = lambda _environment: ()
    append: Append = lambda _environment, _kind, _data: None
    environment: str | None = None
    now: datetime | None = None
    code_sha: str | None = None
    workers: int | None = None
    progress: Callable[[str, float], None] = lambda _doing, _share: None


@dataclass(frozen=True)
class GateResult:
    """The verdict of a gate and its report, plain data that is the same bytes for the same inputs."""

    outcome: Outcome
    report: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Question:
    """One environment's question to the gate, with everything that decides the answer."""

    change: EnvironmentChange
    base: RunSettings
    head: RunSettings
    policy: Policy
    evidence: tuple[Evidence, ...]
    deciding: Profile
    shown: tuple[Profile, ...]
    refused: tuple[str, ...] = field(default=())
    lost: tuple[str, ...] = field(default=())
    """Regimes that the tapes show, and no window of them that was not tuned on."""


def run_gate(request: GateRequest) -> GateResult:
    """Judge a change in every environment that needs it; the worst verdict is the gate's.

    Raises QuoteopsError subclasses for what cannot be asked: commits, policy, tapes, journals.
    """
    now = request.now or datetime.now(UTC)
    report = classify(request.git, request.base, request.head, request.environment, now=now)
    asked = [
        change
        for change in report.environments
        if change.needs == "gate"
        and not restores_held(
            request.git, request.agent_rows(change.name), change=change, base=report.base, now=now
        )
    ]
    if report.refusals:
        return _without(report, Outcome.FAIL, f"the change is refused: {report.refusals[0]}")
    if not asked:
        return _without(report, Outcome.PASS, f"no gate is needed: {_why_not(report)}")
    with tempfile.TemporaryDirectory(prefix="quoteops-gate-") as folder:
        old, new = Path(folder) / "base", Path(folder) / "head"
        request.git.export(report.base, PREFIXES, old)
        request.git.export(report.head, PREFIXES, new)
        judged = [_judge(request, report, change, old, new, now) for change in asked]
    worst = min(judged, key=lambda e: _ORDER.index(Outcome(e["verdict"])))
    outcome = Outcome(worst["verdict"])
    sentence = worst["sentence"] if len(judged) == 1 else f"{worst['environment']}: {worst['sentence']}"
    return GateResult(outcome, _report(report, outcome, sentence, judged))


_ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NO_EFFECT, Outcome.WARN, Outcome.PASS)


def _why_not(report: ChangeReport) -> str:
    """Say why nothing has to be judged on tapes."""
    if report.verdict == "neutral":
        return "nothing that an environment runs changes"
    back = [c.name for c in report.environments if c.needs == "gate"]
    names = [f"{c.name} ({c.direction})" for c in report.environments if c.needs == "check"]
    reasons = [f"{', '.join(back)} runs this already, since it went back"] * bool(back)
    return "; ".join([*reasons, *([f"the check is enough for {', '.join(names)}"] if names else [])])


def _without(report: ChangeReport, outcome: Outcome, sentence: str) -> GateResult:
    return GateResult(outcome, _report(report, outcome, sentence, []))


def _report(
    report: ChangeReport, outcome: Outcome, sentence: str, judged: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    plain: dict[str, Any] = canonical(
        {
            "gate_version": GATE_VERSION,
            "base": report.base,
            "head": report.head,
            "classification": report.classification,
            "verdict": outcome.value,
            "exit_code": outcome.exit_code,
            "sentence": sentence,
            "changed": [_changed(change) for change in report.environments if change.needs != "none"],
            "environments": list(judged),
        }
    )
    return plain


def _changed(change: EnvironmentChange) -> dict[str, Any]:
    plain = change.as_dict()
    return {k: plain[k] for k in ("environment", "base_config_sha", "head_config_sha", "direction", "needs")}


def _judge(
    request: GateRequest,
    report: ChangeReport,
    change: EnvironmentChange,
    old: Path,
    new: Path,
    now: datetime,
) -> dict[str, Any]:
    """Judge one environment and journal the attempt before, the verdict after."""
    tapes = tapes_of(load_environment(old, change.name), load_tapes(old))
    with workers_for(tapes=len(tapes), workers=request.workers) as fanout:
        question = _question(request, report, change, old, new, tapes, fanout)
        return _answered(request, report, question, fanout, now)


def _answered(
    request: GateRequest, report: ChangeReport, question: _Question, fanout: Fanout, now: datetime
) -> dict[str, Any]:
    change = question.change
    attempt = Attempt(
        environment=change.name,
        base_config_sha=question.base.config_sha,
        head_config_sha=question.head.config_sha,
        tapes=tuple(e.digest for e in question.evidence),
        gate_version=GATE_VERSION,
        look=sha256_of(
            canonical_json([question.base.soak.seed, [list(e.windows) for e in question.evidence]])
        ),
    )
    given = allowance(request.rows(change.name), attempt=attempt, budget=report.policy.budget, now=now)
    alpha = min(report.policy.gate.alpha, given.alpha)
    entry = attempt_entry(attempt, given)
    if not given.repeated:
        request.append(change.name, Kind.ATTEMPT, entry)
    arms = replay_evidence(
        evidence=question.evidence,
        base=question.base,
        head=question.head,
        rules=report.policy.gate,
        home=request.home,
        fanout=fanout,
        moved=partial(request.progress, f"replay, {change.name}"),
    )
    answer = _answer(question, arms, alpha=alpha)
    inputs = gate_inputs(
        report=report, change=change, policy=report.policy, attempt=attempt, alpha=alpha, answer=answer,
        code_sha=request.code_sha,
    )  # fmt: skip
    verdict = {
        "subject": "gate",
        "attempt": attempt.key,
        "environment": change.name,
        "commit": report.head,
        "config_sha": attempt.head_config_sha,
        "verdict": answer["verdict"],
        "sentence": answer["sentence"],
    }
    request.append(change.name, Kind.VERDICT, verdict)
    budget = {
        "alpha": alpha, "policy_alpha": report.policy.gate.alpha, "given": given.alpha, "left": given.left,
        "quarter": given.quarter, "attempt": given.number, "repeated": given.repeated,
    }  # fmt: skip
    journal = [{"kind": "attempt", "data": entry}] * (not given.repeated)
    journal += [{"kind": "verdict", "data": verdict}]
    return {**answer, "inputs": inputs, "budget": budget, "journal": journal}


def _question(
    request: GateRequest,
    report: ChangeReport,
    change: EnvironmentChange,
    old: Path,
    new: Path,
    tapes: Sequence[EvidenceTape],
    fanout: Fanout,
) -> _Question:
    """Gather what decides: settings of both commits, tapes without what was tuned on, KPI profiles.

    ``tapes`` are the base's, for which tapes count decides how a change is judged.
    """
    assert change.base is not None
    assert change.head is not None
    opened = open_all(
        tapes=tapes,
        tuned=tuned_on(new, change.name),
        home=request.home,
        fanout=fanout,
        moved=partial(request.progress, "tapes"),
    )
    evidence = [one for one in opened if one.windows]
    refused = [
        f"tape {one.tape.name} is not used: nothing of it is left that was not tuned on"
        for one in opened
        if not one.windows
    ]
    shipped = {name: profile_from(p.model_dump()) for name, p in load_kpi_profiles(root=old).items()}
    kpi = change.base.kpi
    # KPI_* variables belong to whoever runs this and are ignored.
    deciding = deciding_profile(
        selected=profile_from(kpi.model_dump()), decides=kpi.decides, shipped=shipped, environ={}
    )
    return _Question(
        change=change,
        base=change.base,
        head=change.head,
        policy=report.policy,
        evidence=tuple(evidence),
        deciding=deciding,
        shown=tuple(shipped[name] for name in SIDE_BY_SIDE if name in shipped),
        refused=tuple(refused),
        lost=tuple(sorted({o.tape.regime for o in opened} - {o.tape.regime for o in evidence})),
    )


def _answer(question: _Question, arms: Sequence[TapeArms], *, alpha: float) -> dict[str, Any]:
    """Compare, settle, and put the answer into plain data."""
    gate, tier = question.policy.gate, question.change.tier
    rules = question.policy.rules(tier)
    groups = by_symbol(arms)
    symbols = {n: effects_of(name=n, tapes=ts, rules=gate, alpha=alpha) for n, ts in groups.items()}
    findings = find(symbols=list(symbols.values()), want=rules.net, alpha=alpha)
    notes, rows = list(question.refused), []
    if findings[0].outcome is not Outcome.NO_EFFECT:
        rows = kpi_rows(tapes=arms, deciding=question.deciding, shown=question.shown)
        for more, more_notes in (
            kpi_findings(rows, tier=tier),
            tier_findings(tapes=arms, rules=rules, tier=tier),
        ):
            findings += more
            notes += more_notes
    findings += [
        Finding(
            Outcome.INCONCLUSIVE,
            "GATE:regime",
            f"all of regime {regime} was tuned on; add another tape of it",
        )
        for regime in question.lost
    ]
    findings = worst_first(findings)
    if any(symbol.identical for symbol in symbols.values()):
        same = ", ".join(s.symbol for s in symbols.values() if s.identical)
        notes.append(f"nothing differs on {same}")
    outcome = settle(findings, rules=rules)
    return {
        "environment": question.change.name,
        "tier": tier,
        "want": rules.net,
        "verdict": outcome.value,
        "exit_code": outcome.exit_code,
        "sentence": _sentence(findings, outcome),
        "hours_needed": _hours(findings, outcome),
        "reasons": list(dict.fromkeys(f.code for f in findings)),
        "findings": [finding_data(f) for f in findings],
        "notes": notes,
        "changes": question.change.as_dict()["changes"],
        "symbols": {name: _symbol(symbols[name], groups[name], question, alpha) for name in groups},
        "tapes": [tape_data(e, arm) for e, arm in zip(question.evidence, arms, strict=True)],
        "kpi": [
            {
                "tape": row.tape, "profile": row.profile, "decides": row.decides, "base": row.base.value,
                "candidate": row.candidate.value, "reasons": list(row.reasons),
            }
            for row in rows
        ],
    }  # fmt: skip


def _sentence(findings: Sequence[Finding], outcome: Outcome) -> str:
    """Give the verdict and its reason: the worst finding, and how much more tape would tell."""
    from framework.gates.explain import hours_words

    first = findings[0]
    text = first.says
    if outcome is Outcome.INCONCLUSIVE and first.outcome is Outcome.WARN:
        text = f"{text}, and this tier promotes on PASS alone"
    hours = _hours(findings, outcome)
    more = "" if not hours else f"; needs about {hours_words(hours)} more of such tape"
    others = sum(1 for f in findings[1:] if f.outcome is first.outcome)
    return f"{text}{more}" + (f" (and {others} more)" if others else "")


def _hours(findings: Sequence[Finding], outcome: Outcome) -> float | None:
    """Return the tape that would decide everything undecided; None when some of it is not known."""
    if outcome is not Outcome.INCONCLUSIVE:
        return None
    known = [f.hours_needed for f in findings if f.hours_needed is not None]
    return max(known, default=None)


def _symbol(
    symbol: SymbolEffects, tapes: Sequence[TapeArms], question: _Question, alpha: float
) -> dict[str, Any]:
    alone = {t.name: tape_effect(tape=t, like=symbol, rules=question.policy.gate, alpha=alpha) for t in tapes}
    return {
        "hours": symbol.hours,
        "identical": symbol.identical,
        "effects": {name: effect_data(e, have=symbol.hours) for name, e in symbol.effects.items()},
        "better": effect_data(symbol.better, have=symbol.hours),
        "regimes": {name: effect_data(e, have=symbol.hours) for name, e in symbol.regimes.items()},
        "tapes": {name: effect_data(e, have=symbol.hours) for name, e in alone.items()},
    }


def gate_inputs(
    *,
    report: ChangeReport,
    change: EnvironmentChange,
    policy: Policy,
    attempt: Attempt,
    alpha: float,
    answer: Mapping[str, Any],
    code_sha: str | None,
) -> dict[str, Any]:
    """Name by digest everything a verdict rests on; the same inputs give the same report, byte for byte."""
    assert change.base is not None
    return {
        "gate_version": GATE_VERSION,
        "code_sha": code_sha,
        "environment": change.name,
        "tier": change.tier,
        "base": {"commit": report.base, "config_sha": attempt.base_config_sha},
        "head": {"commit": report.head, "config_sha": attempt.head_config_sha},
        "policy_sha": sha256_of(canonical_json(policy.model_dump(mode="json"))),
        "kpi_sha": sha256_of(canonical_json(change.base.kpi.model_dump(mode="json"))),
        "tapes": [
            {"name": t["name"], "digest": t["digest"], "windows_ns": t["windows_ns"]} for t in answer["tapes"]
        ],
        "seed": change.base.soak.seed,
        "alpha": alpha,
        "attempt": attempt.key,
    }
