"""A small model of what may be in force, written from what the agent promises and not from its code.

It knows the world from outside: what people pushed and decided, the bytes of every live file as it was
written, and what lies on the remote. Of an agent's disk it keeps what that disk can know; what was published
binds all others.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from framework.journal.entry import Kind

CAP, WIDTH, TAIL = "sizing.notional_cap_usd", "base_spread_bps_delta", "tail_age_ms"
COOLDOWN, LEASE_S = timedelta(hours=24), 120.0


class Content(NamedTuple):
    """What is in force, as far as schedules move it: less cap and more width are safer, tail is neither."""

    cap: int
    width: float
    tail: int

    def reduces(self, other: Content) -> bool:
        """Say whether going from another content to this one takes risk away and does nothing else."""
        return (
            self != other and self.tail == other.tail and self.cap <= other.cap and self.width >= other.width
        )

    def within(self, others: list[Content]) -> Content:
        """Return this content with each value that has a safe side at the safest of all."""
        every = [self, *others]
        return Content(min(item.cap for item in every), max(item.width for item in every), self.tail)

    def ended(self) -> Content:
        """Return what is left at the end of a patch: what loosens the profile or has no side is set back."""
        return self._replace(tail=PROFILE.tail).within([self._replace(width=PROFILE.width)])


PROFILE = Content(20_000, 0.35, 700)


class Item(NamedTuple):
    """A content and when its patch ends."""

    content: Content
    ends: datetime | None = None

    def has_ended(self, now: datetime) -> bool:
        """Say whether its patch is out of time."""
        return self.ends is not None and now >= self.ends

    def asks(self, now: datetime) -> Content:
        """Return what it asks for at a moment."""
        return self.content.ended() if self.has_ended(now) else self.content

    def reduces(self, other: Content) -> bool:
        """Say whether it takes risk away from another content and will still do so when its patch ends."""
        last = self.content.ended() if self.ends is not None else self.content
        return self.content.reduces(other) and (last == other or last.reduces(other))

    def back_after(self, since: list[Content]) -> Content:
        """Return what going back to it puts in force: each value at the safest it has been since."""
        if self.content.within(since) == self.content:
            return self.content
        return (self.content.ended() if self.ends is not None else self.content).within(since)


class Held(NamedTuple):
    """An operator's hold: what it keeps, and what the branch asked for then."""

    number: int
    content: Content
    asked: tuple[str, Content]


class Bad(NamedTuple):
    """When a content was taken back, and how many decisions there were by then."""

    decisions: int
    at: datetime


@dataclass(frozen=True)
class Known:
    """What one disk can know, or everybody who reads the remote."""

    past: tuple[Item, ...] = ()
    bad: dict[Content, Bad] = field(default_factory=dict)
    proven: frozenset[Content] = frozenset()
    held: Held | None = None
    heard: int = 0
    """Decisions of the gate that were read."""

    version: int = 0
    """Publications that it contains."""

    over: frozenset[int] = frozenset()
    """Holds from which somebody has gone back here."""

    ended: frozenset[int] = frozenset()
    """Holds that were released here."""

    def moved_on(self) -> Known:
        """Return what is known once somebody went back: that hold takes the place of any before."""
        over = self.over if self.held is None else self.over | {self.held.number}
        return replace(self, held=None, over=over)

    def released(self) -> Known:
        """Return what is known once somebody has released what was held."""
        ended = self.ended if self.held is None else self.ended | {self.held.number}
        return replace(self, held=None, ended=ended)


class Write(NamedTuple):
    """One replacement of a live file, and what lay around it at that moment."""

    home: str
    item: Item
    sha: str
    hold: dict[str, Any] | None
    """What hold.json said."""

    behind: bool
    """Whether the journal on this disk did not hold the published head."""

    mine: bool
    """Whether the lease on the remote was this disk's."""


@dataclass
class Model:
    """What may be in force."""

    decisions: list[tuple[Content, Kind]] = field(default_factory=list)
    published: Known = field(default_factory=Known)
    told: set[int] = field(default_factory=set)
    """Holds that were published, by their numbers."""

    lease: tuple[str, int, bool, float] = ("", 0, True, 0.0)
    """Holder, token, whether it was given back, and when it changed last."""

    # -- what the gate has said ------------------------------------------------------------------------------

    def words(self, content: Content, disk: Known) -> list[tuple[int, Kind]]:
        """Return what a disk has heard of a content, oldest first."""
        heard = enumerate(self.decisions[: disk.heard])
        return [(at, kind) for at, (about, kind) in heard if about == content]

    def refused(self, content: Content, disk: Known) -> bool:
        """Say whether the gate's newest word on a content is no."""
        words = self.words(content, disk)
        return bool(words) and words[-1][1] is Kind.REFUSED

    def let_in(self, content: Content, disk: Known) -> bool:
        """Say whether the gate's newest word on a content is yes, and newer than its last bad run."""
        words, bad = self.words(content, disk), disk.bad.get(content)
        if not words or words[-1][1] is not Kind.PROMOTED:
            return False
        return bad is None or words[-1][0] >= bad.decisions

    # -- going back ------------------------------------------------------------------------------------------

    def targets(self, disk: Known, live: Content | None, now: datetime) -> list[tuple[Item, Content]]:
        """Return what may be gone back to, and what that puts in force."""
        found = []
        for at, item in enumerate(disk.past):
            out = item.has_ended(now) or self._is_out(item.content, disk, now)
            if not out and item.content != live:
                found.append((item, item.back_after([later.content for later in disk.past[at + 1 :]])))
        return found

    def _is_out(self, content: Content, disk: Known, now: datetime) -> bool:
        bad = disk.bad.get(content)
        return self.refused(content, disk) or (bad is not None and now < bad.at + COOLDOWN)

    def why_not_back(
        self,
        disk: Known,
        live: Content | None,
        after: Content,
        now: datetime,
        to: Item | None,
        loosen: bool,
    ) -> str:
        """Say why a content may not be what somebody, or the agent by itself, goes back to."""
        targets = self.targets(disk, live, now)
        if to is not None:
            named = (to.content, to.content.ended()) if to.ends is not None else (to.content,)
            targets = [(item, back) for item, back in targets if item.content in named]
        if loosen:
            return "" if any(item.content == after for item, _ in targets) else "went to what was never here"
        targets = [(item, back) for item, back in targets if not self._is_out(back, disk, now)]
        if not any(back == after for _, back in targets):
            return "going back adds risk, or goes to what was refused or ran badly"
        good = [back for item, back in targets if item.content in disk.proven]
        return "" if to is not None or not good or after in good else "went to what no bot has proven"

    # -- anything else ---------------------------------------------------------------------------------------

    def why_not(self, disk: Known, live: Item | None, write: Write, now: datetime, network: bool) -> str:
        """Say why a content may not follow what the live file had, when nobody goes back; or nothing."""
        after, before = write.item.content, live.content if live is not None else None
        newest, last = self.published.past[-1:], disk.past[-1:]
        if live is not None and live.has_ended(now) and after == live.content.ended():
            return ""
        if live is not None and after == before and (live.ends is None or live.ends == write.item.ends):
            return ""
        takes_away = before is not None and (write.item.reduces(before) or after == before)
        taken_over = write.behind and write.mine and network and [item.content for item in newest] == [after]
        set_right = not write.behind and [item.content for item in last] == [after]
        if taken_over or set_right:  # what is in force already, on a disk whose live file has something else
            return "" if takes_away or not self.refused(after, disk) else "the gate has refused it"
        if self.refused(after, disk):
            return "the gate has refused it"
        if takes_away:
            return ""
        if write.behind:
            return "it adds risk, and what was published is not known here"
        if not write.mine:
            return "it adds risk without the lease"
        first = before is None and not newest and not disk.past
        return "" if first or self.let_in(after, disk) else "it adds risk and nobody let it in"

    # -- what is published -----------------------------------------------------------------------------------

    def publish(self, disk: Known) -> Known:
        """Let everybody know what a disk knows; return the disk."""
        disk = replace(disk, version=self.published.version + 1)
        self.published = disk
        self.told |= {*disk.over, *disk.ended, *([] if disk.held is None else [disk.held.number])}
        return disk

    def adopt(self, disk: Known) -> Known:
        """Return a disk that has taken over what was published: what it alone knew and forbids stays."""
        there, held = self.published, disk.held
        if held is not None and held.number not in self.told:  # carried: from now on by what was in force
            held = held._replace(asked=("", there.past[-1].content))
        else:
            held = None if there.held is not None and there.held.number in disk.over else there.held
        return replace(
            there,
            bad={**disk.bad, **there.bad},
            heard=disk.heard,
            held=held,
            over=disk.over,
            ended=disk.ended,
        )

    def why_not_lease(self, holder: str, token: int, released: bool, ticks: float) -> str:
        """Say why a lease may not be what it has become; or nothing."""
        was, old, free, since = self.lease
        if (holder, token, released) != (was, old, free):
            self.lease = (holder, token, released, ticks)
        if holder == was:
            return "" if token >= old else "the token has shrunk"
        if token <= old:
            return "the lease changed hands without a new token"
        return (
            "" if free or ticks - since >= LEASE_S else f"the lease was taken from {was}, who may still act"
        )
