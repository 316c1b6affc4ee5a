"""Which agent of an environment may act: a lease on the journal's branch, with a token that only grows.

Taking and renewing it is a commit on top of the one that was read, so that of two agents one is refused.
Nobody compares another machine's clock: who holds it trusts it for its seconds from before its push began,
and who waits takes it once it has not changed for longer than that on a clock of one's own.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from framework.files.atomic import canonical_json
from framework.files.moments import iso_utc
from framework.gitops.repo.git import Git
from framework.journal.errors import JournalError

LEASE_S = 120.0
"""How long a lease is held from its last renewal."""

PATIENCE = 1.25
"""A lease that has not changed for its seconds times this is nobody's: clocks run apart a little."""


@dataclass(frozen=True)
class Lease:
    """What the branch says of an environment's agent; ``until`` is its holder's clock, for people."""

    holder: str
    token: int
    seconds: float
    until: str
    released: bool = False

    def line(self) -> bytes:
        """Return the bytes of the lease's file."""
        return (canonical_json(asdict(self)) + "\n").encode()

    def __str__(self) -> str:
        return f"{self.holder}, token {self.token}, until {self.until}"


def new_lease(*, holder: str, token: int, now: datetime, released: bool = False) -> Lease:
    """Return a lease that begins now."""
    return Lease(holder, token, LEASE_S, iso_utc(now + timedelta(seconds=LEASE_S)), released)


def lease_file(environment: str) -> str:
    """Return the name of an environment's lease on the branch."""
    return f"{environment}.lease.json"


def read_lease(git: Git, tip: str | None, environment: str) -> Lease | None:
    """Return the lease at a commit of the branch, None before the first. Raises JournalError for nonsense."""
    data = None if tip is None else git.show(tip, lease_file(environment))
    if data is None:
        return None
    try:
        plain: dict[str, Any] = json.loads(data)
        lease = Lease(**plain)
        right = (
            isinstance(lease.holder, str)
            and type(lease.token) is int
            and lease.token > 0
            and isinstance(lease.seconds, int | float)
            and 0.0 < lease.seconds <= 86_400.0
            and isinstance(lease.until, str)
            and isinstance(lease.released, bool)
        )
    except (ValueError, TypeError, RecursionError):
        right = False
    if not right:
        raise JournalError(
            f"{lease_file(environment)}: is no lease; the branch was changed by hand, remove the file"
        )
    return lease


def ticks() -> float:
    """Return the seconds since this machine started, those it slept included where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
