"""The turnover floor: what only reduces risk is not judged, but it may not stop quoting.

A few hours of one tape a symbol tell it: below a fifth of the baseline's turnover and of its fills nothing of
the business is left that the change could be safer at. A smaller size alone keeps its fills.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from framework.gitops.gate.answer import Question
from framework.gitops.gate.arms import TapeArms, replay_evidence
from framework.gitops.gate.evidence import Evidence, Workers
from framework.units import HOUR

FLOOR = 0.2
"""The share of turnover and of fills below which a change has stopped quoting."""
LOOK_NS = 3 * HOUR
FEWEST = 10
"""A baseline of fewer fills tells nothing of a floor."""


@dataclass(frozen=True)
class Floor:
    """What was seen on one tape a symbol, and whether the change still quotes there."""

    kept: bool
    says: str


def look_at_floor(question: Question, *, workers: Workers) -> Floor:
    """Replay both sides on the beginning of each tape and say whether the change still quotes."""
    arms = replay_evidence(
        [replace(one, windows=_beginning(one)) for one in question.evidence],
        compared=replace(question.compared, routes=(), keys=()),
        rules=question.policy.gate,
        workers=workers,
        what=f"turnover floor, {question.change.name}",
    )
    floors = [_seen(arm) for arm in arms]
    worst = min(floors, key=lambda one: one.kept, default=Floor(True, "turnover floor not checked: no tape"))
    return worst if not worst.kept else Floor(True, "; ".join(one.says for one in floors))


def _beginning(one: Evidence) -> tuple[tuple[int, int], ...]:
    start, end = one.windows[0]
    return ((start, min(end, start + LOOK_NS)),)


def _seen(arm: TapeArms) -> Floor:
    before, after = (float(side.sums["turnover"].sum()) for side in (arm.base, arm.candidate))
    fills = f"{arm.candidate.fills} fills against {arm.base.fills}"
    if arm.base.fills < FEWEST or before <= 0.0:
        return Floor(
            True, f"turnover floor not checked on {arm.name}: the baseline has {arm.base.fills} fills"
        )
    ratio = after / before
    says = f"{ratio:.0%} of the turnover on {arm.name} ({fills})"
    if max(ratio, arm.candidate.fills / arm.base.fills) >= FLOOR:
        return Floor(True, f"keeps {says}")
    return Floor(False, f"stops quoting: {says}, the floor is {FLOOR:.0%} of one of both")
