"""quoteops overrides: check, show, diff, set."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from framework.cli.main import main
from tests.settings.conftest import REPOSITORY

GOOD = "reason: r\nowner: o\noverrides:\n  base_spread_bps_delta: 0.10  # ten\n  tail_age_ms: 500\n"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two patches of its own, which is the current folder."""
    shutil.copytree(REPOSITORY / "conf", tmp_path / "conf")
    (tmp_path / "runtime_overrides").mkdir()
    (tmp_path / "runtime_overrides" / "soak.yaml").write_text(GOOD)
    (tmp_path / "runtime_overrides" / "paper.yaml").write_text(GOOD.replace("500", "600"))
    monkeypatch.chdir(tmp_path)
    for name in ("EXCHANGE_MODE", "EXCHANGE_VENUE", "MM_PROFILE", "MM_RUNTIME_OVERRIDES_JSON", "SOAK_HOURS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def told(capsys: Capture, *words: str, code: int = 0) -> str:
    assert main(["overrides", *words]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def test_check_reads_every_patch_of_the_folder(here: Path, capsys: Capture) -> None:
    assert told(capsys, "check").splitlines() == [
        "runtime_overrides/paper.yaml: 2 values: valid",
        "runtime_overrides/soak.yaml: 2 values: valid",
    ]


def test_check_tells_every_fault_of_every_file_in_one_line_each(here: Path, capsys: Capture) -> None:
    folder = here / "runtime_overrides"
    (folder / "paper.yaml").write_text(GOOD.replace("500", "5").replace("0.10", "0.9"))
    (folder / "soak.yaml").write_text(GOOD.replace("owner: o\n", "").replace("tail_age_ms", "tail_age"))
    (folder / "notes.txt").write_text("x")
    lines = told(capsys, "check", code=2).splitlines()
    assert [line.split(" is ")[0] for line in lines] == [
        "error: runtime_overrides/notes.txt:",
        "error: runtime_overrides/paper.yaml:4: base_spread_bps_delta",
        "error: runtime_overrides/paper.yaml:5: tail_age_ms",
        "error: runtime_overrides/soak.yaml:4: tail_age",
        "error: runtime_overrides/soak.yaml: owner",
    ]
    assert main(["overrides", "check", "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert report["faults"] == 5
    assert [len(row["faults"]) for row in report["files"]] == [1, 2, 2]


def test_check_reports_an_end_in_the_past(here: Path, capsys: Capture) -> None:
    (here / "p.yaml").write_text(GOOD + "expires: 2001-01-01T00:00:00Z\n")
    assert main(["overrides", "check", "p.yaml"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "warning: p.yaml:6: expired on 2001-01-01T00:00:00Z\n"
    (here / "p.yaml").write_text(GOOD + "expires: 2999-01-01T00:00:00Z\n")
    assert main(["overrides", "check", "p.yaml"]) == 0
    assert capsys.readouterr().err == ""


def test_check_of_a_file_that_is_not_there_or_of_no_patches(here: Path, capsys: Capture) -> None:
    assert (
        told(capsys, "check", "x.yaml", code=2) == "error: x.yaml: cannot read: No such file or directory\n"
    )
    shutil.rmtree(here / "runtime_overrides")
    assert "runtime_overrides: holds no patch" in told(capsys, "check", code=2)


def test_show_puts_each_value_over_the_one_it_replaces(here: Path, capsys: Capture) -> None:
    rows = [line.split() for line in told(capsys, "show").splitlines()]
    assert ["owner", "o"] in rows
    where = "runtime_overrides/soak.yaml:4"
    spread = ["base_spread_bps_delta", "0.1", "0.35", "bps", "0.0", "to", "0.6", "hot", "increasing", where]
    assert spread in rows
    assert "gated" in next(row for row in rows if row and row[0] == "tail_age_ms")


def test_show_takes_a_file_another_profile_and_the_variable(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_RUNTIME_OVERRIDES_JSON", '{"tail_age_ms": 700, "sizing.leverage": 2}')
    words = ("show", "runtime_overrides/paper.yaml", "profile=conservative", "--json")
    report = json.loads(told(capsys, *words))
    assert report["file"] == "runtime_overrides/paper.yaml"
    beneath = {row["name"]: row["beneath"] for row in report["overrides"]}
    assert beneath == {"base_spread_bps_delta": 0.05, "tail_age_ms": 600}
    assert report["overrides"][1]["effect"] == "same"
    above = {row["name"]: (row["beneath"], row["value"], row["effect"]) for row in report["environment"]}
    assert above == {"tail_age_ms": (600, 700, "gated"), "sizing.leverage": (10.0, 2.0, "reducing")}
    assert {row["where"] for row in report["environment"]} == {"MM_RUNTIME_OVERRIDES_JSON"}


def test_diff_tells_what_changes_and_which_way(here: Path, capsys: Capture) -> None:
    (here / "a.yaml").write_text(GOOD)
    (here / "b.yaml").write_text(GOOD.replace("0.10", "0.20").replace("owner: o", "owner: p"))
    lines = told(capsys, "diff", "a.yaml", "b.yaml").splitlines()
    assert lines[0].split() == ["base_spread_bps_delta", "0.1", "->", "0.2", "bps", "hot", "reducing"]
    assert lines[1:] == ["owner: o -> p", "direction: reducing"]
    report = json.loads(told(capsys, "diff", "b.yaml", "a.yaml", "--json"))
    assert (report["direction"], report["changes"][0]["effect"]) == ("increasing", "increasing")
    assert told(capsys, "diff", "a.yaml", "a.yaml") == "direction: neutral\n"


def test_diff_reads_standard_input_as_yaml_or_json(
    here: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in (GOOD.replace("500", "550"), '{"tail_age_ms": 550, "base_spread_bps_delta": 0.1}'):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        out = told(capsys, "diff", "runtime_overrides/soak.yaml", "-")
        assert out.splitlines()[0].split() == ["tail_age_ms", "500", "->", "550", "ms", "hot", "gated"]
        assert out.splitlines()[-1] == "direction: gated"
    assert "- is given twice" in told(capsys, "diff", "-", "-", code=2)


def test_a_name_that_one_patch_lacks_falls_back_to_what_lies_beneath(here: Path, capsys: Capture) -> None:
    (here / "a.yaml").write_text(GOOD.replace("  tail_age_ms: 500\n", ""))
    lines = told(capsys, "diff", "a.yaml", "runtime_overrides/soak.yaml").splitlines()
    assert lines[0].split()[:4] == ["tail_age_ms", "700", "->", "500"]


def test_set_changes_the_file_in_place_and_says_what_that_means(here: Path, capsys: Capture) -> None:
    path = here / "runtime_overrides" / "paper.yaml"
    words = ("set", "runtime_overrides/paper.yaml", "base_spread_bps_delta=0.20", "sizing.leverage=5.0")
    lines = told(capsys, *words, "--reason", "fees: up").splitlines()
    assert path.read_text() == (
        'reason: "fees: up"\nowner: o\noverrides:\n  base_spread_bps_delta: 0.20  # ten\n'
        "  tail_age_ms: 600\n  sizing.leverage: 5.0\n"
    )
    assert lines[-1] == "direction: reducing"
    assert main(["overrides", "check"]) == 0
    assert told(capsys, "set", str(path), "sizing.leverage=null", "tail_age_ms=null").count("->") == 2
    assert "leverage" not in path.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tail_age_ms=5"], "p.yaml:5: tail_age_ms is 5; allowed 400 to 1000"),
        (["tail_age_ms=no"], "command line: tail_age_ms: no reads differently"),
        (["tail_age_ms=0500"], "command line: tail_age_ms: 0500 reads differently"),
        (["tail_age_ms"], "command line: tail_age_ms is not name=value"),
        (["tail_age_ms="], "command line: tail_age_ms= is not name=value"),
        (["tail_age=500"], "p.yaml:6: tail_age is unknown"),
        (["exchange.mode=real"], "p.yaml:6: exchange.mode takes effect at a restart only"),
        (["tail_age_ms=500", "tail_age_ms=600"], "command line: tail_age_ms is given twice"),
        (["tail_age_ms=null", "base_spread_bps_delta=null"], "overrides is missing or empty"),
        (["--expires", "soon"], "expires is soon; allowed a moment like"),
        (["--reason", ""], "reason is missing or empty"),
        (["sizing.quote_notional_usd=30000"], "sizing: quote_notional_usd is 30000; allowed up to"),
        ([], "nothing to set; allowed name=value"),
    ],
)
def test_set_refuses_before_it_writes(here: Path, capsys: Capture, words: list[str], said: str) -> None:
    (here / "p.yaml").write_text(GOOD)
    assert said in told(capsys, "set", "p.yaml", *words, code=2)
    assert (here / "p.yaml").read_text() == GOOD


def test_set_makes_a_file_that_says_why_and_by_whose_word(here: Path, capsys: Capture) -> None:
    assert "p.yaml: is new; say --reason and --owner" in told(
        capsys, "set", "p.yaml", "tail_age_ms=500", code=2
    )
    assert not (here / "p.yaml").exists()
    words = (
        "set",
        "p.yaml",
        "tail_age_ms=500",
        "--reason",
        "r",
        "--owner",
        "o",
        "--expires",
        "2999-01-01T00:00:00Z",
    )
    told(capsys, *words)
    made = "reason: r\nowner: o\nexpires: 2999-01-01T00:00:00Z\noverrides:\n  tail_age_ms: 500\n"
    assert (here / "p.yaml").read_text() == made
    told(capsys, "set", "p.yaml", "--expires", "never")
    assert "expires" not in (here / "p.yaml").read_text()
    assert "is not a .yaml file" in told(capsys, "set", "p.json", "tail_age_ms=500", code=2)


@pytest.mark.skipif(os.name != "posix", reason="links of POSIX")
def test_set_never_writes_through_a_link_out_of_the_tree(
    here: Path, capsys: Capture, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "p.yaml"
    (here / "p.yaml").symlink_to(outside)
    words = ("set", "p.yaml", "tail_age_ms=500", "--reason", "r", "--owner", "o")
    assert "is a link out of the repository" in told(capsys, *words, code=2)
    assert not outside.exists()
    (here / "q.yaml").symlink_to("runtime_overrides/paper.yaml")
    told(capsys, "set", "q.yaml", "tail_age_ms=550")
    assert (here / "q.yaml").is_symlink()
    assert "550" in (here / "runtime_overrides" / "paper.yaml").read_text()


def test_set_repairs_a_file_that_is_at_fault(here: Path, capsys: Capture) -> None:
    (here / "p.yaml").write_text(GOOD.replace("500", "5"))
    told(capsys, "set", "p.yaml", "tail_age_ms=500")
    assert (here / "p.yaml").read_text() == GOOD


def test_no_verb_or_a_wrong_one_is_one_line(here: Path, capsys: Capture) -> None:
    assert "did you mean show?" in told(capsys, "shw", code=2)
    assert told(capsys, code=2).startswith("error: quoteops overrides: the following arguments are required")


def test_asking_for_help_imports_nothing_heavy() -> None:
    heavy = ("hydra", "omegaconf", "ruamel", "numba", "numpy")
    code = (
        "import sys, framework.cli.overrides as o\n"
        "try: o.run(['check', '--help'])\n"
        f"except SystemExit: print([m for m in {heavy} if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert out.stdout.splitlines()[-1] == "[]"


def test_the_bare_name_of_a_patch_is_answered_with_its_file(here: Path, capsys: Capture) -> None:
    meant = "did you mean runtime_overrides/paper.yaml?"
    assert meant in told(capsys, "check", "paper", code=2)
    assert meant in told(capsys, "show", "paper", code=2)
    assert meant in told(capsys, "diff", "runtime_overrides/soak.yaml", "paper", code=2)
    assert meant in told(capsys, "set", "paper", "tail_age_ms=700", code=2)
    assert "did you mean" not in told(capsys, "check", "papers", code=2)


def test_wrong_words_are_answered_with_what_is_allowed(here: Path, capsys: Capture) -> None:
    assert "required: VERB; allowed check, show, diff, set;" in told(capsys, code=2)
    assert "required: B;" in told(capsys, "diff", "runtime_overrides/soak.yaml", code=2)
    words = ("set", "runtime_overrides/soak.yaml", "tail_age_ms=700", "--reasn=x")
    assert "--reasn=x; did you mean --reason?" in told(capsys, *words, code=2)
    assert "allowed like tail_age_ms=700" in told(capsys, *words[:2], "tail_age_ms", "700", code=2)
