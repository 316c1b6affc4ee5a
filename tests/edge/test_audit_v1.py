"""The documents' convention on a case worked out by hand, and the command around it."""

import json
from dataclasses import astuple
from pathlib import Path

import pytest

from framework.cli.main import main
from framework.edge.audit_v1 import AuditReport, audit
from framework.edge.rows import QuoteRow, TradeRow


def trade(side: int, price: float, qty: float, ts_ms: int = 1000, **more: object) -> TradeRow:
    row = {
        "symbol": "A",
        "mid_before": 100.0,
        "mid_after_1s": 100.0,
        "fee_bps": 0.0,
        "mid_at_quote": None,
    } | more
    return TradeRow(side=side, price=price, qty=qty, ts_ms=ts_ms, **row)  # type: ignore[arg-type]


def quote(ts_ms: int, bid: float, ask: float, symbol: str = "A") -> QuoteRow:
    return QuoteRow(symbol=symbol, ts_ms=ts_ms, best_bid=bid, best_ask=ask)


def run(trades: list[TradeRow], quotes: list[QuoteRow]) -> AuditReport:
    return audit(trades=trades, quotes=quotes, utc="then")


def test_every_component_of_a_hand_worked_case() -> None:
    got = run(
        [
            trade(1, 99.0, 2.0, mid_after_1s=100.5, fee_bps=1.0),
            trade(-1, 102.0, 1.0, mid_after_1s=101.0, fee_bps=-3.0),
        ],
        [quote(0, 98.0, 100.0)],
    ).symbols["A"]
    assert got.gross_bps == pytest.approx((-100.0 - 200.0) / 2)  # a buy below the mid is negative here
    assert got.fees_eff_bps == pytest.approx(-2.0)  # a rebate counts as a cost here
    assert got.adverse_bps == pytest.approx((50.0 - 100.0) / 2)
    assert got.slippage_bps == pytest.approx((-1 / 100 - 4 / 98) * 1e4 / 2)
    assert got.inventory_bps == pytest.approx(-(0.5 / 150.0))  # a bare ratio, not in 1e4
    assert got.net_bps == pytest.approx(-150.0 - 2.0 + got.slippage_bps - 0.5 / 150.0)
    assert (got.fills, got.turnover_usd) == (2.0, 300.0)


def test_slippage_looks_at_the_latest_quote_at_or_before_the_fill() -> None:
    quotes = [quote(1001, 1.0, 1.0), quote(1000, 50.0, 200.0), quote(1000, 99.0, 101.0), quote(999, 5.0, 5.0)]
    got = run([trade(1, 102.0, 1.0)], quotes).symbols["A"]
    assert got.slippage_bps == pytest.approx((102.0 - 101.0) / 101.0 * 1e4)


@pytest.mark.parametrize(
    "quotes", [[], [quote(1001, 99.0, 101.0)], [quote(0, 0.0, 0.0)], [quote(0, 9.0, 9.0, "B")]]
)
def test_slippage_is_zero_without_a_usable_reference(quotes: list[QuoteRow]) -> None:
    assert run([trade(1, 102.0, 1.0)], quotes).symbols["A"].slippage_bps == 0.0


def test_a_trade_without_a_positive_mid_is_skipped_and_an_unknown_second_counts_zero() -> None:
    got = run([trade(1, 100.0, 1.0, mid_before=0.0), trade(1, 100.0, 1.0, mid_after_1s=None)], []).symbols[
        "A"
    ]
    assert (got.fills, got.adverse_bps) == (1.0, 0.0)


def test_the_total_is_the_unweighted_mean_of_symbols_with_fills_summed() -> None:
    trades = [trade(1, 101.0, 1.0), trade(1, 101.0, 1.0), trade(1, 103.0, 9.0, symbol="B")]
    total = run(trades, []).total
    assert total.gross_bps == pytest.approx((100.0 + 300.0) / 2)
    assert (total.fills, total.turnover_usd) == (3.0, 202.0 + 927.0)


def test_no_trades_make_no_symbols_and_a_zero_total() -> None:
    got = run([], [])
    assert got.symbols == {}
    assert set(astuple(got.total)) == {0.0}


def test_the_text_has_sorted_keys_six_decimals_and_no_spaces() -> None:
    text = run([trade(1, 100.0, 1.0)], []).text()
    assert text.startswith(
        '{"runtime":{"utc":"then","version":"0.1.0"},"symbols":{"A":{"adverse_bps":0.000000,'
    )
    assert '"fills":1.000000' in text
    assert "-0.000000" not in text
    assert text.endswith("}}\n")
    assert " " not in text


def command(at: Path) -> list[str]:
    return ["edge", "audit", "--trades", f"{at}/t", "--quotes", f"{at}/q", "--out", f"{at}/o"]


def test_the_command_writes_the_report_with_the_frozen_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MM_FREEZE_UTC_ISO", "1970-01-01T00:00:00Z")
    row = {
        "symbol": "A",
        "ts_ms": 5,
        "side": "BUY",
        "price": 101,
        "qty": 1,
        "mid_before": 100,
        "mid_after_1s": 100,
    }
    (tmp_path / "t").write_text(json.dumps(row) + "\n")
    (tmp_path / "q").write_text("\n")
    assert main(command(tmp_path)) == 0
    report = json.loads((tmp_path / "o").read_text())
    assert report["runtime"]["utc"] == "1970-01-01T00:00:00Z"
    assert report["total"]["gross_bps"] == 100.0
    assert "| edge_audit | OK | FILLS=1" in capsys.readouterr().out


def test_the_command_refuses_a_missing_file_and_a_corrupt_line_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t").write_text("{oops\n")
    assert main(command(tmp_path)) == 2
    assert "t:1: is not JSON" in capsys.readouterr().err
    (tmp_path / "t").write_text("")
    assert main(command(tmp_path)) == 2
    shown = capsys.readouterr().err
    assert "q: cannot read" in shown
    assert shown.count("\n") == 1
    assert not (tmp_path / "o").exists()
