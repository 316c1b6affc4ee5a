"""Gather, decide, act: one turn of an environment's agent.

What a commit says is composed before the turn is taken; in the turn nothing waits for the network, so that an
operator's rollback never does.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from framework.errors import QuoteopsError
from framework.gitops import hold as holds
from framework.gitops.content import Content, after, iso, keep, kept, must_keep
from framework.gitops.decide import (
    Action,
    Desired,
    Do,
    Hold,
    Observed,
    Permission,
    Rules,
    decide,
    health_of,
    permission_of,
    sync_of,
)
from framework.gitops.errors import GitError, GitopsError, SignatureError
from framework.gitops.git import Git
from framework.gitops.place import Memory, Place, read_bot, read_state
from framework.gitops.published import publish_head
from framework.gitops.pull_request import open_pull_request, push_branch
from framework.gitops.render import (
    Prepared,
    content_of,
    kept_back,
    prepare,
    reduces,
    trailers,
    with_restart,
)
from framework.gitops.rollback import Revert, make_revert, revert_body, roll_back
from framework.journal.entry import Kind
from framework.journal.journal import Journal
from framework.settings.files import locked, write_atomic, write_json

if TYPE_CHECKING:
    from framework.settings.schema.gitops import Policy

TURN_S = 30.0
MOST = 24
"""Actions of one turn; more would be a loop."""

HELD_PREPARED = 8
RETRY_S = 30.0
"""Pause after a push that failed."""

_LOGIN = re.compile(r"(?<=//)[^/@\s]+@")
Say = Callable[[str], None]


@dataclass
class Fetched:
    """What the last looks at the remote gave."""

    head: str | None = None
    at: datetime | None = None
    fault: str = ""


@dataclass
class Reconciler:
    """The agent's hands: everything of it that reads and writes."""

    place: Place
    remote: str
    now: Callable[[], datetime]
    say: Say = print
    rules: Rules | None = None
    """Patience other than the policy's, for trials."""

    token: str | None = None
    sign: Path | None = None
    """SSH private key that signs what the agent commits: reverts and the journal's branch."""

    bootstrap: Prepared | None = None
    """The operator's checkout: its policy is in force until a first commit has been taken."""

    publishes: bool = True
    """Whether the journal and its head go to the remote as they grow."""

    incoming: Fetched = field(default_factory=Fetched)
    """What the newest look at the remote gave; a turn takes it up as ``fetched`` when it begins."""

    fetched: Fetched = field(default_factory=Fetched)

    def __post_init__(self) -> None:
        self.git = Git.mirror(self.place.mirror)
        self.memory = Memory(self.place.journal, now=self.now)
        self.poll_s = 5.0
        """Pause between two looks at the remote: the policy's."""
        self._prepared: dict[str, Prepared] = {}
        self._refusals: dict[str, str] = {}
        self._push_after: datetime | None = None
        self._publish_after: datetime | None = None
        self._published_size = 0
        self.publish_fault = ""
        state = read_state(self.place.state)
        self._written: dict[str, Any] = {}
        self._trailers: tuple[str, str, frozenset[str]] = ("", "", frozenset())
        self._seen: str | None = state.get("seen") or self.memory.history().accepted
        self._published: str | None = state.get("published")
        self._good: str | None = state.get("good") or self.memory.history().accepted
        self._accepted_entry = self.memory.history().accepted
        self.branch: str = state.get("branch") or ""

    # -- what there is ---------------------------------------------------------------------------------------

    def fetch(self) -> None:
        """Bring the branch here; what goes wrong is kept, not raised."""
        try:
            head = self.git.fetch(self.remote, self.the_branch())
            self.incoming = Fetched(head, self.now(), "")
        except GitError as error:
            self.incoming = replace(self.incoming, fault=str(error))

    def publish(self) -> None:
        """Push the journal and its head when it has grown; what goes wrong is kept, and tried again later."""
        now = self.now()
        if not self.publishes or (self._publish_after is not None and now < self._publish_after):
            return
        try:
            size = self.place.journal.stat().st_size if self.place.journal.is_file() else 0
            if size in (0, self._published_size):
                return
            journal, name = Journal(self.place.journal), self.place.environment
            done = publish_head(self.git, self.remote, name, journal, known=self._published, sign=self.sign)
            self._published, self._published_size = done.commit, size
            self.publish_fault, self._publish_after = "", None
        except (QuoteopsError, OSError) as error:
            self.publish_fault = str(error)
            self._publish_after = now + timedelta(seconds=RETRY_S)

    def the_branch(self) -> str:
        """Return the branch that the last good commit names, before the first one the checkout's."""
        found = self._prepared.get(self._good) if self._good is not None else self.bootstrap
        return (found.branch if found is not None else "") or self.branch or "main"

    def prepare_head(self) -> None:
        """Compose what the head, the content in force and the last good commit say, outside the turn."""
        self.fetched = self.incoming
        history = self.memory.history()
        applied = history.applied
        for commit in {self._good, applied.commit if applied else None, self.fetched.head} - {None}:
            assert commit is not None
            self._of(commit)

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

    def complete(self) -> Observed:
        """Complete a hold or a write that was cut off; the caller has the turn."""
        for _ in range(MOST):
            seen = self.look_here()
            action = decide(seen)
            if action.do not in (Do.SETTLE, Do.FINISH):
                return seen
            self._act(action, seen)
        raise GitopsError(f"{self.place.environment}: what was cut off cannot be completed")

    def gather(self) -> Observed:
        """Read everything a decision rests on."""
        history = self.memory.history()
        if history.accepted != self._accepted_entry:  # an operator has taken a rewritten branch
            self._accepted_entry = self._seen = self._good = history.accepted
            self._refusals.clear()
        now = self.now()
        hold = holds.read_hold(self.place, history)
        live_sha = self._live_sha()
        return Observed(
            now=now,
            history=history,
            rules=self.rules or self._rules(),
            desired=self._desired(now, hold),
            run_out=self._run_out(now),
            fetched_at=self.fetched.at,
            fetch_fault=self.fetched.fault,
            publish_fault=self.publish_fault,
            hold=hold,
            live_sha=live_sha,
            cut_off=self._cut_off(live_sha),
            bot=read_bot(self.place.bot),
            can_push=self._push_after is None or now >= self._push_after,
            restorable=history.applied is None or self._in_force() is not None,
        )

    def turn(self) -> Observed:
        """Do everything there is to do now, and write what was seen; return the last look.

        Raises FileError, GitopsError and JournalError when this machine refuses; a later turn goes on where
        this one was cut off.
        """
        self.prepare_head()
        for _ in range(MOST):
            proposal: Hold | None = None
            with locked(path=self.place.turn, timeout_s=TURN_S):
                seen = self.gather()
                action = decide(seen)
                if action.do is Do.PROPOSE:
                    proposal = seen.hold
                elif action.do is Do.WAIT:
                    self._settled(seen)
                    return seen
                else:
                    self._act(action, seen)
                    self._tell(action)
            if proposal is not None:  # the network is asked outside the turn
                self._propose(proposal, seen.now)
        raise GitopsError(f"{self.place.environment}: {MOST} actions in one turn, the last: {action.do}")

    def propose_revert(self) -> None:
        """Open the proposal that a hold still owes git, when there is a remote."""
        hold = holds.read_hold(self.place, self.memory.history())
        owed = hold is not None and hold.quarantined is not None
        if hold is not None and owed and (hold.name, Kind.PROPOSED) not in self.memory.history().done:
            self._propose(hold, self.now())

    # -- what is done ----------------------------------------------------------------------------------------

    def _act(self, action: Action, seen: Observed) -> None:
        match action.do:
            case Do.WAIT | Do.PROPOSE:
                return
            case Do.SETTLE:
                assert seen.hold is not None
                holds.settle(self.place, self.memory, seen.hold, bot_health=self._health(seen))
            case Do.FINISH:
                self._finish(action.topic, seen)
            case Do.CLEAR:
                assert seen.hold is not None
                assert seen.desired is not None
                holds.end_hold(
                    self.place, self.memory, seen.hold, cause=action.why, commit=seen.desired.commit
                )
            case Do.ROLLBACK:
                self._roll_back(action, seen)
            case Do.PROVE:
                applied = seen.history.applied
                assert applied is not None
                self.memory.note(
                    Kind.VERDICT,
                    {
                        "subject": "probation",
                        "config_sha": applied.config_sha,
                        "overrides_sha": applied.overrides_sha,
                        "commit": applied.commit,
                        "verdict": "PASS",
                        "reason": action.why,
                    },
                )
            case Do.REFUSE:
                assert seen.desired is not None
                self.memory.note(Kind.REFUSED, {"commit": seen.desired.commit, "reason": action.why})
            case Do.NOTE:
                self._note_drift(action, seen)
            case Do.REPAIR:
                self._repair(action, seen)
            case Do.APPLY:
                self._apply(action, seen)
            case Do.ALERT:
                self.memory.note(Kind.ALERT, {"topic": action.topic, "text": action.why})
            case Do.RESOLVE:
                self.memory.note(Kind.ALERT, {"topic": action.topic, "text": "", "resolved": True})
            case _:
                assert_never(action.do)

    def _apply(self, action: Action, seen: Observed) -> None:
        desired = seen.run_out if action.topic == "run_out" else seen.desired
        assert desired is not None
        applied = seen.history.applied
        before = self._in_force()
        prepared = self._of(desired.commit)
        content = content_of(prepared, environment=self.place.environment, now=seen.now)
        content = after(content, applied=applied, before=before)
        if applied is not None:
            content = with_restart(content, before=self._of(applied.commit), prepared=prepared)
        keep(content, folder=self.place.contents)
        holds.put_live(self.place, content.rendered())
        self._journal_applied(content, before, seen)

    def _finish(self, sha: str, seen: Observed) -> None:
        before = self._in_force()
        self._journal_applied(must_keep(sha, folder=self.place.contents), before, seen)

    def _journal_applied(self, content: Content, before: Content | None, seen: Observed) -> None:
        old = before.fields if before is not None else {}
        changes = [
            {"name": name, "old": old.get(name), "new": value}
            for name, value in content.fields.items()
            if before is not None and old.get(name) != value
        ]
        self.memory.note(Kind.APPLIED, content.entry(bot_health=self._health(seen), changes=changes))

    def _note_drift(self, action: Action, seen: Observed) -> None:
        applied, drift = seen.history.applied, action.drift
        assert applied is not None
        assert drift is not None
        expected = applied.overrides_sha
        self.memory.note(Kind.DRIFT, {"where": drift.where, "found": drift.found, "expected": expected})
        if drift.where == "bot" and seen.hold is None:
            holds.put_live(self.place, must_keep(expected, folder=self.place.contents).rendered())

    def _repair(self, action: Action, seen: Observed) -> None:
        applied, drift = seen.history.applied, action.drift
        assert applied is not None
        assert drift is not None
        if seen.live_sha != applied.overrides_sha:
            content = must_keep(applied.overrides_sha, folder=self.place.contents)
            holds.put_live(self.place, content.rendered())
        self.memory.note(
            Kind.REPAIRED,
            {"where": drift.where, "found": drift.found, "overrides_sha": applied.overrides_sha},
        )

    def _roll_back(self, action: Action, seen: Observed) -> None:
        roll_back(
            self.place,
            self.memory,
            now=seen.now,
            reason=action.why,
            cause="automatic",
            by="agent",
            cooldown_s=seen.rules.cooldown_s,
            head=seen.desired.commit if seen.desired is not None else None,
            head_config_sha=seen.desired.config_sha if seen.desired is not None else None,
            bot_health=self._health(seen),
        )

    def _propose(self, hold: Hold, now: datetime) -> None:
        """Push the revert; when that cannot be, it is tried again later and said meanwhile."""
        try:
            revert = make_revert(
                self.git,
                hold,
                environment=self.place.environment,
                head=self.fetched.head or self.git.fetch(self.remote, self.the_branch()),
                scratch=self.place.staging,
                now=now,
                sign=self.sign,
            )
            branch, commit = push_branch(
                self.git, self.remote, branch=revert.branch, commit=revert.commit, base=revert.base
            )
            revert = replace(revert, branch=branch, commit=commit)
        except QuoteopsError as error:
            self._push_after = now + timedelta(seconds=RETRY_S)
            self.say(f"| gitops_reconcile | ALERT | the revert is not proposed: {error} |")
            return
        body = revert_body(revert, hold, self.place.environment)
        path = self.place.folder / "proposals" / f"{revert.branch.replace('/', '_')}.md"
        write_atomic(path=path, data=body)
        url = self._pull_request(revert, hold, body)
        said = {"hold": hold.name, "branch": revert.branch, "commit": revert.commit, "exact": revert.exact}
        with locked(path=self.place.turn, timeout_s=TURN_S):
            if (hold.name, Kind.PROPOSED) not in self.memory.history().done:
                self.memory.note(Kind.PROPOSED, {**said, "url": url})
        self.say(f"| gitops_reconcile | PROPOSED | {revert.branch} {url or path} |")

    def _pull_request(self, revert: Revert, hold: Hold, body: str) -> str:
        try:
            return open_pull_request(
                remote=self.remote,
                branch=revert.branch,
                base=self.the_branch(),
                title=f"revert({self.place.environment}): back to {hold.plain['held']['commit'][:12]}",
                body=body,
                token=self.token,
            )
        except QuoteopsError as error:
            self.say(f"| gitops_reconcile | ALERT | {error} |")
            return ""

    # -- what a look is made of ------------------------------------------------------------------------------

    def _desired(self, now: datetime, hold: Hold | None) -> Desired | None:
        head = self.fetched.head
        if head is None:
            return None
        refusal = self._refusal(head)
        if refusal:
            return Desired(head, refusal=refusal)
        prepared = self._of(head)
        content = content_of(prepared, environment=self.place.environment, now=now)
        in_force = self._in_force()
        policy = self._policy()
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
        if head not in self._refusals:
            self._refusals[head] = self._examined(head)
        return self._refusals[head]

    def _examined(self, head: str) -> str:
        seen = self._seen
        if seen is not None and seen != head and not self._descends(seen, head):
            return f"the branch was rewritten: {head[:12]} does not contain {seen[:12]}"
        signers = self._anchor().signers()
        if signers is not None:
            try:
                self.git.verify_commit(head, *signers)
            except SignatureError as error:
                return str(error)
        return self._of(head).fault

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
        prepared = self._of(applied.commit)
        left = None if prepared.fault else prepared.left(now)
        if left is None or not left.reverted or applied.cause == "rollback":
            return None
        content = content_of(prepared, environment=self.place.environment, now=now)
        return Desired(applied.commit, config_sha=content.config_sha, cause="expiry", reducing=True)

    def _of(self, commit: str) -> Prepared:
        found = self._prepared.get(commit)
        if found is None:
            found = prepare(
                self.git, commit=commit, environment=self.place.environment, scratch=self.place.staging
            )
            keys = [c for c in self._prepared if c != self._good]
            while len(self._prepared) >= HELD_PREPARED and keys:
                del self._prepared[keys.pop(0)]
            self._prepared[commit] = found
        return found

    def _anchor(self) -> Prepared:
        """Return the commit whose policy is in force: the last good one, before any the head itself."""
        if self._good is not None:
            return self._of(self._good)
        if self.bootstrap is not None:
            return self.bootstrap
        return self._of(self.fetched.head) if self.fetched.head is not None else Prepared("")

    def _policy(self) -> Policy | None:
        return self._anchor().policy

    def _rules(self) -> Rules:
        policy = self._policy()
        if policy is None:
            return Rules()
        agent = policy.agent
        return Rules(
            probation_s=agent.probation_s, heartbeat_s=agent.stale_s, cooldown_s=agent.cooldown_h * 3_600
        )

    def _in_force(self) -> Content | None:
        applied = self.memory.history().applied
        return None if applied is None else kept(applied.overrides_sha, folder=self.place.contents)

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

    def _health(self, seen: Observed) -> str:
        return health_of(seen)[0].value.lower()

    # -- what is told ----------------------------------------------------------------------------------------

    def _settled(self, seen: Observed) -> None:
        """Keep what was seen: for status, and as the commit that the next one is measured against."""
        permission = permission_of(seen)[0]
        desired = seen.desired
        if desired is not None and not desired.refusal:
            self._seen = desired.commit
            if permission is Permission.ALLOWED:
                self._good = desired.commit
        policy = self._policy()
        self.poll_s = policy.agent.poll_s if policy is not None else self.poll_s
        state = self._state(seen)
        quiet = {key: value for key, value in state.items() if key not in ("at", "fetched_at")}
        looked = seen.fetched_at is not None and self._written.get("fetched_at") != iso(seen.fetched_at)
        if looked or quiet != self._written.get("quiet"):
            write_json(path=self.place.state, staging=self.place.staging, value=state)
            if state["shown"] != (self._written.get("quiet") or {}).get("shown"):
                self.say("| gitops_reconcile | " + " ".join(state["shown"]) + " |")
            self._written = {"quiet": quiet, "fetched_at": state["fetched_at"]}

    def _state(self, seen: Observed) -> dict[str, Any]:
        desired = seen.desired
        sync, apart = sync_of(seen)
        health, health_why = health_of(seen)
        permission, why = permission_of(seen)
        return {
            "environment": self.place.environment,
            "remote": _LOGIN.sub("", self.remote),
            "branch": self.the_branch(),
            "pid": os.getpid(),
            "at": iso(seen.now),
            "poll_s": self.poll_s,
            "seen": self._seen,
            "published": self._published,
            "good": self._good,
            "fetched_at": iso(seen.fetched_at) if seen.fetched_at is not None else None,
            "fetch_fault": seen.fetch_fault,
            "desired": None if desired is None else {**asdict(desired), "clears": sorted(desired.clears)},
            "shown": [sync, health, permission],
            "why": {"sync": apart, "health": health_why, "permission": why},
            "rules": asdict(seen.rules),
            "journal": {"seq": self.memory.head.seq, "sha256": self.memory.head.sha256},
        }

    def _tell(self, action: Action) -> None:
        about = action.why or action.topic
        self.say(f"| gitops_reconcile | {action.do.name} | {about} |")
