"""gitops/: strict files, one line a fault, and what each of them means."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from framework.errors import QuoteopsError
from framework.gitops.change.report import RUNS, PathClass, class_of
from framework.gitops.errors import GitopsError
from framework.gitops.gate.evidence import open_evidence, tapes_of
from framework.market.made import Made
from framework.market.store import write_tape
from framework.market.synthetic import generate
from framework.settings.check import check_conf
from framework.settings.environment import compose_environment
from framework.settings.gitops_files import read_environment, read_policy, read_tapes
from framework.settings.schema.gitops import EvidenceTape
from tests.gitops.repository import DESIRED, ROOT

POLICY, TAPES = "gitops/policy.yaml", "gitops/tapes.yaml"
SANDBOX = "gitops/environments/sandbox.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in DESIRED:
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def edit(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text("utf-8")
    assert old in text
    (root / name).write_text(text.replace(old, new, 1), "utf-8")


def test_the_shipped_files_are_valid_and_every_environment_composes(root: Path) -> None:
    check_conf(root=root)
    policy, tapes = read_policy(root), read_tapes(root)
    assert {tape.regime for tape in tapes} == {"normal", "event", "high_vol"}
    assert {tape.market for tape in tapes} == {"liquid", "thin"}
    assert not policy.tiers.production.synthetic_alone
    assert not policy.tiers.production.warn_promotes
    assert not policy.tiers.paper.synthetic_alone


FAULTS = [
    (POLICY, "poll_s: 5.0", "pol_s: 5.0", r"policy.yaml:\d+: agent.pol_s is unknown; .*did you mean poll_s"),
    (POLICY, "min_interval_ms: {step: 40}", "min_interval_ms: {stpe: 40}", "stpe is unknown; .*mean step"),
    (POLICY, "min_interval_ms: {step: 40}", "min_interval_ms: 40", "min_interval_ms is not a mapping"),
    (POLICY, "min_interval_ms: {step: 40}", "min_interval_ms: {step: 0}", "step is 0; allowed above 0"),
    (POLICY, "net: better", "net: best", "tiers.production.net is best; allowed better, not_worse"),
    (POLICY, "signed: false", "signed: true", "tiers.sandbox.signed is true; allowed with at least one line"),
    (POLICY, "block_s: 60, horizon: 5s", "block_s: 50, horizon: 30s", "allowed at least twice the horizon"),
    (POLICY, "share: 0.5", "share: 1.0", "budget.share is 1.0; allowed above 0.0 to below 1.0"),
    (POLICY, "freeze: []", "freeze: [{reason: x}]", "a freeze needs start and end, or weekly_from"),
    (POLICY, "freeze: []", "freeze: [{reason: x, weekly_from: Fri 20:00, weekly_to: Fri 24:00}]",
     "weekly_to is Fri 24:00"),
    (POLICY, "freeze: []", "freeze: [{reason: x, start: 2026-02-30T00:00:00Z, end: 2026-03-01T00:00:00Z}]",
     "allowed a real moment"),
    (POLICY, "owners: ", "owners: ${oc.env:OWNERS} # ", r"holds \$\{"),
    (POLICY, "alpha: 0.05 ", "alpha: 0.05\n  alpha: 0.5 ", "alpha is given twice"),
    (TAPES, "market: thin", "market: thick", "market is thick; allowed liquid, thin"),
    (TAPES, "synthetic: {", "location: x\n    synthetic: {", "allowed either synthetic or location"),
    (TAPES, "synthetic: {preset: liquid_perp, seed: 101, hours: 8.0}", "location: x", "digest is missing"),
    (TAPES, "  liquid-normal:\n", "  liquid-normal:\n    name: x\n", "name is not needed"),
    (TAPES, "tapes:\n", "tapes: []\nmore:\n", "more is unknown; allowed tapes"),
    (SANDBOX, "name: sandbox", "name: paper", "name is paper; allowed sandbox, as the file is called"),
    (SANDBOX, "words: []", "words: [params.tail_age_ms=500]", "allowed in the overrides file"),
    (SANDBOX, "words: []", "words: [profile=moderate]", "which have keys of their own"),
    (SANDBOX, "words: []", "words: [sizing]", "allowed key=value"),
    (SANDBOX, "overrides/sandbox.yaml", "overrides/none.yaml", "allowed a patch file that exists"),
    (SANDBOX, "overrides/sandbox.yaml", "overrides/../a.yaml", "allowed a file like runtime_overrides/"),
    (SANDBOX, "candidate: null", "candidate: /etc/try.yaml", "allowed a file like runtime_overrides/"),
    (SANDBOX, "tapes: [liquid-normal,", "tapes: [liquid-norml,", "did you mean liquid-normal"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "says"), FAULTS, ids=[str(k) for k in range(len(FAULTS))])
def test_a_fault_is_one_line_that_names_the_file(
    root: Path, name: str, old: str, new: str, says: str
) -> None:
    edit(root, name, old, new)
    with pytest.raises(QuoteopsError, match=says) as told:
        check_conf(root=root)
    assert str(told.value).startswith(name)
    assert "\n" not in str(told.value)


def test_config_check_composes_every_environment(root: Path) -> None:
    edit(root, SANDBOX, "profile: S1", "profile: S3")
    with pytest.raises(QuoteopsError, match="conf/profile has no S3"):
        check_conf(root=root)


def test_a_value_that_a_word_and_the_patch_both_set_is_refused(root: Path) -> None:
    edit(root, SANDBOX, "words: []", "words: [sizing.leverage=2.0]")
    assert compose_environment(root, "sandbox").settings.sizing.leverage == 2.0
    edit(root, "runtime_overrides/sandbox.yaml", "  min_interval_ms: 70", "  sizing.leverage: 3.0")
    with pytest.raises(
        QuoteopsError, match=r"words sets sizing\.leverage, as runtime_overrides/sandbox\.yaml"
    ):
        compose_environment(root, "sandbox")


def test_an_environment_without_a_patch_runs_its_profile(root: Path) -> None:
    edit(root, SANDBOX, "overrides: runtime_overrides/sandbox.yaml", "overrides: null")
    assert compose_environment(root, "sandbox").settings.params.min_interval_ms == 60


def test_a_patch_is_the_source_of_its_values(root: Path) -> None:
    composed = compose_environment(root, "sandbox")
    assert str(composed.sources["params.min_interval_ms"]) == "override file runtime_overrides/sandbox.yaml:5"
    assert str(composed.sources["profile.inflight_max"]).startswith("profile conf/profile/S1.yaml")


def test_variables_do_not_reach_an_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = compose_environment(root, "sandbox").settings
    monkeypatch.setenv("MM_PROFILE", "moderate")
    monkeypatch.setenv("MM_RUNTIME_OVERRIDES_JSON", '{"tail_age_ms": 400}')
    assert compose_environment(root, "sandbox").settings == before


def test_what_judges_is_the_gate_whatever_a_policy_says(root: Path) -> None:
    edit(root, POLICY, "  docs:\n", '  docs:\n    - "*"\n')
    text = (root / POLICY).read_text("utf-8")
    edit(root, POLICY, text[text.index("  judge: ") : text.index("  model:\n")], "")
    policy = read_policy(root)
    for path in (POLICY, TAPES, "conf/kpi/scaled.yaml", ".github/workflows/gate.yml"):
        assert class_of(path, policy) is PathClass.JUDGE, path
    for path in ("runtime_overrides/paper.yaml", "conf/soak.yaml", SANDBOX):
        assert class_of(path, policy) is PathClass.PARAMETERS, path


def test_a_fields_own_rule_comes_before_a_pattern(root: Path) -> None:
    edit(root, POLICY, "  sizing.*: {ratio: 0.5}", "  sizing.*: {ratio: 0.5}\n  sizing.leverage: {step: 1}")
    policy = read_policy(root)
    own, pattern = policy.rule_of("sizing.leverage"), policy.rule_of("sizing.equity_usd")
    assert own is not None
    assert pattern is not None
    assert (own.step, pattern.ratio) == (1, 0.5)
    assert policy.rule_of("kpi.decides") is None


def test_an_environment_may_name_its_tapes(root: Path) -> None:
    tapes = read_tapes(root)
    assert tapes_of(read_environment(root, "paper"), tapes) == tapes
    edit(
        root,
        SANDBOX,
        "tapes: [liquid-normal, liquid-event, liquid-high-vol]",
        "tapes: [thin-event, liquid-normal]",
    )
    chosen = tapes_of(read_environment(root, "sandbox"), tapes)
    assert [tape.name for tape in chosen] == ["thin-event", "liquid-normal"]
    with pytest.raises(GitopsError, match="tapes names thin-event"):
        tapes_of(read_environment(root, "sandbox"), tapes[:1])


def recorded(home: Path, **changes: object) -> EvidenceTape:
    tape = generate(Made(preset="thin_spot", regime="normal", hours=0.2, seed=1, symbol="THINUSDT"))
    write_tape(tape=tape, root=home / "archive")
    words = {
        "name": "recorded", "regime": "normal", "market": "thin", "symbol": "THINUSDT",
        "location": "archive", "digest": tape.meta.digest,
    }  # fmt: skip
    return EvidenceTape.model_validate({**words, **changes})


def test_a_recorded_tape_is_opened_by_its_digest_wherever_it_lies(tmp_path: Path) -> None:
    tape = recorded(tmp_path)
    digest = tape.digest
    assert open_evidence(tape, home=tmp_path).meta.digest == digest
    for location in (str(tmp_path / "archive"), (tmp_path / "archive").as_uri()):
        moved = tape.model_copy(update={"location": location})
        assert open_evidence(moved, home=tmp_path / "elsewhere").meta.digest == digest


def test_another_content_than_the_digest_names_is_refused_and_the_right_digest_said(tmp_path: Path) -> None:
    wrong = recorded(tmp_path, digest="0" * 64)
    right = open_evidence(recorded(tmp_path), home=tmp_path).meta.digest
    with pytest.raises(GitopsError, match=f"recorded: digest is 0000.*the tape's is {right}"):
        open_evidence(wrong, home=tmp_path)


def test_a_window_has_a_digest_of_its_own(tmp_path: Path) -> None:
    whole = recorded(tmp_path)
    cut = {"start": "2025-01-06T06:31:00Z", "end": "2025-01-06T06:35:00Z"}
    with pytest.raises(GitopsError, match="the tape's is") as told:
        open_evidence(whole.model_copy(update=cut), home=tmp_path)
    digest = str(told.value).split("the tape's is ")[1][:64]
    assert len(open_evidence(whole.model_copy(update={**cut, "digest": digest}), home=tmp_path)) > 0


def test_a_tape_of_the_gate_s_own_opens_where_its_variable_is_set_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = recorded(tmp_path).model_dump()
    tape = EvidenceTape.model_validate({**words, "location": None, "location_env": "EVIDENCE_TAPES"})
    for value in (None, ""):
        monkeypatch.delenv("EVIDENCE_TAPES", raising=False)
        if value is not None:
            monkeypatch.setenv("EVIDENCE_TAPES", value)
        with pytest.raises(GitopsError, match="recorded: lies where EVIDENCE_TAPES says, which is not set"):
            open_evidence(tape, home=tmp_path)
    monkeypatch.setenv("EVIDENCE_TAPES", str(tmp_path / "archive"))
    assert open_evidence(tape, home=tmp_path / "elsewhere").meta.digest == tape.digest
    with pytest.raises(ValueError, match="allowed either synthetic or location"):
        EvidenceTape.model_validate({**words, "location_env": "EVIDENCE_TAPES"})


def test_a_synthetic_tape_is_made_from_its_seed(tmp_path: Path) -> None:
    words = {"name": "made", "regime": "event", "market": "thin", "symbol": "THINUSDT"}
    tape = EvidenceTape.model_validate(
        {**words, "synthetic": {"preset": "thin_spot", "seed": 5, "hours": 0.1}}
    )
    made = open_evidence(tape, home=tmp_path)
    again = generate(Made(preset="thin_spot", regime="event", hours=0.1, seed=5, symbol="THINUSDT"))
    assert (tape.is_synthetic, made.meta.digest) == (True, again.meta.digest)


@pytest.mark.parametrize(
    "place", ["https://user:hunter2@127.0.0.1:1/t", "hunter2://x", "/nowhere/hunter2", "zip://hunter2.zip"]
)
def test_where_the_gates_own_tapes_lie_is_in_no_word_of_its(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVIDENCE_TAPES", place)
    tape = EvidenceTape.model_validate(
        {
            "name": "own",
            "regime": "event",
            "market": "thin",
            "symbol": "THINUSDT",
            "location_env": "EVIDENCE_TAPES",
            "digest": "a" * 64,
        }
    )
    with pytest.raises(GitopsError, match="cannot be opened where EVIDENCE_TAPES says") as caught:
        open_evidence(tape, home=tmp_path)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_code_owners_are_those_of_the_policy_for_all_that_judges_and_trades() -> None:
    policy = read_policy(ROOT)
    lines = (ROOT / ".github" / "CODEOWNERS").read_text("utf-8").splitlines()
    rules = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    paths = policy.paths
    judged = (*paths.judge, *paths.model, *paths.parameters)
    assert set(rules) == {f"/{pattern.removesuffix('*')}" for pattern in judged} | set(RUNS)
    assert set(rules.values()) == {" ".join(policy.owners)}
