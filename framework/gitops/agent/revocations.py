"""What the gate's journal refuses: contents that were merged, were judged again and did not pass.

Whoever may push to the journal's branch may write an entry, so a refusal never does more than send an agent
back to what ran before; that a content was promoted is never needed to put it in force.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from framework.errors import QuoteopsError
from framework.gitops.desired.history import Applied
from framework.gitops.errors import GitError
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH, fetch_tip, journal_name, read_published
from framework.journal.entry import EMPTY, Head, Kind, Row
from framework.journal.errors import JournalError
from framework.journal.journal import check_head
from framework.settings.documents import cut

SENTENCE = 300
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Revocation:
    """A commit whose content did not pass, and why: one line."""

    commit: str
    why: str


StandingRevocations = Mapping[str, tuple[Revocation, ...]]
"""config_sha to what refuses it and no promotion has followed."""


@dataclass(frozen=True)
class GateJournal:
    """What the gate's journal said when it was last read whole."""

    tip: str | None = None
    head: Head = EMPTY
    revocations: StandingRevocations = field(default_factory=dict)
    fault: str = ""
    """Why it cannot be read now; what was read before stays."""


def read_gate_journal(
    git: Git, remote: str, environment: str, before: GateJournal, *, known: str | None
) -> GateJournal:
    """Bring the journal's branch here and read the environment's gate anew where it has moved.

    ``known`` is the branch's commit as it was last seen. What goes wrong is kept, not raised.
    """
    name = journal_name(environment)
    try:
        tip = fetch_tip(git, remote, known=known)
        if tip is None or tip == before.tip:
            return replace(before, fault="")
        published = read_published(git, tip, name)
        entries = () if published is None else published.entries
        check_head(entries, before.head, where=f"{BRANCH}:{name}.jsonl")
        revocations = fold_revocations(entries, where=f"{BRANCH}:{name}.jsonl")
        return GateJournal(tip, EMPTY if published is None else published.head, revocations)
    except QuoteopsError as error:
        return replace(before, fault=str(error))


def fold_revocations(rows: Iterable[Row], *, where: str) -> dict[str, tuple[Revocation, ...]]:
    """Fold a gate's journal into the refusals that stand. Raises JournalError for an entry that is none."""
    standing: dict[str, tuple[Revocation, ...]] = {}
    for row in rows:
        if row.kind not in (Kind.PROMOTED, Kind.REFUSED):
            continue
        sha, commit = row.data.get("config_sha"), row.data.get("commit")
        if not isinstance(sha, str | None) or not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise JournalError(
                f"{where}:{row.seq}: a decision without commit and config_sha; the branch was changed by hand"
            )
        if sha is None:  # the commit has no such environment, or none that composes
            continue
        if row.kind is Kind.PROMOTED:
            standing.pop(sha, None)
            continue
        verdict, sentence = (cut(str(row.data.get(key, "")), SENTENCE) for key in ("verdict", "sentence"))
        why = f"judged again after its merge it does not pass: {verdict}, {sentence}"
        standing[sha] = (*standing.get(sha, ()), Revocation(commit, why))
    return standing


@dataclass
class Revocations:
    """Which contents were refused under the very commit they came with."""

    git: Git
    environment: str
    _about: dict[tuple[str, str], bool] = field(default_factory=dict)

    def of(self, trail: Iterable[Applied], revocations: StandingRevocations) -> dict[tuple[str, str], str]:
        """Return config_sha and commit of those of a trail, and why they were refused."""
        return {
            (item.config_sha, item.commit): refusal.why
            for item in trail
            for refusal in revocations.get(item.config_sha, ())
            if self._is_about(refusal.commit, item.commit)
        }

    def _is_about(self, refused: str, commit: str) -> bool:
        """Say whether a commit is the refused one, or follows it and changes nothing that counts since."""
        if refused == commit:
            return True
        pair = (refused, commit)
        if pair not in self._about:
            try:
                follows = self.git.is_ancestor(refused, commit)
                self._about[pair] = follows and not _touched(self.git, self.environment, *pair)
            except GitError:  # one of them is not here: it says nothing
                return False
        return self._about[pair]


def _touched(git: Git, environment: str, since: str, until: str) -> bool:
    """Say whether a commit after ``since`` changes a file that an environment is composed from."""
    paths = ("conf", "runtime_overrides", f"gitops/environments/{environment}.yaml")
    return bool(
        git.run("log", "--format=%H", "-1", "--end-of-options", f"{since}..{until}", "--", *paths).strip()
    )
