"""What a merge is judged against, where the commit before it is not what its environment runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from framework.gitops.desired.revision import Revision
from framework.gitops.gate.ground import ground_of
from framework.gitops.gate.request import GateRequest
from framework.gitops.gate.run import case_of
from framework.journal.entry import Kind
from framework.journal.journal import Journal
from tests.gitops.repository import Repo, desired_state

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
FILE = "runtime_overrides/sandbox.yaml"


class Branch:
    """A branch of three contents of the sandbox, its gate's journal and its agent's."""

    def __init__(self, folder: Path) -> None:
        self.repo: Repo = desired_state(folder / "repo")
        self.gate, self.agent = (Journal(folder / name, now=lambda: NOW) for name in ("gate", "agent"))
        self.start = self.repo.git("rev-parse", "HEAD")

    def spread(self, old: str, new: str) -> str:
        self.repo.edit(FILE, f"base_spread_bps_delta: {old}", f"base_spread_bps_delta: {new}")
        return self.repo.commit()

    def sha(self, commit: str) -> str | None:
        with Revision(self.repo.reader, commit) as revision:
            return revision.config_sha("sandbox", now=NOW)

    def decided(self, kind: Kind, commit: str, *, base: str = "") -> None:
        data = {"commit": commit, "config_sha": self.sha(commit), "base": base, "environment": "sandbox"}
        self.gate.append(kind=kind, data=data)

    def applied(self, commit: str) -> None:
        data = {"commit": commit, "config_sha": self.sha(commit), "overrides_sha": "0" * 64, "generation": 1}
        self.agent.append(kind=Kind.APPLIED, data={**data, "cause": "commit"})

    def quarantined(self, commit: str) -> None:
        data: dict[str, Any] = {"commit": commit, "config_sha": self.sha(commit), "reason": "it lost"}
        self.agent.append(kind=Kind.QUARANTINED, data={**data, "until": "2026-03-05T12:00:00+00:00"})

    def ground(self, base: str) -> str:
        with Revision(self.repo.reader, base) as revision:
            request = GateRequest(
                base=revision, head=revision, home=self.repo.path,
                rows=lambda _: _entries(self.gate), agent_rows=lambda _: _entries(self.agent),
            )  # fmt: skip
            return ground_of(request, "sandbox", now=NOW)

    def gate_says(self, base: str, head: str, **more: Any) -> dict[str, Any]:
        """Ask the gate what a change is, whether or not the tapes to judge it can be had."""
        git = self.repo.reader
        with Revision(git, base) as old, Revision(git, head) as new:
            request = GateRequest(
                base=old, head=new, home=self.repo.path, now=NOW, environment="sandbox", floor=False,
                rows=lambda _: _entries(self.gate), agent_rows=lambda _: _entries(self.agent), **more,
            )  # fmt: skip
            report = case_of(request).report
            (change,) = report.environments
            return {**change.as_dict(), "notes": report.notes}


def _entries(journal: Journal) -> tuple[Any, ...]:
    return journal.entries() if journal.path.is_file() else ()


@pytest.fixture
def branch(tmp_path: Path) -> Branch:
    return Branch(tmp_path)


def test_where_nothing_was_decided_it_is_the_commit_before(branch: Branch) -> None:
    assert branch.ground(branch.start) == branch.start


def test_what_was_promoted_is_stood_on(branch: Branch) -> None:
    looser = branch.spread("0.10", "0.05")
    branch.decided(Kind.PROMOTED, looser, base=branch.start)
    branch.applied(branch.start)
    assert branch.ground(looser) == looser


def test_half_of_a_refused_risk_is_no_tightening(branch: Branch) -> None:
    looser = branch.spread("0.10", "0.0")
    branch.decided(Kind.REFUSED, looser, base=branch.start)
    assert branch.ground(looser) == branch.start


def test_what_nobody_judged_is_passed_over_for_what_is_in_force(branch: Branch) -> None:
    branch.applied(branch.start)
    assert branch.ground(branch.spread("0.10", "0.05")) == branch.start


def test_what_nobody_judged_is_passed_over_for_what_was_promoted_last(branch: Branch) -> None:
    good = branch.spread("0.10", "0.15")
    branch.decided(Kind.PROMOTED, good, base=branch.start)
    assert branch.ground(branch.spread("0.15", "0.05")) == good


def test_what_ran_badly_since_its_promotion_is_no_ground(branch: Branch) -> None:
    branch.applied(branch.start)
    looser = branch.spread("0.10", "0.05")
    branch.decided(Kind.PROMOTED, looser, base=branch.start)
    branch.applied(looser)
    branch.quarantined(looser)
    branch.applied(branch.start)
    assert branch.ground(looser) == branch.start


def test_beneath_what_does_not_compose_stands_what_does(branch: Branch) -> None:
    branch.spread("0.10", "0.9")
    branch.repo.write("README.md", "words")
    assert branch.ground(branch.repo.commit()) == branch.start


def test_a_gate_of_published_journals_stands_on_what_runs_too(branch: Branch) -> None:
    looser = branch.spread("0.10", "0.0")
    branch.decided(Kind.REFUSED, looser, base=branch.start)
    half = branch.spread("0.0", "0.05")
    plain, published = (branch.gate_says(looser, half, published=told) for told in (False, True))
    assert (plain["direction"], plain["needs"]) == ("reducing", "check")
    assert (published["direction"], published["needs"]) == ("increasing", "gate")
    assert published["against"] == branch.start
    assert published["notes"] == (
        f"sandbox: the base is not what runs there; it is compared with {branch.start[:12]},"
        " what everything began with",
    )


def test_a_gate_leaves_a_base_alone_that_stands_and_a_head_that_changes_nothing(branch: Branch) -> None:
    branch.applied(branch.start)
    head = branch.spread("0.10", "0.05")
    assert "against" not in branch.gate_says(branch.start, head, published=True)
    branch.decided(Kind.REFUSED, head, base=branch.start)
    branch.repo.write("README.md", "words")
    assert "against" not in branch.gate_says(head, branch.repo.commit(), published=True)


def test_a_bundle_is_judged_again_against_the_ground_it_names(branch: Branch) -> None:
    looser = branch.spread("0.10", "0.0")
    half = branch.spread("0.0", "0.05")
    ground = {"sandbox": f"{branch.start} what everything began with"}
    assert branch.gate_says(looser, half, grounds=ground)["against"] == branch.start
