"""The judge is guarded: its files, its directions of risk, and what becomes of a loosening."""

from __future__ import annotations

import ast
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from framework.gitops.change.judges import STRICTER, in_force, pick_of, policy_changes, strictest
from framework.gitops.change.report import ALWAYS_JUDGE, ChangeReport, PathClass, class_of
from framework.gitops.change.text import change_lines, verdict_line
from framework.gitops.desired.permits import settled
from framework.gitops.desired.revision import Revision
from framework.settings.describe import keys_of
from framework.settings.fields import manner_of, name_of
from framework.settings.gitops_files import read_policy
from framework.settings.schema.gitops import Policy
from framework.settings.schema.run import RunSettings
from tests.gitops.repository import ROOT, Repo, classified, desired_state

POLICY = "gitops/policy.yaml"
PRODUCTION = "runtime_overrides/production.yaml"
ENVIRONMENT = "gitops/environments/production.yaml"
VERBS = ("gate", "check", "promote", "record", "verify")

SAFER = {
    "base_spread_bps_delta": "up",
    "impact_cap_ratio": "down",
    "profile.spread_multiplier": "up",
    "profile.slippage_penalty_coef": "up",
    "strategy.base_half_spread_bps": "up",
    "strategy.min_half_spread_bps": "up",
    "strategy.adverse_weight": "up",
    "sizing.leverage": "down",
    "sizing.notional_cap_usd": "down",
    "sizing.min_free_balance_usd": "up",
    "sizing.use_all_in": "down",
    "sizing.quote_notional_usd": "down",
    "sizing.max_position_quotes": "down",
    "guards.near_liq_guard.enabled": "up",
    "guards.near_liq_guard.sl_buffer_multiplier": "up",
    "guards.near_liq_guard.maintenance_margin_ratio": "up",
    "guards.assumed_sl_pct": "up",
    "guards.liquidity_by_side.enabled": "up",
    "guards.liquidity_by_side.alpha": "up",
    "guards.liquidity_by_side.levels": "down",
    "guards.loss_halt_usd": "down",
    "guards.vol_halt_bps": "down",
    "guards.stale_halt_ms": "down",
    "rollout.mode": "down",
    "rollout.canary_fraction": "down",
    "rollout_guard.winrate_delta_pp": "down",
    "signal.k": "down",
    "signal.weight_bps": "down",
}
"""Every setting with a safer side, written out: turning one round here is a change people see."""


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return desired_state(tmp_path / "repo")


def test_the_directions_of_risk_are_these_and_no_others() -> None:
    found = {name_of(path): manner_of(path).reduces for path in keys_of(RunSettings)}
    assert {name: towards for name, towards in found.items() if towards != "none"} == SAFER


# -- files ---------------------------------------------------------------------------------------------------


def modules() -> dict[str, Path]:
    """Give the modules of the framework by name."""
    files = {path: path.relative_to(ROOT).with_suffix("") for path in (ROOT / "framework").rglob("*.py")}
    return {".".join(parts.parts).removesuffix(".__init__"): path for path, parts in files.items()}


def named_by(path: Path) -> set[str]:
    """Give the names that a module imports, or names in a text, as tables of verbs and workers do."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_whatever_a_verdict_imports_judges_and_is_owned() -> None:
    known, seen = modules(), set[str]()
    todo = [f"framework.cli.gitops_{verb}" for verb in VERBS]
    while todo:
        name = todo.pop()
        if name not in known or name in seen:
            continue
        seen.add(name)
        todo += [name.rpartition(".")[0], *named_by(known[name])]
    assert {"framework.gates.paired", "framework.quoting.records", "framework.session.play"} <= seen
    policy = read_policy(ROOT)
    bare = policy.model_copy(update={"paths": policy.paths.model_copy(update={"judge": ()})})
    for name in sorted(seen):
        path = known[name].relative_to(ROOT).as_posix()
        assert class_of(path, bare) is PathClass.JUDGE, f"{path}: a verdict imports it"


def test_what_always_judges_is_in_the_shipped_policy_and_so_has_owners() -> None:
    assert set(ALWAYS_JUDGE) <= set(read_policy(ROOT).paths.judge)


@pytest.mark.parametrize(
    "path",
    [
        "pyproject.toml",
        "requirements/core.txt",
        "Makefile",
        "GNUmakefile",
        "sitecustomize.py",
        "s3fs/__init__.py",
        "pytest.ini",
        ".ci/run",
        "hydra_plugins/x.py",
    ],
)
def test_locks_and_build_files_judge_and_change_with_nothing_that_is_judged(repo: Repo, path: str) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.edit(PRODUCTION, "base_spread_bps_delta: 0.20", "base_spread_bps_delta: 0.25")
    repo.write(path, "x\n")
    report = classified(repo.reader, base, repo.commit())
    assert report.paths[PathClass.JUDGE] == (path,)
    assert "the judge and what it judges are never one change" in report.refusals[0]


def test_an_older_policy_names_what_judges_by_its_older_word(repo: Repo) -> None:
    text = (repo.path / POLICY).read_text("utf-8")
    older = text.replace("  judge: ", "  gate: ", 1).replace("    - tests/house/*", "    - deploy/*")
    repo.write(POLICY, older)
    repo.commit()
    policy = read_policy(repo.path)
    assert class_of("deploy/run.sh", policy) is PathClass.JUDGE


# -- what is said --------------------------------------------------------------------------------------------


def test_every_field_of_a_policy_has_a_stricter_side_or_none() -> None:
    def leaves(data: dict[str, object], prefix: str = "") -> list[str]:
        rows = [(f"{prefix}{key}", value) for key, value in data.items() if f"{prefix}{key}" != "keys"]
        return [
            leaf
            for name, value in rows
            for leaf in (leaves(value, f"{name}.") if isinstance(value, dict) else [name])
        ]

    names = leaves(read_policy(ROOT).model_dump(mode="json"))
    for name in names:
        pick_of(name)
    assert len(STRICTER) < len(names)


def changed(policy: Policy, **more: object) -> Policy:
    """Give a policy with other values, by their paths with two underscores for a dot."""
    data = policy.model_dump(mode="json")
    for path, value in more.items():
        *groups, last = path.split("__")
        here = data
        for group in groups:
            here = here[group]
        here[last] = value
    return Policy.model_validate(data, strict=False)


LOOSER: dict[str, object] = {
    "tiers__production__increasing": "check",
    "tiers__production__net": "not_worse",
    "tiers__paper__promotion_signed": False,
    "tiers__production__warn_promotes": True,
    "tiers__paper__approvals": 0,
    "gate__alpha": 0.05,
    "gate__min_effective_blocks": 10.0,
    "gate__turnover_floor": 0.1,
    "gate__net_margin__bps": 1.0,
    "gate__risk_margins__drawdown": 1.0,
    "budget__alpha": 0.5,
    "settle_h": 0.0,
    "paths__docs": [*read_policy(ROOT).paths.docs, "*"],
    "signers": ['x@example.com namespaces="git" ssh-ed25519 AAAA'],
    "agent__probation_s": 0.0,
}


@pytest.mark.parametrize("path", LOOSER)
def test_a_loosening_is_named_and_the_stricter_of_both_is_the_older(path: str) -> None:
    old = read_policy(ROOT)
    new = changed(old, **{path: LOOSER[path]})
    name = path.replace("__", ".")
    (line,) = policy_changes(old, new)
    assert line.startswith(f"loosens the judge: {name} goes from ")
    (back,) = policy_changes(new, old)
    assert back.startswith(f"tightens the judge: {name} goes from ")
    if path != "signers":
        assert strictest((new, old)) == strictest((old, new)) == strictest((old,))


def test_who_was_named_of_late_may_not_sign_yet_and_whoever_is_the_first_may() -> None:
    ann, bob = (f'{name}@example.com namespaces="git" ssh-ed25519 {name.upper()}' for name in ("ann", "bob"))
    nobody, one, both, other = (
        changed(read_policy(ROOT), signers=lines) for lines in ([], [ann], [ann, bob], [bob])
    )
    assert settled((one, nobody)) == (ann,)
    assert settled((both, one)) == (ann,)
    assert settled((one, both)) == (ann,)
    assert settled((other, one)) == settled((other, one, nobody)) == (ann,)
    assert settled((nobody, one)) == ()
    assert settled((both,)) == (ann, bob)


def test_a_key_is_loosened_by_a_longer_step_another_tier_and_a_new_row() -> None:
    old = read_policy(ROOT)
    for rule in ({"step": 80.0}, {"step": None}, {"step": 40.0, "ratio": None}):
        new = changed(old, keys__min_interval_ms=rule)
        lines = policy_changes(old, new)
        assert [line.startswith("loosens") for line in lines] == ([True] if rule["step"] != 40.0 else [])
    wider = changed(old, keys={**old.model_dump(mode="json")["keys"], "*": {}})
    assert policy_changes(old, wider)[0].startswith("loosens the judge: keys.* goes from none to ")
    assert policy_changes(wider, old)[0].startswith("tightens the judge: keys.*")


def loosened(repo: Repo) -> ChangeReport:
    """Commit a policy that asks for nothing, and classify it."""
    base = repo.git("rev-parse", "HEAD")
    for old, new in (
        ("    increasing: gate", "    increasing: check"),
        ("    gated: gate", "    gated: check"),
        ("step: 0.1}", "step: 100}"),
        ("    approvals: 2", "    approvals: 0"),
        ("settle_h: 168 ", "settle_h: 0 "),
    ):
        repo.edit(POLICY, old, new)
    return classified(repo.reader, base, repo.commit("policy"))


def test_a_loosened_policy_is_called_that_and_asks_for_the_strictest_approvals(repo: Repo) -> None:
    report = loosened(repo)
    assert "loosens the judge: tiers.production.increasing goes from gate to check" in report.judge
    assert any(line.startswith("loosens the judge: keys.base_spread_bps_delta") for line in report.judge)
    assert "; it loosens the judge; 2 approval(s) of @market-making" in verdict_line(report)
    assert set(report.judge) <= set(change_lines(report))


def test_a_direction_that_is_turned_round_is_called_a_loosening(repo: Repo) -> None:
    path = "framework/settings/schema/sizing.py"
    repo.write(path, (ROOT / path).read_text("utf-8"))
    base = repo.commit()
    repo.edit(path, 'reduces="down"', 'reduces="up"')
    report = classified(repo.reader, base, repo.commit("refactor: tidy"))
    assert any(
        line == f"loosens the judge: risk of Sizing.leverage is reduced by down, and then by up ({path})"
        for line in report.judge
    ), report.judge
    assert report.approvals == 2


def test_what_a_turned_direction_lets_through_is_judged_until_it_has_settled(repo: Repo) -> None:
    """The code that judges is today's; in a fork whose code was turned round it would be the turned one."""
    path = "framework/settings/schema/sizing.py"
    text = (ROOT / path).read_text("utf-8")
    turned = text.replace('reduces="down"', 'reduces="TMP"').replace('reduces="up"', 'reduces="down"')
    repo.write(path, turned.replace('reduces="TMP"', 'reduces="up"'))
    repo.commit()
    repo.write(path, text)
    base = repo.commit("refactor: tidy")
    repo.edit(PRODUCTION, "overrides:\n", "overrides:\n  sizing.notional_cap_usd: 15000\n")
    head = repo.commit()
    (change,) = classified(repo.reader, base, head, "production").environments
    assert (str(change.direction), change.needs) == ("increasing", "gate")
    later = datetime.now(UTC) + timedelta(hours=169)
    (change,) = classified(repo.reader, base, head, "production", now=later).environments
    assert (str(change.direction), change.needs) == ("reducing", "check")


@pytest.mark.parametrize(
    ("old", "new"), [("branch: main", "branch: dev/side"), ("tier: production", "tier: sandbox")]
)
def test_another_branch_or_tier_is_called_a_loosening(repo: Repo, old: str, new: str) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.edit(ENVIRONMENT, old, new)
    report = classified(repo.reader, base, repo.commit())
    key, was = old.split(": ")
    assert f"loosens the judge: production's {key} goes from {was} to {new.split(': ')[1]}" in report.judge


# -- the stricter of old and new -----------------------------------------------------------------------------


def risky(repo: Repo, *, now: datetime | None = None) -> ChangeReport:
    """Commit a narrower spread in production and classify it."""
    base = repo.git("rev-parse", "HEAD")
    repo.edit(PRODUCTION, "base_spread_bps_delta: 0.20", "base_spread_bps_delta: 0.0")
    return classified(repo.reader, base, repo.commit("value"), "production", now=now)


def test_what_follows_a_loosening_is_judged_by_the_stricter_of_old_and_new(repo: Repo) -> None:
    loosened(repo)
    report = risky(repo)
    (change,) = report.environments
    assert (change.needs, report.approvals) == ("gate", 2)
    assert "allowed a step of 0.1" in report.refusals[0]


def test_a_loosening_holds_once_it_has_settled(repo: Repo) -> None:
    loosened(repo)
    later = datetime.now(UTC) + timedelta(hours=169)
    report = risky(repo, now=later)
    assert (report.verdict, report.approvals, report.refusals) == ("check", 0, ())


def test_a_lowered_tier_counts_once_it_has_settled(repo: Repo) -> None:
    repo.edit(ENVIRONMENT, "tier: production", "tier: sandbox")
    repo.commit()
    (change,) = risky(repo).environments
    assert (change.tier, change.net) == ("production", "better")
    repo.git("reset", "--quiet", "--hard", "HEAD~1")
    (change,) = risky(repo, now=datetime.now(UTC) + timedelta(hours=169)).environments
    assert change.tier == "sandbox"


def test_a_commit_is_no_older_than_what_it_lies_on(repo: Repo) -> None:
    repo.edit(POLICY, "settle_h: 168 ", "settle_h: 0 ")
    repo.commit("as if long ago")
    tree, parent = repo.git("rev-parse", "HEAD^{tree}"), repo.git("rev-parse", "HEAD~1")
    made = f"tree {tree}\nparent {parent}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nold\n"
    old = (
        repo.reader.run("hash-object", "-t", "commit", "-w", "--stdin", input=made.encode()).decode().strip()
    )
    with Revision.open(repo.reader, old) as revision:
        assert len(in_force(revision, datetime.now(UTC)).policies) == 2


def at(repo: Repo, when: str) -> str:
    """Commit all there is with a date."""
    env = {**os.environ, "GIT_COMMITTER_DATE": when, "GIT_AUTHOR_DATE": when}
    repo.git("add", "--all")
    subprocess.run(
        ["git", "commit", "--quiet", "--allow-empty", "-m", when], cwd=repo.path, env=env, check=True
    )
    return repo.git("rev-parse", "HEAD")


@pytest.mark.parametrize("broken", ["nonsense: [\n", None])
def test_a_policy_that_said_nothing_took_nothings_place(repo: Repo, broken: str | None) -> None:
    now = datetime.now(UTC)
    at(repo, (now - timedelta(days=30)).isoformat())
    strict = (repo.path / POLICY).read_text()
    (repo.path / POLICY).unlink()
    if broken is not None:
        (repo.path / POLICY).write_text(broken)
    at(repo, (now - timedelta(days=8)).isoformat())
    (repo.path / POLICY).write_text(strict.replace("warn_promotes: false", "warn_promotes: true"))
    with Revision.open(repo.reader, at(repo, now.isoformat())) as revision:
        judges = in_force(revision, now)
    assert not judges.policy.rules("production").warn_promotes


def test_a_date_of_the_future_keeps_no_later_loosening_from_settling(repo: Repo) -> None:
    now = datetime.now(UTC) + timedelta(days=30)
    at(repo, "2090-01-01T00:00:00Z")
    loosened(repo)
    with Revision.open(repo.reader, repo.git("rev-parse", "HEAD")) as revision:
        assert len(in_force(revision, now).policies) == 1
        assert len(in_force(revision, datetime.now(UTC)).policies) == 2
