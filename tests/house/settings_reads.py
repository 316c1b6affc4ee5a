"""Which settings the code reads: attribute reads of every settings model, found in the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMA = REPOSITORY / "framework" / "settings"


def models_in(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every model below one, each with the name of the field that holds it."""
    for field, info in model.model_fields.items():
        for kind in (info.annotation, *get_args(info.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield field, kind
                yield from models_in(kind, field)


def reads(groups: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return (group, field) for every ``….group.field`` outside framework/settings, and through a name.

    ``groups`` holds the names of a group's models. A name stands for a group where it was assigned from one
    or is an argument of one of its models.
    """
    found: set[tuple[str, str]] = set()
    for path in sorted((REPOSITORY / "framework").rglob("*.py")):
        if not path.is_relative_to(SCHEMA):
            found |= _reads_in(ast.parse(path.read_text(encoding="utf-8")), groups)
    return found


def _reads_in(tree: ast.Module, groups: dict[str, set[str]]) -> set[tuple[str, str]]:
    names = dict(_named(tree, groups))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            group = owner.attr if isinstance(owner, ast.Attribute) else None
            if isinstance(owner, ast.Name):
                group = names.get(owner.id)
            if group in groups:
                found.add((group, node.attr))
    return found


def _named(tree: ast.Module, groups: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield from _paired(target, node.value, groups)
        elif isinstance(node, ast.arg) and node.annotation is not None:
            kind = ast.unparse(node.annotation)
            yield from ((node.arg, group) for group, models in groups.items() if kind in models)


def _paired(target: ast.expr, value: ast.expr, groups: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _paired(one, its, groups)
    elif isinstance(target, ast.Name) and isinstance(value, ast.Attribute) and value.attr in groups:
        yield target.id, value.attr
