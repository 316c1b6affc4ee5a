"""What a merge leaves in the gate's journal: a promotion of what passes, a refusal of anything else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Finding, Outcome
from framework.gitops.change.report import EnvironmentChange
from framework.gitops.desired.decisions import fold_decisions
from framework.gitops.errors import GitopsError
from framework.gitops.gate import promote as room
from framework.gitops.gate.alpha_budget import Allowance, Attempt
from framework.gitops.gate.answer import GateAnswer
from framework.gitops.gate.bundle import GateInputs, Side, Witness
from framework.gitops.gate.judged_environment import DECISIONS
from framework.gitops.gate.report import ChangedEnvironment, GateReport, Judged
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import GateResult
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import fetch_published
from framework.journal.entry import Kind
from framework.settings.overrides import Direction
from tests.gitops.agent_cases import START
from tests.gitops.repository import bare

BASE, HEAD = "a" * 40, "b" * 40
OLD, NEW = "1" * 64, "2" * 64

SIGNED_IN = ["paper"]
POLICY = SimpleNamespace(
    signs_promotions=SIGNED_IN.__contains__, signers=(), revoked_keys=(), signer_lists=("", "")
)


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
class Commit:
    """A commit as promotion reads it: its environments and what each of them runs, None when nobody knows."""

    git: Git
    sha: str
    runs: dict[str, str | None]

    @property
    def files(self) -> dict[str, None]:
        return {f"gitops/environments/{name}.yaml": None for name in self.runs}

    def settings(self, name: str, *, now: object) -> Any:
        found = self.runs.get(name)
        if found is None:
            raise GitopsError(f"{name}: does not compose")
        return SimpleNamespace(config_sha=found)

    def config_sha(self, name: str, *, now: object) -> str | None:
        return self.runs.get(name)

    def patch(self, name: str) -> None:
        return None

    def environment(self, name: str) -> Any:
        return SimpleNamespace(tier=name)

    @property
    def policy(self) -> Any:
        return POLICY

    def plain(self, text: str) -> str:
        return text


@dataclass
class Merge:
    """A merge, the gate's answers to it, and the journal."""

    git: Git
    remote: str
    monkeypatch: pytest.MonkeyPatch
    said: list[str] = field(default_factory=list)
    runs: bool = True
    crash: Exception | None = None
    before: dict[str, str | None] = field(default_factory=lambda: {"sandbox": OLD, "paper": OLD})
    after: dict[str, str | None] = field(default_factory=lambda: {"sandbox": NEW, "paper": NEW})

    def judged(
        self,
        outcome: Outcome,
        *,
        rows: dict[str, Outcome],
        changed: tuple[str, ...],
        broken: tuple[str, ...] = (),
        **more: Any,
    ) -> list[str]:
        """Let the gate answer, and promote; give the kinds of what was published for the sandbox."""

        def run_gate(request: GateRequest) -> GateResult:
            name = str(request.environment)
            if name in broken:
                raise self.crash or GitopsError(f"{name}: no tape")
            return GateResult(request, self.report(name, outcome, rows, changed), Witness(START))

        self.monkeypatch.setattr(room, "run_gate", run_gate)
        base: Any = Commit(self.git, BASE, self.before)
        head: Any = Commit(self.git, HEAD, self.after)
        request = GateRequest(
            base=head if more.get("first") else base,
            head=head,
            home=self.git.repo,
            rows=self.entries,
            agent_rows=self.agent,
            environment=more.pop("environment", None),
        )
        self.promotion = room.promote(request, remote=self.remote, progress=self.said.append, **more)
        return [str(entry.kind) for entry in self.entries("sandbox")]

    def agent(self, name: str) -> Any:
        """Give the agent's journal: once something was decided, what was there before is in force."""
        data = {"commit": BASE, "config_sha": OLD, "overrides_sha": "", "generation": 1, "cause": "commit"}
        row = SimpleNamespace(seq=1, at=START.isoformat(), kind=Kind.APPLIED, data=data)
        return [row] if self.runs and self.entries(name) else []

    def report(
        self, name: str, outcome: Outcome, rows: dict[str, Outcome], changed: tuple[str, ...]
    ) -> GateReport:
        """Give the gate's report of one environment."""
        change = ChangedEnvironment(
            environment=name,
            base_config_sha=self.before.get(name),
            head_config_sha=self.after.get(name),
            direction="gated",
            needs="gate" if name in rows else "check",
        )
        return GateReport(
            base=BASE,
            head=HEAD,
            classification="gated",
            outcome=rows.get(name, outcome),
            sentence="all of it",
            changed=(change,) if name in changed else (),
            environments=(judged(name, rows[name]),) if name in rows else (),
        )

    def entries(self, environment: str) -> tuple[Any, ...]:
        """Give what was decided; the gate's verdicts stand beside it."""
        found = fetch_published(self.git, self.remote, f"{environment}.gate")
        return tuple(e for e in found.entries if e.kind in DECISIONS) if found is not None else ()


@pytest.fixture
def merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Merge:
    remote = str(bare(tmp_path / "remote.git"))
    return Merge(Git.mirror(tmp_path / "clone.git"), remote, monkeypatch)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_anything_but_pass_and_warn_is_published_as_refused(merge: Merge, outcome: Outcome) -> None:
    merge.after["paper"] = OLD
    kinds = merge.judged(outcome, rows={"sandbox": outcome}, changed=("sandbox",))
    passes = outcome in (Outcome.PASS, Outcome.WARN)
    assert kinds == ["promoted" if passes else "refused"]
    assert merge.entries("paper") == ()
    assert merge.promotion.exit_code == outcome.exit_code
    if not passes:
        (entry,) = merge.entries("sandbox")
        assert dict(entry.data) == {
            "environment": "sandbox", "base": BASE, "commit": HEAD, "config_sha": NEW,
            "verdict": outcome.value, "sentence": f"sandbox says {outcome.value}",
        }  # fmt: skip
        (found,) = fold_decisions(merge.entries("sandbox"), where="x").by_config[NEW]
        assert found.commit == HEAD
        assert f"sandbox says {outcome.value}" in found.why


def test_a_refused_change_is_refused_in_every_environment_that_it_changes(merge: Merge) -> None:
    merge.judged(Outcome.FAIL, rows={}, changed=("sandbox", "paper"))
    for environment in ("sandbox", "paper"):
        (entry,) = merge.entries(environment)
        assert (str(entry.kind), entry.data["sentence"]) == ("refused", "all of it")


def test_another_environment_s_failure_refuses_none_that_its_check_was_enough_for(merge: Merge) -> None:
    kinds = merge.judged(Outcome.PASS, rows={"paper": Outcome.FAIL}, changed=("sandbox", "paper"))
    assert kinds == ["promoted"]
    assert [str(entry.kind) for entry in merge.entries("paper")] == ["refused"]
    assert merge.promotion.exit_code == 1
    assert (merge.promotion.promoted, merge.promotion.refused) == (("sandbox",), ("paper",))


def test_what_nothing_is_attributed_to_and_differs_is_refused_for_want_of_an_answer(merge: Merge) -> None:
    assert merge.judged(Outcome.FAIL, rows={}, changed=()) == ["refused"]
    (entry,) = merge.entries("sandbox")
    assert (entry.data["config_sha"], entry.data["verdict"]) == (NEW, "FAIL")
    assert merge.judged(Outcome.PASS, rows={}, changed=()) == ["refused", "refused"]
    assert merge.entries("sandbox")[-1].data["verdict"] == "ERROR"
    assert merge.promotion.exit_code == 2


def test_a_fault_of_any_kind_in_one_environment_stops_no_other(merge: Merge) -> None:
    merge.judged(Outcome.PASS, rows={"sandbox": Outcome.PASS}, changed=("sandbox",), broken=("paper",))
    assert merge.promotion.promoted == ("sandbox",)
    merge.crash = KeyError("columns")
    merge.after["sandbox"] = "3" * 64
    merge.judged(Outcome.PASS, rows={"sandbox": Outcome.PASS}, changed=("sandbox",), broken=("paper",))
    assert merge.promotion.promoted == ("sandbox",)
    assert merge.promotion.refused == ("paper",)
    assert any("could not be judged (KeyError" in line for line in merge.said)


def test_what_runs_is_not_refused_for_what_a_commit_does_beside_it(merge: Merge) -> None:
    merge.after["sandbox"] = OLD
    assert merge.judged(Outcome.NO_EFFECT, rows={"sandbox": Outcome.NO_EFFECT}, changed=("sandbox",)) == []
    assert merge.promotion.refused == ("paper",)


def test_an_environment_that_cannot_be_judged_is_refused_and_holds_up_no_other(merge: Merge) -> None:
    kinds = merge.judged(Outcome.PASS, rows={}, changed=("sandbox", "paper"), broken=("paper",))
    assert kinds == ["promoted"]
    (entry,) = merge.entries("paper")
    assert (str(entry.kind), entry.data["verdict"], entry.data["sentence"]) == (
        "refused", "ERROR", "paper: no tape",
    )  # fmt: skip
    assert merge.promotion.exit_code == 2


@pytest.mark.parametrize("side", ["before", "after"])
def test_what_does_not_compose_is_refused(merge: Merge, side: str) -> None:
    getattr(merge, side)["sandbox"] = None
    assert merge.judged(Outcome.FAIL, rows={}, changed=()) == ["refused"]
    assert merge.entries("sandbox")[0].data["config_sha"] == merge.after["sandbox"]


def test_an_environment_that_is_removed_is_refused_by_its_commit_and_turns_nothing_red(merge: Merge) -> None:
    del merge.after["sandbox"]
    merge.after["paper"] = OLD
    assert merge.judged(Outcome.PASS, rows={}, changed=()) == ["refused"]
    (entry,) = merge.entries("sandbox")
    assert entry.data["config_sha"] is None
    assert "is removed" in entry.data["sentence"]
    assert merge.promotion.exit_code == 0


def test_where_nothing_changes_nothing_is_decided(merge: Merge) -> None:
    merge.after = dict(merge.before)
    assert merge.judged(Outcome.PASS, rows={}, changed=(), broken=("paper",)) == []
    assert merge.promotion.exit_code == 0


def test_the_same_decision_is_written_once_and_again_after_another_one(merge: Merge) -> None:
    for outcome in (Outcome.FAIL, Outcome.FAIL, Outcome.PASS, Outcome.PASS, Outcome.FAIL):
        kinds = merge.judged(outcome, rows={"sandbox": outcome}, changed=("sandbox",))
    assert kinds == ["refused", "promoted", "refused"]
    found = fold_decisions(merge.entries("sandbox"), where="x").by_config[NEW]
    assert [one.promotes for one in found] == [False, True, False]


def test_where_a_tier_asks_for_a_signature_a_promotion_without_one_says_that_it_counts_for_nothing(
    merge: Merge,
) -> None:
    merge.judged(Outcome.PASS, rows={}, changed=("sandbox", "paper"))
    (said,) = [line for line in merge.said if "ALERT" in line]
    assert "environment=paper" in said
    assert "--sign KEY" in said


def test_of_a_first_push_the_sandbox_is_let_in_and_others_wait_for_people(merge: Merge) -> None:
    assert merge.judged(Outcome.PASS, rows={}, changed=(), first=True) == ["promoted"]
    (entry,) = merge.entries("sandbox")
    assert (entry.data["by"], entry.data["verdict"], entry.data["base_config_sha"]) == (
        "first", "NOT_JUDGED", None,
    )  # fmt: skip
    assert merge.entries("paper") == ()
    assert any("WAITING | environment=paper" in line for line in merge.said)
    assert merge.promotion.exit_code == 0


def test_a_first_content_that_nobody_signed_does_not_keep_out_one_that_somebody_does(merge: Merge) -> None:
    merge.runs = False
    for _ in range(2):
        merge.judged(Outcome.PASS, rows={}, changed=(), first=True, environment="paper")
        assert merge.promotion.exit_code == 0


def test_what_runs_is_never_refused_for_being_called_new(merge: Merge) -> None:
    assert merge.judged(Outcome.PASS, rows={}, changed=(), first=True) == ["promoted"]
    merge.after["sandbox"] = "3" * 64
    assert merge.judged(Outcome.PASS, rows={}, changed=(), first=True) == ["promoted"]
    assert merge.promotion.exit_code == 2
    assert any("ERROR | environment=sandbox" in line and "is not new" in line for line in merge.said)


def test_people_let_a_first_content_in_by_its_name_and_once(
    merge: Merge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(POLICY, "signs_promotions", lambda _: False)
    merge.judged(Outcome.PASS, rows={}, changed=(), first=True, environment="paper")
    (entry,) = merge.entries("paper")
    assert entry.data["by"] == "people"
    merge.after["paper"] = "3" * 64
    merge.judged(Outcome.PASS, rows={}, changed=(), first=True, environment="paper")
    assert [str(entry.kind) for entry in merge.entries("paper")] == ["promoted"]
    assert "is not new" in merge.said[-1]
    assert merge.promotion.exit_code == 2


def test_a_first_content_that_does_not_compose_is_refused(merge: Merge) -> None:
    merge.after["sandbox"] = None
    assert merge.judged(Outcome.FAIL, rows={}, changed=(), first=True) == ["refused"]
