"""A lease is a process's: another disk of the same image waits, a killed process's successor does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framework.gitops.agent.alive import is_gone, this_process
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.reconciler import Reconciler
from framework.gitops.agent.state_dir import StateDir
from tests.gitops.agent_cases import World

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nothing can be proven here")


def elsewhere(code: str) -> str:
    """Run Python in another process and give what it says."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@linux
def test_a_process_is_gone_when_its_number_is_free_or_anothers() -> None:
    here = this_process()
    assert is_gone(here), "this very one has nobody beside it"
    old = elsewhere("from framework.gitops.agent.alive import this_process as t; print(t()['pid'])")
    assert is_gone({**here, "pid": int(old), "started": "1"})
    parent = os.getppid()
    stat = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[19]
    assert not is_gone({**here, "pid": parent, "started": stat})
    assert is_gone({**here, "pid": parent, "started": "1"}), "another has its number by now"


@pytest.mark.parametrize("name", ["boot", "space"])
def test_of_another_machine_or_container_nothing_is_known(name: str) -> None:
    assert not is_gone({**this_process(), name: "another"})
    assert not is_gone({**this_process(), name: ""})


def test_of_two_disks_of_one_image_one_acts(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.restart(publishes=True)
    world.poll()
    shutil.copytree(world.home, tmp_path / "image")
    world.restart(publishes=True)
    world.agent.look()
    shutil.rmtree(world.home)
    shutil.copytree(tmp_path / "image", world.home)  # the other machine's disk, at the same path
    observer = Observer(StateDir(world.home, "sandbox"), str(world.remote), lambda: world.now)
    other = Reconciler(observer, log=world.said.append, publishes=True)
    other.look()
    assert "another agent holds the lease" in other.tenancy.restrained()
