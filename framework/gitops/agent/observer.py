"""What the agent sees: the branch, the live file, the bot and the journal; which commits count, it asks."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime

from framework.errors import QuoteopsError
from framework.gitops.agent.contents import Contents
from framework.gitops.agent.examination import Examination, Fetched
from framework.gitops.agent.hold import lost_content
from framework.gitops.agent.observed import Bot, Desired, Observed, Rules
from framework.gitops.agent.revisions import Revisions
from framework.gitops.agent.state import read_state
from framework.gitops.agent.state_dir import JournalView, StateDir, read_bot, read_live_sha
from framework.gitops.agent.way_back import WayBack, way_back
from framework.gitops.desired.decisions import (
    Answer,
    GateJournal,
    read_gate_journal,
    recalled_gate_journal,
)
from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.desired.history import History
from framework.gitops.desired.permits import Permits, Refusals, Ruling
from framework.gitops.desired.rendered import Rendered, late_tightenings, read_rendered, reduces, rendered_of
from framework.gitops.errors import GitError, MirrorDamaged
from framework.gitops.repo.git import Git
from framework.holds.hold import Hold, read_hold
from framework.journal.entry import EMPTY, Head
from framework.journal.errors import JournalError


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
        self._taken = history.taken
        self._heard: tuple[datetime | None, datetime] | None = None
        self.published = state.published
        """The journal's branch as it was last seen: one that does not contain it was forced."""
        self._revisions = Revisions(self.git, self.state_dir.environment, self.state_dir.staging)
        self.permits = Permits(self.state_dir.environment, self._is_followed)
        self._followed: tuple[str, dict[str, bool]] = ("", {})
        self.examination = Examination(
            self.git,
            self.state_dir.environment,
            self.of,
            self.now,
            lambda: self.fetched,
            self.bootstrap,
            self.permits,
            self.state_dir.staging,
            examined=state.seen or history.accepted,
            good=state.good or history.trusted or history.accepted,
        )
        if history.taken[0] > state.journal.seq:  # said after that state was written
            self.accept(history.taken[1], good=True)
        self._gate_head = Head(*history.gate_head) if history.gate_head[0] else EMPTY
        """What the gate's journal must hold: an agent whose journal this is has read it."""
        self._vouched = history.vouched
        self.examination.vouched = history.vouched[1]
        if history.vouched[0] > state.journal.seq:
            self.examination.vouch(history.vouched[1])

    def resume(self) -> None:
        """Go on from the journal that was taken over: what it has seen of the branch counts."""
        history = self.view.history()
        self._taken, self._vouched = history.taken, history.vouched
        self.examination.vouched = history.vouched[1]
        self.examination.examined, self.examination.good = history.accepted, history.trusted
        self.examination.forget()
        self._gate_head = least = Head(*history.gate_head) if history.gate_head[0] else EMPTY
        read = self.incoming.gate_journal.head
        if least.seq > read.seq or (least.seq == read.seq and least != read):
            fault = f"the gate's journal ends at entry {read.seq} and was at {least.seq}: it was shortened"
            self.incoming = replace(self.incoming, gate_journal=GateJournal(fault=fault))

    def gate_stamp(self) -> dict[str, object]:
        """Return how far the gate's journal was read, for the entries of this agent's own."""
        read = self.fetched.gate_journal
        if read.fault or read.head == EMPTY:
            return {}
        return {"gate_head": {"seq": read.head.seq, "sha256": read.head.sha256}}

    def fetch(self) -> None:
        """Bring the branch here, and what the gate's journal says; what goes wrong is kept, not raised."""
        if self.incoming.at is None:  # until it can be read, what it refused by the last word here counts
            self._recall()
        try:
            Git.mirror(self.git.repo)  # it may be deleted at any time
            try:
                head = self.git.fetch(self.remote, self.branch)
            except MirrorDamaged:  # it is a new one now
                head = self.git.fetch(self.remote, self.branch)
            gate_journal = self._read_gate_journal()
            self.incoming = Fetched(head, self.now(), "", gate_journal)
        except (QuoteopsError, OSError) as error:  # the thread that looks must go on looking
            self.incoming = replace(self.incoming, fault=str(error))

    def _recall(self) -> None:
        if self.incoming.gate_journal.tip is None:
            recalled = recalled_gate_journal(self.git, self.state_dir.environment)
            fault = self.incoming.gate_journal.fault
            self.incoming = replace(
                self.incoming, gate_journal=replace(recalled, tip=None, head=EMPTY, blobs=(), fault=fault)
            )

    def _read_gate_journal(self) -> GateJournal:
        """Read what the gate has decided: what adds risk is in force by its word alone."""
        before = self.incoming.gate_journal
        gate_journal = read_gate_journal(
            self.git,
            self.remote,
            self.state_dir.environment,
            before,
            known=self.published,
            least=self._gate_head,
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
        for commit in {self.examination.good, applied.commit if applied else None} - {None}:
            assert commit is not None
            self.of(commit)
        head = self.fetched.head
        if head is None:
            return
        try:
            revision = self.of(head)
            if head not in (self.examination.good, before.head) and not self._revisions.holds(head):
                raise GitError(revision.fault)
        except (GitError, OSError) as error:
            if head in (self.examination.good, before.head):
                raise
            why = f"{self.state_dir.staging}: {error.strerror}" if isinstance(error, OSError) else str(error)
            fault = f"{head[:12]} cannot be composed here yet: {why}"
            self.fetched = replace(before, fault=fault, gate_journal=self.fetched.gate_journal)

    def _bot(self) -> tuple[Bot | None, datetime | None]:
        """Return what the bot says, and when it was heard first since it was started."""
        bot = read_bot(self.state_dir.bot)
        started = None if bot is None else bot.started_at
        if self._heard is None or self._heard[0] != started:
            self._heard = started, self.now()
        return bot, self._heard[1]

    def _hold(self, history: History) -> Hold | None:
        """Return the hold in force; one whose content is nowhere holds, and says what ends it."""
        hold = read_hold(self.state_dir.hold, history.hold)
        why = "" if hold is None else lost_content(self.state_dir, hold, history)
        return hold if hold is None or not why else replace(hold, fault=why)

    def observe_here(self) -> Observed:
        """Read what this machine alone says: enough to complete what was cut off, whatever ails git."""
        history = self.view.history()
        live_sha = read_live_sha(self.state_dir.live)
        return Observed(
            now=self.now(),
            history=history,
            hold=self._hold(history),
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
            self.examination.forget()
        if history.vouched != self._vouched:
            self._vouched = history.vouched
            self.examination.vouch(history.vouched[1])
        now, live_sha = self.now(), read_live_sha(self.state_dir.live)
        hold, (bot, heard) = self._hold(history), self._bot()
        revoked = self._ruling(self.fetched.gate_journal, history).revoked()
        return Observed(
            now=now,
            history=history,
            rules=self.rules or self._rules(),
            desired=self._desired(now, hold, live_sha, revoked),
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
            bot=bot,
            bot_heard=heard,
            can_push=can_push,
            restorable=history.applied is None or self.in_force() is not None,
            tightens=self._tightens(history, live_sha),
        )

    def in_force(self) -> Rendered | None:
        """Return the content in force, None before the first and when the store has lost it."""
        return self.contents.stored(self.view.history().applied)

    def of(self, commit: str) -> EnvironmentRevision:
        """Return what a commit says; of one that is not in the mirror, that."""
        return self._revisions.of(commit, keep=self.examination.good)

    def accept(self, commit: str, *, good: bool) -> None:
        """Remember a commit as examined and, when nothing forbade it, as the one whose policy is in force."""
        self.examination.accept(commit, good=good)
        policy = self.examination.policy()
        self.poll_s = policy.agent.poll_s if policy is not None else self.poll_s

    def _tightens(self, history: History, live_sha: str | None) -> bool:
        """Say whether what is in force takes risk away from what the live file has."""
        if live_sha is None or history.applied is None or live_sha == history.applied.overrides_sha:
            return False
        there, mine = self._live(history, live_sha), self.contents.whole(history.applied)
        return there is not None and mine is not None and reduces(there, mine)

    def _live(self, history: History, live_sha: str | None) -> Rendered | None:
        """Return the content that the live file has; None when it was never in force."""
        items = (item for item in reversed(history.trail) if item.overrides_sha == live_sha)
        return self.contents.whole(next(items, None))

    def _reduces(self, rendered: Rendered, live_sha: str | None, revoked: Container[str]) -> bool:
        """Say whether a content takes risk away from what is in force.

        What was published as in force and is refused is nothing to measure by where the live file never had
        it: half of a refused risk would pass for less of it.
        """
        history = self.view.history()
        applied, in_force = history.applied, self.contents.whole(history.applied)
        if applied is None or in_force is None or not reduces(in_force, rendered):
            return False
        if applied.config_sha not in revoked or live_sha == applied.overrides_sha:
            return True
        there = self._live(history, live_sha)
        return there is not None and reduces(there, rendered)

    def _desired(
        self, now: datetime, hold: Hold | None, live_sha: str | None, revoked: Container[str]
    ) -> Desired | None:
        head = self.fetched.head
        if head is None:
            return None
        refusal = self.examination.refusal(head)
        if refusal:
            return Desired(head, refusal=refusal)
        revision = self.of(head)
        rendered = rendered_of(revision, environment=self.state_dir.environment, now=now)
        policy = self.examination.policy()
        window = policy.frozen(tier=self.examination.anchor().tier, now=now) if policy is not None else None
        since = hold.head if hold is not None else None
        answer = self._answer(rendered.config_sha, head)
        return Desired(
            commit=head,
            config_sha=rendered.config_sha,
            cause=rendered.cause,
            reducing=self._reduces(rendered, live_sha, revoked),
            denied=answer.refused,
            promoted_at=answer.promoted.at if answer.promoted is not None else "",
            lacks=self.fetched.gate_journal.fault or "; ".join(answer.faults[:1]) or self.examination.doubt(),
            adopted=self.examination.adopts(),
            frozen=window.reason if window is not None else "",
            late=late_tightenings(revision, now),
            clears=self.examination.named(since, head) if since is not None else frozenset(),
        )

    def _answer(self, config_sha: str, commit: str) -> Answer:
        """Return what the gate's journal says of a content that a commit asks for."""
        journal, history = self.fetched.gate_journal, self.view.history()
        return self._ruling(journal, history).answer(config_sha=config_sha, commit=commit)

    def _ruling(self, journal: GateJournal, history: History) -> Ruling:
        return Ruling(self.permits, journal.decisions, self.examination.trust(), history, self.now())

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
        journal = self.fetched.gate_journal
        if revoked is None and self.fetched.at is None:  # an operator's: no network is asked
            journal = recalled_gate_journal(self.git, self.state_dir.environment)
        ruling = self._ruling(journal, history)
        refused = Refusals(ruling, ruling.revoked() if revoked is None else revoked)
        return way_back(
            history, now=self.now(), revoked=refused, read=self.contents.whole, to=to, loosen=loosen
        )

    def _is_followed(self, commit: str) -> bool:
        """Say whether the branch contains a commit: what was promoted elsewhere says nothing of it."""
        head = self.fetched.head
        if head is None:  # nothing is let in either
            return True
        if self._followed[:1] != (head,):
            self._followed = (head, {})
        known = self._followed[1]
        if commit not in known:
            known[commit] = commit == head or self.examination.descends(commit, head)
        return known[commit]

    def _run_out(self, now: datetime) -> Desired | None:
        rendered = self.contents.run_out(self.view.history().applied, now=now)
        if rendered is None:
            return None
        return Desired(rendered.commit, config_sha=rendered.config_sha, cause="expiry", reducing=True)

    def _rules(self) -> Rules:
        policy = self.examination.policy()
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
