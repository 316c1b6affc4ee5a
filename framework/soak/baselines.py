"""What the tuned run is worth against not tuning: other schedules of parameters on the same tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from framework.edge.section import EdgeReport, Section
from framework.session.iterations import Outside
from framework.session.judge import Judge
from framework.session.play import play
from framework.session.portfolio import make_replay
from framework.session.reload import LiveSettings
from framework.session.tuners import Planned
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.tuning.baselines import Arm, corner_arm, placebo_draws, placebo_schedule, static_arm
from framework.tuning.params import TuningParams
from framework.tuning.rules import TuningRules


@dataclass(frozen=True)
class ArmRow:
    """What one arm came to; ``same_as`` names the arm whose very packages it had."""

    arm: str
    totals: Section
    last_package: TuningParams
    same_as: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the arm as the tuning report holds it."""
        totals, twin = self.totals, {} if self.same_as is None else {"same_as": self.same_as}
        return {
            "arm": self.arm,
            "fills": totals.fills,
            "turnover_quote": totals.turnover_quote,
            "net_quote": totals.net_quote,
            "net_bps": totals.net_bps,
            "markout_net_30s_bps": totals.markout_30s.net_bps,
            "markout_net_30s_se_bps": totals.markout_30s.net_se_bps,
            "rms_inventory_quote": totals.rms_inventory_quote,
            "net_bps_interval": totals.intervals["net_bps"].as_dict(),
            "last_package": self.last_package.mapping(),
            **twin,
        }


def compare_arms(
    *,
    settings: RunSettings,
    market: ReplayWindow,
    judge: Judge,
    rules: TuningRules,
    tuned: Sequence[TuningParams],
    tuned_report: EdgeReport,
    progress: Callable[[str, float], None] = lambda _doing, _share: None,
    live: Callable[[], LiveSettings | None] = lambda: None,
) -> list[ArmRow]:
    """Replay static, corner and random-walk placebo on the tuned run's tape; give one row an arm, tuned
    first.

    Arms are never paced: under the wall clock too they replay what the run has already waited for.
    ``live`` makes, for each arm, what brings the patches that came in the run.
    """
    start = tuned[0]
    rng = np.random.Generator(np.random.PCG64([settings.soak.seed, 0xA12]))
    draws = rng.random(placebo_draws(tuned=tuned)).tolist()
    arms = [
        static_arm(start=start, iterations=len(tuned)),
        corner_arm(rules=rules, start=start, iterations=len(tuned)),
        placebo_schedule(start=start, tuned=tuned, draws=draws, bounds=rules.bounds),
    ]
    rows = [ArmRow("tuned", tuned_report.totals, tuned[-1])]
    for n, arm in enumerate(arms):
        progress(f"arm {arm.name}", n / len(arms))
        if tuple(arm.packages) == tuple(tuned):
            rows.append(replace(rows[0], arm=arm.name, same_as="tuned"))
        else:
            report, last = _played(settings, market, judge, arm, live())
            rows.append(ArmRow(arm.name, report.totals, last))
    return rows


def _played(
    settings: RunSettings, market: ReplayWindow, judge: Judge, arm: Arm, live: LiveSettings | None
) -> tuple[EdgeReport, TuningParams]:
    """Play an arm; give its report and the package it ended with."""
    replay = make_replay(settings=settings, market=market, outside=Outside(live=live))
    for _ in play(replay, tuner=Planned(arm.packages)):
        pass
    return judge.report(*replay.wholes()), replay.package
