"""A journal in segments: sealed, chained, continued from the last one alone, and whole after any crash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.files.atomic import canonical_json
from framework.gitops.agent.state_dir import JournalView
from framework.gitops.desired.checkpoint import HOLDS, QUARANTINES, REFUSED, TRAIL, compact, refold
from framework.gitops.desired.history import History, fold
from framework.journal import segments
from framework.journal.entry import Entry, Kind, make_entry
from framework.journal.errors import JournalError
from framework.journal.journal import Journal
from framework.journal.segments import folder_of, number_of, sealed_files
from tests.journal.test_journal import die_at, posix
from tests.journal.writers import append_at_once

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 2_000)


def content(number: int) -> dict[str, Any]:
    """Give what the journal says of a content that was put in force."""
    return {
        "commit": f"{number:040x}",
        "config_sha": f"config-{number % 50}",
        "overrides_sha": f"{number:064x}",
        "generation": number + 1,
        "cause": "commit",
    }


def view_of(path: Path, *, entries: int) -> JournalView:
    view = JournalView(path / "journal.jsonl", now=lambda: NOON)
    for number in range(entries):
        view.note(Kind.APPLIED, content(number))
    return view


def sealed(view: JournalView) -> list[Path]:
    return list(sealed_files(view.journal.path))


def test_a_full_segment_is_sealed_and_the_chain_goes_on(tmp_path: Path) -> None:
    view = view_of(tmp_path, entries=30)
    entries = view.journal.entries()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.data for entry in entries if entry.kind is Kind.APPLIED] == [content(n) for n in range(30)]
    opened = [entry for entry in entries if entry.kind is Kind.SEGMENT]
    assert len(opened) == len(sealed(view)) > 3
    assert [number_of(path) for path in sealed(view)] == [entry.data["first"] for entry in opened]
    assert view.journal.content().entries[0] == opened[-1]


def test_a_sealed_segment_never_changes_again(tmp_path: Path) -> None:
    view = view_of(tmp_path, entries=12)
    before = {path: path.read_bytes() for path in sealed(view)}
    for number in range(12, 30):
        view.note(Kind.APPLIED, content(number))
    assert before
    assert {path: path.read_bytes() for path in before} == before


def test_a_restart_reads_the_open_segment_alone_and_knows_all(tmp_path: Path) -> None:
    view = view_of(tmp_path, entries=30)
    shutil.move(folder_of(view.journal.path), tmp_path / "elsewhere")
    again = JournalView(view.journal.path)
    assert again.history() == view.history()
    assert again.head == view.head
    assert again.history().applied is not None
    again.note(Kind.ALERT, {"topic": "t", "text": "x"})
    assert view.history().alerts == {"t": "x"}


def test_a_state_of_other_code_is_not_read_but_folded_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = view_of(tmp_path, entries=30)
    monkeypatch.setattr("framework.gitops.desired.checkpoint.SHAPE", "another")
    assert JournalView(view.journal.path).history() == view.history()
    view.note(Kind.ALERT, {"topic": "t", "text": "x"})
    for number in range(30, 40):
        view.note(Kind.APPLIED, content(number))
    assert JournalView(view.journal.path).history() == view.history()


def test_a_journal_that_was_never_sealed_is_cut_into_pieces_once(tmp_path: Path) -> None:
    plain = Journal(tmp_path / "journal.jsonl", now=lambda: NOON)
    for number in range(40):
        plain.append(kind=Kind.APPLIED, data=content(number))
    data = plain.read()
    view = JournalView(plain.path)
    view.note(Kind.ALERT, {"topic": "t", "text": "x"})
    pieces = sealed(view)
    assert b"".join(path.read_bytes() for path in pieces) == data
    assert all(2_000 <= path.stat().st_size < 2_500 for path in pieces[:-1])
    assert pieces[-1].stat().st_size < 4_000
    assert len(view.journal.entries()) == 42
    assert JournalView(plain.path).history() == view.history()
    plain.append(kind=Kind.APPLIED, data=content(40))  # one that has seen the long file goes on
    assert [entry.seq for entry in view.journal.entries()] == list(range(1, 44))


def test_a_journal_too_long_to_be_read_at_once_is_sealed_without_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Journal(tmp_path / "journal.jsonl", now=lambda: NOON)
    for number in range(40):
        plain.append(kind=Kind.DRIFT, data={"where": "file", "found": f"{number:064x}"})
    monkeypatch.setattr(segments, "LONGEST", 10_000)
    with pytest.raises(JournalError, match="10000 bytes"):
        plain.content()
    view = JournalView(plain.path)
    view.seal()
    assert [entry.kind for entry in view.journal.content().entries] == [Kind.SEGMENT]
    assert [entry.seq for entry in view.journal.entries()] == list(range(1, 42))
    before = plain.path.read_bytes()
    view.seal()
    assert plain.path.read_bytes() == before


Change = Callable[[list[Path]], None]


def removed(paths: list[Path]) -> None:
    paths[1].unlink()


def reordered(paths: list[Path]) -> None:
    one, two = paths[1].read_bytes(), paths[2].read_bytes()
    paths[1].write_bytes(two)
    paths[2].write_bytes(one)


def edited(paths: list[Path]) -> None:
    paths[1].write_bytes(paths[1].read_bytes().replace(b"config-", b"forged-", 1))


def torn(paths: list[Path]) -> None:
    paths[1].write_bytes(paths[1].read_bytes() + b'{"at":"2026')


def cut(paths: list[Path]) -> None:
    paths[-1].write_bytes(b"".join(paths[-1].read_bytes().splitlines(keepends=True)[:-1]))


def last_removed(paths: list[Path]) -> None:
    paths[-1].unlink()


def first_removed(paths: list[Path]) -> None:
    paths[0].unlink()


@pytest.mark.parametrize(
    "change", [removed, reordered, edited, torn, cut, last_removed, first_removed], ids=lambda c: c.__name__
)
def test_a_segment_that_was_removed_reordered_or_changed_is_found(tmp_path: Path, change: Change) -> None:
    view = view_of(tmp_path, entries=30)
    change(sealed(view))
    with pytest.raises(JournalError, match=r"removed|changed|reordered"):
        view.journal.entries()


def test_a_segment_whose_chain_is_whole_but_whose_state_lies_is_found(tmp_path: Path) -> None:
    entries = list(view_of(tmp_path, entries=12).journal.entries())
    at = next(n for n, entry in enumerate(entries) if entry.kind is Kind.SEGMENT)
    lie = {**entries[at].data, "state": {**entries[at].data["state"], "trail": []}}
    forged = entries[:at]
    for entry in [entries[at], *entries[at + 1 :]]:
        data = lie if entry is entries[at] else entry.data
        forged.append(make_entry(after=forged[-1].head, at=entry.at, kind=entry.kind, data=data))
    refold(entries, into=History(), where="journal")
    with pytest.raises(JournalError, match="do not amount to"):
        refold(forged, into=History(), where="journal")


def test_a_reader_follows_across_several_seals(tmp_path: Path) -> None:
    view = view_of(tmp_path, entries=1)
    reader = JournalView(view.journal.path)
    reader.history()
    for number in range(1, 40):
        view.note(Kind.APPLIED, content(number))
    assert len(sealed(view)) > 3
    assert reader.history() == view.history()
    assert JournalView(view.journal.path).history() == view.history()


def test_an_open_segment_of_an_older_copy_is_not_continued_by_who_has_seen_more(tmp_path: Path) -> None:
    view = view_of(tmp_path, entries=3)
    old = view.journal.read()
    for number in range(3, 20):
        view.note(Kind.APPLIED, content(number))
    view.history()
    view.journal.path.unlink()
    view.journal.path.write_bytes(old)
    with pytest.raises(JournalError, match="bring it back"):
        view.history()
    with pytest.raises(JournalError, match="bring it back"):
        view.note(Kind.APPLIED, content(20))


KINDS = st.sampled_from(
    ["applied", "drift", "repaired", "hold", "cleared", "bad", "refused", "good", "alert"]
)


def entry_data(name: str, number: int) -> tuple[Kind, dict[str, Any]]:
    """Give an entry of one kind, as an agent writes it."""
    sha, until = f"config-{number % 7}", (NOON + timedelta(hours=number)).isoformat()
    hold = {"hold": f"hold-{number // 3}"}
    table: dict[str, tuple[Kind, dict[str, Any]]] = {
        "applied": (Kind.APPLIED, content(number)),
        "drift": (Kind.DRIFT, {"where": "file", "found": None}),
        "repaired": (Kind.REPAIRED, {"where": "file", "found": None}),
        "hold": (Kind.HOLD, {**hold, "reason": "x"}),
        "cleared": (Kind.CLEARED, hold),
        "bad": (Kind.QUARANTINED, {**hold, "config_sha": sha, "commit": "c", "until": until, "reason": "x"}),
        "refused": (Kind.REFUSED, {"commit": f"z{-number}", "reason": "x"}),
        "good": (Kind.VERDICT, {"subject": "probation", "verdict": "PASS", "config_sha": sha}),
        "alert": (Kind.ALERT, {"topic": f"topic-{number % 3}", "text": "x", "resolved": number % 2 == 0}),
    }
    return table[name]


@settings(max_examples=30, deadline=None)
@given(names=st.lists(KINDS, max_size=60), restarts=st.sets(st.integers(0, 60)))
def test_whenever_it_is_restarted_it_knows_what_reading_all_of_it_says(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], restarts: set[int]
) -> None:
    path = tmp_path_factory.mktemp("any") / "journal.jsonl"
    view = JournalView(path, now=lambda: NOON)
    for number, name in enumerate(names):
        view = JournalView(path, now=lambda: NOON) if number in restarts else view
        view.note(*entry_data(name, number))
    assert view.history() == refold(view.journal.entries(), into=History(), where="journal")
    assert compact(view.history()) == compact(fold(view.journal.entries())), (
        "nothing is cut that is not very old"
    )


def test_what_only_grows_is_cut_and_what_is_needed_stays() -> None:
    def row(seq: int, kind: Kind, data: dict[str, Any]) -> Entry:
        return Entry(seq, "2026-03-04T12:00:00Z", kind, data, "", "")

    rows = [row(1, Kind.APPLIED, {**content(0), "config_sha": "proven"})]
    rows += [row(2, Kind.VERDICT, {"subject": "probation", "verdict": "PASS", "config_sha": "proven"})]
    for number in range(1, 2_000):
        rows.append(row(3, Kind.APPLIED, {**content(number), "config_sha": f"config-{number}"}))
        rows += [row(3, *entry_data(name, number * 3)) for name in ("hold", "bad", "cleared", "refused")]
    history = compact(fold(rows))
    assert compact(history) == history
    assert history.trail[0].config_sha == "proven"
    assert "proven" in history.proven
    assert len(history.trail) == TRAIL + 1
    assert history.applied == fold(rows).applied
    assert len(history.refused) == REFUSED
    assert len(history.quarantines) <= QUARANTINES
    assert len(history.cleared) == HOLDS
    assert len(canonical_json([list(item) for item in history.done])) < 50_000


@posix
@pytest.mark.parametrize("written_before", [0, 40, 10_000])
@pytest.mark.parametrize("torn", [b"", b'{"at":"2026'], ids=["whole", "torn"])
def test_a_kill_at_any_call_of_a_seal_leaves_a_whole_journal(
    tmp_path: Path, torn: bytes, written_before: int
) -> None:
    deaths = 0
    for die in range(1, 200):
        view = view_of(tmp_path / str(die), entries=5)
        assert not sealed(view)
        before = view.journal.entries()
        with view.journal.path.open("ab") as file:
            file.write(torn)
        child = os.fork()
        if child == 0:
            try:
                mine = JournalView(view.journal.path)
                die_at(die, written_before=written_before)
                mine.note(Kind.PROMOTED, {"from": "child"})
            finally:
                os._exit(0)
        finished = os.WIFEXITED(os.waitpid(child, 0)[1])
        after = JournalView(view.journal.path, now=lambda: NOON)
        assert after.journal.entries()[: len(before)] == before
        after.note(Kind.APPLIED, content(7))
        assert len(sealed(after)) == 1
        assert after.history() == refold(after.journal.entries(), into=History(), where="journal")
        assert after.history().applied is not None
        assert view.history() == after.history()
        if finished:
            break
        deaths += 1
    assert deaths >= 8


def append_many(path: Path, writer: int, count: int) -> None:
    view = JournalView(path)
    for number in range(count):
        view.note(Kind.ALERT, {"topic": f"{writer}", "text": "x" * 100, "number": number})


@posix
def test_writers_in_several_processes_seal_without_losing_an_entry(tmp_path: Path) -> None:
    append_at_once(append_many, tmp_path / "journal.jsonl", count=30)


def test_a_disk_without_room_for_a_seal_still_takes_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from framework.files.errors import FileError

    view = view_of(tmp_path, entries=5)

    def full(*_: Any, **__: Any) -> None:
        raise FileError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(segments, "write_atomic", full)
        view.note(Kind.APPLIED, content(5))
    assert not sealed(view)
    view.note(Kind.APPLIED, content(6))
    assert len(sealed(view)) == 1
    assert len(view.journal.entries()) == 8
