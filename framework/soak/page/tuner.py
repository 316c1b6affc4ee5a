"""The tuner's reasons: what moved and why, what was held back and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.soak.page.words import NONE, interval, num, percent
from framework.tuning.evidence import Evidence, Standing
from framework.tuning.rows import Row

if TYPE_CHECKING:
    from framework.soak.result import SoakResult

STANDINGS = {
    Standing.EVIDENT: "{}",
    Standing.SEEN: "{}, not proven",
    Standing.QUIET: "not {}",
    Standing.UNKNOWN: "unknown to be {}",
    Standing.GONE: "evidently not {}",
}
HELD = {
    "no_evidence": "the interval does not exclude the limit",
    "too_few_fills": "too few fills to move anything",
    "verdict_error": "the iteration ended in ERROR",
    "last_iteration": "no iteration is left to measure the change",
    "warm_up": "the phase allows no key",
    "patched": "a patch set the key during this run",
    "freeze": "stable iterations: the key rests",
    "oscillation": "the package would be the one before this one again",
    "velocity": "the key changed in each of the last three iterations",
    "cooldown": "a slow key that changed in the last iteration",
    "multi_fail": "three fails: only the calm-down package is applied",
    "fallback_gap": "the last fallback was in the previous iteration",
    "max_changes_per_field": "already changed twice in this iteration",
    "max_keys": "the micro-step has its keys",
    "opposed": "an earlier rule moved it the other way",
    "at_limit": "its limit is reached",
    "fails_present": "a fail is present: no way back now",
    "not_in_force": "what was ordered was not found in force",
    "changed_outside": "somebody else changed it",
}


@dataclass(frozen=True, kw_only=True)
class MoveRow:
    """A move that was made or held back, and what it rests on."""

    iteration: int
    field: str
    before: str
    after: str
    rule: str
    reason: str
    why: str
    evidence: list[str]


@dataclass(frozen=True)
class Held:
    """How often a reason held a move back."""

    count: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The moves that were made, those held back, the tally of reasons, and how much was found in force."""

    moved: list[MoveRow]
    held: list[MoveRow]
    counts: list[Held]
    in_force: str


def decisions(result: SoakResult) -> Decisions:
    """Give the moves that were made, those held back, and the tally of reasons."""
    moved: list[MoveRow] = []
    held: list[MoveRow] = []
    for decision in result.decisions:
        for row in decision.rows:
            (moved if row.applied else held).append(_row(row))
    counts = Counter(row.reason for row in held)
    tally = result.decisions[-1].state.tally if result.decisions else None
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Decisions(
        moved=moved,
        held=held,
        counts=[Held(n, _plain(reason)) for reason, n in ordered],
        in_force=NONE if tally is None else percent(tally.full_apply_ratio),
    )


def _row(row: Row) -> MoveRow:
    return MoveRow(
        iteration=row.iteration,
        field="all parameters" if row.field is None else row.field.value,
        before=num(row.before),
        after=num(row.after if row.applied else row.proposed),
        rule=row.marker,
        reason=row.reason.value,
        why=row.detail or HELD.get(row.reason.value, ""),
        evidence=[_evidence(item) for item in row.evidence],
    )


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _evidence(item: Evidence) -> str:
    bounds = interval(item.lo, item.hi)
    inside = "" if bounds == NONE else f" ({bounds})"
    side = f"{_plain(item.relation)} {num(item.limit)}"
    return f"{_plain(item.metric)} {num(item.value)}{inside} {STANDINGS[item.standing].format(side)}"
