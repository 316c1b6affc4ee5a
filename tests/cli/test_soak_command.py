"""``quoteops soak`` as a person, a script and a CI job see it."""

from __future__ import annotations

import io
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from framework.cli.main import main
from framework.cli.show import Show
from framework.compiled.records import interpreted
from framework.settings.resolve import options_of
from framework.settings.schema.profile import RuntimeParams
from framework.settings.schema.soak import Soak
from tests.command import QUICK, REPOSITORY, environment, line_of, only_run, private_copy, quoteops


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return private_copy(tmp_path)


def test_help_lists_everything_that_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--help"]) == 0
    said = capsys.readouterr().out
    for group in (path.name for path in (REPOSITORY / "conf").iterdir() if path.is_dir()):
        line = re.search(rf"^  {group}= +(.*(?:\n {{18}}.*)*)$", said, re.MULTILINE)
        assert line is not None, group
        assert set(re.split(r",\s+", line[1])) == set(options_of(REPOSITORY / "conf", group))
    for name, model in (("soak", Soak), ("params", RuntimeParams)):
        assert all(f"{name}.{key}=" in said for key in model.model_fields)
    assert "0 PASS or WARN, 1 FAIL, 2 could not run" in said
    assert max(map(len, said.splitlines())) < 80


def test_an_unknown_flag_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--jsn"]) == 2
    error = capsys.readouterr().err
    assert error == (
        "error: quoteops soak: no flag --jsn; allowed -m, --multirun, --resume, --compare, --json, --help,"
        " --hours, --iterations, --auto-tune, --export-json, --export-md, --gate-summary;"
        " did you mean --json?\n"
    )


def test_a_soak_prints_plain_lines_where_there_is_no_terminal(root: Path) -> None:
    done = quoteops("soak", *QUICK, root=root)
    lines = done.stdout.splitlines()
    assert done.returncode == 3
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert lines[0].startswith("soak: SYNTHUSDT")
    assert "| kpi_gate | INCONCLUSIVE | REASONS=" in done.stdout
    verdict = next(k for k, line in enumerate(lines) if line.startswith("INCONCLUSIVE: "))
    assert not any(line.startswith("iter ") for line in lines[verdict:])
    assert lines[-3] == f"report: {only_run(root) / 'reports' / 'report.html'}"
    assert lines[-2].startswith("better? ")
    assert lines[-1].startswith("KPI scaled: INCONCLUSIVE: ")


def test_json_is_one_value_on_stdout_and_the_lines_go_to_stderr(root: Path) -> None:
    done = quoteops("soak", "--json", *QUICK, root=root)
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert told["verdict"] == "INCONCLUSIVE"
    assert told["exit_code"] == done.returncode == 3
    assert Path(told["run_dir"]) == only_run(root)
    assert "| soak_iter_artifacts | OK | iter=2 |" in done.stderr


def test_a_run_beside_an_earlier_one_says_so_on_the_terminal_and_on_the_page_that_is_shown(
    root: Path,
) -> None:
    assert quoteops("soak", *QUICK, root=root).returncode in (0, 1, 3)
    earlier = only_run(root).name
    said = quoteops("soak", *QUICK, "strategy.base_half_spread_bps=2", "--compare", earlier, root=root)
    assert f"better than {earlier}? " in said.stdout
    assert "changed strategy.base_half_spread_bps: 0.5 → 2.0" in said.stdout
    page = (root / "artifacts" / "reports" / "report.html").read_text("utf-8")
    assert "Is it better than the earlier run?" in page
    assert earlier in page


def test_a_sweep_prints_its_table_and_once_more_when_it_is_resumed(root: Path) -> None:
    done = quoteops("soak", "-m", *QUICK, "params.min_interval_ms=60,90", root=root)
    assert done.returncode == 3
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert [line.split("|")[2].strip() for line in lines[:2]] == ["INCONCLUSIVE", "INCONCLUSIVE"]
    assert lines[2].split()[:3] == ["rank", "cell", "values"]
    assert "among 2 trials" in done.stdout or "no cell traded enough" in done.stdout
    folder = only_run(root)
    assert f"page: {folder / 'SWEEP.html'}" in lines
    assert re.match("NOT PROVEN: |TOO QUIET: |NO EFFECT: ", lines[-1])
    again = quoteops("soak", f"--resume={folder}", root=root)
    assert again.returncode == 3
    assert again.stdout.splitlines() == ["| soak_sweep | RESUMED | 2 of 2 cells are done |", *lines[2:]]


def test_a_flag_that_needs_a_folder_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["soak", "--resume", "--json"]) == 2
    assert capsys.readouterr().err == (
        "error: quoteops soak: --resume names no folder; allowed --resume FOLDER\n"
    )


def test_a_sweep_as_json_is_what_the_file_holds(root: Path) -> None:
    done = quoteops("soak", "-m", "--json", *QUICK, "params.min_interval_ms=60,90", root=root)
    told = json.loads(done.stdout)
    held = json.loads((only_run(root) / "SWEEP.json").read_text())
    assert {key: value for key, value in told.items() if key != "run_dir"} == held


def test_a_list_of_values_without_m_is_refused(root: Path) -> None:
    done = quoteops("soak", "params.min_interval_ms=60,90", root=root)
    assert done.returncode == 2
    assert "allowed one value, or -m to run each of a list" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a terminal is made with pty, which is POSIX")
def test_a_terminal_gets_a_bar_and_the_same_lines(root: Path) -> None:
    said = in_a_terminal(root, environment(TERM="xterm", CI=""))
    assert re.search(r"\riteration 2 of 2 \[#+\.*\] +\d+% 0:\d\d", said)
    assert "\r| soak_iter_artifacts | OK | iter=2 |\r\n" in said
    assert re.search(r"\r *\r(\x1b\[0m)?report: artifacts/", said), "the bar is gone from the last lines"
    assert "\rINCONCLUSIVE: " in said


@pytest.mark.skipif(os.name != "posix", reason="a terminal is made with pty, which is POSIX")
@pytest.mark.parametrize("plain", [{"CI": "true"}, {"TERM": "dumb"}])
def test_ci_gets_plain_lines_even_with_a_terminal(root: Path, plain: dict[str, str]) -> None:
    said = in_a_terminal(root, environment(**{"TERM": "xterm", "CI": "", **plain}))
    assert "\x1b" not in said.removesuffix("\x1b[0m")  # what a library's farewell to a terminal may be
    assert "iteration 2 of 2" not in said


def in_a_terminal(root: Path, env: dict[str, str]) -> str:
    """Run a quick soak with a terminal as its stdout; give all it wrote there."""
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(line_of("soak", *QUICK), cwd=root, env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while chunk := _read(ours):
            said += chunk
        assert process.wait(timeout=60) == 3
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return said.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_lines_without_a_terminal_are_lines_and_nothing_else() -> None:
    out = io.StringIO()
    with Show(out=out) as show:
        show.progress("market", 0.0)
        show.line("| a | [b] |")
        show.progress("iteration 1 of 2", 0.5)
    assert out.getvalue() == "| a | [b] |\n"


def test_the_command_starts_without_what_a_soak_alone_needs() -> None:
    heavy = ["numba", "pyarrow", "hydra", "pydantic"]
    code = f"import sys, framework.cli.main; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


WARM = """
import sys
from dataclasses import replace
from pathlib import Path
from framework.settings.compose import compose_run
from framework.soak.run import run_soak
composed = replace(compose_run(words=["soak.hours=0.2", "soak.iterations=2"]), run_dir=Path(sys.argv[1]))
run_soak(composed=composed, publish=False, log=lambda line: None)
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:])))
"""


@pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")
@pytest.mark.skipif(sys.platform != "linux" or platform.machine() != "x86_64", reason="LLVM links elsewhere")
def test_a_soak_with_warm_caches_loads_no_compiler_and_composes_nothing_anew(tmp_path: Path) -> None:
    heavy = ["numba", "llvmlite", "hydra", "omegaconf", "pyarrow", "fsspec", "scipy", "watchdog"]
    for run in ("first", "second"):  # the first may have to compile
        command = [sys.executable, "-c", WARM, str(tmp_path / run), *heavy]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
