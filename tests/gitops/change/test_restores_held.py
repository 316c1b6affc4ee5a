"""A revert asks for what is held: what ran before, or that with the values that were tightened since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framework.gitops.change.classify import classify
from framework.gitops.change.restores_held import restores_held
from framework.gitops.desired.revision import Revision
from tests.gitops.repository import Repo, classified, desired_state

PATCH = "runtime_overrides/sandbox.yaml"
NOW = "2026-03-04T12:00:00+00:00"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return desired_state(tmp_path / "repo")


def restored(repo: Repo, good: str, bad: str, head: str, **more: Any) -> bool:
    from datetime import datetime

    with Revision.open(repo.reader, good) as first, Revision.open(repo.reader, bad) as base:
        change = next(c for c in classified(repo.reader, bad, head).environments if c.name == "sandbox")
        assert change.head is not None
        assert change.base is not None
        held = {"commit": first.sha, "config_sha": change.head.config_sha, **more}
        hold = {"held": held, "quarantined": {"config_sha": change.base.config_sha}}
        return restores_held(base, change, hold=hold, now=datetime.fromisoformat(NOW))


def test_no_step_is_too_far_for_what_an_environment_went_back_to(repo: Repo) -> None:
    for tail in (780, 900):
        repo.edit(PATCH, f"tail_age_ms: {tail - 130 if tail == 780 else 780}", f"tail_age_ms: {tail}")
        repo.commit(f"tail {tail}")
    base = repo.git("rev-parse", "HEAD")
    repo.edit(PATCH, "tail_age_ms: 900", "tail_age_ms: 650")
    head = repo.commit("back to the first")
    with Revision.open(repo.reader, base) as old, Revision.open(repo.reader, head) as new:
        refused = classify(old, new)
        allowed = classify(old, new, restores=lambda change: change.name == "sandbox")
    assert any("allowed a step of 150" in fault for fault in refused.refusals)
    assert not allowed.refusals


def test_what_was_tightened_since_may_be_kept_and_nothing_else(repo: Repo) -> None:
    good = repo.git("rev-parse", "HEAD")
    with Revision.open(repo.reader, good) as first:
        of = first.settings("sandbox").config_sha
    repo.edit(PATCH, "tail_age_ms: 650", "tail_age_ms: 700\n  sizing.notional_cap_usd: 2000")
    bad = repo.commit("tail and cap")
    repo.edit(PATCH, "tail_age_ms: 700", "tail_age_ms: 650")
    kept = repo.commit("back, the cap stays")
    assert restored(repo, good, bad, kept, of=of)
    assert not restored(repo, good, bad, kept)  # nobody says what it is made of
    assert not restored(repo, good, bad, kept, of="e" * 64)
    repo.edit(PATCH, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")
    assert not restored(repo, good, bad, repo.commit("and a little looser"), of=of)
