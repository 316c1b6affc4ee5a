"""Old disks, two agents, a broken environment, a full disk: the commands as people type them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.desk import Desk
from tests.e2e.test_control_loop import running, until
from tests.faults.test_full_disk import fill

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="no platform is more than tried"),
]

NARROW = ("base_spread_bps_delta: 0.10", "base_spread_bps_delta: 0.05")


def let_narrow_in(desk: Desk) -> tuple[str, str]:
    """Bring a first content in force, then a narrower one that was promoted; give both."""
    _, first = desk.look()
    desk.change(*NARROW)
    status, _ = desk.look()
    desk.let_in(status["desired"]["config_sha"])
    _, narrow = desk.look()
    assert "'base_spread_bps_delta': 0.05" in narrow
    return first, narrow


@pytest.mark.parametrize("disk", ["restored", "new"])
def test_what_was_taken_back_stays_out_whatever_the_disk_says(tmp_path: Path, disk: str) -> None:
    desk = Desk(tmp_path, "sandbox")
    first, _ = let_narrow_in(desk)
    backup = shutil.copytree(desk.state(), tmp_path / "backup")
    assert desk.verb("rollback", "--reason", "loses money").returncode == 0
    assert desk.look()[1] == first
    shutil.rmtree(desk.state())
    if disk == "restored":
        shutil.copytree(backup, desk.state())
    for _ in range(2):
        status, live = desk.look()
        assert live == first
        assert status["permission"]["is"] == "Held"
        assert "loses money" in str(status["hold"])


def test_of_two_agents_one_acts(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "sandbox")
    one, log = desk.homes[0], tmp_path / "agent.log"
    two = desk.home("another")
    words = ("--environment", "sandbox", "--home", str(one), "--remote", str(desk.remote))
    with running("gitops", "reconcile", *words, root=one, log=log):
        until("a first content", desk.live, log=log)
        first = desk.live()
        desk.change(*NARROW)
        until("that it waits", lambda: "waiting for promotion" in desk.verb("status").stdout, log=log)
        for _ in range(2):
            status, live = desk.look(two)
            assert live in (first, "")
            assert "another agent holds the lease" in status["permission"]["why"]
        assert "Waiting | another agent holds the lease" in desk.reconcile(two).stdout
        desk.let_in(status["desired"]["config_sha"])
        assert desk.look(two)[1] in (first, "")
        until("the one that holds the lease acts", lambda: "0.05" in desk.live(), log=log)
        assert desk.verb("hold", "--reason", "nothing may change").returncode == 0
    desk.change("base_spread_bps_delta: 0.05", "base_spread_bps_delta: 0.07")
    for _ in range(2):
        status, live = desk.look(two)
        assert "0.07" not in live
        assert status["permission"]["is"] == "Held"


def test_a_broken_environment_keeps_no_other_from_being_tightened(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "production")
    first = ("--base", "none", "--environment", "production", "--sign", str(desk.key))
    assert desk.promote(*first).returncode == 0
    assert desk.look()[0]["sync"]["is"] == "Synced"
    sandbox = desk.beside("sandbox")
    _, before = sandbox.look()

    desk.change("min_interval_ms: 70", "min_interval_ms: 20", environment="sandbox")
    desk.change("base_spread_bps_delta: 0.20", "base_spread_bps_delta: 0.40")
    done = desk.promote("--base", "main~2", "--sign", str(desk.key))
    assert "PROMOTED | environment=production" in done.stdout, done.stdout + done.stderr
    assert "REFUSED | environment=sandbox" in done.stdout
    assert "'base_spread_bps_delta': 0.4" in desk.look()[1]
    status, live = sandbox.look()
    assert (live, status["permission"]["is"]) == (before, "Refused")

    # What ran before is no new risk: it comes back without anybody's leave.
    desk.change("min_interval_ms: 20", "min_interval_ms: 70", environment="sandbox")
    status, live = sandbox.look()
    assert (live, status["sync"]["is"]) == (before, "Synced")


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """Mount a disk of a few megabytes over a folder."""
    place.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)]
    made = subprocess.run(words, capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {made.stderr.decode()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to mount a disk")
def test_on_a_full_disk_an_operator_goes_back_and_nothing_new_comes_in(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "sandbox")
    place = desk.homes[0] / "artifacts"
    with small_disk(place):
        first, narrow = let_narrow_in(desk)
        desk.change("max_delta_ratio: 0.14", "max_delta_ratio: 0.15")
        fill(place)
        status, live = desk.look()
        assert live == narrow
        done = desk.verb("rollback", "--reason", "loses money")
        assert done.returncode == 0, done.stdout + done.stderr
        assert desk.live() == first
        (place / "fill").unlink()
        status, live = desk.look()
        assert (live, status["permission"]["is"]) == (first, "Held")
