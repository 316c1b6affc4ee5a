"""``quoteops gitops gate``: both configurations on the evidence tapes, and whether the change may pass.

Policy, tapes, KPI profiles and tiers are the base's; the head brings values and nothing that judges them.
gather (classify, open, spend alpha) → replay both arms → compare → settle → report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from framework.errors import QuoteopsError
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Outcome
from framework.gitops.change.classify import classify
from framework.gitops.change.report import ChangeReport, EnvironmentChange
from framework.gitops.change.restores_held import promoted, restores_held, went_back_to
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.alpha_budget import Allowance, Attempt, allowance, attempt_entry
from framework.gitops.gate.answer import Question, answer
from framework.gitops.gate.arms import compared, replay_evidence
from framework.gitops.gate.bundle import Witness, bundle_id, bundle_inputs, inputs_of
from framework.gitops.gate.evidence import Evidence, Workers, open_all, tapes_of, workers_for
from framework.gitops.gate.floor import Floor, look_at_floor
from framework.gitops.gate.ground import restores, running_ground, standing_ground
from framework.gitops.gate.report import GateReport, Judged, changed_of
from framework.gitops.gate.request import GateRequest
from framework.holds.hold import newest_hold
from framework.journal.entry import Kind
from framework.session.judge import choose_profiles
from framework.settings.gitops_files import read_tapes

WORST_FIRST = (
    Outcome.FAIL,
    Outcome.INCONCLUSIVE,
    Outcome.NO_EFFECT,
    Outcome.WARN,
    Outcome.NOT_JUDGED,
    Outcome.PASS,
)


@dataclass(frozen=True)
class GateResult:
    """The report of a gate, what was asked, and what it found in the journals."""

    request: GateRequest
    report: GateReport
    witness: Witness

    @property
    def outcome(self) -> Outcome:
        """Return the verdict."""
        return self.report.outcome

    @cached_property
    def plain(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return self.report.as_dict()

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Return all that it rests on; the request's commits must still be open when it is first asked."""
        return bundle_inputs(self.request, self.plain, self.witness)


def run_gate(request: GateRequest) -> GateResult:
    """Judge a change in every environment that needs it; the worst verdict is the gate's.

    Raises QuoteopsError subclasses for what cannot be asked: commits, policy, tapes, journals.
    """
    case = case_of(request)
    if case.report.refusals:
        return case.result(Outcome.FAIL, f"the change is refused: {case.report.refusals[0]}")
    if not case.asked:
        return case.result(*case.not_judged())
    judged = [case.judge(change) for change in case.asked]
    worst = min(judged, key=lambda one: WORST_FIRST.index(one.answer.outcome)).answer
    sentence = worst.sentence if len(judged) == 1 else f"{worst.change.name}: {worst.sentence}"
    result = case.result(worst.outcome, sentence, judged)
    bundle = bundle_id(result.inputs)
    for one in judged:
        request.append(one.environment, Kind.VERDICT, {**one.verdict_entry(), "bundle": bundle})
    return result


def spend_looks(request: GateRequest) -> dict[str, Allowance]:
    """Write down the looks that judging a change takes, before anybody has looked; one a environment.

    Raises as ``run_gate`` does.
    """
    case = case_of(request)
    return {} if case.report.refusals else {change.name: case.spend(change) for change in case.asked}


@dataclass(frozen=True)
class Case:
    """A change that is asked about: what it is, and the environments that tapes have to judge it in."""

    request: GateRequest
    witness: Witness
    report: ChangeReport
    asked: tuple[EnvironmentChange, ...]

    def judge(self, change: EnvironmentChange) -> Judged:
        """Judge one environment; its attempt is journalled before."""
        policy, name = self.report.policy, change.name
        with self._opened(change) as (question, workers):
            attempt = _attempt(question)
            self.witness.attempts[name] = [
                {"at": row.at, "data": dict(row.data)}
                for row in self.request.rows(name)
                if row.kind is Kind.ATTEMPT
            ]
            given = self._given(attempt)
            arms = replay_evidence(
                question.evidence,
                compared=question.compared,
                rules=policy.gate,
                workers=workers,
                what=f"replay, {name}",
            )
        alpha = min(policy.gate.alpha, given.alpha)
        answered = answer(question, arms, alpha=alpha)
        inputs = inputs_of(self.report, answered, attempt, alpha=alpha, code_sha=self.request.code_sha)
        return Judged(
            answer=answered, inputs=inputs, attempt=attempt, given=given, policy_alpha=policy.gate.alpha
        )

    def spend(self, change: EnvironmentChange) -> Allowance:
        """Spend the look that judging an environment takes, and take none."""
        with self._opened(change) as (question, _):
            attempt = _attempt(question)
        return self._given(attempt)

    def _given(self, attempt: Attempt) -> Allowance:
        """Spend a look, and return what it may use: by its place in the journal, whoever wrote meanwhile.

        Raises GitopsError where only looks that are spent already may be taken.
        """
        request, name = self.request, attempt.environment

        def allowed() -> Allowance:
            budget, now = self.report.policy.budget, self.witness.now
            return allowance(request.rows(name), attempt=attempt, budget=budget, now=now)

        given = allowed()
        if given.repeated:
            return given
        if request.spent_only:
            raise GitopsError(
                f"{name}: this look at the tapes is not spent in the journal, so it is not taken; allowed"
                " after quoteops gitops gate --spend by whoever may write to it"
            )
        request.append(name, Kind.ATTEMPT, attempt_entry(attempt, given))
        return replace(allowed(), repeated=False)

    def not_judged(self) -> tuple[Outcome, str]:
        """Say why no tape judges, and whether what only reduces risk still quotes; FAIL where it does not."""
        lines = [f"not judged, no gate is needed: {self._why_not()}"]
        reduced = [c for c in self.report.environments if c.needs == "check" and _compares(c)]
        for change in reduced if self.request.floor else ():
            floor = self._floor_of(change)
            if not floor.kept:
                return Outcome.FAIL, f"{change.name} {floor.says}: what may win by not trading proves nothing"
            lines.append(f"{change.name} {floor.says}")
        return Outcome.NOT_JUDGED, "; ".join(lines)

    def _why_not(self) -> str:
        """Say why nothing has to be judged on tapes."""
        if self.report.verdict == "neutral":
            return "nothing that an environment runs changes"
        changes = self.report.environments
        back = [c.name for c in changes if c.needs == "gate"]
        names = [f"{c.name} ({c.direction})" for c in changes if c.needs == "check"]
        reasons = [f"{', '.join(back)} runs this already, since it went back"] * bool(back)
        return "; ".join([*reasons, *([f"the check is enough for {', '.join(names)}"] if names else [])])

    def _floor_of(self, change: EnvironmentChange) -> Floor:
        """Look whether the change still quotes; a tape that cannot be had does not stop a tightening."""
        try:
            with self._opened(change, one_a_symbol=True) as (question, workers):
                return look_at_floor(question, workers=workers)
        except QuoteopsError as error:
            return Floor(True, f"turnover floor not checked: {error}")

    @contextmanager
    def _opened(
        self, change: EnvironmentChange, *, one_a_symbol: bool = False
    ) -> Iterator[tuple[Question, Workers]]:
        """Gather what decides an environment's question, its tapes open, and the workers that opened them.

        Tapes and KPI profiles are those of the base, or of what the environment is compared with instead.
        """
        request = self.request
        with _ground_of(request.base, change) as base:
            tapes = (*tapes_of(base.environment(change.name), read_tapes(base.root)), *change.tapes)
            if one_a_symbol:
                tapes = tuple({tape.symbol: tape for tape in reversed(tapes)}.values())
            with workers_for(
                tapes=len(tapes), workers=request.workers, home=request.home, progress=request.progress
            ) as workers:
                tuned = request.head.tuned_on(change.name)
                opened = open_all(tapes=tapes, tuned=tuned, workers=workers)
                yield _question(change, self.report, base, opened), workers

    def result(self, outcome: Outcome, sentence: str, judged: Sequence[Judged] = ()) -> GateResult:
        """Report what the gate came to."""
        report = self.report
        whole = GateReport(
            base=report.base,
            head=report.head,
            classification=report.classification,
            outcome=outcome,
            sentence=sentence,
            changed=tuple(changed_of(change) for change in report.environments if change.needs != "none"),
            environments=tuple(judged),
            notes=report.notes if self.witness.grounds else (),
        )
        return GateResult(self.request, whole, self.witness)


def case_of(request: GateRequest) -> Case:
    """Say what a change is, and which environments tapes have to judge it in."""
    witness = Witness(request.now or datetime.now(UTC), everything=request.everything)
    ground = partial(standing_ground, request, now=witness.now)
    report = classify(
        request.base,
        request.head,
        request.environment,
        now=witness.now,
        ground=ground,
        standing=partial(running_ground, request, now=witness.now),
        restores=partial(restores, request, now=witness.now),
    )
    stood = {c.name: c.against for c in report.environments if c.against is not None}
    witness.grounds.update({name: f"{standing.commit} {standing.why}" for name, standing in stood.items()})
    needs = ("gate", "check") if request.everything else ("gate",)
    gated = [c for c in report.environments if c.needs in needs and (c.needs == "gate" or _compares(c))]
    asked = tuple(c for c in gated if not _runs_already(c, request, report, witness))
    return Case(request, witness, report, asked)


def _compares(change: EnvironmentChange) -> bool:
    return change.base is not None and change.head is not None


def _runs_already(
    change: EnvironmentChange, request: GateRequest, report: ChangeReport, witness: Witness
) -> bool:
    """Tell whether the change only brings git to what its environment went back to."""
    hold = newest_hold(request.agent_rows(change.name))
    witness.holds[change.name] = hold
    if hold is None or not restores_held(request.base, change, hold=hold, now=witness.now):
        return False
    rows, held = request.rows(change.name), went_back_to(hold)
    let_in = promoted(rows, held, policy=report.policy, tier=change.tier)
    if let_in is not None:
        witness.promotions[change.name] = let_in
    return let_in is not None


@contextmanager
def _ground_of(base: Revision, change: EnvironmentChange) -> Iterator[Revision]:
    """Give the base that an environment is compared with: its tapes and KPI profiles count."""
    if change.against is None:
        yield base
        return
    with Revision(base.git, change.against.commit) as ground:
        yield ground


def _question(
    change: EnvironmentChange, report: ChangeReport, base: Revision, opened: Sequence[Evidence]
) -> Question:
    """Put together what decides: both sides, the tapes without what was tuned on, the KPI profiles."""
    assert change.base is not None
    assert change.head is not None
    return Question(
        change=change,
        compared=compared(base=change.base, head=change.head),
        policy=report.policy,
        opened=tuple(opened),
        # KPI_* variables belong to whoever runs this and are ignored.
        profiles=choose_profiles(kpi=change.base.kpi, root=base.root, environ={}),
    )


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
