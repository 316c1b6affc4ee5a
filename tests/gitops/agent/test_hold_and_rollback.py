"""Going back and holding: at once on this machine, then git, until git and the bot agree again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.files.moments import iso_utc
from framework.gitops.agent.conditions import Permission, Sync, permission_of, sync_of
from framework.gitops.agent.operator import hold_environment, release_environment, roll_back_environment
from framework.gitops.errors import GitopsError
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import BRANCH, publish_head
from framework.gitops.repo.signatures import verify_commit
from framework.journal.entry import Kind
from framework.journal.journal import Journal, utc_now
from tests.gitops.agent_cases import PATCH, World, keygen, patch_text


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world with a first content in force and a second on top of it."""
    world = World(tmp_path)
    world.poll()
    world.ask(tail_age_ms=900)
    world.poll()
    return world


def branches(world: World) -> dict[str, str]:
    rows = world.author.run("for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads")
    found = dict(row.split() for row in rows.decode().splitlines())
    return {name: sha for name, sha in found.items() if name != BRANCH}


def merge(world: World, branch: str) -> str:
    """Fast-forward the branch, as a merge button does."""
    sha = branches(world)[branch]
    world.author.run("update-ref", "refs/heads/main", sha)
    return sha


def test_a_rollback_is_live_before_git_is_asked(world: World) -> None:
    world.remote.rename(world.folder / "gone.git")
    _, way = roll_back_environment(world.agent, reason="losses")
    assert world.live() == {"tail_age_ms": 650}
    assert way.target.commit == world.first
    assert json.loads(world.state_dir.hold.read_text())["reason"] == "losses"
    assert world.kinds() == ["applied", "applied", "rollback", "quarantined", "hold"]


def test_a_rollback_journals_how_the_bot_was(world: World) -> None:
    world.bot(health="healthy")
    world.now = utc_now()
    world.agent.observer.now = utc_now
    world.bot(health="healthy")
    roll_back_environment(world.agent, reason="losses")
    assert world.entries(Kind.ROLLBACK)[-1].data["bot_health"] == "healthy"


def test_a_hold_that_somebody_made_up_holds_until_it_is_released(world: World) -> None:
    world.restart(publishes=True)
    world.poll()
    applied = world.agent.view.history().applied
    assert applied is not None
    nowhere = {"commit": "d" * 40, "config_sha": "e" * 64, "overrides_sha": "f" * 64}
    bad = {"commit": applied.commit, "config_sha": applied.config_sha, "overrides_sha": applied.overrides_sha}
    data = {
        **dict.fromkeys(("head", "head_config_sha")),
        "hold": "hold-99",
        "reason": "mine now",
        "cause": "operator",
        "by": "nobody",
        "at": iso_utc(world.now),
        "held": nowhere,
        "quarantined": {**bad, "until": iso_utc(world.now)},
    }
    forged = Journal(world.folder / "forged.jsonl", now=lambda: world.now)
    forged.path.write_bytes(world.state_dir.journal.read_bytes())
    forged.append(kind=Kind.HOLD, data=data)
    publish_head(world.author, str(world.remote), "sandbox", forged)
    world.restart(publishes=True)
    observed = world.poll()
    permission, why = permission_of(observed)
    assert permission is Permission.HELD
    assert "not in contents/" in why
    assert "quoteops gitops release --environment sandbox" in why
    assert world.live() == {"tail_age_ms": 900}
    world.ask(tail_age_ms=650)
    assert permission_of(world.poll())[0] is Permission.HELD
    assert release_environment(world.agent, reason="nobody of us wrote it") == "hold-99 has ended"
    assert permission_of(world.poll())[0] is Permission.ALLOWED
    assert world.live() == {"tail_age_ms": 650}


def test_reconcile_never_repairs_a_hold_away(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    for _ in range(3):
        observed = world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert permission_of(observed) == (Permission.HELD, "losses")
    assert sync_of(observed)[0] is Sync.OUT_OF_SYNC
    world.restart()
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert world.kinds().count("rollback") == 1


def test_the_revert_is_proposed_once_and_its_merge_ends_the_hold(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    world.poll()
    world.poll()
    (branch,) = [name for name in branches(world) if name != "main"]
    assert branch.startswith("quoteops/revert-sandbox-")
    (proposed,) = world.entries(Kind.PROPOSED)
    assert proposed.data["exact"] is True
    assert world.author.show(branch, PATCH) == world.author.show(world.first, PATCH)
    body = next((world.state_dir.folder / "proposals").iterdir()).read_text()
    assert "losses" in body
    merged = merge(world, branch)
    observed = world.poll()
    assert not world.state_dir.hold.exists()
    assert world.entries(Kind.CLEARED)[0].data["commit"] == merged
    assert (sync_of(observed)[0], permission_of(observed)[0]) == (Sync.SYNCED, Permission.ALLOWED)
    assert world.live() == {"tail_age_ms": 650}


def test_a_commit_that_asks_for_something_else_ends_the_hold(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert not world.state_dir.hold.exists()


def test_the_bad_content_under_another_commit_does_not_end_the_hold(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    world.commit({PATCH: patch_text(tail_age_ms=900, reason="again").encode(), "note.txt": b"x"})
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.HELD
    assert world.live() == {"tail_age_ms": 650}


def test_a_quarantined_content_is_refused_under_any_commit_until_the_cooldown_ends(world: World) -> None:
    bad = world.author.rev("main")
    roll_back_environment(world.agent, reason="losses")
    world.ask(tail_age_ms=700)
    world.poll()
    again = world.ask(tail_age_ms=900)
    observed = world.poll()
    assert again != bad
    assert permission_of(observed)[0] is Permission.REFUSED
    assert "quarantine" in world.entries(Kind.REFUSED)[-1].data["reason"]
    assert world.live() == {"tail_age_ms": 700}
    world.poll(after_s=25 * 3_600)
    assert world.live() == {"tail_age_ms": 700}  # a commit gets one attempt
    world.commit({"note.txt": b"once more"})
    world.poll()
    assert world.live() == {"tail_age_ms": 900}


def test_releasing_a_hold_does_not_bring_the_bad_content_back(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    world.poll()
    release_environment(world.agent, reason="we know")
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.REFUSED
    assert world.live() == {"tail_age_ms": 650}
    world.poll(after_s=25 * 3_600)
    assert world.live() == {"tail_age_ms": 650}


def test_a_plain_hold_keeps_what_is_in_force_until_it_is_released(world: World) -> None:
    hold_environment(world.agent, reason="exchange maintenance")
    world.ask(tail_age_ms=700)
    observed = world.poll()
    assert permission_of(observed) == (Permission.HELD, "exchange maintenance")
    assert world.live() == {"tail_age_ms": 900}
    release_environment(world.agent, reason="over")
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


def test_a_commit_that_names_the_hold_ends_it(world: World) -> None:
    hold = hold_environment(world.agent, reason="exchange maintenance")
    world.ask(tail_age_ms=700, message=f"feat: calmer\n\nClears-Hold: {hold.name}\n")
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


def test_a_hold_file_that_is_removed_by_hand_comes_back(world: World) -> None:
    hold_environment(world.agent, reason="exchange maintenance")
    world.state_dir.hold.unlink()
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.state_dir.hold.is_file()
    assert world.live() == {"tail_age_ms": 900}


def test_a_hold_file_that_cannot_be_read_holds(world: World) -> None:
    world.state_dir.hold.write_text("{")
    world.ask(tail_age_ms=700)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.HELD
    assert world.live() == {"tail_age_ms": 900}
    assert world.entries(Kind.ALERT)[0].data["topic"] == "hold"
    release_environment(world.agent, reason="a stray file")
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


def test_drift_under_a_hold_is_noted_and_left(world: World) -> None:
    hold_environment(world.agent, reason="exchange maintenance")
    world.state_dir.live.write_text('{"tail_age_ms": 888}')
    world.poll()
    world.poll()
    assert world.live_sha() != world.entries(Kind.APPLIED)[-1].data["overrides_sha"]
    assert world.kinds().count("drift") == 1
    assert world.kinds().count("repaired") == 0


def test_what_the_bot_refuses_goes_back_by_itself(world: World) -> None:
    world.bot()
    world.ask(tail_age_ms=700)
    world.poll()
    world.bot(refuses="no such mode")
    world.poll()
    assert world.live()["tail_age_ms"] == 900
    hold = json.loads(world.state_dir.hold.read_text())
    assert hold["cause"] == "automatic"
    assert "no such mode" in hold["reason"]


def test_a_bot_that_fails_within_the_probation_time_goes_back(world: World) -> None:
    world.bot()
    world.poll()
    world.bot(health="failing")
    world.poll()
    assert world.live()["tail_age_ms"] == 650
    assert world.entries(Kind.ROLLBACK)[0].data["reason"] == "the bot fails under it: loss limit"


def test_a_bot_that_was_failing_before_is_not_held_against_the_new_content(world: World) -> None:
    world.bot(health="failing")
    world.state_dir.bot.unlink()
    world.bot(health="failing", follows=False)
    world.ask(tail_age_ms=700)
    world.poll()
    world.bot(health="failing")
    world.poll()
    assert world.live()["tail_age_ms"] == 700


def test_going_back_prefers_what_was_seen_healthy_for_the_probation_time(world: World) -> None:
    world.bot()
    for _ in range(4):  # 900 s of probation
        world.poll(after_s=300)
        world.bot()
    observed = world.poll()
    assert sync_of(observed) == (Sync.SYNCED, "")
    assert world.entries(Kind.VERDICT)[0].data["verdict"] == "PASS"
    world.ask(tail_age_ms=700)
    world.poll()
    world.ask(tail_age_ms=800)
    world.poll()
    _, way = roll_back_environment(world.agent, reason="losses")
    assert world.live()["tail_age_ms"] == 900
    assert way.target.commit == world.entries(Kind.APPLIED)[1].data["commit"]


def test_with_nothing_to_go_back_to_the_operator_is_told(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.poll()
    with pytest.raises(GitopsError, match="nothing earlier differs"):
        roll_back_environment(world.agent, reason="losses")
    world.bot(refuses="no")
    world.poll()
    assert world.entries(Kind.ALERT)[0].data["topic"] == "failing"


def test_a_commit_that_was_in_force_can_be_named(world: World) -> None:
    world.ask(tail_age_ms=700)
    world.poll()
    roll_back_environment(world.agent, reason="losses", to=world.first[:10])
    assert world.live()["tail_age_ms"] == 650
    with pytest.raises(GitopsError, match="never put in force"):
        roll_back_environment(world.agent, reason="losses", to="deadbeef")


def test_a_revert_of_conf_restores_the_file_that_matters(world: World) -> None:
    path = "conf/profile/S1.yaml"
    text = world.author.show("main", path)
    assert text is not None
    bad = text.replace(b"min_interval_ms: ", b"min_interval_ms: 1", 1)
    line = next(row for row in text.decode().splitlines() if row.startswith("min_interval_ms:"))
    bad = text.replace(line.encode(), b"min_interval_ms: 111")
    world.commit({path: bad, "conf/kpi/note.md": b"unrelated"})
    world.poll()
    assert world.live()["min_interval_ms"] == 111
    roll_back_environment(world.agent, reason="losses")
    assert world.live()["min_interval_ms"] != 111
    world.poll()
    (branch,) = [name for name in branches(world) if name != "main"]
    merge(world, branch)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.ALLOWED
    assert not world.state_dir.hold.exists()


def test_a_revert_that_an_earlier_try_has_pushed_is_taken_as_it_is(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    world.agent.propose_revert()
    first = branches(world)
    text = world.state_dir.journal.read_bytes().splitlines(keepends=True)
    world.state_dir.journal.write_bytes(b"".join(text[:-1]))  # as if killed between the push and its entry
    world.now = world.now.replace(minute=59)
    world.restart()
    world.poll()
    assert branches(world) == first
    assert len(world.entries(Kind.PROPOSED)) == 1


def test_the_mirror_is_a_cache(world: World) -> None:
    import shutil

    shutil.rmtree(world.state_dir.mirror)
    world.restart()
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.live()["tail_age_ms"] == 700
    assert Git(world.state_dir.mirror).rev("refs/quoteops/fetched/main")


def test_a_revert_undoes_what_has_broken_the_file_since_and_says_so(world: World) -> None:
    world.commit({PATCH: b"overrides: ["})
    world.poll()
    roll_back_environment(world.agent, reason="losses")
    world.poll()
    (branch,) = [name for name in branches(world) if name != "main"]
    body = next((world.state_dir.folder / "proposals").iterdir()).read_text()
    assert "the later change is undone too" in body
    merge(world, branch)
    assert permission_of(world.poll())[0] is Permission.ALLOWED


def test_a_revert_leaves_alone_what_others_have_changed_since(world: World) -> None:
    roll_back_environment(world.agent, reason="losses")
    path = "runtime_overrides/paper.yaml"
    world.commit({path: patch_text(tail_age_ms=555).encode()})
    world.poll()
    (branch,) = [name for name in branches(world) if name != "main"]
    assert world.author.show(branch, path) == patch_text(tail_age_ms=555).encode()
    assert world.author.show(branch, PATCH) == world.author.show(world.first, PATCH)


def test_a_revert_is_signed_where_signatures_count(world: World, tmp_path: Path) -> None:
    key, line = keygen(tmp_path, "agent")
    roll_back_environment(world.agent, reason="losses")
    world.restart(sign=key)
    world.poll()
    (branch,) = [name for name in branches(world) if name != "main"]
    assert verify_commit(world.author, branches(world)[branch], line).principal == "agent@example.com"
