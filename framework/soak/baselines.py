"""What the tuned run is worth against not tuning: other schedules of parameters on the same tape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.session.judge import Judge
from framework.session.play import play
from framework.session.reload import LiveSettings
from framework.session.replay import SoakReplay
from framework.session.tuners import Planned
from framework.session.window import ReplayWindow
from framework.settings.schema.run import RunSettings
from framework.tuning.baselines import Arm, corner_arm, placebo_draws, placebo_schedule, static_arm
from framework.tuning.params import TuningParams
from framework.tuning.rules import TuningRules

SHOWN = (
    "fills",
    "turnover_quote",
    "net_quote",
    "net_bps",
    "markout_net_30s_bps",
    "markout_net_30s_se_bps",
    "rms_inventory_quote",
)


def compare_arms(
    *,
    settings: RunSettings,
    market: ReplayWindow,
    judge: Judge,
    rules: TuningRules,
    tuned: Sequence[TuningParams],
    tuned_report: dict[str, Any],
    progress: Callable[[str, float], None] = lambda _doing, _share: None,
    live: Callable[[], LiveSettings | None] = lambda: None,
) -> list[dict[str, Any]]:
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
    rows = [_row("tuned", tuned[-1], tuned_report)]
    for n, arm in enumerate(arms):
        progress(f"arm {arm.name}", n / len(arms))
        if tuple(arm.packages) == tuple(tuned):
            rows.append({**rows[0], "arm": arm.name, "same_as": "tuned"})
        else:
            report, last = _played(settings, market, judge, arm, live())
            rows.append(_row(arm.name, last, report))
    return rows


def _played(
    settings: RunSettings, market: ReplayWindow, judge: Judge, arm: Arm, live: LiveSettings | None
) -> tuple[dict[str, Any], TuningParams]:
    """Play an arm; give its report and the package it ended with."""
    replay = SoakReplay(settings=settings, market=market, live=live)
    for _ in play(replay, tuner=Planned(arm.packages)):
        pass
    return judge.report(replay.whole()), replay.package


def _row(name: str, last: TuningParams, report: dict[str, Any]) -> dict[str, Any]:
    totals = report["totals"]
    return {
        "arm": name,
        **{key: totals[key] for key in SHOWN},
        "net_bps_interval": totals["intervals"].get("net_bps"),
        "last_package": last.mapping(),
    }
