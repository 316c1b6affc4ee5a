"""Walk the models: which keys exist, and what each of them allows."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from framework.settings.schema.base import meta_of

Path = tuple[str, ...]


def models_of(annotation: Any) -> list[type[BaseModel]]:
    """Return the models an annotation can hold: none for a plain value, several for a choice of kinds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, Union, types.UnionType):
        arms = get_args(annotation)[:1] if get_origin(annotation) is Annotated else get_args(annotation)
        return [model for arm in arms for model in models_of(arm)]
    return []


def fields_at(model: type[BaseModel], path: Path) -> dict[str, FieldInfo]:
    """Return the fields below a path, of every kind it may hold; empty where no model is."""
    models = [model]
    for name in path:
        models = [
            m for parent in models if (f := parent.model_fields.get(name)) for m in models_of(f.annotation)
        ]
    return {name: field for m in models for name, field in m.model_fields.items()}


def field_at(model: type[BaseModel], path: Path) -> FieldInfo | None:
    """Return the field a path names, or None."""
    return fields_at(model, path[:-1]).get(path[-1]) if path else None


def keys_of(model: type[BaseModel], prefix: Path = ()) -> Iterator[Path]:
    """Yield the path of every plain value, nested groups walked through."""
    for name, field in fields_at(model, ()).items():
        inner = models_of(field.annotation)
        if not inner:
            yield (*prefix, name)
        visited: set[Path] = set()
        for kind in inner:
            for path in keys_of(kind, (*prefix, name)):
                if path not in visited:
                    visited.add(path)
                    yield path


def allowed(field: FieldInfo) -> str:
    """Say what a field allows: its choices or its range, then unit and meaning in brackets."""
    meta = meta_of(field)
    words = [w for w in (meta.get("unit"), field.description) if w]
    bracket = f" ({', '.join(words)})" if words else ""
    return f"{values_allowed(field.annotation, field.metadata)}{bracket}"


def values_allowed(annotation: Any, metadata: Any) -> str:
    """Say which values an annotation and its constraints allow: choices, a range, a kind of text."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *extra = get_args(annotation)
        flat = [m for e in extra for m in (e.metadata if isinstance(e, FieldInfo) else [e])]
        return values_allowed(inner, [*metadata, *flat])
    if origin is Literal:
        return ", ".join(str(choice) for choice in get_args(annotation))
    if origin in (Union, types.UnionType):
        return " or ".join(values_allowed(arm, metadata) for arm in get_args(annotation))
    if origin in (tuple, list):
        return f"a list of {values_allowed(get_args(annotation)[0], ())}"
    if origin is dict:
        keys = get_args(annotation)[0]
        return f"a mapping of {values_allowed(keys, ()) if get_origin(keys) is Literal else 'names'}"
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: Any) -> str:
    if annotation is type(None):
        return "null"
    if annotation is bool:
        return "true, false"
    if annotation in (int, float):
        return _range("whole numbers" if annotation is int else "numbers", metadata)
    for constraint in metadata:
        if isinstance(constraint, str):  # said in words beside the pattern
            return constraint
    return "text" if annotation is str else "a mapping"


def _range(kind: str, metadata: Any) -> str:
    low = high = ""
    for bound in metadata:
        if isinstance(bound, annotated_types.Ge):
            low = f"{bound.ge}"
        elif isinstance(bound, annotated_types.Gt):
            low = f"above {bound.gt}"
        elif isinstance(bound, annotated_types.Le):
            high = f"{bound.le}"
        elif isinstance(bound, annotated_types.Lt):
            high = f"below {bound.lt}"
    if low and high:
        return f"{low} to {high}"
    return f"{low} or more" if low else f"up to {high}" if high else kind
