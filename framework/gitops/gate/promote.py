"""What the workflows write down: a gate's attempts and verdicts, and what a merge promotes.

A merge is judged again, by the very gate and on the same tapes: the same question spends nothing of the alpha
budget and its answer is the same bytes, so a verdict that no longer holds for what was really merged (another
base, another tape) is found here and not in the market. An agent puts nothing in force that adds risk before
this has promoted it. Each environment is judged on its own; what cannot be attributed is refused wherever
what an environment is to run differs, or nobody can say what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.files.atomic import read_text
from framework.gates.paired_verdict import Outcome
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.report import ChangedEnvironment, GateReport, JournalRow, Judged
from framework.gitops.gate.run import GateRequest, run_gate
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import append_published, fetch_published, journal_name
from framework.journal.entry import Entry, Kind
from framework.settings.documents import parse_json
from framework.settings.gitops_files import ENVIRONMENTS

NO_COMMIT = "0" * 40
"""What a push names as its base when the branch is new."""

ACCEPTED = (Outcome.PASS, Outcome.WARN)
DECISIONS = (Kind.PROMOTED, Kind.REFUSED)
ERROR = "ERROR"
"""The verdict of what nobody could judge."""

COULD_NOT = 2
WORST_FIRST = (ERROR, "FAIL", "INCONCLUSIVE", "NO_EFFECT", "WARN", "PASS")


@dataclass(frozen=True, kw_only=True)
class JudgedEnvironment:
    """What the gate says of one environment of a merge, and what it runs before and after."""

    name: str
    base: str
    head: str
    base_config_sha: str | None
    head_config_sha: str | None
    report: GateReport | None
    """What the gate says; None when it could not judge."""

    fault: str = ""
    gone: bool = False
    """Whether the merge removes it: its agent keeps what is in force."""

    @property
    def change(self) -> ChangedEnvironment | None:
        """Return what the change does to it, None when the gate attributes nothing to it."""
        rows = () if self.report is None else self.report.changed
        return next((row for row in rows if row.environment == self.name), None)

    @property
    def on_tapes(self) -> Judged | None:
        """Return what the tapes say, None where no tape was asked."""
        rows = () if self.report is None else self.report.environments
        return next((row for row in rows if row.environment == self.name), None)

    @property
    def outcome(self) -> Outcome | None:
        """Return what the gate says, None when it could not judge."""
        if self.on_tapes is not None:
            return self.on_tapes.answer.outcome
        return None if self.report is None else self.report.outcome

    @property
    def decision(self) -> Kind | None:
        """Return whether its content is promoted or refused; None where nothing of it changes."""
        same = self.head_config_sha is not None and self.base_config_sha == self.head_config_sha
        if self.change is None:
            return None if same else Kind.REFUSED
        return Kind.PROMOTED if self.outcome in ACCEPTED else Kind.REFUSED

    @property
    def verdict(self) -> str:
        """Return the verdict; what nobody could attribute is no pass."""
        unclear = self.decision is Kind.REFUSED and self.outcome in ACCEPTED and not self.gone
        return ERROR if unclear or self.outcome is None else self.outcome.value

    @property
    def sentence(self) -> str:
        """Return why."""
        if self.gone:
            return f"{self.name} is removed; its agent keeps what is in force"
        if self.on_tapes is not None:
            return self.on_tapes.answer.sentence
        return self.fault if self.report is None else self.report.sentence

    def rows(self) -> list[JournalRow]:
        """Return what of it is written down."""
        journal = [] if self.on_tapes is None else self.on_tapes.journal
        return journal if self.decision is None else [*journal, (self.decision, self._decided())]

    def _decided(self) -> dict[str, Any]:
        """Return the data of the decision."""
        named = {
            "environment": self.name,
            "base": self.base,
            "commit": self.head,
            "config_sha": self.head_config_sha,
            "verdict": self.verdict,
        }
        if self.decision is Kind.REFUSED or self.change is None:
            return {**named, "sentence": self.sentence}
        return {
            **named,
            "base_config_sha": self.base_config_sha,
            "direction": self.change.direction,
            "by": "check" if self.on_tapes is None else self.on_tapes.inputs.attempt,
        }


@dataclass(frozen=True)
class Promotion:
    """What a merge came to: one report of all environments, and the decisions that were written."""

    report: GateReport
    promoted: tuple[str, ...]
    refused: tuple[str, ...]
    unclear: bool
    """Whether something could not be judged."""

    @property
    def exit_code(self) -> int:
        """Return 2 when something could not be judged, else the gate's."""
        return COULD_NOT if self.unclear else self.report.outcome.exit_code


def read_rows(folder: Path) -> dict[str, list[JournalRow]]:
    """Read what the report that a gate left in a folder adds to each environment's journal.

    Raises GitopsError when it is none.
    """
    path = folder / "gate.json"
    report = parse_json(read_text(path), where=str(path)).data
    try:
        return {
            one["environment"]: [(Kind(row["kind"]), row["data"]) for row in one["journal"]]
            for one in report["environments"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise GitopsError(
            f"{path}: is no report of a gate; allowed what quoteops gitops gate --out wrote"
        ) from error


def record(git: Git, remote: str, rows: Mapping[str, Sequence[JournalRow]]) -> dict[str, int]:
    """Publish a gate's attempts and verdicts; return how many entries each environment got.

    What the published journal already holds is not written again. Raises JournalError and GitError.
    """
    return {environment: _publish(git, remote, environment, added) for environment, added in rows.items()}


def promote(request: GateRequest, *, remote: str, progress: Callable[[str], None] = print) -> Promotion:
    """Judge what was merged and publish the outcome: what passes is promoted, anything else refused.

    Raises JournalError and GitError when the outcome cannot be published; it waits for another try then.
    """
    names = _names(request) if request.environment is None else (request.environment,)
    judged = [_judge(request, name) for name in names]
    for one in judged:
        rows, decision = one.rows(), one.decision
        count = _publish(request.head.git, remote, one.name, rows) if rows else 0
        if decision is not None:
            why = "" if decision is Kind.PROMOTED else f" {one.verdict}: {one.sentence} |"
            progress(f"| promote | {decision.upper()} | environment={one.name} entries={count} |{why}")
    return Promotion(
        _report(request, judged),
        tuple(one.name for one in judged if one.decision is Kind.PROMOTED),
        tuple(one.name for one in judged if one.decision is Kind.REFUSED),
        unclear=any(one.verdict == ERROR for one in judged if one.decision is not None),
    )


def _names(request: GateRequest) -> tuple[str, ...]:
    """Return the environments of both commits, by their files alone: what says nothing else counts too."""
    paths = [Path(path) for revision in (request.base, request.head) for path in revision.files]
    return tuple(
        sorted({p.stem for p in paths if p.parent.as_posix() == ENVIRONMENTS and p.suffix == ".yaml"})
    )


def _judge(request: GateRequest, name: str) -> JudgedEnvironment:
    """Judge one environment; what keeps it from being judged is its verdict."""
    now = request.now or datetime.now(UTC)
    asked = replace(request, environment=name, now=now, append=lambda _environment, _kind, _data: None)
    report, fault = None, ""
    try:
        report = run_gate(asked).report
    except QuoteopsError as error:
        fault = request.head.plain(request.base.plain(str(error)))
    return JudgedEnvironment(
        name=name,
        base=request.base.sha,
        head=request.head.sha,
        base_config_sha=_config_sha(request.base, name, now),
        head_config_sha=_config_sha(request.head, name, now),
        report=report,
        fault=fault,
        gone=f"{ENVIRONMENTS}/{name}.yaml" not in request.head.files,
    )


def _config_sha(revision: Revision, name: str, now: datetime) -> str | None:
    try:
        return revision.settings(name, now=now).config_sha
    except QuoteopsError:
        return None


def _report(request: GateRequest, judged: Sequence[JudgedEnvironment]) -> GateReport:
    """Lay the reports of all environments into one: the verdict is the worst of those that change."""
    counted = [one for one in judged if one.decision is not None and not one.gone]
    worst = min(counted or judged, key=lambda one: WORST_FIRST.index(one.verdict))
    reports = [one.report for one in judged if one.report is not None]
    classes = [report.classification for report in reports]
    order = ("increasing", "gated", "reducing", "code", "neutral")
    outcome = Outcome.FAIL if worst.verdict == ERROR else Outcome(worst.verdict)
    return GateReport(
        base=request.base.sha,
        head=request.head.sha,
        classification=next((name for name in order if name in classes), "unknown"),
        outcome=outcome if counted else Outcome.PASS,
        sentence=worst.sentence if len(counted) < 2 else f"{worst.name}: {worst.sentence}",
        changed=tuple(row for report in reports for row in report.changed),
        environments=tuple(row for report in reports for row in report.environments),
    )


def _publish(git: Git, remote: str, environment: str, rows: Sequence[JournalRow]) -> int:
    """Append the rows that the published journal of a gate does not hold yet; a decision counts anew when
    another one on the same settings has come between.
    """
    name = journal_name(environment)
    there = fetch_published(git, remote, name)
    known = () if there is None else there.entries
    new = [(kind, data) for kind, data in rows if not _is_known(known, kind, data)]
    if new:
        append_published(git, remote, name, new)
    return len(new)


def _is_known(known: tuple[Entry, ...], kind: Kind, data: Mapping[str, Any]) -> bool:
    if kind in DECISIONS:
        sha = data["config_sha"]
        known = tuple(e for e in known if e.kind in DECISIONS and e.data.get("config_sha") == sha)[-1:]
    return any(entry.kind is kind and entry.data == data for entry in known)
