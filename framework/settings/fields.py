"""What a change of each field means: when it takes effect, and whether it reduces risk.

A patch names the six run-time parameters by their bare names (``tail_age_ms``) and every other field that
may change while trading by its path (``sizing.notional_cap_usd``).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from framework.files.hints import did_you_mean
from framework.settings.describe import Path, field_at, fields_at, keys_of
from framework.settings.documents import leaves
from framework.settings.errors import ConfigError
from framework.settings.provenance import Source
from framework.settings.schema.base import Direction as Towards
from framework.settings.schema.base import Reload, StrictModel, meta_of
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.run import RunSettings
from framework.settings.validate import refused

PARAMS = "params"
CANDIDATE = ("rollout", "candidate")
TRIES = ("rollout", "rollout_guard")
"""Groups that say how a candidate is tried, which is not the candidate's to say."""


class Effect(StrEnum):
    """What one change does to risk; none: its field has no safe direction, so a gate judges it."""

    REDUCING = "reducing"
    INCREASING = "increasing"
    NONE = "none"


@dataclass(frozen=True)
class Manner:
    """When a change of a field takes effect, which way it reduces risk, and the field's unit."""

    reload: Reload
    reduces: Towards
    unit: str


RESTART = Manner("restart", "none", "")


def name_of(path: Path) -> str:
    """Return the name a patch gives to a path."""
    return path[1] if path[0] == PARAMS and len(path) == 2 else ".".join(path)


@cache
def runtime_fields() -> dict[str, Path]:
    """Return the names a patch may use, with their paths in ``RunSettings``."""
    return {name_of(path): path for path in keys_of(RunSettings) if manner_of(path).reload != "restart"}


def path_of(name: str) -> Path:
    """Return the path in ``RunSettings`` of a name a patch may use; raises ``KeyError`` for another one."""
    return runtime_fields()[name]


def value_at(settings: RunSettings, name: str) -> Any:
    """Return the value a name of a patch stands for."""
    value: Any = settings
    for part in path_of(name):
        value = getattr(value, part)
    return value


@cache
def manner_of(path: Path) -> Manner:
    """Return how a field changes; what is inside a table changes as the table does: by a restart."""
    field = field_at(RunSettings, path)
    meta = meta_of(field) if field is not None else {}
    return Manner(meta["reload"], meta["reduces"], meta["unit"]) if meta else RESTART


def values_in(data: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield every value of a run with its path; a candidate is one value, whatever it holds."""
    stated = False
    for path, value in leaves(data):
        if path[:2] != CANDIDATE:
            yield path, value
        elif not stated:
            stated = True
            yield CANDIDATE, data[CANDIDATE[0]][CANDIDATE[1]]


def effect_of(path: Path, old: Any, new: Any) -> Effect:
    """Say what a change of a value does to risk. Choices rank in the order in which the field lists them."""
    towards = manner_of(path).reduces
    before, after = _rank(path, old), _rank(path, new)
    if towards == "none" or before is None or after is None or before == after:
        return Effect.NONE
    return Effect.REDUCING if (after > before) == (towards == "up") else Effect.INCREASING


def safer(path: Path) -> str:
    """Say in a word which value is the safer one: up, down, to a choice, or none."""
    towards, field = manner_of(path).reduces, field_at(RunSettings, path)
    if towards == "none" or field is None:
        return "none"
    if field.annotation is bool:
        return "to true" if towards == "up" else "to false"
    if get_origin(field.annotation) is Literal:
        choices = get_args(field.annotation)
        return f"to {choices[-1] if towards == 'up' else choices[0]}"
    return towards


def check_value(name: str, value: Any, *, source: Source) -> Any:
    """Return the value of a field, converted as the field wants it; raises ``ConfigError``."""
    path = path_of(name)
    try:
        checked = _adapter(path).validate_json(json.dumps(value))
    except ValidationError as error:
        raise ConfigError(refused(RunSettings, path, value, lambda _: source)) from error
    return check_candidate(checked, source=source) if path == CANDIDATE and checked else checked


def check_candidate(values: Mapping[str, Any], *, source: Source) -> dict[str, Any]:
    """Return a candidate's values, converted as their fields want them; raises ``ConfigError``."""
    checked = {}
    for name, value in values.items():
        place = replace(source, key=f"{source.key}: {name}")
        if why := why_no_candidate(name):
            raise ConfigError(f"{place.accused} {why}")
        checked[name] = check_value(name, value, source=place)
    return checked


def why_no_candidate(name: str) -> str:
    """Say why a candidate cannot hold a name, or nothing."""
    if name not in runtime_fields():
        return why_refused(name)
    path = path_of(name)
    if path[0] in TRIES:
        return "says how a candidate is tried; allowed in the baseline's patch"
    if manner_of(path).reload == "flat_only":
        return "takes effect once flat, and a candidate trades by the minute; allowed in the baseline's patch"
    return ""


def why_refused(name: str) -> str:
    """Say why a name cannot be in a patch, and what can."""
    path = tuple(name.split("."))
    known = runtime_fields()
    if path[0] == PARAMS and ".".join(path[1:]) in RuntimeParams.model_fields:
        return f"is a run-time parameter; allowed {path[1]}"
    if path[0] == "profile" and ".".join(path[1:]) in RuntimeParams.model_fields:
        return f"is a run-time parameter; allowed {path[1]}"
    field = field_at(RunSettings, path)
    if field is not None and meta_of(field):
        return f"takes effect at a restart only; allowed in conf/{path[0]}/ or as a word"
    if inside := [key for key in fields_at(RunSettings, path) if f"{name}.{key}" in known]:
        return f"is a group of values; allowed {', '.join(f'{name}.{key}' for key in inside)}"
    hint = did_you_mean(name, known) if len(name) <= 80 else ""
    return (
        f"is unknown; allowed {', '.join(RuntimeParams.model_fields)} or a path like"
        f" sizing.notional_cap_usd{hint}"
    )


def _rank(path: Path, value: Any) -> float | None:
    if isinstance(value, (bool, int, float)):
        return float(value)
    field = field_at(RunSettings, path)
    choices = get_args(field.annotation) if field and get_origin(field.annotation) is Literal else ()
    return float(choices.index(value)) if value in choices else None


@cache
def _adapter(path: Path) -> TypeAdapter[Any]:
    field = field_at(RunSettings, path)
    assert field is not None
    annotation: Any = field.annotation
    for constraint in field.metadata:
        annotation = Annotated[annotation, constraint]
    return TypeAdapter(annotation, config=StrictModel.model_config)
