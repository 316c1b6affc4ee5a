"""The models: every value bounded, described and frozen; the hash covers behaviour alone."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from framework.files.atomic import canonical_json, sha256_of
from framework.settings.compose import compose_run
from framework.settings.describe import allowed, field_at, keys_of, models_of
from framework.settings.errors import ConfigError
from framework.settings.provenance import Layer, Source
from framework.settings.schema.base import StrictModel, knob, meta_of
from framework.settings.schema.exchange import Exchange
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.run import DeskSettings, RunSettings, behaviour
from framework.settings.validate import validated
from tests.command import REPOSITORY

START = {
    "min_interval_ms": 70,
    "replace_rate_per_min": 280,
    "base_spread_bps_delta": 0.10,
    "tail_age_ms": 650,
    "impact_cap_ratio": 0.09,
    "max_delta_ratio": 0.14,
}


def params(**changes: Any) -> RuntimeParams:
    return validated(
        RuntimeParams, START | changes, locate=lambda p: Source(Layer.GROUP, "f.yaml", ".".join(p))
    )


def plain_keys() -> list[tuple[str, ...]]:
    """Keys of the groups this room describes; the tuner's table describes its rows itself."""
    return [path for path in keys_of(RunSettings) if path[0] != "tuning"]


@pytest.mark.parametrize("path", plain_keys(), ids=".".join)
def test_every_value_says_unit_meaning_reload_and_risk(path: tuple[str, ...]) -> None:
    field = field_at(RunSettings, path)
    assert field is not None
    meta = meta_of(field)
    assert field.description
    assert meta["reload"] in ("hot", "next_quote", "flat_only", "restart")
    assert meta["reduces"] in ("up", "down", "none")
    assert allowed(field)


@pytest.mark.parametrize("path", plain_keys(), ids=".".join)
def test_every_number_of_the_trading_groups_has_two_bounds(path: tuple[str, ...]) -> None:
    field = field_at(RunSettings, path)
    assert field is not None
    if path[0] != "kpi" and field.annotation in (int, float):
        assert " to " in allowed(field)


def test_the_directions_of_risk_are_those_of_the_design() -> None:
    directions = {name: meta_of(field)["reduces"] for name, field in RuntimeParams.model_fields.items()}
    assert directions == {
        "base_spread_bps_delta": "up",
        "impact_cap_ratio": "down",
        "min_interval_ms": "none",
        "replace_rate_per_min": "none",
        "tail_age_ms": "none",
        "max_delta_ratio": "none",
    }


def test_values_are_frozen() -> None:
    with pytest.raises(ValidationError):
        params().min_interval_ms = 80


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "70", 70.5, None, [70]])
def test_no_lossy_conversion(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^f\.yaml: min_interval_ms is .*; allowed 50 to 300 \(ms, "):
        params(min_interval_ms=value)


def test_a_whole_number_is_a_float_where_one_is_wanted() -> None:
    assert params(base_spread_bps_delta=0) == params(base_spread_bps_delta=0.0)


def test_a_misspelt_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"min_intervl_ms is unknown; .*; did you mean min_interval_ms"):
        params(min_intervl_ms=70)


def test_faults_beyond_the_first_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"\(and 2 more\)$"):
        params(min_interval_ms=1, tail_age_ms=1, max_delta_ratio=1)


@given(st.fixed_dictionaries({}, optional={name: st.floats() | st.integers() | st.text() for name in START}))
def test_whatever_is_accepted_lies_within_the_bounds(changes: dict[str, Any]) -> None:
    try:
        accepted = params(**changes)
    except ConfigError:
        return
    assert 50 <= accepted.min_interval_ms <= 300
    assert 120 <= accepted.replace_rate_per_min <= 360
    assert 0.0 <= accepted.base_spread_bps_delta <= 0.6
    assert 400 <= accepted.tail_age_ms <= 1000
    assert 0.04 <= accepted.impact_cap_ratio <= 0.12
    assert 0.10 <= accepted.max_delta_ratio <= 0.20


def test_the_behaviour_of_a_model_hashes_to_a_fixed_value() -> None:
    text = canonical_json(behaviour(params()))
    assert text == (
        '{"base_spread_bps_delta":0.1,"impact_cap_ratio":0.09,"max_delta_ratio":0.14,'
        '"min_interval_ms":70,"replace_rate_per_min":280,"tail_age_ms":650}'
    )
    assert sha256_of(text) == "fc587438e4247a854fc27d458b046461546415734c3dec41cc0f8c25dda0d5df"


class Inner(StrictModel):
    """An example."""

    seed: int = knob(unit="", help="h", identity=False)
    rate: float = knob(unit="", help="h")


class Outer(StrictModel):
    """An example."""

    inner: Inner
    several: tuple[Inner, ...]
    table: dict[str, Inner]


def test_what_has_no_part_in_identity_is_left_out_at_any_depth() -> None:
    part = {"seed": 1, "rate": 2.0}
    outer = Outer.model_validate_json(json.dumps({"inner": part, "several": [part], "table": {"a": part}}))
    rest = {"rate": 2.0}
    assert behaviour(outer) == {"inner": rest, "several": [rest], "table": {"a": rest}}


def test_a_secret_is_named_and_a_refused_one_is_not_repeated() -> None:
    names = ("api_key_env", "api_secret_env")
    for name in names:
        assert name not in behaviour(Exchange.model_construct(**dict.fromkeys(Exchange.model_fields)))
        field = Exchange.model_fields[name]
        assert meta_of(field)["secret"]


def test_a_choice_of_kinds_offers_the_keys_of_each() -> None:
    market = RunSettings.model_fields["market"]
    assert len(models_of(market.annotation)) == 2
    assert {("market", "preset"), ("market", "path")} <= set(keys_of(RunSettings))


def test_a_desk_needs_no_word_on_how_it_is_tried_and_has_the_same_hash() -> None:
    run = compose_run(words=["rollout=disabled"], root=REPOSITORY, environ={}).settings
    desk = DeskSettings.model_validate({name: getattr(run, name) for name in DeskSettings.model_fields})
    assert set(RunSettings.model_fields) - set(DeskSettings.model_fields) == {"kpi", "soak", "tuning"}
    assert desk.config_sha == run.config_sha
