"""The lines of a bot: each says how it stands, so that whoever reads one at night need no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SHOWN = 4
"""Values in force that a line names; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a bot stands at one moment."""

    position: float
    """In the base currency."""

    base: str
    pnl: float
    """Since the bot's start, in the quote currency, the position at the mid."""

    quote: str
    fills: int
    config_sha: str
    values: Mapping[str, Any]
    """What the patch in force states."""

    def text(self) -> str:
        """Say it in part of a line."""
        named = [f"{name}={value}" for name, value in list(self.values.items())[:SHOWN]]
        more = [f"{len(self.values) - SHOWN} more"] if len(self.values) > SHOWN else []
        return (
            f"position {self.position + 0.0:.6g} {self.base}, PnL {self.pnl:+.2f} {self.quote},"
            f" {self.fills} fill{'s' * (self.fills != 1)}, config {self.config_sha[:12]}:"
            f" {', '.join(named + more) or 'no patch'}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it for bot.json."""
        return {
            "position": self.position,
            "base": self.base,
            "pnl": self.pnl,
            "quote": self.quote,
            "values": dict(self.values),
        }


class BotLines:
    """Pass lines on, each with how the bot stands once there is one."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self.standing: Callable[[], Standing | None] = lambda: None

    def __call__(self, line: str) -> None:
        """Say a line."""
        standing = self.standing()
        self._log(line if standing is None else f"{line} [{standing.text()}]")
