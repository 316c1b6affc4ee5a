"""Patches of the run-time parameters: all of it is right, or none of it is taken."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.errors import QuoteopsError
from framework.settings.errors import ConfigError
from framework.settings.overrides import parse_patch, read_patch

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
        " allowed 0.0 to 0.6 (bps, added to the half-spread)"
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
            "p.yaml:2: ownr is unknown; allowed reason, owner, expires, tuned_on, overrides; did you mean owner?",
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
