"""Files beside the agent that hold anything, clocks that go back, names no other system can hold."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.gitops.agent.serve import once
from framework.gitops.agent.status import read_status
from framework.gitops.agent.status_text import status_lines
from framework.gitops.errors import GitError
from framework.gitops.repo.paths import check_apart, check_path
from framework.gitops.repo.process import without_login
from framework.journal.entry import Kind
from framework.journal.errors import JournalError
from tests.gitops.agent_cases import World

HOLD = {
    "hold": "hold-9",
    "reason": "r",
    "cause": "c",
    "by": "b",
    "at": "2026-03-04T12:00:00Z",
    "head": None,
    "head_config_sha": None,
    "held": {"commit": "a", "config_sha": "b", "overrides_sha": "c"},
    "quarantined": None,
}
BAD = {"config_sha": "a", "commit": "b", "overrides_sha": "c", "until": "2026-03-05T12:00:00Z"}
DEEP = "[" * 100_000


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def status(world: World) -> dict[str, Any]:
    """Give what status says, which can be written for people whatever it is."""
    found = read_status(world.state_dir, now=world.now)
    assert status_lines(found)
    return found.as_dict()


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        "[]",
        json.dumps({**HOLD, "held": "text"}),
        json.dumps({**HOLD, "hold": ["hold-1"]}),
        json.dumps({**HOLD, "reason": 5}),
        json.dumps({**HOLD, "held": {}, "quarantined": BAD}),
        json.dumps({**HOLD, "quarantined": {**BAD, "until": "tomorrow"}}),
        json.dumps({**HOLD, "quarantined": {**BAD, "until": "2026-03-05T12:00:00"}}),
        json.dumps({**HOLD, "quarantined": {"config_sha": "a"}}),
    ],
)
def test_whatever_hold_json_holds_the_agent_holds(world: World, text: str) -> None:
    world.poll()
    world.state_dir.hold.write_text(text)
    world.ask(tail_age_ms=700)
    world.poll()
    assert status(world)["permission"]["is"] == "Held"
    assert world.live() == {"tail_age_ms": 650}


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        '{"heartbeat_at":"2026-03-04T12:00:05Z","in_force":{"config_sha":5}}',
        '{"heartbeat_at":"9999-12-31T23:59:59-23:59"}',
        '{"heartbeat_at":"2026-03-04T12:00:05Z","refused":{"overrides_sha":{}}}',
    ],
)
def test_a_bot_that_says_nothing_that_makes_sense_is_no_bot(world: World, text: str) -> None:
    world.poll()
    world.state_dir.bot.write_text(text)
    world.poll()
    assert status(world)["health"]["is"] == "Missing"


@pytest.mark.parametrize(
    "text",
    [
        DEEP,
        '{"journal":5}',
        '{"rules":{"x":1},"desired":{"a":1}}',
        '{"seen":5,"good":["x"],"published":{}}',
        '{"seen":"zz","good":"zz","branch":7}',
        '{"fetched_at":"x","poll_s":"y"}',
    ],
)
def test_an_agent_and_an_operator_do_without_a_state_that_makes_no_sense(world: World, text: str) -> None:
    world.poll()
    world.state_dir.state.write_text(text)
    status(world)
    world.restart()
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


def test_a_torn_line_beside_a_running_agent_is_recovered(world: World) -> None:
    world.poll()
    with world.state_dir.journal.open("ab") as file:
        file.write(b'{"at":"2026-')
    world.poll()
    assert world.agent.view.head.seq == 1
    world.ask(tail_age_ms=700)
    world.poll()
    world.poll()
    assert world.kinds() == ["applied", "recovered", "applied"]


def test_a_journal_that_goes_away_under_a_running_agent_moves_nothing(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    before = world.live_sha()
    world.state_dir.journal.unlink()
    with pytest.raises(JournalError, match="truncated, bring it back"):
        world.poll()
    assert world.live_sha() == before


def test_a_mirror_that_is_deleted_is_made_again(world: World) -> None:
    world.poll()
    shutil.rmtree(world.state_dir.mirror)
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


def test_a_word_from_the_future_is_no_sign_of_life(world: World) -> None:
    world.poll()
    world.now += timedelta(hours=3)
    world.bot()
    world.now -= timedelta(hours=3)
    world.poll()
    health = status(world)["health"]
    assert health["is"] == "Stale"
    assert "in the future: a clock was set back" in health["why"]


def test_a_branch_read_in_the_future_is_not_known(world: World) -> None:
    world.poll()
    world.now -= timedelta(hours=3)
    assert status(world)["sync"]["is"] == "Unknown"


def test_a_clock_set_back_delays_no_publishing(world: World) -> None:
    world.restart(publishes=True)
    world.poll()
    away = world.remote.rename(world.folder / "away.git")
    world.agent.view.note(Kind.ALERT, {"topic": "x", "text": "y"})
    world.poll()
    assert world.agent.publish_fault
    away.rename(world.remote)
    world.now -= timedelta(hours=5)
    world.poll()
    assert world.agent.publish_fault == ""


def test_a_name_that_cannot_be_written_is_the_commit_s_fault(world: World) -> None:
    world.poll()
    name = f"conf/{'x' * 240}.yaml"
    index = {"GIT_INDEX_FILE": str(world.folder / "index")}
    oid = world.author.run("hash-object", "-w", "--stdin", input=b"a: 1\n").decode().strip()
    world.author.run("read-tree", "main", env=index)
    world.author.run("update-index", "--index-info", input=f"100644 {oid}\t{name}\n".encode(), env=index)
    tree = world.author.run("write-tree", env=index).decode().strip()
    who = {f"GIT_{role}_{what}": "a" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    sha = world.author.run("commit-tree", "-p", "main", "-m", "long", tree, env=who).decode().strip()
    world.author.run("update-ref", "refs/heads/main", sha)
    world.poll()
    assert world.kinds() == ["applied", "refused"]
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


@pytest.mark.parametrize(
    "path",
    ["conf/a.", "conf/a /b", "conf/aux.yaml", "conf/COM1", "conf/a\x1bb", "conf/a\tb", "conf/a?b", "c" * 300],
)
def test_a_path_that_some_system_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(GitError, match="every system can hold"):
        check_path(path, where="here")


@pytest.mark.parametrize(
    "paths",
    [
        ("conf/profile/S1.yaml", "conf/profile/s1.yaml"),
        ("conf/kpi/a.yaml", "conf/KPI/b.yaml"),
        ("conf/\u00e9.yaml", "conf/e\u0301.yaml"),
        ("conf/\ufb01.yaml", "conf/fi.yaml"),
    ],
)
def test_two_paths_that_are_one_elsewhere_are_refused(paths: tuple[str, str]) -> None:
    with pytest.raises(GitError, match="one name on some systems"):
        check_apart(paths, where="here")


def test_a_path_that_is_a_file_and_a_folder_is_refused() -> None:
    with pytest.raises(GitError, match="a file and a folder"):
        check_apart(("conf/a", "conf/a/b"), where="here")


@pytest.mark.parametrize("login", ["ann:pw", "ann:p@ss", "ann:p/w@rd", "x-access-token:ghs_1"])
def test_no_part_of_a_login_is_shown(login: str) -> None:
    said = without_login(f"fatal: unable to access 'https://{login}@host/x.git/': no")
    assert said == "fatal: unable to access 'https://host/x.git/': no"


def test_a_login_of_the_remote_is_in_no_file_and_no_message(world: World) -> None:
    world.agent.observer.remote = "https://ann:p@ssword@127.0.0.1:1/x.git"
    once(world.agent, wait_s=0.0)
    kept = [p.read_text(errors="replace") for p in world.state_dir.folder.glob("*.json*")]
    assert "ssword" not in "\n".join([*world.said, *kept])


def test_a_head_that_cannot_be_composed_for_want_of_disk_stops_no_watch_over_what_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", raising(OSError(errno.ENOSPC, "No space left on device")))
        world.state_dir.live.write_text("{}")
        world.poll()
        assert world.live() == {"tail_age_ms": 650}
        world.poll()
    assert "cannot be composed here yet: " in world.entries(Kind.ALERT)[0].data["text"]
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert Kind.REFUSED not in [entry.kind for entry in world.entries()]


def raising(error: Exception) -> Callable[..., None]:
    """Give a function that raises, whatever it is called with."""

    def fail(*_: object) -> None:
        raise error

    return fail


def test_an_agent_that_has_lost_its_folder_takes_over_what_was_published_and_nothing_else(
    world: World,
) -> None:
    world.restart(publishes=True)
    world.poll()
    before = world.live_sha()
    shutil.rmtree(world.state_dir.folder)
    world.restart(publishes=True)
    world.poll()
    assert world.live_sha() == before
    assert world.kinds() == ["applied", "adopted"]


def test_a_branch_that_is_set_back_to_a_commit_that_was_taken_once_is_refused(world: World) -> None:
    world.poll()
    newer = world.ask(tail_age_ms=700)
    world.poll()
    world.author.run("update-ref", "refs/heads/main", world.first)
    world.poll()
    assert "does not contain" in world.entries(Kind.REFUSED)[0].data["reason"]
    assert world.live() == {"tail_age_ms": 700}
    world.author.run("update-ref", "refs/heads/main", newer)
    world.poll()
    assert status(world)["permission"]["is"] == "Allowed"


def test_no_commit_leads_an_agent_to_another_branch(world: World) -> None:
    file = f"gitops/environments/{world.environment}.yaml"
    text = world.author.show("main", file)
    assert text is not None
    world.commit({file: text.replace(b"branch: main", b"branch: dev/side")})
    world.poll()
    side = world.ask(tail_age_ms=700)
    world.author.run("update-ref", "refs/heads/dev/side", side)
    world.author.run("update-ref", "refs/heads/main", f"{side}~1")
    for again in range(2):
        world.poll()
        assert world.live() == {"tail_age_ms": 650}, again
        world.restart()
    assert world.agent.observer.branch == "main"


@pytest.mark.parametrize("branch", ["a..b", "a/", "a.", "a.lock", "a/.b", "a//b", "x.lock/y"])
def test_an_environment_follows_no_branch_that_cannot_be(world: World, branch: str) -> None:
    world.poll()
    path = "gitops/environments/sandbox.yaml"
    text = (world.author.show("main", path) or b"").replace(b"branch: main", f"branch: {branch}".encode())
    world.commit({path: text})
    world.poll()
    assert "allowed a name that git takes" in world.entries(Kind.REFUSED)[0].data["reason"]
