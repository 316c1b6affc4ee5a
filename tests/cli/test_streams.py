"""A command whose answer finds no reader: it does its work, and its exit code says that nobody heard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from framework.cli.main import QUOTEOPS, main
from tests.command import QUICK, environment, latest, line_of, only_run, private_copy

posix = pytest.mark.skipif(os.name != "posix", reason="/dev/full, signals and closed numbers are POSIX")

ENDS = {
    "full disk": ("{} >/dev/full", "cannot write: No space left on device"),
    "closed": ("{} >&-", "is closed"),
}
ASKED: dict[str, tuple[str, ...]] = {
    "": ("--help",),
    "soak": ("--help",),
    "config": ("show",),
    "overrides": ("show", "runtime_overrides/soak.yaml"),
    "tape": ("--help",),
    "edge": ("sentinel", "--trades", "trades.jsonl"),
    "kpi": ("--help",),
    "gitops": ("--help",),
}


def in_a_shell(
    line: str, *words: str, root: Path, driver: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as ``line`` says, with the exit code of the command in a pipe."""
    quoted = '"$@"'
    script = f"{line.format(quoted)}; exit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script, "bash", *line_of(*words, driver=driver)],
        cwd=root, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "trades.jsonl").write_text("")
    return private_copy(tmp_path)


# Whether a short answer is written before or after its reader is gone is up to the system: the command waits.
LATE = "import time; time.sleep(0.3)"


@posix
@pytest.mark.parametrize("end", ENDS)
def test_a_soak_that_nobody_hears_is_whole_and_ends_with_2(root: Path, end: str) -> None:
    line, why = ENDS[end]
    done = in_a_shell(line, "soak", *QUICK, root=root, driver=LATE)
    assert done.returncode == 2
    assert done.stderr == f"error: stdout: {why}; the command ran and would end with 3\n"
    assert json.loads((only_run(root) / "run.json").read_text())["status"] == "complete"
    assert latest(root, "reports") == only_run(root) / "reports"


@posix
def test_a_reader_that_leaves_has_what_it_wanted_and_nothing_is_said(root: Path) -> None:
    done = in_a_shell("{} | true", "soak", *QUICK, root=root, driver=LATE)
    assert (done.returncode, done.stderr) == (141, "")
    assert json.loads((only_run(root) / "run.json").read_text())["status"] == "complete"


@posix
@pytest.mark.parametrize("verb", ["", *QUOTEOPS.rows])
def test_no_verb_passes_over_an_answer_that_is_lost(root: Path, verb: str) -> None:
    done = in_a_shell(ENDS["full disk"][0], *verb.split(), *ASKED[verb], root=root)
    assert done.returncode == 2
    assert done.stderr == f"error: stdout: {ENDS['full disk'][1]}; the command ran and would end with 0\n"


@posix
def test_a_refusal_stays_one_line_whoever_hears_it(root: Path) -> None:
    done = in_a_shell(ENDS["full disk"][0], "config", "shw", root=root)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no such command" in done.stderr
    silent = in_a_shell("{} >&- 2>&-", "soak", *QUICK, root=root)
    assert (silent.returncode, silent.stderr) == (2, "")
    deaf = in_a_shell("{} 2>/dev/full", "overrides", "show", "nowhere.yaml", root=root)
    assert deaf.returncode == 2


def test_a_word_with_a_break_in_it_is_refused_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "a\nb"]) == 2
    assert capsys.readouterr().err == "error: command line: a\\nb is not a word of the form key=value\n"


@posix
def test_a_closed_stream_lends_its_number_to_no_file(root: Path) -> None:
    in_a_shell("{} <&- >&- 2>&-", "soak", *QUICK, root=root)
    for path in only_run(root).rglob("*.json"):
        json.loads(path.read_text())


def test_a_letter_the_terminal_has_no_code_for_is_spelt(root: Path) -> None:
    code = "from framework.cli.main import main; import sys; sys.exit(main(['soak', 'Ω']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "\\u03a9" in done.stderr


@posix
def test_a_polite_kill_is_one_line_for_every_verb(root: Path) -> None:
    driver = (
        "import framework.cli.config as c, time\n"
        "c._check = lambda **_: (print('on', flush=True), time.sleep(30))"
    )
    process = subprocess.Popen(
        line_of("config", "check", driver=driver), cwd=root, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (2, "error: interrupted\n")


@posix
@pytest.mark.parametrize("more", [1, 2])
def test_whoever_insists_gets_the_same_end(root: Path, more: int) -> None:
    driver = (
        "import framework.session.run_folder as f, framework.soak.run as r, time\n"
        "end = f.RunFolder.incomplete\n"
        "def slow(*a, **k): print('ending', flush=True); time.sleep(0.5); end(*a, **k)\n"
        "def play(*a, **k): print('on', flush=True); time.sleep(30)\n"
        "f.RunFolder.incomplete, r.open_window = slow, play"
    )
    process = subprocess.Popen(
        line_of("soak", *QUICK, driver=driver), cwd=root, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for said in ("on\n", "ending\n"):
        while process.stdout.readline() != said:
            pass
        for _ in range(1 if said == "on\n" else more):
            process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.count("\n") == 1
    assert err.startswith("error: interrupted; ")
    assert json.loads((only_run(root) / "run.json").read_text())["reason"] == "interrupted"


@pytest.mark.parametrize("where", ["word", "folder"])
def test_a_name_that_is_not_utf8_is_one_line(
    where: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if where == "folder":
        monkeypatch.setattr("os.getcwd", lambda: "/bad\udcff")
    words = ["hydra.run.dir=/bad\udcff"] if where == "word" else []
    assert main(["soak", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: command line: ")
    assert err.count("\n") == 1
    assert err.endswith("is not UTF-8; allowed words and a working folder in UTF-8\n")
