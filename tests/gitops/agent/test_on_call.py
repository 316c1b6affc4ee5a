"""What somebody on call sees at night: every environment, who is dead, what was found of what runs."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from framework.files.atomic import write_json
from framework.files.moments import iso_utc
from framework.gitops.agent.next_step import next_steps
from framework.gitops.agent.operator import bot_answer, hold_environment, roll_back_environment
from framework.gitops.agent.status import read_status
from framework.gitops.agent.status_text import overview_lines, status_lines
from framework.journal.entry import Kind
from framework.journal.journal import utc_now
from tests.gitops.agent_cases import World

TIMED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \| gitops_")


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A content in force, at the time of the clock on the wall."""
    world = World(tmp_path, now=utc_now())
    world.poll(after_s=0.0)
    return world


def bot_says(world: World, **more: Any) -> None:
    world.bot()
    told = json.loads(world.state_dir.bot.read_text())
    standing = {"position": -120.0, "base": "NEXO", "pnl": -0.42, "quote": "USDT", "fills": 17}
    write_json(path=world.state_dir.bot, value={**told, **standing, **more})


def status(world: World, *words: str) -> int:
    return main(["gitops", "status", "--home", str(world.home), *words])


def test_without_a_name_every_environment_is_shown_and_the_worst_ends_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.home / "gitops" / "environments").mkdir(parents=True)
    for name in ("sandbox", "production"):
        (world.home / "gitops" / "environments" / f"{name}.yaml").write_text("x")
    bot_says(world)
    assert status(world) == 0
    screen = capsys.readouterr().out.splitlines()
    assert any(
        re.match(r"sandbox +Synced +Healthy +Allowed +[0-9a-f]{12} +\d+ s ago$", line) for line in screen
    )
    assert any(re.match(r"production +is not kept on this machine$", line) for line in screen)
    assert "sandbox: position -120 NEXO, PnL -0.42 USDT since its start, 17 fills" in screen
    broken = world.home / "artifacts" / "gitops" / "paper" / "journal.jsonl"
    broken.parent.mkdir()
    broken.write_text("{}\n")
    assert status(world) == 1
    screen = capsys.readouterr().out.splitlines()
    assert any(re.match(r"sandbox +Synced +Healthy", line) for line in screen)
    assert any(re.match(r"paper +cannot be read: ", line) for line in screen)
    assert status(world, "--json") == 1
    assert set(json.loads(capsys.readouterr().out)) == {"sandbox", "production", "paper"}


def test_a_bot_that_fell_silent_ends_status_with_1(world: World) -> None:
    bot_says(world, health_reason="the disk is full")
    assert status(world, "--environment", "sandbox") == 0
    bot_says(world, heartbeat_at=iso_utc(utc_now() - timedelta(minutes=5)), health_reason="the disk is full")
    found = read_status(world.state_dir, now=utc_now())
    assert (found.health.stands, found.exit_code) == ("Stale", 1)
    assert re.fullmatch(r"last heard 30\d s ago: the disk is full", found.health.why)


def test_a_bot_that_was_stopped_on_purpose_says_so_however_long_ago(world: World) -> None:
    ended = {"at": "2026-03-04T12:00:00Z", "why": "asked to by SIGTERM", "on_purpose": True}
    bot_says(world, heartbeat_at=iso_utc(utc_now() - timedelta(hours=5)), stopped=ended)
    found = read_status(world.state_dir, now=utc_now())
    assert (found.health.stands, found.exit_code) == ("Stopped", 0)
    assert found.health.why == "on purpose at 2026-03-04T12:00:00Z: asked to by SIGTERM"
    bot_says(
        world, heartbeat_at=iso_utc(utc_now() - timedelta(hours=5)), stopped={**ended, "on_purpose": False}
    )
    assert read_status(world.state_dir, now=utc_now()).health.stands == "Stale"


def test_the_verdict_shown_is_that_of_what_runs_and_not_the_newest(world: World) -> None:
    world.ask(tail_age_ms=700)
    world.poll(after_s=0.0)
    in_force = world.entries(Kind.APPLIED)[-1].data["commit"]
    world.promotes = False
    later = world.ask(tail_age_ms=710)
    world.promote(later, Kind.REFUSED, verdict="FAIL")
    world.poll(after_s=0.0)
    verdict = read_status(world.state_dir, now=utc_now()).last_verdict
    assert verdict is not None
    assert (verdict.verdict, verdict.subject, verdict.commit) == ("PROMOTED (PASS)", "the gate", in_force)


def test_of_a_content_that_nobody_judged_nothing_is_said_to_be_found(world: World) -> None:
    found = read_status(world.state_dir, now=utc_now())
    assert found.last_verdict is None
    assert "  verdict     none is known of what is in force" in status_lines(found)


def test_a_status_fits_80_columns_and_shows_what_is_hidden(world: World) -> None:
    bot_says(world, health="degraded", health_reason="so \x1b[2J many words " * 20)
    found = read_status(world.state_dir, now=utc_now())
    lines = status_lines(found, width=80) + overview_lines({"sandbox": found}, width=80)
    assert all(line.isprintable() for line in lines)
    assert max(len(line) for line in lines if "/" not in line) <= 80
    assert len([line for line in status_lines(found) if "?[2J" in line]) == 1  # whole where nobody looks


def test_a_rollback_says_how_the_bot_truly_is(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.ask(tail_age_ms=700)
    world.poll(after_s=0.0)
    bot_says(world)
    hold, _ = roll_back_environment(world.new_agent(), reason="now")
    assert world.entries(Kind.ROLLBACK)[-1].data["bot_health"] == "healthy"
    told = bot_answer(world.state_dir, hold, wait_s=0.0)
    assert told == "Healthy: it has not taken what is held within 0 s; look at it"
    bot_says(world)
    assert bot_answer(world.state_dir, hold).startswith("Healthy: it trades what is held; position -120 NEXO")
    bot_says(world, heartbeat_at=iso_utc(utc_now() - timedelta(minutes=5)))
    assert re.match(r"Stale \(last heard 30\d s ago\): no bot trades", bot_answer(world.state_dir, hold))
    world.state_dir.bot.unlink()
    assert (
        bot_answer(world.state_dir, hold)
        == "Missing (no bot has written bot.json): no bot trades what is held"
    )


def test_every_line_of_the_commands_begins_with_its_time(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ask(tail_age_ms=700)
    words = ("--environment", "sandbox", "--home", str(world.home))
    main(["gitops", "reconcile", *words, "--remote", str(world.remote), "--once", "--no-publish"])
    main(["gitops", "rollback", *words, "--reason", "now"])
    main(["gitops", "release", *words, "--reason", "well"])
    main(["gitops", "hold", *words, "--reason", "not yet"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 5
    assert all(TIMED.match(line) for line in lines), lines


def test_the_line_of_how_it_stands_says_why_it_waits(world: World) -> None:
    world.promotes = False
    world.ask(tail_age_ms=600)
    world.poll()
    assert world.said[-1].endswith(" Waiting | waiting for promotion |")


def steps(world: World) -> list[str]:
    return next_steps(read_status(world.state_dir, now=utc_now()))


def test_what_to_type_next_is_said_with_the_command(world: World) -> None:
    start = "quoteops soak soak.environment=sandbox soak.clock=wall soak.hours=24"
    assert steps(world) == [f"start the bot, when it should trade: {start}"]
    bot_says(world)
    assert steps(world) == ["nothing to do"]
    bot_says(world, health="failing")
    assert steps(world) == ['go back: quoteops gitops rollback --environment sandbox --reason "…"']
    bot_says(world, pid=4711, heartbeat_at=iso_utc(utc_now() - timedelta(minutes=5)))
    assert steps(world) == [
        f"see whether process 4711 still lives, end it, and start the bot: {start}",
    ]


def test_who_waits_is_told_how_it_is_let_in_and_who_is_held_how_that_ends(world: World) -> None:
    running = world.entries(Kind.APPLIED)[-1].data["commit"]
    world.promotes = False
    asked = world.ask(tail_age_ms=600)
    world.poll(after_s=0.0)
    bot_says(world)
    (step,) = steps(world)
    words = f"--base {running[:12]} --head {asked[:12]} --environment sandbox"
    assert step.endswith(f"quoteops gitops promote {words}")
    hold_environment(world.new_agent(), reason="not now")
    (step,) = steps(world)
    assert step.endswith('quoteops gitops release --environment sandbox --reason "…"')


def test_an_overview_fits_a_narrow_terminal(world: World) -> None:
    bot_says(world)
    found = read_status(world.state_dir, now=utc_now())
    lines = overview_lines({"sandbox": found, "paper": "is not kept on this machine"}, width=40)
    assert max(map(len, lines)) <= 40
    assert lines[0].startswith("sandbox  Synced · Healthy · Allowed,")
