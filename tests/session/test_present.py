"""What runs today, beside a run: its world, without what is tried."""

from __future__ import annotations

import os

import pytest

from framework.session.present import is_world, present_of, same_trading, tried_words
from framework.settings.compose import compose_run
from tests.command import REPOSITORY, environment


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("word", "world"),
    [
        ("market.preset=thin_spot", True),
        ("exchange.maker_fee_bps=2.0", True),
        ("exchange=paper", True),
        ("soak.seed=9", True),
        ("kpi.decides=audit_3h", True),
        ("soak.overrides_file=mine.yaml", False),
        ("profile=conservative", False),
        ("strategy.base_half_spread_bps=10", False),
        ("params.min_interval_ms=90", False),
        ("sizing.max_position_quotes=1", False),
    ],
)
def test_a_word_is_of_the_world_or_is_tried(word: str, world: bool) -> None:
    assert is_world(word) is world
    assert tried_words([word]) == ([] if world else [word])


def test_the_present_keeps_market_and_fee_and_leaves_out_what_is_tried() -> None:
    words = ["market.preset=thin_spot", "exchange.maker_fee_bps=2.0", "strategy.base_half_spread_bps=10"]
    composed = compose_run(words=words, root=REPOSITORY)
    present = present_of(composed)
    assert present.settings.market == composed.settings.market
    assert present.settings.exchange == composed.settings.exchange
    assert present.settings.strategy.base_half_spread_bps == 0.5
    assert not present.settings.soak.auto_tune
    assert present.named.startswith("conf/, profile S1 and runtime_overrides/soak.yaml")
    assert not same_trading(present.settings, composed.settings)


def test_a_named_environment_is_the_present() -> None:
    composed = compose_run(words=["soak.environment=production", "profile=moderate"], root=REPOSITORY)
    present = present_of(composed)
    alone = compose_run(words=["soak.environment=production"], root=REPOSITORY)
    assert present.named == "environment production as this checkout has it"
    assert same_trading(alone.settings, present.settings)
    assert not same_trading(composed.settings, present.settings)


def test_a_variable_that_changes_what_is_traded_is_tried_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_PROFILE", "conservative")
    composed = compose_run(words=[], root=REPOSITORY)
    assert not same_trading(present_of(composed).settings, composed.settings)
