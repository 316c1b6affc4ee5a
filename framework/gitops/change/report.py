"""What was found of a change: by class of file and by environment, its refusals, what it still needs.

What a verdict imports is the judge, whatever a policy says: a test follows the imports and holds the table of
classes to them, so that no new module escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Literal

from framework.gitops.change.standing import Ground
from framework.settings.gitops_files import POLICY, TAPES
from framework.settings.overrides import Change, Direction
from framework.settings.schema.gitops import EvidenceTape, Policy
from framework.settings.schema.run import RunSettings

Needs = Literal["none", "check", "gate"]
TIERS = ("sandbox", "paper", "production")
"""By how much is at stake."""


class PathClass(StrEnum):
    """What a file is to a change."""

    JUDGE = "judge"
    MODEL = "model"
    PARAMETERS = "parameters"
    CODE = "code"
    DOCS = "docs"


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

RUNS = ("*.py", "*.pyc", "*.pth", "*.so", "*.mk", "*akefile", "*.cfg", "*.ini", "*.toml")
"""What the commands of the judge may run or read wherever it lies: it judges unless of another class."""

STATE = "artifacts/"
"""What a machine knows of its own runs: never in a commit, or the next clone takes it for its own."""


def class_of(path: str, policy: Policy) -> PathClass:
    """Return the class of a path: the first whose pattern matches, and code when none does."""
    paths = policy.paths
    table = (
        (PathClass.JUDGE, (*ALWAYS_JUDGE, *paths.judge, *paths.gate)),
        (PathClass.MODEL, paths.model),
        (PathClass.PARAMETERS, (*ALWAYS_PARAMETERS, *paths.parameters)),
        (PathClass.DOCS, paths.docs),
        (PathClass.JUDGE, RUNS),
    )
    return next((kind for kind, patterns in table if _matches(path, patterns)), PathClass.CODE)


def by_class(changed: Iterable[str], policy: Policy) -> dict[str, tuple[str, ...]]:
    """Group changed files by their class, what judges first."""
    classes: dict[str, list[str]] = {}
    for path in changed:
        classes.setdefault(class_of(path, policy), []).append(path)
    return {str(kind): tuple(classes[kind]) for kind in PathClass if kind in classes}


def _matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


@dataclass(frozen=True, kw_only=True)
class EnvironmentChange:
    """What a change does to one environment; ``base`` or ``head`` is None where the commit has none of it."""

    name: str
    tier: str
    base: RunSettings | None
    head: RunSettings | None
    changes: tuple[Change, ...]
    direction: Direction
    needs: Needs
    approvals: int
    net: str
    judging: tuple[str, ...] = ()
    """Keys of its file that change and decide how it is judged, not what it trades."""

    loosens: tuple[str, ...] = ()
    """What its file does to how it is judged, in words."""

    raised: str = ""
    """The tier it enters: of a new environment, and of one that goes to a stricter tier."""

    beside: tuple[str, ...] = ()
    """Words of its file that change and are in no config_sha: its market, its session, its account."""

    tapes: tuple[EvidenceTape, ...] = ()
    """What it was judged on of late and is not any more: it counts until the change of tapes has settled."""

    ends: str = ""
    """When the head's patch ends, if that leads to values nothing leads to today."""

    later: tuple[Change, ...] = ()
    """What is then other than what runs today."""

    against: Ground | None = None
    """What it is compared with, where the base does not compose or is not what runs."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "environment": self.name,
            "tier": self.tier,
            "base_config_sha": None if self.base is None else self.base.config_sha,
            "head_config_sha": None if self.head is None else self.head.config_sha,
            "direction": str(self.direction),
            "needs": self.needs,
            "net": self.net,
            "approvals": self.approvals,
            "judging": list(self.judging),
            **({} if self.against is None else {"against": self.against.commit}),
            "changes": [
                {
                    "name": change.name,
                    "old": change.old,
                    "new": change.new,
                    "unit": change.unit,
                    "reload": str(change.reload),
                    "effect": str(change.effect),
                }
                for change in self.changes
            ],
        }


@dataclass(frozen=True, kw_only=True)
class ChangeReport:
    """What a change is, what it is refused for, and what it still has to show."""

    base: str
    head: str
    policy: Policy
    paths: dict[str, tuple[str, ...]]
    """Class to the changed files of it."""

    environments: tuple[EnvironmentChange, ...] = ()
    refusals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    judge: tuple[str, ...] = ()
    """What it does to the judge, in words: loosens, tightens or changes it."""

    @property
    def verdict(self) -> Literal["refused", "neutral", "check", "gate"]:
        """Return refused, neutral (nothing that runs changes), check (this is enough) or gate (decides)."""
        if self.refusals:
            return "refused"
        needs = {change.needs for change in self.environments}
        return "gate" if "gate" in needs else "check" if "check" in needs else "neutral"

    @property
    def classification(self) -> str:
        """Return reducing, increasing, gated or neutral; code when only code, gate or documents change."""
        directions = {change.direction for change in self.environments}
        for direction in (Direction.INCREASING, Direction.GATED, Direction.REDUCING):
            if direction in directions:
                return str(direction)
        return "code" if set(self.paths) & {PathClass.CODE, PathClass.JUDGE} else "neutral"

    @property
    def approvals(self) -> int:
        """Return how many owners must approve."""
        asked = [change.approvals for change in self.environments]
        if PathClass.JUDGE in self.paths or any(change.judging for change in self.environments):
            asked.append(max(self.policy.rules(tier).approvals for tier in TIERS))
        return max(asked, default=0)

    @property
    def exit_code(self) -> int:
        """Return 0, or 1 when refused."""
        return 1 if self.refusals else 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "verdict": self.verdict,
            "classification": self.classification,
            "exit_code": self.exit_code,
            "base": self.base,
            "head": self.head,
            "paths": {name: list(paths) for name, paths in self.paths.items()},
            "environments": [change.as_dict() for change in self.environments],
            "judge": list(self.judge),
            "refusals": list(self.refusals),
            "notes": list(self.notes),
            "approvals": self.approvals,
            "owners": list(self.policy.owners),
            "signers": list(self.signers),
        }
