"""Going back never loosens: what was tightened since stays, whoever goes back, unless it is said in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.agent.operator import hold_environment, roll_back_environment
from framework.gitops.errors import GitopsError
from framework.journal.entry import Kind
from tests.gitops.agent_cases import PATCH, World, keygen, patch_text

TIGHT = {"sizing.notional_cap_usd": 2_000, "sizing.max_position_quotes": 1}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give a world with a content that a bot has proven."""
    world = World(tmp_path)
    world.poll()
    prove(world)
    return world


def prove(world: World) -> None:
    for _ in range(4):  # 900 s of probation
        world.bot()
        world.poll(after_s=300)
    world.bot()
    world.poll()


def apply(world: World, **values: Any) -> str:
    commit = world.ask(**values)
    world.poll()
    assert world.live()["tail_age_ms"] == values["tail_age_ms"]
    return commit


def cap(world: World) -> float:
    found: float = world.live()["sizing.notional_cap_usd"]
    return found


def test_with_loosen_a_commit_comes_back_as_it_asked(tmp_path: Path) -> None:
    world = World(tmp_path)
    cap = "sizing.notional_cap_usd"
    values: list[dict[str, Any]] = [{cap: 10_000}, {cap: 5_000}, {cap: 20_000}]
    named = world.ask(tail_age_ms=650, **values[0])
    world.poll()
    world.ask(tail_age_ms=700, **values[1])
    world.poll()
    roll_back_environment(world.agent, reason="losses")
    assert world.live() == {"tail_age_ms": 650, cap: 5_000}
    world.ask(tail_age_ms=750, **values[2])
    world.poll()
    roll_back_environment(world.agent, reason="losses", to=named, loosen=True)
    assert world.live() == {"tail_age_ms": 650, cap: 10_000}


def test_a_tightening_since_the_last_proven_content_is_kept(world: World) -> None:
    apply(world, tail_age_ms=650, **TIGHT)
    apply(world, tail_age_ms=600, **TIGHT)
    apply(world, tail_age_ms=900, **TIGHT)
    hold, way = roll_back_environment(world.agent, reason="losses")
    assert (world.live()["tail_age_ms"], cap(world)) == (650, 2_000)
    assert not way.kept  # the tightened content was in force itself
    assert hold.plain["held"]["config_sha"] == world.entries(Kind.APPLIED)[1].data["config_sha"]


def test_what_was_never_asked_for_as_a_whole_has_a_hash_of_its_own_and_is_journalled(world: World) -> None:
    apply(world, tail_age_ms=900, **TIGHT)
    hold, way = roll_back_environment(world.agent, reason="losses")
    assert (world.live()["tail_age_ms"], cap(world)) == (650, 2_000)
    assert way.target.commit == world.first
    (entry,) = world.entries(Kind.ROLLBACK)
    assert entry.data["kept"] == dict.fromkeys(TIGHT) | {k: float(v) for k, v in TIGHT.items()}
    assert entry.data["config_sha"] == json.loads(world.state_dir.live.read_text())["config_sha"]
    assert entry.data["config_sha"] not in {item.data["config_sha"] for item in world.entries(Kind.APPLIED)}
    assert hold.plain["held"]["of"] == world.entries(Kind.APPLIED)[0].data["config_sha"]


def test_the_safest_of_all_values_since_is_kept(world: World) -> None:
    apply(world, tail_age_ms=650, **TIGHT)
    apply(world, tail_age_ms=700, **{**TIGHT, "sizing.notional_cap_usd": 9_000})
    apply(world, tail_age_ms=900, **{**TIGHT, "sizing.notional_cap_usd": 9_000})
    roll_back_environment(world.agent, reason="losses")
    assert cap(world) == 2_000


def test_what_would_only_add_risk_is_not_done_unless_it_is_said_in_words(world: World) -> None:
    apply(world, tail_age_ms=650, **TIGHT)
    with pytest.raises(GitopsError, match=r"would only add risk.*notional_cap_usd.*--loosen"):
        roll_back_environment(world.agent, reason="losses")
    assert cap(world) == 2_000
    with pytest.raises(GitopsError, match="--to SHA"):
        roll_back_environment(world.agent, reason="losses", loosen=True)
    roll_back_environment(world.agent, reason="by mistake", to=world.first, loosen=True)
    assert cap(world) == 20_000


def test_a_refused_or_quarantined_content_cannot_be_named(world: World) -> None:
    bad = apply(world, tail_age_ms=900)
    roll_back_environment(world.agent, reason="losses")
    worse = apply(world, tail_age_ms=700)
    apply(world, tail_age_ms=710)
    world.promote(worse, Kind.REFUSED, verdict="FAIL", sentence="worse")
    world.poll()
    for commit, why in ((bad, "quarantine"), (worse, "refused by the gate")):
        for agent in (world.agent, world.new_agent()):  # which has not asked the remote
            with pytest.raises(GitopsError, match=why):
                roll_back_environment(agent, reason="losses", to=commit, loosen=True)


def test_a_bot_that_fails_under_a_tightening_does_not_undo_it(world: World) -> None:
    apply(world, tail_age_ms=650, **TIGHT)
    world.bot(health="failing")
    for _ in range(3):
        world.poll()
    assert cap(world) == 2_000
    assert not world.state_dir.hold.exists()
    assert not world.entries(Kind.ROLLBACK, Kind.QUARANTINED)
    (alert,) = world.entries(Kind.ALERT)
    assert alert.data["topic"] == "failing"
    assert "would only add risk" in alert.data["text"]


def test_a_bot_that_refuses_a_tightening_does_not_undo_it(world: World) -> None:
    apply(world, tail_age_ms=650, **TIGHT)
    world.bot(refuses="no such mode")
    world.poll()
    assert cap(world) == 2_000
    assert not world.entries(Kind.ROLLBACK, Kind.QUARANTINED)


def test_a_mixture_goes_back_but_for_what_it_tightened(world: World) -> None:
    apply(world, tail_age_ms=900, **TIGHT)
    world.bot(health="failing")
    world.poll()
    assert (world.live()["tail_age_ms"], cap(world)) == (650, 2_000)
    assert world.entries(Kind.QUARANTINED)


def test_what_going_back_has_made_does_not_run_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    apply(world, tail_age_ms=800, expires="2026-03-04T14:00:00Z")
    apply(world, tail_age_ms=900, **TIGHT)
    roll_back_environment(world.agent, reason="losses")
    before = world.live()
    assert before["sizing.notional_cap_usd"] == 2_000
    assert before["tail_age_ms"] not in (800, 900)  # as it is once the patch has ended
    world.poll(after_s=4 * 3_600)
    assert world.live() == before


def test_the_proposal_is_the_very_content_that_is_held(world: World) -> None:
    apply(world, tail_age_ms=900, **TIGHT)
    roll_back_environment(world.agent, reason="losses")
    world.poll()
    (proposed,) = world.entries(Kind.PROPOSED)
    assert proposed.data["exact"] is True
    merged = world.author.rev(proposed.data["branch"])
    world.author.run("update-ref", "refs/heads/main", merged)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.ALLOWED
    assert not world.state_dir.hold.exists()
    assert (world.live()["tail_age_ms"], cap(world)) == (650, 2_000)


def test_a_content_that_the_bot_did_not_run_is_not_proven(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.poll()
    world.bot(config_sha="e" * 64)
    for _ in range(4):
        world.poll(after_s=300)
        world.bot()
    world.poll()
    assert not world.entries(Kind.VERDICT)


def test_a_page_of_documentation_ends_no_hold(world: World) -> None:
    hold = hold_environment(world.agent, reason="incident")
    message = f"docs: typo\n\nClears-Hold: {hold.name}\n"
    for path in ("README.md", "conf/kpi/note.yaml", "runtime_overrides/paper.yaml", "gitops/policy.md"):
        world.commit({path: b"# x\n"}, message=message)
        world.poll()
        assert world.state_dir.hold.exists(), path
    world.commit({PATCH: patch_text(tail_age_ms=650, reason="over").encode()}, message=message)
    world.poll()
    assert not world.state_dir.hold.exists()


def test_a_signer_of_the_policy_may_end_a_hold_with_any_commit(tmp_path: Path) -> None:
    world = World(tmp_path)
    key, line = keygen(tmp_path, "desk")
    policy = (world.author.show("main", "gitops/policy.yaml") or b"").decode()
    world.commit({"gitops/policy.yaml": policy.replace("signers: []", f"signers:\n  - '{line}'").encode()})
    world.poll()
    hold = hold_environment(world.agent, reason="incident")
    message = f"docs: it is over\n\nClears-Hold: {hold.name}\n"
    world.commit({"README.md": b"# x\n"}, message=message)
    world.poll()
    assert world.state_dir.hold.exists()
    world.commit({"README.md": b"# y\n"}, message=message, sign=key)
    world.poll()
    assert not world.state_dir.hold.exists()
