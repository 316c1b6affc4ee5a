"""The rollout guard at work: whose lots count, and that a losing candidate trades no further."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import interpreted
from framework.rollout.guard import Record
from framework.rollout.route import CANARY, REAL
from framework.session.guard import RolloutWatch
from framework.session.iterations import Outside
from framework.session.judge import make_judge
from framework.session.play import weigh
from framework.session.reload import APPLIED, TAKEN_BACK, LiveSettings, Offer, Reload, Schedule
from framework.session.replay import SoakReplay
from framework.session.timeline import Version
from framework.session.window import ReplayWindow, open_window
from framework.settings.compose import Composed, compose_run
from framework.settings.overrides import parse_patch
from framework.settings.schema.run import RunSettings
from framework.units import MINUTE, SECOND
from tests.command import REPOSITORY, private_copy
from tests.runtimes import a_runtime
from tests.session.test_reload import UnevenClock

OUT = (
    "rollout=canary",
    "rollout.canary_fraction=0.5",
    "rollout.candidate.base_spread_bps_delta=0.0",
    "rollout.candidate.signal.weight_bps=3.0",
    "rollout.candidate.signal.k=5.0",
)
"""Runs after every move: of its lots it wins half as many as the baseline."""

EAGER = ("rollout_guard.min_sample=20",)
WORDS = ("soak.hours=1", "soak.iterations=2", "soak.auto_tune=false", "soak.overrides_file=null")
ROW = np.dtype(
    [("local_ts_ns", "i8"), ("params_version", "i8"), ("side", "i8"), ("qty_lots", "i8"), ("price", "f8"),
     ("fee_quote", "f8"), ("fee_base", "f8"), ("m", "f8")]
)  # fmt: skip


def composed(*words: str) -> Composed:
    return compose_run(words=(*WORDS, *words), root=REPOSITORY, environ={})


def versions(settings: RunSettings) -> list[Version]:
    """Give a version of real and one of the canary."""
    assert settings.candidate is not None
    return [Version(0, REAL, 0, settings.baseline), Version(0, CANARY, 0, settings.candidate)]


def fill(version: int, side: int, price: float, at_s: int) -> tuple[Any, ...]:
    return (at_s * SECOND, version, side, 1, price, 0.1, 0.0, price)


ROUND_TRIPS = [
    fill(0, 1, 100.0, 1), fill(1, -1, 101.0, 2),  # real opens, the canary closes: a win of real's
    fill(1, 1, 100.0, 3), fill(0, -1, 99.0, 4),  # the canary opens: a loss of its own
    fill(1, -1, 100.0, 5), fill(1, 1, 100.1, 6),  # another
]  # fmt: skip


def test_a_lot_belongs_to_the_route_that_opened_it_and_counts_once_its_fills_are_known() -> None:
    settings = composed(*OUT, *EAGER).settings
    watch, fills = RolloutWatch(lot=1.0), np.array(ROUND_TRIPS, dtype=ROW)
    assert watch.judge(fills, versions(settings), settings, at_ns=3 * SECOND) == ""  # the canary closed none
    assert watch.record(REAL) == Record(1, 1, 1, 1, 1)
    watch.judge(fills, versions(settings), settings, at_ns=9 * SECOND)
    assert watch.record(CANARY) == Record(2, 0, 4, 0, 0)
    watch.judge(fills, versions(settings), settings, at_ns=9 * SECOND)
    assert watch.record(CANARY).lots == 2  # nothing counts twice


def test_another_candidate_starts_without_a_record() -> None:
    settings, other = (
        composed(*OUT, *EAGER, f"rollout.candidate.tail_age_ms={ms}").settings for ms in (700, 800)
    )
    watch, fills = RolloutWatch(lot=1.0), np.array(ROUND_TRIPS, dtype=ROW)
    watch.judge(fills, versions(settings), settings, at_ns=9 * SECOND)
    assert watch.record(CANARY).lots == 2
    assert watch.judge(fills, versions(settings), other, at_ns=9 * SECOND) == ""
    assert watch.record(CANARY) == watch.record(REAL) == Record()


def test_what_real_did_before_the_canary_came_is_not_compared_with_it() -> None:
    settings = composed(*OUT, *EAGER).settings
    watch, alone = RolloutWatch(lot=1.0), [fill(0, 1, 100.0, 1), fill(0, -1, 101.0, 2)]
    late = [(row[0] + 10 * MINUTE, *row[1:]) for row in ROUND_TRIPS]
    fills = np.array([*alone, *late], dtype=ROW)
    watch.judge(fills, versions(settings), settings, at_ns=11 * MINUTE - 1)
    assert (watch.record(REAL).lots, watch.record(CANARY).lots) == (1, 2)


def test_a_larger_fraction_begins_both_records_anew() -> None:
    settings, grown = (
        composed(OUT[0], *OUT[2:], *EAGER, f"rollout.canary_fraction={share}").settings
        for share in (0.5, 0.6)
    )
    watch, fills = RolloutWatch(lot=1.0), np.array(ROUND_TRIPS, dtype=ROW)
    watch.judge(fills, versions(settings), settings, at_ns=9 * SECOND)
    watch.judge(fills, versions(grown), grown, at_ns=69 * SECOND)
    assert watch.record(CANARY) == watch.record(REAL) == Record()


needs_core = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")


@pytest.fixture(scope="module")
def market() -> ReplayWindow:
    return open_window(settings=composed().settings)


def played(
    found: Composed, market: ReplayWindow, live: LiveSettings | None = None, *, guard: bool = True
) -> SoakReplay:
    replay = SoakReplay(settings=found.settings, market=market, outside=Outside(live=live, guard=guard))
    for _ in range(market.iterations):
        replay.run(replay.package)
    return replay


@needs_core
def test_a_losing_canary_goes_back_at_the_end_of_a_minute_and_the_same_bytes_come_twice(
    market: ReplayWindow,
) -> None:
    found = composed(*OUT, *EAGER)
    replay = played(found, market)
    (reload,) = replay.live.log
    assert (reload.result, reload.fields) == (TAKEN_BACK, ("rollout.mode",))
    assert reload.at_ns % MINUTE == 0
    assert reload.marker().startswith("| rollout_guard | MODE_SWITCH | canary to disabled: ")
    after = [v for v in replay.timeline.versions if v.start_ns >= reload.at_ns]
    assert {(v.route, v.config_sha) for v in after} == {(REAL, found.settings.baseline.config_sha)}
    assert any(v.route == CANARY for v in replay.timeline.versions)
    again = played(found, market)
    assert again.live.log == replay.live.log
    assert again.whole().fills.tobytes() == replay.whole().fills.tobytes()


@needs_core
@pytest.mark.slow
def test_a_run_on_the_wall_clock_takes_it_back_at_the_same_instant(market: ReplayWindow) -> None:
    found = composed(*OUT, *EAGER)
    replayed = played(found, market)
    paced = SoakReplay(
        settings=found.settings, market=market, outside=Outside(clock=UnevenClock(), guard=True)
    )
    for _ in range(market.iterations):
        paced.run(paced.package)
    assert paced.live.log == replayed.live.log
    assert paced.whole().fills.tobytes() == replayed.whole().fills.tobytes()


@needs_core
def test_without_the_guard_and_without_evidence_a_canary_goes_on(market: ReplayWindow) -> None:
    assert played(composed(*OUT, *EAGER), market, guard=False).live.log == []
    assert played(composed(*OUT, "rollout_guard.min_sample=100000"), market).live.log == []


@needs_core
def test_what_went_back_is_not_let_out_again_and_another_candidate_is(
    market: ReplayWindow, tmp_path: Path
) -> None:
    root = private_copy(tmp_path)
    (root / "try.yaml").write_text(
        "reason: r\nowner: o\n"
        "overrides: {base_spread_bps_delta: 0.0, signal.weight_bps: 3.0, signal.k: 5.0}\n"
    )
    words = (*WORDS, *OUT[:2], *EAGER, f"rollout.candidate_file={root / 'try.yaml'}")
    found = compose_run(words=words, root=root, environ={})
    back_ns = played(found, market).live.log[0].at_ns
    tried = found.settings.rollout.candidate
    steps = [
        {"rollout.mode": "canary", "rollout.candidate": tried, "tail_age_ms": 800},
        {"rollout.mode": "canary", "rollout.candidate": {"tail_age_ms": 900}, "tail_age_ms": 800},
    ]
    entries = tuple(
        (back_ns + k * MINUTE, Offer(parse_patch(json.dumps(values), where="p", json=True), f"sha{k}"))
        for k, values in enumerate(steps, start=1)
    )
    live = LiveSettings(found.settings, found.patched, Schedule(entries))
    replay = played(found, market, live)
    first, second = [reload for reload in live.log if reload.overrides_sha][:2]
    assert first.fields == ("tail_age_ms",)
    assert "rollout.mode" in second.fields
    routes = [v.route for v in replay.timeline.versions if back_ns <= v.start_ns < back_ns + 2 * MINUTE]
    assert set(routes) == {REAL}


def test_what_asked_for_a_canary_that_went_back_counts_as_refused_until_something_else_is_asked() -> None:
    found = composed(*OUT)
    live = LiveSettings(found.settings, found.patched)
    live.in_force = Reload(0, APPLIED, found.settings.config_sha, "sha1", None)
    live.take_back(MINUTE, "it lost")
    assert live.settings.config_sha == found.settings.baseline.config_sha
    assert live.refused is not None
    assert (live.refused.overrides_sha, live.refused.why) == ("sha1", "it lost")
    other = parse_patch('{"tail_age_ms": 800}', where="p", json=True)
    live.schedule = Schedule(((MINUTE, Offer(other, "sha2")),))
    live.poll(MINUTE, flat=lambda: True)
    assert live.refused is None
    assert live.settings.rollout.mode == "disabled"


@needs_core
def test_a_report_says_that_and_when_the_candidate_went_back(market: ReplayWindow) -> None:
    found = composed(*OUT, *EAGER)
    replay = played(found, market)
    judge = make_judge(settings=found.settings, root=REPOSITORY, runtime=a_runtime())
    _, report, _ = weigh(replay, judge)
    assert report.routes is not None
    back = report.routes.guard.taken_back
    assert back is not None
    assert back.after_s == (replay.live.log[0].at_ns - market.start_ns) / 1e9
    assert back.reason == replay.live.log[0].why
