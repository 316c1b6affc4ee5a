"""What the agent sees, as plain records: everything a decision rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from framework.gitops.desired.history import History
from framework.holds.hold import Hold


@dataclass(frozen=True)
class Rules:
    """Times that bound the agent's patience, in seconds."""

    probation_s: float = 600.0
    heartbeat_s: float = 10.0
    ack_s: float = 10.0
    unknown_s: float = 60.0
    drift_s: float = 600.0
    """How long after a journalled change of the live file others are set right and only counted."""

    cooldown_s: float = 86_400.0
    """How long a content that was rolled back is refused."""

    automatic: bool = True
    """Whether a content that the bot refuses, or fails under, is rolled back without being asked."""


@dataclass(frozen=True)
class Desired:
    """What the branch head asks for, or why it cannot be had."""

    commit: str
    config_sha: str = ""
    cause: str = "commit"
    """``expiry`` when a loosening patch has run out and its fields are set back."""

    reducing: bool = False
    """Whether it takes risk away from what is in force, and nothing else."""

    frozen: str = ""
    """The freeze window that keeps risk from being added now."""

    refusal: str = ""
    """Why the commit cannot be taken: rewritten branch, signature, or a file that says nothing allowed."""

    late: str = ""
    """A tightening patch whose time has passed: kept, and said."""

    clears: frozenset[str] = frozenset()
    """Holds that commits since name in a trailer."""

    denied: str = ""
    """Why the gate refused this content, on whatever commit it did."""

    promoted_at: str = ""
    """When the gate let this content in, by its newest decision that counts; empty when none does."""

    lacks: str = ""
    """What is the matter with the permission that it lacks, where more is known than that there is none."""

    adopted: bool = False
    """Whether it may be the first content of all without a promotion."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "clears": sorted(self.clears)}


@dataclass(frozen=True)
class Bot:
    """What the bot says of itself in bot.json."""

    heartbeat_at: datetime
    overrides_sha: str | None
    config_sha: str | None
    since: datetime | None
    health: str
    reason: str = ""
    started_at: datetime | None = None
    refused_sha: str | None = None
    refused_why: str = ""
    pending: tuple[str, ...] = ()
    stopped: str = ""
    """When and why it was stopped on purpose; empty while it runs, and when it just went silent."""

    standing: str = ""
    """Position, PnL since its start and fills, in words."""

    pid: int | None = None


@dataclass(frozen=True)
class Observed:
    """Everything a decision rests on."""

    now: datetime
    history: History
    rules: Rules = Rules()
    desired: Desired | None = None
    run_out: Desired | None = None
    """What the commit in force asks for now that its patch has run out; None while it has not."""

    fetched_at: datetime | None = None
    fetch_fault: str = ""
    publish_fault: str = ""
    gate_journal_fault: str = ""
    """Why the gate's journal cannot be read: nothing of it counts then that was not read before."""

    undecided: str = ""
    """Which entry of the gate's journal is no decision, and what that means."""

    revoked: Mapping[str, str] = field(default_factory=dict)
    """config_sha of contents put in force that the gate has refused since, and why."""

    stays: str = ""
    """Why what is in force cannot go back though it runs badly or was revoked: going back would add risk."""

    hold: Hold | None = None
    live_sha: str | None = None
    """SHA-256 of the live file's bytes, None when there is none; what stands in its place, in words."""

    cut_off: str | None = None
    """The live file's SHA when it is a content of the agent's own that no entry records: a write cut off."""

    bot: Bot | None = None
    bot_heard: datetime | None = None
    """When this bot, by the moment of its start, was heard first."""

    can_push: bool = True
    repeats: int = 0
    """Changes of the live file that were set right and not journalled yet."""

    restrained: str = ""
    """Why only what reduces risk may be done: the published journal was not compared, no lease is held."""

    compared: bool = True
    """Whether the journal here was found to hold all that was published."""

    restorable: bool = True
    """Whether the content in force is in the store, so that the live file can be set right."""

    tightens: bool = False
    """Whether the content in force takes risk away from an earlier one that the live file has."""
