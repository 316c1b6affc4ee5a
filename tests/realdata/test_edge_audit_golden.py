"""The documents' own golden case of the edge audit, value for value."""

import json
from pathlib import Path

import pytest

from framework.cli.main import main
from tests.realdata import realdata

pytestmark = pytest.mark.realdata


def test_the_golden_case_is_reproduced_to_the_last_digit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = realdata("golden")
    monkeypatch.setenv("MM_FREEZE_UTC_ISO", "1970-01-01T00:00:00Z")
    words = ["edge", "audit", "--out", f"{tmp_path}/out.json"]
    words += [
        "--trades",
        f"{golden}/edge_trades_case1.jsonl",
        "--quotes",
        f"{golden}/edge_quotes_case1.jsonl",
    ]
    assert main(words) == 0
    written, expected = (tmp_path / "out.json").read_text(), (golden / "EDGE_REPORT_case1.json").read_text()
    assert json.loads(written) == json.loads(expected)
    assert written.strip() == expected.strip()
