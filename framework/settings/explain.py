"""A patch explained value by value: what it says, what lies beneath, and what the difference means."""

from dataclasses import dataclass
from typing import Any

from framework.settings.describe import field_at, values_allowed
from framework.settings.fields import Effect, effect_of, manner_of, path_of, value_at
from framework.settings.patch import Patch
from framework.settings.schema.base import Reload
from framework.settings.schema.run import RunSettings


@dataclass(frozen=True)
class Laid:
    """One value of a patch over the one it replaces."""

    name: str
    value: Any
    beneath: Any
    unit: str
    allowed: str
    reload: Reload
    effect: str
    """reducing, increasing, gated (the field has no safe direction) or same"""
    where: str


def laid_over(base: RunSettings, patch: Patch) -> list[Laid]:
    """Explain every value of a patch over settings without it."""
    return [_laid(base, patch, name) for name in patch.values]


def said(effect: Effect) -> str:
    """Say what a change of risk means to the one who makes it: a field without direction is gated."""
    return "gated" if effect is Effect.NONE else str(effect)


def _laid(base: RunSettings, patch: Patch, name: str) -> Laid:
    path = path_of(name)
    value, beneath, manner = patch.values[name], value_at(base, name), manner_of(path)
    field = field_at(type(base), path)
    assert field is not None
    return Laid(
        name=name,
        value=value,
        beneath=beneath,
        unit=manner.unit,
        allowed=values_allowed(field.annotation, field.metadata),
        reload=manner.reload,
        effect="same" if value == beneath else said(effect_of(path, beneath, value)),
        where=patch.source(name).where,
    )
