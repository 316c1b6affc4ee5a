"""The commands of an operator, as typed: reconcile, status, hold, release, rollback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from tests.command import REPOSITORY
from tests.gitops.agent_cases import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def run(world: World, verb: str, *words: str) -> int:
    return main(["gitops", verb, "--environment", "sandbox", "--home", str(world.home), *words])


def reconcile(world: World, *words: str) -> int:
    return run(world, "reconcile", "--remote", str(world.remote), "--once", *words)


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_day_of_an_operator(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile(world) == 0
    world.ask(tail_age_ms=900)
    assert reconcile(world) == 0
    capsys.readouterr()
    assert run(world, "status", "--json") == 0
    status = said(capsys)
    assert (status["sync"]["is"], status["health"]["is"]) == ("Synced", "Missing")
    assert status["rendered"]["values"] == {"tail_age_ms": 900}
    assert status["journal"]["seq"] == 2

    words = ["--reason", "it loses", "--remote", str(world.remote)]
    assert run(world, "rollback", *words) == 0
    assert "back to" in capsys.readouterr().out
    assert world.live() == {"tail_age_ms": 650}
    assert run(world, "status") == 1
    screen = capsys.readouterr().out
    assert "OutOfSync · Missing · Held" in screen
    assert "it loses" in screen
    assert "revert proposed" in screen
    assert len(screen.splitlines()) <= 20

    assert run(world, "hold", "--reason", "again") == 2
    assert "is held already" in capsys.readouterr().err
    assert run(world, "release", "--reason", "enough") == 0
    assert reconcile(world) == 1  # its content is in quarantine
    assert world.live() == {"tail_age_ms": 650}


def test_a_rewritten_branch_is_taken_by_name(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile(world) == 0
    world.ask(tail_age_ms=700)
    assert reconcile(world) == 0
    world.author.run("update-ref", "refs/heads/main", world.first)
    assert reconcile(world) == 1
    assert run(world, "release", "--reason", "rebased", "--accept", "deadbeef") == 2
    assert run(world, "release", "--reason", "rebased", "--accept", world.first) == 0
    assert reconcile(world) == 1
    assert world.live() == {"tail_age_ms": 700}
    world.promote(world.first)
    assert reconcile(world) == 0
    assert world.live() == {"tail_age_ms": 650}


def test_status_where_no_agent_ever_ran_is_not_known(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, "status") == 3
    assert "Unknown · Missing · Allowed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["../x", "A", "", "a/b"])
def test_an_environment_that_is_no_name_is_refused(
    world: World, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["gitops", "status", "--environment", name, "--home", str(world.home)]) == 2
    assert "is no name" in capsys.readouterr().err


def test_a_hold_needs_a_reason(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile(world) == 0
    assert run(world, "hold", "--reason", " ") == 2
    assert "reason is empty" in capsys.readouterr().err
    assert not world.state_dir.hold.exists()


def test_without_a_remote_the_rollback_has_happened_and_says_what_is_left(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconcile(world) == 0
    world.ask(tail_age_ms=900)
    assert reconcile(world) == 0
    assert run(world, "rollback") == 0
    assert "the revert is not proposed yet" in capsys.readouterr().out
    assert world.live() == {"tail_age_ms": 650}


def test_an_environment_nobody_knows_is_refused_by_status(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.home / "gitops" / "environments").mkdir(parents=True)
    (world.home / "gitops" / "environments" / "paper.yaml").touch()
    words = ["gitops", "status", "--environment", "papr", "--home", str(world.home)]
    assert main(words) == 2
    assert "environment papr: is unknown; allowed paper; did you mean paper?" in capsys.readouterr().err


def test_status_says_how_to_start_an_agent_and_what_probation_is(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world, "status") == 3
    assert "start the agent: quoteops gitops reconcile --environment sandbox\n" in capsys.readouterr().out
    assert reconcile(world) == 0
    capsys.readouterr()
    assert run(world, "status") == 0
    assert "; on probation, not running yet" in capsys.readouterr().out


def test_a_bot_of_another_profile_shows_though_it_follows_the_same_file(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reconcile(world) == 0
    world.bot(config_sha="c")
    capsys.readouterr()
    assert run(world, "status") == 1  # it was heard long ago
    assert "not the config that was rendered" in capsys.readouterr().out


def test_the_journal_cuts_digests_for_people_alone(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reconcile(world) == 0
    capsys.readouterr()
    monkeypatch.chdir(REPOSITORY)
    words = ["gitops", "journal", "--environment", "sandbox", "--file", str(world.state_dir.journal)]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert f'"commit":"{world.first[:12]}…"' in shown
    assert main([*words, "--json"]) == 0
    assert world.first in capsys.readouterr().out
