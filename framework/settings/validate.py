"""Turn plain data into a strict model, or into one line that says where, what and what is allowed."""

import json
import math
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from framework.files.hints import did_you_mean
from framework.settings.describe import allowed, field_at, fields_at, models_of
from framework.settings.documents import cut, leaves
from framework.settings.errors import ConfigError
from framework.settings.provenance import Locate
from framework.settings.schema.base import meta_of

REQUIRED = "???"
FURTHER = {
    "base_spread_bps_delta": "; strategy.base_half_spread_bps and profile.spread_multiplier go further",
}
"""What does more of what a field that is refused could not."""

Path = tuple[str, ...]
M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: dict[str, Any], *, locate: Locate) -> M:
    """Return the frozen model of plain data. Raises ``ConfigError``: the first fault, and how many others."""
    try:
        text = json.dumps(data, allow_nan=False)
    except ValueError:
        text = REQUIRED
    if REQUIRED in text:  # looked for one by one only when there may be one: this runs at every reload
        _refuse_unfinished(model, data, locate)
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # A misspelt name is both unknown and missing: saying that it is unknown helps more.
        faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
        line = _line(model, data, faults[0], locate)
        more = len({_path(data, fault) for fault in faults}) - 1
        raise ConfigError(line + (f" (and {more} more)" if more else "")) from error


def _refuse_unfinished(model: type[BaseModel], data: dict[str, Any], locate: Locate) -> None:
    """Raise for the first value that is not given yet, or that is no finite number."""
    for path, value in leaves(data):
        if value == REQUIRED:
            field = field_at(model, path)
            wanted = f"; give {allowed(field)}" if field else ""
            raise ConfigError(f"{locate(path).accused} has no value yet: say {'.'.join(path)}=...{wanted}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(refused(model, path, value, locate))


def shown_value(value: Any) -> str:
    """Return a value as it would be written in a conf file, cut to a readable length."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (list, tuple)):
        text = f"[{', '.join(shown_value(item) for item in value)}]"
    elif isinstance(value, dict):
        plain = value and not any(isinstance(item, (dict, list)) for item in value.values())
        text = (
            f"{{{', '.join(f'{k}: {shown_value(v)}' for k, v in value.items())}}}" if plain else "a mapping"
        )
    else:
        text = str(value) or '""'
    return cut(text) or '""'


def _path(data: Any, fault: Any) -> Path:
    """Return the path of a fault in the data: pydantic adds names of union arms, which nobody wrote."""
    path: list[str] = []
    here = data
    for position, part in enumerate(fault["loc"]):
        last = position == len(fault["loc"]) - 1
        inside = part in here if isinstance(here, dict) else isinstance(here, list) and isinstance(part, int)
        if inside:
            here = here[part]
        elif not (last and fault["type"] in ("missing", "extra_forbidden")):
            continue
        path.append(str(part))
    return tuple(path)


def _line(model: type[BaseModel], data: dict[str, Any], fault: Any, locate: Locate) -> str:
    path = _path(data, fault)
    accused = locate(path).accused
    kind = fault["type"]
    if kind == "extra_forbidden":
        names = _siblings(model, data, path)
        if field_at(model, path):  # another kind of the same group has it
            return (
                f"{accused} does not belong to this kind of {path[0]}; allowed {', '.join(names)}, or another"
                f" {path[0]}=..."
            )
        return f"{accused} is unknown; allowed {', '.join(names)}{did_you_mean(path[-1], names)}"
    if kind == "missing":
        field = field_at(model, path)
        return f"{accused} is missing" + (
            f"; allowed {allowed(field)}" if field and not models_of(field.annotation) else ""
        )
    if kind == "value_error":
        return _contradiction(model, path, str(fault["ctx"]["error"]), locate)
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        name = fault["ctx"]["discriminator"].strip("'")
        tags = fault["ctx"].get("expected_tags", "one of the kinds").replace("'", "")
        return f"{locate((*path, name)).accused} is {shown_value(fault['input'].get(name))}; allowed {tags}"
    return refused(model, path, fault["input"], locate)


def _contradiction(model: type[BaseModel], path: Path, text: str, locate: Locate) -> str:
    """Say where values contradict each other: where the one is written that the message starts with."""
    name, _, why = text.partition(": ")
    named = tuple(name.split("."))
    if not path and why and field_at(model, named):
        return f"{locate(named).accused}: {why}"
    return f"{locate(path).accused}: {text}"


def refused(model: type[BaseModel], path: Path, value: Any, locate: Locate) -> str:
    """Return the line that refuses a value: where it was written, what it is, what its field allows."""
    while (
        path and field_at(model, path) is None
    ):  # an item of a list or mapping: its field says what is allowed
        path = path[:-1]
    accused = locate(path).accused
    field = field_at(model, path)
    if field is None:
        return f"{accused} is {shown_value(value)}; allowed {', '.join(fields_at(model, path))}"
    text = "refused (value not shown)" if meta_of(field).get("secret") else f"is {shown_value(value)}"
    return f"{accused} {text}; allowed {allowed(field)}{FURTHER.get(path[-1], '')}"


def _siblings(model: type[BaseModel], data: dict[str, Any], path: Path) -> list[str]:
    """Return the names allowed beside an unknown one; of a choice of kinds, those of the kind at hand."""
    parent = field_at(model, path[:-1])
    here: Any = data
    for part in path[:-1]:
        here = here.get(part, {}) if isinstance(here, dict) else {}
    for kind in models_of(parent.annotation) if parent else []:
        tag = kind.model_fields.get("kind")
        if (
            tag is not None
            and isinstance(here, dict)
            and here.get("kind") in getattr(tag.annotation, "__args__", ())
        ):
            return list(kind.model_fields)
    return list(fields_at(model, path[:-1]))
