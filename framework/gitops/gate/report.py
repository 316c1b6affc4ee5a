"""A gate's report: what was judged in each environment, what it rests on, what it leaves in a journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from framework.edge.canonical import canonical
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.paired import GATE_VERSION
from framework.gates.paired_verdict import Outcome
from framework.gitops.change.report import ChangeReport, EnvironmentChange
from framework.gitops.gate.alpha_budget import Allowance, Attempt, attempt_entry
from framework.gitops.gate.answer import GateAnswer, Windows
from framework.journal.entry import Kind

JournalRow = tuple[Kind, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A commit and what an environment is in it."""

    commit: str
    config_sha: str


@dataclass(frozen=True, kw_only=True)
class InputTape:
    """A tape that was looked at, and the hours of it."""

    name: str
    digest: str
    windows_ns: Windows


@dataclass(frozen=True, kw_only=True)
class GateInputs:
    """Everything a verdict rests on, by digest; the same inputs give the same report."""

    code_sha: str | None
    environment: str
    tier: str
    base: Side
    head: Side
    compared: tuple[str, str]
    """config_sha of both configurations that were compared, which of a canary are not the two that run."""

    policy_sha: str
    kpi_sha: str
    tapes: tuple[InputTape, ...]
    seed: int
    alpha: float
    attempt: str
    gate_version: str = GATE_VERSION


def inputs_of(
    report: ChangeReport, answer: GateAnswer, attempt: Attempt, *, alpha: float, code_sha: str | None
) -> GateInputs:
    """Name by digest what one environment's answer rests on."""
    change = answer.change
    assert change.base is not None
    assert change.head is not None
    return GateInputs(
        code_sha=code_sha,
        environment=change.name,
        tier=change.tier,
        base=Side(
            commit=report.base if change.against is None else change.against.commit,
            config_sha=change.base.config_sha,
        ),
        head=Side(commit=report.head, config_sha=change.head.config_sha),
        compared=(attempt.base_config_sha, attempt.head_config_sha),
        policy_sha=sha256_of(canonical_json(report.policy.model_dump(mode="json"))),
        kpi_sha=sha256_of(canonical_json(change.base.kpi.model_dump(mode="json"))),
        tapes=tuple(
            InputTape(name=tape.evidence.tape.name, digest=tape.evidence.digest, windows_ns=tape.windows)
            for tape in answer.tapes
        ),
        seed=change.base.soak.seed,
        alpha=alpha,
        attempt=attempt.key,
    )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The answer to one environment, what it rests on, and the alpha it was given of the policy's."""

    answer: GateAnswer
    inputs: GateInputs
    attempt: Attempt
    given: Allowance
    policy_alpha: float

    @property
    def environment(self) -> str:
        """Return the environment's name."""
        return self.answer.change.name

    @property
    def journal(self) -> list[JournalRow]:
        """Return what it leaves in a journal: the attempt, unless it is repeated, and the verdict."""
        rows = [(Kind.VERDICT, self.verdict_entry())]
        if not self.given.repeated:
            rows.insert(0, (Kind.ATTEMPT, attempt_entry(self.attempt, self.given)))
        return [(kind, canonical(data)) for kind, data in rows]

    def verdict_entry(self) -> dict[str, Any]:
        """Return the data of the VERDICT entry; ``report`` is the digest of all that was found."""
        return {
            "subject": "gate",
            "attempt": self.inputs.attempt,
            "environment": self.environment,
            "commit": self.inputs.head.commit,
            "config_sha": self.inputs.head.config_sha,
            "verdict": self.answer.outcome.value,
            "sentence": self.answer.sentence,
            "report": report_sha(self.found()),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**self.found(), "journal": [{"kind": str(kind), "data": data} for kind, data in self.journal]}

    def found(self) -> dict[str, Any]:
        """Return what was found, as plain data: all but what is written down of it."""
        return {
            **self.answer.as_dict(),
            "inputs": asdict(self.inputs),
            "budget": {
                "alpha": self.inputs.alpha,
                "policy_alpha": self.policy_alpha,
                "given": self.given.alpha,
                "left": self.given.left,
                "quarter": self.given.quarter,
                "attempt": self.given.number,
                "repeated": self.given.repeated,
            },
        }


def report_sha(environment: Mapping[str, Any]) -> str:
    """Return the digest of what a report found of one environment, as a VERDICT entry names it."""
    found = {name: value for name, value in environment.items() if name != "journal"}
    return sha256_of(canonical_json(canonical(found)))


@dataclass(frozen=True, kw_only=True)
class ChangedEnvironment:
    """What a change is to one environment, in short."""

    environment: str
    base_config_sha: str | None
    head_config_sha: str | None
    direction: str
    needs: str


def changed_of(change: EnvironmentChange) -> ChangedEnvironment:
    """Say in short what a change is to one environment."""
    return ChangedEnvironment(
        environment=change.name,
        base_config_sha=None if change.base is None else change.base.config_sha,
        head_config_sha=None if change.head is None else change.head.config_sha,
        direction=str(change.direction),
        needs=change.needs,
    )


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """The verdict of a gate with all that says so: the same bytes for the same inputs."""

    base: str
    head: str
    classification: str
    outcome: Outcome
    sentence: str
    changed: tuple[ChangedEnvironment, ...] = ()
    environments: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()
    """What stood in for a base that does not compose in an environment."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, numbers as reports carry them."""
        plain: dict[str, Any] = canonical(
            {
                "gate_version": GATE_VERSION,
                "base": self.base,
                "head": self.head,
                "classification": self.classification,
                "verdict": self.outcome.value,
                "exit_code": self.outcome.exit_code,
                "sentence": self.sentence,
                "changed": [asdict(change) for change in self.changed],
                "environments": [one.as_dict() for one in self.environments],
                **({"notes": list(self.notes)} if self.notes else {}),
            }
        )
        return plain
