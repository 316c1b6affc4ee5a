"""Gather, decide, act: one turn of an environment's agent.

What a commit says is composed before the turn is taken; in the turn nothing waits for the network, so that an
operator's rollback never does.
"""

from __future__ import annotations

import os
from dataclasses import InitVar, dataclass, replace
from pathlib import Path
from typing import assert_never

from framework.files.atomic import locked, write_json
from framework.files.spare import keep_spares
from framework.gitops.agent.carried import take_over
from framework.gitops.agent.conditions import Permission, health_of, permission_of, sync_of
from framework.gitops.agent.decide import Action, Do, decide
from framework.gitops.agent.hold import put_live, settle
from framework.gitops.agent.observed import Observed
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.proposals import Log, Proposals
from framework.gitops.agent.publishing import Publishing
from framework.gitops.agent.rollback import roll_back
from framework.gitops.agent.state import AgentState, Stands, verdict_of
from framework.gitops.agent.state_dir import TURN_S
from framework.gitops.agent.tenancy import Tenancy
from framework.gitops.agent.witness import witness_of
from framework.gitops.desired.rendered import (
    Rendered,
    rendered_of,
    require_rendered,
    store_rendered,
    successor,
    with_restart,
)
from framework.gitops.errors import GitopsError
from framework.gitops.repo.journal_branch import BRANCH
from framework.gitops.repo.process import without_login
from framework.holds.hold import Grounds, Hold, end_hold, read_hold
from framework.journal.entry import Kind
from framework.settings.validate import shown_value
from framework.telemetry.alerts import Severity, alert

MOST = 24
"""Actions of one turn; more would be a loop."""

ALERTS = {
    Do.ROLLBACK: Severity.PAGE,
    Do.REFUSE: Severity.WARNING,
    Do.NOTE: Severity.WARNING,
    Do.ALERT: Severity.WARNING,
    Do.RESOLVE: Severity.INFO,
}
"""What is said on stderr besides, for what collects alerts."""

PAGED = ("failing", "revoked", "journal", "contents", "hold")


@dataclass
class Reconciler:
    """The agent's hands: everything of it that writes."""

    observer: Observer
    log: Log = print
    token: InitVar[str | None] = None
    """Of the code host, for pull requests."""

    sign: InitVar[Path | None] = None
    """SSH private key that signs what the agent commits: reverts and the journal's branch."""

    publishes: InitVar[bool] = True
    """Whether the journal and its head go to the remote as they grow."""

    def __post_init__(self, token: str | None, sign: Path | None, publishes: bool) -> None:
        self.state_dir, self.view, self.git = self.observer.state_dir, self.observer.view, self.observer.git
        self._written: AgentState | None = None
        self._repeats = 0
        self._changed = ""
        self.tenancy = Tenancy(self.state_dir, self.git, self.observer.now, publishes)
        self.publishing = Publishing(self.observer, self.tenancy, sign)
        self.proposals = Proposals(self.observer, self.log, token, sign)

    def look(self) -> None:
        """Ask the remote: for the branch, and whether this agent may act; nothing is raised."""
        self.observer.fetch()
        self.observer.published = self.tenancy.look(self.observer.remote, known=self.observer.published)

    def publish(self, *, release: bool = False) -> None:
        """Push the journal as it has grown, and the lease, renewed or given back."""
        self.publishing.publish(release=release)

    @property
    def publish_fault(self) -> str:
        """Return why the journal could not be published last."""
        return self.publishing.fault

    def _take_over(self) -> None:
        """Adopt the published journal before anything else is done; what is held here stays held."""
        adoption = self.tenancy.adoption
        if adoption is None:
            return
        witness = witness_of(self.observer, adoption.history)
        if witness is None:  # nobody can say yet what of it counts; only what reduces risk is done
            return
        aside = None if adoption.aside is None else str(adoption.aside)
        with locked(path=self.state_dir.turn, timeout_s=TURN_S):
            revoked = self.observer.revoked(adoption.history)
            now = self.observer.now()
            lost = take_over(adoption, self.state_dir, self.view, witness, now=now, revoked=revoked)
            self.observer.resume()
            self.tenancy.adopted()
        text = f"the published journal is taken over at entry {adoption.content.head.seq}: {adoption.why}"
        text += "" if aside is None else f"; what was here is kept in {aside}"
        if lost:
            text += (
                f"; {len(lost)} of its contents (the newest: config {lost[-1].config_sha[:12]} of commit"
                f" {lost[-1].commit[:12]}) were let in by nobody and are not taken: look who pushed to"
                f" {BRANCH}; what is right of them, promote by name (quoteops gitops promote --environment"
                f" {self.state_dir.environment} --sign KEY)"
            )
        alert(
            name="gitops_adopted", severity=Severity.PAGE, text=text, environment=self.state_dir.environment
        )
        self.log(f"| gitops_reconcile | ADOPTED | {text} |")

    def complete(self) -> Observed:
        """Complete a hold or a write that was cut off; the caller has the turn."""
        for _ in range(MOST):
            observed = self.observer.observe_here()
            action = decide(observed)
            if action.do not in (Do.SETTLE, Do.FINISH):
                return observed
            self._act(action, observed)
        raise GitopsError(f"{self.state_dir.environment}: what was cut off cannot be completed")

    def turn(self) -> Observed:
        """Do everything there is to do now, and write what was seen; return the last look.

        Raises FileError, GitopsError and JournalError when this machine refuses; a later turn goes on where
        this one was cut off.
        """
        keep_spares(self.state_dir.staging)
        self._take_over()
        self.view.seal()
        mine = self.tenancy.mine
        self.observer.compose_head()
        token = {} if mine is None else {"token": mine.token}
        self.view.journal.stamp = {**token, **self.observer.gate_stamp()}
        for _ in range(MOST):
            proposal: Hold | None = None
            with locked(path=self.state_dir.turn, timeout_s=TURN_S):
                observed = self._observe()
                action = decide(observed)
                if action.do is Do.PROPOSE:
                    proposal = observed.hold
                elif action.do is Do.WAIT:
                    self._settled(observed)
                    return observed
                else:
                    self._act(action, observed)
                    self._tell(action)
            if proposal is not None:  # the network is asked outside the turn
                self.proposals.propose(proposal)
        raise GitopsError(f"{self.state_dir.environment}: {MOST} actions in one turn, the last: {action.do}")

    def _observe(self) -> Observed:
        observed = self.observer.observe(
            publish_fault=self.publish_fault, can_push=self.proposals.are_possible()
        )
        return replace(
            observed,
            restrained=self.tenancy.restrained(),
            compared=self.tenancy.known,
            repeats=self._repeats,
        )

    def propose_revert(self) -> None:
        """Open the proposal that a hold still owes git, when there is a remote."""
        hold = read_hold(self.state_dir.hold, self.view.history().hold)
        owed = hold is not None and hold.quarantined is not None
        if hold is not None and owed and (hold.name, Kind.PROPOSED) not in self.view.history().done:
            self.proposals.propose(hold)

    # -- what is done ----------------------------------------------------------------------------------------

    def _act(self, action: Action, observed: Observed) -> None:
        match action.do:
            case Do.WAIT | Do.PROPOSE:
                return
            case Do.SETTLE:
                assert observed.hold is not None
                settle(self.state_dir, self.view, observed.hold, bot_health=self._health(observed))
            case Do.FINISH:
                self._finish(action.topic, observed)
            case Do.CLEAR:
                assert observed.hold is not None
                assert observed.desired is not None
                end_hold(
                    self.state_dir.hold,
                    self.view.journal,
                    observed.hold,
                    cause=action.why,
                    commit=observed.desired.commit,
                )
            case Do.ROLLBACK:
                self._roll_back(action, observed)
            case Do.PROVE:
                applied = observed.history.applied
                assert applied is not None
                self.view.note(
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
                assert observed.desired is not None
                self.view.note(Kind.REFUSED, {"commit": observed.desired.commit, "reason": action.why})
            case Do.NOTE:
                self._note_drift(action, observed)
            case Do.REPAIR:
                self._repair(action, observed)
            case Do.RESTORE:
                applied = observed.history.applied
                assert applied is not None
                rendered = require_rendered(applied.overrides_sha, folder=self.state_dir.contents)
                put_live(self.state_dir, rendered.live_bytes())
                self._repeats += 1
            case Do.APPLY:
                self._apply(action, observed)
            case Do.ALERT:
                self.view.note(Kind.ALERT, {"topic": action.topic, "text": action.why})
            case Do.RESOLVE:
                self.view.note(Kind.ALERT, {"topic": action.topic, "text": "", "resolved": True})
            case _:
                assert_never(action.do)

    def _apply(self, action: Action, observed: Observed) -> None:
        desired = observed.run_out if action.topic == "run_out" else observed.desired
        assert desired is not None
        applied = observed.history.applied
        before = self.observer.in_force()
        revision = self.observer.of(desired.commit)
        if action.topic == "run_out":
            left = self.observer.contents.run_out(applied, now=observed.now)
            assert left is not None
            rendered = left
        else:
            rendered = rendered_of(revision, environment=self.state_dir.environment, now=observed.now)
        rendered = successor(rendered, applied=applied, before=before)
        if applied is not None:
            rendered = with_restart(rendered, before=self.observer.of(applied.commit), revision=revision)
        store_rendered(rendered, folder=self.state_dir.contents)
        put_live(self.state_dir, rendered.live_bytes())
        self._journal_applied(rendered, before, observed)

    def _finish(self, sha: str, observed: Observed) -> None:
        before = self.observer.in_force()
        self._journal_applied(require_rendered(sha, folder=self.state_dir.contents), before, observed)

    def _journal_applied(self, rendered: Rendered, before: Rendered | None, observed: Observed) -> None:
        old = before.fields if before is not None else {}
        changes = [
            {"name": name, "old": old.get(name), "new": value}
            for name, value in rendered.fields.items()
            if before is not None and old.get(name) != value
        ]
        self._changed = ", ".join(
            f"{one['name']} {shown_value(one['old'])} -> {shown_value(one['new'])}" for one in changes
        )
        more = {"changes": changes, "trusted": self.observer.examination.trusted_after(rendered.commit)}
        self.view.note(Kind.APPLIED, rendered.entry(bot_health=self._health(observed), **more))

    def _note_drift(self, action: Action, observed: Observed) -> None:
        applied, drift = observed.history.applied, action.drift
        assert applied is not None
        assert drift is not None
        expected = applied.overrides_sha
        self.view.note(Kind.DRIFT, {"where": drift.where, "found": drift.found, "expected": expected})
        if drift.where == "bot" and observed.hold is None:
            put_live(self.state_dir, require_rendered(expected, folder=self.state_dir.contents).live_bytes())

    def _repair(self, action: Action, observed: Observed) -> None:
        applied, drift = observed.history.applied, action.drift
        assert applied is not None
        assert drift is not None
        if observed.live_sha != applied.overrides_sha:
            rendered = require_rendered(applied.overrides_sha, folder=self.state_dir.contents)
            put_live(self.state_dir, rendered.live_bytes())
        self.view.note(
            Kind.REPAIRED,
            {
                "where": drift.where,
                "found": drift.found,
                "overrides_sha": applied.overrides_sha,
                **({"repeats": self._repeats} if self._repeats else {}),
            },
        )
        self._repeats = 0

    def _roll_back(self, action: Action, observed: Observed) -> None:
        desired = observed.desired
        roll_back(
            self.state_dir,
            self.view,
            Grounds(
                reason=action.why,
                cause=action.topic or "automatic",
                by="agent",
                at=observed.now,
                head=desired.commit if desired is not None else None,
                head_config_sha=desired.config_sha if desired is not None else None,
            ),
            self.observer.way_back(observed.history, revoked=observed.revoked),
            cooldown_s=observed.rules.cooldown_s,
            bot_health=self._health(observed),
        )

    def _health(self, observed: Observed) -> str:
        return health_of(observed)[0].value.lower()

    # -- what is told ----------------------------------------------------------------------------------------

    def _settled(self, observed: Observed) -> None:
        """Keep what was seen: for status, and as the commit that the next one is measured against."""
        permission = permission_of(observed)[0]
        desired = observed.desired
        if desired is not None and not desired.refusal:
            self.observer.accept(desired.commit, good=permission is Permission.ALLOWED)
        state, last = self._state(observed), self._written
        looked = observed.fetched_at is not None and (last is None or last.fetched_at != observed.fetched_at)
        if not looked and last is not None and state.quiet() == last.quiet():
            return
        write_json(path=self.state_dir.state, staging=self.state_dir.staging, value=state.as_dict())
        if last is None or state.shown != last.shown:
            whys = (state.why.permission, state.why.health, state.why.sync)
            stands, why = " ".join(state.shown.as_list()), next(filter(None, whys), "")
            self.log(f"| gitops_reconcile | {stands} |" + (f" {why} |" if why else ""))
        self._written = state

    def _state(self, observed: Observed) -> AgentState:
        applied, examination = observed.history.applied, self.observer.examination
        decisions = self.observer.fetched.gate_journal.decisions
        sync, health, permission = sync_of(observed), health_of(observed), permission_of(observed)
        return AgentState(
            environment=self.state_dir.environment,
            remote=without_login(self.observer.remote),
            branch=self.observer.branch,
            pid=os.getpid(),
            at=observed.now,
            poll_s=self.observer.poll_s,
            seen=examination.examined,
            published=self.observer.published,
            good=examination.good,
            fetched_at=observed.fetched_at,
            fetch_fault=observed.fetch_fault,
            desired=observed.desired,
            shown=Stands(sync[0], health[0], permission[0]),
            why=Stands(sync[1], health[1], permission[1]),
            rules=observed.rules,
            verdict=None if applied is None else verdict_of(decisions.newest(applied.config_sha)),
            restrained=observed.restrained,
            journal=self.view.head,
        )

    def _tell(self, action: Action) -> None:
        about = action.why or action.topic
        severity = ALERTS.get(action.do)
        if severity is not None:
            paged = Severity.PAGE if action.do is Do.ALERT and action.topic in PAGED else severity
            name = f"gitops_{action.topic or action.do.name.lower()}"
            alert(name=name, severity=paged, text=about, environment=self.state_dir.environment)
        if action.do is Do.APPLY and self._changed:
            about = f"{about}: {self._changed}"
        self.log(f"| gitops_reconcile | {action.do.name} | {about} |")
