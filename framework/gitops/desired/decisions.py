"""What the gate's journal decided: the contents that were promoted and refused, by config_sha.

The newest decision that counts is the one that stands, on whatever commit and history the content comes. A
refusal counts whoever wrote it, for it only keeps risk out; a promotion counts for its own environment alone
and, where the tier asks for it, by the signature of somebody whom the policy in force names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from framework.errors import QuoteopsError
from framework.gitops.repo.entry_signatures import decided_at
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH, FETCHED, fetch_tip, journal_name, read_published
from framework.journal.entry import EMPTY, Entry, Head, Kind
from framework.journal.journal import check_head
from framework.settings.documents import cut

SENTENCE = 300
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Decision:
    """One decision on a content, as the gate's journal holds it."""

    entry: Entry
    commit: str

    @property
    def data(self) -> Mapping[str, Any]:
        """Return what the entry says."""
        return self.entry.data

    @property
    def at(self) -> str:
        """Return when it was decided."""
        return decided_at(self.entry)

    @property
    def until(self) -> datetime | None:
        """Return when a promotion lapses with the patch it let in; None for one that does not."""
        text = self.data.get("until")
        return datetime.fromisoformat(text) if isinstance(text, str) and _is_moment(text) else None

    @property
    def promotes(self) -> bool:
        """Say whether it lets the content in."""
        return self.entry.kind is Kind.PROMOTED

    @property
    def why(self) -> str:
        """Return what a refusal rests on, in one line."""
        verdict, sentence = (cut(str(self.data.get(key, "")), SENTENCE) for key in ("verdict", "sentence"))
        return f"judged after its merge it does not pass: {verdict}, {sentence}"


Counts = Callable[[Decision], str]
"""Says why a promotion does not count; nothing when it does."""


@dataclass(frozen=True)
class Answer:
    """What stands on a content: its refusal, or its promotion, or neither and what ails the promotions."""

    refused: str = ""
    promoted: Decision | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decisions:
    """Everything that an environment's gate has decided, oldest first."""

    by_config: Mapping[str, tuple[Decision, ...]] = field(default_factory=dict)
    by_commit: Mapping[str, Decision] = field(default_factory=dict)
    """Refusals of a commit whose content nobody could compose when it was judged."""

    odd: str = ""
    """What the newest entry that is no decision amounts to; empty without any."""

    unclear: int = 0
    """The newest entry that may have refused anything: promotions before it have to be said anew."""

    @property
    def all(self) -> list[Decision]:
        """Return every decision on a content, oldest first."""
        rows = [row for rows in self.by_config.values() for row in rows]
        return sorted(rows, key=lambda row: row.entry.seq)

    def on(self, *, config_sha: str, commit: str, counts: Counts) -> Answer:
        """Return what stands on a content that a commit asks for; a promotion that does not count is none."""
        faults = list[str]()
        for decision in reversed(self.by_config.get(config_sha, ())):
            if not decision.promotes:
                return Answer(refused=decision.why, faults=tuple(faults))
            fault = self._unclear_since(decision) or counts(decision)
            if not fault:
                return Answer(promoted=decision)
            faults.append(fault)
        unknown = self.by_commit.get(commit)
        return Answer(refused=unknown.why if unknown is not None else "", faults=tuple(faults))

    def _unclear_since(self, decision: Decision) -> str:
        if decision.entry.seq > self.unclear:
            return ""
        return f"entry {self.unclear} of the gate's journal may have refused it: promote it anew"

    def newest(self, config_sha: str) -> dict[str, str] | None:
        """Return the newest decision on a content in words, whether it counts or not; None without any."""
        rows = self.by_config.get(config_sha, ())
        if not rows:
            return None
        row = rows[-1]
        verdict = cut(str(row.data.get("verdict", "")))
        text = f"{row.entry.kind.name} ({verdict})" if verdict else row.entry.kind.name
        return {
            "at": row.at,
            "verdict": text,
            "subject": "the gate",
            "commit": row.commit,
            "config_sha": config_sha,
        }


NOTHING = Decisions()


@dataclass(frozen=True)
class GateJournal:
    """What the journal's branch said when it was last read whole."""

    tip: str | None = None
    head: Head = EMPTY
    decisions: Decisions = field(default_factory=Decisions)
    served: bool = False
    """Whether an agent of the environment has published its journal."""

    blobs: tuple[str | None, ...] = ()
    """The objects of its open segment and its head: while they are the same, nothing is read anew."""

    fault: str = "the gate's journal has not been read yet"
    """Why it cannot be read now; what was read before stays, but lets nothing in."""


def read_gate_journal(
    git: Git,
    remote: str,
    environment: str,
    before: GateJournal,
    *,
    known: str | None,
    least: Head = EMPTY,
) -> GateJournal:
    """Bring the journal's branch here and read the environment's gate anew where it has moved.

    ``known`` is the branch's commit as it was last seen, ``least`` an entry that the journal must hold. What
    goes wrong is kept, not raised.
    """
    try:
        tip = fetch_tip(git, remote, known=known)
        if tip is None or tip == before.tip:
            return replace(before, fault="")
        return _at(git, tip, environment, before, least)
    except QuoteopsError as error:
        return replace(before, fault=str(error))


def recalled_gate_journal(git: Git, environment: str) -> GateJournal:
    """Return what the journal's branch said when it was last brought here; no network is asked."""
    try:
        return _at(git, git.rev(FETCHED), environment, GateJournal())
    except QuoteopsError:
        return GateJournal()


def _at(git: Git, tip: str, environment: str, before: GateJournal, least: Head = EMPTY) -> GateJournal:
    name, agents = journal_name(environment), f"{environment}.head.json"
    paths = (f"{name}.jsonl", f"{name}.head.json")
    there = git.files(tip, *paths, agents)
    blobs = tuple(there[path].oid if path in there else None for path in paths)
    if before.tip is not None and blobs == before.blobs:
        return replace(before, tip=tip, served=agents in there, fault="")
    published = read_published(git, tip, name, after=before.head)
    entries = () if published is None else published.entries
    if before.head == EMPTY:
        check_head(entries, least, where=f"{BRANCH}:{name}.jsonl")
    return GateJournal(
        tip=tip,
        head=EMPTY if published is None else published.head,
        decisions=fold_decisions(
            entries,
            into=NOTHING if before.head == EMPTY else before.decisions,
            where=f"{BRANCH}:{name}.jsonl",
        ),
        served=agents in there,
        blobs=blobs,
        fault="",
    )


def fold_decisions(rows: Iterable[Entry], *, into: Decisions = NOTHING, where: str) -> Decisions:
    """Fold a gate's journal into its decisions; ``into`` are those of the entries before.

    An entry that is no decision counts as none and is told of. A refusal of which nobody can say what it
    refuses may be one of anything: promotions before it no longer count.
    """
    rows = tuple(row for row in rows if row.kind in (Kind.PROMOTED, Kind.REFUSED))
    if not rows:
        return into
    by_config, by_commit, odd, unclear = dict(into.by_config), dict(into.by_commit), into.odd, into.unclear
    for row in rows:
        sha, commit = row.data.get("config_sha"), row.data.get("commit")
        named = isinstance(commit, str) and bool(_COMMIT.fullmatch(commit))
        refuses, known = row.kind is Kind.REFUSED, isinstance(sha, str)
        whole = named and (known or sha is None) and _is_moment(decided_at(row))
        decision = Decision(row, commit if isinstance(commit, str) and named else "")
        if not whole and not (refuses and (known or (named and sha is None))):
            odd = f"{where}:{row.seq}: is no decision (no commit, config_sha or moment) and counts as none"
            if refuses:
                odd, unclear = f"{odd}; it may have refused anything: promote anew what counts", row.seq
            continue
        if isinstance(sha, str):
            by_config[sha] = (*by_config.get(sha, ()), decision)
        elif not decision.promotes:
            by_commit[decision.commit] = decision
    return Decisions(by_config, by_commit, odd, unclear)


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
