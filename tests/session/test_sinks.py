"""New rows are handed on once between two steps, never wait for a disk, and what is left out is counted."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import dtype_of
from framework.files.errors import FileError
from framework.market.records import Fill
from framework.quoting.records import Audit
from framework.session.run_folder import RunFolder
from framework.session.sim import sim_session
from framework.session.sinks import EVERY, AuditSink, FillSink, TickSink
from framework.session.status_writer import BATCHES, FeedCounts, StatusWriter
from framework.session.tick_log import tick_rows
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


def test_every_audit_row_is_handed_on_once_as_it_stays() -> None:
    replay = replayed(play=False)
    session, taken = sim_session(replay), [np.zeros(0, dtype_of(Audit))]
    session.sinks.append(AuditSink(replay.desk_half, take=taken.append))
    until = int(replay.tape.end_ns) + 40 * SECOND
    for stop in [*range(replay.start_ns, until, 500 * MS), until]:
        session.advance(stop)
    handed = np.concatenate(taken)
    rows = replay.audit_rows()[: len(handed)]
    assert len(taken) > 10
    assert len(handed) >= len(replay.audit_rows()) - 2
    for name in ("ts_ns", "action", "order_id", "off_target_age_ns", "count"):
        np.testing.assert_array_equal(handed[name], rows[name])


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
    writer.append("ticks", 0, list)
    assert folder.asked.wait(60)  # the first is with the disk, the others wait
    for _ in range(BATCHES):
        writer.append("ticks", 1, list)
    assert writer.counts("ticks") == FeedCounts(0, 0)
    for _ in range(3):
        writer.append("ticks", 2, list)
    assert writer.counts("ticks") == FeedCounts(0, 6)
    writer.append("trades", 1, list)  # a full feed takes no room from another
    folder.go.set()
    writer.close()
    assert writer.counts("ticks") == FeedCounts(BATCHES, 6)
    assert writer.counts("trades") == FeedCounts(1, 0)
    (alert,) = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert alert["alert"] == "diary_not_written"


def test_rows_that_the_disk_refuses_are_counted_and_the_next_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "edge").write_text("a file where a folder belongs")
    writer = StatusWriter(folder=RunFolder(tmp_path, artifacts=tmp_path), bot_file=None)
    writer.append("ticks", 3, lambda: [{"a": 1}] * 3)
    writer.close()
    assert writer.counts("ticks") == FeedCounts(0, 3)
    assert "cannot append" in capsys.readouterr().err


def test_every_tenth_tick_is_handed_on_with_how_late_it_was() -> None:
    replay = replayed(play=False)
    session, taken = sim_session(replay), []
    late = iter(range(10**9))
    session.sinks.append(
        TickSink(
            session.desk,
            now_ns=lambda: session.at_ns + next(late) % 2 * 200 * MS,
            take=lambda rows, lost, served_ns: taken.append((rows, lost, served_ns)),
        )
    )
    session.advance(replay.start_ns + 20 * SECOND)
    ticks = replay.counters()["ticks"]
    assert sum(len(rows) for rows, _, _ in taken) == ticks // EVERY > 10
    assert not any(lost for _, lost, _ in taken)
    rows = [
        row
        for ticks, _, served_ns in taken
        for row in tick_rows(
            symbol="TESTUSDT", lot=0.001, ticks=ticks, served_ns=served_ns, deadline_ns=150 * MS
        )
    ]
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)
    assert all(row["deadline_miss"] == (row["tick_total_ms"] > 150) for row in rows)
    assert {row["lag_ms"] for row in rows} == {0.0, 200.0}
    assert all(row["cache_age_ms"] >= 0.0 and row["bid_depth"] >= 0.0 for row in rows)


def test_a_desk_that_nobody_listens_to_keeps_no_ticks() -> None:
    replay = replayed(play=False)
    session = sim_session(replay)
    session.advance(replay.start_ns + 5 * SECOND)
    assert len(session.desk.take_ticks()[0]) == 0


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are POSIX's")
def test_rows_that_do_not_fit_leave_no_half_line(tmp_path: Path) -> None:
    import resource

    folder = RunFolder(tmp_path / "run", artifacts=tmp_path)
    folder.start({})
    folder.append("edge/rows.jsonl", [{"row": 1}])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(FileError, match=r"rows\.jsonl: cannot append: File too large"):
            folder.append("edge/rows.jsonl", [{"row": 2}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    folder.append("edge/rows.jsonl", [{"row": 3}])
    assert (folder.path / "edge" / "rows.jsonl").read_text() == '{"row":1}\n{"row":3}\n'
