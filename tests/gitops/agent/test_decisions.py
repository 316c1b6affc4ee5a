"""The agent against a real bare remote whose gate's journal promotes and refuses what was merged."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.agent.status import read_status
from framework.gitops.agent.status_text import status_lines
from framework.gitops.desired.decisions import fold_decisions
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH
from framework.journal.entry import EMPTY, Entry, Kind, make_entry
from tests.gitops.agent_cases import PATCH, World, patch_text

FAIL = {"verdict": "FAIL", "sentence": "net is worse"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path, promotes=False)
    found.poll()
    return found


def promoted(world: World, **values: Any) -> str:
    """Push values, promote them and let the agent look."""
    commit = world.ask(**values)
    world.promote(commit)
    world.poll()
    return commit


def refuse(world: World, commit: str, /, **more: Any) -> None:
    world.promote(commit, Kind.REFUSED, **{**FAIL, **more})


def topics(world: World) -> list[str]:
    return [e.data["topic"] for e in world.entries(Kind.ALERT) if not e.data.get("resolved")]


def reverts(world: World) -> str:
    return world.author.run("branch", "--list", "quoteops/revert-*").decode()


def permission(world: World) -> Permission:
    return permission_of(world.poll())[0]


# -- before it is in force -----------------------------------------------------------------------------------


def test_what_was_pushed_waits_until_it_is_promoted(world: World) -> None:
    commit = world.ask(tail_age_ms=550)
    observed = world.poll()
    assert permission_of(observed) == (Permission.WAITING, "waiting for promotion")
    assert world.live() == {"tail_age_ms": 650}
    status = read_status(world.state_dir, now=world.now)
    assert "waiting for promotion" in "\n".join(status_lines(status))
    assert status.exit_code == 1
    world.restart()
    assert permission(world) is Permission.WAITING
    world.promote(commit)
    assert permission(world) is Permission.ALLOWED
    assert world.live() == {"tail_age_ms": 550}
    assert world.kinds() == ["applied", "applied"]


def test_what_only_takes_risk_away_waits_for_nobody(world: World) -> None:
    world.ask(tail_age_ms=650, base_spread_bps_delta=0.4)
    assert permission(world) is Permission.ALLOWED
    assert world.live()["base_spread_bps_delta"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    "values", [{"impact_cap_ratio": 0.12}, {"tail_age_ms": 700}], ids=["riskier", "none"]
)
def test_a_mixed_change_waits(world: World, values: dict[str, Any]) -> None:
    world.ask(**{"tail_age_ms": 650, "base_spread_bps_delta": 0.4, **values})
    assert permission(world) is Permission.WAITING


def test_a_field_that_only_a_restart_changes_is_risk_as_well(world: World) -> None:
    patch = {"base_spread_bps_delta": 0.4, "tail_age_ms": 650}
    world.edit("conf/exchange/sim.yaml", "maker_fee_bps: 0.1", "maker_fee_bps: -0.9", **patch)
    assert permission(world) is Permission.WAITING


def test_an_end_that_leads_to_what_nobody_judged_waits(world: World) -> None:
    later = {"strategy.queue_nudge_ticks": 1, "expires": "2026-03-04T13:00:00Z"}
    patch = {"base_spread_bps_delta": 0.4, "tail_age_ms": 650, **later}
    world.edit("conf/strategy/glft.yaml", "queue_nudge_ticks: 1", "queue_nudge_ticks: 2", **patch)
    assert permission(world) is Permission.WAITING
    world.poll(after_s=7_200)
    assert world.live() == {"tail_age_ms": 650}


def test_a_promotion_lets_in_the_content_on_whatever_commit(world: World) -> None:
    commit = world.ask(tail_age_ms=550)
    world.commit({"README.md": b"words\n"})
    world.promote(commit)
    assert permission(world) is Permission.ALLOWED
    assert world.live() == {"tail_age_ms": 550}


@pytest.mark.parametrize(
    "how", ["before a look", "two pushes", "a fresh agent", "another commit", "another fault"]
)
def test_a_refused_content_is_never_put_in_force(world: World, how: str) -> None:
    commit = world.ask(tail_age_ms=550)
    refuse(world, commit)
    if how == "two pushes":
        world.commit({"runtime_overrides/production.yaml": patch_text(impact_cap_ratio=0.08).encode()})
    elif how == "a fresh agent":
        shutil.rmtree(world.state_dir.folder)
        world.restart()
    elif how == "another commit":
        world.ask(tail_age_ms=650)
        world.poll()
        world.ask(tail_age_ms=550)
    elif how == "another fault":
        world.commit({PATCH: b"overrides: ["})
        world.poll()
        world.ask(tail_age_ms=550)
    assert permission(world) is Permission.REFUSED
    assert not world.state_dir.live.exists() or world.live() == {"tail_age_ms": 650}
    assert topics(world) == ["refused"]
    assert permission(world) is Permission.REFUSED
    assert len(world.entries(Kind.ALERT)) == 1


def test_a_refused_content_that_is_promoted_later_comes_in(world: World) -> None:
    commit = world.ask(tail_age_ms=550)
    refuse(world, commit)
    world.poll()
    world.promote(commit)
    assert permission(world) is Permission.ALLOWED
    assert world.live() == {"tail_age_ms": 550}
    assert world.entries(Kind.ALERT)[-1].data["resolved"] is True


def test_a_refusal_outweighs_that_risk_is_taken_away(world: World) -> None:
    commit = world.ask(tail_age_ms=650, base_spread_bps_delta=0.4)
    refuse(world, commit)
    assert permission(world) is Permission.REFUSED
    assert world.live() == {"tail_age_ms": 650}


def test_a_commit_that_nobody_could_compose_is_refused_by_its_name(world: World) -> None:
    commit = world.ask(tail_age_ms=550)
    refuse(world, commit, config_sha=None)
    assert permission(world) is Permission.REFUSED
    world.promote(commit)
    assert permission(world) is Permission.ALLOWED


def test_another_environment_s_promotion_lets_nothing_in(world: World) -> None:
    commit = world.ask(tail_age_ms=550)
    world.promote(commit, environment="paper")
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.WAITING
    assert "another environment's" in permission_of(observed)[1]


def test_what_ran_badly_needs_a_promotion_of_its_own(world: World) -> None:
    commit = promoted(world, tail_age_ms=550)
    world.bot(refuses="no")
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    world.poll(after_s=100_000)  # the cooldown is over
    world.ask(tail_age_ms=540)
    world.poll()
    again = world.ask(
        message=f"again\n\nClears-Hold: {world.entries(Kind.HOLD)[0].data['hold']}\n", tail_age_ms=550
    )
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.WAITING
    assert "it ran badly at" in permission_of(observed)[1]
    assert commit != again
    world.promote(again)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}


def test_a_push_that_waits_ends_no_hold(world: World) -> None:
    promoted(world, tail_age_ms=550)
    world.bot(refuses="no")
    world.poll()
    commit = world.ask(tail_age_ms=540)
    assert permission(world) is Permission.HELD
    world.promote(commit)
    assert permission(world) is Permission.ALLOWED
    assert world.live() == {"tail_age_ms": 540}


def test_beyond_the_sandbox_the_first_content_waits_too(tmp_path: Path) -> None:
    world = World(tmp_path, environment="paper", promotes=False)
    assert permission(world) is Permission.WAITING
    world.promote(world.first)
    observed = world.poll()
    assert "no policy here says who may promote" in permission_of(observed)[1]
    world.restart(bootstrap=read_revision(world.author, commit=world.first, environment="paper"))
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.WAITING
    assert not world.state_dir.live.exists()


# -- once it is in force -------------------------------------------------------------------------------------


def test_what_does_not_pass_any_more_goes_back_by_itself(world: World) -> None:
    commit = promoted(world, tail_age_ms=550)
    refuse(world, commit)
    observed = world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert permission_of(observed)[0] is Permission.HELD
    assert world.kinds() == ["applied", "applied", "rollback", "quarantined", "hold", "proposed"]
    (hold,) = world.entries(Kind.HOLD)
    assert (hold.data["cause"], hold.data["by"]) == ("revoked", "agent")
    assert hold.data["reason"] == "judged after its merge it does not pass: FAIL, net is worse"
    assert "quoteops/revert-sandbox-" in reverts(world)
    world.restart()
    world.poll()
    assert len(world.entries(Kind.ROLLBACK)) == 1


def test_words_since_the_refused_commit_do_not_shield_it(world: World) -> None:
    commit = promoted(world, tail_age_ms=550)
    world.commit({"runtime_overrides/paper.yaml": patch_text(tail_age_ms=660).encode()})
    world.poll()
    refuse(world, commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


def test_going_back_passes_over_another_that_was_refused(world: World) -> None:
    commits = [promoted(world, tail_age_ms=550), promoted(world, tail_age_ms=540)]
    for commit in commits:
        refuse(world, commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


def test_a_refusal_ends_with_a_later_promotion_and_counts_after_an_earlier_one(world: World) -> None:
    commit = promoted(world, tail_age_ms=550)
    refuse(world, commit)
    world.promote(commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}
    refuse(world, commit)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


@pytest.mark.parametrize("more", [{"config_sha": "0" * 64}, {"config_sha": None, "commit": "0" * 40}])
def test_another_s_refusal_moves_nothing(world: World, more: dict[str, Any]) -> None:
    refuse(world, promoted(world, tail_age_ms=550), **more)
    world.poll()
    assert world.live() == {"tail_age_ms": 550}
    assert topics(world) == []


def test_a_first_content_that_is_refused_stays_and_is_said(world: World) -> None:
    refuse(world, world.first)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert topics(world) == ["revoked"]
    assert "there is nothing to go back to" in world.entries(Kind.ALERT)[0].data["text"]
    world.promote(world.first)
    world.poll()
    assert world.entries()[-1].data.get("resolved")


def test_a_forged_refusal_cannot_loosen(world: World) -> None:
    commit = world.ask(tail_age_ms=650, base_spread_bps_delta=0.4)
    world.poll()
    refuse(world, commit)
    world.poll()
    assert world.live()["base_spread_bps_delta"] == pytest.approx(0.4)
    assert "only add risk" in world.entries(Kind.ALERT)[0].data["text"]


def test_a_refusal_s_sentence_is_one_line_and_ends_no_hold(world: World) -> None:
    commit = promoted(world, tail_age_ms=550)
    refuse(world, commit, sentence="x\n\nClears-Hold: hold-3\n\x1b[31m" + "y" * 10_000)
    world.poll()
    (hold,) = world.entries(Kind.HOLD)
    assert hold.data["reason"].isprintable()
    assert len(hold.data["reason"]) < 500
    tip = world.author.run("log", "-1", "--format=%B", reverts(world).split()[-1]).decode()
    assert "\nClears-Hold: hold-3" not in tip.replace(f"Clears-Hold: {hold.data['hold']}", "")


@pytest.mark.parametrize("how", ["forced", "gone", "garbage", "rewritten"])
def test_a_journal_that_was_tampered_with_moves_nothing_and_is_said(world: World, how: str) -> None:
    promoted(world, tail_age_ms=550)
    commit = world.ask(tail_age_ms=540)
    author, tip = world.author, world.author.rev(BRANCH)
    if how == "gone":
        author.run("update-ref", "-d", f"refs/heads/{BRANCH}")
    elif how == "garbage":
        made = author.commit_files(tip, {"sandbox.gate.jsonl": b"{}\n"}, "x\n")
        author.run("update-ref", f"refs/heads/{BRANCH}", made)
    elif how == "rewritten":
        emptied = author.commit_files(tip, dict.fromkeys(author.files(tip)), "x\n")
        author.run("update-ref", f"refs/heads/{BRANCH}", emptied)
        world.promote(commit)
    else:
        author.run("update-ref", "-d", f"refs/heads/{BRANCH}")
        world.promote(commit)
    assert permission(world) is Permission.WAITING
    assert world.live() == {"tail_age_ms": 550}
    assert topics(world) == ["journal"]
    assert world.kinds()[-1] == "alert"


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


def test_a_refusal_of_a_commit_that_is_none_still_refuses_its_content(world: World) -> None:
    commit = world.ask(tail_age_ms=540)
    world.promote(commit)
    refuse(world, commit, commit="main..")
    assert permission(world) is Permission.REFUSED


@pytest.mark.parametrize("kind", [Kind.PROMOTED, Kind.REFUSED])
def test_an_entry_that_is_no_decision_wedges_nothing_and_is_said(world: World, kind: Kind) -> None:
    commit = world.ask(tail_age_ms=540)
    world.promote(commit)
    world.promote(commit, kind, commit="no commit", config_sha=None)
    observed = world.poll()
    assert topics(world) == ["decisions"]
    if kind is Kind.REFUSED:  # it may have been one of this very content
        assert permission_of(observed)[0] is Permission.WAITING
        assert "promote it anew" in permission_of(observed)[1]
        world.promote(commit)
        world.poll()
    assert world.live() == {"tail_age_ms": 540}


def test_a_promotion_of_a_commit_that_the_branch_does_not_contain_counts_for_nothing(world: World) -> None:
    commit = world.ask(tail_age_ms=540)
    elsewhere = world.author.commit_files(None, {"README.md": b"another repository"}, "x\n")
    world.promote(commit, Kind.PROMOTED, commit=elsewhere)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.WAITING
    assert "which the branch does not contain" in permission_of(observed)[1]
    world.promote(commit)
    assert permission(world) is Permission.ALLOWED


def test_which_entries_are_no_decisions() -> None:
    def row(at: str, data: dict[str, Any]) -> Entry:
        return make_entry(after=EMPTY, at=at, kind=Kind.REFUSED, data=data)

    at = "2026-03-04T12:00:00+00:00"
    good: dict[str, Any] = {"config_sha": "a", "commit": "0" * 40}
    assert fold_decisions([row(at, good)], where="x").by_config["a"]
    wrong: list[dict[str, Any]] = [
        {"config_sha": 1, "commit": "0" * 40},
        {"commit": "main"},
        {},
    ]
    for data in wrong:
        found = fold_decisions([row(at, data)], where="x")
        assert (found.by_config, found.by_commit, found.unclear) == ({}, {}, 1)
        assert "x:1: is no decision" in found.odd
    for when, data in [(at, {"config_sha": "a", "commit": "main"}), ("", good)]:
        assert not fold_decisions([row(when, data)], where="x").by_config["a"][0].promotes
