"""Nothing that happens to an environment puts risk in force that nobody let in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from framework.gitops.agent import decide, tenancy, way_back
from tests.gitops.agent_schedules import attempt, cheaply, draw, try_seeds

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


ROWS = tuple(row for row in decide.ROWS if row[0] != "a hold")
FAULTS: list[tuple[object, str, object]] = [
    (decide, "ROWS", ROWS),
    (tenancy, "gather", lambda *_: None),
    (way_back, "safest", lambda target, _: target),
]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=["a hold lets in", "a disk is trusted", "going back loosens"])
def test_the_model_sees_an_agent_that_does_wrong(
    fault: tuple[object, str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*fault)
    with tempfile.TemporaryDirectory(dir=room()) as folder, cheaply():
        assert any(attempt(Path(folder) / "world", seed, draw(seed, LENGTH)) for seed in range(20))
