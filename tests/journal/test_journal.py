"""The journal: chained, durable, readable after any crash, and no byte of it free to change."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.files.atomic import canonical_json, sha256_of
from framework.journal import journal as module
from framework.journal.entry import GENESIS
from framework.journal.errors import JournalError
from framework.journal.journal import EMPTY, Head, Journal, Kind, check_head, parse_journal
from tests.journal.writers import append_at_once

posix = pytest.mark.skipif(os.name != "posix", reason="forks and kills")
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WRITTEN = 6
TEXT = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def journal_of(path: Path, *, entries: int = WRITTEN) -> Journal:
    journal = Journal(path / "journal.jsonl", now=lambda: NOON)
    for number in range(entries):
        journal.append(kind=Kind.APPLIED, data={"number": number, "half_spread_bps": 0.1 * number})
    return journal


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Head]:
    journal = journal_of(tmp_path_factory.mktemp("written"))
    return journal.read(), journal.head()


def read(data: bytes, published: Head) -> None:
    """Read a journal the way an auditor does: its chain, and the head that was published."""
    check_head(parse_journal(data, where="journal").entries, published, where="journal")


def test_each_entry_names_the_hash_of_the_one_before_and_its_own(tmp_path: Path) -> None:
    entries = journal_of(tmp_path).entries()
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry.prev for entry in entries] == [GENESIS, *(entry.sha256 for entry in entries[:-1])]
    first = entries[0]
    body = {"seq": 1, "at": first.at, "kind": "applied", "data": first.data, "prev": GENESIS}
    assert first.sha256 == sha256_of(canonical_json(body))
    assert first.at == "2026-03-04T12:00:00.000000Z"


def test_an_entry_is_a_line_of_canonical_json(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, entries=2)
    lines = journal.read().splitlines(keepends=True)
    assert lines == [entry.line() for entry in journal.entries()]


@settings(max_examples=40)
@given(data=st.dictionaries(TEXT, PLAIN, max_size=4))
def test_what_is_appended_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("any") / "journal.jsonl")
    entry = journal.append(kind=Kind.ALERT, data=data)
    assert Journal(journal.path).entries() == (entry,)
    assert entry.data == data


@pytest.mark.parametrize(
    "data", [{"x": float("nan")}, {"x": object()}, {"x": "\ud800"}, {"x": b"bytes"}, {1: 2, "a": 3}]
)
def test_data_that_json_cannot_hold_is_refused_and_nothing_is_written(tmp_path: Path, data: Any) -> None:
    journal = journal_of(tmp_path)
    before = journal.read()
    with pytest.raises(JournalError, match="not plain JSON"):
        journal.append(kind=Kind.ALERT, data=data)
    assert journal.read() == before


def test_a_journal_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none" / "journal.jsonl")
    assert journal.head() == EMPTY
    assert journal.entries() == ()
    journal.check_head(EMPTY)


@settings(max_examples=300)
@given(data=st.data())
def test_no_byte_of_any_line_can_change(written: tuple[bytes, Head], data: st.DataObject) -> None:
    whole, head = written
    at = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    with pytest.raises(JournalError, match="journal"):
        read(whole[:at] + bytes([other]) + whole[at + 1 :], head)


@settings(max_examples=100)
@given(data=st.data())
def test_no_bytes_can_be_put_in_or_taken_out(written: tuple[bytes, Head], data: st.DataObject) -> None:
    whole, head = written
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start, len(whole)))
    put = data.draw(st.binary(max_size=20))
    changed = whole[:start] + put + whole[stop:]
    if changed == whole or changed.startswith(whole):  # appended rubbish is a torn tail, which loses nothing
        return
    with pytest.raises(JournalError):
        read(changed, head)


@given(order=st.permutations(range(WRITTEN)))
def test_entries_cannot_be_reordered(written: tuple[bytes, Head], order: list[int]) -> None:
    whole, head = written
    lines = whole.splitlines(keepends=True)
    if order == sorted(order):
        return
    with pytest.raises(JournalError, match="does not follow"):
        read(b"".join(lines[k] for k in order), head)


@given(kept=st.lists(st.integers(0, WRITTEN - 1), max_size=12))
def test_no_selection_of_the_lines_but_all_of_them_is_the_journal(
    written: tuple[bytes, Head], kept: list[int]
) -> None:
    whole, head = written
    lines = whole.splitlines(keepends=True)
    if kept == list(range(WRITTEN)):
        return
    with pytest.raises(JournalError):
        read(b"".join(lines[k] for k in kept), head)


def test_a_duplicate_line_is_named_with_its_place(written: tuple[bytes, Head]) -> None:
    lines = written[0].splitlines(keepends=True)
    with pytest.raises(JournalError, match=r"journal:4: entry 3 does not follow entry 3"):
        parse_journal(b"".join([*lines[:3], lines[2], *lines[3:]]), where="journal")


def test_a_truncated_journal_is_whole_by_itself_and_caught_by_the_published_head(
    written: tuple[bytes, Head],
) -> None:
    lines = written[0].splitlines(keepends=True)
    for kept in range(WRITTEN):
        content = parse_journal(b"".join(lines[:kept]), where="journal")
        with pytest.raises(JournalError, match=f"ends at entry {kept}, but entry {WRITTEN} was published"):
            check_head(content.entries, written[1], where="journal")


def test_a_journal_written_anew_with_a_whole_chain_is_caught_by_the_published_head(
    tmp_path: Path, written: tuple[bytes, Head]
) -> None:
    forged = Journal(tmp_path / "journal.jsonl")
    for number in range(WRITTEN + 2):
        forged.append(kind=Kind.APPLIED, data={"number": -number})
    with pytest.raises(JournalError, match="rewritten"):
        forged.check_head(written[1])


def test_an_older_published_head_is_in_the_journal(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, entries=3)
    head = journal.head()
    journal.append(kind=Kind.ALERT, data={})
    journal.check_head(head)


def test_nothing_is_appended_to_a_broken_chain(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    broken = journal.read().replace(b'"number":3', b'"number":8')
    journal.path.write_bytes(broken)
    with pytest.raises(JournalError, match=r"journal\.jsonl:4: the content does not match its hash"):
        Journal(journal.path).append(kind=Kind.APPLIED, data={})
    assert journal.path.read_bytes() == broken


def test_a_journal_that_shrinks_under_a_running_agent_is_not_continued(tmp_path: Path) -> None:
    journal = journal_of(tmp_path)
    lines = journal.read().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:3]))
    with pytest.raises(JournalError, match="truncated"):
        journal.append(kind=Kind.APPLIED, data={})


def test_a_torn_line_is_read_past_then_replaced_by_a_record_of_it(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, entries=2)
    torn = b'{"at":"2026-03-04T12:00:00.000000Z","data":{"numb'
    with journal.path.open("ab") as file:
        file.write(torn)
    assert len(journal.entries()) == 2
    assert journal.content().tail == torn
    journal.append(kind=Kind.APPLIED, data={"number": 2})
    recovered, last = journal.entries()[2:]
    assert recovered.kind is Kind.RECOVERED
    assert recovered.data["text"] == torn.decode()
    assert recovered.data["bytes"] == len(torn)
    assert (last.seq, last.data) == (4, {"number": 2})


@given(torn=st.binary(min_size=1, max_size=3000).filter(lambda data: b"\n" not in data))
@settings(max_examples=25)
def test_any_torn_tail_is_recovered(tmp_path_factory: pytest.TempPathFactory, torn: bytes) -> None:
    journal = journal_of(tmp_path_factory.mktemp("torn"), entries=1)
    with journal.path.open("ab") as file:
        file.write(torn)
    journal.append(kind=Kind.APPLIED, data={})
    assert [entry.kind for entry in journal.entries()] == [Kind.APPLIED, Kind.RECOVERED, Kind.APPLIED]


CALLS = ("open", "write", "fdatasync", "fsync", "ftruncate", "lseek", "close")


def die_at(number: int, *, written_before: int) -> None:
    """From now on, end this process by SIGKILL at its ``number``-th call; a write puts some bytes first."""
    count = 0

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                if name == "write":
                    real(args[0], bytes(args[1])[:written_before])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call

    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))


def appended_in_a_child(path: Path, *, die: int, written_before: int) -> bool:
    """Append in a process that dies at its ``die``-th call of the system; tell whether it got to the end."""
    child = os.fork()
    if child == 0:
        try:
            journal = Journal(path)
            die_at(die, written_before=written_before)
            journal.append(kind=Kind.PROMOTED, data={"from": "child"})
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status)


@posix
@pytest.mark.parametrize("written_before", [0, 1, 40, 10_000])
@pytest.mark.parametrize("torn", [b"", b'{"at":"2026'], ids=["whole", "torn"])
def test_a_kill_at_any_call_leaves_what_was_acknowledged_and_the_next_append_works(
    tmp_path: Path, torn: bytes, written_before: int
) -> None:
    deaths = 0
    for die in range(1, 60):
        journal = journal_of(tmp_path / str(die), entries=3)
        before = journal.entries()
        with journal.path.open("ab") as file:
            file.write(torn)
        finished = appended_in_a_child(journal.path, die=die, written_before=written_before)
        left = journal.content()
        assert left.entries[:3] == before
        assert b"\n" not in left.tail
        if finished:
            assert left.entries[-1].data == {"from": "child"}
            break
        deaths += 1
        after = Journal(journal.path)
        after.append(kind=Kind.CLEARED, data={})
        entries = after.entries()
        assert entries[-1].kind is Kind.CLEARED
        assert entries[:3] == before
        if left.tail:
            assert entries[-2].kind is Kind.RECOVERED
    assert deaths >= 3


@pytest.mark.parametrize("call", ["write", "fdatasync"])
@pytest.mark.parametrize("torn", [b"", b"torn"], ids=["whole", "torn"])
def test_a_full_disk_appends_nothing_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, torn: bytes
) -> None:
    journal = journal_of(tmp_path, entries=2)
    with journal.path.open("ab") as file:
        file.write(torn)
    real = os.write

    def full(handle: int, data: bytes = b"") -> int:
        if call == "write" and len(data) > 20:
            return real(handle, bytes(data)[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, call, full, raising=False)
        with pytest.raises(JournalError, match="No space left on device"):
            journal.append(kind=Kind.APPLIED, data={"number": 2, "why": "x" * 100})
    assert len(journal.entries()) == 2
    journal.append(kind=Kind.APPLIED, data={"number": 2})
    assert journal.entries()[-1].data == {"number": 2}


@posix
def test_a_limit_on_file_size_met_in_the_middle_of_a_line_loses_nothing(tmp_path: Path) -> None:
    import resource

    journal = journal_of(tmp_path, entries=2)
    size = len(journal.read())
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, size + 50))
            Journal(journal.path).append(kind=Kind.APPLIED, data={"number": 2})
        except JournalError:
            code = 7
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert len(journal.read()) == size
    journal.append(kind=Kind.APPLIED, data={"number": 2})
    assert [entry.kind for entry in journal.entries()] == [Kind.APPLIED] * 3


def append_many(path: Path, writer: int, count: int) -> None:
    journal = Journal(path)
    for number in range(count):
        journal.append(kind=Kind.ALERT, data={"topic": f"{writer}", "number": number})


@posix
def test_writers_in_several_processes_neither_lose_nor_interleave_entries(tmp_path: Path) -> None:
    append_at_once(append_many, tmp_path / "journal.jsonl", count=40)


def test_two_journals_of_one_process_take_turns(tmp_path: Path) -> None:
    one, two = Journal(tmp_path / "journal.jsonl"), Journal(tmp_path / "journal.jsonl")
    for _ in range(3):
        one.append(kind=Kind.ALERT, data={"by": 1})
        two.append(kind=Kind.ALERT, data={"by": 2})
    assert [entry.data["by"] for entry in one.entries()] == [1, 2, 1, 2, 1, 2]


@posix
def test_a_lock_that_another_holds_for_too_long_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    journal = journal_of(tmp_path, entries=1)
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    with (tmp_path / ".journal.jsonl.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match="held by another process"):
            journal.append(kind=Kind.APPLIED, data={})
    assert len(journal.entries()) == 1


def test_a_kind_of_a_newer_version_is_named(tmp_path: Path) -> None:
    line = journal_of(tmp_path, entries=1).read().decode()
    body = {"seq": 1, "at": "2026-03-04T12:00:00Z", "kind": "blessed", "data": {}, "prev": GENESIS}
    line = canonical_json({**body, "sha256": sha256_of(canonical_json(body))}) + "\n"
    with pytest.raises(JournalError, match=r"kind is blessed; allowed applied, refused"):
        parse_journal(line.encode(), where="journal")
