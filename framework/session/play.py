"""The one play loop: a package, an iteration of the market, its report and verdict, what the tuner learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from framework.edge.section import EdgeReport
from framework.edge.window import WindowData
from framework.gates.gate import Gate
from framework.rollout.route import CANARY
from framework.session.halts import loss_halted
from framework.session.judge import Judge
from framework.session.portfolio import Playable
from framework.session.replay import SoakReplay
from framework.session.routes import route_split
from framework.session.tuners import Ran, Tuner, Untuned
from framework.tuning.params import TuningParams
from framework.tuning.step import TuningDecision

Moved = Callable[[int, float], None]
"""Gets the iteration (from 1) and the share of it that is played."""


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """What one iteration (from 1) left, a window a symbol; without a judge there is neither report nor gate.

    ``package`` is what the engine ran, read back from it; of the candidate, in a canary.
    """

    number: int
    windows: tuple[WindowData, ...]
    package: TuningParams
    report: EdgeReport | None
    gate: Gate | None
    decision: TuningDecision | None

    @property
    def window(self) -> WindowData:
        """Return the window of the first symbol, or of the only one."""
        return self.windows[0]


def play(
    replay: Playable,
    judge: Judge | None = None,
    tuner: Tuner | None = None,
    *,
    moved: Moved = lambda _number, _share: None,
) -> Iterator[Iteration]:
    """Play every iteration that is left, each once it is asked for; a tuner that learns needs a judge."""
    tuner = tuner or Untuned()
    halted: int | None = None
    while replay.left():
        number = replay.done + 1
        moved(number, 0.0)
        package = tuner.package(number, replay.package)
        windows = replay.windows(package, moved=partial(moved, number))
        patched, ran = replay.live.rebased(), replay.package_tried()
        report: EdgeReport | None = None
        gate: Gate | None = None
        decision: TuningDecision | None = None
        if judge is not None:
            report = judge.report(*windows)
            gate = _since_halt(judge.gate(report, *windows), halted)
            halted = halted or (number if loss_halted(gate) else None)
            last = number == replay.market.iterations
            decision = tuner.learn(
                Ran(number=number, package=ran, report=report, gate=gate, patched=patched, last=last)
            )
        yield Iteration(
            number=number, windows=windows, package=ran, report=report, gate=gate, decision=decision
        )


def weigh(replay: Playable, judge: Judge) -> tuple[tuple[WindowData, ...], EdgeReport, Gate]:
    """Report and judge everything played; of one symbol, the routes apart where a canary was split off."""
    wholes = replay.wholes()
    report = judge.report(*wholes)
    if len(wholes) == 1:
        report = with_routes(report, replay.each()[0], wholes[0])
    return wholes, report, judge.gate(report, *wholes)


def with_routes(report: EdgeReport, replay: SoakReplay, whole: WindowData) -> EdgeReport:
    """Add to a symbol's report its routes apart, where a canary was split off."""
    versions = replay.timeline.versions
    if all(version.route != CANARY for version in versions):
        return report
    split = route_split(
        window=whole,
        versions=versions,
        end_ns=whole.end_ns,
        guard=replay.settings.rollout_guard,
        reloads=replay.live.log,
    )
    return replace(report, routes=split)


def _since_halt(gate: Gate, halted: int | None) -> Gate:
    """Say in an iteration's sentence that an earlier one ended all quoting."""
    if halted is None:
        return gate
    return replace(gate, sentence=f"{gate.sentence}; no quoting since the loss halt in iteration {halted}")
