"""A run of an environment: its file says what lies beneath; what the agent keeps in force lies over it."""

import json
from pathlib import Path

import pytest

from framework.settings.compose import Composed, compose_run, live_overrides
from framework.settings.environment import compose_environment
from framework.settings.errors import ConfigError
from framework.settings.overrides import parse_patch
from framework.settings.provenance import Layer
from tests.command import private_copy

FILE = Path("gitops/environments/sandbox.yaml")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a repository whose sandbox trades a canary."""
    root = private_copy(tmp_path)
    text = (root / FILE).read_text().replace("rollout: disabled", "rollout: canary")
    text = text.replace("words: []", "words: [rollout.canary_fraction=0.5, sizing.max_position_quotes=3]")
    (root / FILE).write_text(text.replace("candidate: null", "candidate: runtime_overrides/try.yaml"))
    (root / "runtime_overrides" / "try.yaml").write_text(
        "reason: r\nowner: o\noverrides: {tail_age_ms: 700}\n"
    )
    return root


def composed(root: Path, *words: str) -> Composed:
    return compose_run(words=("soak.environment=sandbox", *words), root=root, environ={})


def test_a_run_of_an_environment_trades_its_rollout_with_its_candidate(root: Path) -> None:
    found = composed(root)
    rollout = found.settings.rollout
    assert (rollout.mode, rollout.canary_fraction, rollout.candidate) == ("canary", 0.5, {"tail_age_ms": 700})
    assert found.sources["rollout.canary_fraction"].where == "gitops/environments/sandbox.yaml"
    assert found.sources["rollout.candidate"].where.startswith("runtime_overrides/try.yaml")


def test_what_is_in_force_lies_over_the_words_of_the_file_and_beneath_those_of_the_run(root: Path) -> None:
    live = live_overrides(root, "sandbox")
    live.parent.mkdir(parents=True)
    values = {
        "rollout.canary_fraction": 0.2,
        "rollout.candidate": {"tail_age_ms": 800},
        "sizing.max_position_quotes": 2.0,
    }
    live.write_text(json.dumps({"overrides": values, "reason": "r", "owner": "o"}))
    found = composed(root, "sizing.max_position_quotes=4")
    assert found.settings.rollout.canary_fraction == 0.2
    assert found.settings.rollout.candidate == {"tail_age_ms": 800}
    assert found.settings.sizing.max_position_quotes == 4.0
    assert found.sources["sizing.max_position_quotes"].layer is Layer.COMMAND_LINE


def test_a_patch_that_comes_later_ends_the_rollout_of_the_file(root: Path) -> None:
    back = {"rollout.mode": "disabled", "rollout.candidate": None}
    settings = composed(root).patched(parse_patch(json.dumps(back), where="p", json=True))
    assert (settings.rollout.mode, settings.candidate) == ("disabled", None)


def test_a_candidate_that_is_not_there_is_refused_by_the_environments_file(root: Path) -> None:
    (root / "runtime_overrides" / "try.yaml").unlink()
    with pytest.raises(ConfigError, match=r"^gitops/environments/sandbox\.yaml: rollout\.candidate_file is"):
        composed(root)


def test_a_patch_that_contradicts_the_group_is_accused_with_its_line(root: Path) -> None:
    patch = root / "runtime_overrides" / "sandbox.yaml"
    text = patch.read_text().replace("overrides:\n", "overrides:\n  sizing.quote_notional_usd: 30000.0\n")
    patch.write_text(text)
    line = text.splitlines().index("  sizing.quote_notional_usd: 30000.0") + 1
    told = f"^runtime_overrides/sandbox.yaml:{line}: sizing: quote_notional_usd is 30000; allowed up to"
    with pytest.raises(ConfigError, match=told):
        composed(root)
    with pytest.raises(ConfigError, match=told):
        compose_environment(root, "sandbox")
    with pytest.raises(ConfigError, match=r"^command line: sizing: quote_notional_usd is 30000"):
        composed(root, "sizing.notional_cap_usd=1000")


def test_a_candidate_that_contradicts_its_baseline_is_accused_in_its_own_file(root: Path) -> None:
    file = root / "runtime_overrides" / "try.yaml"
    file.write_text("reason: r\nowner: o\noverrides:\n  sizing.quote_notional_usd: 30000.0\n")
    with pytest.raises(
        ConfigError, match=r"^runtime_overrides/try.yaml:3: overrides: quote_notional_usd is 30000"
    ):
        composed(root)


def test_words_of_the_environments_file_that_contradict_each_other_are_accused_there(root: Path) -> None:
    file = root / FILE
    file.write_text(file.read_text().replace("max_position_quotes=3", "quote_notional_usd=30000"))
    with pytest.raises(
        ConfigError, match=r"^gitops/environments/sandbox.yaml: sizing: quote_notional_usd is"
    ):
        composed(root)
