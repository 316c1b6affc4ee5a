"""A hold is a file with its reason; what is unreadable or gone holds all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from framework.holds.errors import HoldError
from framework.holds.hold import (
    Grounds,
    Held,
    end_hold,
    new_hold,
    newest_hold,
    read_hold,
    write_hold,
)
from framework.journal.entry import Kind
from framework.journal.journal import Journal

GROUNDS = Grounds(
    reason="loss limit",
    cause="operator",
    by="ann",
    at=datetime(2026, 3, 4, 12, tzinfo=UTC),
    head="c" * 40,
    head_config_sha="d" * 64,
)
HELD = Held("a" * 40, "e" * 64, "f" * 64)


def test_a_hold_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = write_hold(tmp_path / "hold.json", new_hold(GROUNDS, seq=7, held=HELD), staging=tmp_path / "s")
    assert read_hold(tmp_path / "hold.json", None) == written
    assert (written.name, written.config_sha, written.plain["at"]) == (
        "hold-7",
        "e" * 64,
        "2026-03-04T12:00:00.000Z",
    )


def test_a_hold_without_a_reason_is_refused() -> None:
    with pytest.raises(HoldError, match="reason is empty; allowed a sentence"):
        new_hold(replace(GROUNDS, reason="  "), seq=1, held=None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"hold": "hold-1"}', "\x00"])
def test_a_file_that_is_no_hold_holds(tmp_path: Path, text: str) -> None:
    (tmp_path / "hold.json").write_text(text)
    hold = read_hold(tmp_path / "hold.json", None)
    assert hold is not None
    assert "it holds until" in hold.fault


def test_a_file_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    hold = read_hold(tmp_path / "hold.json", new_hold(GROUNDS, seq=3, held=HELD))
    assert hold is not None
    assert (hold.name, hold.gone) == ("hold-3", True)


def test_a_hold_that_ends_is_in_the_journal_and_its_file_is_gone(tmp_path: Path) -> None:
    journal, path = Journal(tmp_path / "journal.jsonl"), tmp_path / "hold.json"
    data = new_hold(GROUNDS, seq=1, held=HELD)
    hold = write_hold(path, data, staging=tmp_path / "s")
    journal.append(kind=Kind.HOLD, data=data)
    end_hold(path, journal, hold, cause="release", by="ann")
    assert not path.exists()
    assert [entry.kind for entry in journal.entries()] == [Kind.HOLD, Kind.CLEARED]
    assert newest_hold(journal.entries()) == data
    assert read_hold(path, None) is None


def test_the_newest_hold_is_known_from_the_newest_segment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework.gitops.agent.state_dir import JournalView
    from framework.journal import segments

    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1_000)
    view = JournalView(tmp_path / "journal.jsonl")
    hold = new_hold(GROUNDS, seq=1, held=None)
    view.note(Kind.HOLD, hold)
    for number in range(20):
        view.note(Kind.ALERT, {"topic": f"{number % 2}", "text": "x" * 50})
    assert view.journal.content().after.seq > 1
    assert newest_hold(view.journal.content().entries) == hold
