"""What a merge leaves in the gate's journal: a promotion of what passes, a refusal of anything else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Finding, Outcome
from framework.gitops.agent.revocations import Revocation, fold_revocations
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.desired.revision import Revision
from framework.gitops.gate import promote as room
from framework.gitops.gate.alpha_budget import Allowance, Attempt
from framework.gitops.gate.answer import GateAnswer
from framework.gitops.gate.report import ChangedEnvironment, GateInputs, GateReport, Judged, Side
from framework.gitops.gate.run import GateRequest, GateResult, Witness
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import fetch_published
from framework.settings.overrides import Direction
from tests.gitops.agent_cases import START
from tests.gitops.repository import bare

BASE, HEAD = "a" * 40, "b" * 40
OLD, NEW = "1" * 64, "2" * 64


def judged(name: str, outcome: Outcome) -> Judged:
    """Make the gate's answer to one environment, which has asked the same before."""
    change = EnvironmentChange(
        name=name, tier="sandbox", base=None, head=None, changes=(), direction=Direction.GATED, needs="gate",
        approvals=0, net="better",
    )  # fmt: skip
    attempt = Attempt(
        environment=name, base_config_sha=OLD, head_config_sha=NEW, tapes=(), gate_version=GATE_VERSION
    )
    return Judged(
        answer=GateAnswer(
            change=change, want="better", outcome=outcome, notes=(), symbols={}, tapes=(), kpi=(),
            findings=(Finding(outcome, "GATE:net", f"{name} says {outcome.value}"),),
        ),
        inputs=GateInputs(
            code_sha=None, environment=name, tier="sandbox", base=Side(commit=BASE, config_sha=OLD),
            head=Side(commit=HEAD, config_sha=NEW), policy_sha="", kpi_sha="", tapes=(), seed=1, alpha=0.05,
            attempt=attempt.key, compared=(OLD, NEW),
        ),
        attempt=attempt,
        given=Allowance(quarter="2026-Q3", number=1, left=0.05, alpha=0.025, repeated=True),
        policy_alpha=0.05,
    )  # fmt: skip


@dataclass
class Merge:
    """A merge, the gate's answers to it, and the journal."""

    git: Git
    remote: str
    monkeypatch: pytest.MonkeyPatch
    said: list[str] = field(default_factory=list)

    def judged(self, outcome: Outcome, *, rows: dict[str, Outcome], changed: tuple[str, ...]) -> list[str]:
        """Let the gate answer, and promote; give the kinds of what was published for the sandbox."""
        report = GateReport(
            base=BASE,
            head=HEAD,
            classification="gated",
            outcome=outcome,
            sentence="all of it",
            changed=tuple(
                ChangedEnvironment(
                    environment=name,
                    base_config_sha=OLD,
                    head_config_sha=NEW,
                    direction="gated",
                    needs="gate" if name in rows else "check",
                )
                for name in changed
            ),
            environments=tuple(judged(name, one) for name, one in rows.items()),
        )
        self.monkeypatch.setattr(room, "run_gate", lambda _: GateResult(report, Witness(START)))
        request = GateRequest(
            base=Revision(self.git, BASE),
            head=Revision(self.git, HEAD),
            home=self.git.repo,
            rows=lambda _environment: (),
        )
        room.promote(request, remote=self.remote, progress=self.said.append)
        return [str(entry.kind) for entry in self.entries("sandbox")]

    def entries(self, environment: str) -> tuple[Any, ...]:
        """Give what was decided; the gate's verdicts stand beside it."""
        found = fetch_published(self.git, self.remote, f"{environment}.gate")
        return tuple(e for e in found.entries if e.kind in room.DECISIONS) if found is not None else ()


@pytest.fixture
def merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merge:
    remote = str(bare(tmp_path / "remote.git"))
    return Merge(Git.mirror(tmp_path / "clone.git"), remote, monkeypatch)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_anything_but_pass_and_warn_is_published_as_refused(merge: Merge, outcome: Outcome) -> None:
    kinds = merge.judged(outcome, rows={"sandbox": outcome}, changed=("sandbox",))
    passes = outcome in (Outcome.PASS, Outcome.WARN)
    assert kinds == ["promoted" if passes else "refused"]
    if not passes:
        (entry,) = merge.entries("sandbox")
        assert dict(entry.data) == {
            "environment": "sandbox", "base": BASE, "commit": HEAD, "config_sha": NEW,
            "verdict": outcome.value, "sentence": f"sandbox says {outcome.value}",
        }  # fmt: skip
        found = fold_revocations(merge.entries("sandbox"), where="x")
        assert found[NEW][0].commit == HEAD
        assert f"sandbox says {outcome.value}" in found[NEW][0].why


def test_a_refused_change_is_refused_in_every_environment_that_it_changes(merge: Merge) -> None:
    merge.judged(Outcome.FAIL, rows={}, changed=("sandbox", "paper"))
    for environment in ("sandbox", "paper"):
        (entry,) = merge.entries(environment)
        assert (str(entry.kind), entry.data["sentence"]) == ("refused", "all of it")


def test_another_environment_s_failure_refuses_none_that_its_check_was_enough_for(merge: Merge) -> None:
    assert merge.judged(Outcome.FAIL, rows={"paper": Outcome.FAIL}, changed=("sandbox", "paper")) == [
        "promoted"
    ]
    assert [str(entry.kind) for entry in merge.entries("paper")] == ["refused"]


def test_the_same_decision_is_written_once_and_again_after_another_one(merge: Merge) -> None:
    for outcome in (Outcome.FAIL, Outcome.FAIL, Outcome.PASS, Outcome.PASS, Outcome.FAIL):
        kinds = merge.judged(outcome, rows={"sandbox": outcome}, changed=("sandbox",))
    assert kinds == ["refused", "promoted", "refused"]
    why = "judged again after its merge it does not pass: FAIL, sandbox says FAIL"
    assert fold_revocations(merge.entries("sandbox"), where="x") == {NEW: (Revocation(HEAD, why),)}
