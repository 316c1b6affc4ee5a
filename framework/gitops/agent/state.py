"""What the agent last saw, as ``state.json`` keeps it for people, for ``status`` and for the next start."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.files.errors import FileError
from framework.files.moments import iso_utc
from framework.files.plain import read_plain
from framework.files.printable import one_line
from framework.gitops.agent.observed import Desired, Rules
from framework.journal.entry import EMPTY, Head

Plain = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What was found of a content: when, how, by what and on which commit."""

    at: str
    verdict: str
    subject: str
    commit: str
    config_sha: str


@dataclass(frozen=True)
class Stands:
    """Sync, health and permission as they were seen."""

    sync: str = ""
    health: str = ""
    permission: str = ""

    def as_list(self) -> list[str]:
        """Return the three in their order."""
        return [self.sync, self.health, self.permission]


NOWHERE = Stands()


@dataclass(frozen=True, kw_only=True)
class AgentState:
    """What the agent saw last; nothing is decided from it but ``seen``, ``good`` and ``published``."""

    environment: str = ""
    remote: str | None = None
    branch: str | None = None
    pid: int | None = None
    at: datetime | None = None
    poll_s: float = 5.0
    seen: str | None = None
    """The newest commit that was examined and may be taken."""

    published: str | None = None
    """The journal's branch as it was last seen."""

    good: str | None = None
    """The newest commit that nothing forbade."""

    fetched_at: datetime | None = None
    fetch_fault: str = ""
    desired: Desired | None = None
    shown: Stands = NOWHERE
    why: Stands = NOWHERE
    rules: Rules = field(default_factory=Rules)
    verdict: Verdict | None = None
    restrained: str = ""
    journal: Head = EMPTY

    def as_dict(self) -> Plain:
        """Return plain data for JSON."""
        return {
            **asdict(self),
            "at": None if self.at is None else iso_utc(self.at),
            "fetched_at": None if self.fetched_at is None else iso_utc(self.fetched_at),
            "desired": None if self.desired is None else self.desired.as_dict(),
            "shown": self.shown.as_list(),
        }

    def quiet(self) -> Plain:
        """Return all of it but the moments that pass by themselves."""
        return {key: value for key, value in self.as_dict().items() if key not in ("at", "fetched_at")}


def read_state(path: Path) -> AgentState:
    """Read what the agent last saw; empty when it has not run here.

    What makes no sense is left out: an older agent wrote it, or nobody.
    """
    try:
        data = json.loads(read_plain(path))
    except (FileError, ValueError, RecursionError):
        return AgentState()
    if not isinstance(data, dict):
        return AgentState()
    return AgentState(**{key: value for key in _READ for value in _read(key, data.get(key))})


def verdict_of(plain: Any) -> Verdict | None:
    """Return a verdict from plain data, None where there is none."""
    if not isinstance(plain, Mapping):
        return None
    return Verdict(**{item.name: one_line(str(plain.get(item.name, ""))) for item in fields(Verdict)})


def aware(text: str) -> datetime:
    """Read a moment. Raises ValueError for one without a time zone."""
    data = datetime.fromisoformat(text)
    if data.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return data.astimezone(UTC)


def text_or_none(value: Any) -> str | None:
    """Return a text or nothing. Raises TypeError for everything else."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _read(key: str, value: Any) -> list[Any]:
    """Return the value of a part that makes sense, else nothing."""
    try:
        return [] if value is None else [_READ[key](value)]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return []


def _commit(value: Any) -> str:
    if not _SHA.fullmatch(value):
        raise ValueError(f"{value} is no commit")
    return str(value)


def _rules(value: Mapping[str, Any]) -> Rules:
    return Rules(**{name: value[name] + 0 for name in value})


def _desired(value: Mapping[str, Any]) -> Desired:
    others = ("reducing", "adopted", "clears")
    texts = {name: text_or_none(item) for name, item in value.items() if name not in others}
    return Desired(
        **{**value, **texts, "commit": _commit(value["commit"]), "clears": frozenset(value["clears"])}
    )


_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_READ: Mapping[str, Callable[[Any], Any]] = {
    "remote": text_or_none,
    "branch": text_or_none,
    "pid": lambda value: value + 0,
    "at": aware,
    "poll_s": lambda value: value + 0.0,
    "seen": _commit,
    "published": _commit,
    "good": _commit,
    "fetched_at": aware,
    "fetch_fault": text_or_none,
    "desired": _desired,
    "rules": _rules,
    "verdict": verdict_of,
    "restrained": text_or_none,
    "journal": lambda value: Head(value["seq"] + 0, str(value["sha256"])),
}
"""How each part is read that anybody asks for."""
