"""Which thresholds are in force: words, variables, the deciding profile, and what is never relaxed."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from framework.gates.errors import KpiError
from framework.gates.kpi import Profile
from framework.gates.profiles import ENVIRONMENT, deciding_profile, with_environment
from framework.settings.errors import ConfigError
from framework.settings.kpi_profiles import load_kpi_profile
from tests.gates.kpi_cases import SHIPPED
from tests.realdata import ROOT


def deciding(selected: Profile, decides: str, **environ: str) -> Profile:
    return deciding_profile(selected=selected, decides=decides, shipped=SHIPPED, environ=environ)


def changed(name: str, **hard: float) -> Profile:
    return replace(SHIPPED[name], hard={**SHIPPED[name].hard, **hard})


def test_the_audit_profile_holds_the_documents_numbers_verbatim() -> None:
    profile = SHIPPED["audit_3h"]
    assert profile.judge == "point"
    assert profile.hard == {
        "net_bps": 2.5,
        "adverse_bps_p95": 5.0,
        "cancel_ratio": 0.65,
        "maker_share_pct": 80.0,
    }
    assert profile.soft == {
        "net_bps": 2.8,
        "slippage_bps_p95": 3.5,
        "order_age_p95_ms": 340.0,
        "ws_lag_p95_ms": 130.0,
        "maker_share_pct": 85.0,
    }
    assert profile.ideal == {
        "net_bps": 3.0,
        "slippage_bps_p95": 3.0,
        "order_age_p95_ms": 330.0,
        "ws_lag_p95_ms": 120.0,
        "maker_share_pct": 90.0,
    }


def test_the_shipped_scaled_profile_decides_for_itself() -> None:
    assert deciding(SHIPPED["scaled"], "scaled") == SHIPPED["scaled"]


def test_a_word_on_the_selected_profile_binds_whichever_profile_decides() -> None:
    selected = changed("scaled", net_bps=9.0)
    assert deciding(selected, "scaled").hard["net_bps"] == 9.0
    tightened = deciding(selected, "audit_3h")
    assert tightened.name == "audit_3h"
    assert tightened.hard == {**SHIPPED["audit_3h"].hard, "net_bps": 9.0}


def test_a_teams_own_profile_may_decide() -> None:
    own = replace(SHIPPED["scaled"], name="desk", hard={"net_bps": 1.0})
    assert deciding(own, "desk") == own
    assert deciding(own, "audit_3h").hard == SHIPPED["audit_3h"].hard


@pytest.mark.parametrize(
    ("metric", "value"), [("net_bps", 2.0), ("cancel_ratio", 0.9), ("maker_share_pct", 10.0)]
)
def test_the_audit_profile_is_never_relaxed(metric: str, value: float) -> None:
    with pytest.raises(KpiError, match=f"kpi.hard.{metric}: {value} loosens .* never relaxed"):
        deciding(changed("audit_3h", **{metric: value}), "audit_3h")
    without = replace(
        SHIPPED["audit_3h"], hard={k: v for k, v in SHIPPED["audit_3h"].hard.items() if k != metric}
    )
    with pytest.raises(KpiError, match="never relaxed"):
        deciding(without, "audit_3h")


def test_an_unknown_deciding_profile_is_refused() -> None:
    with pytest.raises(
        KpiError, match=r"kpi\.decides: strict is not a KPI profile; allowed audit_3h, readiness"
    ):
        deciding(SHIPPED["scaled"], "strict")


def test_variables_set_the_thresholds_the_documents_name() -> None:
    environ = dict.fromkeys(ENVIRONMENT, "0.5")
    found = with_environment(profile=SHIPPED["readiness"], environ=environ)
    assert set(found.hard.values()) == {0.5}
    assert set(found.soft.values()) == {0.5}
    assert found.hard.keys() == SHIPPED["readiness"].hard.keys()


def test_a_variable_for_adverse_binds_the_unit_the_profile_judges_in() -> None:
    found = deciding(SHIPPED["scaled"], "scaled", KPI_ADVERSE_FAIL="7", KPI_SLIPPAGE_WARN="1.25")
    assert (found.hard["adverse_u_p95"], found.soft["slippage_u_p95"]) == (7.0, 1.25)
    assert "adverse_bps_p95" not in found.hard


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("KPI_ADVRSE_FAIL", "1", "KPI_ADVRSE_FAIL is not a KPI variable; allowed .*KPI_ADVERSE_FAIL"),
        ("KPI_CANCEL_FAIL", "much", "KPI_CANCEL_FAIL is 'much'; allowed a finite number"),
        ("KPI_CANCEL_FAIL", "nan", "allowed a finite number"),
        ("KPI_CANCEL_FAIL", "", "allowed a finite number"),
    ],
)
def test_a_variable_that_means_nothing_is_refused(name: str, value: str, says: str) -> None:
    with pytest.raises(KpiError, match=says):
        deciding(SHIPPED["scaled"], "scaled", **{name: value})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("kpi.hard.net_bp=1",), r"kpi\.hard\.net_bp is unknown; .*did you mean net_bps\?"),
        (("kpi.hard.net_bps=lots",), r"kpi\.hard\.net_bps is lots"),
        (("kpi.hard.cancel_ratio=1.5",), r"kpi\.hard\.cancel_ratio is 1\.5"),
        (("kpi.hard.net_bps=nan",), "finite"),
        (("hard.net_bps=1",), "is not a word of the form kpi.key=value"),
        (("kpi.hard.net_bps",), "is not a word of the form kpi.key=value"),
        (("kpi.name.x=1",), "goes through name, which is a single value"),
    ],
)
def test_a_word_that_means_nothing_is_refused(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load_kpi_profile(root=ROOT, name="scaled", words=words)


def test_a_profile_nobody_ships_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"kpi: audit3h is not a profile; .*did you mean audit_3h\?"):
        load_kpi_profile(root=ROOT, name="audit3h")


def test_a_profile_file_must_be_called_what_it_says(tmp_path: Any) -> None:
    folder = tmp_path / "conf" / "kpi"
    folder.mkdir(parents=True)
    text = (ROOT / "conf" / "kpi" / "scaled.yaml").read_text()
    (folder / "desk.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"conf/kpi/desk\.yaml:\d+: name is scaled; allowed desk"):
        load_kpi_profile(root=tmp_path, name="desk")
    assert yaml.safe_load(text)["decides"] == "scaled"
