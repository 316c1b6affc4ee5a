"""What the workflows write down: a gate's attempts and verdicts, and what a merge promotes.

A merge is judged again, by the very gate and on the same tapes: the same question spends nothing of the alpha
budget and its answer is the same bytes, so a verdict that no longer holds for what was really merged (another
base, another tape) is found here and not in the market. An agent puts nothing in force that adds risk before
this has promoted it. Each environment is judged on its own; what cannot be attributed is refused wherever
what an environment is to run differs, or nobody can say what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.errors import QuoteopsError
from framework.files.atomic import read_text
from framework.files.moments import iso_utc
from framework.gates.paired_verdict import Outcome
from framework.gitops.desired.permits import Trust
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitopsError
from framework.gitops.gate.bundle import bundle_of
from framework.gitops.gate.ground import counted, ground_of, history_of
from framework.gitops.gate.judged_environment import (
    BY_NAME,
    BY_TIER,
    COULD_NOT,
    DECISIONS,
    ERROR,
    NOBODY,
    WORST_FIRST,
    JudgedEnvironment,
)
from framework.gitops.gate.report import GateReport, JournalRow
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import run_gate
from framework.gitops.repo.entry_signatures import SIGNATURE, SIGNED_KINDS, unsigned
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import append_published, fetch_published, journal_name
from framework.journal.entry import Entry, Kind
from framework.settings.documents import parse_json
from framework.settings.gitops_files import ENVIRONMENTS

NO_COMMIT = "0" * 40
"""What a push names as its base when the branch is new."""


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

    A folder that no gate has come to has nothing to add. Raises GitopsError when it is no report, or one
    that says what no gate says.
    """
    path = folder / "gate.json"
    if folder.is_dir() and not path.is_file():
        return {}
    report = parse_json(read_text(path), where=str(path)).data
    try:
        kinds = {row["kind"] for one in report["environments"] for row in one["journal"]}
        if not kinds <= {Kind.ATTEMPT, Kind.VERDICT}:
            raise ValueError
        bundle = bundle_of(folder)
        named = {} if bundle is None else {Kind.VERDICT: {"bundle": bundle}}
        return {
            one["environment"]: [
                (Kind(row["kind"]), {**row["data"], **named.get(Kind(row["kind"]), {})})
                for row in one["journal"]
            ]
            for one in report["environments"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise GitopsError(
            f"{path}: is no report of a gate; allowed what quoteops gitops gate --out wrote"
        ) from error


def record(
    git: Git, remote: str, rows: Mapping[str, Sequence[JournalRow]], *, sign: Path | None = None
) -> dict[str, int]:
    """Publish a gate's attempts and verdicts; return how many entries each environment got.

    What the published journal already holds is not written again. Raises JournalError, GitError and, when
    the key cannot sign, SignatureError.
    """
    return {name: _publish(git, remote, name, added, sign) for name, added in rows.items()}


def promote(
    request: GateRequest,
    *,
    remote: str,
    first: bool = False,
    sign: Path | None = None,
    progress: Callable[[str], None] = print,
) -> Promotion:
    """Judge what was merged and publish the outcome: what passes is promoted, anything else refused.

    With ``first`` there is nothing that the head replaces, and the request's base is the head again. Raises
    JournalError and GitError when the outcome cannot be published; it waits for another try then.
    """
    names = _names(request) if request.environment is None else (request.environment,)
    judged = [_judge_first(request, name) if first else _judge(request, name) for name in names]
    for one in judged:
        rows = one.rows()
        count = _publish(request.head.git, remote, one.name, rows, sign) if rows else 0
        for line in _lines(one, request, count, signed=sign is not None):
            progress(line)
    return Promotion(
        _report(request, judged),
        tuple(one.name for one in judged if one.decision is Kind.PROMOTED),
        tuple(one.name for one in judged if one.decision is Kind.REFUSED),
        unclear=any(one.verdict == ERROR for one in judged if one.decision is not None or one.known),
    )


def _lines(one: JudgedEnvironment, request: GateRequest, count: int, *, signed: bool) -> Iterator[str]:
    """Say what was decided of an environment, and what is still missing of it."""
    if one.keys and not one.named:
        yield (
            f"| promote | WAITING | environment={one.name}: who may promote changes (signers, revoked keys,"
            " promotion_signed or tier), and no workflow lets that in: whoever may promotes it by name:"
            f" --environment {one.name} --base BEFORE --sign KEY |"
        )
    if one.known:
        yield f"| promote | ERROR | environment={one.name} entries=0 | {one.sentence} |"
    elif one.first == NOBODY and one.decision is None:
        yield (
            f"| promote | WAITING | environment={one.name} is new, and no evidence compares it: whoever may"
            f" lets it in by name: --base none --environment {one.name} --sign KEY |"
        )
    if one.decision is None:
        return
    why = "" if one.decision is Kind.PROMOTED else f" {one.verdict}: {one.sentence} |"
    yield f"| promote | {one.decision.upper()} | environment={one.name} entries={count} |{why}"
    if one.decision is Kind.PROMOTED and not signed and _asks_for_a_signature(request.base, one.name):
        yield (
            f"| promote | ALERT | environment={one.name}: its tier asks for signed promotions, so this one"
            " counts for nothing; allowed --sign KEY of one of the policy's signers |"
        )


def _asks_for_a_signature(base: Revision, name: str) -> bool:
    try:
        return base.policy.signs_promotions(base.environment(name).tier)
    except QuoteopsError:  # new there, or nothing that says
        return False


def _names(request: GateRequest) -> tuple[str, ...]:
    """Return the environments of both commits, by their files alone: what says nothing else counts too."""
    paths = [Path(path) for revision in (request.base, request.head) for path in revision.files]
    return tuple(
        sorted({p.stem for p in paths if p.parent.as_posix() == ENVIRONMENTS and p.suffix == ".yaml"})
    )


def _judge(request: GateRequest, name: str) -> JudgedEnvironment:
    """Judge one environment against what it runs; what keeps it from being judged is its verdict."""
    now = request.now or datetime.now(UTC)
    report, fault, base = None, "", request.base
    with ExitStack() as opened:
        try:
            ground = ground_of(request, name, now=now)
            if ground != base.sha:
                base = opened.enter_context(Revision(base.git, ground))
            asked = replace(request, base=base, environment=name, now=now, append=_nowhere)
            asked = replace(asked, floor=False)  # what reduces risk is in force: refusing it would loosen
            report = _gate_report(asked, name)
        except QuoteopsError as error:
            fault = request.head.plain(base.plain(str(error)))
        return JudgedEnvironment(
            name=name,
            base=base.sha,
            head=request.head.sha,
            base_config_sha=base.config_sha(name, now=now),
            head_config_sha=request.head.config_sha(name, now=now),
            report=report,
            fault=fault,
            gone=f"{ENVIRONMENTS}/{name}.yaml" not in request.head.files,
            until=_until(request.head, name, now),
            trust=_moves_trust(base, request.head, name),
            keys=_moves_keys(base, request.head, name),
            named=request.environment is not None,
        )


def _gate_report(asked: GateRequest, name: str) -> GateReport:
    """Ask the gate; whatever goes wrong with one environment, the others are still to be judged."""
    try:
        return run_gate(asked).report
    except QuoteopsError:
        raise
    except Exception as error:
        raise GitopsError(f"{name}: could not be judged ({type(error).__name__}: {error})") from error


def _moves_trust(base: Revision, head: Revision, name: str) -> bool:
    """Say whether policy or tier change of an environment whose agent takes them by a signature alone."""
    try:
        tiers = [revision.environment(name).tier for revision in (base, head)]
        moved = base.policy != head.policy or tiers[0] != tiers[1]
        return moved and base.policy.signs_promotions(tiers[0])
    except QuoteopsError:
        return False


def _moves_keys(base: Revision, head: Revision, name: str) -> bool:
    """Say whether who may promote changes, where that takes a signature."""
    try:
        trust = Trust(base.policy, base.environment(name).tier)
        return trust.signed and trust.moved_by(head.policy, head.environment(name).tier)
    except QuoteopsError:
        return False


def _judge_first(request: GateRequest, name: str) -> JudgedEnvironment:
    """Look at a first content: the sandbox's is let in, another one by whoever names it."""
    now = request.now or datetime.now(UTC)
    report, fault, who, known = None, "", NOBODY, False
    try:
        known = any(row.promotes for row in counted(request, name, now=now).all)
        known = known or bool(history_of(request.agent_rows(name)).trail)
        if known:
            raise GitopsError(f"{name}: is not new, a content of it was let in before; allowed its --base")
        report = run_gate(replace(request, environment=name, now=now, append=_nowhere, floor=False)).report
        tier = request.head.environment(name).tier
        who = BY_NAME if request.environment is not None else BY_TIER if tier == "sandbox" else NOBODY
    except QuoteopsError as error:
        fault = request.head.plain(str(error))
    return JudgedEnvironment(
        name=name,
        base=NO_COMMIT,
        head=request.head.sha,
        base_config_sha=None,
        head_config_sha=request.head.config_sha(name, now=now),
        report=report,
        fault=fault,
        until=_until(request.head, name, now),
        known=known,
        first=who,
    )


def _nowhere(_environment: str, _kind: Kind, _data: Mapping[str, Any]) -> None:
    """Leave the journal alone: what is to be published is published at the end."""


def _until(head: Revision, name: str, now: datetime) -> str | None:
    """Return when the head's patch ends, where it sets something back then."""
    try:
        patch = head.patch(name)
        if patch is None or patch.expires is None or patch.expires <= now:
            return None
        if head.settings(name, now=patch.expires).config_sha == head.settings(name, now=now).config_sha:
            return None
        return iso_utc(patch.expires)
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
        outcome=outcome if counted else Outcome.NOT_JUDGED,
        sentence=worst.sentence if len(counted) < 2 else f"{worst.name}: {worst.sentence}",
        changed=tuple(row for report in reports for row in report.changed),
        environments=tuple(row for report in reports for row in report.environments),
        notes=tuple(
            f"{one.name}: judged against {one.base[:12]}, for the base is not what runs there"
            for one in counted
            if one.base not in (request.base.sha, NO_COMMIT)
        ),
    )


def _publish(git: Git, remote: str, environment: str, rows: Sequence[JournalRow], sign: Path | None) -> int:
    """Append the rows that the published journal of a gate does not hold yet; a decision counts anew when
    another one on the same settings has come between.
    """
    name = journal_name(environment)
    there = fetch_published(git, remote, name)
    known = () if there is None else there.entries
    signed = sign is not None
    new = [(kind, data) for kind, data in rows if not _is_known(known, kind, data, signed=signed)]
    if new:
        append_published(git, remote, name, new, sign=sign)
    return len(new)


def _is_known(known: tuple[Entry, ...], kind: Kind, data: Mapping[str, Any], *, signed: bool) -> bool:
    """Say whether a journal says this already; what nobody signed does not say what is to be signed."""
    if signed and kind in SIGNED_KINDS:
        known = tuple(entry for entry in known if SIGNATURE in entry.data or entry.kind not in SIGNED_KINDS)
    if kind in DECISIONS:
        sha = data["config_sha"]
        known = tuple(e for e in known if e.kind in DECISIONS and e.data.get("config_sha") == sha)[-1:]
    return any(entry.kind is kind and unsigned(entry.data) == data for entry in known)
