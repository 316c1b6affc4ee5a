"""A bot that follows an environment trades what git says: no variable, word or tuner beside it."""

from __future__ import annotations

from typing import Any

import pytest

from framework.session.beside_git import check_beside_git
from framework.session.errors import SoakError
from framework.session.tuners import why_untuned
from framework.settings.compose import Composed, compose_run
from tests.command import REPOSITORY

BOT = ("soak.environment=sandbox", "soak.clock=wall")
LOUD = '{"base_spread_bps_delta":0.0,"sizing.notional_cap_usd":100000000}'


def composed(*words: str, **environ: str) -> Composed:
    return compose_run(words=(*BOT, *words), root=REPOSITORY, environ=environ)


def refusal(*words: str, **environ: str) -> str:
    with pytest.raises(SoakError) as told:
        check_beside_git(composed(*words, **environ), environment="sandbox")
    return str(told.value)


@pytest.mark.parametrize("words", [(), ("soak.hours=24", "soak.seed=3", "soak=24h"), ("profile=moderate",)])
def test_what_says_how_to_run_and_what_the_environment_says_itself_is_allowed(words: tuple[str, ...]) -> None:
    own: Any = compose_run(words=BOT, root=REPOSITORY, environ={}).choices["profile"]
    words = tuple(word.replace("moderate", own) for word in words)
    check_beside_git(composed(*words), environment="sandbox")


def test_a_variable_is_refused_by_name() -> None:
    told = refusal(MM_RUNTIME_OVERRIDES_JSON=LOUD)
    assert "MM_RUNTIME_OVERRIDES_JSON sets base_spread_bps_delta, sizing.notional_cap_usd" in told
    assert "allowed a commit on its branch" in told


@pytest.mark.parametrize(
    "word",
    [
        "params.base_spread_bps_delta=0.0",
        "sizing.notional_cap_usd=1000",
        "strategy.base_half_spread_bps=3",
        "exchange.maker_fee_bps=-0.9",
        "soak.auto_tune=true",
        "soak.profile_switch=act",
        "soak.overrides_file=null",
    ],
)
def test_a_word_that_sets_what_it_trades_is_refused_whichever_way_it_moves_risk(word: str) -> None:
    assert f"command line: {word.partition('=')[0]} is set" in refusal(word)


def test_a_candidate_by_words_is_refused() -> None:
    told = refusal("rollout.candidate.base_spread_bps_delta=0.2")
    assert "command line: rollout.candidate is set" in told


def test_a_word_that_chooses_other_files_is_refused() -> None:
    own = composed().choices["profile"]
    other = "conservative" if own == "moderate" else "moderate"
    assert f"profile={other} chooses a file" in refusal(f"profile={other}")


def test_its_tuner_is_off_though_the_preset_has_one() -> None:
    assert "the bot follows sandbox: git alone" in (why_untuned(composed("soak=mini_3h").settings) or "")
    replayed = compose_run(words=("soak=mini_3h",), root=REPOSITORY, environ={}).settings
    assert why_untuned(replayed) is None
