"""What is not sure lets nothing in: a first tier, a published content, a mirror that has lost a commit."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.desired.rendered import read_rendered
from framework.gitops.repo.journal_branch import BRANCH
from framework.journal.entry import Kind
from tests.gitops.agent_cases import World

PRODUCTION = "gitops/environments/production.yaml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- a first content and its tier ----------------------------------------------------------------------------


def unknown(folder: Path) -> World:
    """Let an agent of production start without a checkout and with nothing in force."""
    world = World(folder, environment="production")
    world.promotes = False
    world.author.run("update-ref", "-d", f"refs/heads/{BRANCH}")
    return world


def called_a_sandbox(world: World) -> None:
    text = (world.author.show("main", PRODUCTION) or b"").decode()
    assert "tier: production" in text
    world.commit({PRODUCTION: text.replace("tier: production", "tier: sandbox").encode()})


def test_a_push_that_calls_production_a_sandbox_is_not_adopted(tmp_path: Path) -> None:
    world = unknown(tmp_path)
    called_a_sandbox(world)
    permission, why = permission_of(world.poll())
    assert (permission, world.live_sha()) == (Permission.WAITING, None)
    assert "the tier is sandbox now and was production in" in why


@pytest.mark.parametrize("between", ["removed", "unreadable"])
def test_nor_one_that_hides_what_it_was_behind_another_commit(tmp_path: Path, between: str) -> None:
    world = unknown(tmp_path)
    text = world.author.show("main", PRODUCTION) or b""
    world.commit({PRODUCTION: None if between == "removed" else b"tier: ["})
    world.commit({PRODUCTION: text.replace(b"tier: production", b"tier: sandbox")})
    assert permission_of(world.poll())[0] is Permission.WAITING
    assert world.live_sha() is None


def test_an_unsigned_promotion_of_such_a_push_lets_nothing_in(tmp_path: Path) -> None:
    world = unknown(tmp_path)
    called_a_sandbox(world)
    world.promote(world.author.rev("main"))
    assert permission_of(world.poll())[0] is Permission.WAITING
    assert world.live_sha() is None


def test_what_was_a_sandbox_all_along_is_adopted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


# -- a published content -------------------------------------------------------------------------------------


def published(world: World) -> tuple[str, str]:
    """Let the agent publish a content; return its path on the branch and its digest."""
    world.restart(publishes=True)
    world.poll()
    (entry,) = world.entries(Kind.APPLIED)
    return f"sandbox.contents/{entry.data['overrides_sha']}.json", entry.data["content_sha"]


def test_an_entry_names_all_of_its_content(world: World) -> None:
    published(world)
    (entry,) = world.entries(Kind.APPLIED)
    sha, folder = entry.data["overrides_sha"], world.state_dir.contents
    rendered = read_rendered(sha, folder=folder, content_sha=entry.data["content_sha"])
    assert rendered is not None
    assert read_rendered(sha, folder=folder, content_sha="0" * 64) is None


@pytest.mark.parametrize("part", ["fields", "traded", "settings"])
def test_a_published_content_that_was_changed_beneath_its_live_bytes_is_not_taken(
    world: World, part: str
) -> None:
    path, _ = published(world)
    data = json.loads(world.author.show(BRANCH, path) or b"")
    data[part] = {**data[part], "impact_cap_ratio": 0.5}
    forged = world.author.commit_files(
        world.author.rev(BRANCH), {path: (json.dumps(data) + "\n").encode()}, "forged\n", None
    )
    world.author.run("update-ref", f"refs/heads/{BRANCH}", forged)
    shutil.rmtree(world.home)
    world.promotes = False
    world.ask(tail_age_ms=650, impact_cap_ratio=0.11)
    world.restart(publishes=True)
    world.poll()
    stored = world.state_dir.contents / path.rpartition("/")[2]
    assert "adopted" in world.kinds()
    assert not stored.is_file() or b"0.5" not in stored.read_bytes()
    assert world.entries(Kind.APPLIED)[-1].data["commit"] == world.first


# -- a mirror that has lost the commit in force --------------------------------------------------------------


def test_a_loosening_runs_out_though_git_has_lost_its_commit(world: World) -> None:
    world.poll()
    world.ask(impact_cap_ratio=0.12, expires="2026-03-04T13:00:00Z")
    world.poll()
    by_git = world.folder / "by_git"
    shutil.copytree(world.home, by_git)
    world.now += timedelta(hours=2)
    world.restart()
    world.poll()
    expected = world.live(), world.entries(Kind.APPLIED)[-1].data["config_sha"]
    shutil.rmtree(world.home)
    shutil.move(by_git, world.home)
    shutil.rmtree(world.state_dir.mirror)
    shutil.rmtree(world.remote)
    world.restart()
    world.poll()
    (*_, last) = world.entries(Kind.APPLIED)
    assert last.data["cause"] == "expiry"
    assert last.data["config_sha"] == expected[1]
    assert world.live() == expected[0]
