"""What chooses the package of each iteration: nothing, a plan, or the tuner's rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from framework.edge.section import EdgeReport
from framework.gates.gate import Gate
from framework.session.beside_git import follows
from framework.session.judge import Judge
from framework.settings.schema.run import RunSettings
from framework.tuning.load import rules_from_mapping
from framework.tuning.params import TuningParams
from framework.tuning.rules import TuningRules
from framework.tuning.state import TunerState, rebase, start_state
from framework.tuning.step import TuningDecision, step
from framework.tuning.totals import input_from_totals
from framework.tuning.turn import Turn

Patched = Sequence[dict[str, float]]
"""Tuned parameters that patches have set during an iteration, in their order."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """An iteration as a tuner sees it: its number (from 1), what ran, its report and gate, its patches, and
    whether it was the last.
    """

    number: int
    package: TuningParams
    report: EdgeReport
    gate: Gate
    patched: Patched = ()
    last: bool = False


class Tuner(Protocol):
    """Choose packages: one before each iteration, perhaps learning from each."""

    def package(self, number: int, now: TuningParams) -> TuningParams:
        """Give the package of an iteration (from 1); ``now`` is the one in force."""
        ...

    def learn(self, ran: Ran) -> TuningDecision | None:
        """Say what follows from an iteration; None when nothing is learned."""
        ...


class Untuned:
    """Keep what is in force, patches included."""

    def package(self, number: int, now: TuningParams) -> TuningParams:
        """Give what is in force."""
        return now

    def learn(self, ran: Ran) -> None:
        """Learn nothing."""


@dataclass(frozen=True)
class Planned:
    """Take one package after the other."""

    packages: Sequence[TuningParams]

    def package(self, number: int, now: TuningParams) -> TuningParams:
        """Give the plan's."""
        return self.packages[number - 1]

    def learn(self, ran: Ran) -> None:
        """Learn nothing."""


@dataclass
class RuleTuner:
    """Tune by the rule table."""

    rules: TuningRules
    wall_clock: bool
    _state: TunerState | None = field(default=None, init=False)
    _next: TuningParams | None = field(default=None, init=False)

    def package(self, number: int, now: TuningParams) -> TuningParams:
        """Give the last decision's, at first what is in force."""
        if self._state is None or self._next is None:
            self._state, self._next = start_state(params=now), now
        return self._next

    def learn(self, ran: Ran) -> TuningDecision:
        """Decide the next package; what a patch has set is a new start, not a change nobody ordered."""
        state = self._state
        assert state is not None
        for values in ran.patched:
            state, _ = rebase(state=state, patch=values, bounds=self.rules.bounds)
        measured = input_from_totals(
            totals=ran.report.totals,
            unit=self.rules.unit,
            verdict=ran.gate.verdict,
            wall_clock=self.wall_clock,
        )
        turn = Turn(self.rules, state, ran.package, iteration=ran.number, last=ran.last)
        decision = step(turn, measured)
        self._state, self._next = decision.state, decision.new_params
        return decision


def tuning_rules(settings: RunSettings, judge: Judge) -> TuningRules:
    """Read conf/tuning's table as the tuner's rules, in the units of the deciding KPI profile."""
    table = settings.tuning.model_dump()["table"]
    return rules_from_mapping(table, profile=judge.profiles.deciding.name, warm_up=settings.soak.warm_up)


def make_tuner(*, settings: RunSettings, judge: Judge) -> RuleTuner | None:
    """Make the tuner of a run; None when nothing is tuned."""
    if why_untuned(settings) is not None:
        return None
    return RuleTuner(tuning_rules(settings, judge), wall_clock=judge.wall_clock)


def why_untuned(settings: RunSettings) -> str | None:
    """Say why nothing is tuned, None when something is."""
    if settings.rollout.mode != "disabled":
        return (
            f"rollout is {settings.rollout.mode}: what is tried stays what it is, or nothing is learnt of it"
        )
    if follows(settings):
        return f"the bot follows {settings.soak.environment}: git alone changes its values"
    if not settings.soak.auto_tune:
        return "soak.auto_tune is false"
    return None if settings.tuning.enabled else "tuning is off"
