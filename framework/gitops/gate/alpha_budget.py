"""The alpha budget: what an environment may still risk this quarter, by its journal.

Every attempt spends the same share of what is left, so no number of attempts spends more than the budget. The
same attempt again, the same question over the same hours, draws and gate, is not another look and spends
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from framework.files.atomic import canonical_json, sha256_of
from framework.journal.entry import Kind, Row
from framework.settings.schema.gitops import AlphaBudget


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One question to the gate: may this candidate replace that baseline, on these tapes, by this gate?"""

    environment: str
    base_config_sha: str
    head_config_sha: str
    tapes: tuple[str, ...]
    """Digests, in any order."""

    gate_version: str
    look: str = ""
    """Digest of the seed of the delays and the windows: other draws or other hours are another look."""

    @property
    def key(self) -> str:
        """Return what two attempts have in common when they are the same question."""
        data = {**self.as_dict(), "tapes": sorted(self.tapes)}
        return sha256_of(canonical_json(data))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "environment": self.environment,
            "base_config_sha": self.base_config_sha,
            "head_config_sha": self.head_config_sha,
            "tapes": list(self.tapes),
            "gate_version": self.gate_version,
            "look": self.look,
        }


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What an attempt may use: ``alpha``, of what was ``left`` before it, the ``number``-th of a quarter."""

    quarter: str
    number: int
    left: float
    alpha: float
    repeated: bool
    """The quarter has seen this attempt: it uses the alpha it was given then and spends nothing."""


def quarter_of(moment: datetime) -> str:
    """Return a calendar quarter in UTC, as 2026-Q3."""
    moment = moment.astimezone(UTC)
    return f"{moment.year}-Q{(moment.month + 2) // 3}"


def allowance(rows: Iterable[Row], *, attempt: Attempt, budget: AlphaBudget, now: datetime) -> Allowance:
    """Return what an attempt may use now, by the ATTEMPT entries of its environment's journal."""
    quarter = quarter_of(now)
    left, looked = budget.alpha, list[str]()

    def given(*, repeated: bool) -> Allowance:
        alpha, number = left * budget.share, len(looked) + 1
        return Allowance(quarter=quarter, number=number, left=left, alpha=alpha, repeated=repeated)

    for row in rows:
        data = row.data
        if row.kind is not Kind.ATTEMPT or data["environment"] != attempt.environment:
            continue
        key = str(data["attempt"])
        if quarter_of(datetime.fromisoformat(row.at)) != quarter or key in looked:
            continue
        if key == attempt.key:
            return given(repeated=True)
        looked.append(key)
        left *= 1.0 - budget.share
    return given(repeated=False)


def attempt_entry(attempt: Attempt, given: Allowance) -> dict[str, Any]:
    """Return the data of the ATTEMPT entry; journal it before the gate looks, unless it is repeated."""
    return {
        **attempt.as_dict(),
        "attempt": attempt.key,
        "quarter": given.quarter,
        "number": given.number,
        "left": given.left,
        "alpha": given.alpha,
    }
