"""A pipe, a folder, a link to a device or 3 GB in the place of a file of the agent: nothing is wedged."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.errors import QuoteopsError
from framework.gitops.agent.operator import release_environment, roll_back_environment
from framework.gitops.agent.status import read_status
from framework.gitops.agent.status_text import status_lines
from tests.gitops.agent_cases import World


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("x")


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


PLACED: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "folder": _folder,
    "link": lambda path: path.symlink_to("/dev/zero"),
    "3 GB": _huge,
}


def put(kind: str, path: Path) -> None:
    """Put something in a file's place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    PLACED[kind](path)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Two contents, the second in force."""
    world = World(tmp_path)
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    world.bot()
    return world


@pytest.mark.parametrize("kind", PLACED)
def test_the_agent_sets_the_live_file_right_and_the_operator_goes_back(world: World, kind: str) -> None:
    good, place = world.live_sha(), world.state_dir
    for path in (place.live, place.bot, place.state):
        put(kind, path)
    world.poll()
    assert world.live_sha() == good
    assert place.state.is_file()
    assert os.listdir(place.live.parent) == ["overrides.json"]
    for path in (place.live, place.bot, place.state, place.contents / f"{good}.json"):
        put(kind, path)
    found = read_status(place, now=world.now)
    assert found.health.stands == "Missing"
    assert all(line.isprintable() for line in status_lines(found))
    roll_back_environment(world.new_agent(), reason="now")
    assert world.live()["tail_age_ms"] == 650  # of what is lost nothing is known, so every field is stated


@pytest.mark.parametrize("kind", PLACED)
def test_a_hold_whose_file_was_replaced_holds_and_can_be_released(world: World, kind: str) -> None:
    put(kind, world.state_dir.hold)
    assert read_status(world.state_dir, now=world.now).permission.stands == "Held"
    release_environment(world.new_agent(), reason="it was no hold")
    assert read_status(world.state_dir, now=world.now).hold is None
    put(kind, world.state_dir.hold)
    hold, _ = roll_back_environment(world.new_agent(), reason="now")
    put(kind, world.state_dir.hold)
    world.restart()
    world.poll()
    assert world.state_dir.hold.is_file()
    found = read_status(world.state_dir, now=world.now)
    assert found.hold is not None
    assert found.hold["hold"] == hold.name


@pytest.mark.parametrize("kind", PLACED)
def test_without_a_journal_that_can_be_read_nothing_is_put_in_force(world: World, kind: str) -> None:
    before = world.live_sha()
    put(kind, world.state_dir.journal)
    world.ask(tail_age_ms=800)
    with contextlib.suppress(QuoteopsError):
        world.restart()
        world.poll()
    assert world.live_sha() == before
