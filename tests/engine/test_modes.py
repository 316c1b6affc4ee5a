"""The compiled core and its plain-Python reading are the same program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from framework.compiled.records import interpreted
from tests.engine.digest import digest, replayed


def test_the_other_mode_gives_byte_identical_results() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "NUMBA_DISABLE_JIT"}
    environ.pop("COVERAGE_PROCESS_START", None)
    if not interpreted():
        environ["NUMBA_DISABLE_JIT"] = "1"
    other = subprocess.run(
        [sys.executable, "-m", "tests.engine.digest"],
        cwd=Path(__file__).parents[2],
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    own = digest(replayed())
    assert int(own.split()[0]) > 200
    assert other.stdout.strip() == own


def test_a_replay_is_the_same_every_time() -> None:
    assert digest(replayed()) == digest(replayed())
