"""The agent against a real bare remote whose gate's journal refuses what was merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.agent.revocations import fold_revocations
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH, append_published
from framework.journal.entry import Kind
from framework.journal.errors import JournalError
from tests.gitops.agent_cases import PATCH, World, patch_text


class Gate:
    """The workflow that judges merges again, and its clone."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.git = Git.mirror(world.folder / "workflow.git")

    def says(self, kind: Kind, commit: str, /, **more: Any) -> None:
        """Publish what it decided on the content that a commit put in force."""
        applied = [e for e in self.world.entries(Kind.APPLIED) if e.data["commit"] == commit]
        data = {
            "environment": "sandbox",
            "commit": commit,
            "base": self.world.first,
            "config_sha": applied[-1].data["config_sha"] if applied else "0" * 64,
            "verdict": "FAIL",
            "sentence": "net is worse",
            **more,
        }
        append_published(self.git, str(self.world.remote), "sandbox.gate", [(kind, data)])

    def refuses(self, commit: str, /, **more: Any) -> None:
        self.says(Kind.REFUSED, commit, **more)


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.poll()
    return found


@pytest.fixture
def gate(world: World) -> Gate:
    return Gate(world)


def topics(world: World) -> list[str]:
    return [e.data["topic"] for e in world.entries(Kind.ALERT) if not e.data.get("resolved")]


def reverts(world: World) -> str:
    return world.author.run("branch", "--list", "quoteops/revert-*").decode()


def test_what_does_not_pass_after_its_merge_goes_back_by_itself(world: World, gate: Gate) -> None:
    commit = world.ask(tail_age_ms=550)
    world.poll()
    gate.refuses(commit)
    observed = world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert permission_of(observed)[0] is Permission.HELD
    assert world.kinds() == ["applied", "applied", "rollback", "quarantined", "hold", "proposed"]
    (hold,) = world.entries(Kind.HOLD)
    assert (hold.data["cause"], hold.data["by"]) == ("revoked", "agent")
    assert hold.data["reason"] == "judged again after its merge it does not pass: FAIL, net is worse"
    assert "quoteops/revert-sandbox-" in reverts(world)
    world.restart()
    world.poll()
    assert len(world.entries(Kind.ROLLBACK)) == 1


def test_an_agent_that_comes_late_goes_back_as_well(world: World, gate: Gate) -> None:
    commit = world.ask(tail_age_ms=550)
    world.poll()
    gate.refuses(commit)
    world.restart()
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


def test_words_since_the_refused_commit_do_not_shield_it(world: World, gate: Gate) -> None:
    refused = world.ask(tail_age_ms=550)
    world.commit({"README.md": b"words\n"})
    world.poll()
    (last,) = [e for e in world.entries(Kind.APPLIED) if e.data["generation"] == 2]
    gate.refuses(refused, config_sha=last.data["config_sha"])
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


def test_a_content_that_was_landed_anew_is_judged_by_its_own_commit(world: World, gate: Gate) -> None:
    refused = world.ask(tail_age_ms=550)
    world.ask(tail_age_ms=650)
    world.ask(tail_age_ms=550)
    world.poll()
    last = world.entries(Kind.APPLIED)[-1]
    gate.refuses(refused, config_sha=last.data["config_sha"])
    world.poll()
    assert world.live() == {"tail_age_ms": 550}


def test_going_back_passes_over_another_that_was_refused(world: World, gate: Gate) -> None:
    one = world.ask(tail_age_ms=550)
    world.poll()
    two = world.ask(tail_age_ms=540)
    world.poll()
    gate.refuses(one)
    gate.refuses(two)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


def test_a_refusal_ends_with_a_later_promotion_and_counts_after_an_earlier_one(
    world: World, gate: Gate
) -> None:
    commit = world.ask(tail_age_ms=550)
    world.poll()
    gate.refuses(commit)
    gate.says(Kind.PROMOTED, commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}
    gate.refuses(commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


@pytest.mark.parametrize("more", [{"config_sha": "0" * 64}, {"config_sha": None}, {"commit": "0" * 40}])
def test_another_s_refusal_moves_nothing(world: World, gate: Gate, more: dict[str, Any]) -> None:
    commit = world.ask(tail_age_ms=550)
    world.poll()
    gate.refuses(commit, **more)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}
    assert topics(world) == []


def test_a_first_content_that_is_refused_stays_and_is_said(world: World, gate: Gate) -> None:
    gate.refuses(world.first)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert topics(world) == ["revoked"]
    assert "there is nothing to go back to" in world.entries(Kind.ALERT)[0].data["text"]
    gate.says(Kind.PROMOTED, world.first)
    world.poll()
    assert world.entries()[-1].data.get("resolved")


def test_a_forged_refusal_cannot_loosen(world: World, gate: Gate) -> None:
    commit = world.ask(tail_age_ms=650, base_spread_bps_delta=0.4)
    world.poll()
    gate.refuses(commit)
    world.poll()
    assert world.live()["base_spread_bps_delta"] == pytest.approx(0.4)
    assert "only add risk" in world.entries(Kind.ALERT)[0].data["text"]


def test_a_refusal_s_sentence_is_one_line_and_ends_no_hold(world: World, gate: Gate) -> None:
    commit = world.ask(tail_age_ms=550)
    world.poll()
    gate.refuses(commit, sentence="x\n\nClears-Hold: hold-3\n\x1b[31m" + "y" * 10_000)
    world.poll()
    (hold,) = world.entries(Kind.HOLD)
    assert hold.data["reason"].isprintable()
    assert len(hold.data["reason"]) < 500
    tip = world.author.run("log", "-1", "--format=%B", reverts(world).split()[-1]).decode()
    assert "\nClears-Hold: hold-3" not in tip.replace(f"Clears-Hold: {hold.data['hold']}", "")


@pytest.mark.parametrize("how", ["forced", "gone", "garbage", "no decision", "rewritten"])
def test_a_journal_that_was_tampered_with_moves_nothing_and_is_said(
    world: World, gate: Gate, how: str
) -> None:
    gate.says(Kind.PROMOTED, world.first)
    commit = world.ask(tail_age_ms=550)
    world.poll()
    author, tip = world.author, world.author.rev(BRANCH)
    if how == "gone":
        author.run("update-ref", "-d", f"refs/heads/{BRANCH}")
    elif how == "garbage":
        made = author.commit_files(tip, {"sandbox.gate.jsonl": b"{}\n"}, "x\n")
        author.run("update-ref", f"refs/heads/{BRANCH}", made)
    elif how == "no decision":
        gate.refuses(commit, commit="main..", sentence="x")
    elif how == "rewritten":
        emptied = author.commit_files(tip, dict.fromkeys(author.files(tip)), "x\n")
        author.run("update-ref", f"refs/heads/{BRANCH}", emptied)
        gate.refuses(commit)
    else:
        author.run("update-ref", "-d", f"refs/heads/{BRANCH}")
        gate.refuses(commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}
    assert topics(world) == ["journal"]
    assert world.kinds()[-1] == "alert"


def test_no_tier_without_a_gate_asks_for_its_journal(world: World, gate: Gate) -> None:
    policy = world.author.show("main", "gitops/policy.yaml")
    assert policy is not None
    ungated = policy.replace(b"increasing: gate", b"increasing: check").replace(
        b"gated: gate", b"gated: check"
    )
    commit = world.commit({"gitops/policy.yaml": ungated, PATCH: patch_text(tail_age_ms=550).encode()})
    world.poll()
    gate.refuses(commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}
    assert world.agent.observer.published is None


def test_a_mute_remote_is_asked_once_a_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    fetch = Git.fetch

    def counted(git: Git, remote: str, branch: str) -> str:
        asked.append(branch)
        return fetch(git, remote, branch)

    monkeypatch.setattr(Git, "fetch", counted)
    world.agent.observer.fetch()
    assert asked == ["main", BRANCH]
    asked.clear()
    world.remote.rename(world.folder / "elsewhere.git")
    world.agent.observer.fetch()
    assert asked == ["main"]


def test_a_decision_without_its_commit_is_no_decision() -> None:
    from tests.gitops.agent.test_decide import Row

    for data in ({"config_sha": "a", "commit": "main"}, {"config_sha": 1, "commit": "0" * 40}, {}):
        with pytest.raises(JournalError, match="x:1: a decision without commit"):
            fold_revocations([Row(1, "", Kind.REFUSED, data)], where="x")
