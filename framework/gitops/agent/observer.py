"""What the agent sees: the branch, the live file, the bot, the journal, and whether a commit may be taken.

Trust is anchored in the last good commit: its policy says who may sign, and its branch which head counts. The
first commit of all is measured by the operator's checkout, where there is one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from framework.gitops.agent import hold as holds
from framework.gitops.agent.decide import rollback_target
from framework.gitops.agent.observed import Desired, Hold, Observed, Rules
from framework.gitops.agent.revocations import Judged, Revocations, read_judged
from framework.gitops.agent.state_dir import Memory, Place, read_bot, read_state
from framework.gitops.desired.history import History
from framework.gitops.desired.rendered import Content, kept
from framework.gitops.desired.revision import Prepared, content_of, kept_back, prepare, reduces, trailers
from framework.gitops.errors import GitError, SignatureError
from framework.gitops.repo.git import Git

if TYPE_CHECKING:
    from framework.settings.schema.gitops import Policy

HELD_PREPARED = 8


RETRY_S = 30.0
"""Pause after a push that failed."""


def is_pausing(until: datetime | None, *, now: datetime) -> bool:
    """Say whether a pause of at most ``RETRY_S`` still lasts; a clock that was set back ends it."""
    return until is not None and 0.0 < (until - now).total_seconds() <= RETRY_S


@dataclass
class Fetched:
    """What the last looks at the remote gave."""

    head: str | None = None
    at: datetime | None = None
    fault: str = ""
    judged: Judged = field(default_factory=Judged)


@dataclass
class Lookout:
    """The agent's eyes; it changes nothing but what it has seen."""

    place: Place
    remote: str
    now: Callable[[], datetime]
    rules: Rules | None = None
    """Patience other than the policy's, for trials."""

    bootstrap: Prepared | None = None
    """The operator's checkout: its policy is in force until a first commit has been taken."""

    incoming: Fetched = field(default_factory=Fetched)
    """What the newest look at the remote gave; a turn takes it up as ``fetched`` when it begins."""

    fetched: Fetched = field(default_factory=Fetched)

    def __post_init__(self) -> None:
        self.git = Git.mirror(self.place.mirror)
        self.memory = Memory(self.place.journal, now=self.now)
        self.poll_s = 5.0
        """Pause between two looks at the remote: the policy's."""
        self.publish_fault = ""
        self.push_after: datetime | None = None
        history, state = self.memory.history(), read_state(self.place.state)
        self.branch: str = state.get("branch") or ""
        self.seen: str | None = state.get("seen") or history.accepted
        """The newest commit that was examined and may be taken: a head must contain it."""
        self.good: str | None = state.get("good") or history.accepted
        """The newest commit that nothing forbade: its policy is in force."""
        self._taken = history.taken
        if history.taken[0] > (state.get("journal") or {}).get("seq", 0):  # said after that state was written
            self.seen = self.good = history.taken[1]
        self.published: str | None = state.get("published")
        """The journal's branch as it was last seen: one that does not contain it was forced."""
        self._prepared: dict[str, Prepared] = {}
        self._refusals: dict[str, str] = {}
        self._revocations = Revocations(self.git, self.place.environment)
        self._trailers: tuple[str, str, frozenset[str]] = ("", "", frozenset())

    def fetch(self) -> None:
        """Bring the branch here, and what the gate's journal says; what goes wrong is kept, not raised."""
        try:
            Git.mirror(self.git.repo)  # it may be deleted at any time
            head = self.git.fetch(self.remote, self.the_branch())
            judged = self._read_judged()
            self.incoming = Fetched(head, self.now(), "", judged)
        except GitError as error:
            self.incoming = replace(self.incoming, fault=str(error))

    def _read_judged(self) -> Judged:
        """Read the gate's journal, where the tier asks for a gate at all; until that is known, it may."""
        before = self.incoming.judged
        anchor = self._prepared.get(self.good) if self.good is not None else self.bootstrap
        if anchor is not None and anchor.policy is not None:
            rules = anchor.policy.rules(anchor.tier)
            if "gate" not in (rules.reducing, rules.increasing, rules.gated):
                return replace(before, fault="")
        found = read_judged(self.git, self.remote, self.place.environment, before, known=self.published)
        self.published = found.tip or self.published
        return found

    def the_branch(self) -> str:
        """Return the branch that the last good commit names, before the first one the checkout's."""
        found = self._prepared.get(self.good) if self.good is not None else self.bootstrap
        return (found.branch if found is not None else "") or self.branch or "main"

    def prepare_head(self) -> None:
        """Compose what the head, the content in force and the last good commit say, outside the turn.

        A new head that this machine cannot compose now, for want of disk say, is as good as not fetched: what
        is in force is looked after all the same.
        """
        before, self.fetched = self.fetched, self.incoming
        applied = self.memory.history().applied
        for commit in {self.good, applied.commit if applied else None} - {None}:
            assert commit is not None
            self.of(commit)
        head = self.fetched.head
        if head is None:
            return
        try:
            self.of(head)
        except (GitError, OSError) as error:
            if head in (self.good, before.head):
                raise
            why = f"{self.place.staging}: {error.strerror}" if isinstance(error, OSError) else str(error)
            fault = f"{head[:12]} cannot be composed here yet: {why}"
            self.fetched = replace(before, fault=fault, judged=self.fetched.judged)

    def look_here(self) -> Observed:
        """Read what this machine alone says: enough to complete what was cut off, whatever ails git."""
        history = self.memory.history()
        live_sha = self._live_sha()
        return Observed(
            now=self.now(),
            history=history,
            hold=holds.read_hold(self.place, history),
            live_sha=live_sha,
            cut_off=self._cut_off(live_sha),
            bot=read_bot(self.place.bot),
        )

    def gather(self) -> Observed:
        """Read everything a decision rests on."""
        history = self.memory.history()
        if history.taken != self._taken:  # an operator has taken a rewritten branch
            self._taken = history.taken
            self.seen = self.good = history.taken[1]
            self._refusals.clear()
        now = self.now()
        hold = holds.read_hold(self.place, history)
        live_sha = self._live_sha()
        revoked = self._revocations.of(history.trail, self.fetched.judged.refusals)
        return Observed(
            now=now,
            history=history,
            rules=self.rules or self._rules(),
            desired=self._desired(now, hold),
            run_out=self._run_out(now),
            fetched_at=self.fetched.at,
            fetch_fault=self.fetched.fault,
            publish_fault=self.publish_fault,
            judged_fault=self.fetched.judged.fault,
            revoked=revoked,
            tightens=self._tightens(history, revoked, now),
            hold=hold,
            live_sha=live_sha,
            cut_off=self._cut_off(live_sha),
            bot=read_bot(self.place.bot),
            can_push=not is_pausing(self.push_after, now=now),
            restorable=history.applied is None or self.in_force() is not None,
        )

    def policy(self) -> Policy | None:
        """Return the policy in force, None before there is one."""
        return self._anchor().policy

    def in_force(self) -> Content | None:
        """Return the content in force, None before the first and when the store has lost it."""
        applied = self.memory.history().applied
        return None if applied is None else kept(applied.overrides_sha, folder=self.place.contents)

    def of(self, commit: str) -> Prepared:
        """Return what a commit says; of one that is not in the mirror, that."""
        found = self._prepared.get(commit)
        if found is not None:
            return found
        try:
            self.git.rev(commit)
        except GitError as error:
            return Prepared(commit, fault=str(error))
        found = prepare(
            self.git, commit=commit, environment=self.place.environment, scratch=self.place.staging
        )
        keys = [c for c in self._prepared if c != self.good]
        while len(self._prepared) >= HELD_PREPARED and keys:
            del self._prepared[keys.pop(0)]
        self._prepared[commit] = found
        return found

    def accept(self, commit: str, *, good: bool) -> None:
        """Remember a commit as examined and, when nothing forbade it, as the one whose policy is in force."""
        self.seen = commit
        if good:
            self.good = commit
        policy = self.policy()
        self.poll_s = policy.agent.poll_s if policy is not None else self.poll_s

    def _desired(self, now: datetime, hold: Hold | None) -> Desired | None:
        head = self.fetched.head
        if head is None:
            return None
        refusal = self._refusal(head)
        if refusal:
            return Desired(head, refusal=refusal)
        prepared = self.of(head)
        content = content_of(prepared, environment=self.place.environment, now=now)
        in_force = self.in_force()
        policy = self.policy()
        window = policy.frozen(tier=self._anchor().tier, now=now) if policy is not None else None
        since = hold.head if hold is not None else None
        return Desired(
            commit=head,
            config_sha=content.config_sha,
            cause=content.cause,
            reducing=in_force is not None and reduces(in_force.fields, content.fields),
            frozen=window.reason if window is not None else "",
            late=kept_back(prepared, now),
            clears=self._named(since, head) if since is not None else frozenset(),
        )

    def _tightens(self, history: History, revoked: Container[tuple[str, str]], now: datetime) -> bool:
        """Say whether what is in force was revoked and takes risk away from what it would go back to."""
        applied = history.applied
        if applied is None or applied.restart or (applied.config_sha, applied.commit) not in revoked:
            return False
        target = rollback_target(history, now=now, revoked=revoked)
        old = kept(target.overrides_sha, folder=self.place.contents) if target is not None else None
        new = self.in_force()
        return old is not None and new is not None and reduces(old.fields, new.fields)

    def _named(self, since: str, head: str) -> frozenset[str]:
        """Return the holds that commits after ``since`` name."""
        if self._trailers[:2] != (since, head):
            found = (
                trailers(self.git, since=since, until=head) if self._descends(since, head) else frozenset()
            )
            self._trailers = (since, head, found)
        return self._trailers[2]

    def _refusal(self, head: str) -> str:
        """Say why a commit cannot be taken: history first, then its signature, then what it says."""
        seen = self.seen  # asked anew each time: a branch may go back to a commit that was taken once
        if seen is not None and seen != head and not self._descends(seen, head):
            return f"the branch was rewritten: {head[:12]} does not contain {seen[:12]}"
        if head not in self._refusals:
            self._refusals[head] = self._examined(head)
        return self._refusals[head]

    def _examined(self, head: str) -> str:
        if head == self.good:
            return self.of(head).fault
        anchor = self._anchor()
        if anchor.policy is None and anchor.commit != head:
            return f"the policy in force cannot be read, so nobody can say who may sign: {anchor.fault}"
        signers = anchor.signers()
        if signers is not None:
            try:
                self.git.verify_commit(head, *signers)
            except SignatureError as error:
                return str(error)
        return self.of(head).fault

    def _descends(self, old: str, new: str) -> bool:
        try:
            self.git.rev(old)
        except GitError:
            return False  # a mirror that has never had the commit cannot vouch for it
        return self.git.is_ancestor(old, new)

    def _run_out(self, now: datetime) -> Desired | None:
        applied = self.memory.history().applied
        if applied is None:
            return None
        prepared = self.of(applied.commit)
        left = None if prepared.fault else prepared.left(now)
        if left is None or not left.reverted:
            return None
        content = content_of(prepared, environment=self.place.environment, now=now)
        return Desired(applied.commit, config_sha=content.config_sha, cause="expiry", reducing=True)

    def _anchor(self) -> Prepared:
        """Return the commit whose policy is in force: the last good one; before any, or when this code cannot
        read it any more, the checkout's; before any and without a checkout, the head's.
        """
        if self.good is not None:
            found = self.of(self.good)
            if found.policy is not None or self.bootstrap is None:
                return found
        if self.bootstrap is not None:
            return self.bootstrap
        return self.of(self.fetched.head) if self.fetched.head is not None else Prepared("")

    def _rules(self) -> Rules:
        policy = self.policy()
        if policy is None:
            return Rules()
        agent = policy.agent
        return Rules(
            probation_s=agent.probation_s, heartbeat_s=agent.stale_s, cooldown_s=agent.cooldown_h * 3_600
        )

    def _live_sha(self) -> str | None:
        try:
            return hashlib.sha256(self.place.live.read_bytes()).hexdigest()
        except OSError:
            return None

    def _cut_off(self, live_sha: str | None) -> str | None:
        history = self.memory.history()
        applied = history.applied
        if live_sha is None or (applied is not None and live_sha == applied.overrides_sha):
            return None
        content = kept(live_sha, folder=self.place.contents)
        if content is None or content.generation != history.next_generation:
            return None
        return live_sha
