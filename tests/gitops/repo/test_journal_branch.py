"""The published journal: what the remote holds only grows, and a journal that denies it is caught."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from framework.gitops.errors import GitError
from framework.gitops.repo import journal_branch
from framework.gitops.repo.git import Git
from framework.gitops.repo.journal_branch import (
    BRANCH,
    append_published,
    fetch_published,
    publish_head,
    read_published,
)
from framework.journal import segments
from framework.journal.errors import JournalError
from framework.journal.journal import Journal, Kind
from tests.gitops.repository import Repo, bare


@pytest.fixture
def remote(tmp_path: Path) -> str:
    return str(bare(tmp_path / "remote.git"))


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git.mirror(tmp_path / "mirror.git")


def journal_of(path: Path, entries: int) -> Journal:
    journal = Journal(path / "journal.jsonl")
    for number in range(entries):
        journal.append(kind=Kind.APPLIED, data={"number": number})
    return journal


def test_nothing_published_is_nothing_to_deny(git: Git, remote: str) -> None:
    assert fetch_published(git, remote, "paper") is None


def test_the_journal_and_its_head_are_published_and_read_back(git: Git, remote: str, tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "paper", 3)
    sent = publish_head(git, remote, "paper", journal)
    assert fetch_published(git, remote, "paper") == sent
    assert (sent.head, sent.entries) == (journal.head(), journal.entries())
    assert git.show(sent.commit, "paper.jsonl") == journal.read()
    assert publish_head(git, remote, "paper", journal) == sent, "nothing new is no new commit"


def test_a_torn_line_is_not_published(git: Git, remote: str, tmp_path: Path) -> None:
    journal = journal_of(tmp_path / "paper", 2)
    whole = journal.read()
    journal.path.write_bytes(whole + b'{"torn')
    assert git.show(publish_head(git, remote, "paper", journal).commit, "paper.jsonl") == whole


def test_environments_share_the_branch(git: Git, remote: str, tmp_path: Path) -> None:
    one, two = journal_of(tmp_path / "paper", 2), journal_of(tmp_path / "sandbox", 4)
    publish_head(git, remote, "paper", one)
    last = publish_head(git, remote, "sandbox", two)
    assert sorted(git.files(last.commit)) == [
        "paper.head.json", "paper.jsonl", "sandbox.head.json", "sandbox.jsonl",
    ]  # fmt: skip
    found = fetch_published(git, remote, "paper")
    assert found is not None
    assert found.head == one.head()


def test_a_journal_that_is_shorter_or_other_than_what_was_published_is_not_published(
    git: Git, remote: str, tmp_path: Path
) -> None:
    journal = journal_of(tmp_path / "paper", 3)
    sent = publish_head(git, remote, "paper", journal)
    lines = journal.read().splitlines(keepends=True)
    short = Journal(tmp_path / "short.jsonl")
    short.path.write_bytes(b"".join(lines[:2]))
    with pytest.raises(JournalError, match="truncated"):
        publish_head(git, remote, "paper", short)
    other = journal_of(tmp_path / "other", 5)
    with pytest.raises(JournalError, match="rewritten"):
        publish_head(git, remote, "paper", other)
    assert fetch_published(git, remote, "paper") == sent


def test_a_forced_or_deleted_branch_is_noticed_by_who_has_seen_it(
    git: Git, remote: str, tmp_path: Path
) -> None:
    journal = journal_of(tmp_path / "paper", 2)
    seen = publish_head(git, remote, "paper", journal)
    journal.append(kind=Kind.ALERT, data={})
    grown = publish_head(git, remote, "paper", journal, known=seen.commit)
    assert fetch_published(git, remote, "paper", known=seen.commit) == grown
    person = Repo(tmp_path / "person")
    person.committed({"paper.jsonl": ""})
    person.git("push", "--quiet", "--force", remote, f"main:{BRANCH}")
    with pytest.raises(JournalError, match="it was forced"):
        fetch_published(git, remote, "paper", known=grown.commit)
    with pytest.raises(JournalError, match="it was forced"):
        publish_head(git, remote, "paper", journal, known=grown.commit)
    person.git("push", "--quiet", remote, f":{BRANCH}")
    with pytest.raises(JournalError, match="is gone from the remote"):
        fetch_published(git, remote, "paper", known=grown.commit)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("paper.head.json", '{"seq":9,"sha256":"x"}', "does not end with its head"),
        ("paper.head.json", "{", "is not JSON"),
        ("paper.jsonl", "", "does not end with its head"),
        ("paper.jsonl", "rubbish\n", "is not JSON"),
        ("paper.jsonl", None, "is missing"),
    ],
)
def test_a_branch_changed_by_hand_is_caught(
    git: Git, remote: str, tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    sent = publish_head(git, remote, "paper", journal_of(tmp_path / "paper", 2))
    data = None if content is None else content.encode()
    git.push(remote, f"{git.commit_files(sent.commit, {name: data}, 'by hand')}:refs/heads/{BRANCH}")
    with pytest.raises(JournalError, match=says):
        fetch_published(git, remote, "paper")


def test_publishers_that_race_all_get_through(remote: str, tmp_path: Path) -> None:
    def publish(name: str) -> None:
        git = Git.mirror(tmp_path / f"{name}.git")
        publish_head(git, remote, name, journal_of(tmp_path / name, 2))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(publish, ("one", "two", "three")))
    git = Git.mirror(tmp_path / "reader.git")
    for name in ("one", "two", "three"):
        assert fetch_published(git, remote, name) is not None


def test_machines_without_a_disk_of_their_own_append_to_one_chain(remote: str, tmp_path: Path) -> None:
    def append(machine: int) -> None:
        git = Git.mirror(tmp_path / f"{machine}.git")
        append_published(git, remote, "paper.gate", [(Kind.ATTEMPT, {"machine": machine})])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(append, range(3)))
    found = fetch_published(Git.mirror(tmp_path / "reader.git"), remote, "paper.gate")
    assert found is not None
    assert sorted(entry.data["machine"] for entry in found.entries) == [0, 1, 2]


def test_an_empty_journal_and_a_wrong_name_are_refused(git: Git, remote: str, tmp_path: Path) -> None:

    with pytest.raises(JournalError, match="is empty"):
        publish_head(git, remote, "paper", Journal(tmp_path / "none.jsonl"))
    with pytest.raises(GitError, match="is not a name"):
        fetch_published(git, remote, "../paper")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1_000)


def grown(journal: Journal, entries: int) -> None:
    for number in range(entries):
        journal.append(kind=Kind.APPLIED, data={"number": number})


def sealing(path: Path) -> Journal:
    return Journal(path / "journal.jsonl", state=lambda _head: {"state": "x"})


@pytest.mark.usefixtures("small")
def test_sealed_segments_go_with_the_journal_and_all_of_it_is_read_back(
    git: Git, remote: str, tmp_path: Path
) -> None:
    journal = sealing(tmp_path / "paper")
    seen = None
    for _ in range(4):
        grown(journal, 9)
        sent = publish_head(git, remote, "paper", journal, known=seen.commit if seen else None)
        found = fetch_published(git, remote, "paper")
        assert found is not None
        assert found.entries == journal.entries()
        assert sent.head == found.head
        if seen is not None:
            new = read_published(git, sent.commit, "paper", after=seen.head)
            assert new is not None
            assert new.entries == journal.entries()[seen.head.seq :]
        seen = sent
    assert len([name for name in git.files(sent.commit) if name.startswith("paper.segments/")]) > 4
    assert sent.entries == journal.content().entries, "the open segment alone"


@pytest.mark.usefixtures("small")
def test_a_journal_that_is_far_behind_is_published_in_several_pushes(
    git: Git, remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_branch, "PIECES", 3)
    journal = sealing(tmp_path / "paper")
    grown(journal, 60)
    publish_head(git, remote, "paper", journal)
    found = fetch_published(Git.mirror(tmp_path / "reader.git"), remote, "paper")
    assert found is not None
    assert found.entries == journal.entries()
    assert len(git.run("log", "--format=%H", found.commit).split()) > 3


@pytest.mark.usefixtures("small")
def test_a_push_that_breaks_off_among_several_leaves_a_journal_that_reads_as_before(
    git: Git, remote: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_branch, "PIECES", 3)
    journal = sealing(tmp_path / "paper")
    grown(journal, 3)
    before = publish_head(git, remote, "paper", journal)
    grown(journal, 60)
    real, calls = Git.push, []

    def breaks(self: Git, *args: str) -> None:
        calls.append(args)
        if len(calls) == 3:
            raise GitError("the line is dead")
        real(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Git, "push", breaks)
        with pytest.raises(GitError, match="dead"):
            publish_head(git, remote, "paper", journal)
    found = fetch_published(git, remote, "paper")
    assert found is not None
    assert found.entries == before.entries
    publish_head(git, remote, "paper", journal)
    found = fetch_published(git, remote, "paper")
    assert found is not None
    assert found.entries == journal.entries()


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("change", ["removed", "edited", "swapped"])
def test_a_published_segment_that_was_changed_by_hand_is_caught(
    git: Git, remote: str, tmp_path: Path, change: str
) -> None:
    journal = sealing(tmp_path / "paper")
    grown(journal, 30)
    sent = publish_head(git, remote, "paper", journal)
    one, two = sorted(name for name in git.files(sent.commit) if ".segments/" in name)[1:3]
    data, other = git.show(sent.commit, one), git.show(sent.commit, two)
    assert data
    changes: dict[str, dict[str, bytes | None]] = {
        "removed": {one: None},
        "edited": {one: data.replace(b"number", b"nomber", 1)},
        "swapped": {one: other, two: data},
    }
    files = changes[change]
    git.push(remote, f"{git.commit_files(sent.commit, files, 'by hand')}:refs/heads/{BRANCH}")
    with pytest.raises(JournalError, match=r"changed|removed|reordered"):
        fetch_published(git, remote, "paper")


@pytest.mark.usefixtures("small")
def test_a_gates_journal_is_sealed_on_the_branch_by_whoever_appends(git: Git, remote: str) -> None:
    for number in range(30):
        append_published(git, remote, "paper.gate", [(Kind.ATTEMPT, {"number": number})])
    found = fetch_published(git, remote, "paper.gate")
    assert found is not None
    assert [e.data["number"] for e in found.entries if e.kind is Kind.ATTEMPT] == list(range(30))
    assert len([name for name in git.files(found.commit) if ".segments/" in name]) > 3


def test_what_a_commit_brings_besides_is_asked_anew_on_top_of_who_was_faster(
    git: Git, remote: str, tmp_path: Path
) -> None:
    asked = []

    def beside(tip: str | None) -> dict[str, bytes | None]:
        asked.append(tip)
        if len(asked) == 1:  # somebody is faster
            publish_head(Git.mirror(tmp_path / "o.git"), remote, "other", journal_of(tmp_path / "other", 1))
        return {"paper.lease.json": b"{}"}

    sent = publish_head(git, remote, "paper", journal_of(tmp_path / "paper", 1), beside=beside)
    assert asked[0] is None
    assert asked[1] is not None
    assert {"paper.lease.json", "other.jsonl", "paper.jsonl"} <= set(git.files(sent.commit))
