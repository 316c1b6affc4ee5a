"""New rows are handed on once between two steps, never wait for a disk, and what is left out is counted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import dtype_of
from framework.market.records import Fill
from framework.session.run_folder import RunFolder
from framework.session.sim import sim_session
from framework.session.sinks import FillSink
from framework.session.status import BATCHES, StatusWriter
from framework.units import MS, SECOND
from tests.engine.digest import replayed


def test_every_fill_is_handed_on_once_and_in_order() -> None:
    replay = replayed(play=False)
    session, taken = sim_session(replay), [np.zeros(0, dtype_of(Fill))]
    session.sinks.append(FillSink(replay, take=taken.append))
    until = int(replay.tape.end_ns) + 40 * SECOND
    for stop in [*range(replay.start_ns, until, 500 * MS), until]:
        session.advance(stop)
    fills = replay.fill_rows()
    handed = np.concatenate(taken)
    assert len(taken) > 10
    for name in ("exch_ts_ns", "order_id", "price", "m_1s", "exec_id"):
        np.testing.assert_array_equal(handed[name], fills[name])


class Stuck(RunFolder):
    """A folder on a disk that does not answer until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, artifacts=path)
        self.asked, self.go = threading.Event(), threading.Event()

    def append(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self.asked.set()
        self.go.wait(60)


def test_a_slow_disk_holds_nobody_up_and_what_is_left_out_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Stuck(tmp_path)
    writer = StatusWriter(folder=folder, bot_file=None)
    none = np.zeros(0, dtype_of(Fill))
    writer.trades("TESTUSDT", none, [])
    assert folder.asked.wait(60)  # the first is with the disk, the others wait
    for _ in range(BATCHES):
        writer.trades("TESTUSDT", none, [])
    assert writer.dropped == 0
    for _ in range(3):
        writer.trades("TESTUSDT", np.zeros(2, dtype_of(Fill)), [])
    assert writer.dropped == 6
    folder.go.set()
    writer.close()
    (alert,) = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert alert["alert"] == "diary_not_written"
