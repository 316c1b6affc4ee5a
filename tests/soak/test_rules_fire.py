"""Every rule of the tuner fires on some market, from the replay to the row: none is a rule on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framework.compiled.records import interpreted
from framework.settings.compose import compose_run
from framework.soak.result import SoakResult
from framework.tuning.load import rules_from_mapping
from framework.tuning.rows import Reason
from tests.command import private_copy, soaked

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")


class LateClock:
    """A machine that is a fifth of a second late with everything."""

    def __init__(self) -> None:
        self.at_ns = 0

    def now_ns(self) -> int:
        self.at_ns += 1_000
        return self.at_ns

    def sleep_until(self, ns: int) -> None:
        self.at_ns = max(self.at_ns, ns) + 200_000_000


MARKETS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "liquid": (("soak.hours=0.4", "soak.iterations=4"), {}),
    "rebate, then an event": (
        ("soak.hours=3", "soak.iterations=12", "market.regime=event", "exchange.maker_fee_bps=-0.8"), {},
    ),
    "slow exchange": (
        ("soak.hours=0.4", "soak.iterations=4", "profile=conservative", "exchange.entry_ms=300",
         "exchange.response_ms=300"), {},
    ),
    "slow to update": (
        ("soak.hours=0.4", "soak.iterations=4", "market.regime=high_vol", "exchange.maker_fee_bps=-2.0",
         "exchange.entry_ms=150", "params.min_interval_ms=250", "params.base_spread_bps_delta=0.0"), {},
    ),
    "late machine": (
        ("soak.hours=0.4", "soak.iterations=2", "soak.clock=wall", "exchange.maker_fee_bps=-2.0"),
        {"clock": LateClock()},
    ),
}  # fmt: skip
FIRES = {
    "fallback_conservative": "liquid",
    "slippage_bps": "liquid",
    "adverse_bps": "liquid",
    "net_low": "liquid",
    "block_minint": "rebate, then an event",
    "execution_quality": "rebate, then an event",
    "block_concurrency": "slow exchange",
    "age_relief": "slow to update",
    "ws_lag": "late machine",
}
BY_DEFINITION = {"cancel_ratio", "multi_fail"}
"""This desk changes prices by amending, so each cancel needs a place and cancels are at most half of the
requests; the calm-down needs that fail with both others. See docs/tuning.md."""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SoakResult]:
    return {}


def run_of(market: str, played: dict[str, SoakResult], folder: Path) -> SoakResult:
    if market not in played:
        words, more = MARKETS[market]
        played[market] = soaked(private_copy(folder), *words, **more)[0]
    return played[market]


@pytest.mark.parametrize("rule", FIRES)
def test_a_rule_moves_a_parameter_on_some_market(
    rule: str, played: dict[str, SoakResult], tmp_path: Path
) -> None:
    result = run_of(FIRES[rule], played, tmp_path)
    assert [row for decision in result.decisions for row in decision.rows if row.applied and row.rule == rule]


def test_stable_iterations_freeze_what_would_move(played: dict[str, SoakResult], tmp_path: Path) -> None:
    result = run_of("rebate, then an event", played, tmp_path)
    held = [row for decision in result.decisions for row in decision.rows if row.reason is Reason.FREEZE]
    assert {str(row.field) for row in held} == {"impact_cap_ratio", "max_delta_ratio"}


def test_two_losing_components_share_the_keys_of_a_step(
    played: dict[str, SoakResult], tmp_path: Path
) -> None:
    first = run_of("liquid", played, tmp_path).decisions[0]
    assert {row.rule for row in first.rows if row.applied} >= {"slippage_bps", "adverse_bps"}


def test_no_rule_is_left_out() -> None:
    settings = compose_run(words=(), environ={}).settings
    rules = rules_from_mapping(settings.tuning.model_dump()["table"], profile="scaled", warm_up=False)
    assert {rule.name for rule in rules.every_rule()} == set(FIRES) | BY_DEFINITION


@pytest.mark.parametrize("market", MARKETS)
def test_a_cancel_takes_back_what_was_placed(
    market: str, played: dict[str, SoakResult], tmp_path: Path
) -> None:
    sent = run_of(market, played, tmp_path).totals.as_dict()["requests"]
    assert sent["cancel"] <= sent["place"]


@pytest.mark.parametrize("market", MARKETS)
def test_what_the_position_limit_holds_is_no_blocked_tick(
    market: str, played: dict[str, SoakResult], tmp_path: Path
) -> None:
    totals = run_of(market, played, tmp_path).totals.as_dict()
    limit, reasons = totals["at_position_limit"], totals["block_reasons"]
    assert limit["count"] == totals["counters"]["drops_position_limit"] > 0
    assert sum(row["ratio"] for row in reasons.values()) == pytest.approx(1.0)
    for name, row in reasons.items():
        assert row["count"] == totals["counters"][f"blocks_{name}"]
