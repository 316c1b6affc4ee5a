"""JSON lines: what a window writes is read back, and what cannot be read names file, line and field."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from framework.edge.errors import EdgeInputError
from framework.edge.rows import audit_rows, read_audit, read_quotes, read_trades, trade_rows
from framework.files.errors import FileError
from framework.quoting.records import BLOCK, CANCEL_QUOTE, PLACE, REJECT
from tests.edge.builders import fill, window

GOOD = {
    "symbol": "X",
    "ts_ms": 1,
    "side": "B",
    "price": 1.0,
    "qty": 2.0,
    "mid_before": 1.0,
    "mid_after_1s": 1.1,
}


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows))
    return path


def test_fills_of_a_window_are_read_back_as_they_were(tmp_path: Path) -> None:
    w = window(
        [
            fill(10, +1, 99.0, 2.0, m0=100.0, m=99.5, m_1s=99.2, fee_quote=0.198),
            fill(3599.9, -1, 99.0, 1.0, m0=98.0, m=98.5, fee_quote=-0.0099),
        ],
        closing_mid=98.5,
    )
    rows = list(trade_rows(symbol=w.symbol, fills=w.fills, config_shas=["a", "b"]))
    assert [row["config_sha"] for row in rows] == ["a", "a"]
    assert [row["route"] for row in rows] == ["real", "real"]
    bought, sold = read_trades(lines(tmp_path / "t.jsonl", *rows))
    assert (bought.side, bought.ts_ms, bought.mid_at_quote, bought.mid_after_1s) == (1, 10_000, 100.0, 99.2)
    assert bought.fee_bps == pytest.approx(10.0)
    assert (sold.side, sold.mid_after_1s) == (-1, None)
    assert sold.fee_bps == pytest.approx(-1.0)


def test_audit_events_of_a_window_are_read_back_as_they_were(tmp_path: Path) -> None:
    events = [
        {"action": PLACE, "side": 1},
        {"action": CANCEL_QUOTE, "side": -1, "off_target_age_ns": 5_000_000},
        {"action": BLOCK, "reason": 3, "count": 7},
    ]
    w = window(audit=events)
    rows = audit_rows(symbol=w.symbol, audit=w.audit)
    place, cancel, block = read_audit(lines(tmp_path / "a.jsonl", *rows))
    assert (place.action, place.blocked_reason, place.off_target_age_ms) == ("PLACE", None, None)
    assert cancel.off_target_age_ms == 5.0
    assert (block.blocked_reason, block.count) == ("concurrency", 7)


def test_audit_events_say_in_a_word_why_a_quote_went_or_was_refused() -> None:
    events = [{"action": CANCEL_QUOTE, "reason": 9}, {"action": REJECT, "reason": 1}, {"action": PLACE}]
    w = window(audit=events)
    details = [row["detail"] for row in audit_rows(symbol=w.symbol, audit=w.audit)]
    assert details == ["impact", "would_take", None]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("{", "is not JSON"),
        ("[1]", "is a JSON list; allowed an object"),
        ('{"price": NaN}', "NaN is not a JSON number"),
        ('{"price": 1e999}', "1e999 is not a JSON number"),
        ("[" * 100_000, "is not JSON"),
        (GOOD | {"side": "?"}, "side is '\\?'; allowed B or S"),
        (GOOD | {"price": 0.0}, "must be positive"),
        (GOOD | {"qty": -1.0}, "must be positive"),
        (GOOD | {"qty": "1"}, "qty is '1'; allowed a finite number"),
        (GOOD | {"qty": 10**400}, "qty is too large"),
        (GOOD | {"fee_bps": True}, "fee_bps is True"),
        (GOOD | {"symbol": ""}, "symbol is ''; allowed a name"),
        (GOOD | {"ts_ms": "now"}, "ts_ms is 'now'"),
        ({k: v for k, v in GOOD.items() if k != "mid_before"}, "mid_before is missing"),
    ],
)
def test_a_bad_line_is_refused_with_its_place(tmp_path: Path, bad: object, says: str) -> None:
    with pytest.raises(EdgeInputError, match=f"t.jsonl:3: .*{says}"):
        read_trades(lines(tmp_path / "t.jsonl", GOOD, "", bad))


def test_unknown_actions_and_reasons_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(EdgeInputError, match=r"a.jsonl:1: action is 'CANCELL'.*did you mean CANCEL\?"):
        read_audit(lines(tmp_path / "a.jsonl", {"action": "CANCELL"}))
    with pytest.raises(EdgeInputError, match=r"blocked_reason is 'riks'; allowed risk, min_interval"):
        read_audit(lines(tmp_path / "a.jsonl", {"action": "BLOCK", "blocked_reason": "riks"}))
    with pytest.raises(EdgeInputError, match="count is -1"):
        read_audit(lines(tmp_path / "a.jsonl", {"action": "BLOCK", "blocked_reason": "risk", "count": -1}))


def test_a_missing_or_binary_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nowhere\.jsonl: cannot read"):
        read_quotes(tmp_path / "nowhere.jsonl")
    (tmp_path / "b.jsonl").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="is not UTF-8"):
        read_quotes(tmp_path / "b.jsonl")


def test_reading_rows_loads_no_compiler() -> None:
    code = "import sys, framework.edge.rows; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
