"""``quoteops kpi check``: exit codes, markers, overrides, refusals."""

import json
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from tests.gates.kpi_cases import totals
from tests.realdata import ROOT


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def report(tmp_path: Path, name: str = "r.json", **more: Any) -> str:
    (tmp_path / name).write_text(
        json.dumps({"totals": totals(half=0.001, **more), "runtime": {"clock": "replay"}})
    )
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("changed", "profile", "code"),
    [
        ({}, "scaled", 0),
        ({}, "audit_3h", 0),
        ({"adverse_u_p95": 4.5}, "scaled", 0),
        ({"adverse_u_p95": 9.0}, "scaled", 1),
        ({"adverse_u_p95": 9.0}, "audit_3h", 0),
        ({"fills": 3}, "scaled", 3),
        ({}, "weekly", 3),
        ({}, "nothing", 2),
    ],
)
def test_the_exit_code_is_the_verdicts(
    tmp_path: Path, changed: dict[str, Any], profile: str, code: int
) -> None:
    assert main(["kpi", "check", "--report", report(tmp_path, **changed), "--profile", profile]) == code


def test_the_markers_and_the_sentence_are_on_the_screen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["kpi", "check", "--report", report(tmp_path, adverse_u_p95=4.5)])
    shown = capsys.readouterr().out
    assert "| kpi_gate | WARN | REASONS=EDGE:adverse |" in shown
    assert "| kpi_profile | PASS | PROFILE=audit_3h REASONS=none |" in shown
    assert "WARN: every hard limit is met, but adverse p95 4.5 unit moves is above the target 4" in shown


def test_words_and_variables_change_thresholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["kpi", "check", "--report", report(tmp_path), "--out-json", f"{tmp_path}/gate.json"]
    assert main([*words, "kpi.hard.net_bps=99"]) == 1
    gate = json.loads((tmp_path / "gate.json").read_text())
    assert (gate["thresholds"]["hard"]["net_bps"], gate["reasons"]) == (99.0, ["EDGE:net"])
    monkeypatch.setenv("KPI_CANCEL_FAIL", "0.1")
    assert main(words) == 1
    for text in ("a lot", "1_0"):
        monkeypatch.setenv("KPI_CANCEL_FAIL", text)
        assert main(words) == 2


def test_several_reports_are_judged_as_a_week(tmp_path: Path) -> None:
    words = ["kpi", "check", "--profile", "weekly"]
    for day, net in enumerate([3.0, 3.1, 3.05]):
        words += ["--report", report(tmp_path, f"{day}.json", net_bps=net, turnover_quote=10.0)]
    assert main(words) == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is not JSON"),
        ("[]", "is a JSON list; allowed an object"),
        ("{}", "has no totals; allowed an edge report"),
        ('{"totals": {"net_bps": NaN}}', "NaN is not a JSON number"),
    ],
)
def test_a_report_that_is_none_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
) -> None:
    (tmp_path / "r.json").write_text(content)
    assert main(["kpi", "check", "--report", f"{tmp_path}/r.json"]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert shown.count("\n") == 1


def test_a_missing_report_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kpi", "check", "--report", f"{tmp_path}/none.json"]) == 2
    assert "none.json: cannot read" in capsys.readouterr().err


def test_json_output_is_the_gate_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["kpi", "check", "--report", report(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out)["verdict"] == "PASS"


def week(tmp_path: Path, *rows: tuple[int, int], **more: Any) -> list[str]:
    """Return the words that judge reports of these hours as a week."""
    words = ["kpi", "check", "--profile", "weekly"]
    for at, (start, end) in enumerate(rows):
        told = {"start_ns": start * 3_600 * 10**9, "end_ns": end * 3_600 * 10**9, "turnover_quote": 10.0 + at}
        words += ["--report", report(tmp_path, f"{at}.json", **told, **more)]
    return words


def test_a_time_counts_once_in_a_week(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(week(tmp_path, (1, 25), (25, 49), (49, 73))) == 0
    assert main(week(tmp_path, (1, 25), (25, 49), (48, 72))) == 2
    assert "2.json: is of a time that " in capsys.readouterr().err
    assert main(week(tmp_path, (1, 73), (25, 49), (80, 90))) == 2


def test_a_report_counts_once_in_a_week(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = report(tmp_path, turnover_quote=10.0)
    again = tmp_path / "again.json"
    again.write_text(json.dumps({"runtime": {}, **json.loads(Path(file).read_text())}, indent=2))
    for other in (file, str(again)):
        assert main(["kpi", "check", "--profile", "weekly", "--report", file, "--report", other]) == 2
        assert "is the same report as" in capsys.readouterr().err
