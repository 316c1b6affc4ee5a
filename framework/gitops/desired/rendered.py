"""A content: what one commit asks of an environment's bot, as the live file states it, kept by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from framework.files.atomic import canonical_json, write_atomic
from framework.gitops.desired.history import Applied
from framework.gitops.errors import GitopsError


@dataclass(frozen=True)
class Rendered:
    """One rendered state of an environment.

    ``values`` are what the live file states: the patch, and every other run-time field that has changed since
    the first content (``carried``), so that a bot comes to the same settings whatever it was started from.
    ``fields`` holds all run-time fields of the composed environment.
    """

    environment: str
    commit: str
    config_sha: str
    generation: int
    cause: str
    patch: Mapping[str, Any]
    values: Mapping[str, Any]
    fields: Mapping[str, Any]
    carried: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    expires: str | None = None
    lapses: bool = False
    """Whether something is set back when the patch ends."""

    def live_bytes(self) -> bytes:
        """Return the bytes of the live file: the patch's own words, the values, and where they come from."""
        data = {
            **self.patch,
            "overrides": dict(self.values),
            "environment": self.environment,
            "commit": self.commit,
            "config_sha": self.config_sha,
            "generation": self.generation,
        }
        return (canonical_json(data) + "\n").encode()

    @property
    def overrides_sha(self) -> str:
        """Return the SHA-256 of the live file's bytes."""
        return hashlib.sha256(self.live_bytes()).hexdigest()

    def entry(self, *, bot_health: str, **more: Any) -> dict[str, Any]:
        """Return what the journal says of the content when it is put in force."""
        return {
            "commit": self.commit,
            "config_sha": self.config_sha,
            "overrides_sha": self.overrides_sha,
            "generation": self.generation,
            "cause": self.cause,
            "carried": list(self.carried),
            "restart": list(self.restart),
            "expires": self.expires,
            "lapses": self.lapses,
            "bot_health": bot_health,
            **more,
        }


def successor(rendered: Rendered, *, applied: Applied | None, before: Rendered | None) -> Rendered:
    """Number a content as the successor of what is in force, and let it state every field that differs.

    A field that the content in force states, or that differs from it, is stated from now on: leaving it out
    would leave its value to whatever the bot was started from.
    """
    if applied is None:
        return replace(rendered, generation=1)
    old = before.fields if before is not None else {}  # of a content that is lost, everything may differ
    differ = {name for name, value in rendered.fields.items() if name not in old or old[name] != value}
    stated = set(before.values) if before is not None else set()
    known = (differ | stated | set(applied.carried)) & set(rendered.fields)
    carried = sorted(known - set(rendered.values))
    values = {**rendered.values, **{name: rendered.fields[name] for name in carried}}
    return replace(rendered, generation=applied.generation + 1, values=values, carried=tuple(carried))


def store_rendered(rendered: Rendered, *, folder: Path) -> str:
    """Store a content by the digest of its live bytes; return the digest. Raises FileError."""
    sha = rendered.overrides_sha
    path = folder / f"{sha}.json"
    if not path.is_file():
        plain = {field.name: getattr(rendered, field.name) for field in fields(rendered)}
        write_atomic(path=path, data=canonical_json(plain) + "\n")
    return sha


def read_rendered(sha: str, *, folder: Path) -> Rendered | None:
    """Return a stored content, or None when there is none of that digest, whole and unchanged."""
    path = folder / f"{sha}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rendered = Rendered(**{**data, "carried": tuple(data["carried"]), "restart": tuple(data["restart"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return rendered if rendered.overrides_sha == sha else None


def require_rendered(sha: str, *, folder: Path) -> Rendered:
    """Return a stored content. Raises GitopsError when it is missing or changed."""
    rendered = read_rendered(sha, folder=folder)
    if rendered is None:
        raise GitopsError(
            f"{folder / sha}.json: is missing or changed; bring it back, or put a new commit in force"
        )
    return rendered


def iso(moment: datetime) -> str:
    """Write a moment as the files here do."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
