"""Which commits of the branch may be taken, and whose policy is in force.

Trust is anchored in the last good commit: its policy says who may sign. Which branch counts is the operator's
word alone. The first commit of all is measured by the operator's checkout, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from framework.errors import QuoteopsError
from framework.gitops.agent.clearing import named_holds
from framework.gitops.agent.first_tier import FirstTier
from framework.gitops.desired.decisions import GateJournal
from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.desired.permits import Permits, Trust, settled
from framework.gitops.desired.revision import Revision
from framework.gitops.errors import GitError, SignatureError
from framework.gitops.repo.git import Git
from framework.gitops.repo.signatures import verify_commits

if TYPE_CHECKING:
    from framework.settings.schema.gitops import Policy


@dataclass
class Fetched:
    """What the last looks at the remote gave."""

    head: str | None = None
    at: datetime | None = None
    fault: str = ""
    gate_journal: GateJournal = field(default_factory=GateJournal)


@dataclass
class Examination:
    """What is known of an environment's commits; each is examined once."""

    git: Git
    environment: str
    of: Callable[[str], EnvironmentRevision]
    now: Callable[[], datetime]
    fetched: Callable[[], Fetched]
    bootstrap: EnvironmentRevision | None
    """The operator's checkout: its policy is in force until a first commit has been taken."""

    permits: Permits
    scratch: Path
    examined: str | None = None
    """The newest commit that was examined and may be taken: a head must contain it."""

    good: str | None = None
    """The newest commit that nothing forbade: its policy is in force."""

    vouched: str = ""
    """The commit whose signers count at once by an operator's word."""

    def __post_init__(self) -> None:
        self._refusals: dict[str, str] = {}
        self._settled: tuple[tuple[str, datetime] | None, tuple[str, ...]] = (None, ())
        self._first_tier = FirstTier(self.git, self.environment)
        self._trailers: tuple[str, str, frozenset[str]] = ("", "", frozenset())

    def policy(self) -> Policy | None:
        """Return the policy in force, None before there is one."""
        return self.anchor().policy

    def anchor(self) -> EnvironmentRevision:
        """Return the commit whose policy is in force: the last good one; before any, or when this code cannot
        read it any more, the checkout's; before any and without a checkout, the head's.
        """
        if self.good is not None:
            revision = self.of(self.good)
            if revision.policy is not None or self.bootstrap is None:
                return revision
        if self.bootstrap is not None:
            return self.bootstrap
        head = self.fetched().head
        return self.of(head) if head is not None else EnvironmentRevision("")

    def accept(self, commit: str, *, good: bool) -> None:
        """Remember a commit as examined and, when nothing forbade it, as the one whose policy is in force."""
        self.examined = commit
        if good and self.may_be_trusted(commit):
            self.good = commit

    def vouch(self, commit: str) -> None:
        """Take a commit's policy by an operator's word: where a key is lost, nobody can sign for it."""
        self.good = self.vouched = commit
        self.forget()

    def forget(self) -> None:
        """Examine every commit anew: what they are measured by has changed."""
        self._refusals.clear()

    def trust(self) -> Trust | None:
        """Return the policy that says whose promotions count; before any, for a sandbox alone, the head's."""
        anchor = self._judging()
        own = self.good is None and self.bootstrap is None
        if anchor.policy is None or (own and self._first_tier.doubt(anchor.commit, anchor.tier)):
            return None
        newest = self.fetched().head
        head = self.of(newest).policy if newest is not None else None
        return Trust(anchor.policy, anchor.tier, () if head is None else tuple(head.revoked_keys))

    def _judging(self) -> EnvironmentRevision:
        """Return the commit whose policy is in force, with the signers of it that count by now."""
        anchor = self.anchor()
        if anchor.policy is None or not anchor.policy.signers or anchor.commit != self.good:
            return anchor
        known = self.of(self.vouched).policy if self.vouched else None
        vouched = [line for line in anchor.policy.signers if known is not None and line in known.signers]
        signers = dict.fromkeys((*self._signers(), *vouched))
        return replace(anchor, policy=anchor.policy.model_copy(update={"signers": tuple(signers)}))

    def _signers(self) -> tuple[str, ...]:
        """Return who may sign by the last good commit: whoever was named of late waits, as the judge does."""
        now = self.now()
        key = (self.good or "", now.replace(minute=0, second=0, microsecond=0))
        if self._settled[0] != key:
            from framework.gitops.change.judges import in_force

            try:
                with Revision(self.git, key[0], scratch=self.scratch) as base:
                    self._settled = key, settled(in_force(base, now).policies)
            except QuoteopsError:  # who cannot be told by git is nobody, until it can
                return ()
        return self._settled[1]

    def doubt(self) -> str:
        """Say why the head's own word is not taken for what it is let in by, before anything else counts."""
        if self.good is not None or self.bootstrap is not None:
            return ""
        return self._first_tier.doubt(self.anchor().commit, self.anchor().tier)

    def trusted_after(self, commit: str) -> str:
        """Return the commit whose policy is in force once a content is: its own, where that is trusted."""
        return commit if self.good is None or self.may_be_trusted(commit) else self.good

    def adopts(self) -> bool:
        """Say whether a first content needs no promotion: a sandbox's, of which nobody decided anything."""
        journal, trust = self.fetched().gate_journal, self.trust()
        if trust is None or journal.fault or journal.served:
            return False
        return trust.tier == "sandbox" and not trust.signed

    def named(self, since: str, head: str) -> frozenset[str]:
        """Return the holds that commits after ``since`` name and may end."""
        if self._trailers[:2] != (since, head):
            named = frozenset[str]()
            if self.descends(since, head):
                name, anchor = self.environment, self._judging()
                named = named_holds(self.git, since=since, until=head, environment=name, anchor=anchor)
            self._trailers = (since, head, named)
        return self._trailers[2]

    def refusal(self, head: str) -> str:
        """Say why a commit cannot be taken: history first, then its signature, then what it says."""
        examined = self.examined  # asked anew each time: a branch may go back to a commit that was taken once
        if examined is not None and examined != head and not self.descends(examined, head):
            return f"the branch was rewritten: {head[:12]} does not contain {examined[:12]}"
        if head not in self._refusals:
            self._refusals[head] = self._examined(head)
        return self._refusals[head]

    def _examined(self, head: str) -> str:
        if head == self.good:
            return self.of(head).fault
        anchor = self._judging()
        if anchor.policy is None and anchor.commit != head:
            return f"the policy in force cannot be read, so nobody can say who may sign: {anchor.fault}"
        signers = anchor.signers()
        if signers is not None:
            try:
                verify_commits(self.git, self.good or self.examined, head, *signers)
            except SignatureError as error:
                return str(error)
        return self.of(head).fault

    def may_be_trusted(self, commit: str) -> bool:
        """Say whether a commit's policy may take the place of the one in force, by whose signers it counts.

        Where promotions are signed, another policy or tier needs one too: else a push could name its signers.
        One that changes who may promote needs one that says so: somebody promoted it by name.
        """
        anchor, trust, asked = self.anchor(), self.trust(), self.of(commit)
        if trust is None or not trust.signed or (asked.policy, asked.tier) == (anchor.policy, anchor.tier):
            return True
        standing = Trust(anchor.policy or trust.policy, anchor.tier)
        moved = asked.policy is None or standing.moved_by(asked.policy, asked.tier)

        def brings(at: str) -> bool:
            revision = self.of(at)
            return (revision.policy, revision.tier) == (asked.policy, asked.tier)

        return any(
            row.promotes
            and (not moved or row.data.get("trust") is True)
            and not self.permits.fault(row, trust, self.now())
            and (row.commit == commit or (self.descends(row.commit, commit) and brings(row.commit)))
            for row in reversed(self.fetched().gate_journal.decisions.all)
        )

    def descends(self, old: str, new: str) -> bool:
        """Say whether a commit contains another, as far as the mirror knows both."""
        try:
            self.git.rev(old)
        except GitError:
            return False  # a mirror that has never had the commit cannot vouch for it
        return self.git.is_ancestor(old, new)
