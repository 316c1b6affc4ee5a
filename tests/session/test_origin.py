"""What a run was asked with: its command, and who chose its fee."""

from __future__ import annotations

import pytest

from framework.market.instrument import Instrument
from framework.session.origin import Origin, origin_of
from framework.settings.compose import compose_run
from tests.realdata import ROOT

PERPETUAL = Instrument(
    symbol="BTCUSDT", venue="binance", kind="linear", tick_size="0.1", lot_size="0.001", min_qty="0.001",
    min_notional="5", base="BTC", quote="USDT", funding_interval_min=480,
)  # fmt: skip


def origin(*words: str, environ: dict[str, str] | None = None) -> Origin:
    composed = compose_run(root=ROOT, words=words, environ=environ or {})
    return origin_of(composed, home=ROOT, instrument=PERPETUAL)


@pytest.mark.parametrize(
    ("words", "said", "chosen"),
    [
        ((), "conf/exchange/sim.yaml, the default", False),
        (("exchange=sim",), "conf/exchange/sim.yaml", True),
        (("exchange=bybit_linear_vip0",), "conf/exchange/bybit_linear_vip0.yaml", True),
        (("exchange.maker_fee_bps=1.5",), "exchange.maker_fee_bps=1.5", True),
        (("exchange.taker_fee_bps=1.5",), "conf/exchange/sim.yaml, the default", False),
        (("soak.environment=thin",), "conf/exchange/sim.yaml, the default", False),
    ],
)
def test_a_fee_names_who_chose_it(words: tuple[str, ...], said: str, chosen: bool) -> None:
    found = origin(*words)
    assert (found.fee_from, found.fee_chosen) == (said, chosen)


def test_the_tiers_of_the_tapes_venue_and_kind_are_offered() -> None:
    assert origin().tiers == ("binance_linear_vip0",)


@pytest.mark.parametrize("name", ["bybit_linear", "bybit_spot", "binance_linear", "binance_spot"])
def test_a_tier_differs_from_the_simulator_in_its_fees_alone(name: str) -> None:
    tier, plain = (
        compose_run(root=ROOT, words=(f"exchange={n}",), environ={}).settings.exchange.model_dump()
        for n in (f"{name}_vip0", "sim")
    )
    apart = {key for key in plain if plain[key] != tier[key]}
    assert apart <= {"maker_fee_bps", "taker_fee_bps", "fee_in_base"}
    assert tier["fee_in_base"] == name.endswith("spot")
    assert 0.0 < tier["maker_fee_bps"] <= tier["taker_fee_bps"]


def test_the_command_holds_the_words_in_one_order_and_no_folder() -> None:
    said = origin("soak.seed=3", "exchange=sim", "market.regime=event", "hydra.run.dir=/tmp/x").command
    assert said == "quoteops soak exchange=sim market.regime=event soak.seed=3"


def test_the_command_quotes_for_a_shell() -> None:
    given = origin("market=tape", "market.path=/a b/c", "soak.hours=tape").command
    assert given == "quoteops soak market=tape 'market.path=/a b/c' soak.hours=tape"


def test_the_command_names_an_environment_and_not_what_it_says() -> None:
    assert origin("soak.environment=thin", "soak.hours=1").command == (
        "quoteops soak soak.environment=thin soak.hours=1"
    )


def test_variables_that_changed_the_run_stand_before_the_command() -> None:
    environ = {
        "MM_PROFILE": "moderate",
        "SOAK_HOURS": "2",
        "MM_RUNTIME_OVERRIDES_JSON": '{"min_interval_ms": 80}',
    }
    assert origin(environ=environ).command == (
        "MM_PROFILE=moderate MM_RUNTIME_OVERRIDES_JSON='{\"min_interval_ms\":80}' SOAK_HOURS=2 quoteops soak"
    )
