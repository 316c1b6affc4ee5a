"""The agent killed with SIGKILL at every write it makes, then started again: nothing twice, nothing half."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from framework.gitops.agent.conditions import Permission, Sync, permission_of, sync_of
from framework.journal.entry import Kind
from tests.command import REPOSITORY, environment
from tests.gitops.agent_cases import World

DRIVER = """
import os, signal, sys
left = int(sys.argv[1])

def counted(name):
    real = getattr(os, name)
    def call(*args, **words):
        global left
        ours = any(part in str(args) for part in ("live", "hold.json"))
        if name in ("replace", "rename", "unlink") and not ours:
            return real(*args, **words)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **words)
    setattr(os, name, call)

for name in ("fsync", "fdatasync", "ftruncate", "replace", "rename", "unlink"):
    counted(name)

from pathlib import Path
from datetime import datetime
from framework.gitops.agent.serve import once
from framework.gitops.agent.state_dir import StateDir
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.reconciler import Reconciler

home, remote, now, verb = sys.argv[2:]
state_dir, moment = StateDir(Path(home), "sandbox"), datetime.fromisoformat(now)
agent = Reconciler(Observer(state_dir, remote, lambda: moment), log=lambda _: None, publishes=False)
if verb == "rollback":
    from framework.gitops.agent.operator import roll_back_environment
    roll_back_environment(agent, reason="losses")
else:
    once(agent, wait_s=0.0)
"""


def killed(world: World, at: int, verb: str = "reconcile") -> bool:
    """Run once in a process of its own that dies before its ``at``-th write; say whether it died."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            DRIVER,
            str(at),
            str(world.home),
            str(world.remote),
            world.now.isoformat(),
            verb,
        ],
        cwd=REPOSITORY,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def every_death(world: World, verb: str = "reconcile") -> int:
    """Kill the agent before its first write, then its second ...: each starts where the last one died."""
    deaths = 0
    while killed(world, deaths + 1, verb) and deaths < 60:
        deaths += 1
    return deaths


@pytest.mark.slow
def test_an_apply_is_whole_wherever_the_agent_is_killed(tmp_path: Path) -> None:
    for at in range(1, 60):
        world = World(tmp_path / str(at))
        world.poll()
        world.ask(tail_age_ms=700)
        if not killed(world, at):
            break
        assert world.live() in ({"tail_age_ms": 650}, {"tail_age_ms": 700})
        world.restart()
        observed = world.poll()
        assert world.live() == {"tail_age_ms": 700}
        assert [entry.data["generation"] for entry in world.entries(Kind.APPLIED)] == [1, 2]
        assert set(world.kinds()) <= {"applied", "recovered"}
        assert (sync_of(observed)[0], permission_of(observed)[0]) == (Sync.SYNCED, Permission.ALLOWED)
    assert 5 < at < 59


@pytest.mark.slow
def test_a_rollback_is_whole_wherever_it_is_killed(tmp_path: Path) -> None:
    for at in range(1, 60):
        world = World(tmp_path / str(at))
        world.poll()
        world.ask(tail_age_ms=700)
        world.poll()
        if not killed(world, at, "rollback"):
            break
        begun = world.state_dir.hold.exists()
        world.restart()
        observed = world.poll()
        assert world.live() == ({"tail_age_ms": 650} if begun else {"tail_age_ms": 700})
        wanted = ["rollback", "quarantined", "hold", "proposed"] if begun else []
        assert [kind for kind in world.kinds() if kind != "recovered"] == ["applied", "applied", *wanted]
        assert (permission_of(observed)[0] is Permission.HELD) is begun
    assert 8 < at < 59


@pytest.mark.slow
def test_dying_over_and_over_ends_where_living_does(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.poll()
    world.ask(tail_age_ms=700)
    world.poll()
    world.state_dir.live.write_text("{}")
    assert every_death(world) > 0
    world.restart()
    world.poll()
    assert world.live() == {"tail_age_ms": 700}
    assert [kind for kind in world.kinds() if kind != "recovered"] == [
        "applied",
        "applied",
        "drift",
        "repaired",
    ]
