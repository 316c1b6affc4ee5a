"""A merge that breaks one environment, of several: the others are judged, and it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framework.gitops.desired.revision import Revision
from framework.gitops.gate.promote import promote
from framework.gitops.gate.request import GateRequest
from framework.gitops.repo.journal_branch import fetch_published
from tests.gitops.repository import bare, desired_state

SANDBOX, PRODUCTION = "runtime_overrides/sandbox.yaml", "runtime_overrides/production.yaml"
FILE = "gitops/environments/sandbox.yaml"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [(SANDBOX, "min_interval_ms: 70", "min_interval_ms: 20"), (FILE, "tier: sandbox", "tier: sandpit")],
    ids=["its patch", "its file"],
)
@pytest.mark.parametrize("broken", ["before", "now", "before and now"])
def test_a_tightening_elsewhere_is_promoted_all_the_same(
    tmp_path: Path, path: str, old: str, new: str, broken: str
) -> None:
    repo, remote = desired_state(tmp_path / "repo"), str(bare(tmp_path / "remote.git"))
    if broken != "now":
        repo.edit(path, old, new)
        repo.commit("breaks the sandbox")
    base = repo.git("rev-parse", "HEAD")
    if broken == "now":
        repo.edit(path, old, new)
    elif broken == "before":
        repo.edit(path, new, old)
        repo.edit(SANDBOX, "base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.9")
    repo.edit(PRODUCTION, "base_spread_bps_delta: 0.20", "base_spread_bps_delta: 0.40")
    head = repo.commit("production tightens")

    def decisions(name: str) -> list[Any]:
        found = fetch_published(repo.reader, remote, f"{name}.gate")
        return [] if found is None else [(str(e.kind), e.data["config_sha"] is None) for e in found.entries]

    with Revision.open(repo.reader, base) as one, Revision.open(repo.reader, head) as other:
        request = GateRequest(base=one, head=other, home=repo.path, rows=lambda _: (), workers=0)
        done = promote(request, remote=remote, progress=lambda _: None)
    assert decisions("production") == [("promoted", False)]
    assert decisions("sandbox") == [("refused", True)]
    assert decisions("paper") == []
    assert (done.promoted, done.refused) == (("production",), ("sandbox",))
