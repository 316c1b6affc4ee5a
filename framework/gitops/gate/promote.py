"""What the workflows write down: a gate's attempts and verdicts, and what a merge promotes.

A merge is judged again, by the very gate and on the same tapes: the same question spends nothing of the alpha
budget and its answer is the same bytes, so a verdict that no longer holds for what was really merged (another
base, another tape) is found here and not in the market. What does not pass is published as refused, and the
environment's agent goes back from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framework.files.atomic import read_text
from framework.gates.paired_verdict import Outcome
from framework.gitops.errors import GitopsError
from framework.gitops.gate.report import ChangedEnvironment, GateReport, JournalRow, Judged
from framework.gitops.gate.run import GateRequest, GateResult, run_gate
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import append_published, fetch_published, journal_name
from framework.journal.entry import Entry, Kind
from framework.settings.documents import parse_json

NO_COMMIT = "0" * 40
"""What a push names as its base when the branch is new."""


@dataclass(frozen=True)
class Promotion:
    """What a merge came to: the gate's result again, and the environments that were promoted."""

    result: GateResult
    promoted: tuple[str, ...]


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

    Raises QuoteopsError subclasses for what cannot be judged; that is neither promoted nor refused.
    """
    result = run_gate(replace(request, append=lambda _environment, _kind, _data: None))
    report = result.report
    judged = {one.environment: one for one in report.environments}
    promoted = []
    for change in report.changed:
        name = change.environment
        one = judged.get(name)
        rows = [] if one is None else one.journal
        passed = _outcome(report, one) in ACCEPTED
        if passed:
            promoted.append(name)
            rows.append((Kind.PROMOTED, _promotion(report, change, one)))
        else:
            rows.append((Kind.REFUSED, _refusal(report, change, one)))
        count = _publish(git=request.head.git, remote=remote, environment=name, rows=rows)
        progress(f"| promote | {'PROMOTED' if passed else 'REFUSED'} | environment={name} entries={count} |")
    return Promotion(result, tuple(promoted))


ACCEPTED = (Outcome.PASS, Outcome.WARN)
DECISIONS = (Kind.PROMOTED, Kind.REFUSED)


def _outcome(report: GateReport, one: Judged | None) -> Outcome:
    """Return what came out for one environment; where others alone are judged, its check was enough."""
    if one is not None:
        return one.answer.outcome
    return Outcome.PASS if report.environments else report.outcome


def _promotion(report: GateReport, change: ChangedEnvironment, one: Judged | None) -> dict[str, Any]:
    return {
        "environment": change.environment,
        "base": report.base,
        "commit": report.head,
        "base_config_sha": change.base_config_sha,
        "config_sha": change.head_config_sha,
        "direction": change.direction,
        "by": "check" if one is None else one.inputs.attempt,
        "verdict": Outcome.PASS.value if one is None else one.answer.outcome.value,
    }


def _refusal(report: GateReport, change: ChangedEnvironment, one: Judged | None) -> dict[str, Any]:
    why = report if one is None else one.answer
    return {
        "environment": change.environment,
        "base": report.base,
        "commit": report.head,
        "config_sha": change.head_config_sha,
        "verdict": why.outcome.value,
        "sentence": why.sentence,
    }


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
