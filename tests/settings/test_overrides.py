"""Patches of the run-time parameters: all of it is right, or none of it is taken."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.errors import QuoteopsError
from framework.settings.errors import ConfigError
from framework.settings.fields import runtime_fields
from framework.settings.overrides import examine, is_expired, parse_patch, read_patch, render_patch
from framework.settings.patch import patch_of_environment

GOOD = """\
reason: tighter after the fee change
owner: desk
expires: 2025-10-20T00:00:00Z
overrides:
  min_interval_ms: 70
  base_spread_bps_delta: 0.10
"""
LIMITS = {
    "min_interval_ms": (50, 300),
    "replace_rate_per_min": (120, 360),
    "base_spread_bps_delta": (0.0, 0.6),
    "impact_cap_ratio": (0.04, 0.12),
    "tail_age_ms": (400, 1000),
    "max_delta_ratio": (0.10, 0.20),
}


def refused(text: str, *, json: bool = False) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_patch(text, where="runtime_overrides/p.yaml", json=json)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_patch_says_its_values_reason_owner_and_end() -> None:
    patch = parse_patch(GOOD, where="p.yaml")
    assert patch.values == {"min_interval_ms": 70, "base_spread_bps_delta": 0.10}
    assert (patch.reason, patch.owner) == ("tighter after the fee change", "desk")
    assert patch.expires == datetime(2025, 10, 20, tzinfo=UTC)


def test_the_flat_mapping_a_soak_writes_is_a_patch() -> None:
    patch = parse_patch('{"min_interval_ms": 70, "max_delta_ratio": 0.14}', where="r.json", json=True)
    assert patch.values == {"min_interval_ms": 70, "max_delta_ratio": 0.14}
    assert patch.source("max_delta_ratio").where == "r.json:1"


@pytest.mark.parametrize(("name", "limits"), LIMITS.items())
def test_each_bound_is_legal_and_a_step_beyond_it_is_refused(name: str, limits: tuple[float, float]) -> None:
    step = 1 if isinstance(limits[0], int) else 0.001
    for value in limits:
        assert parse_patch(f'{{"{name}": {value}}}', where="r.json", json=True).values == {name: value}
    for value in (limits[0] - step, limits[1] + step):
        message = refused(f'{{"{name}": {value}}}', json=True)
        assert f"{name} is {value}; allowed {limits[0]} to {limits[1]} (" in message


def test_the_refusal_names_file_line_value_and_bounds() -> None:
    message = refused(GOOD.replace("0.10", "0.9"))
    assert message == (
        "runtime_overrides/p.yaml:6: base_spread_bps_delta is 0.9;"
        " allowed 0.0 to 0.6 (bps, added to the half-spread);"
        " strategy.base_half_spread_bps and profile.spread_multiplier go further"
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("min_interval_ms", "min_interval", "p.yaml:5: min_interval is unknown"),
        ("min_interval", "min_intervall", "did you mean min_interval_ms?"),
        ("70", "true", "is true; allowed 50 to 300"),
        ("70", "70.5", "is 70.5; allowed 50 to 300"),
        ("70", "'70'", "is 70; allowed 50 to 300"),
        ("70", "null", "is null; allowed 50 to 300"),
        ("70", "[70]", "is [70]; allowed 50 to 300"),
        ("70", "070", "p.yaml:5: 070 reads differently"),
        ("70", "${oc.env:HOME}", "allowed 50 to 300"),
        ("0.10", ".nan", "p.yaml:6: .nan reads differently"),
        ("reason: tighter after the fee change\n", "", "reason is missing or empty"),
        ("owner: desk", "owner: ''", "p.yaml:2: owner is missing or empty"),
        ("owner: desk", "owner: desk\nowner: me", "p.yaml:3: owner is given twice"),
        (
            "owner: desk",
            "ownr: desk",
            "p.yaml:2: ownr is unknown; allowed reason, owner, expires, tuned_on, overrides; did you mean",
        ),
        ("owner: desk", "_target_: os.system", "p.yaml:2: _target_ is unknown"),
        ("2025-10-20T00:00:00Z", "soon", "p.yaml:3: expires is soon; allowed a moment like"),
        ("2025-10-20T00:00:00Z", "2025-10-20", "p.yaml:3: expires is 2025-10-20; allowed a moment like"),
    ],
)
def test_whatever_is_wrong_is_said_in_one_line(old: str, new: str, said: str) -> None:
    assert said in refused(GOOD.replace(old, new, 1))


def test_an_empty_patch_is_refused() -> None:
    assert "is empty" in refused("")
    assert "overrides is missing or empty" in refused("reason: x\nowner: y\n")
    assert "overrides is missing or empty" in refused("reason: x\nowner: y\noverrides: {}\n")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(QuoteopsError, match="cannot read"):
        read_patch(tmp_path / "absent.yaml", root=tmp_path)


DOTTED = (
    GOOD
    + """\
  sizing.notional_cap_usd: 5000
  rollout.mode: disabled
  guards.near_liq_guard.enabled: true
"""
)
DIGEST = "ab" * 32
TUNED = GOOD + f"tuned_on:\n  - {{tape: {DIGEST}, start: 2025-10-01T00:00:00Z, end: 2025-10-01T03:00:00Z}}\n"


def test_any_field_that_changes_without_a_restart_is_named_by_its_path() -> None:
    patch = parse_patch(DOTTED, where="p.yaml")
    assert patch.values["sizing.notional_cap_usd"] == 5000.0
    assert isinstance(patch.values["sizing.notional_cap_usd"], float)
    assert patch.values["rollout.mode"] == "disabled"
    assert patch.values["guards.near_liq_guard.enabled"] is True
    assert patch.source("rollout.mode").where == "p.yaml:8"


def test_the_names_are_the_six_and_the_paths_of_what_changes_while_running() -> None:
    names = runtime_fields()
    assert set(LIMITS) <= set(names)
    assert all("." in name for name in set(names) - set(LIMITS))
    groups = {name.split(".")[0] for name in names if "." in name}
    assert groups == {"profile", "strategy", "sizing", "guards", "rollout", "rollout_guard", "signal"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "exchange.mode",
            "exchange.mode takes effect at a restart only; allowed in conf/exchange/ or as a word",
        ),
        ("kpi.min_fills", "takes effect at a restart only"),
        ("soak.overrides_file", "takes effect at a restart only"),
        ("tuning.table.min_fills", "takes effect at a restart only"),
        ("params.tail_age_ms", "is a run-time parameter; allowed tail_age_ms"),
        ("profile.tail_age_ms", "is a run-time parameter; allowed tail_age_ms"),
        ("sizing", "sizing is a group of values; allowed sizing.leverage, sizing.notional_cap_usd"),
        ("sizing.levrage", "did you mean sizing.leverage?"),
        ("leverage", "did you mean sizing.leverage?"),
        ("_target_", "_target_ is unknown"),
        ("tail_age_ms.x", "is unknown"),
        ("'${oc.env:SECRET}'", "${oc.env:SECRET} is unknown"),
    ],
)
def test_a_name_that_no_patch_may_hold_is_refused_saying_why(name: str, said: str) -> None:
    assert said in refused(GOOD + f"  {name}: 1\n")


def test_every_fault_is_told_one_line_each() -> None:
    text = "owner: desk\nexpires: soon\noverrides:\n  tail_age_ms: 1\n  nothing: 2\n"
    patch, faults = examine(text, where="p.yaml")
    assert patch is None
    assert [fault.split(" ")[0] for fault in faults] == ["p.yaml:4:", "p.yaml:5:", "p.yaml:", "p.yaml:2:"]
    assert refused(text).endswith(" (and 3 more)")


def test_a_secret_is_neither_resolved_nor_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    for old in ("70", "0.10", "desk", "tighter after the fee change"):
        message = refused(GOOD.replace(old, "${oc.env:SECRET}"))
        assert "hunter2" not in message
    assert "owner holds ${; allowed plain text" in refused(GOOD.replace("desk", "${oc.env:SECRET}"))


def test_a_number_in_exponent_form_is_a_number() -> None:
    assert parse_patch(GOOD.replace("0.10", "1e-1"), where="p").values["base_spread_bps_delta"] == 0.1
    assert "is 0.0001; allowed 0.04 to 0.12" in refused(GOOD + "  impact_cap_ratio: 1e-4\n")


def test_what_a_tuner_has_seen_is_part_of_the_patch() -> None:
    (window,) = parse_patch(TUNED, where="p.yaml").tuned_on
    assert window.tape == DIGEST
    assert (window.start, window.end) == (
        datetime(2025, 10, 1, tzinfo=UTC),
        datetime(2025, 10, 1, 3, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (DIGEST, "abc", "p.yaml:8: tape is abc; allowed the tape's digest"),
        ("start: 2025-10-01T00:00:00Z", "start: 2025-10-02T00:00:00Z", "is not before end"),
        ("start: 2025-10-01T00:00:00Z", "start: yesterday", "start is yesterday; allowed a moment like"),
        ("start: 2025-10-01T00:00:00Z", "start: null", "lacks a start or an end"),
        ("start: 2025-10-01T00:00:00Z, ", "", "an item without or beside tape, start and end"),
        (TUNED[len(GOOD) + len("tuned_on:") :], " {}\n", "tuned_on is a mapping; allowed a list of"),
    ],
)
def test_a_window_that_is_not_one_is_refused(old: str, new: str, said: str) -> None:
    assert said in refused(TUNED.replace(old, new))


def test_a_rendered_patch_reads_back_as_the_same_patch() -> None:
    patch = parse_patch(TUNED, where="p.yaml")
    text = render_patch(replace(patch, environment="paper", commit="c0ffee", config_sha="abc", generation=7))
    back = parse_patch(text, where="live.json", json=True)
    assert (back.values, back.reason, back.owner) == (patch.values, patch.reason, patch.owner)
    assert (back.expires, back.tuned_on) == (patch.expires, patch.tuned_on)
    assert (back.environment, back.commit, back.config_sha, back.generation) == ("paper", "c0ffee", "abc", 7)
    assert render_patch(back) == text
    assert text.count("\n") == 1


def test_only_what_an_agent_rendered_may_change_nothing() -> None:
    text = '{"commit":"c0ffee","overrides":{}}'
    assert parse_patch(text, where="live.json", json=True).values == {}
    assert "overrides is missing or empty" in refused('{"overrides":{}}', json=True)
    assert "overrides is missing or empty" in refused("{}", json=True)
    assert "commit is unknown" in refused(GOOD + "commit: c0ffee\n")


def test_a_patch_ends_at_its_moment_and_not_before() -> None:
    patch = parse_patch(GOOD, where="p.yaml")
    assert not is_expired(patch, datetime(2025, 10, 19, 23, 59, 59, tzinfo=UTC))
    assert is_expired(patch, datetime(2025, 10, 20, tzinfo=UTC))
    assert not is_expired(parse_patch('{"tail_age_ms":500}', where="p", json=True), datetime.now(UTC))


def test_the_variable_holds_a_flat_patch() -> None:
    name = "MM_RUNTIME_OVERRIDES_JSON"
    patch = patch_of_environment({name: '{"tail_age_ms": 500, "sizing.leverage": 2}'})
    assert patch is not None
    assert patch.values == {"tail_age_ms": 500, "sizing.leverage": 2.0}
    assert str(patch.source("tail_age_ms")) == f"environment {name}"
    assert patch_of_environment({name: ""}) is patch_of_environment({}) is None
    for text, said in (
        ('{"tail_age_ms": 5}', f"environment: {name} (tail_age_ms) is 5; allowed 400 to 1000"),
        ('{"reason": "x"}', f"environment: {name} (reason) is unknown"),
        ("{}", f"environment: {name} names nothing"),
        ("tail_age_ms=500", f"{name}:1: is not JSON"),
    ):
        with pytest.raises(ConfigError) as caught:
            patch_of_environment({name: text})
        assert str(caught.value).startswith(said)
