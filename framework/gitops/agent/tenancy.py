"""Whether this agent may act: its journal is the published one, or goes on from it, and it holds the lease.

Until that is known, and whenever it is not so any more, only what reduces risk is done.
"""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from framework.errors import QuoteopsError
from framework.files.atomic import write_json
from framework.files.moments import iso_utc
from framework.gitops.agent.adoption import Adoption, gather
from framework.gitops.agent.alive import is_gone, this_process
from framework.gitops.agent.lease import PATIENCE, Lease, lease_file, new_lease, read_lease, ticks
from framework.gitops.agent.state_dir import StateDir
from framework.gitops.errors import GitError
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import fetch_tip, push_on
from framework.journal.errors import JournalError


class LeaseLost(JournalError):
    """Another agent has taken the lease: this one publishes nothing any more."""


@dataclass
class Tenancy:
    """What this agent knows of its own right to act; the network is asked in ``look`` alone."""

    state_dir: StateDir
    git: Git
    now: Callable[[], datetime]
    publishes: bool
    clock: Callable[[], float] = ticks
    mine: Lease | None = None
    adoption: Adoption | None = None
    """What is to be taken over before anything else."""

    known: bool = False
    """Whether the journal here was found to be the published one, or to go on from it."""

    fault: str = "the published journal has not been read yet"
    """Why the branch could not be read last."""

    unpushable: str = ""
    """Why the lease cannot be taken, where the remote is read and refuses what is pushed."""

    other: Lease | None = None
    """The lease of another agent that may still act."""

    _began: tuple[float, datetime] | None = None
    _seen: tuple[str, float] = ("", 0.0)
    _holder: str = field(default="")

    def look(self, remote: str, *, known: str | None) -> str | None:
        """Read the branch, take the lease where it is free, and see what must be adopted; return the commit.

        What goes wrong is kept, not raised.
        """
        try:
            tip = fetch_tip(self.git, remote, known=known)
            lease = read_lease(self.git, tip, self.state_dir.environment)
            tip = self._claim(remote, tip, lease, known)
            if not self.known and not self._barred():
                self.adoption = gather(self.git, tip, self.state_dir)
                self.known = self.adoption is None
            self.fault = ""
            return tip
        except (QuoteopsError, OSError) as error:
            self.fault = str(error)
            return known

    def restrained(self) -> str:
        """Say why only what reduces risk may be done now, or nothing."""
        if self._barred():
            return self._barred()
        if self.adoption is not None:
            return "the published journal is being taken over"
        return "" if self.known else self.fault or "the published journal has not been compared yet"

    def is_due(self) -> bool:
        """Say whether the lease should be renewed by now: at a third of its time."""
        return self.mine is not None and self._age() > self.mine.seconds / 3

    def renewal(self, tip: str | None, *, release: bool = False) -> Mapping[str, bytes | None]:
        """Return what a publication says of the lease, for the commit it stands on.

        Raises LeaseLost when another agent's lease is there.
        """
        there = read_lease(self.git, tip, self.state_dir.environment)
        if self.mine is None:
            if there is not None and not there.released and there.holder != self.holder():
                raise LeaseLost(f"the lease is another agent's: {there}")
            return {}
        if there is None or (there.holder, there.token) != (self.mine.holder, self.mine.token):
            self.mine, self.known = None, False  # what the other publishes is to be adopted
            raise LeaseLost(f"the lease is lost to another agent: {there or 'its file is gone'}")
        self._renewing = (self.clock(), self.now())
        renewed = new_lease(holder=there.holder, token=there.token, now=self.now(), released=release)
        return {lease_file(self.state_dir.environment): renewed.line()}

    def adopted(self) -> None:
        """Take note that the published journal was taken over."""
        self.adoption, self.known = None, True

    def renewed(self, *, release: bool = False) -> None:
        """Take note that what ``renewal`` gave was pushed."""
        if self.mine is not None:
            self._began = self._renewing
            self.mine = None if release else self.mine

    def holder(self) -> str:
        """Return who this agent is: machine, folder, and a mark of this process's own.

        Two disks of one image, two containers of one name, are two.
        """
        if not self._holder:
            self._holder = f"{platform.node()}:{self.state_dir.home}:{secrets.token_hex(8)}"
        return self._holder

    def _is_mine(self, lease: Lease) -> bool:
        """Say whether a lease is this agent's, or that of one in this folder that is proven to be gone."""
        if lease.holder == self.holder():
            return True
        kept = self._kept().get("holds")
        if not isinstance(kept, dict) or kept.get("holder") != lease.holder:
            return False
        process = kept.get("process")
        return isinstance(process, dict) and is_gone(process)

    # -- taking it -------------------------------------------------------------------------------------------

    def _claim(self, remote: str, tip: str | None, lease: Lease | None, known: str | None) -> str | None:
        held = lease is not None and self.mine is not None
        if held and lease is not None and self.mine is not None:
            if (lease.holder, lease.token) == (self.mine.holder, self.mine.token):
                self.other = None
                return tip
            self.mine, self.known = None, False
        self.other = lease if self._is_anothers(lease) else None
        if self.other is not None or not self.publishes:
            return tip
        return self._take(remote, known)

    def _take(self, remote: str, known: str | None) -> str | None:
        taken: list[Lease] = []
        began = (self.clock(), self.now())

        def claimed(tip: str | None) -> tuple[Mapping[str, bytes | None], str]:
            there = read_lease(self.git, tip, self.state_dir.environment)
            if self._is_anothers(there):
                self.other = there
                taken.clear()
                return {}, ""
            lease = new_lease(
                holder=self.holder(), token=1 if there is None else there.token + 1, now=self.now()
            )
            taken[:] = [lease]
            self._keep(holds={"holder": self.holder(), "process": this_process()})
            name = self.state_dir.environment
            return {lease_file(name): lease.line()}, f"lease({name}): token {lease.token}\n"

        try:
            tip = push_on(self.git, remote, claimed, known=known)
        except GitError as error:
            self.unpushable = str(error)
            return fetch_tip(self.git, remote, known=known)
        if taken:
            self.mine, self._began, self.unpushable = taken[0], began, ""
            self._ever, self.known = True, False  # others may have published meanwhile
        return tip

    _ever: bool = False
    """Whether this process has held the lease: from then on it does not act without one."""

    _renewing: tuple[float, datetime] | None = None

    def _barred(self) -> str:
        """Say why another agent may be acting, or nothing."""
        if self.other is not None:
            return f"another agent holds the lease: {self.other}"
        if not self.publishes or (self.unpushable and not self._ever):
            return ""
        if self.mine is None:
            return f"the lease is not held: {self.unpushable or self.fault or 'it is asked for'}"
        return (
            "" if self._age() < self.mine.seconds else f"the lease has run out: {self.fault or 'not renewed'}"
        )

    def _age(self) -> float:
        """Return the seconds since the lease began, by the clock that says more; one set back ends it."""
        if self._began is None:
            return float("inf")
        wall = (self.now() - self._began[1]).total_seconds()
        return float("inf") if wall < 0.0 else max(wall, self.clock() - self._began[0])

    def _is_anothers(self, lease: Lease | None) -> bool:
        """Say whether a lease is another agent's that may still act: one that changed not long ago."""
        if lease is None or lease.released or self._is_mine(lease):
            return False
        line = lease.line().decode()
        if self._seen[0] != line:
            self._seen = (line, self.clock() - self._waited(line))
        return self.clock() - self._seen[1] < lease.seconds * PATIENCE

    def _waited(self, line: str) -> float:
        """Return how long a lease has not changed, as far as an agent of this folder saw it before."""
        observed = self._kept().get("seen")
        try:
            if isinstance(observed, dict) and observed["lease"] == line:
                return max(0.0, (self.now() - datetime.fromisoformat(observed["at"])).total_seconds())
        except (KeyError, TypeError, ValueError):
            pass
        self._keep(seen={"lease": line, "at": iso_utc(self.now())})
        return 0.0

    def _kept(self) -> dict[str, object]:
        try:
            kept = json.loads(self.state_dir.tenancy.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _keep(self, **more: object) -> None:
        value = {**self._kept(), **more}
        write_json(path=self.state_dir.tenancy, value=value, staging=self.state_dir.staging)
