"""A journal in a file says what one in memory says, whenever its process is killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framework.compiled.records import at
from framework.engine.sim_gateway import SimGateway
from framework.files.errors import FileError
from framework.market.records import ACCEPTED, CANCELLED
from framework.session.cut_off import tell_cut_off
from framework.session.errors import SoakError
from framework.session.intent_file import INTENTS, FileJournal, read_journal
from framework.session.intents import MemoryJournal
from framework.session.run_folder import RunFolder
from framework.session.session import Session
from framework.units import SECOND
from framework.venue.gateway import GatewayBuffers, ReportRow, RequestRow
from tests.engine.digest import EVENTS, replayed
from tests.session.rows import LOTS, asked, filled, heard
from tests.session.test_bad_gateway import lots_of, session_of


def test_a_killed_session_is_known_again_at_every_byte(tmp_path: Path) -> None:
    """Cut the file anywhere: what is left is what was known after the lines that are whole."""
    path, known = tmp_path / "whole", []
    journal, memory = FileJournal(path, lots=LOTS), MemoryJournal(lots=LOTS)
    size = [path.stat().st_size]
    steps: list[RequestRow | ReportRow] = [
        asked(1),
        asked(2),
        heard(ACCEPTED, 1),
        filled(1, 1, lots=2, leaves=1),
        heard(CANCELLED, 2),
    ]
    known.append(journal.known())
    for step in steps:
        for one in (journal, memory):
            if isinstance(step, RequestRow):
                one.intend([step])
            else:
                one.hear([step])
        assert journal.known() == memory.known()
        size.append(path.stat().st_size)
        known.append(journal.known())
    journal.close()
    data = path.read_bytes()
    for cut in range(size[0], len(data) + 1):
        part = tmp_path / "part"
        part.write_bytes(data[:cut])
        whole = max(k for k, end in enumerate(size) if end <= cut)
        assert read_journal(part) == known[whole]
        assert part.read_bytes().endswith(b"\n")
        assert read_journal(part) == known[whole]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"nonsense\n", ":2: is not JSON; the journal was changed"),
        (b"[]\n", ":2: is no row of a session's journal"),
        (b'{"row":"asked"}\n', ":2: is no row of a session's journal \\('symbol'\\)"),
        (b'{"row":"found","missed":7}\n', ":2: is no row of a session's journal"),
        (b'{"row":"begun","lots":{"OTHER":1.0}}\n', ":2: is of {'OTHER': 1.0}; allowed {'TESTUSDT': 0.001}"),
    ],
)
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: bytes, says: str) -> None:
    FileJournal(tmp_path / "intents", lots=LOTS).close()
    with (tmp_path / "intents").open("ab") as file:
        file.write(line)
    with pytest.raises(SoakError, match=says):
        FileJournal(tmp_path / "intents", lots=LOTS)


def test_a_session_begins_where_a_killed_one_broke_off(tmp_path: Path) -> None:
    replay, again = replayed(play=False), replayed(play=False)
    gateway, lots = SimGateway(replay), lots_of(replay)
    broken = replay.start_ns + (replay.tape.end_ns - replay.start_ns) // 2
    first = FileJournal(tmp_path / "intents", lots=lots)
    one = session_of(replay, gateway, first)
    one.start()
    one.advance(broken)
    first.close()
    gateway.poll(GatewayBuffers.of(list(lots), rows=EVENTS), until_ns=broken + SECOND)
    second = FileJournal(tmp_path / "intents", lots=lots)
    two: Session = session_of(again, gateway, second, start_ns=gateway.at_ns + 1)
    two.start()
    two.advance(int(replay.tape.end_ns) + 40 * SECOND)
    ledger = at(replay.ledger, 0)
    assert ledger.fills > 20
    assert at(again.exposure, 0).position == pytest.approx(ledger.position)
    second.close()
    assert read_journal(tmp_path / "intents") == second.known()


class Full(MemoryJournal):
    """A journal whose disk is full after some requests."""

    left = 5

    def intend(self, requests: object) -> None:
        self.left -= 1
        if not self.left:
            raise FileError("intents.jsonl: cannot append: No space left on device")
        super().intend(requests)  # type: ignore[arg-type]


def test_what_cannot_be_kept_is_not_sent_and_what_rests_is_taken_off() -> None:
    replay = replayed(play=False)
    gateway = SimGateway(replay)
    session = session_of(replay, gateway, Full(lots=lots_of(replay)))
    session.start()
    with pytest.raises(FileError, match="No space left"):
        session.advance(int(replay.tape.end_ns))
    gateway.poll(GatewayBuffers.of(list(lots_of(replay)), rows=EVENTS), until_ns=gateway.at_ns + SECOND)
    assert gateway.state(since_ns=0).orders == ()


def folder_of(tmp_path: Path, name: str) -> RunFolder:
    folder = RunFolder(tmp_path / name, artifacts=tmp_path)
    folder.start({"seed": 7})
    return folder


def test_the_next_run_says_once_what_a_killed_one_had_under_way(tmp_path: Path) -> None:
    killed, after = (folder_of(tmp_path, f"20260101T00000{k}") for k in (1, 2))
    journal = FileJournal(killed.path / INTENTS, lots=LOTS)
    journal.intend([asked(1), asked(2)])
    journal.hear([filled(1, 1, lots=2)])
    assert tell_cut_off(after) == []  # it goes on
    journal.close()
    left = "1 order open, position 0.002 TESTUSDT"
    said = f"| journal | CUT OFF | 20260101T000001: {left}; its simulated exchange ended with it |"
    assert tell_cut_off(after) == [said]
    about = json.loads((killed.path / "run.json").read_text())
    assert about == {"seed": 7, "status": "incomplete", "reason": f"cut off with {left}"}
    assert tell_cut_off(after) == []


def test_a_journal_that_was_changed_is_said_and_stops_nobody(tmp_path: Path) -> None:
    killed, after = (folder_of(tmp_path, f"20260101T00000{k}") for k in (1, 2))
    FileJournal(killed.path / INTENTS, lots=LOTS).close()
    (killed.path / INTENTS).write_bytes(b"{}\n")
    (line,) = tell_cut_off(after)
    assert "20260101T000001: a journal that cannot be used: " in line
