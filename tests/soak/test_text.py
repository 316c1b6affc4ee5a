"""What a soak says about itself in words."""

import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from framework.files.moments import iso_utc_ns
from framework.gates.comparison import Answer
from framework.gates.verdict import Verdict
from framework.session.origin import origin_of
from framework.session.present import own_words
from framework.settings.compose import compose_run
from framework.soak.advice import next_line, one_move, worst_minute
from framework.soak.baselines import ArmRow
from framework.soak.reports import fees_of
from framework.soak.result import SoakResult
from framework.soak.text import (
    closing_lines,
    iteration_line,
    notices,
    opening_line,
    summary_text,
    verdict_lines,
)
from tests.command import private_copy, soaked
from tests.gates.test_comparison import compared, side
from tests.realdata import ROOT
from tests.soak.page_cases import random_fills, result


@cache
def _soaked(half_spread: float) -> SoakResult:
    root = private_copy(Path(mkdtemp()))
    words = ("market.preset=thin_spot", "soak.hours=1", "soak.iterations=2", "soak.auto_tune=false")
    return soaked(root, *words, f"strategy.base_half_spread_bps={half_spread}")[0]


def soaked_thin(*, half_spread: float) -> SoakResult:
    """Give an hour of a thin market at a half-spread, as a copy that may be changed."""
    return replace(_soaked(half_spread))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["exchange=bybit_v5"], "| exchange | SIM | a soak simulates bybit_v5; nothing is sent to it |"),
        (["signal=model"], "| signal | PROXY | no model can be loaded yet: the proxy stands in |"),
        (
            ["soak.environment=paper"],
            "| overrides | NOT FOLLOWED | a replay follows no agent; allowed soak.clock=wall |",
        ),
        ([], None),
    ],
)
def test_what_was_asked_for_and_does_not_run_is_said(words: list[str], says: str | None) -> None:
    made = result(iterations=1)
    made.settings = compose_run(root=ROOT, words=words, environ={}).settings
    assert notices(made) == ([] if says is None else [says])


def test_the_summary_shows_both_profiles_the_matrix_and_the_next_step() -> None:
    said = summary_text(result()).splitlines()
    assert any(line.startswith("profile audit_3h: ") for line in said)
    assert any(line.startswith("profile scaled (decides): ") for line in said)
    matrix = said[said.index("decision matrix:") + 1 :]
    assert len(matrix) == 4
    assert sum(line.startswith(">") for line in matrix) == 1
    assert any(line.startswith("next: ") for line in said)


def test_the_next_step_names_a_value_in_bps_and_in_ticks_and_a_command_from_the_runs_own_numbers() -> None:
    made = soaked_thin(half_spread=0.5)
    said = next_line(made)
    assert "; try: quoteops soak " in said
    if made.judged.verdict is Verdict.FAIL:
        assert " -m " in said
        assert " ticks wide; now 0.5 bps" in said
    else:
        assert "soak.hours=" in said
    assert said.count("soak.auto_tune=false") == 1


def losing() -> SoakResult:
    """Give a run whose fills lose what they are charged."""
    made = result(fills=lambda k: [{**row, "fee_quote": 0.05} for row in random_fills(k)])
    assert made.judged.verdict is Verdict.FAIL
    assert made.totals.markout_30s.net_bps is not None
    assert made.totals.markout_30s.net_bps < 0.0
    return made


def composes(command: str) -> None:
    """Fail on a command that would be refused, or that another line than this one continues."""
    name, verb, *words = shlex.split(command)
    assert (name, verb) == ("quoteops", "soak")
    lists = [word.partition("=")[2].split(",") if "[" not in word else [] for word in words]
    for nth in range(2 if "-m" in words else 1):
        cell = [
            f"{word.partition('=')[0]}={many[nth]}" if len(many) > 1 else word
            for word, many in zip(words, lists, strict=True)
            if word != "-m"
        ]
        compose_run(root=ROOT, words=cell, environ={})


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("soak.environment=thin",),
        ("soak.environment=thin", "soak.clock=wall", "soak.hours=1"),
        ("soak.environment=thin", "strategy.base_half_spread_bps=4.5"),
        ("market.symbols=[AUSDT,BUSDT]", "soak.hours=1"),
    ],
)
def test_a_command_of_advice_composes_as_it_stands(words: tuple[str, ...]) -> None:
    for made in (soaked_thin(half_spread=0.5), soaked_thin(half_spread=5.0), losing()):
        made.words = own_words(compose_run(root=ROOT, words=words, environ={}))
        assert "soak.overrides_file" not in " ".join(made.words)
        command = next_line(made).rpartition("try: ")[2]
        assert "soak.clock" not in command
        composes(command)


def test_a_run_that_is_too_quiet_is_not_sent_to_wider_quotes() -> None:
    made = losing()
    assert " -m " in next_line(made)
    made.comparison = replace(compared(side(net=0.0)), answer=Answer.TOO_QUIET)
    assert next_line(made).endswith("; no width pays here: these quotes already trade less than a gain needs")


def test_a_loss_that_one_minute_made_says_which_and_any_other_says_nothing() -> None:
    windows = soaked_thin(half_spread=0.5).wholes
    at_ns, lost = worst_minute(windows)
    assert lost < 0.0
    said = one_move(windows=windows, net_quote=lost / 0.95, quote="USDT")
    assert said is not None
    assert said.startswith(f"one move: the minute from {iso_utc_ns(at_ns)[:16].replace('T', ' ')} UTC lost ")
    assert said.endswith(" USDT, 95% of it")
    more = one_move(windows=windows, net_quote=0.5 * lost, quote="USDT")
    assert more is not None
    assert more.endswith("more than all of it")
    assert one_move(windows=windows, net_quote=3.0 * lost, quote="USDT") is None
    assert one_move(windows=windows, net_quote=5.0, quote="USDT") is None


def test_under_thirty_fills_no_bps_are_headlined() -> None:
    made = soaked_thin(half_spread=40.0)
    assert made.totals.fills < 30
    line = verdict_lines(made)[1]
    assert "fewer than 30 fills give no figure in bps" in line
    assert " USDT in " in line
    assert " bps," not in iteration_line(made, 1)
    made.arms = [ArmRow("tuned", made.totals, made.packages[0])]
    (arm,) = (line for line in closing_lines(made) if line.startswith("arm "))
    assert "bps" not in arm


def recorded(*words: str) -> SoakResult:
    made = result(iterations=1)
    composed = compose_run(root=ROOT, words=["market=tape", "market.path=x", *words], environ={})
    made.settings = composed.settings
    made.origin = origin_of(composed, home=ROOT, instrument=made.market.tape.instrument)
    return made


def test_a_recorded_market_without_a_chosen_fee_warns_and_names_what_may_be_said() -> None:
    assert notices(recorded()) == [
        "| fees | NOT CHOSEN | 0.1 bps is no tier of hand that anybody named;"
        " allowed exchange.maker_fee_bps=N |"
    ]
    assert notices(recorded("exchange.maker_fee_bps=0.1")) == []


def test_the_first_line_says_the_fee_and_who_said_it() -> None:
    assert "maker fee 0.1 bps (conf/exchange/sim.yaml, the default)" in opening_line(recorded())


def test_at_the_break_even_fee_the_same_fills_net_nothing() -> None:
    made = result()
    even, totals = made.break_even_maker_fee_bps, made.totals
    assert even is not None
    assert totals.net_bps is not None
    assert totals.maker_share_pct is not None
    assert totals.net_bps + (made.runtime.maker_fee_bps - even) * totals.maker_share_pct / 100.0 == (
        pytest.approx(0.0)
    )
    assert f"break-even maker fee {even:.2f} bps; maker fee 0.1 bps" in summary_text(made)
    assert fees_of(made)["break_even_maker_fee_bps"] == pytest.approx(even)


def test_without_fills_there_is_no_break_even_fee() -> None:
    made = result(fills=lambda k: [])
    assert made.break_even_maker_fee_bps is None
    assert "break-even maker fee unknown: fewer than 30 fills" in summary_text(made)
