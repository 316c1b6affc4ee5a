"""What the agent sees: the branch, the live file, the bot, the journal, and whether a commit may be taken.

Trust is anchored in the last good commit: its policy says who may sign. Which branch counts is the operator's
word alone. The first commit of all is measured by the operator's checkout, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from framework.errors import QuoteopsError
from framework.gitops.agent.clearing import named_holds
from framework.gitops.agent.contents import Contents
from framework.gitops.agent.first_tier import FirstTier
from framework.gitops.agent.observed import Desired, Observed, Rules
from framework.gitops.agent.revisions import Revisions
from framework.gitops.agent.state_dir import JournalView, StateDir, read_bot, read_live_sha, read_state
from framework.gitops.agent.way_back import WayBack, way_back
from framework.gitops.desired.decisions import Answer, GateJournal, read_gate_journal, recalled_gate_journal
from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.desired.history import History
from framework.gitops.desired.permits import Permits, Ruling, Trust
from framework.gitops.desired.rendered import Rendered, late_tightenings, read_rendered, reduces, rendered_of
from framework.gitops.errors import GitError, SignatureError
from framework.gitops.repo.git import Git
from framework.gitops.repo.signatures import verify_commits
from framework.holds.hold import Hold, read_hold
from framework.journal.errors import JournalError

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
class Observer:
    """The agent's eyes; it changes nothing but what it has seen."""

    state_dir: StateDir
    remote: str
    now: Callable[[], datetime]
    rules: Rules | None = None
    """Patience other than the policy's, for trials."""

    bootstrap: EnvironmentRevision | None = None
    """The operator's checkout: its policy is in force until a first commit has been taken."""

    branch: str = "main"
    """What the environment follows, as the agent was told at its start: nothing that is fetched moves it."""

    incoming: Fetched = field(default_factory=Fetched)
    """What the newest look at the remote gave; a turn takes it up as ``fetched`` when it begins."""

    fetched: Fetched = field(default_factory=Fetched)

    def __post_init__(self) -> None:
        self.git = Git.mirror(self.state_dir.mirror)
        self.contents = Contents(self.state_dir.contents, self.state_dir.environment, self.of)
        self.view = JournalView(self.state_dir.journal, now=self.now)
        self.poll_s = 5.0
        """Pause between two looks at the remote: the policy's."""
        try:
            history = self.view.history()
        except JournalError:  # the published one may be taken over; until then, every turn says so
            history = History()
        state = read_state(self.state_dir.state)
        self.examined: str | None = state.get("seen") or history.accepted
        """The newest commit that was examined and may be taken: a head must contain it."""
        self.good: str | None = state.get("good") or history.trusted or history.accepted
        """The newest commit that nothing forbade: its policy is in force."""
        self._taken = history.taken
        self.published: str | None = state.get("published")
        """The journal's branch as it was last seen: one that does not contain it was forced."""
        self._revisions = Revisions(self.git, self.state_dir.environment, self.state_dir.staging)
        self._refusals: dict[str, str] = {}
        self.permits = Permits(self.state_dir.environment, self._is_followed)
        self._first_tier = FirstTier(self.git, self.state_dir.environment)
        self._followed: tuple[str, dict[str, bool]] = ("", {})
        self._trailers: tuple[str, str, frozenset[str]] = ("", "", frozenset())
        if history.taken[0] > (state.get("journal") or {}).get("seq", 0):  # said after that state was written
            self.accept(history.taken[1], good=True)

    def resume(self) -> None:
        """Go on from the journal that was taken over: what it has seen of the branch counts."""
        history = self.view.history()
        self._taken = history.taken
        self.examined, self.good = history.accepted, history.trusted
        self._refusals.clear()

    def fetch(self) -> None:
        """Bring the branch here, and what the gate's journal says; what goes wrong is kept, not raised."""
        try:
            Git.mirror(self.git.repo)  # it may be deleted at any time
            head = self.git.fetch(self.remote, self.branch)
            gate_journal = self._read_gate_journal()
            self.incoming = Fetched(head, self.now(), "", gate_journal)
        except (QuoteopsError, OSError) as error:  # the thread that looks must go on looking
            self.incoming = replace(self.incoming, fault=str(error))

    def _read_gate_journal(self) -> GateJournal:
        """Read what the gate has decided: what adds risk is in force by its word alone."""
        before = self.incoming.gate_journal
        gate_journal = read_gate_journal(
            self.git, self.remote, self.state_dir.environment, before, known=self.published
        )
        self.published = gate_journal.tip or self.published
        return gate_journal

    def compose_head(self) -> None:
        """Compose what the head, the content in force and the last good commit say, outside the turn.

        A new head that this machine cannot compose now, for want of disk say, is as good as not fetched: what
        is in force is looked after all the same.
        """
        before, self.fetched = self.fetched, self.incoming
        applied = self.view.history().applied
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
            why = f"{self.state_dir.staging}: {error.strerror}" if isinstance(error, OSError) else str(error)
            fault = f"{head[:12]} cannot be composed here yet: {why}"
            self.fetched = replace(before, fault=fault, gate_journal=self.fetched.gate_journal)

    def observe_here(self) -> Observed:
        """Read what this machine alone says: enough to complete what was cut off, whatever ails git."""
        history = self.view.history()
        live_sha = read_live_sha(self.state_dir.live)
        return Observed(
            now=self.now(),
            history=history,
            hold=read_hold(self.state_dir.hold, history.hold),
            live_sha=live_sha,
            cut_off=self._cut_off(live_sha),
            bot=read_bot(self.state_dir.bot),
        )

    def observe(self, *, publish_fault: str, can_push: bool) -> Observed:
        """Read everything a decision rests on; publishing and pushing are the caller's to tell of."""
        history = self.view.history()
        if history.taken != self._taken:  # an operator has taken a rewritten branch
            self._taken = history.taken
            self.accept(history.taken[1], good=True)
            self._refusals.clear()
        now, live_sha = self.now(), read_live_sha(self.state_dir.live)
        hold = read_hold(self.state_dir.hold, history.hold)
        revoked = self._ruling(self.fetched.gate_journal, history).revoked()
        return Observed(
            now=now,
            history=history,
            rules=self.rules or self._rules(),
            desired=self._desired(now, hold),
            run_out=self._run_out(now),
            fetched_at=self.fetched.at,
            fetch_fault=self.fetched.fault,
            publish_fault=publish_fault,
            gate_journal_fault=self.fetched.gate_journal.fault if self.fetched.at is not None else "",
            undecided=self.fetched.gate_journal.decisions.odd,
            revoked=revoked,
            stays=self._stays(history, revoked),
            hold=hold,
            live_sha=live_sha,
            cut_off=self._cut_off(live_sha),
            bot=read_bot(self.state_dir.bot),
            can_push=can_push,
            restorable=history.applied is None or self.in_force() is not None,
        )

    def policy(self) -> Policy | None:
        """Return the policy in force, None before there is one."""
        return self._anchor().policy

    def in_force(self) -> Rendered | None:
        """Return the content in force, None before the first and when the store has lost it."""
        return self.contents.stored(self.view.history().applied)

    def of(self, commit: str) -> EnvironmentRevision:
        """Return what a commit says; of one that is not in the mirror, that."""
        return self._revisions.of(commit, keep=self.good)

    def accept(self, commit: str, *, good: bool) -> None:
        """Remember a commit as examined and, when nothing forbade it, as the one whose policy is in force."""
        self.examined = commit
        if good and self.may_be_trusted(commit):
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
        revision = self.of(head)
        rendered = rendered_of(revision, environment=self.state_dir.environment, now=now)
        in_force = self.contents.whole(self.view.history().applied)
        policy = self.policy()
        window = policy.frozen(tier=self._anchor().tier, now=now) if policy is not None else None
        since = hold.head if hold is not None else None
        answer = self._answer(rendered.config_sha, head)
        return Desired(
            commit=head,
            config_sha=rendered.config_sha,
            cause=rendered.cause,
            reducing=in_force is not None and reduces(in_force, rendered),
            denied=answer.refused,
            promoted_at=answer.promoted.at if answer.promoted is not None else "",
            lacks=self.fetched.gate_journal.fault or "; ".join(answer.faults[:1]) or self._doubt(),
            adopted=self._adopts(),
            frozen=window.reason if window is not None else "",
            late=late_tightenings(revision, now),
            clears=self._named(since, head) if since is not None else frozenset(),
        )

    def _answer(self, config_sha: str, commit: str) -> Answer:
        """Return what the gate's journal says of a content that a commit asks for."""
        journal, history = self.fetched.gate_journal, self.view.history()
        return self._ruling(journal, history).answer(config_sha=config_sha, commit=commit)

    def _ruling(self, journal: GateJournal, history: History) -> Ruling:
        return Ruling(self.permits, journal.decisions, self.trust(), history, self.now())

    def trust(self) -> Trust | None:
        """Return the policy that says whose promotions count; before any, for a sandbox alone, the head's."""
        anchor = self._anchor()
        own = self.good is None and self.bootstrap is None
        if anchor.policy is None or (own and self._first_tier.doubt(anchor.commit, anchor.tier)):
            return None
        return Trust(anchor.policy, anchor.tier)

    def _doubt(self) -> str:
        """Say why the head's own word is not taken for what it is let in by, before anything else counts."""
        if self.good is not None or self.bootstrap is not None:
            return ""
        return self._first_tier.doubt(self._anchor().commit, self._anchor().tier)

    def trusted_after(self, commit: str) -> str:
        """Return the commit whose policy is in force once a content is: its own, where that is trusted."""
        return commit if self.good is None or self.may_be_trusted(commit) else self.good

    def may_be_trusted(self, commit: str) -> bool:
        """Say whether a commit's policy may take the place of the one in force, by whose signers it counts.

        Where promotions are signed, another policy or tier needs one too: else a push could name its signers.
        """
        anchor, trust, asked = self._anchor(), self.trust(), self.of(commit)
        if trust is None or not trust.signed or (asked.policy, asked.tier) == (anchor.policy, anchor.tier):
            return True

        def brings(at: str) -> bool:
            revision = self.of(at)
            return (revision.policy, revision.tier) == (asked.policy, asked.tier)

        return any(
            row.promotes
            and not self.permits.fault(row, trust, self.now())
            and (row.commit == commit or (self.descends(row.commit, commit) and brings(row.commit)))
            for row in reversed(self.fetched.gate_journal.decisions.all)
        )

    def _adopts(self) -> bool:
        """Say whether a first content needs no promotion: a sandbox's, of which nobody decided anything."""
        journal, trust = self.fetched.gate_journal, self.trust()
        if trust is None or journal.fault or journal.served:
            return False
        return trust.tier == "sandbox" and not trust.signed

    def _stays(self, history: History, revoked: Container[str]) -> str:
        """Say why what is in force cannot go back, where it was revoked or a bot runs badly; or nothing."""
        applied, bot = history.applied, read_bot(self.state_dir.bot)
        badly = bot is not None and (bot.health == "failing" or bot.refused_sha is not None)
        if applied is None or not (badly or applied.config_sha in revoked):
            return ""
        try:
            self.way_back(history, revoked=revoked)
        except QuoteopsError as error:
            return str(error)
        return ""

    def revoked(self, history: History) -> dict[str, str]:
        """Return what a history put in force and the gate refuses, by the newest that was read of it."""
        return self._ruling(self.incoming.gate_journal, history).revoked()

    def way_back(
        self,
        history: History,
        *,
        revoked: Container[str] | None = None,
        to: str | None = None,
        loosen: bool = False,
    ) -> WayBack:
        """Return what to go back to. Raises QuoteopsError when there is nothing that adds no risk."""
        name = self.state_dir.environment
        if revoked is None:
            journal = self.fetched.gate_journal if self.fetched.at else recalled_gate_journal(self.git, name)
            revoked = self._ruling(journal, history).revoked()
        return way_back(
            history, now=self.now(), revoked=revoked, read=self.contents.whole, to=to, loosen=loosen
        )

    def _named(self, since: str, head: str) -> frozenset[str]:
        """Return the holds that commits after ``since`` name and may end."""
        if self._trailers[:2] != (since, head):
            named = frozenset[str]()
            if self.descends(since, head):
                name, anchor = self.state_dir.environment, self._anchor()
                named = named_holds(self.git, since=since, until=head, environment=name, anchor=anchor)
            self._trailers = (since, head, named)
        return self._trailers[2]

    def _refusal(self, head: str) -> str:
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
        anchor = self._anchor()
        if anchor.policy is None and anchor.commit != head:
            return f"the policy in force cannot be read, so nobody can say who may sign: {anchor.fault}"
        signers = anchor.signers()
        if signers is not None:
            try:
                verify_commits(self.git, self.good or self.examined, head, *signers)
            except SignatureError as error:
                return str(error)
        return self.of(head).fault

    def _is_followed(self, commit: str) -> bool:
        """Say whether the branch contains a commit: what was promoted elsewhere says nothing of it."""
        head = self.fetched.head
        if head is None:  # nothing is let in either
            return True
        if self._followed[:1] != (head,):
            self._followed = (head, {})
        known = self._followed[1]
        if commit not in known:
            known[commit] = commit == head or self.descends(commit, head)
        return known[commit]

    def descends(self, old: str, new: str) -> bool:
        """Say whether a commit contains another, as far as the mirror knows both."""
        try:
            self.git.rev(old)
        except GitError:
            return False  # a mirror that has never had the commit cannot vouch for it
        return self.git.is_ancestor(old, new)

    def _run_out(self, now: datetime) -> Desired | None:
        rendered = self.contents.run_out(self.view.history().applied, now=now)
        if rendered is None:
            return None
        return Desired(rendered.commit, config_sha=rendered.config_sha, cause="expiry", reducing=True)

    def _anchor(self) -> EnvironmentRevision:
        """Return the commit whose policy is in force: the last good one; before any, or when this code cannot
        read it any more, the checkout's; before any and without a checkout, the head's.
        """
        if self.good is not None:
            revision = self.of(self.good)
            if revision.policy is not None or self.bootstrap is None:
                return revision
        if self.bootstrap is not None:
            return self.bootstrap
        return self.of(self.fetched.head) if self.fetched.head is not None else EnvironmentRevision("")

    def _rules(self) -> Rules:
        policy = self.policy()
        if policy is None:
            return Rules()
        agent = policy.agent
        return Rules(
            probation_s=agent.probation_s, heartbeat_s=agent.stale_s, cooldown_s=agent.cooldown_h * 3_600
        )

    def _cut_off(self, live_sha: str | None) -> str | None:
        history = self.view.history()
        applied = history.applied
        if live_sha is None or (applied is not None and live_sha == applied.overrides_sha):
            return None
        rendered = read_rendered(live_sha, folder=self.state_dir.contents)
        if rendered is None or rendered.generation != history.next_generation:
            return None
        return live_sha
