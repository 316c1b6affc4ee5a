"""Which way each setting reduces risk, as two commits' own code says it: read as text, never run.

A direction that is turned round lets through as reducing whatever increases risk, and the code that would
notice is the code that was changed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from framework.gitops.repo.git import Git

SCHEMA = "framework/settings/schema/"
NONE = "none"


def direction_changes(git: Git, base: str, head: str, changed: tuple[str, ...]) -> Iterator[str]:
    """Say of every setting of the changed files whose direction of risk is another one."""
    for path in changed:
        if not path.startswith(SCHEMA) or not path.endswith(".py"):
            continue
        before, after = (directions(git.show(commit, path)) for commit in (base, head))
        for name in before:
            old, new = before[name], after.get(name, NONE)
            if old != new:
                does = "tightens" if new == NONE else "loosens"
                yield f"{does} the judge: risk of {name} is reduced by {old}, and then by {new} ({path})"


def directions(data: bytes | None) -> dict[str, str]:
    """Return the direction of every field that a module's classes declare; of what is no Python, none."""
    try:
        tree = ast.parse(data or b"")
    except (SyntaxError, ValueError):
        return {}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return {
        f"{one.name}.{field.target.id}": _reduces(field.value)
        for one in classes
        for field in one.body
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
    }


def _reduces(value: ast.expr | None) -> str:
    words = value.keywords if isinstance(value, ast.Call) else []
    return next((ast.unparse(word.value).strip("'") for word in words if word.arg == "reduces"), NONE)
