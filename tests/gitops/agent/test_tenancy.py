"""State is not the disk's: old disks, new hosts, two agents of one environment, a remote that is gone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.gitops.agent import carried as acting
from framework.gitops.agent.conditions import Permission, permission_of
from framework.gitops.agent.lease import LEASE_S, PATIENCE, Lease, read_lease
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.operator import hold_environment, release_environment, roll_back_environment
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.serve import once
from framework.gitops.agent.state import read_state
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.errors import GitopsError
from framework.gitops.repo.journal_branch import BRANCH, fetch_published, fetch_tip
from framework.journal import segments
from framework.journal.entry import Kind
from tests.gitops.agent_cases import REPOSITORY, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.restart(publishes=True)
    return made


class Ticks:
    """A machine's own clock, that the test moves."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def __call__(self) -> float:
        return self.at


def another(world: World, name: str, **more: Any) -> Reconciler:
    """Start an agent of the same environment in another home."""
    observer = Observer(StateDir(world.folder / name, "sandbox"), str(world.remote), lambda: world.now)
    return Reconciler(observer, log=world.said.append, **{"publishes": True, **more})


def lease(world: World) -> Lease | None:
    """Give the lease that is published."""
    return read_lease(world.author, fetch_tip(world.author, str(world.remote)), "sandbox")


def live(agent: Reconciler) -> dict[str, Any] | None:
    """Give the overrides of an agent's live file."""
    path = agent.state_dir.live
    found: dict[str, Any] | None = json.loads(path.read_text())["overrides"] if path.is_file() else None
    return found


def kinds(agent: Reconciler) -> list[str]:
    """Give the kinds of an agent's journal."""
    return [str(entry.kind) for entry in JournalView(agent.state_dir.journal).journal.entries()]


# -- old disks and new hosts ---------------------------------------------------------------------------------


def held_after_b(world: World) -> Path:
    """Let content B run badly and be rolled back; give a copy of the disk as it was before that."""
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    backup = world.folder / "backup"
    shutil.copytree(world.home, backup)
    roll_back_environment(world.agent, reason="loses money")
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    return backup


@pytest.mark.parametrize("disk", ["restored", "new", "journal lost", "journal cut", "journal broken"])
def test_whatever_the_disk_says_what_was_published_is_in_force(world: World, disk: str) -> None:
    backup = held_after_b(world)
    if disk in ("restored", "new"):
        shutil.rmtree(world.home)
    if disk == "restored":
        shutil.copytree(backup, world.home)
    if disk == "journal lost":
        world.state_dir.journal.unlink()
        world.state_dir.hold.unlink()
    if disk == "journal cut":
        lines = world.state_dir.journal.read_bytes().splitlines(keepends=True)
        world.state_dir.journal.write_bytes(lines[0])
        world.state_dir.hold.unlink()
    if disk == "journal broken":
        data = world.state_dir.journal.read_bytes()
        world.state_dir.journal.write_bytes(data.replace(b"loses money", b"loses monkey"))
    world.restart(publishes=True)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.HELD
    assert world.live() == {"tail_age_ms": 650}
    assert "adopted" in world.kinds()
    found = fetch_published(world.author, str(world.remote), "sandbox")
    assert found is not None
    assert found.entries == tuple(world.entries())


def test_going_back_works_on_a_new_host(world: World) -> None:
    for tail in (700, 720):
        world.poll()
        world.ask(tail_age_ms=tail)
    world.poll()
    shutil.rmtree(world.home)
    world.restart(publishes=True)
    world.poll()
    assert world.live() == {"tail_age_ms": 720}
    roll_back_environment(world.agent, reason="loses money")
    assert world.live() == {"tail_age_ms": 700}


def test_a_journal_that_went_its_own_way_is_kept_as_evidence(world: World) -> None:
    backup = held_after_b(world)
    shutil.rmtree(world.home)
    shutil.copytree(backup, world.home)
    world.restart(publishes=False)
    world.agent.view.note(Kind.ALERT, {"topic": "t", "text": "its own way"})
    before = world.state_dir.journal.read_bytes()
    world.restart(publishes=True)
    world.poll()
    entry = world.entries(Kind.ADOPTED)[0]
    assert Path(entry.data["aside"], "journal.jsonl").read_bytes() == before
    assert "rewritten" in entry.data["why"] or "truncated" in entry.data["why"]
    assert any("kept in" in line for line in world.said)


def test_a_hold_that_was_never_published_outlives_the_adoption(world: World) -> None:
    world.poll()
    other = another(world, "home2", publishes=False)
    once(other, wait_s=0.0)
    hold_environment(other, reason="incident")
    world.ask(tail_age_ms=700)
    world.poll()
    other = another(world, "home2")
    observed = once(other, wait_s=0.0)
    assert permission_of(observed)[0] is Permission.HELD
    assert observed.hold is not None
    assert "incident" in observed.hold.reason
    assert live(other) == {"tail_age_ms": 650}, "what was held is what is held"
    assert kinds(other)[-3:] == ["adopted", "rollback", "hold"]
    world.now += timedelta(seconds=200)
    world.restart(publishes=True)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}, "every home holds it"


def test_a_hold_never_published_keeps_no_value_looser_than_what_was_published(world: World) -> None:
    world.poll()
    other = another(world, "home2", publishes=False)
    once(other, wait_s=0.0)
    hold_environment(other, reason="incident")
    world.ask(tail_age_ms=700, base_spread_bps_delta=0.5)
    world.poll()
    other = another(world, "home2")
    once(other, wait_s=0.0)
    assert live(other) == {"tail_age_ms": 650, "base_spread_bps_delta": 0.5}


def test_a_rollback_never_published_is_carried_with_its_quarantine(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    other = another(world, "home2", publishes=False)
    once(other, wait_s=0.0)
    assert live(other) == {"tail_age_ms": 700}
    world.ask(tail_age_ms=720)
    once(other, wait_s=0.0)
    roll_back_environment(other, reason="loses money")
    bad = other.view.history().quarantines[0].config_sha
    world.poll()
    other = another(world, "home2")
    observed = once(other, wait_s=0.0)
    assert permission_of(observed)[0] is Permission.HELD
    assert live(other) == {"tail_age_ms": 700}
    assert bad in {row.config_sha for row in other.view.history().quarantines}


def test_a_quarantine_and_a_refusal_never_published_outlive_the_adoption(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    other = another(world, "home2", publishes=False)
    once(other, wait_s=0.0)
    world.ask(tail_age_ms=720)
    once(other, wait_s=0.0)
    roll_back_environment(other, reason="loses money")
    release_environment(other, reason="over")
    other.view.note(Kind.REFUSED, {"commit": "f" * 40, "reason": "not signed"})
    before = other.view.history()
    world.poll()
    other = another(world, "home2")
    once(other, wait_s=0.0)
    after = other.view.history()
    assert {row.config_sha for row in before.quarantines} == {row.config_sha for row in after.quarantines}
    assert after.refused == before.refused


@pytest.mark.parametrize("step", ["take_contents", "carried_hold", "write_hold", "take_journal", "settle"])
def test_a_hold_never_published_outlives_an_adoption_that_is_cut_off(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.poll()
    other = another(world, "home2", publishes=False)
    once(other, wait_s=0.0)
    hold_environment(other, reason="incident")
    world.ask(tail_age_ms=700)
    world.poll()
    hold_environment(world.agent, reason="another of the same number")
    release_environment(world.agent, reason="over")
    world.poll()

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(acting, step, dies)
        with pytest.raises(KeyboardInterrupt):
            once(another(world, "home2"), wait_s=0.0)
    other = another(world, "home2")
    observed = once(other, wait_s=0.0)
    assert permission_of(observed)[0] is Permission.HELD
    assert live(other) == {"tail_age_ms": 650}


def test_a_new_host_does_not_take_what_was_refused_since(world: World) -> None:
    world.poll()
    commit = world.ask(tail_age_ms=700)
    world.poll()
    hold_environment(world.agent, reason="incident")
    world.poll()
    world.promote(commit, Kind.REFUSED, sentence="worse")
    shutil.rmtree(world.home)
    world.restart(publishes=True)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.HELD
    assert world.live_sha() is None, "it is held where it was, and comes to no other disk"
    release_environment(world.agent, reason="over")
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


CAP, WIDTH = "sizing.notional_cap_usd", "base_spread_bps_delta"


def asks(world: World, values: dict[str, Any]) -> str:
    """Commit values whose names are no words."""
    return world.ask(**values)


def first_and_refused(world: World, **values: Any) -> Path:
    """Put a content in force and then one that is refused; give a copy of the disk as it was before that."""
    asks(world, {CAP: 10_000, WIDTH: 0.1})
    world.poll()
    backup = world.folder / "backup"
    shutil.copytree(world.home, backup)
    commit = asks(world, values)
    world.poll()
    world.promote(commit, Kind.REFUSED, sentence="worse")
    return backup


def test_half_of_a_refused_risk_is_no_less_of_it_where_the_refused_one_never_was_in_force(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, promotes=False)
    world.restart(publishes=True)
    asks(world, {CAP: 20_000, WIDTH: 0.1})
    commit = world.author.rev("main")
    world.poll()
    world.promote(commit, Kind.REFUSED, sentence="worse")
    asks(world, {CAP: 15_000, WIDTH: 0.1})
    shutil.rmtree(world.home)
    world.restart(publishes=True)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.WAITING
    assert world.live_sha() is None


def test_what_was_refused_comes_to_an_older_disk_where_anything_else_would_add_risk(world: World) -> None:
    backup = first_and_refused(world, **{CAP: 5_000, WIDTH: 0.2})
    shutil.rmtree(world.home)
    shutil.copytree(backup, world.home)
    world.restart(publishes=True)
    world.poll()
    assert world.live() == {CAP: 5_000, WIDTH: 0.2}
    assert "it stays, for going back to" in world.agent.view.history().alerts["revoked"]


def test_going_back_comes_to_nothing_that_was_refused_before_it_ever_ran(world: World) -> None:
    world.promotes = False
    world.promote(asks(world, {CAP: 20_000, "tail_age_ms": 650}))
    world.poll()
    refused = asks(world, {CAP: 10_000, "tail_age_ms": 650})
    world.promote(refused, Kind.REFUSED, sentence="worse")
    world.promote(asks(world, {CAP: 10_000, "tail_age_ms": 700}))
    world.poll()
    assert world.live()["tail_age_ms"] == 700
    with pytest.raises(GitopsError, match="nothing to go back to"):
        roll_back_environment(world.agent, reason="losses")


def test_what_was_refused_is_known_after_a_restart_without_the_network(world: World) -> None:
    world.promotes = False
    bad = world.ask(tail_age_ms=700)
    world.promote(bad)
    world.poll()
    world.promote(world.ask(tail_age_ms=750))
    world.poll()
    world.promote(bad, Kind.REFUSED, sentence="worse")
    world.promote(world.first, Kind.REFUSED, sentence="worse")
    world.poll()
    world.remote.rename(world.folder / "gone.git")
    world.restart(publishes=True)
    world.bot(health="failing")
    world.poll()
    assert world.live() == {"tail_age_ms": 750}
    assert "nothing to go back to" in world.agent.view.history().alerts["failing"]


def test_an_agent_that_gave_its_lease_back_compares_before_it_acts_again(world: World) -> None:
    other = another(world, "home2")
    once(other, wait_s=0.0)
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    once(other, wait_s=0.0)
    assert not other.publish_fault
    assert [item.config_sha for item in other.view.history().trail] == [
        item.config_sha for item in world.agent.view.history().trail
    ]


@pytest.mark.parametrize("step", ["take_contents", "put_live", "take_journal"])
def test_an_adoption_that_is_cut_off_is_done_anew(
    world: World, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_after_b(world)
    shutil.rmtree(world.home)
    world.restart(publishes=True)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(acting, step, dies)
        with pytest.raises(KeyboardInterrupt):
            world.poll()
    world.restart(publishes=True)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.HELD
    assert world.live() == {"tail_age_ms": 650}


def test_segments_come_to_a_new_host_and_the_chain_is_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 2_000)
    for number in range(24):
        world.ask(tail_age_ms=651 + number)
        world.poll()
    before = world.entries()
    assert len(list(segments.sealed_files(world.state_dir.journal))) > 2
    shutil.rmtree(world.home)
    world.restart(publishes=True)
    world.poll()
    assert world.entries()[: len(before)] == before
    assert world.live() == {"tail_age_ms": 674}
    roll_back_environment(world.agent, reason="loses money")
    assert world.live() == {"tail_age_ms": 673}


def test_before_the_published_journal_is_read_only_risk_is_reduced(world: World) -> None:
    held_after_b(world)
    lines = world.state_dir.journal.read_bytes().splitlines(keepends=True)
    world.state_dir.journal.write_bytes(b"".join(lines[:2]))
    world.state_dir.hold.unlink()
    world.state_dir.live.write_text("{}")
    world.restart(publishes=True)
    world.agent.observer.remote = str(world.folder / "nothing.git")
    observed = world.poll()
    assert observed.restrained
    assert world.state_dir.live.read_text() == "{}", "an old journal sets nothing right"
    world.agent.observer.remote = str(world.remote)
    assert permission_of(world.poll())[0] is Permission.HELD


def test_without_the_network_a_running_agent_still_sets_the_live_file_right(world: World) -> None:
    world.poll()
    good = world.live_sha()
    world.agent.observer.remote = str(world.folder / "nothing.git")
    world.state_dir.live.write_text("{}")
    world.poll(after_s=10 * LEASE_S)
    world.poll()
    assert world.live_sha() == good


# -- the lease -----------------------------------------------------------------------------------------------


def test_every_entry_of_an_agent_bears_its_token_and_a_new_process_has_a_new_one(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    world.restart(publishes=True)
    world.ask(tail_age_ms=710)
    world.poll()
    tokens = [entry.data["token"] for entry in world.entries()]
    assert tokens == sorted(tokens)
    assert len(set(tokens)) == 3


def test_while_one_agent_holds_the_lease_another_adds_no_risk(world: World) -> None:
    world.agent.look()
    world.agent.turn()
    world.agent.publish()
    other = another(world, "home2")
    world.ask(tail_age_ms=700)
    observed = once(other, wait_s=0.0)
    assert permission_of(observed)[0] is Permission.WAITING
    assert "another agent holds the lease" in permission_of(observed)[1]
    assert "another agent holds" in read_state(other.state_dir.state).restrained
    assert live(other) is None
    assert kinds(other) == []
    world.agent.look()
    world.agent.turn()
    assert world.live() == {"tail_age_ms": 700}
    world.agent.publish(release=True)
    observed = once(other, wait_s=0.0)
    assert permission_of(observed)[0] is Permission.ALLOWED
    assert live(other) == {"tail_age_ms": 700}
    assert kinds(other) == ["applied", "applied", "adopted"]


def test_an_agent_without_publishing_respects_anothers_lease(world: World) -> None:
    world.agent.look()
    world.agent.turn()
    observed = once(another(world, "home2", publishes=False), wait_s=0.0)
    assert "another agent holds the lease" in observed.restrained


def test_a_lease_that_nobody_renews_is_taken_and_its_holder_stops(world: World) -> None:
    clock, own = Ticks(), Ticks()
    world.agent.tenancy.clock = own
    world.agent.look()
    world.agent.turn()
    world.agent.publish()
    other = another(world, "home2")
    other.tenancy.clock = clock
    other.look()
    clock.at += LEASE_S * PATIENCE - 1.0
    other.look()
    assert other.tenancy.restrained(), "not yet"
    clock.at += 2.0
    other.look()
    other.turn()
    assert not other.tenancy.restrained()
    world.ask(tail_age_ms=700)
    own.at += 1.0
    assert not world.agent.tenancy.restrained(), "it cannot know yet"
    world.agent.view.note(Kind.ALERT, {"topic": "t", "text": "after the other began"})
    world.agent.publish()
    assert "lost to another agent" in world.agent.publish_fault
    world.agent.look()
    observed = world.agent.turn()
    assert "another agent holds the lease" in observed.restrained
    assert world.live() == {"tail_age_ms": 650}
    token = lease(world)
    assert token is not None
    assert token.token == 2
    other.publish(release=True)
    world.poll()
    assert world.entries(Kind.ADOPTED)[-1].data["aside"] is not None
    assert world.live() == {"tail_age_ms": 700}


def test_a_lease_that_is_renewed_is_never_taken_whatever_the_clocks_say(world: World) -> None:
    mine, clock = Ticks(), Ticks()
    world.agent.tenancy.clock = mine
    world.agent.look()
    world.agent.turn()
    other = another(world, "home2")
    other.tenancy.clock, other.tenancy.now = clock, lambda: world.now + timedelta(days=3)
    for _ in range(12):
        mine.at, clock.at = mine.at + LEASE_S / 2, clock.at + LEASE_S / 2
        world.now += timedelta(seconds=LEASE_S / 2)
        world.agent.look()
        world.agent.publish()
        other.look()
        assert not world.agent.tenancy.restrained()
        assert other.tenancy.restrained()


@pytest.mark.parametrize("leap_s", [LEASE_S + 1.0, -5.0])
def test_an_agent_whose_clock_leaps_trusts_its_lease_no_more_until_it_is_renewed(
    world: World, leap_s: float
) -> None:
    world.agent.look()
    world.agent.turn()
    world.now += timedelta(seconds=leap_s)
    assert "has run out" in world.agent.tenancy.restrained()
    world.agent.publish()
    assert not world.agent.tenancy.restrained()


def test_a_machine_that_slept_trusts_its_lease_no_more(world: World) -> None:
    clock = Ticks()
    world.agent.tenancy.clock = clock
    world.agent.look()
    world.agent.turn()
    clock.at += LEASE_S + 1.0
    assert "has run out" in world.agent.tenancy.restrained()


def test_of_agents_that_ask_at_once_one_gets_the_lease(world: World) -> None:
    agents = [another(world, f"home{number}") for number in range(4)]
    threads = [threading.Thread(target=agent.look) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bool(agent.tenancy.restrained()) for agent in agents) == [False, True, True, True]


def test_a_remote_that_takes_no_push_is_followed_by_one_home_under_its_lock(world: World) -> None:
    hook = world.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    world.ask(tail_age_ms=700)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    observed = world.poll()
    assert not observed.restrained
    assert world.live() == {"tail_age_ms": 700}
    assert "hook declined" in observed.publish_fault


def test_an_agent_that_held_the_lease_and_can_push_no_more_adds_no_risk_once_it_has_run_out(
    world: World,
) -> None:
    world.agent.look()
    world.agent.turn()
    hook = world.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    world.ask(tail_age_ms=700)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    world.now += timedelta(seconds=LEASE_S + 1.0)
    world.agent.look()
    assert permission_of(world.agent.turn())[0] is Permission.WAITING
    assert world.live() == {"tail_age_ms": 650}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"holder":"x"}', b'{"holder":"x","token":0}'])
def test_a_lease_that_makes_no_sense_lets_nobody_add_risk(world: World, data: bytes) -> None:
    world.poll()
    tip = fetch_tip(world.author, str(world.remote))
    forged = world.author.commit_files(tip, {"sandbox.lease.json": data}, "by hand\n")
    world.author.push(str(world.remote), f"{forged}:refs/heads/{BRANCH}")
    world.ask(tail_age_ms=700)
    world.restart(publishes=True)
    observed = world.poll()
    assert "is no lease" in observed.restrained
    assert world.live() == {"tail_age_ms": 650}


AGENT = """
import sys, threading
from pathlib import Path
from framework.gitops.agent import lease, serve, tenancy
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.state_dir import StateDir
from framework.journal.journal import utc_now
lease.LEASE_S = 3.0
home, remote = sys.argv[1:]
observer = Observer(StateDir(Path(home), "sandbox"), remote, utc_now)
observer.poll_s = 0.2
agent = Reconciler(observer, log=lambda line: print(line, flush=True))
serve.serve(agent, stop=threading.Event())
"""


@pytest.mark.skipif(os.name != "posix", reason="kills")
def test_of_two_real_agents_one_acts_and_the_other_goes_on_when_it_is_killed(world: World) -> None:
    def start(name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", AGENT, str(world.folder / name), str(world.remote)],
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def applied(name: str) -> list[int]:
        view = JournalView(StateDir(world.folder / name, "sandbox").journal)
        return [e.data["token"] for e in view.journal.entries() if e.kind is Kind.APPLIED]

    def published() -> int:
        found = fetch_published(world.author, str(world.remote), "sandbox")
        return 0 if found is None else sum(entry.kind is Kind.APPLIED for entry in found.entries)

    def wait(true: Callable[[], bool]) -> None:
        end = time.monotonic() + 60.0
        while not true():
            assert time.monotonic() < end
            time.sleep(0.05)

    policy = (world.author.show("main", "gitops/policy.yaml") or b"").replace(b"poll_s: 5.0", b"poll_s: 0.2")
    world.commit({"gitops/policy.yaml": policy})
    first = start("one")
    second = None
    try:
        wait(lambda: len(applied("one")) == 1)
        second = start("two")
        for number in range(3):
            world.ask(tail_age_ms=700 + number)
            wait(lambda number=number: len(applied("one")) == number + 2)  # type: ignore[misc]
            assert applied("two") == []
        wait(lambda: published() == 4)
        first.kill()
        first.wait()
        world.ask(tail_age_ms=710)
        wait(lambda: len(applied("two")) == 5)
        tokens = applied("two")
        assert tokens[:4] == applied("one")
        assert tokens[4] > tokens[3]
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
