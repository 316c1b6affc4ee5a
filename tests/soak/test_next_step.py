"""What a sweep says to do next: a value and a command from its own rows, to be typed as it stands."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest

from framework.gates.comparison import Answer
from framework.gates.verdict import Verdict
from framework.session.ticks import narrow_knob
from framework.settings.compose import compose_run
from framework.soak.advice import next_line
from framework.soak.result import SoakResult
from framework.soak.sweep.next_step import next_step
from framework.soak.sweep.row import Measured, SweepRow
from framework.soak.sweep.table import Sweep, label_of, summary
from framework.soak.sweep.text import sweep_markdown
from tests.gates.test_comparison import compared, side
from tests.realdata import ROOT
from tests.soak.page_cases import random_fills, result
from tests.soak.sweep_cases import beside

WIDTH = "strategy.base_half_spread_bps"
DELTA = "params.base_spread_bps_delta"


def swept(
    words: tuple[str, ...], *values: dict[str, Any], fills: int = 300, tick: float = 0.02, **found: Any
) -> Sweep:
    """Give a sweep whose first cell leads."""
    rows = [
        SweepRow(
            cell=n,
            label=label_of(one),
            values=one,
            measured=Measured(
                verdict="FAIL",
                net_bps=-1.25 - n,
                net_bps_lower=-2.0,
                net_bps_upper=1.0,
                markout_net_30s_bps=0.375,
                markout_net_30s_se_bps=0.2,
                markout_blocks=40.0,
                fills=fills,
                turnover_quote=1e5 + n,
                quote="USDT",
                tick_bps=tick,
            ),
            tape=("ab" * 32, 0, 10**15),
        )
        for n, one in enumerate(values)
    ]
    against = {n: beside(20.0 - n, **found) for n in range(len(values))}
    return summary(rows=rows, planned=len(rows), words=words, complete=True, against=against, present="it")


def said(sweep: Sweep) -> str:
    step = next_step(sweep, folder="artifacts/runs/soak/x", root=ROOT)
    assert step is not None
    assert "NAME" not in step
    return step


def composes(step: str) -> list[str]:
    """Return the words of a step's command, which compose as they stand."""
    name, verb, *words = shlex.split(step.rpartition("try: ")[2])
    assert (name, verb) == ("quoteops", "soak")
    plain = [word for word in words if word != "-m"]
    compose_run(
        root=ROOT,
        words=[f"{w.partition('=')[0]}={w.partition('=')[2].split(',')[0]}" for w in plain],
        environ={},
    )
    return words


def test_what_is_proven_beside_an_environment_is_proposed_to_it() -> None:
    sweep = swept(("soak.environment=thin", f"{WIDTH}=4.5,6"), {WIDTH: 4.5}, {WIDTH: 6.0})
    propose = "quoteops gitops propose --environment thin --from artifacts/runs/soak/x"
    assert said(sweep) == f"try: {propose}"


def test_what_is_proven_beside_conf_is_proposed_where_just_that_runs() -> None:
    assert said(swept((f"{WIDTH}=1,2",), {WIDTH: 1.0}, {WIDTH: 2.0})).startswith(
        "try: quoteops gitops propose --environment sandbox "
    )


def test_what_is_proven_beside_conf_is_compared_first_with_what_an_environment_of_its_market_runs() -> None:
    words = ("market.preset=thin_spot", "soak.hours=48", f"{WIDTH}=4.5,6")
    step = said(swept(words, {WIDTH: 4.5}, {WIDTH: 6.0}))
    assert step.startswith("not yet compared with what thin runs; try: quoteops soak -m ")
    assert composes(step) == ["-m", *words, "soak.environment=thin"]


def test_at_a_fee_that_no_environment_has_nothing_is_proposed() -> None:
    words = ("exchange.maker_fee_bps=3", f"{WIDTH}=1,2")
    step = said(swept(words, {WIDTH: 1.0}, {WIDTH: 2.0}))
    assert step == "no file of gitops/environments/ trades this market at this venue and fee: write one first"


def open_still(hours: float) -> dict[str, Any]:
    return {"bar": -1.0, "hours_needed": hours}


def test_what_is_not_proven_is_played_alone_for_the_hours_that_would_tell() -> None:
    words = ("soak.environment=thin", "soak.hours=24", f"{WIDTH}=4.5,6")
    step = said(swept(words, {WIDTH: 4.5}, {WIDTH: 6.0}, **open_still(61.2)))
    assert composes(step) == ["soak.environment=thin", f"{WIDTH}=4.5", "soak.hours=62"]


@pytest.mark.parametrize("hours", ["soak.hours=tape", "soak.hours=20"])
def test_a_recording_is_not_asked_for_hours_that_it_has_not(hours: str) -> None:
    words = ("market=tape", "market.path=tapes/nexo", hours, f"{WIDTH}=5,10")
    step = said(swept(words, {WIDTH: 5.0}, {WIDTH: 10.0}, **open_still(61.2)))
    assert "soak.hours=62" not in step
    if hours == "soak.hours=tape":
        assert step.endswith(
            "there is no more of this one: import more of it first: quoteops tape import --help"
        )
    else:
        assert composes(step)[-1] == "soak.hours=tape"


def test_hours_that_nobody_waits_for_are_no_command() -> None:
    step = said(swept((f"{WIDTH}=1,2",), {WIDTH: 1.0}, {WIDTH: 2.0}, **open_still(5_000.0)))
    assert step == "about 5,000 h of such tape would tell, more than anybody waits for: try larger changes"


def test_a_knob_that_a_coarse_tick_cannot_hear_names_those_that_answer_in_bps_and_ticks() -> None:
    words = ("market.preset=thin_spot", f"{DELTA}=0.3,0.6")
    step = said(swept(words, {DELTA: 0.3}, {DELTA: 0.6}, tick=8.0, answer=Answer.NO_EFFECT, bar=0.0))
    assert step.startswith(
        "base_spread_bps_delta ends at 0.6 bps, 0.075 ticks: strategy.base_half_spread_bps and"
        " profile.spread_multiplier answer; try: "
    )
    assert composes(step) == ["-m", "market.preset=thin_spot", f"{WIDTH}=4.5,8.5"]


@pytest.mark.parametrize(
    ("tick", "told"), [(0.0, False), (0.02, False), (5.9, False), (6.1, True), (8.0, True)]
)
def test_the_narrow_knob_is_named_below_a_tenth_of_a_tick(tick: float, told: bool) -> None:
    assert bool(narrow_knob(tick)) is told


@pytest.mark.parametrize("answer", [Answer.WORSE, Answer.TOO_QUIET])
def test_beyond_what_works_the_value_halfway_to_what_runs_is_next(answer: Answer) -> None:
    words = ("soak.environment=thin", f"{WIDTH}=9,15")
    step = said(swept(words, {WIDTH: 9.0}, {WIDTH: 15.0}, answer=answer, bar=-5.0))
    assert step.startswith("halfway between what runs (3.0) and the leader; try: ")
    assert composes(step) == ["soak.environment=thin", f"{WIDTH}=6"]


def test_few_fills_headline_no_figure_in_bps() -> None:
    few = swept((f"{WIDTH}=1,2",), {WIDTH: 1.0}, {WIDTH: 2.0}, fills=29)
    row = next(line for line in sweep_markdown(few).splitlines() if line.startswith("| 1 "))
    assert row.count("| – ") >= 5
    assert "0.375" not in row
    assert "0.375" in sweep_markdown(swept((f"{WIDTH}=1,2",), {WIDTH: 1.0}, {WIDTH: 2.0}))


def proven(words: tuple[str, ...]) -> SoakResult:
    """Give a run that is better than what runs and below the KPI."""
    made = result(fills=lambda k: [{**row, "fee_quote": 0.05} for row in random_fills(k)])
    made.comparison, made.words, made.root = (
        replace(compared(side(net=0.0)), answer=Answer.BETTER),
        words,
        ROOT,
    )
    return made


def test_a_better_run_below_its_kpi_is_proposed_knowingly() -> None:
    made = proven(("soak.environment=thin",))
    assert made.verdict is Verdict.FAIL
    assert next_line(made).endswith(
        "; try: quoteops gitops propose --environment thin --from artifacts/soak --anyway"
    )


def test_a_better_run_beside_conf_is_compared_with_what_its_environment_runs() -> None:
    step = next_line(proven(("market.preset=thin_spot", f"{WIDTH}=6")))
    assert composes(step) == ["market.preset=thin_spot", f"{WIDTH}=6", "soak.environment=thin"]


def test_a_run_that_is_open_on_a_recording_is_not_asked_for_more_than_it_has() -> None:
    made = result(fills=lambda k: random_fills(k)[:8])
    made.comparison = replace(compared(side(net=0.0)), answer=Answer.INCONCLUSIVE, hours_needed=61.2)
    assert made.verdict is not Verdict.FAIL
    for hours, says in (("tape", "are recorded: import more of it first"), (20.0, "; try: quoteops soak ")):
        words = ("market=tape", "market.path=x", f"soak.hours={hours}")
        made.words, made.settings = words, compose_run(root=ROOT, words=words, environ={}).settings
        assert says in next_line(made)
        assert "soak.hours=62" not in next_line(made)
