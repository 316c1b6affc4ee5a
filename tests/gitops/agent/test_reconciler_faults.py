"""What goes wrong around the agent: keys, remotes, disks, clocks, hands on the live file."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.files import atomic as files
from framework.files.errors import FileError
from framework.gitops.agent.conditions import Permission, Sync, permission_of, sync_of
from framework.gitops.agent.observed import Rules
from framework.gitops.agent.operator import hold_environment, release_environment, roll_back_environment
from framework.gitops.agent.serve import once, serve
from framework.gitops.desired.environment_revision import read_revision
from framework.gitops.errors import GitopsError
from framework.journal.entry import Kind
from tests.command import environment, line_of
from tests.gitops.agent_cases import PATCH, World, keygen, patch_text


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# -- signatures ----------------------------------------------------------------------------------------------


@pytest.fixture
def signed(tmp_path: Path) -> tuple[World, Path, Path]:
    """Give a world whose policy demands signatures, the key that counts and one that does not."""
    world = World(tmp_path)
    good, line = keygen(tmp_path, "desk")
    bad, _ = keygen(tmp_path, "stranger")
    policy = world.author.show("main", "gitops/policy.yaml")
    assert policy is not None
    text = (
        policy.decode()
        .replace("    signed: false", "    signed: true")
        .replace("signers: []", f"signers: ['{line}']")
    )
    world.commit({"gitops/policy.yaml": text.encode()}, sign=good)
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    return world, good, bad


def test_only_a_commit_signed_by_a_signer_of_the_policy_is_taken(signed: tuple[World, Path, Path]) -> None:
    world, _, bad = signed
    world.ask(tail_age_ms=700)
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.REFUSED
    assert "not signed" in permission_of(observed)[1]
    world.commit({PATCH: patch_text(tail_age_ms=710).encode()}, sign=bad)
    assert "signature does not count" in permission_of(world.poll())[1]
    assert world.live() == {"tail_age_ms": 650}
    assert len(world.entries(Kind.REFUSED)) == 2


def test_signed_commits_are_taken_whatever_their_number(signed: tuple[World, Path, Path]) -> None:
    world, good, _ = signed
    for age in (700, 710, 720):
        world.commit({PATCH: patch_text(tail_age_ms=age).encode()}, sign=good)
    world.poll()
    assert world.live() == {"tail_age_ms": 720}


def test_a_signed_head_does_not_cover_what_lies_unsigned_beneath_it(
    signed: tuple[World, Path, Path],
) -> None:
    world, good, _ = signed
    hidden = world.ask(tail_age_ms=700)
    docs = world.commit({"README.md": b"words\n"}, sign=good)
    for _ in range(2):
        observed = world.poll()
        assert permission_of(observed)[0] is Permission.REFUSED
        assert f"{hidden[:12]}: is not signed" in permission_of(observed)[1]
    assert world.live() == {"tail_age_ms": 650}
    release_environment(world.agent, reason="seen by two of us", accept=docs)
    world.poll()
    assert world.live() == {"tail_age_ms": 700}


def test_what_lies_unsigned_beneath_a_signed_head_is_seen_before_anything_was_let_in(tmp_path: Path) -> None:
    """The policy that asks for signatures came with a first content that still waits for its promotion."""
    world, (good, line) = World(tmp_path), keygen(tmp_path, "desk")
    world.promotes = False
    policy = (world.author.show("main", "gitops/policy.yaml") or b"").decode()
    text = policy.replace("signed: false", "signed: true").replace("signers: []", f"signers: ['{line}']")
    world.commit({"gitops/policy.yaml": text.encode()}, sign=good)
    assert permission_of(world.poll())[0] is Permission.WAITING
    hidden = world.ask(tail_age_ms=700)
    world.poll()
    world.commit({"README.md": b"words\n"}, sign=good)
    for _ in range(2):
        permission, why = permission_of(world.poll())
        assert (permission, f"{hidden[:12]}: is not signed" in why) == (Permission.REFUSED, True)
        world.restart()


def test_a_commit_cannot_switch_off_the_signatures_it_would_need(signed: tuple[World, Path, Path]) -> None:
    world, _, _ = signed
    policy = world.author.show("main", "gitops/policy.yaml")
    assert policy is not None
    off = policy.replace(b"signed: true", b"signed: false")
    world.commit({"gitops/policy.yaml": off, PATCH: patch_text(tail_age_ms=700).encode()})
    world.poll()
    world.restart()
    world.poll()
    assert world.live() == {"tail_age_ms": 650}


def test_the_checkout_says_whose_first_commit_counts(tmp_path: Path) -> None:
    from framework.gitops.agent.serve import read_checkout

    world = World(tmp_path)
    _, line = keygen(tmp_path, "desk")
    world.author.export("main", world.author.files("main", "conf", "gitops", "runtime_overrides"), world.home)
    policy = world.home / "gitops" / "policy.yaml"
    text = policy.read_text().replace("signed: false", "signed: true")
    policy.write_text(text.replace("signers: []", f"signers: ['{line}']"))
    world.restart(bootstrap=read_checkout(world.home, "sandbox"))
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.REFUSED
    assert not world.state_dir.live.exists()


# -- remotes -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Listen and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"git://127.0.0.1:{server.getsockname()[1]}/remote.git"


def test_a_remote_that_hangs_is_left_after_the_timeout_said_once_and_recovers(world: World) -> None:
    world.poll()
    with silent_server() as url:
        world.agent.observer.remote, world.agent.git.timeout_s = url, 0.3
        world.poll()
        observed = world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert "no answer" in observed.fetch_fault
    assert world.kinds() == ["applied", "alert"]
    assert sync_of(world.poll(after_s=120))[0] is Sync.UNKNOWN
    world.ask(tail_age_ms=700)
    world.agent.observer.remote, world.agent.git.timeout_s = str(world.remote), 20.0
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert world.entries(Kind.ALERT)[-1].data["resolved"] is True


def test_a_branch_that_is_gone_changes_nothing(world: World) -> None:
    world.poll()
    world.author.run("update-ref", "-d", "refs/heads/main")
    world.poll()
    assert world.live() == {"tail_age_ms": 650}
    assert world.kinds() == ["applied", "alert"]


def test_what_a_killed_agent_left_in_its_mirror_is_tidied(world: World) -> None:
    world.poll()
    lock = world.state_dir.mirror / "refs" / "quoteops" / "fetched" / "main.lock"
    lock.write_text("")
    world.ask(tail_age_ms=700)
    world.restart()
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert not lock.exists()


def test_a_hanging_remote_does_not_keep_drift_from_being_repaired(world: World) -> None:
    world.poll()
    stop = threading.Event()
    with silent_server() as url:
        world.agent.observer.remote, world.agent.git.timeout_s = url, 2.0
        thread = threading.Thread(target=serve, args=(world.agent,), kwargs={"stop": stop})
        thread.start()
        world.state_dir.live.write_text("{}")
        for _ in range(300):
            if "repaired" in world.kinds():
                break
            stop.wait(0.02)
        stop.set()
        thread.join(timeout=20)
    assert world.kinds()[:3] == ["applied", "drift", "repaired"]
    assert world.live() == {"tail_age_ms": 650}


def test_a_second_agent_is_turned_away(world: World) -> None:
    with (
        files.locked(path=world.state_dir.agent, timeout_s=1.0),
        pytest.raises(GitopsError, match="an agent already"),
    ):
        once(world.agent)


# -- disks ---------------------------------------------------------------------------------------------------


def test_on_a_full_disk_the_live_state_stays_and_the_commit_is_taken_when_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.poll()
    before = world.live_sha()
    world.ask(tail_age_ms=700)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "_write_through", full)
        patched.setattr(files, "write_all", full)
        patched.setattr(files, "write_spare", lambda *_: False)  # and no reserve is left
        with pytest.raises(FileError, match="No space left"):
            world.poll()
        with pytest.raises(FileError, match="No space left"):
            world.poll()
    assert world.live_sha() == before
    assert world.kinds() == ["applied"]
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert world.kinds() == ["applied", "applied"]


# -- hands on the live file ----------------------------------------------------------------------------------


def test_hands_that_go_on_changing_the_live_file_are_counted_and_not_journalled_for_ever(
    world: World,
) -> None:
    world.poll()
    good = world.live_sha()
    for number in range(100):
        world.state_dir.live.write_text(f'{{"tail_age_ms": {number}}}')
        world.poll()
        assert world.live_sha() == good
    assert world.kinds() == ["applied", "drift", "repaired"]
    world.poll(after_s=600.0)
    assert world.kinds() == ["applied", "drift", "repaired", "repaired"]
    assert world.entries()[-1].data["repeats"] == 99
    world.state_dir.live.write_text("{}")
    world.poll()
    assert world.live_sha() == good
    assert world.kinds()[4:] == ["drift", "repaired"]
    assert "repeats" not in world.entries()[-1].data


@pytest.mark.parametrize("hand", ["edit", "empty", "delete"])
def test_a_live_file_that_somebody_changes_is_journalled_and_set_right(world: World, hand: str) -> None:
    world.poll()
    good = world.live_sha()
    if hand == "delete":
        world.state_dir.live.unlink()
    else:
        world.state_dir.live.write_text('{"tail_age_ms": 999}' if hand == "edit" else "")
    world.poll()
    world.poll()
    assert world.live_sha() == good
    assert world.kinds() == ["applied", "drift", "repaired"]


def test_a_bot_that_follows_something_else_is_shown_the_file_again_and_then_told_of(world: World) -> None:
    world.poll()
    world.bot()
    world.ask(tail_age_ms=700)
    world.poll()
    for _ in range(4):
        world.bot(follows=False)
        observed = world.poll(after_s=8)
    assert sync_of(observed) == (Sync.OUT_OF_SYNC, "the bot has another content in force")
    assert world.kinds()[2:] == ["drift", "alert"]
    world.bot()
    world.poll()
    world.poll()
    assert world.kinds()[4:] == ["repaired", "alert"]


def test_a_store_that_lost_what_is_in_force_is_said_and_a_new_commit_mends_it(world: World) -> None:
    world.poll()
    for path in world.state_dir.contents.iterdir():
        path.unlink()
    world.state_dir.live.unlink()
    world.poll()
    assert world.entries(Kind.ALERT)[0].data["topic"] == "contents"
    world.ask(tail_age_ms=700)
    world.poll()
    assert world.live()["tail_age_ms"] == 700


# -- time ----------------------------------------------------------------------------------------------------


def test_a_loosening_patch_that_has_run_out_is_set_back_by_itself(world: World) -> None:
    world.ask(impact_cap_ratio=0.12, expires="2026-03-04T13:00:00Z")
    world.poll()
    assert world.live()["impact_cap_ratio"] == 0.12
    world.poll(after_s=3_600)
    applied = world.entries(Kind.APPLIED)
    assert world.live()["impact_cap_ratio"] < 0.12
    assert [entry.data["cause"] for entry in applied] == ["commit", "expiry"]
    world.restart()
    observed = world.poll()
    assert len(world.entries(Kind.APPLIED)) == 2
    assert sync_of(observed)[0] is Sync.SYNCED


def test_a_patch_in_force_runs_out_even_when_the_branch_asks_for_nonsense(world: World) -> None:
    world.ask(impact_cap_ratio=0.12, expires="2026-03-04T13:00:00Z")
    world.poll()
    world.commit({PATCH: b"overrides: ["})
    world.poll()
    world.poll(after_s=3_600)
    assert world.live()["impact_cap_ratio"] < 0.12


def test_a_hold_does_not_keep_a_loosening_patch_beyond_its_end(world: World) -> None:
    world.ask(impact_cap_ratio=0.12, expires="2026-03-04T13:00:00Z")
    world.poll()
    hold_environment(world.agent, reason="watching")
    observed = world.poll(after_s=3_600)
    assert world.live()["impact_cap_ratio"] < 0.12
    assert permission_of(observed)[0] is Permission.HELD
    assert world.kinds() == ["applied", "hold", "applied"]


def test_a_loosening_that_has_ended_is_nothing_to_go_back_to(world: World) -> None:
    world.poll()
    world.ask(impact_cap_ratio=0.12, expires="2026-03-04T13:00:00Z")
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    world.now += timedelta(hours=2)
    _, way = roll_back_environment(world.agent, reason="losses")
    assert way.target.commit == world.first
    assert world.live()["impact_cap_ratio"] < 0.12


def test_a_tightening_patch_that_has_run_out_stays_and_is_said_once(world: World) -> None:
    world.ask(impact_cap_ratio=0.04, expires="2026-03-04T13:00:00Z")
    world.poll()
    world.poll(after_s=3_600)
    world.poll()
    assert world.live()["impact_cap_ratio"] == 0.04
    (alert,) = world.entries(Kind.ALERT)
    assert "impact_cap_ratio tightens and stays" in alert.data["text"]


def test_in_a_freeze_window_only_risk_is_taken_away(tmp_path: Path) -> None:
    world = World(tmp_path, environment="production")
    path = "runtime_overrides/production.yaml"
    policy = world.author.show("main", "gitops/policy.yaml")
    assert policy is not None
    weekend = b"freeze: [{reason: weekend, weekly_from: Fri 20:00, weekly_to: Mon 06:00}]"
    world.commit(
        {
            path: patch_text(impact_cap_ratio=0.08).encode(),
            "gitops/policy.yaml": policy.replace(b"freeze: []", weekend).replace(
                b"promotion_signed: true", b"promotion_signed: false"
            ),
        }
    )
    checkout = read_revision(world.author, commit=world.author.rev("main"), environment="production")
    world.restart(bootstrap=checkout)
    world.poll()
    world.now = world.now.replace(day=6, hour=21)  # Friday evening
    world.commit({path: patch_text(impact_cap_ratio=0.10).encode()})
    observed = world.poll()
    assert permission_of(observed)[0] is Permission.FROZEN
    assert world.live() == {"impact_cap_ratio": 0.08}
    world.commit({path: patch_text(impact_cap_ratio=0.07).encode()})
    assert permission_of(world.poll())[0] is Permission.ALLOWED
    assert world.live() == {"impact_cap_ratio": 0.07}
    world.commit({path: patch_text(impact_cap_ratio=0.10).encode()})
    world.poll()
    world.now = world.now.replace(day=9, hour=7)  # Monday morning
    world.poll()
    assert world.live() == {"impact_cap_ratio": 0.10}


def test_a_short_probation_can_be_asked_for_in_trials(world: World) -> None:
    world.restart(rules=Rules(probation_s=1.0))
    world.poll()
    world.bot()
    world.poll(after_s=2)
    assert world.kinds() == ["applied", "verdict"]


def test_an_agent_ends_on_sigterm(world: World, tmp_path: Path) -> None:
    words = ("--environment", "sandbox", "--remote", str(world.remote), "--home", str(world.home))
    agent = subprocess.Popen(
        line_of("gitops", "reconcile", *words),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert agent.stdout is not None
    first = [agent.stdout.readline() for _ in range(2)]
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(timeout=20) == 0
    agent.stdout.close()
    assert any("APPLY" in line for line in first)
    assert world.live() == {"tail_age_ms": 650}


def test_a_hold_in_an_empty_environment_is_refused(world: World) -> None:
    with pytest.raises(GitopsError, match="nothing is in force yet"):
        hold_environment(world.agent, reason="x")


def test_an_unreadable_policy_in_force_is_no_reason_to_take_anything(
    signed: tuple[World, Path, Path],
) -> None:
    world, _, _ = signed
    world.restart()
    world.agent.observer.examination.good = (
        "0" * 40
    )  # as after a mirror was lost together with its remote's history
    world.ask(tail_age_ms=700)
    observed = world.poll()
    assert "policy in force cannot be read" in permission_of(observed)[1]
    assert world.live() == {"tail_age_ms": 650}


def test_a_commit_that_brings_signatures_in_is_good_after_a_restart_too(world: World, tmp_path: Path) -> None:
    _, line = keygen(tmp_path, "desk")
    policy = world.author.show("main", "gitops/policy.yaml")
    assert policy is not None
    text = (
        policy.decode()
        .replace("signed: false", "signed: true")
        .replace("signers: []", f"signers: ['{line}']")
    )
    world.poll()
    world.commit({"gitops/policy.yaml": text.encode()})  # unsigned: nothing asked for it yet
    assert permission_of(world.poll())[0] is Permission.ALLOWED
    world.restart()
    assert permission_of(world.poll())[0] is Permission.ALLOWED


def test_the_push_of_a_revert_is_handed_over_and_nothing_here_waits_for_it(world: World) -> None:
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    roll_back_environment(world.new_agent(), reason="now")
    world.restart()
    jobs: list[Callable[[], None]] = []
    world.agent.proposals.outside = jobs.append
    world.poll()
    world.poll()
    assert len(jobs) == 1
    assert "quoteops/revert" not in world.author.run("branch").decode()
    release_environment(world.new_agent(), reason="it was not that")
    world.state_dir.live.write_text("{}")
    world.poll()
    assert world.live()["tail_age_ms"] == 650  # the push has still to come
    jobs[0]()
    assert "quoteops/revert" in world.author.run("branch").decode()
    assert world.kinds().count("proposed") == 1
