"""Gather, decide, act: one turn of an environment's agent.

What a commit says is composed before the turn is taken; in the turn nothing waits for the network, so that an
operator's rollback never does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from framework.errors import QuoteopsError
from framework.files.atomic import locked, write_atomic, write_json
from framework.gitops.agent import hold as holds
from framework.gitops.agent.conditions import Permission, health_of, permission_of, sync_of
from framework.gitops.agent.decide import Action, Do, decide
from framework.gitops.agent.observed import Hold, Observed
from framework.gitops.agent.observer import RETRY_S, Lookout, is_pausing
from framework.gitops.agent.rollback import Revert, make_revert, revert_body, roll_back
from framework.gitops.desired.rendered import Content, after, iso, keep, must_keep
from framework.gitops.desired.revision import (
    content_of,
    with_restart,
)
from framework.gitops.errors import GitopsError
from framework.gitops.repo.git import without_login
from framework.gitops.repo.journal_branch import publish_head
from framework.gitops.repo.pull_request import open_pull_request, push_branch
from framework.journal.entry import Kind
from framework.journal.journal import Journal
from framework.telemetry.alerts import Severity, alert

if TYPE_CHECKING:
    pass

TURN_S = 30.0
MOST = 24
"""Actions of one turn; more would be a loop."""

HELD_PREPARED = 8
ALERTS = {
    Do.ROLLBACK: Severity.PAGE,
    Do.REFUSE: Severity.WARNING,
    Do.NOTE: Severity.WARNING,
    Do.ALERT: Severity.WARNING,
    Do.RESOLVE: Severity.INFO,
}
"""What is said on stderr besides, for what collects alerts."""

PAGED = ("failing", "revoked", "journal", "contents", "hold")
Say = Callable[[str], None]


@dataclass
class Reconciler(Lookout):
    """The agent's hands: everything of it that writes."""

    say: Say = print
    token: str | None = None
    sign: Path | None = None
    """SSH private key that signs what the agent commits: reverts and the journal's branch."""

    publishes: bool = True
    """Whether the journal and its head go to the remote as they grow."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._publish_after: datetime | None = None
        self._published_size = 0
        self._written: dict[str, Any] = {}

    def publish(self) -> None:
        """Push the journal and its head when it has grown; what goes wrong is kept, and tried again later."""
        now = self.now()
        if not self.publishes or is_pausing(self._publish_after, now=now):
            return
        try:
            size = self.place.journal.stat().st_size if self.place.journal.is_file() else 0
            if size in (0, self._published_size):
                return
            journal, name = Journal(self.place.journal), self.place.environment
            done = publish_head(self.git, self.remote, name, journal, known=self.published, sign=self.sign)
            self.published, self._published_size = done.commit, size
            self.publish_fault, self._publish_after = "", None
        except (QuoteopsError, OSError) as error:
            self.publish_fault = str(error)
            self._publish_after = now + timedelta(seconds=RETRY_S)

    def complete(self) -> Observed:
        """Complete a hold or a write that was cut off; the caller has the turn."""
        for _ in range(MOST):
            seen = self.look_here()
            action = decide(seen)
            if action.do not in (Do.SETTLE, Do.FINISH):
                return seen
            self._act(action, seen)
        raise GitopsError(f"{self.place.environment}: what was cut off cannot be completed")

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
        before = self.in_force()
        prepared = self.of(desired.commit)
        content = content_of(prepared, environment=self.place.environment, now=seen.now)
        content = after(content, applied=applied, before=before)
        if applied is not None:
            content = with_restart(content, before=self.of(applied.commit), prepared=prepared)
        keep(content, folder=self.place.contents)
        holds.put_live(self.place, content.rendered())
        self._journal_applied(content, before, seen)

    def _finish(self, sha: str, seen: Observed) -> None:
        before = self.in_force()
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
            cause=action.topic or "automatic",
            by="agent",
            cooldown_s=seen.rules.cooldown_s,
            head=seen.desired.commit if seen.desired is not None else None,
            head_config_sha=seen.desired.config_sha if seen.desired is not None else None,
            revoked=seen.revoked,
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
            self.push_after = now + timedelta(seconds=RETRY_S)
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

    def _health(self, seen: Observed) -> str:
        return health_of(seen)[0].value.lower()

    # -- what is told ----------------------------------------------------------------------------------------

    def _settled(self, seen: Observed) -> None:
        """Keep what was seen: for status, and as the commit that the next one is measured against."""
        permission = permission_of(seen)[0]
        desired = seen.desired
        if desired is not None and not desired.refusal:
            self.accept(desired.commit, good=permission is Permission.ALLOWED)
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
            "remote": without_login(self.remote),
            "branch": self.the_branch(),
            "pid": os.getpid(),
            "at": iso(seen.now),
            "poll_s": self.poll_s,
            "seen": self.seen,
            "published": self.published,
            "good": self.good,
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
        severity = ALERTS.get(action.do)
        if severity is not None:
            paged = Severity.PAGE if action.do is Do.ALERT and action.topic in PAGED else severity
            name = f"gitops_{action.topic or action.do.name.lower()}"
            alert(name=name, severity=paged, text=about, environment=self.place.environment)
        self.say(f"| gitops_reconcile | {action.do.name} | {about} |")
