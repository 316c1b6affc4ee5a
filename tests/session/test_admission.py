"""`quoteops overrides check` and a session that follows the file take the same patches, in the same words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from framework.session.reload import LiveSettings
from framework.settings.compose import compose_run
from framework.settings.errors import ConfigError
from tests.command import private_copy

NAME = "runtime_overrides/sandbox.json"
FILE = Path("gitops/environments/sandbox.yaml")
TRIED = {"base_spread_bps_delta": 0.2, "sizing.max_position_quotes": 2.0}
RENDERED = {"commit": "a" * 40, "environment": "sandbox", "generation": 3, "config_sha": "b" * 64}


def said(**values: Any) -> dict[str, Any]:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return {"reason": "r", "owner": "o", "overrides": named}


CASES: list[tuple[str, Any, str]] = [
    ("a value", said(tail_age_ms=700), ""),
    ("a bare mapping", {"tail_age_ms": 700}, ""),
    ("what an agent renders", {**RENDERED, "overrides": {"tail_age_ms": 700}}, ""),
    ("an agent's nothing", {**RENDERED, "overrides": {}}, ""),
    ("a rollout of the candidate at hand", said(rollout__mode="canary"), ""),
    ("a rollout with its candidate", said(rollout__mode="full", rollout__candidate=TRIED), ""),
    ("no rollout any more", said(rollout__mode="disabled", rollout__candidate=None), ""),
    ("what waits until flat", said(sizing__leverage=3.0), ""),
    ("a rollout of nothing", said(rollout__mode="canary", rollout__candidate=None), "without a candidate"),
    ("out of bounds", said(tail_age_ms=5), "tail_age_ms is 5; allowed 400 to 1000"),
    ("a restart", said(exchange__feed_ms=1.0), "takes effect at a restart only"),
    ("no field", said(nonsense=1), "nonsense is unknown"),
    ("a quote beyond its cap", said(sizing__quote_notional_usd=90000.0), "quote_notional_usd is 90000"),
    ("a candidate out of bounds", said(rollout__candidate={"tail_age_ms": 5}), "tail_age_ms is 5"),
    ("a candidate that tries itself", said(rollout__candidate={"rollout.mode": "full"}),
     "how a candidate is tried"),
    ("a candidate that waits", said(rollout__candidate={"sizing.leverage": 2.0}), "takes effect once flat"),
    ("a candidate beyond its cap", said(rollout__candidate={"sizing.quote_notional_usd": 90000.0}),
     "quote_notional_usd is 90000"),
    ("two faults", said(tail_age_ms=5, min_interval_ms=5), "tail_age_ms is 5"),
    ("nobody's", {"overrides": {"tail_age_ms": 700}}, "reason is missing"),
    ("no object", [1], "holds a list"),
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository whose sandbox has a JSON patch and a candidate."""
    root = private_copy(tmp_path_factory.mktemp("admission"))
    text = (root / FILE).read_text().replace("runtime_overrides/sandbox.yaml", NAME)
    (root / FILE).write_text(text.replace("candidate: null", "candidate: runtime_overrides/try.yaml"))
    (root / "runtime_overrides" / "try.yaml").write_text(
        "reason: r\nowner: o\noverrides: {tail_age_ms: 800}\n"
    )
    (root / NAME).write_text(json.dumps(said(tail_age_ms=650)))
    return root


@pytest.mark.parametrize(("patch", "fault"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_both_take_what_either_takes_and_refuse_it_in_the_same_words(
    root: Path, patch: Any, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    words = ("soak.environment=sandbox", "soak.overrides_file=null")
    composed = compose_run(words=words, root=root, environ={})
    live = LiveSettings(composed.settings, composed.patched)
    text = json.dumps(patch)
    (root / NAME).write_text(text)
    code = main(["overrides", "check", NAME])
    lines = capsys.readouterr().err.splitlines()
    if not fault:
        assert (code, lines) == (0, [])
        live.offer(text, where=NAME, sha="")
        return
    assert code == 2
    assert fault in lines[0]
    with pytest.raises(ConfigError) as refused:
        live.offer(text, where=NAME, sha="")
    assert str(refused.value).partition(" (and ")[0] == lines[0].removeprefix("error: ")


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ("{tail_age_ms: 800}", ""),
        ("{sizing.quote_notional_usd: 90000.0}", "quote_notional_usd is 90000"),
        ("{sizing.leverage: 2.0}", "try.yaml:3: sizing.leverage takes effect once flat"),
        ("{rollout.mode: full}", "try.yaml:3: rollout.mode says how a candidate is tried"),
    ],
)
def test_a_candidates_file_is_checked_as_one(
    root: Path, values: str, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    path = root / "runtime_overrides" / "try.yaml"
    before = path.read_text()
    path.write_text(f"reason: r\nowner: o\noverrides: {values}\n")
    code = main(["overrides", "check", "runtime_overrides/try.yaml"])
    path.write_text(before)
    out = capsys.readouterr()
    assert (code, fault in out.err) == (2 if fault else 0, True)
