"""The agent's proposals: the revert that a hold owes git is pushed, and its merge asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from framework.errors import QuoteopsError
from framework.files.atomic import locked, write_atomic
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.pause import Pause
from framework.gitops.agent.revert import Revert, Reverting, make_revert, revert_body
from framework.gitops.agent.state_dir import TURN_S, JournalView
from framework.gitops.repo.pull_request import open_pull_request, push_branch
from framework.holds.hold import Hold
from framework.journal.entry import Kind

Log = Callable[[str], None]


@dataclass
class Proposals:
    """Makes the revert at once; what waits for the network is done where it may wait."""

    observer: Observer
    log: Log
    token: str | None = None
    sign: Path | None = None
    outside: Callable[[Callable[[], None]], None] = lambda job: job()
    """Does what waits for the network: at once, or on a thread that may wait."""

    def __post_init__(self) -> None:
        self.state_dir, self.view, self.git = self.observer.state_dir, self.observer.view, self.observer.git
        self._pause = Pause(self.observer.now)
        self._pushing = False

    def are_possible(self) -> bool:
        """Say whether a revert may be pushed now: none is on its way, and none has just failed."""
        return not self._pause.lasts() and not self._pushing

    def propose(self, hold: Hold) -> None:
        """Push the revert; when that cannot be, it is tried again later and said meanwhile."""
        try:
            revert = make_revert(self._reverting(hold))
        except QuoteopsError as error:
            self._put_off(error)
            return
        self._pushing = True
        self.outside(lambda: self._deliver(revert, hold))

    def _put_off(self, error: QuoteopsError) -> None:
        self._pause.begin()
        self.log(f"| gitops_reconcile | ALERT | the revert is not proposed: {error} |")

    def _deliver(self, revert: Revert, hold: Hold) -> None:
        """Push a revert and ask for its merge; whoever keeps the environment meanwhile does not wait."""
        try:
            self._push(revert, hold)
        except QuoteopsError as error:
            self._put_off(error)
        finally:
            self._pushing = False

    def _push(self, revert: Revert, hold: Hold) -> None:
        branch, commit = push_branch(
            self.git, self.observer.remote, branch=revert.branch, commit=revert.commit, base=revert.base
        )
        revert = replace(revert, branch=branch, commit=commit)
        body = revert_body(revert, hold, self.state_dir.environment)
        path = self.state_dir.folder / "proposals" / f"{revert.branch.replace('/', '_')}.md"
        write_atomic(path=path, data=body)
        url = self._pull_request(revert, hold, body)
        entry = {"hold": hold.name, "branch": revert.branch, "commit": revert.commit, "exact": revert.exact}
        with locked(path=self.state_dir.turn, timeout_s=TURN_S):
            view = JournalView(self.state_dir.journal)  # our own may be read at this moment
            if (hold.name, Kind.PROPOSED) not in view.history().done:
                self.view.note(Kind.PROPOSED, {**entry, "url": url})
        self.log(f"| gitops_reconcile | PROPOSED | {revert.branch} {url or path} |")

    def _reverting(self, hold: Hold) -> Reverting:
        branch, applied = self.observer.branch, self.view.history().applied
        held = self.observer.in_force()
        return Reverting(
            git=self.git,
            hold=hold,
            environment=self.state_dir.environment,
            head=self.observer.fetched.head or self.git.fetch(self.observer.remote, branch),
            scratch=self.state_dir.staging,
            now=self.observer.now(),
            held=held if applied is not None and applied.config_sha == hold.config_sha else None,
            sign=self.sign,
        )

    def _pull_request(self, revert: Revert, hold: Hold, body: str) -> str:
        try:
            return open_pull_request(
                remote=self.observer.remote,
                branch=revert.branch,
                base=self.observer.branch,
                title=revert.title,
                body=body,
                token=self.token,
            )
        except QuoteopsError as error:
            self.log(f"| gitops_reconcile | ALERT | {error} |")
            return ""
