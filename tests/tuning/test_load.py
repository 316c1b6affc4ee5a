"""The table: shipped values, and what is refused."""

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from framework.settings.documents import parse_yaml
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.tuning import Tuning
from framework.tuning.describe import rule_order
from framework.tuning.load import rules_from_mapping
from framework.tuning.params import (
    RUNTIME_LIMITS,
    Field,
    TuningError,
    TuningParams,
    complete_package,
    format_value,
    signature,
)
from tests.tuning.tuning_cases import AUDIT, CONF, SCALED, START, table


def edited(path: str, value: Any) -> dict[str, Any]:
    """Return the table with one value set."""
    rows = copy.deepcopy(table())
    *parents, last = path.split("/")
    inner = rows
    for name in parents:
        inner = inner[name]
    inner[last] = value
    return rows


def test_off_is_a_valid_choice_without_a_table() -> None:
    document = parse_yaml((CONF / "off.yaml").read_text(encoding="utf-8"), where="off.yaml")
    assert Tuning.model_validate(document.data) == Tuning(enabled=False, table=None)


def test_enabled_without_a_table_is_refused() -> None:
    with pytest.raises(ValidationError, match="enabled without a table"):
        Tuning(enabled=True, table=None)


def test_limits_are_those_of_the_runtime_parameters() -> None:
    for field, bound in RUNTIME_LIMITS.items():
        low, high = (m for m in RuntimeParams.model_fields[field.value].metadata)
        assert (low.ge, high.le) == (bound.low, bound.high)


def test_the_package_defaults_are_the_documented_ones() -> None:
    assert AUDIT.defaults == TuningParams(60, 300, 0.05, 600, 0.10, 0.15)
    defaults = AUDIT.defaults.mapping()
    assert complete_package(package={"tail_age_ms": 700}, defaults=defaults) == TuningParams(
        60, 300, 0.05, 700, 0.10, 0.15
    )


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ({"base_spread_bps_delta": 0.61}, "base_spread_bps_delta is 0.61; allowed 0.00 to 0.60"),
        ({"spread": 0.1}, "spread is not a tuned parameter"),
    ],
)
def test_a_bad_package_is_refused(package: dict[str, float], message: str) -> None:
    with pytest.raises(TuningError, match=message):
        complete_package(package=package, defaults=AUDIT.defaults.mapping())


def test_a_package_without_a_value_or_default_is_refused() -> None:
    with pytest.raises(TuningError, match="package has no min_interval_ms"):
        complete_package(package={}, defaults={})


def test_rules_are_tried_in_the_documented_order() -> None:
    assert [rule.name for rule in AUDIT.every_rule()] == [
        "fallback_conservative",
        "slippage_bps",
        "adverse_bps",
        "block_minint",
        "block_concurrency",
        "cancel_ratio",
        "execution_quality",
        "ws_lag",
        "net_low",
        "age_relief",
        "multi_fail",
    ]


def test_order_follows_rank_and_not_the_order_of_writing() -> None:
    rows = table()
    rows["triggers"] = dict(reversed(rows["triggers"].items()))
    assert rules_from_mapping(rows, profile="audit_3h", warm_up=False) == AUDIT


def test_the_page_shows_the_table_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    for rules in (SCALED, AUDIT):
        block = page.split(f"<!-- rules {rules.profile} -->\n")[1].split("\n<!-- end -->")[0]
        assert block.strip() == rule_order(rules=rules)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "freeze/iterations/impact_cap",
            4,
            "impact_cap is not a tuned parameter; nearest is impact_cap_ratio",
        ),
        ("guards/cooldown/spread", 4, "spread is not a tuned parameter"),
        ("drivers/block_minint/symptoms/latency", "above", "block_minint asks for latency"),
        (
            "drivers/block_minint/steps/min_interval_ms/limit",
            400,
            "min_interval_ms is 400; allowed 50 to 300",
        ),
        ("fallback/steps/impact_cap_ratio/at_least", 0.2, "impact_cap_ratio is 0.2; allowed 0.04 to 0.12"),
        ("way_back/steps/tail_age_ms", 0.0, "way_back has no step for tail_age_ms"),
        ("defaults/tail_age_ms", 300, "tail_age_ms is 300; allowed 400 to 1000"),
    ],
)
def test_a_table_that_cannot_work_is_refused(path: str, value: object, message: str) -> None:
    with pytest.raises(TuningError, match=message):
        rules_from_mapping(edited(path, value), profile="audit_3h", warm_up=False)


def test_a_rule_name_used_twice_is_refused() -> None:
    rows = table()
    rows["relief"]["ws_lag"] = rows["triggers"]["ws_lag"]
    with pytest.raises(TuningError, match="rule ws_lag exists twice"):
        rules_from_mapping(rows, profile="audit_3h", warm_up=False)


def test_a_profile_without_limits_is_refused() -> None:
    with pytest.raises(TuningError, match="no limits for KPI profile monthly; allowed audit_3h, readiness"):
        rules_from_mapping(table(), profile="monthly", warm_up=False)


def test_every_shipped_kpi_profile_may_decide() -> None:
    for file in (CONF.parent / "kpi").glob("*.yaml"):
        assert rules_from_mapping(table(), profile=file.stem, warm_up=False).profile == file.stem


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("freeze/iterations", {"impact_cap": 4}),
        ("drivers/block_minint/steps", {"min_interval_ms": {}}),
        ("drivers/block_minint/steps", {"min_interval_ms": {"add": 20, "at_least": 60}}),
        ("drivers/block_minint/steps", {"min_interval_ms": {"add": 0.0}}),
        ("drivers/block_minint/symptoms", {}),
        ("phases", {"steady": {"first": 2, "max_keys": 2, "fail_counts_as_warn": False}}),
        ("min_fills", 0),
    ],
)
def test_the_schema_refuses_what_means_nothing(path: str, value: object) -> None:
    with pytest.raises(ValidationError):
        Tuning.model_validate({"enabled": True, "table": edited(path, value)})


def test_signatures_are_equal_exactly_for_equal_packages() -> None:
    assert signature(START) == "70/280/0.10/650/0.09/0.14"
    assert signature(START) != signature(START.with_value(Field.SPREAD, 0.1001))
    assert format_value(Field.SPREAD, 0.125) == "0.125"
