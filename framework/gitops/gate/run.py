"""``quoteops gitops gate``: both configurations on the evidence tapes, and whether the change may pass.

Policy, tapes, KPI profiles and tiers are the base's; the head brings values and nothing that judges them.
gather (classify, open, spend alpha) → replay both arms → compare → settle → report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from framework.errors import QuoteopsError
from framework.fanout.run import Fanout
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.kpi import profile_from
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Outcome
from framework.gates.profiles import deciding_profile
from framework.gitops.change.classify import classify
from framework.gitops.change.report import ChangeReport, EnvironmentChange
from framework.gitops.change.restores_held import promoted, restores_held, went_back_to
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.alpha_budget import Allowance, Attempt, allowance, attempt_entry
from framework.gitops.gate.answer import Question, answer
from framework.gitops.gate.bundle_inputs import Witness, bundle_id, bundle_inputs
from framework.gitops.gate.compared import compared
from framework.gitops.gate.evidence import load_tapes, open_all, replay_evidence, tapes_of, workers_for
from framework.gitops.gate.floor import Floor, look_at_floor
from framework.gitops.gate.ground import standing_ground
from framework.gitops.gate.report import GateReport, Judged, changed_of, inputs_of
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.riders import with_keys
from framework.holds.hold import newest_hold
from framework.journal.entry import Kind
from framework.session.judge import SIDE_BY_SIDE
from framework.settings.kpi_profiles import load_kpi_profiles
from framework.settings.schema.gitops import EvidenceTape, Policy


@dataclass(frozen=True)
class GateResult:
    """The report of a gate, and what it found in the journals."""

    report: GateReport
    witness: Witness

    @property
    def outcome(self) -> Outcome:
        """Return the verdict."""
        return self.report.outcome


def run_gate(request: GateRequest) -> GateResult:
    """Judge a change in every environment that needs it; the worst verdict is the gate's.

    Raises QuoteopsError subclasses for what cannot be asked: commits, policy, tapes, journals.
    """
    witness = Witness(request.now or datetime.now(UTC), everything=request.everything)
    report, asked = _asked(request, witness)
    if report.refusals:
        return _result(report, Outcome.FAIL, f"the change is refused: {report.refusals[0]}", [], witness)
    if not asked:
        outcome, sentence = _not_judged(request, report)
        return _result(report, outcome, sentence, [], witness)
    judged = []
    for change in asked:
        with _on_its_ground(request, change) as one_request:
            judged.append(_judge(one_request, report, change, witness))
    worst = min(judged, key=lambda one: _ORDER.index(one.answer.outcome)).answer
    sentence = worst.sentence if len(judged) == 1 else f"{worst.change.name}: {worst.sentence}"
    result = _result(report, worst.outcome, sentence, judged, witness)
    inputs = bundle_inputs(
        request.base,
        request.head,
        result.report.as_dict(),
        witness,
        environment=request.environment,
        code_sha=request.code_sha,
    )
    bundle = bundle_id(inputs)
    for one in judged:
        request.append(one.environment, Kind.VERDICT, {**one.verdict_entry(), "bundle": bundle})
    return result


def spend_looks(request: GateRequest) -> dict[str, Allowance]:
    """Write down the looks that judging a change takes, before anybody has looked; one a environment.

    Raises as ``run_gate`` does.
    """
    witness = Witness(request.now or datetime.now(UTC))
    report, asked = _asked(request, witness)
    return {} if report.refusals else {c.name: _spend(request, report, c, witness) for c in asked}


def _asked(request: GateRequest, witness: Witness) -> tuple[ChangeReport, list[EnvironmentChange]]:
    """Return what the change is, and the environments that tapes have to judge it in."""
    ground = partial(standing_ground, request, now=witness.now)
    report = classify(request.base, request.head, request.environment, now=witness.now, ground=ground)
    stood = {c.name: c.against for c in report.environments if c.against is not None}
    witness.grounds.update({name: f"{found.commit} {found.why}" for name, found in stood.items()})
    needs = ("gate", "check") if request.everything else ("gate",)
    gated = [c for c in report.environments if c.needs in needs and (c.needs == "gate" or _compares(c))]
    return report, [c for c in gated if not _runs_already(request, report.policy, c, witness)]


def _spend(
    request: GateRequest, report: ChangeReport, change: EnvironmentChange, witness: Witness
) -> Allowance:
    with _on_its_ground(request, change) as asked:
        tapes = tapes_of(asked.base.environment(change.name), load_tapes(asked.base.root))
        with workers_for(tapes=len(tapes), workers=request.workers) as fanout:
            attempt = _attempt(_question(asked, report, change, tapes, fanout))
    return _given(request, report, change.name, attempt, witness)


@contextmanager
def _on_its_ground(request: GateRequest, change: EnvironmentChange) -> Iterator[GateRequest]:
    """Ask the same with the base that an environment is compared with: its tapes and KPI profiles count."""
    if change.against is None:
        yield request
        return
    with Revision(request.base.git, change.against.commit) as base:
        yield replace(request, base=base)


def _given(
    request: GateRequest, report: ChangeReport, name: str, attempt: Attempt, witness: Witness
) -> Allowance:
    """Spend a look, and return what it may use: by its place in the journal, whoever wrote meanwhile.

    Raises GitopsError where only looks that are spent already may be taken.
    """

    def allowed() -> Allowance:
        return allowance(request.rows(name), attempt=attempt, budget=report.policy.budget, now=witness.now)

    given = allowed()
    if given.repeated:
        return given
    if request.spent_only:
        raise GitopsError(
            f"{name}: this look at the tapes is not spent in the journal, so it is not taken; allowed after"
            " quoteops gitops gate --spend by whoever may write to it"
        )
    request.append(name, Kind.ATTEMPT, attempt_entry(attempt, given))
    return replace(allowed(), repeated=False)


_ORDER = (
    Outcome.FAIL,
    Outcome.INCONCLUSIVE,
    Outcome.NO_EFFECT,
    Outcome.WARN,
    Outcome.NOT_JUDGED,
    Outcome.PASS,
)


def _compares(change: EnvironmentChange) -> bool:
    return change.base is not None and change.head is not None


def _not_judged(request: GateRequest, report: ChangeReport) -> tuple[Outcome, str]:
    """Say why no tape judges, and whether what only reduces risk still quotes; FAIL where it does not."""
    said = [f"not judged, no gate is needed: {_why_not(report)}"]
    reduced = [c for c in report.environments if c.needs == "check" and _compares(c)]
    for change in reduced if request.floor else ():
        with _on_its_ground(request, change) as asked:
            found = _floor_of(asked, report, change)
        if not found.kept:
            return Outcome.FAIL, f"{change.name} {found.says}: what may win by not trading proves nothing"
        said.append(f"{change.name} {found.says}")
    return Outcome.NOT_JUDGED, "; ".join(said)


def _floor_of(request: GateRequest, report: ChangeReport, change: EnvironmentChange) -> Floor:
    """Look whether the change still quotes; a tape that cannot be had does not stop a tightening."""
    try:
        tapes = tapes_of(request.base.environment(change.name), load_tapes(request.base.root))
        first = list({tape.symbol: tape for tape in reversed(tapes)}.values())
        with workers_for(tapes=len(first), workers=request.workers) as fanout:
            question = _question(request, report, change, first, fanout)
            return look_at_floor(
                evidence=question.evidence,
                compared=question.compared,
                rules=report.policy.gate,
                home=request.home,
                fanout=fanout,
                moved=partial(request.progress, f"turnover floor, {change.name}"),
            )
    except QuoteopsError as error:
        return Floor(True, f"turnover floor not checked: {error}")


def _runs_already(request: GateRequest, policy: Policy, change: EnvironmentChange, witness: Witness) -> bool:
    """Tell whether the change only brings git to what its environment went back to."""
    hold = newest_hold(request.agent_rows(change.name))
    witness.holds[change.name] = hold
    if hold is None or not restores_held(request.base, change, hold=hold, now=witness.now):
        return False
    rows, held = request.rows(change.name), went_back_to(hold)
    let_in = promoted(rows, held, policy=policy, tier=change.tier)
    if let_in is not None:
        witness.promotions[change.name] = let_in
    return let_in is not None


def _why_not(report: ChangeReport) -> str:
    """Say why nothing has to be judged on tapes."""
    if report.verdict == "neutral":
        return "nothing that an environment runs changes"
    back = [c.name for c in report.environments if c.needs == "gate"]
    names = [f"{c.name} ({c.direction})" for c in report.environments if c.needs == "check"]
    reasons = [f"{', '.join(back)} runs this already, since it went back"] * bool(back)
    return "; ".join([*reasons, *([f"the check is enough for {', '.join(names)}"] if names else [])])


def _result(
    report: ChangeReport,
    outcome: Outcome,
    sentence: str,
    judged: Sequence[Judged],
    witness: Witness,
) -> GateResult:
    found = GateReport(
        base=report.base,
        head=report.head,
        classification=report.classification,
        outcome=outcome,
        sentence=sentence,
        changed=tuple(changed_of(change) for change in report.environments if change.needs != "none"),
        environments=tuple(judged),
        notes=report.notes if witness.grounds else (),
    )
    return GateResult(found, witness)


def _judge(request: GateRequest, report: ChangeReport, change: EnvironmentChange, witness: Witness) -> Judged:
    """Judge one environment; its attempt is journalled before."""
    tapes = tapes_of(request.base.environment(change.name), load_tapes(request.base.root))
    with workers_for(tapes=len(tapes), workers=request.workers) as fanout:
        question = _question(request, report, change, tapes, fanout)
        return _answered(request, report, question, fanout, witness)


def _answered(
    request: GateRequest, report: ChangeReport, question: Question, fanout: Fanout, witness: Witness
) -> Judged:
    change, policy = question.change, report.policy
    attempt = _attempt(question)
    rows = tuple(request.rows(change.name))
    witness.attempts[change.name] = [
        {"at": row.at, "data": dict(row.data)} for row in rows if row.kind is Kind.ATTEMPT
    ]
    given = _given(request, report, change.name, attempt, witness)
    arms = replay_evidence(
        evidence=question.evidence,
        compared=question.compared,
        rules=policy.gate,
        home=request.home,
        fanout=fanout,
        moved=partial(request.progress, f"replay, {change.name}"),
    )
    alpha = min(policy.gate.alpha, given.alpha)
    found = answer(question, arms, alpha=alpha)
    judged = Judged(
        answer=found,
        inputs=inputs_of(report, found, attempt, alpha=alpha, code_sha=request.code_sha),
        attempt=attempt,
        given=given,
        policy_alpha=policy.gate.alpha,
    )
    return judged


def _attempt(question: Question) -> Attempt:
    both, evidence = question.compared, question.evidence
    return Attempt(
        environment=question.change.name,
        base_config_sha=both.base.config_sha,
        head_config_sha=both.candidate.config_sha,
        tapes=tuple(one.digest for one in evidence),
        gate_version=GATE_VERSION,
        look=sha256_of(canonical_json([both.base.soak.seed, [list(one.windows) for one in evidence]])),
    )


def _question(
    request: GateRequest,
    report: ChangeReport,
    change: EnvironmentChange,
    tapes: Sequence[EvidenceTape],
    fanout: Fanout,
) -> Question:
    """Gather what decides: tapes without what was tuned on, KPI profiles.

    ``tapes`` are the base's, for which tapes count decides how a change is judged.
    """
    assert change.base is not None
    assert change.head is not None
    opened = open_all(
        tapes=tapes,
        tuned=request.head.tuned_on(change.name),
        home=request.home,
        fanout=fanout,
        moved=partial(request.progress, "tapes"),
    )
    profiles = load_kpi_profiles(root=request.base.root)
    shipped = {name: profile_from(p.model_dump()) for name, p in profiles.items()}
    kpi = change.base.kpi
    # KPI_* variables belong to whoever runs this and are ignored.
    deciding = deciding_profile(
        selected=profile_from(kpi.model_dump()), decides=kpi.decides, shipped=shipped, environ={}
    )
    return Question(
        change=change,
        compared=with_keys(compared(base=change.base, head=change.head)),
        policy=report.policy,
        opened=tuple(opened),
        deciding=deciding,
        shown=tuple(shipped[name] for name in SIDE_BY_SIDE if name in shipped),
    )
