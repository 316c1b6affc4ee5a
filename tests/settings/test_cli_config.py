"""quoteops config, and the table of verbs it is called through."""

import json
import os
import subprocess
import sys

import pytest

from framework.cli import main as door
from framework.cli.main import GITOPS, QUOTEOPS, Verbs, main
from tests.settings.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY / "conf")
    for name in ("EXCHANGE_MODE", "EXCHANGE_VENUE", "MM_PROFILE", "MM_RUNTIME_OVERRIDES_JSON", "SOAK_HOURS"):
        monkeypatch.delenv(name, raising=False)


def test_show_prints_each_value_and_the_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "soak.hours=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["soak.hours", "1.0"] in [line.split()[:2] for line in lines]
    assert lines[-1].startswith("config_sha  ")


def test_show_with_sources_says_where_each_came_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOAK_HOURS", "2")
    assert main(["config", "show", "--sources", "params.min_interval_ms=90"]) == 0
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in capsys.readouterr().out.splitlines()}
    assert rows["params.min_interval_ms"] == "90 hot none command line params.min_interval_ms=90"
    assert rows["soak.hours"] == "2.0 restart none environment SOAK_HOURS"
    assert rows["params.tail_age_ms"].startswith("650 hot none override file runtime_overrides/soak.yaml:")


def test_show_as_json_is_one_canonical_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--json", "--sources"]) == 0
    out = capsys.readouterr().out
    report = json.loads(out)
    assert out.count("\n") == 1
    assert set(report["sources"]) == set(report["values"])
    assert set(report["reload"]) == set(report["reduces"]) == set(report["values"])
    assert (report["reload"]["sizing.leverage"], report["reduces"]["sizing.leverage"]) == (
        "flat_only",
        "down",
    )
    assert report["choices"]["profile"] == "S1"


def test_show_says_when_a_change_takes_effect_and_which_way_is_safer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["#", "key", "value", "reload", "reduces"]
    rows = {line.split()[0]: line.split()[2:] for line in lines[1:-1]}
    assert rows["params.base_spread_bps_delta"] == ["hot", "up"]
    assert rows["sizing.leverage"] == ["flat_only", "down"]
    assert rows["sizing.use_all_in"] == ["next_quote", "to", "false"]
    assert rows["rollout.mode"] == ["next_quote", "to", "disabled"]
    assert rows["tuning.table.min_fills"] == ["restart", "none"]


def test_check_says_how_much_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check"]) == 0
    assert "conf/soak.yaml: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["cofig"],
            "error: quoteops cofig: no such verb; allowed soak, config, overrides, tape, edge, kpi",
        ),
        (
            ["config", "shw"],
            "error: quoteops config shw: no such command; allowed show, check; did you mean show?",
        ),
        (
            ["config", "show", "--source"],
            "no flag --source; allowed --sources, --json; did you mean --sources?",
        ),
        (["config", "check", "market=tape"], "market=tape is not needed"),
        (
            ["config", "show", "sizing.leverage=-1"],
            "error: command line: sizing.leverage is -1; allowed 1.0 to 100.0",
        ),
    ],
)
def test_a_refusal_is_one_line_on_stderr_and_exit_code_two(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_no_words_print_the_usage_and_could_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["--help"]) == 0
    assert main(["config"]) == 2
    assert main(["config", "--help"]) == 0
    assert all(f"  {verb}" in capsys.readouterr().out for verb in ("soak",))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (KeyboardInterrupt(), "error: interrupted\n"),
        (
            OSError(28, "No space left on device", "report.json"),
            "error: report.json: No space left on device\n",
        ),
    ],
)
def test_an_interruption_or_a_full_disk_is_one_line(
    fault: BaseException, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_: list[str]) -> int:
        raise fault

    monkeypatch.setattr(door, "_dispatch", stop)
    assert main(["config"]) == 2
    assert capsys.readouterr().err == said


def test_every_verb_is_a_module_that_runs() -> None:
    from importlib import import_module

    for target, _ in (*QUOTEOPS.rows.values(), *GITOPS.rows.values()):
        assert isinstance(target, Verbs) or callable(import_module(target).run)


def test_the_door_imports_nothing_heavy() -> None:
    heavy = ("pydantic", "hydra", "numpy", "numba", "yaml")
    code = f"import sys, framework.cli.main; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
def test_a_reader_that_leaves_early_is_told_of_in_one_line_at_most() -> None:
    command = f"{sys.executable} -m framework.cli.main config show --sources | head -1"
    out = subprocess.run(command, shell=True, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    # Whether the rest of the answer still fits into the pipe is a race.
    assert out.stderr.count("\n") <= 1
    assert "Traceback" not in out.stderr


@pytest.mark.parametrize(
    "path",
    [
        "/t/symbol=ABCUSDT",
        "/t/run=1",
        "/數據/t",
        "~/t",
        "/t/a#b",
        "/t/a (1)",
        "/t/it's",
        "/t/a[1]",
        "/t/{x}",
        "C:\\tapes\\new",
        "/t/a\\",
        "s3://bucket/x=1&y?z",
    ],
)
def test_a_path_may_hold_what_hydras_grammar_has_no_place_for(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in (f"market.path={path}", f'market.path="{path}"'):
        if "\\" in path and '"' in word:
            continue
        assert main(["config", "show", "--json", "market=tape", word]) == 0
        assert json.loads(capsys.readouterr().out)["values"]["market.path"] == path


def test_a_comma_wants_quotes_and_the_message_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "market=tape", "market.path=/t/a,b"]) == 2
    assert "in quotes where it holds a comma" in capsys.readouterr().err
    assert main(["config", "show", "market=tape", "market.path='/t/a,b'"]) == 0


@pytest.mark.parametrize("text", ["1_00", "1_0.5", "1__0", "-1_0", "100,1_00"])
def test_a_number_with_underscores_is_none_in_a_word_as_in_a_file(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "show", f"params.min_interval_ms={text}"]) == 2
    if "," not in text:
        assert "allowed digits without underscores" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1e-400", "'1e-400'", "5,1e-400", "choice(5,1e-400)", "-0.1e-399"])
def test_a_number_that_a_float_holds_as_nothing_is_none_in_a_word_as_in_a_file(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    word = f"strategy.base_half_spread_bps={text}"
    assert main(["soak", "-m", word] if "," in text else ["config", "show", word]) == 2
    assert "too small to be told from 0" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "says"), [("[" * 300 + "]" * 300, "too deep"), ("9" * 5000, "40 digits")])
def test_a_word_is_bounded_as_a_file_is(text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", f"strategy.base_half_spread_bps={text}"]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err) < 400


@pytest.mark.parametrize("words", [["tape", "synth", "--hours", "1_0"], ["tape", "synth", "--seed", "1_0"]])
def test_a_number_with_underscores_is_none_in_a_flag(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "invalid" in capsys.readouterr().err


def test_words_of_hydras_own_are_quoted_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "hydra.run.dir=/t/a=b"]) == 0
    assert main(["config", "show", "hydra.run.dir=/t/${now:%Y}"]) == 0
