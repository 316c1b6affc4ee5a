"""What a patch does to settings, told as changes with a direction of risk."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given

from framework.settings.compose import compose_run
from framework.settings.describe import field_at
from framework.settings.errors import ConfigError
from framework.settings.fields import (
    Effect,
    effect_of,
    manner_of,
    name_of,
    runtime_fields,
    safer,
    value_at,
)
from framework.settings.overrides import (
    Change,
    Direction,
    after_expiry,
    apply_patch,
    changes_between,
    direction_of,
    parse_patch,
)
from framework.settings.schema.base import meta_of
from framework.settings.schema.run import RunSettings
from tests.settings.conftest import REPOSITORY
from tests.settings.patches import legal_values, patch_of

OPPOSITE = {
    Effect.REDUCING: Effect.INCREASING,
    Effect.INCREASING: Effect.REDUCING,
    Effect.NONE: Effect.NONE,
}
INVERSE = {
    Direction.NEUTRAL: {Direction.NEUTRAL},
    Direction.REDUCING: {Direction.INCREASING},
    Direction.GATED: {Direction.GATED},
    # every change increased and all of them turn back, or a mixture stays one
    Direction.INCREASING: {Direction.REDUCING, Direction.INCREASING},
}


@cache
def base() -> RunSettings:
    return compose_run(words=["soak.overrides_file=null"], root=REPOSITORY, environ={}).settings


def moved(**values: Any) -> tuple[Change, ...]:
    patch = patch_of({name.replace("__", "."): value for name, value in values.items()})
    return changes_between(base(), apply_patch(base(), patch))


@given(legal_values(), legal_values())
def test_the_changes_are_exactly_the_values_that_differ(first: dict[str, Any], then: dict[str, Any]) -> None:
    settings = apply_patch(base(), patch_of(first))
    try:
        after = apply_patch(settings, patch_of(then))
    except ConfigError:
        assume(False)  # the quote of one patch over the cap of the other
        raise
    changes = {change.name: change for change in changes_between(settings, after)}
    assert set(changes) == {name for name, value in then.items() if value_at(settings, name) != value}
    for name, change in changes.items():
        assert (change.old, change.new) == (value_at(settings, name), then[name])
        assert change.reload != "restart"


@given(legal_values())
def test_applying_a_patch_twice_is_applying_it_once(values: dict[str, Any]) -> None:
    once = apply_patch(base(), patch_of(values))
    twice = apply_patch(once, patch_of(values))
    assert twice == once
    assert twice.config_sha == once.config_sha
    assert changes_between(once, twice) == ()


@given(legal_values())
def test_the_hash_changes_if_and_only_if_a_value_with_identity_does(values: dict[str, Any]) -> None:
    after = apply_patch(base(), patch_of(values))
    changes = changes_between(base(), after)
    counted = [change for change in changes if _has_identity(change.name)]
    assert (after.config_sha != base().config_sha) == bool(counted)


def _has_identity(name: str) -> bool:
    field = field_at(RunSettings, runtime_fields()[name])
    assert field is not None
    return bool(meta_of(field)["identity"])


def test_a_value_without_identity_is_a_change_that_keeps_the_hash() -> None:
    words = ["soak.overrides_file=null", "soak.seed=9"]
    other = compose_run(words=words, root=REPOSITORY, environ={}).settings
    (change,) = changes_between(base(), other)
    assert (change.name, change.reload, change.effect) == ("soak.seed", "restart", Effect.NONE)
    assert other.config_sha == base().config_sha


def test_minus_zero_is_zero() -> None:
    plus = apply_patch(base(), patch_of({"strategy.adverse_weight": 0.0}))
    minus = apply_patch(base(), patch_of({"strategy.adverse_weight": -0.0}))
    assert changes_between(plus, minus) == ()
    assert plus.config_sha == minus.config_sha


@given(legal_values())
def test_the_way_back_has_the_opposite_direction(values: dict[str, Any]) -> None:
    after = apply_patch(base(), patch_of(values))
    there, back = changes_between(base(), after), changes_between(after, base())
    assert [change.name for change in there] == [change.name for change in back]
    assert direction_of(back) in INVERSE[direction_of(there)]
    opposite = {
        Effect.REDUCING: Effect.INCREASING,
        Effect.INCREASING: Effect.REDUCING,
        Effect.NONE: Effect.NONE,
    }
    assert [change.effect for change in back] == [opposite[change.effect] for change in there]


@given(legal_values())
def test_what_reduces_as_a_whole_reduces_in_every_part(values: dict[str, Any]) -> None:
    changes = changes_between(base(), apply_patch(base(), patch_of(values)))
    parts = {direction_of([change]) for change in changes}
    assert (direction_of(changes) is Direction.REDUCING) == (parts == {Direction.REDUCING})
    assert (direction_of(changes) is Direction.GATED) == (parts == {Direction.GATED})
    assert (direction_of(changes) is Direction.NEUTRAL) == (not changes)


@pytest.mark.parametrize(
    ("name", "safe", "risky"),
    [
        ("base_spread_bps_delta", 0.6, 0.1),
        ("impact_cap_ratio", 0.04, 0.12),
        ("sizing.leverage", 1.0, 100.0),
        ("sizing.notional_cap_usd", 1_000.0, 1e6),
        ("sizing.use_all_in", None, True),
        ("sizing.max_position_quotes", 1.0, 9.0),
        ("guards.loss_halt_usd", 1.0, 1e7),
        ("guards.near_liq_guard.enabled", None, False),
        ("guards.liquidity_by_side.levels", 1, 50),
        ("rollout.canary_fraction", 0.0, 1.0),
        ("rollout.mode", None, "canary"),
        ("rollout.mode", None, "full"),
        ("signal.weight_bps", None, 20.0),
    ],
)
def test_the_direction_of_a_field_is_that_of_the_design(name: str, safe: Any, risky: Any) -> None:
    for value, effect in ((safe, Effect.REDUCING), (risky, Effect.INCREASING)):
        if value is not None:  # None: the field stands at its safe end
            start = apply_patch(base(), patch_of({"rollout.candidate": {"tail_age_ms": 700}}))
            (change,) = changes_between(start, apply_patch(start, patch_of({name: value})))
            assert change.effect is effect


def test_some_fields_are_always_gated() -> None:
    for values in (
        {"min_interval_ms": 300},
        {"replace_rate_per_min": 120},
        {"tail_age_ms": 400},
        {"max_delta_ratio": 0.1},
    ):
        assert direction_of(moved(**values)) is Direction.GATED


def test_a_mixture_counts_as_increasing() -> None:
    assert direction_of(moved(base_spread_bps_delta=0.6, impact_cap_ratio=0.04)) is Direction.REDUCING
    assert direction_of(moved(base_spread_bps_delta=0.6, impact_cap_ratio=0.12)) is Direction.INCREASING
    assert direction_of(moved(base_spread_bps_delta=0.6, tail_age_ms=400)) is Direction.INCREASING
    assert direction_of(()) is Direction.NEUTRAL


def test_rollout_ranks_from_disabled_to_full() -> None:
    path = ("rollout", "mode")
    assert effect_of(path, "full", "canary") is Effect.REDUCING
    assert effect_of(path, "canary", "disabled") is Effect.REDUCING
    assert effect_of(path, "disabled", "full") is Effect.INCREASING
    assert safer(path) == "to disabled"


def test_a_value_that_is_missing_on_one_side_has_no_direction() -> None:
    tape = ["soak.overrides_file=null", "market=tape", "market.path=/archive"]
    other = compose_run(words=tape, root=REPOSITORY, environ={}).settings
    changes = {change.name: change for change in changes_between(base(), other)}
    assert (changes["market.path"].old, changes["market.path"].new) == (None, "/archive")
    assert (changes["market.preset"].new, changes["market.preset"].effect) == (None, Effect.NONE)
    assert direction_of(changes.values()) is Direction.GATED


def test_what_lies_in_a_table_changes_by_a_restart() -> None:
    assert manner_of(("tuning", "table", "drivers", "slippage", "rank")).reload == "restart"
    assert manner_of(("nothing",)).reload == "restart"
    assert name_of(("params", "tail_age_ms")) == "tail_age_ms"


def test_values_that_contradict_each_other_are_refused_together() -> None:
    text = "reason: r\nowner: o\noverrides:\n  sizing.quote_notional_usd: 30000\n"
    patch = parse_patch(text, where="p.yaml")
    with pytest.raises(ConfigError) as caught:
        apply_patch(base(), patch)
    assert str(caught.value) == (
        "p.yaml:4: sizing: quote_notional_usd is 30000; allowed up to notional_cap_usd, 20000"
    )


def test_at_its_end_a_loosening_reverts_and_a_tightening_stays() -> None:
    text = (
        "reason: r\nowner: o\nexpires: 2025-10-20T00:00:00Z\noverrides:\n"
        "  base_spread_bps_delta: 0.1\n  impact_cap_ratio: 0.05\n  tail_age_ms: 400\n"
    )
    patch = parse_patch(text, where="p.yaml")
    before = after_expiry(base(), patch, datetime(2025, 10, 19, tzinfo=UTC))
    assert (before.patch, before.kept, before.reverted) == (patch, (), ())
    after = after_expiry(base(), patch, datetime(2025, 10, 21, tzinfo=UTC))
    assert after.kept == ("impact_cap_ratio",)
    assert after.reverted == ("base_spread_bps_delta", "tail_age_ms")
    assert after.patch.values == {"impact_cap_ratio": 0.05}


@given(legal_values())
def test_what_stays_after_the_end_never_adds_risk(values: dict[str, Any]) -> None:
    end = datetime(2025, 10, 20, tzinfo=UTC)
    left = after_expiry(base(), replace(patch_of(values), expires=end), end).patch
    changes = changes_between(base(), apply_patch(base(), left))
    assert direction_of(changes) in (Direction.NEUTRAL, Direction.REDUCING)
