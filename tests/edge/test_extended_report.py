"""``quoteops edge report``: an audit log adds what it knows to a report, and nothing it does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from framework.edge.audit_v1 import audit
from framework.edge.errors import EdgeInputError
from framework.edge.extended import extend_report
from framework.edge.report import build_edge_report
from framework.edge.rows import AuditRow, TradeRow
from framework.quoting.records import BLOCK, CANCEL_QUOTE, PLACE, REPLACE
from tests.edge.builders import fill, window

LOG = [
    AuditRow("PLACE", None, 1, None),
    AuditRow("REPLACE", None, 1, 100.0),
    AuditRow("CANCEL", None, 1, 300.0),
    AuditRow("CANCEL", None, 1, None),
    AuditRow("BLOCK", "risk", 3, None),
    AuditRow("REPLACE", "throttle", 1, 999.0),  # some writers mark the action that was blocked
    AuditRow("FILL", None, 1, None),
]


def v1(net_of: float = 99.0) -> dict[str, Any]:
    row = TradeRow("A", 1, 1, net_of, 1.0, 100.0, 100.0, 2.0, None)
    return audit(trades=[row, row], quotes=[], utc="then").as_dict()


def test_an_audit_report_gains_ratios_blocks_and_drivers_and_keeps_unknowns_null() -> None:
    got = extend_report(base=v1(), audit=LOG, where="r")["totals"]
    assert (got["cancel_ratio"], got["replace_ratio"], got["requests_per_fill"]) == (0.5, 0.25, 2.0)
    assert got["block_reasons"]["risk"] == {"count": 3, "ratio": 0.75}
    assert got["block_reasons"]["throttle"] == {"count": 1, "ratio": 0.25}
    assert got["order_age_p95_ms"] == pytest.approx(290.0)
    assert got["net_bps_total"] == got["net_bps"]
    assert got["neg_edge_drivers"] == ["gross_bps", "fees_eff_bps"]
    assert got["adverse_bps_p95"] is None
    assert got["maker_share_pct"] is None


def test_an_audit_report_that_earned_names_no_drivers() -> None:
    assert extend_report(base=v1(110.0), audit=[], where="r")["totals"]["neg_edge_drivers"] == []


def test_a_report_of_the_ledger_keeps_its_own_ages_and_gets_the_same_counts_from_its_own_log() -> None:
    events = [{"action": PLACE}, {"action": REPLACE, "off_target_age_ns": 10**8}, {"action": CANCEL_QUOTE}]
    events += [{"action": BLOCK, "reason": 2, "count": 4}]
    w = window([fill(1, +1, 100.0, 1.0, m0=100.0, m=100.0, off_target_age_ns=3 * 10**8)], audit=events)
    base = build_edge_report(windows=[w]).as_dict()
    log = [
        AuditRow("PLACE", None, 1, None),
        AuditRow("REPLACE", None, 1, 100.0),
        AuditRow("CANCEL", None, 1, None),
    ]
    log += [AuditRow("BLOCK", "min_interval", 4, None)]
    assert extend_report(base=base, audit=log, where="r") == base


def test_neither_kind_of_report_is_refused_by_name() -> None:
    with pytest.raises(EdgeInputError, match="r: has neither totals nor total"):
        extend_report(base={}, audit=[], where="r")
    with pytest.raises(EdgeInputError, match="r: total lacks gross_bps"):
        extend_report(base={"total": {"net_bps": 1.0}}, audit=[], where="r")
    with pytest.raises(EdgeInputError, match=r"r: totals\.fills is 'many'; allowed a count, or null"):
        extend_report(base={"totals": {"fills": "many"}}, audit=[], where="r")


def test_the_command_writes_the_extended_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r").write_text(json.dumps(v1()))
    (tmp_path / "a").write_text('{"action":"PLACE"}\n{"action":"CANCEL","ts_ms":3}\n')
    words = ["edge", "report", "--inputs", f"{tmp_path}/r", "--audit", f"{tmp_path}/a"]
    assert main([*words, "--out-json", f"{tmp_path}/o"]) == 0
    assert json.loads((tmp_path / "o").read_text())["totals"]["cancel_ratio"] == 0.5
    assert "| edge_report | OK | SLIPPAGE_SIGN=preserved slippage_p95=unknown |" in capsys.readouterr().out
    (tmp_path / "r").write_text("{,")
    assert main([*words, "--out-json", f"{tmp_path}/o2"]) == 2
    assert "r: is not JSON" in capsys.readouterr().err
