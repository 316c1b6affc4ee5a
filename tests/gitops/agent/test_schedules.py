"""Nothing that happens to an environment puts risk in force that nobody let in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from tests.gitops.agent_schedules import try_seeds

EACH, LENGTH = 10, 16


def room() -> str | None:
    """Give a folder in memory, where the machine has one: each step is tens of files and processes."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 100, EACH))
def test_no_schedule_adds_risk_without_permission(first: int) -> None:
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        wrong = try_seeds(Path(folder) / "world", range(first, first + EACH), length=LENGTH)
    assert not wrong, "\n".join(wrong)
