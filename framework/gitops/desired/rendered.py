"""A content: what one commit asks of an environment's bot, as the live file states it, kept by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import QuoteopsError
from framework.files.atomic import canonical_json, write_atomic
from framework.files.errors import FileError
from framework.files.moments import iso_utc
from framework.files.plain import read_plain
from framework.gitops.desired.environment_revision import EnvironmentRevision
from framework.gitops.desired.history import Applied
from framework.gitops.errors import GitopsError

if TYPE_CHECKING:
    from framework.settings.schema.run import RunSettings


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

    traded: Mapping[str, Any] = field(default_factory=dict)
    """Every value that decides what trades, those that only a restart changes among them."""

    ended: Mapping[str, Any] = field(default_factory=dict)
    """The same once the patch has ended; empty where its end sets nothing back."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """The composed settings whole, so that going back needs no git."""

    kept: Mapping[str, Any] = field(default_factory=dict)
    """Values that are not what the commit asks for: they were tightened since, and going back kept them."""

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

    def stored_bytes(self) -> bytes:
        """Return the bytes that the store keeps of it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return (canonical_json(plain) + "\n").encode()

    @property
    def content_sha(self) -> str:
        """Return the SHA-256 of all of it, beyond what the live file states."""
        return hashlib.sha256(self.stored_bytes()).hexdigest()

    def entry(self, *, bot_health: str, **more: Any) -> dict[str, Any]:
        """Return what the journal says of the content when it is put in force."""
        return {
            "commit": self.commit,
            "config_sha": self.config_sha,
            "overrides_sha": self.overrides_sha,
            "content_sha": self.content_sha,
            "generation": self.generation,
            "cause": self.cause,
            "carried": list(self.carried),
            "restart": list(self.restart),
            "expires": self.expires,
            "lapses": self.lapses,
            "bot_health": bot_health,
            **({"kept": dict(self.kept)} if self.kept else {}),
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
    if read_rendered(sha, folder=folder, content_sha=rendered.content_sha) is None:
        data = rendered.stored_bytes()
        write_atomic(path=path, data=data, staging=folder.parent / "staging", vital=True)
    return sha


def read_rendered(sha: str, *, folder: Path, content_sha: str = "") -> Rendered | None:
    """Return a stored content, or None when there is none of that digest, whole and unchanged.

    ``sha`` covers what the live file states, ``content_sha`` all of it, where an entry names that.
    """
    path = folder / f"{sha}.json"
    try:
        read = read_plain(path)
        if content_sha and hashlib.sha256(read).hexdigest() != content_sha:
            return None
        data = json.loads(read)
        rendered = Rendered(**{**data, "carried": tuple(data["carried"]), "restart": tuple(data["restart"])})
    except (FileError, ValueError, TypeError, KeyError, RecursionError):
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


def rendered_of(revision: EnvironmentRevision, *, environment: str, now: datetime) -> Rendered:
    """Return what a commit asks for at a moment; it has no number and no carried fields yet.

    After a patch's end, what loosens or has no direction is set back, field by field, and stated as such.
    """
    from framework.settings.overrides import apply_patch, render_patch
    from framework.settings.traded import plain_fields

    settings, patch = revision.settings, revision.patch
    if settings is None:
        raise GitopsError(f"{revision.commit[:12]}: {revision.fault}")
    cause, words, values = "commit", {}, {}
    if patch is not None:
        values = patch.values
        words = {k: v for k, v in json.loads(render_patch(patch)).items() if k != "overrides"}
        left = revision.left(now)
        if left is not None and left.reverted and revision.bare is not None:
            cause = "expiry"
            settings = apply_patch(revision.bare, left.patch)
    fields = _fields(settings)
    ends = patch.expires if patch is not None else None
    last = revision.left(ends) if ends is not None else None
    lapses = cause == "commit" and last is not None and bool(last.reverted)
    ended = apply_patch(revision.bare, last.patch) if lapses and last is not None and revision.bare else None
    return Rendered(
        environment=environment,
        commit=revision.commit,
        config_sha=settings.config_sha,
        generation=0,
        cause=cause,
        patch=words,
        values={name: fields.get(name, value) for name, value in values.items()},
        fields=fields,
        expires=iso_utc(ends) if ends is not None else None,
        lapses=lapses,
        traded=plain_fields(settings),
        ended={} if ended is None else plain_fields(ended),
        settings=settings.model_dump(mode="json"),
    )


def rendered_with(rendered: Rendered, moved: Mapping[str, Any], *, kept: Mapping[str, Any]) -> Rendered:
    """Return a content with other values, by the names of patches, whose patch has no end any more.

    Raises ConfigError where they do not go together.
    """
    from framework.settings.provenance import Layer, Source
    from framework.settings.schema.run import RunSettings, path_in_run
    from framework.settings.traded import plain_fields
    from framework.settings.validate import validated

    data: dict[str, Any] = json.loads(json.dumps(rendered.settings))
    for name, value in moved.items():
        *groups, last = path_in_run(name)
        here = data
        for group in groups:
            here = here[group]
        here[last] = value

    def locate(path: tuple[str, ...]) -> Source:
        return Source(Layer.OVERRIDES, f"{rendered.commit[:12]} as it was tightened since", ".".join(path))

    settings = validated(RunSettings, data, locate=locate)
    fields = _fields(settings)
    stated = {*rendered.values, *(name for name in moved if name in fields)}
    return replace(
        rendered,
        config_sha=settings.config_sha,
        cause="rollback",
        patch={key: value for key, value in rendered.patch.items() if key != "expires"},
        values={name: fields[name] for name in sorted(stated)},
        fields=fields,
        expires=None,
        lapses=False,
        traded=plain_fields(settings),
        ended={},
        settings=settings.model_dump(mode="json"),
        kept=dict(kept),
    )


def run_out_of(rendered: Rendered, *, now: datetime) -> Rendered | None:
    """Return what is left of a stored content whose patch has ended, None while it has not or nothing lapses.

    Git is not asked: a mirror that has lost the commit must not keep a loosening in force.
    """
    if not rendered.lapses or rendered.expires is None or now < datetime.fromisoformat(rendered.expires):
        return None
    if not rendered.settings or not rendered.ended:  # of an older agent: only git knows
        return None
    moved = {n: value for n, value in rendered.ended.items() if rendered.traded.get(n) != value}
    return replace(rendered_with(rendered, moved, kept={}), cause="expiry") if moved else None


def late_tightenings(revision: EnvironmentRevision, now: datetime) -> str:
    """Say which tightenings of a patch that has run out stay in force, or nothing."""
    left = revision.left(now)
    if left is None or not left.kept or revision.patch is None or revision.patch.expires is None:
        return ""
    ended = iso_utc(revision.patch.expires)
    return f"{revision.overrides}: ended {ended}; {', '.join(left.kept)} tightens and stays"


def with_restart(
    rendered: Rendered, *, before: EnvironmentRevision | None, revision: EnvironmentRevision
) -> Rendered:
    """Name the fields that differ from the commit in force and that only a restart changes."""
    from framework.settings.overrides import changes_between

    if before is None or before.settings is None or revision.settings is None:
        return rendered
    changes = changes_between(before.settings, revision.settings)
    names = [c.name for c in changes if c.reload == "restart" and _is_behaviour(c.name)]
    return replace(rendered, restart=tuple(names))


def reduces(before: Rendered, after: Rendered) -> bool:
    """Say whether going from one content to another takes risk away and adds none, now and when it ends."""
    from framework.settings.overrides import Direction, direction_of
    from framework.settings.traded import traded_changes

    if not before.traded or not after.traded:  # of an older agent: nobody can tell
        return False
    now = direction_of(traded_changes(before.traded, after.traded))
    then = direction_of(traded_changes(before.traded, after.ended or after.traded))
    return now is Direction.REDUCING and then in (Direction.REDUCING, Direction.NEUTRAL)


def is_true(content: Rendered) -> bool:
    """Say whether what a content states follows from its settings, and their hash is its config_sha."""
    from framework.settings.schema.run import RunSettings
    from framework.settings.traded import plain_fields

    try:
        settings = RunSettings.model_validate_json(canonical_json(dict(content.settings)))
        fields = _fields(settings)
        stated = all(name in fields and fields[name] == value for name, value in content.values.items())
        same = content.config_sha == settings.config_sha and content.traded == plain_fields(settings)
        return stated and same and content.fields == fields
    except (QuoteopsError, ValueError, TypeError, AttributeError):
        return False


def _is_behaviour(name: str) -> bool:
    """Say whether config_sha covers a field; paths and seeds are nobody's reason to restart."""
    from framework.settings.describe import field_at
    from framework.settings.schema.base import meta_of
    from framework.settings.schema.run import TRIED, RunSettings

    path = tuple(name.split("."))
    field = field_at(RunSettings, path)
    return path[0] not in TRIED and (field is None or bool(meta_of(field).get("identity", True)))


def _fields(settings: RunSettings) -> dict[str, Any]:
    """Return every run-time field that these settings have, by the name a patch gives it."""
    from framework.settings.fields import runtime_fields

    data = settings.model_dump(mode="json")
    values: dict[str, Any] = {}
    for name, path in runtime_fields().items():
        here: Any = data
        for step in path:
            here = here.get(step, _NOTHING) if isinstance(here, dict) else _NOTHING
        if here is not _NOTHING:
            values[name] = here
    return values


_NOTHING = object()
