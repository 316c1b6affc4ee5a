"""What a change does to what trades: toward the baseline reduces risk, a candidate let out increases it."""

from typing import Any

import pytest

from framework.settings.overrides import Direction, direction_of
from framework.settings.traded import traded_changes

SPREAD, AGE = "base_spread_bps_delta", "tail_age_ms"
BASE = {SPREAD: 0.1, AGE: 650}
TIGHT: dict[str, Any] = {SPREAD: 0.05}
SLOW: dict[str, Any] = {AGE: 700}


def state(
    mode: str = "disabled", fraction: float = 0.1, tried: dict[str, Any] | None = None, **values: Any
) -> dict[str, Any]:
    """Give the fields of a state whose baseline has ``values`` and whose candidate tries others."""
    out = {"rollout.mode": mode, "rollout.canary_fraction": fraction, "rollout.candidate": tried}
    return {**BASE, **values, **out}


CASES: list[tuple[str, dict[str, Any], dict[str, Any], Direction, set[str]]] = [
    ("named", state(), state(tried=SLOW), Direction.NEUTRAL, set()),
    ("changed while nothing is out", state(tried=SLOW), state(tried=TIGHT), Direction.NEUTRAL, set()),
    ("begun", state(tried=SLOW), state("canary", tried=SLOW), Direction.INCREASING,
     {"rollout.mode", f"candidate.{AGE}"}),
    ("begun with what is safer", state(), state("canary", tried={SPREAD: 0.3}), Direction.INCREASING,
     {"rollout.mode", f"candidate.{SPREAD}"}),
    ("grown", state("canary", tried=SLOW), state("canary", 0.2, SLOW), Direction.INCREASING,
     {"rollout.canary_fraction"}),
    ("shrunk", state("canary", 0.2, SLOW), state("canary", tried=SLOW), Direction.REDUCING,
     {"rollout.canary_fraction"}),
    ("let out", state("canary", tried=SLOW), state("full", tried=SLOW), Direction.INCREASING,
     {"rollout.mode"}),
    ("taken back", state("full", tried=TIGHT), state(tried=TIGHT), Direction.REDUCING, {"rollout.mode"}),
    ("taken back and gone", state("canary", tried=TIGHT), state(), Direction.REDUCING, {"rollout.mode"}),
    ("taken back in part", state("full", tried=TIGHT), state("canary", tried=TIGHT), Direction.REDUCING,
     {"rollout.mode"}),
    ("made equal to the baseline", state("canary", tried=TIGHT), state("canary", tried={SPREAD: 0.1}),
     Direction.REDUCING, {"rollout.candidate"}),
    ("another candidate", state("canary", tried=SLOW), state("canary", tried={AGE: 800}), Direction.GATED,
     {f"candidate.{AGE}"}),
    ("a bolder candidate", state("canary", tried=SLOW), state("canary", tried={**SLOW, **TIGHT}),
     Direction.INCREASING, {f"candidate.{SPREAD}"}),
    ("promoted when all trade it", state("full", tried=TIGHT), state(**TIGHT), Direction.REDUCING,
     {"rollout.mode"}),
    ("promoted when some trade it", state("canary", tried=TIGHT), state(**TIGHT), Direction.INCREASING,
     {"rollout.mode", SPREAD}),
    ("taken back to what never ran", state("full", tried=SLOW), state(**TIGHT), Direction.INCREASING,
     {"rollout.mode", SPREAD}),
    ("a baseline that changes under both", state("canary", tried=SLOW), state("canary", tried=SLOW, **TIGHT),
     Direction.INCREASING, {SPREAD}),
    ("a baseline nobody trades", state("full", tried=TIGHT), state("full", tried=TIGHT, **TIGHT),
     Direction.NEUTRAL, set()),
    ("beneath what all trade", state("full", tried=TIGHT), state("full", tried=TIGHT, **SLOW),
     Direction.GATED, {AGE}),
    ("bolder beneath a safer candidate", state("full", tried={SPREAD: 0.3}),
     state("full", tried={SPREAD: 0.4}, **{SPREAD: 0.0}), Direction.INCREASING,
     {SPREAD, f"candidate.{SPREAD}"}),
    ("bolder beneath all units of a canary", state("canary", 1.0, {SPREAD: 0.3}),
     state("canary", 1.0, {SPREAD: 0.3}, **TIGHT), Direction.INCREASING, {SPREAD}),
    ("a fraction nobody trades", state(), state(fraction=0.2), Direction.INCREASING,
     {"rollout.canary_fraction"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "direction", "names"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_change_is_judged_by_what_trades(
    before: dict[str, Any], after: dict[str, Any], direction: Direction, names: set[str]
) -> None:
    changes = traded_changes(before, after)
    assert {change.name for change in changes} == names
    assert direction_of(changes) is direction


def test_a_content_from_before_there_were_candidates_counts_as_one_without() -> None:
    old = {name: value for name, value in state().items() if name != "rollout.candidate"}
    assert traded_changes(old, state()) == ()
