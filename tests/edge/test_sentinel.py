"""The sentinel: losses ranked by money, named by component, and gains left alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from framework.cli.main import main
from framework.edge.rows import TradeRow
from framework.edge.sentinel import ADVICE, COMPONENTS, NO_LOSS, Contribution, watch

QUARTER = 15 * 60_000


def trade(symbol: str = "A", ts_ms: int = 0, side: int = 1, **more: object) -> TradeRow:
    row = {
        "price": 100.0,
        "qty": 1.0,
        "mid_before": 100.0,
        "mid_after_1s": 100.0,
        "fee_bps": 0.0,
        "mid_at_quote": None,
    }
    return TradeRow(symbol=symbol, ts_ms=ts_ms, side=side, **(row | more))  # type: ignore[arg-type]


LOSSES: dict[str, dict[str, Any]] = {
    "gross": {"mid_at_quote": 99.0, "mid_before": 99.0, "mid_after_1s": 99.0},
    "slippage": {"mid_at_quote": 100.0, "mid_before": 99.0, "mid_after_1s": 99.0},
    "fees_eff": {"fee_bps": 100.0},
    "adverse_1s": {"mid_after_1s": 99.0},
}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_loss_is_named_by_its_component_and_answered_with_its_advice(component: str) -> None:
    (row,) = watch(trades=[trade(**LOSSES[component])]).symbols
    assert row.driver == component
    assert row.advice == ADVICE[component]
    assert row.edge_quote == pytest.approx(-1.0)
    assert row.edge_bps == pytest.approx(-100.0)


def test_buckets_of_a_quarter_of_an_hour_are_ranked_by_money_worst_first() -> None:
    trades = [
        trade("A", QUARTER - 1, fee_bps=10.0),
        trade("A", QUARTER, fee_bps=30.0),
        trade("B", 5, fee_bps=20.0),
    ]
    found = watch(trades=trades).buckets
    assert [(r.symbol, r.start_ms) for r in found] == [("A", QUARTER), ("B", 0), ("A", 0)]
    assert [r.symbol for r in watch(trades=trades).symbols] == ["A", "B"]


def test_at_most_the_worst_five_are_listed_and_only_losers() -> None:
    trades = [trade(f"L{i}", fee_bps=float(i + 1)) for i in range(7)] + [trade("W", fee_bps=-50.0)]
    found = watch(trades=trades)
    assert [r.symbol for r in found.symbols] == ["L6", "L5", "L4", "L3", "L2"]
    assert len(watch(trades=trades, worst=2).buckets) == 2
    assert all(row.symbol != "W" for row in found.contributors["fees_eff"])


def test_contributors_tell_which_buckets_lost_by_a_component_even_when_they_earned_in_all() -> None:
    winner = trade("A", side=-1, price=110.0, mid_after_1s=101.0)
    found = watch(trades=[winner])
    assert found.buckets == ()
    assert found.contributors["gross"] == ()
    assert found.contributors["adverse_1s"] == (Contribution("A", 0, -1.0),)


def test_nothing_lost_and_nothing_traded_are_said_apart() -> None:
    assert watch(trades=[trade(price=99.0)]).advice == NO_LOSS
    assert watch(trades=[]).advice == "no fills: nothing to advise on"


def test_a_fill_past_the_end_is_counted_and_has_no_adverse_cost() -> None:
    (row,) = watch(trades=[trade(mid_after_1s=None, fee_bps=1.0)]).buckets
    assert row.past_end == 1
    assert row.components["adverse_1s"] == 0.0


def test_the_command_prints_the_worst_and_writes_the_ranking(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {
        "symbol": "A",
        "ts_ms": 0,
        "side": "B",
        "price": 100,
        "qty": 1,
        "mid_before": 100,
        "mid_after_1s": 99,
    }
    (tmp_path / "t").write_text(json.dumps(row))
    assert main(["edge", "sentinel", "--trades", f"{tmp_path}/t", "--out-json", f"{tmp_path}/o"]) == 0
    shown = capsys.readouterr().out
    assert "symbol A " in shown
    assert "bucket A 1970-01-01 00:00" in shown
    assert ADVICE["adverse_1s"] in shown
    assert json.loads((tmp_path / "o").read_text())["fills"] == 1
    assert main(["edge", "sentinel", "--trades", f"{tmp_path}/t", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["buckets"][0]["driver"] == "adverse_1s"


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "many"])
def test_the_command_refuses_a_bucket_that_is_no_length(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edge", "sentinel", "--trades", "t", "--bucket-min", value]) == 2
    error = capsys.readouterr().err
    assert "allowed whole numbers" in error or value == "-5"
    assert error.count("\n") == 1
