"""The command: what happened in an environment, and whether the record is whole."""

import json
from pathlib import Path

import pytest

from framework.cli.main import main
from framework.journal.journal import Journal, Kind


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "soak.yaml").write_text("{}")
    monkeypatch.chdir(tmp_path)
    journal = Journal(tmp_path / "artifacts" / "gitops" / "paper" / "journal.jsonl")
    for number in range(3):
        journal.append(kind=Kind.APPLIED, data={"generation": number})
    return journal


def test_the_entries_are_printed_and_the_chain_is_judged(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gitops", "journal", "--environment", "paper"]) == 0
    *rows, verdict = capsys.readouterr().out.splitlines()
    assert len(rows) == 3
    assert 'applied     {"generation":2}' in rows[-1]
    assert verdict == f"WHOLE: 3 entries, head {journal.head().sha256[:16]}"


def test_json_holds_the_head_and_the_newest_rows(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gitops", "journal", "--environment", "paper", "--last", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["head"] == {"seq": 3, "sha256": journal.head().sha256}
    assert [row["data"] for row in said["rows"]] == [{"generation": 2}]


def test_a_changed_journal_fails(journal: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    journal.path.write_bytes(journal.read().replace(b'"generation":1', b'"generation":7'))
    assert main(["gitops", "journal", "--environment", "paper", "--verify"]) == 1
    assert "journal.jsonl:2: the content does not match its hash" in capsys.readouterr().out


def test_an_environment_without_a_journal_could_not_be_judged(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gitops", "journal", "--environment", "production"]) == 2
    assert "no journal here" in capsys.readouterr().err


def test_the_journal_is_held_against_what_was_published(
    journal: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from framework.gitops.repo.git import Git
    from framework.gitops.repo.journal_branch import publish_head
    from tests.gitops.repository import Repo, bare

    remote = str(bare(tmp_path / "remote.git"))
    Repo(tmp_path)
    publish_head(Git(tmp_path), remote, "paper", journal)
    words = ["gitops", "journal", "--environment", "paper", "--remote", remote, "--verify"]
    assert main(words) == 0
    lines = journal.read().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:2]))
    assert main(words) == 1
    assert "the journal was truncated" in capsys.readouterr().out
    journal.path.unlink()
    assert main(words) == 0, "the published one is shown where there is none here"
    assert "WHOLE: 3 entries" in capsys.readouterr().out
