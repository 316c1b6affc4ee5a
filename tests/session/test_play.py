"""The one play loop: who chooses the package, what is judged, and what is told of an earlier halt."""

from __future__ import annotations

import pytest

from framework.compiled.records import interpreted
from framework.session.judge import Judge, make_judge
from framework.session.play import play
from framework.session.replay import SoakReplay, package_of
from framework.session.tuners import Planned, Ran, RuleTuner, Untuned, tuning_rules
from framework.session.window import ReplayWindow, open_window
from framework.settings.compose import compose_run
from framework.settings.schema.run import RunSettings
from framework.tuning.params import Field, TuningParams
from tests.command import REPOSITORY
from tests.runtimes import a_runtime

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

WORDS = ("market.preset=thin_spot", "soak.hours=0.15", "soak.iterations=3")


@pytest.fixture(scope="module")
def settings() -> RunSettings:
    return compose_run(words=WORDS, root=REPOSITORY, environ={}).settings


@pytest.fixture(scope="module")
def market(settings: RunSettings) -> ReplayWindow:
    return open_window(settings=settings)


@pytest.fixture(scope="module")
def judge(settings: RunSettings) -> Judge:
    return make_judge(settings=settings, root=REPOSITORY, runtime=a_runtime())


class Widening:
    """A tuner that widens before each iteration and remembers what it learned from."""

    def __init__(self) -> None:
        self.learned: list[Ran] = []

    def package(self, number: int, now: TuningParams) -> TuningParams:
        return now.with_value(Field.SPREAD, 0.1 * number)

    def learn(self, ran: Ran) -> None:
        self.learned.append(ran)


def test_an_iteration_is_played_when_it_is_asked_for(settings: RunSettings, market: ReplayWindow) -> None:
    replay = SoakReplay(settings=settings, market=market)
    played = play(replay)
    assert next(played).number == 1
    assert replay.done == 1
    assert [iteration.number for iteration in play(replay)] == [2, 3]


def test_without_a_judge_nothing_is_judged(settings: RunSettings, market: ReplayWindow) -> None:
    first = next(play(SoakReplay(settings=settings, market=market)))
    assert not first.report
    assert first.gate is None
    assert first.decision is None
    assert first.window.end_ns == market.boundaries[1]


def test_a_plan_is_traded_as_it_stands(settings: RunSettings, market: ReplayWindow) -> None:
    start = package_of(settings)
    plan = [start.with_value(Field.SPREAD, value) for value in (0.2, 0.5, 0.3)]
    played = play(SoakReplay(settings=settings, market=market), tuner=Planned(plan))
    assert [iteration.package for iteration in played] == plan


def test_a_tuner_learns_from_what_ran(settings: RunSettings, market: ReplayWindow, judge: Judge) -> None:
    tuner = Widening()
    played = list(play(SoakReplay(settings=settings, market=market), judge, tuner))
    assert [ran.package for ran in tuner.learned] == [iteration.package for iteration in played]
    assert [ran.package.base_spread_bps_delta for ran in tuner.learned] == pytest.approx([0.1, 0.2, 0.3])
    assert [ran.report for ran in tuner.learned] == [iteration.report for iteration in played]


def test_the_rules_decide_after_every_iteration(
    settings: RunSettings, market: ReplayWindow, judge: Judge
) -> None:
    tuner = RuleTuner(tuning_rules(settings, judge), wall_clock=False)
    played = list(play(SoakReplay(settings=settings, market=market), judge, tuner))
    ordered = [iteration.decision.new_params for iteration in played if iteration.decision is not None]
    assert len(ordered) == 3
    assert [iteration.package for iteration in played[1:]] == ordered[:-1]


def test_every_share_of_every_iteration_is_told(settings: RunSettings, market: ReplayWindow) -> None:
    told: list[tuple[int, float]] = []
    replay = SoakReplay(settings=settings, market=market)
    list(play(replay, tuner=Untuned(), moved=lambda number, share: told.append((number, share))))
    assert told == sorted(told)
    assert (told[0], told[-1]) == ((1, 0.0), (3, 1.0))


def test_an_iteration_after_the_loss_halt_says_so() -> None:
    words = ("soak.hours=0.3", "soak.iterations=3", "guards.loss_halt_usd=0.2")
    halting = compose_run(words=words, root=REPOSITORY, environ={}).settings
    market = open_window(settings=halting)
    judge = make_judge(settings=halting, root=REPOSITORY, runtime=a_runtime())
    played = play(SoakReplay(settings=halting, market=market), judge)
    said = [iteration.gate.sentence for iteration in played if iteration.gate is not None]
    first = next(k for k, sentence in enumerate(said, start=1) if "by the loss halt" in sentence)
    assert all(f"no quoting since the loss halt in iteration {first}" in line for line in said[first:])
    assert len(said[first:]) > 0
