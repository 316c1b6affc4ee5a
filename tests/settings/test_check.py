"""Everything conf/ offers is checked before it is chosen; `make conf` checks this repository's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framework.settings.check import Checked, check_conf
from framework.settings.errors import ConfigError

Edit = Callable[[str, str, str], None]


@pytest.fixture
def small(root: Path) -> Path:
    """Leave two profiles, two markets and two lengths to choose from."""
    kept = {"S1", "conservative", "synthetic", "tape", "mini_3h", "24h"}
    kept |= {"sim", "glft", "on", "standard", "disabled", "proxy", "scaled", "driver_aware"}
    for path in (root / "conf").glob("*/*.yaml"):
        if path.stem not in kept and path.name != "off.yaml":
            path.unlink()
    for group in ("md_cache", "tuning"):
        (root / "conf" / group / "off.yaml").unlink()
    (root / "conf" / "cost_model" / "standard.yaml").unlink()
    return root


def test_every_file_is_composed_and_every_combination_validated(small: Path) -> None:
    assert check_conf(root=small) == [Checked("soak", options=17, combinations=8, exhaustive=True)]


def test_more_combinations_than_can_be_tried_are_tried_in_pairs(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framework.settings.check.FULL_PRODUCT", 7)
    (checked,) = check_conf(root=small)
    assert not checked.exhaustive
    assert checked.combinations > 8


def test_a_fault_in_a_file_nobody_chose_is_found(small: Path, edit: Edit) -> None:
    edit("conf/profile/conservative.yaml", "inflight_max: 5", "inflight_max: 500")
    with pytest.raises(ConfigError, match=r"conservative\.yaml:9: inflight_max is 500; allowed 1 to 50"):
        check_conf(root=small)


def test_a_combination_that_contradicts_itself_is_found(small: Path, edit: Edit) -> None:
    edit("conf/soak/24h.yaml", "${oc.env:SOAK_HOURS,24}", "tape")
    with pytest.raises(ConfigError, match=r"soak\.hours is tape but market is synthetic"):
        check_conf(root=small)


def test_a_folder_no_run_chooses_from_is_found(root: Path) -> None:
    (root / "conf" / "sizng").mkdir()
    with pytest.raises(ConfigError, match="conf/sizng: no primary conf chooses from it"):
        check_conf(root=root)


@pytest.mark.parametrize(
    ("name", "text"), [("paper.yaml", "owner: x"), ("live.json", '{"tail_age_ms": 1}'), ("x.txt", "")]
)
def test_a_broken_patch_is_found(root: Path, name: str, text: str) -> None:
    (root / "runtime_overrides" / name).write_text(text)
    with pytest.raises(ConfigError, match=f"runtime_overrides/{name}"):
        check_conf(root=root)
