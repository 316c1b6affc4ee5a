"""The policy in force: which class a path belongs to, and what the base's gitops/policy.yaml asks."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from framework.settings.gitops_files import POLICY, TAPES, read_policy
from framework.settings.schema.gitops import Policy


class PathClass(StrEnum):
    """What a file is to a change."""

    GATE = "gate"
    MODEL = "model"
    PARAMETERS = "parameters"
    CODE = "code"
    DOCS = "docs"


ALWAYS_GATE = (POLICY, TAPES, "conf/kpi/*", ".github/workflows/*")
"""What judges, whatever a policy says."""

ALWAYS_PARAMETERS = ("runtime_overrides/*", "gitops/environments/*", "conf/*")
"""What decides how a bot trades, unless it is what judges or a model."""


def load_policy(root: Path) -> Policy:
    """Read the policy of a tree. Raises ``ConfigError`` or ``FileError``."""
    return read_policy(root)


def class_of(path: str, policy: Policy) -> PathClass:
    """Return the class of a path: the first whose pattern matches, and code when none does."""
    paths = policy.paths
    table = (
        (PathClass.GATE, (*ALWAYS_GATE, *paths.gate)),
        (PathClass.MODEL, paths.model),
        (PathClass.PARAMETERS, (*ALWAYS_PARAMETERS, *paths.parameters)),
        (PathClass.DOCS, paths.docs),
    )
    for kind, patterns in table:
        if any(fnmatchcase(path, pattern) for pattern in patterns):
            return kind
    return PathClass.CODE
