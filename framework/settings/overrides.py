"""What a patch does to settings: applied, compared, judged by direction of risk, expired."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from framework.settings.fields import Effect, Manner, effect_of, manner_of, name_of, path_of, values_in
from framework.settings.patch import (
    Patch,
    Window,
    examine,
    parse_patch,
    patch_of_environment,
    read_patch,
    render_patch,
)
from framework.settings.provenance import Layer, Source
from framework.settings.schema.base import Reload
from framework.settings.schema.run import RunSettings
from framework.settings.validate import validated

__all__ = [
    "Change",
    "Direction",
    "Effect",
    "Expiry",
    "Patch",
    "Window",
    "after_expiry",
    "apply_patch",
    "changes_between",
    "direction_of",
    "examine",
    "is_expired",
    "parse_patch",
    "patch_of_environment",
    "read_patch",
    "render_patch",
]


class Direction(StrEnum):
    """Which way a set of changes moves risk as a whole."""

    NEUTRAL = "neutral"
    """Nothing changes."""
    REDUCING = "reducing"
    """Every change reduces risk."""
    INCREASING = "increasing"
    """A change increases risk, or reducing changes come with others."""
    GATED = "gated"
    """Only fields without a direction change."""


@dataclass(frozen=True)
class Change:
    """One value that differs, by the name a patch gives it; ``None`` where one side lacks it."""

    name: str
    old: Any
    new: Any
    reload: Reload
    effect: Effect
    unit: str


@dataclass(frozen=True)
class Expiry:
    """What is left of an expired patch: the tightenings, which stay in force and are worth an alert."""

    patch: Patch
    reverted: tuple[str, ...]
    kept: tuple[str, ...]


def apply_patch(settings: RunSettings, patch: Patch) -> RunSettings:
    """Return the settings with the patch's values, validated as a whole. Raises ``ConfigError``."""
    data = settings.model_dump(mode="json")
    for name, value in patch.values.items():
        *groups, last = path_of(name)
        here = data
        for group in groups:
            here = here[group]
        here[last] = value

    def locate(path: tuple[str, ...]) -> Source:
        name = name_of(path) if path else ""
        if name in patch.values:
            return patch.source(name)
        inside = (key for key in patch.values if path and path_of(key)[: len(path)] == path)
        first = next(inside, None)  # of a whole group, the first of it that the patch holds
        whole = Source(Layer.OVERRIDES, patch.document.where, name)
        return whole if first is None else replace(patch.source(first), key=name)

    return validated(RunSettings, data, locate=locate)


def changes_between(old: RunSettings, new: RunSettings) -> tuple[Change, ...]:
    """Return every value that differs, in the order of the models."""
    before, after = _differing(old, new), _differing(new, old)
    return tuple(
        change_of(path, before.get(path), after.get(path))
        for path in dict.fromkeys([*before, *after])
        if before.get(path) != after.get(path)
    )


def direction_of(changes: Iterable[Change]) -> Direction:
    """Judge changes together: reducing only if every one reduces; a mixture counts as increasing."""
    effects = {change.effect for change in changes}
    if not effects:
        return Direction.NEUTRAL
    if effects == {Effect.REDUCING}:
        return Direction.REDUCING
    return Direction.GATED if effects == {Effect.NONE} else Direction.INCREASING


def is_expired(patch: Patch, now: datetime) -> bool:
    """Say whether the patch's end has come; ``now`` has a time zone."""
    return patch.expires is not None and now >= patch.expires


def after_expiry(settings: RunSettings, patch: Patch, now: datetime) -> Expiry:
    """Let what loosens ``settings`` (without the patch) or has no direction revert at the patch's end.

    What tightens them stays, named in ``kept`` for an alert: nothing loosens without being asked for.
    """
    if not is_expired(patch, now):
        return Expiry(patch, (), ())
    beneath = dict(values_in(settings.model_dump(mode="json")))
    kept = tuple(
        name
        for name, value in patch.values.items()
        if effect_of(path_of(name), beneath.get(path_of(name)), value) is Effect.REDUCING
    )
    left = replace(patch, values={name: patch.values[name] for name in kept})
    return Expiry(left, tuple(name for name in patch.values if name not in kept), kept)


def _differing(one: RunSettings, other: RunSettings) -> dict[tuple[str, ...], Any]:
    """Return the values of the groups that differ, by path."""
    groups = (name for name in type(one).model_fields if getattr(one, name) != getattr(other, name))
    return dict(values_in(one.model_dump(mode="json", include=set(groups))))


def change_of(path: tuple[str, ...], old: Any, new: Any) -> Change:
    """Return the change of a value: its name, when it takes effect, what it does to risk."""
    manner: Manner = manner_of(path)
    return Change(name_of(path), old, new, manner.reload, effect_of(path, old, new), manner.unit)
