"""Which files judge, which are judged, and which do neither: the class of a path.

What a verdict imports is the judge, whatever a policy says: a test follows the imports and holds this table
to them, so that no new module escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from framework.gitops.change.report import PathClass
from framework.settings.gitops_files import POLICY, TAPES
from framework.settings.schema.gitops import Policy

ALWAYS_JUDGE = (
    POLICY,
    TAPES,
    "conf/kpi/*",
    ".github/*",
    ".ci/*",
    ".gitattributes",
    "Makefile",
    "pyproject.toml",
    "requirements/*",
    "hydra_plugins/*",
    "framework/*",
)
ALWAYS_PARAMETERS = ("runtime_overrides/*", "gitops/environments/*", "conf/*")
"""What decides how a bot trades, unless it is what judges or a model."""


def class_of(path: str, policy: Policy) -> PathClass:
    """Return the class of a path: the first whose pattern matches, and code when none does."""
    paths = policy.paths
    table = (
        (PathClass.JUDGE, (*ALWAYS_JUDGE, *paths.judge, *paths.gate)),
        (PathClass.MODEL, paths.model),
        (PathClass.PARAMETERS, (*ALWAYS_PARAMETERS, *paths.parameters)),
        (PathClass.DOCS, paths.docs),
    )
    return next((kind for kind, patterns in table if _matches(path, patterns)), PathClass.CODE)


def by_class(changed: Iterable[str], policy: Policy) -> dict[str, tuple[str, ...]]:
    """Group changed files by their class, what judges first."""
    found: dict[str, list[str]] = {}
    for path in changed:
        found.setdefault(class_of(path, policy), []).append(path)
    return {str(kind): tuple(found[kind]) for kind in PathClass if kind in found}


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
