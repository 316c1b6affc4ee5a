"""What a bot says of itself in bot.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from framework.session.lines import Standing
from framework.session.status_writer import FeedCounts


@dataclass(frozen=True)
class InForce:
    """Which settings the bot trades, by which patch, and since when."""

    config_sha: str
    overrides_sha: str | None
    commit: str | None
    generation: int | None
    since: str


@dataclass(frozen=True)
class RefusedPatch:
    """The patch that the bot does not take."""

    overrides_sha: str | None
    reason: str
    at: str


@dataclass(frozen=True)
class Stopped:
    """When and why the bot ended."""

    at: str
    why: str
    on_purpose: bool


@dataclass(frozen=True)
class WaitingValue:
    """A value that waits for its reload class to allow it."""

    name: str
    value: Any
    reload: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for bot.json."""
        return {"name": self.name, "value": self.value, "class": self.reload}


@dataclass(frozen=True, kw_only=True)
class BotReport:
    """Everything the bot says of itself at one moment; times are ISO 8601 in UTC."""

    environment: str | None
    run: str
    pid: int
    started_at: str
    heartbeat_at: str
    in_force: InForce
    pending: tuple[WaitingValue, ...]
    refused: RefusedPatch | None
    health: str
    health_reason: str
    feeds: Mapping[str, FeedCounts]
    stopped: Stopped | None
    standing: Standing
    last_fill: Mapping[str, Any] | None
    """The row of edge/trades.jsonl."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as bot.json holds it."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "standing"}
        return {
            **plain,
            **self.standing.as_dict(),
            "in_force": asdict(self.in_force),
            "pending": [value.as_dict() for value in self.pending],
            "refused": None if self.refused is None else asdict(self.refused),
            "feeds": {feed: asdict(counts) for feed, counts in self.feeds.items()},
            "stopped": None if self.stopped is None else asdict(self.stopped),
            "fills": self.standing.fills,
        }
