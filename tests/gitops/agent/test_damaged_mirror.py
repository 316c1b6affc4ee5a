"""A mirror is a copy: one that git cannot read any more is set aside, and nothing waits for people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from framework.gitops.agent.operator import roll_back_environment
from tests.gitops.agent_cases import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def cut_objects(mirror: Path) -> None:
    for path in [p for p in (mirror / "objects").rglob("*") if p.is_file()]:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:20])


def empty_head(mirror: Path) -> None:
    (mirror / "HEAD").write_bytes(b"")


def zero_ref(mirror: Path) -> None:
    (mirror / "refs" / "quoteops" / "fetched" / "main").write_bytes(b"\0" * 41)


def lose_refs(mirror: Path) -> None:
    (mirror / "refs").rename(mirror / "refs.lost")


DAMAGES = [cut_objects, empty_head, zero_ref, lose_refs]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_mirror_is_made_anew(world: World, damage: Callable[[Path], None]) -> None:
    world.ask(base_spread_bps_delta=0.3)
    world.poll()
    damage(world.state_dir.mirror)
    world.restart()
    world.ask(base_spread_bps_delta=0.4)
    for _ in range(3):
        world.poll()
    assert world.live()["base_spread_bps_delta"] == 0.4
    assert "refused" not in world.kinds()


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_mirror_and_remote_the_live_file_is_set_right_and_an_operator_goes_back(
    world: World, damage: Callable[[Path], None]
) -> None:
    first = world.ask(base_spread_bps_delta=0.3)
    world.poll()
    world.ask(base_spread_bps_delta=0.4)
    world.poll()
    damage(world.state_dir.mirror)
    world.remote.rename(world.remote.with_name("gone.git"))
    world.state_dir.live.write_text("{}")
    for _ in range(3):
        world.poll()
    assert world.live()["base_spread_bps_delta"] == 0.4
    world.restart()
    roll_back_environment(world.agent, reason="losses", to=first, loosen=True)
    assert world.live()["base_spread_bps_delta"] == 0.3
