"""A change classified: by class of file, by environment, by direction of risk; refused in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.cli.main import main
from framework.gitops.change.report import ChangeReport
from framework.gitops.change.text import change_lines, change_markdown, verdict_line
from framework.gitops.errors import GitopsError
from framework.settings.overrides import Direction
from tests.gitops.repository import Repo, classified, desired_state, ssh_key

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
SANDBOX = "runtime_overrides/sandbox.yaml"
PRODUCTION = "runtime_overrides/production.yaml"
DIGEST = "0a" * 32

Edit = Callable[[Repo], object]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return desired_state(tmp_path / "repo")


def judged(repo: Repo, edit: Edit, *, environment: str | None = None, now: datetime = NOW) -> ChangeReport:
    """Make the edit a commit on main and classify it."""
    base = repo.git("rev-parse", "HEAD")
    edit(repo)
    return classified(repo.reader, base, repo.commit(), environment, now=now)


def replacing(name: str, old: str, new: str) -> Edit:
    return lambda repo: repo.edit(name, old, new)


def writing(name: str, text: str | bytes) -> Edit:
    return lambda repo: repo.write(name, text)


def both(*edits: Edit) -> Edit:
    return lambda repo: [edit(repo) for edit in edits]


def policy(old: str, new: str, repo: Repo) -> None:
    """Change the policy of the base."""
    repo.edit("gitops/policy.yaml", old, new)
    repo.commit("policy")


def test_a_wider_spread_reduces_risk_and_needs_no_gate(repo: Repo) -> None:
    report = judged(repo, replacing(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.6"))
    (change,) = [env for env in report.environments if env.changes]
    assert (change.name, change.direction, change.needs) == ("sandbox", Direction.REDUCING, "check")
    assert (report.verdict, report.classification, report.exit_code) == ("check", "reducing", 0)
    assert report.paths == {"parameters": (SANDBOX,)}
    assert verdict_line(report) == "OK: no further evidence is needed for sandbox (reducing)"


def test_a_tighter_spread_increases_risk_and_a_gate_decides(repo: Repo) -> None:
    report = judged(repo, replacing(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05"))
    assert report.verdict == "gate"
    assert verdict_line(report) == "GATE: the paired gate decides for sandbox (increasing)"
    (change,) = [env for env in report.environments if env.changes]
    assert change.base is not None
    assert change.head is not None
    assert change.base.params.base_spread_bps_delta == 0.10
    assert change.head.params.base_spread_bps_delta == 0.05


def test_a_field_without_a_direction_is_gated_and_a_mixture_counts_as_increasing(repo: Repo) -> None:
    calmer = replacing(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 80")
    wider = replacing(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.15")
    assert judged(repo, calmer).classification == "gated"
    assert (
        judged(repo, both(wider, replacing(SANDBOX, "tail_age_ms: 650", "tail_age_ms: 700"))).verdict
        == "gate"
    )
    assert judged(
        repo, both(replacing(SANDBOX, "0.15", "0.2"), replacing(SANDBOX, "700", "720"))
    ).classification == ("increasing")


def test_a_change_of_conf_reaches_every_environment_that_chooses_the_file(repo: Repo) -> None:
    report = judged(repo, replacing("conf/profile/S1.yaml", "inflight_max: 9", "inflight_max: 8"))
    assert {env.name: str(env.direction) for env in report.environments} == {
        "paper": "gated",
        "production": "neutral",
        "sandbox": "gated",
        "thin": "gated",
    }


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("README.md", "hello", "docs"),
        ("tests/test_x.py", "", "docs"),
        ("framework/x.py", "", "judge"),
        ("gitops/tapes.yaml", None, "judge"),
        ("conf/kpi/scaled.yaml", None, "judge"),
        (".github/workflows/gate.yml", "", "judge"),
        ("models/registry/x.json", "{}", "model"),
        ("Makefile", "", "judge"),
        ("deploy.sh", "", "code"),
        (SANDBOX, None, "parameters"),
    ],
)
def test_a_file_that_changes_no_value_leaves_every_environment_neutral(
    repo: Repo, name: str, text: str | None, kind: str
) -> None:
    comment = "# a remark\n"
    report = judged(
        repo,
        lambda r: r.write(name, text if text is not None else (r.path / name).read_text("utf-8") + comment),
    )
    assert report.paths == {kind: (name,)}
    assert report.verdict == "neutral", report.refusals
    assert {env.direction for env in report.environments} == {Direction.NEUTRAL}


def test_a_seed_and_the_order_of_keys_change_nothing_that_runs(repo: Repo) -> None:
    swapped = replacing(
        SANDBOX,
        "  min_interval_ms: 70\n  replace_rate_per_min: 280\n",
        "  replace_rate_per_min: 280\n  min_interval_ms: 70\n",
    )
    seeded = replacing("gitops/environments/sandbox.yaml", "words: []", "words: [soak.seed=99]")
    assert judged(repo, both(swapped, seeded)).verdict == "neutral"


BAD = [
    (SANDBOX, "min_interval_ms: 70", "min_interval_ms: 7", r"sandbox.yaml:5: .*is 7; allowed 50"),
    (SANDBOX, "min_interval_ms: 70", "min_interval_ms: 70.5", r"is 70\.5"),
    (SANDBOX, "min_interval_ms: 70", "min_interval_ms: no", r"sandbox.yaml:5: no reads differently"),
    (SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: .nan", r"allowed finite"),
    (SANDBOX, "tail_age_ms: 650", "tail_age_ms: 650\n  tail_age_ms: 700", r"given twice"),
    (SANDBOX, "tail_age_ms: 650", "tail_age_ms: [", r"is not YAML"),
    (SANDBOX, "tail_age_ms: 650", "tail_age: 650", r"tail_age.*did you mean tail_age_ms"),
    (SANDBOX, "tail_age_ms: 650", "_target_: os.system", r"_target_"),
    (SANDBOX, "tail_age_ms: 650", "tail_age_ms: ${oc.env:SECRET}", r"tail_age_ms"),
    (SANDBOX, "reason: the", "reason: ${oc.env:SECRET} the", r"\$\{"),
    (SANDBOX, "owner: market-making", "expires: 2026-03-01T00:00:00Z\nowner: x", r"expires .* is past"),
    ("conf/sizing/standard.yaml", "leverage:", "_target_: os.system\nleverage:", r"_target_ is not allowed"),
    ("conf/rollout/full.yaml", "mode: full", "mode: ${oc.env:SECRET,x}", r"\$\{oc.env:SECRET"),
    ("conf/soak.yaml", "defaults:", "nonsense: 1\ndefaults:", r"nonsense"),
    ("gitops/environments/sandbox.yaml", "tier: sandbox", "teir: sandbox", r"did you mean tier"),
    ("gitops/environments/sandbox.yaml", "words: []", "words: [kpi.hard.net_bps=-9]", r"words: kpi\.hard"),
    ("gitops/environments/sandbox.yaml", "profile: S1", "profile: S2", r"has no S2"),
    ("gitops/environments/sandbox.yaml", "overrides: runtime_overrides/sandbox.yaml",
     "overrides: ../secret.yaml", r"overrides is \.\./secret"),
    ("gitops/environments/sandbox.yaml", "tapes: [liquid-normal,",
     "tapes: [nowhere,", r"tapes names nowhere"),
    ("gitops/environments/sandbox.yaml", "models: {}", "models: {a: latest}", r"models"),
    ("gitops/policy.yaml", "alpha: 0.005", "alpha: 0.5", r"policy.yaml:\d+: gate.alpha is 0.5; allowed"),
    ("gitops/tapes.yaml", "preset: liquid_perp, seed: 101", "preset: liquid, seed: 101", r"preset is liquid"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "says"), BAD, ids=[f"{k}" for k in range(len(BAD))])
def test_bad_input_is_refused_in_one_line_that_names_the_file(
    repo: Repo, name: str, old: str, new: str, says: str
) -> None:
    report = judged(repo, replacing(name, old, new))
    assert report.exit_code == 1
    refusal = next((line for line in report.refusals if re.search(says, line)), None)
    assert refusal is not None, report.refusals
    assert "\n" not in refusal
    assert str(repo.path.parent) not in " ".join(report.refusals), "a temporary folder is named"


def test_a_link_a_submodule_and_a_large_file_are_refused_before_anything_is_read(repo: Repo) -> None:
    def link(repo: Repo) -> None:
        (repo.path / SANDBOX).unlink()
        (repo.path / SANDBOX).symlink_to("/etc/passwd")

    base = repo.git("rev-parse", "HEAD")
    assert "sandbox.yaml: is a symbolic link" in judged(repo, link).refusals[0]
    repo.git("reset", "--quiet", "--hard", base)
    large = judged(repo, writing(SANDBOX, b"#" * 1_000_001))
    assert "holds 1000001 bytes; allowed up to 1000000" in large.refusals[0]


def test_bytes_that_are_no_text_are_refused_by_the_files_own_name(repo: Repo) -> None:
    report = judged(repo, writing(SANDBOX, b"reason: \xff\n"))
    assert report.refusals[0].startswith(f"{SANDBOX}: is not UTF-8 text")


def test_a_field_moves_by_its_step_at_most_unless_it_reduces_risk(repo: Repo) -> None:
    far = judged(repo, replacing(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 170"))
    assert far.refusals == (
        "sandbox: min_interval_ms goes from 70 to 170 ms; allowed a step of 40 (gitops/policy.yaml)",
    )
    repo.edit(SANDBOX, "170", "70")
    repo.commit()
    assert judged(repo, replacing(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 110")).verdict == "gate"
    down = judged(repo, replacing(SANDBOX, "impact_cap_ratio: 0.09", "impact_cap_ratio: 0.04"))
    assert down.verdict == "check", "a reducing change may go further than its step"


def test_a_relative_step_is_of_the_old_value(repo: Repo) -> None:
    text = (repo.path / "conf" / "sizing" / "standard.yaml").read_text()
    cap = re.search(r"max_position_quotes: ([0-9.]+)", text)
    assert cap is not None
    tripled = f"max_position_quotes: {float(cap[1]) * 3}"
    report = judged(repo, replacing("conf/sizing/standard.yaml", cap[0], tripled))
    assert "sandbox: sizing.max_position_quotes goes from" in report.refusals[0] or any(
        "sandbox: sizing.max_position_quotes" in line for line in report.refusals
    )


def test_a_key_that_the_policy_does_not_name_may_not_change(repo: Repo) -> None:
    policy("  tail_age_ms: {step: 150}\n", "", repo)
    report = judged(repo, replacing(SANDBOX, "tail_age_ms: 650", "tail_age_ms: 660"))
    assert report.refusals[0].startswith("sandbox: tail_age_ms may not change; allowed min_interval_ms, ")


def test_a_key_for_other_tiers_may_not_change_in_production(repo: Repo) -> None:
    policy("  tail_age_ms: {step: 150}", "  tail_age_ms: {step: 150, tiers: [sandbox, paper]}", repo)
    report = judged(repo, replacing(PRODUCTION, "tail_age_ms: 700", "tail_age_ms: 710"))
    assert report.refusals == (
        "production: tail_age_ms may not change in tier production; allowed in sandbox, paper"
        " (gitops/policy.yaml)",
    )


def test_the_policy_of_the_base_decides_not_that_of_the_head(repo: Repo) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.edit("gitops/policy.yaml", "min_interval_ms: {step: 40}", "min_interval_ms: {step: 400}")
    repo.commit()
    repo.edit(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 170")
    report = classified(repo.reader, base, repo.commit(), now=NOW)
    assert any("allowed a step of 40" in line for line in report.refusals)
    assert any("gitops/policy.yaml changes together with" in line for line in report.refusals)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("gitops/policy.yaml", "alpha: 0.005", "alpha: 0.01"),
        ("gitops/tapes.yaml", "seed: 101", "seed: 7"),
        ("conf/kpi/scaled.yaml", "min_fills: 30", "min_fills: 3"),
    ],
)
def test_what_judges_never_changes_with_what_it_judges(repo: Repo, name: str, old: str, new: str) -> None:
    alone = judged(repo, replacing(name, old, new))
    assert alone.verdict == "neutral", alone.refusals
    assert alone.approvals == 2
    repo.edit(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 75")
    head = repo.commit()
    mixed = classified(repo.reader, alone.base, head, now=NOW)
    assert any(line.startswith(f"{name} changes together with min_interval_ms") for line in mixed.refusals)


def test_a_workflow_or_the_gates_own_code_beside_a_parameter_is_refused(repo: Repo) -> None:
    for path in (".github/workflows/gate.yml", "framework/gates/paired.py", "framework/gitops/gate/run.py"):
        base = repo.git("rev-parse", "HEAD")
        repo.write(path, "# changed\n")
        repo.edit(SANDBOX, "owner: market-making", "owner: market-making  # same")
        report = classified(repo.reader, base, repo.commit(), now=NOW)
        assert report.refusals[0].startswith(f"{path} changes together with {SANDBOX}")
        repo.git("reset", "--quiet", "--hard", base)


def test_thresholds_cannot_be_reached_through_the_primary_conf(repo: Repo) -> None:
    report = judged(repo, replacing("conf/soak.yaml", "kpi: scaled", "kpi: audit_3h"))
    assert any("changes outside conf/kpi" in line for line in report.refusals)


def test_an_environments_tier_tapes_and_branch_are_part_of_the_gate(repo: Repo) -> None:
    easier = replacing("gitops/environments/production.yaml", "tier: production", "tier: sandbox")
    alone = judged(repo, easier)
    assert (alone.exit_code, alone.approvals) == (0, 2)
    (change,) = [env for env in alone.environments if env.judging]
    assert (change.judging, change.tier) == (("tier",), "production")
    repo.edit(PRODUCTION, "tail_age_ms: 700", "tail_age_ms: 710")
    mixed = classified(repo.reader, alone.base, repo.commit(), now=NOW)
    assert any(line.startswith("production's tier changes together with") for line in mixed.refusals)


def test_code_that_would_run_beside_a_changed_value_is_refused_and_tests_are_not(repo: Repo) -> None:
    tighter = replacing(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    report = judged(repo, both(tighter, writing("framework/quoting/tick.py", "")))
    assert any(
        "framework/quoting/tick.py changes together with base_spread_bps_delta" in r for r in report.refusals
    )
    back = replacing(SANDBOX, "base_spread_bps_delta: 0.05", "base_spread_bps_delta: 0.10")
    assert judged(repo, both(back, writing("tests/test_tick.py", ""))).verdict == "check"


def test_a_freeze_stops_what_does_not_reduce_risk(repo: Repo) -> None:
    day = "start: 2026-03-04T00:00:00Z, end: 2026-03-05T00:00:00Z"
    policy("freeze: [] ", f"freeze:\n- {{reason: audit, {day}, tiers: [sandbox]}}\n# ", repo)
    tighter = replacing(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    frozen = judged(repo, tighter)
    assert frozen.refusals == (
        "sandbox: frozen (audit); allowed changes that reduce risk, or a later moment",
    )
    later = classified(repo.reader, frozen.base, frozen.head, now=datetime(2026, 3, 5, tzinfo=UTC))
    assert later.verdict == "gate"
    wider = judged(repo, replacing(SANDBOX, "base_spread_bps_delta: 0.05", "base_spread_bps_delta: 0.2"))
    assert wider.verdict == "check"


def test_a_weekly_freeze_holds_over_the_turn_of_the_week(repo: Repo) -> None:
    row = "- {reason: nobody watches, weekly_from: Fri 20:00, weekly_to: Mon 06:00, tiers: [production]}"
    policy("freeze: [] ", f"freeze:\n{row}\n# ", repo)
    report = judged(repo, replacing(PRODUCTION, "tail_age_ms: 700", "tail_age_ms: 710"))
    assert report.exit_code == 0
    frozen = {
        text: classified(repo.reader, report.base, report.head, now=datetime.fromisoformat(text)).exit_code
        for text in ("2026-03-06T19:59Z", "2026-03-06T20:00Z", "2026-03-08T12:00Z", "2026-03-09T06:00Z")
    }
    assert list(frozen.values()) == [0, 1, 1, 0]


def test_an_expired_patch_of_the_base_counts_as_what_is_left_of_it(repo: Repo) -> None:
    repo.edit(SANDBOX, "owner: market-making", "owner: market-making\nexpires: 2026-06-01T00:00:00Z")
    base = repo.commit()
    repo.write("README.md", "x")
    head = repo.commit()
    before = classified(repo.reader, base, head, "sandbox", now=NOW).environments[0].base
    after = (
        classified(repo.reader, base, head, "sandbox", now=datetime(2026, 7, 1, tzinfo=UTC))
        .environments[0]
        .base
    )
    assert before is not None
    assert after is not None
    assert before.params.min_interval_ms == 70
    assert after.params.min_interval_ms == 60, "the profile's own again"


def test_a_new_environment_runs_what_another_runs_or_trades_in_the_sandbox(repo: Repo) -> None:
    text = (repo.path / "gitops" / "environments" / "paper.yaml").read_text()
    twin = judged(repo, writing("gitops/environments/twin.yaml", text.replace("name: paper", "name: twin")))
    assert (twin.exit_code, twin.verdict) == (0, "check")
    other = text.replace("name: paper", "name: other").replace("profile: S1", "profile: moderate")
    refused = judged(repo, writing("gitops/environments/other.yaml", other))
    assert refused.refusals[0].startswith("other: is new in tier paper and no evidence can compare it")


def test_an_environment_enters_a_tier_with_what_that_tier_runs_alone(repo: Repo) -> None:
    text = (repo.path / "gitops" / "environments" / "sandbox.yaml").read_text()
    twin = text.replace("name: sandbox", "name: twin").replace("tier: sandbox", "tier: production")
    refused = judged(repo, writing("gitops/environments/twin.yaml", twin))
    assert refused.refusals[0].startswith("twin: is new in tier production and no evidence can compare it")
    repo.git("rm", "--quiet", "gitops/environments/twin.yaml")
    repo.commit()
    raised = judged(repo, replacing("gitops/environments/sandbox.yaml", "tier: sandbox", "tier: production"))
    assert raised.refusals[0].startswith("sandbox: is new in tier production and no evidence can compare it")
    lowered = judged(
        repo, replacing("gitops/environments/production.yaml", "tier: production", "tier: paper")
    )
    assert (lowered.exit_code, lowered.approvals) == (0, 2)


def test_an_end_that_leads_to_values_nothing_has_judged_is_refused(repo: Repo) -> None:
    shadowed = judged(repo, replacing("conf/profile/S1.yaml", "tail_age_ms: 700", "tail_age_ms: 1000"))
    assert shadowed.verdict == "neutral", "the patch lies over it"
    ended = judged(repo, replacing(SANDBOX, "owner: market", "expires: 2026-06-01T00:00:00Z\nowner: market"))
    assert ended.exit_code == 1
    assert "when its patch ends, 2026-06-01T00:00:00Z, " in ended.refusals[0]
    assert "tail_age_ms goes to 1000" in ended.refusals[0]
    later = judged(repo, replacing("conf/profile/S1.yaml", "tail_age_ms: 1000", "tail_age_ms: 400"))
    assert "tail_age_ms goes to 400" in later.refusals[0], "what lies beneath may not move either"


def test_an_end_that_leads_back_to_what_runs_today_is_allowed(repo: Repo) -> None:
    repo.edit(
        "gitops/environments/sandbox.yaml", "overrides: runtime_overrides/sandbox.yaml", "overrides: null"
    )
    repo.commit()
    ends = "reason: r\nowner: o\nexpires: 2026-06-01T00:00:00Z\noverrides: {base_spread_bps_delta: 0.3}\n"
    named = replacing(
        "gitops/environments/sandbox.yaml", "overrides: null", "overrides: runtime_overrides/a.yaml"
    )
    report = judged(repo, both(writing("runtime_overrides/a.yaml", ends), named))
    assert (report.verdict, report.refusals) == ("gate", ())


def test_what_a_replay_assumes_changes_alone(repo: Repo) -> None:
    environment = "gitops/environments/sandbox.yaml"
    cheaper = replacing(environment, "words: []", "words: [exchange.entry_ms=1]")
    alone = judged(repo, cheaper)
    assert (alone.exit_code, alone.verdict) == (0, "gate")
    dearer = replacing(environment, "words: [exchange.entry_ms=1]", "words: [exchange.entry_ms=2]")
    mixed = judged(repo, both(dearer, replacing(SANDBOX, "tail_age_ms: 650", "tail_age_ms: 600")))
    assert any("exchange.entry_ms changes together with tail_age_ms" in line for line in mixed.refusals)


def test_a_file_s_name_is_no_line_of_its_own(repo: Repo) -> None:
    report = judged(repo, writing("docs/x\n::error::forged.md", "x"))
    assert not [line for line in change_lines(report) if "\n" in line]


def test_a_model_is_a_change_of_its_own_and_is_gated(repo: Repo) -> None:
    slot = f"models: {{edge: {DIGEST}}}"
    report = judged(repo, replacing("gitops/environments/sandbox.yaml", "models: {}", slot))
    assert (report.verdict, report.classification) == ("gate", "gated")
    (change,) = [env for env in report.environments if env.changes]
    assert [one.name for one in change.changes] == ["models.edge"]


def test_a_head_that_is_behind_its_base_is_not_judged(repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.edit(SANDBOX, "70", "80")
    base = repo.commit()
    repo.git("checkout", "--quiet", "-b", "behind", first)
    repo.edit(SANDBOX, "650", "660")
    with pytest.raises(GitopsError, match=r"does not contain .*: it is behind; merge the base"):
        classified(repo.reader, base, repo.commit(), now=NOW)


def test_a_base_without_a_policy_is_not_judged(repo: Repo) -> None:
    repo.git("rm", "--quiet", "gitops/policy.yaml")
    base = repo.commit()
    with pytest.raises(GitopsError, match=r"holds no gitops/policy\.yaml"):
        classified(repo.reader, base, base, now=NOW)


def test_a_policy_that_goes_away_is_refused(repo: Repo) -> None:
    assert "is gone" in judged(repo, lambda r: r.git("rm", "--quiet", "gitops/policy.yaml")).refusals[0]


def test_an_environment_that_nobody_knows_is_an_error(repo: Repo) -> None:
    with pytest.raises(
        GitopsError, match="environment staging is unknown; allowed paper, production, sandbox"
    ):
        judged(repo, writing("README.md", "x"), environment="staging")


def test_signatures_are_asked_of_every_commit_where_the_tier_says_so(repo: Repo, tmp_path: Path) -> None:
    key, public = ssh_key(tmp_path / "key")
    policy("    signed: false       # true asks for a line in signers", "    signed: true", repo)
    policy("signers: [] ", f'signers: ["desk@example.com {public}"] ', repo)
    base = repo.git("rev-parse", "HEAD")
    repo.edit(PRODUCTION, "tail_age_ms: 700", "tail_age_ms: 690")
    first = repo.commit(key=key)
    report = classified(repo.reader, base, first, now=NOW)
    assert (report.verdict, report.signers) == ("gate", ("desk@example.com",))
    repo.write("README.md", "x")
    unsigned = classified(repo.reader, base, repo.commit(), now=NOW)
    assert unsigned.refusals[0].endswith("is not signed with an SSH key; allowed a signer of the policy")
    repo.edit(SANDBOX, "650", "660")
    sandbox_only = classified(repo.reader, repo.git("rev-parse", "HEAD"), repo.commit(), now=NOW)
    assert sandbox_only.exit_code == 0, "the sandbox asks for none"


def test_variables_of_this_process_change_nothing(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = replacing(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    report = judged(repo, edit)
    for name, value in (
        ("KPI_NET_BPS", "-100"), ("MM_PROFILE", "moderate"), ("SOAK_HOURS", "9"), ("EXCHANGE_MODE", "real"),
        ("MM_RUNTIME_OVERRIDES_JSON", '{"tail_age_ms": 400}'),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    assert classified(repo.reader, report.base, report.head, now=NOW).as_dict() == report.as_dict()


def test_markdown_takes_nothing_of_a_change_for_markup(repo: Repo) -> None:
    report = judged(repo, writing("docs/<img src=x>`|@team.md", "x"))
    text = change_markdown(report)
    assert "<img" not in text
    assert r"\`\|\@team" in text


def test_the_table_shows_old_new_unit_and_when_it_is_in_force(repo: Repo) -> None:
    lines = change_lines(judged(repo, replacing(SANDBOX, "tail_age_ms: 650", "tail_age_ms: 700")))
    row = next(line for line in lines if "tail_age_ms" in line)
    assert row.split() == ["tail_age_ms", "650", "700", "ms", "hot", "none"]
    assert lines[-1] == "GATE: the paired gate decides for sandbox (gated)"


def test_the_command_prints_a_verdict_appends_a_summary_and_ends_with_its_code(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(repo.path)
    repo.edit(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.15")
    repo.commit()
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    words = ["gitops", "check", "--base", "HEAD~1", "--head", "HEAD"]
    assert main([*words, "--out-md", str(summary)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("OK: no further evidence")
    assert summary.read_text().startswith("before\n### What this change does")
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classification"] == "reducing"
    repo.edit(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 300")
    repo.commit()
    assert main(words) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("REFUSED: sandbox: min_interval_ms goes")
    assert main(["gitops", "check", "--base", "nowhere", "--head", "HEAD"]) == 2
    assert "names no commit here" in capsys.readouterr().err


def test_edits_that_are_not_committed_are_said_not_to_be_judged(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repo.path)
    words = ["gitops", "check", "--base", "HEAD", "--head", "HEAD"]
    assert main(words) == 0
    assert capsys.readouterr().err == ""
    repo.edit(SANDBOX, "650", "700")
    repo.write("conf/profile/mine.yaml", "x")
    assert main(words) == 0
    assert (
        capsys.readouterr().err == f"note: not committed, so not judged: {SANDBOX}, conf/profile/mine.yaml\n"
    )
    assert main([*words, "--json"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("market.preset=thin_spot", "market.preset"),
        ("market=synthetic", "market.*"),
        ("soak.profile_switch=act", "soak.profile_switch"),
        ("exchange.api_key_env=OTHER_KEY", "exchange.api_key_env"),
    ],
)
def test_a_word_that_no_config_sha_covers_may_change_where_the_policy_lets_it(
    repo: Repo, word: str, key: str
) -> None:
    base = repo.git("rev-parse", "HEAD")
    for name in ("production", "sandbox"):
        repo.edit(f"gitops/environments/{name}.yaml", "words: []", f"words: ['{word}']")
    report = classified(repo.reader, base, repo.commit())
    assert [line for line in report.refusals if key in line] == [
        line for line in report.refusals if line.startswith("production: ")
    ]
    assert f"production: {key} may not change in tier production" in report.refusals[0]
    assert any(note.startswith("sandbox: ") and "no config_sha" in note for note in report.notes)


def test_a_machines_own_state_is_in_no_commit(repo: Repo) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.write("artifacts/gitops/production/journal.jsonl", "{}\n")
    repo.git("add", "--force", "artifacts")
    report = classified(repo.reader, base, repo.commit())
    assert report.refusals == (
        "artifacts/gitops/production/journal.jsonl: is in a commit; allowed nothing of artifacts/, which is"
        " each machine's own",
    )
