"""Patches in mid-run: classes of reload, one function for both sources, the tuner rebased, fills that say
which settings quoted them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.compiled.records import at, interpreted
from framework.edge.window import WindowData
from framework.quoting.records import PLACE, REPLACE
from framework.rollout.route import CANARY, REAL
from framework.session.errors import SoakError
from framework.session.iterations import Outside
from framework.session.reload import APPLIED, PENDING, REFUSED, LiveSettings, Offer, Schedule
from framework.session.replay import SoakReplay
from framework.session.schedule import read_schedule, span_ns, written_schedule
from framework.session.window import ReplayWindow, open_window
from framework.settings.compose import Composed, compose_run
from framework.settings.errors import ConfigError
from framework.settings.overrides import Patch, parse_patch
from framework.settings.watch import Fault, Snapshot
from framework.units import MINUTE, SECOND
from tests.command import QUICK, REPOSITORY, private_copy, soaked

pytestmark = pytest.mark.skipif(interpreted(), reason="a soak needs the compiled code")

WORDS = ("soak.hours=0.1", "soak.iterations=2", "soak.auto_tune=false", "soak.overrides_file=null")


@pytest.fixture(scope="module")
def composed() -> Composed:
    return compose_run(words=WORDS, root=REPOSITORY, environ={})


@pytest.fixture(scope="module")
def market(composed: Composed) -> ReplayWindow:
    return open_window(settings=composed.settings)


def patch_of(**values: Any) -> Patch:
    named = {name.replace("__", "."): value for name, value in values.items()}
    return parse_patch(json.dumps(named), where="patch", json=True)


def offers(market: ReplayWindow, *patches: tuple[float, Patch]) -> Schedule:
    """Schedule patches by seconds after the start."""
    start = market.boundaries[0]
    return Schedule(
        tuple((start + round(s * SECOND), Offer(p, f"sha{k}")) for k, (s, p) in enumerate(patches))
    )


def live_settings(composed: Composed, schedule: Schedule | None = None) -> LiveSettings:
    return LiveSettings(composed.settings, composed.patched, schedule or Schedule())


def played(replay: SoakReplay) -> WindowData:
    for _ in range(len(replay.market.boundaries) - 1):
        replay.run(replay.package)
    return replay.whole()


class Watched:
    """What a watcher shows, changed by hand at instants of the tape."""

    def __init__(self, live: LiveSettings, changes: dict[int, Patch]) -> None:
        self.latest: Snapshot[Offer] | None = None
        self.fault: Fault | None = None
        self.live, self.changes = live, changes

    def beat(self, at_ns: int) -> None:
        for due in [ns for ns in self.changes if ns <= at_ns]:
            before = self.latest
            generation = 1 if before is None else before.generation + 1
            text = json.dumps(self.changes.pop(due).values)
            offer = self.live.offer(text, where="patch", sha=f"sha{generation}")
            self.latest = Snapshot(generation, offer, offer.sha, 0, 0)


class UnevenClock:
    """Real time that passes in no time and wakes late by amounts that never repeat."""

    def __init__(self) -> None:
        self.now, self.draw = 0, np.random.default_rng(5)

    def now_ns(self) -> int:
        self.now += 20_000
        return self.now

    def sleep_until(self, ns: int) -> None:
        self.now = max(self.now, ns) + int(self.draw.integers(0, 40_000_000))


CHANGES = (
    (20.7, patch_of(base_spread_bps_delta=0.4, sizing__leverage=3.0)),
    (100.0, patch_of(base_spread_bps_delta=0.1, tail_age_ms=900, sizing__quote_notional_usd=120.0)),
    (200.0, patch_of(guards__vol_halt_bps=900.0, sizing__notional_cap_usd=300.0)),
    (300.0, patch_of(sizing__leverage=2.0)),
)


@pytest.mark.parametrize("split", [False, True], ids=["one route", "canary"])
def test_the_same_patch_at_the_same_instant_is_the_same_run_by_either_way(
    composed: Composed, market: ReplayWindow, split: bool
) -> None:
    if split:
        out = ("rollout=canary", "rollout.canary_fraction=0.5", "rollout.candidate.base_spread_bps_delta=0.5")
        composed = compose_run(words=(*WORDS, *out), root=REPOSITORY, environ={})
    settings = composed.settings
    live = LiveSettings(settings, composed.patched)
    watched = Watched(live, {market.boundaries[0] + round(s * SECOND): patch for s, patch in CHANGES})
    live.watcher = watched  # type: ignore[assignment]
    paced = SoakReplay(
        settings=settings, market=market, outside=Outside(clock=UnevenClock(), live=live, beat=watched.beat)
    )
    first = played(paced)
    again = SoakReplay(settings=settings, market=market, outside=Outside(live=live.again()))
    replayed = played(again)
    assert len(first.fills) > 5
    assert first.fills.tobytes() == replayed.fills.tobytes()
    assert first.audit.tobytes() == replayed.audit.tobytes()
    assert first.samples.tobytes() == replayed.samples.tobytes()
    assert again.live.log == live.log
    assert [v.config_sha for v in again.timeline.versions] == [v.config_sha for v in paced.timeline.versions]
    results = [(reload.result, reload.fields) for reload in live.log]
    assert (PENDING, ("sizing.leverage",)) in results
    assert (APPLIED, ("sizing.leverage",)) in results
    assert live.waiting or live.settings.sizing.leverage == 2.0
    assert live.settings.sizing.notional_cap_usd == composed.settings.sizing.notional_cap_usd


def test_a_written_schedule_repeats_the_run(composed: Composed, market: ReplayWindow, tmp_path: Path) -> None:
    live = live_settings(composed, offers(market, (33.3, patch_of(base_spread_bps_delta=0.45))))
    first = played(SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live)))
    path = tmp_path / "patches.json"
    path.write_text(json.dumps(written_schedule(live.offers, start_ns=market.boundaries[0])))
    entries = read_schedule(path, start_ns=market.boundaries[0], end_ns=market.boundaries[-1])
    repeated = live_settings(composed, Schedule(entries))
    second = played(SoakReplay(settings=composed.settings, market=market, outside=Outside(live=repeated)))
    assert first.fills.tobytes() == second.fills.tobytes()
    assert first.audit.tobytes() == second.audit.tobytes()


def test_a_patch_changes_nothing_before_it_comes(composed: Composed, market: ReplayWindow) -> None:
    plain = played(SoakReplay(settings=composed.settings, market=market))
    live = live_settings(composed, offers(market, (150.0, patch_of(base_spread_bps_delta=0.6))))
    patched = played(SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live)))
    cut = market.boundaries[0] + 150 * SECOND
    before, same = (rows[rows["ts_ns"] < cut] for rows in (plain.audit, patched.audit))
    finished = before["action"] != 4  # a run of blocked ticks may end later
    assert np.array_equal(before[finished], same[same["action"] != 4])
    assert plain.audit.tobytes() != patched.audit.tobytes()


def test_every_row_names_the_settings_that_quoted_it(composed: Composed, market: ReplayWindow) -> None:
    live = live_settings(composed, offers(market, (100.0, patch_of(base_spread_bps_delta=0.6))))
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    whole = played(replay)
    instant = market.boundaries[0] + 100 * SECOND
    changed = composed.patched(patch_of(base_spread_bps_delta=0.6)).config_sha
    shas = np.array([version.config_sha for version in replay.timeline.versions])
    late = shas[whole.audit["params_version"][whole.audit["ts_ns"] >= instant]]
    assert set(late) == {changed}
    for fill in whole.fills:
        quoted_late = fill["quote_ts_ns"] >= instant
        assert (shas[fill["params_version"]] == changed) == quoted_late


def test_a_hot_patch_brings_its_tick_and_that_moves_the_resting_quotes(market: ReplayWindow) -> None:
    composed = compose_run(words=(*WORDS, "strategy.tick_ms=0"), root=REPOSITORY, environ={})
    instant = market.boundaries[0] + 100 * SECOND + 1
    wider = patch_of(base_spread_bps_delta=0.6, max_delta_ratio=0.2)
    live = LiveSettings(composed.settings, composed.patched, Schedule(((instant, Offer(wider, "sha")),)))
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    replay.live.adopt(replay.package)
    replay.plan(market.boundaries[0])
    replay._advance(instant - 1, end_runs=False)
    ticks, before = int(at(replay.replay.desk, 0).ticks), resting(replay)
    replay._advance(instant, end_runs=False)
    assert int(at(replay.replay.desk, 0).ticks) == ticks + 1  # though no market event is due at that instant
    replay._advance(instant + SECOND, end_runs=False)
    (bid, ask), (bid_before, ask_before) = resting(replay), before
    assert bid[1] < bid_before[1]
    assert ask[1] > ask_before[1]


def resting(replay: SoakReplay) -> list[tuple[int, int, int]]:
    """Give order, price and size of both quotes as the desk knows them."""
    quotes = (at(replay.replay.quotes, k) for k in range(2))
    return [(int(q.order_id), int(q.price_ticks), int(q.leaves_lots)) for q in quotes]


def test_a_next_quote_patch_leaves_resting_orders_and_sizes_the_next(
    composed: Composed, market: ReplayWindow
) -> None:
    instant = market.boundaries[0] + 100 * SECOND + 1
    smaller = patch_of(sizing__quote_notional_usd=130.0)
    live = live_settings(composed, Schedule(((instant, Offer(smaller, "sha")),)))
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    replay.live.adopt(replay.package)
    replay.plan(market.boundaries[0])
    replay._advance(instant - 1, end_runs=False)
    before = resting(replay)
    sizes = [lots for order, _, lots in before if order]
    assert sizes
    replay._advance(instant, end_runs=False)
    assert resting(replay) == before
    replay._advance(market.boundaries[1] - 1, end_runs=True)
    rows = replay.replay.audit_rows()
    placed = rows[(rows["ts_ns"] > instant) & np.isin(rows["action"], (PLACE, REPLACE))]
    price = market.tape.instrument.tick
    worth = placed["qty_lots"] * market.tape.instrument.lot * placed["price_ticks"] * price
    assert len(placed) > 10
    assert worth.max() <= 131.0


def test_a_lower_cap_shrinks_what_rests_at_once(market: ReplayWindow) -> None:
    composed = compose_run(words=(*WORDS, "strategy.tick_ms=0"), root=REPOSITORY, environ={})
    instant = market.boundaries[0] + 100 * SECOND + 1
    lower = patch_of(sizing__notional_cap_usd=125.0, sizing__quote_notional_usd=120.0)
    live = LiveSettings(composed.settings, composed.patched, Schedule(((instant, Offer(lower, "sha")),)))
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    replay.live.adopt(replay.package)
    replay.plan(market.boundaries[0])
    replay._advance(instant - 1, end_runs=False)
    instrument = market.tape.instrument
    assert max(lots * instrument.lot * price * instrument.tick for _, price, lots in resting(replay)) > 200.0
    replay._advance(instant, end_runs=False)
    for k, (_, price, lots) in enumerate(resting(replay)):
        cancelled = at(replay.replay.quotes, k).cancelling == 1  # the position is too large for this side now
        assert cancelled or lots * instrument.lot * price * instrument.tick < 126.0


def test_a_flat_only_patch_waits_until_the_position_is_nothing(
    composed: Composed, market: ReplayWindow
) -> None:
    live = live_settings(
        composed, offers(market, *((s, patch_of(sizing__leverage=3.0)) for s in (20.7, 90.0)))
    )
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    seen: list[tuple[int, bool, float]] = []
    flat = replay.flat

    def asked() -> bool:
        seen.append((replay._at, flat(), live.settings.sizing.leverage))
        return flat()

    replay.flat = asked  # type: ignore[method-assign]
    played(replay)
    assert {leverage for _, is_flat, leverage in seen if not is_flat} <= {composed.settings.sizing.leverage}
    released = [r for r in live.log if r.result == APPLIED and r.fields == ("sizing.leverage",)]
    assert len(released) == 1
    assert released[0].at_ns % 100_000_000 == 0
    assert live.waiting == ()


def test_a_name_that_leaves_the_patch_goes_back(composed: Composed, market: ReplayWindow) -> None:
    start = composed.settings.params
    first, second = patch_of(base_spread_bps_delta=0.5, tail_age_ms=900), patch_of(tail_age_ms=800)
    live = live_settings(composed, offers(market, (10.0, first), (20.0, second)))
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    played(replay)
    assert live.settings.params.base_spread_bps_delta == start.base_spread_bps_delta
    assert live.settings.params.tail_age_ms == 800
    assert live.log[-1].fields == ("base_spread_bps_delta", "tail_age_ms")
    assert live.settings.config_sha == composed.patched(second).config_sha


def test_what_would_need_a_restart_is_no_patch() -> None:
    with pytest.raises(ConfigError, match=r"exchange\.feed_ms takes effect at a restart only"):
        patch_of(exchange__feed_ms=1.0)


def test_a_patch_that_contradicts_itself_is_refused_whole(composed: Composed, market: ReplayWindow) -> None:
    mixed = patch_of(base_spread_bps_delta=0.5, rollout__mode="full")
    live = live_settings(composed, offers(market, (10.0, mixed)))
    before = live.settings
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    played(replay)
    assert live.settings == before
    (refused,) = live.log
    assert refused.result == REFUSED
    assert refused.marker().startswith("| reload | REFUSED | overrides_sha=sha0 ")
    assert "rollout: mode is full without a candidate" in refused.marker()


def test_a_rollout_begins_grows_and_ends_in_mid_run(composed: Composed, market: ReplayWindow) -> None:
    tried = {"rollout.candidate": {"base_spread_bps_delta": 0.6, "sizing.max_position_quotes": 1.0}}
    steps = [
        (60.5, {"rollout.mode": "canary", "rollout.canary_fraction": 0.5, **tried}),
        (150.0, {"rollout.mode": "full", **tried}),
        (240.0, {"rollout.mode": "disabled"}),
    ]
    patches = [(s, parse_patch(json.dumps(values), where="p", json=True)) for s, values in steps]
    live = live_settings(composed, offers(market, *patches))
    replay = SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live))
    whole = played(replay)
    assert [reload.result for reload in live.log] == [APPLIED] * 3
    versions = replay.timeline.versions
    spreads = {
        (v.route, v.settings.params.base_spread_bps_delta, v.settings.sizing.max_position_quotes)
        for v in versions
    }
    own = (composed.settings.params.base_spread_bps_delta, composed.settings.sizing.max_position_quotes)
    assert spreads == {(REAL, *own), (CANARY, 0.6, 1.0), (REAL, 0.6, 1.0)}
    assert versions[-1].config_sha == composed.settings.config_sha
    first = next(v for v in versions if v.route == CANARY)
    assert first.start_ns % MINUTE == 0  # a minute that began on real ends on it
    routes = {versions[k].route for k in whole.audit["params_version"]}
    assert routes == {REAL, CANARY}


@pytest.mark.parametrize(
    "values",
    [
        {"base_spread_bps_delta": 0.3, "sizing.leverage": 3.0},
        {"tail_age_ms": 500, "guards.near_liq_guard.enabled": False},
        {"sizing.quote_notional_usd": 100.0, "sizing.notional_cap_usd": 100.0},
    ],
)
def test_what_a_reload_composes_is_what_a_start_composes(tmp_path: Path, values: dict[str, Any]) -> None:
    patch = {"overrides": values, "reason": "r", "owner": "o"}
    root = private_copy(tmp_path)
    (root / "p.json").write_text(json.dumps(patch))
    words = (*WORDS[:-1], f"soak.overrides_file={root / 'p.json'}")
    started = compose_run(words=words, root=root, environ={})
    reloaded = compose_run(words=WORDS, root=REPOSITORY, environ={}).patched(
        parse_patch(json.dumps(patch), where="p", json=True)
    )
    assert reloaded.config_sha == started.settings.config_sha
    assert reloaded.sizing == started.settings.sizing


def test_a_patch_that_contradicts_itself_is_refused_as_at_a_start(composed: Composed) -> None:
    with pytest.raises(
        ConfigError, match="quote_notional_usd is 30000; allowed up to notional_cap_usd, 20000"
    ):
        composed.patched(patch_of(sizing__quote_notional_usd=30000.0))


def test_a_word_on_the_command_line_wins_over_every_patch(market: ReplayWindow) -> None:
    composed = compose_run(words=(*WORDS, "params.tail_age_ms=950"), root=REPOSITORY, environ={})
    patch = patch_of(tail_age_ms=500, base_spread_bps_delta=0.5)
    live = LiveSettings(composed.settings, composed.patched, offers(market, (10.0, patch)))
    played(SoakReplay(settings=composed.settings, market=market, outside=Outside(live=live)))
    assert live.settings.params.tail_age_ms == 950
    assert live.settings.params.base_spread_bps_delta == 0.5


def test_a_fault_of_the_file_is_said_once_and_so_is_its_end(composed: Composed) -> None:
    said: list[str] = []
    live = live_settings(composed)
    live.listeners.append(lambda reload, _: said.append(reload.marker()))
    watched = Watched(live, {})
    live.watcher = watched  # type: ignore[assignment]
    turn: Callable[[int], bool] = lambda ns: live.poll(ns, flat=lambda: True)  # noqa: E731
    watched.fault = Fault("overrides.json: is empty; allowed a patch", None, 0)
    assert not turn(1)
    assert not turn(2)
    watched.fault = None
    assert not turn(3)
    assert not turn(4)
    assert [line.split(" | ")[1] for line in said] == ["REFUSED", "RECOVERED"]


def test_looking_for_a_patch_that_has_not_come_costs_next_to_nothing(composed: Composed) -> None:
    import timeit

    live = live_settings(composed)
    live.watcher = Watched(live, {})  # type: ignore[assignment]
    once = timeit.timeit(lambda: live.poll(5, flat=lambda: True), number=2_000) / 2_000
    assert once < 0.001  # a slice is ten times that; a hang, not a measure


YAML = """
patches:
  - after: 1m30s
    overrides: {base_spread_bps_delta: 0.30}
    reason: the candidate of the day
    owner: desk
  - at: 2025-01-06T06:14:00.5Z
    file: later.yaml
"""


def test_a_run_follows_its_schedule_and_the_tuner_starts_anew_from_it(tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    (root / "patches.yaml").write_text(YAML.split("  - at:")[0])
    words = ("soak.hours=0.3", "soak.iterations=3", f"soak.patches_file={root / 'patches.yaml'}")
    result, folder, said = soaked(root, *words)
    line = next(line for line in said if line.startswith("| reload |"))
    assert line.startswith("| reload | APPLIED | commit=none config_sha=")
    assert result.packages[0].base_spread_bps_delta == 0.3
    tuning = json.loads((folder / "soak" / "TUNING_REPORT.json").read_text())
    held = [row for decision in tuning["decisions"] for row in decision["rows"]]
    assert not [row for row in held if row["kind"] in ("VERIFY", "PATCH")]
    assert all(package["base_spread_bps_delta"] == 0.3 for package in tuning["trajectory"])
    trades = [json.loads(row) for row in (folder / "edge" / "trades.jsonl").read_text().splitlines()]
    assert len({trade["config_sha"] for trade in trades}) > 1
    (row,) = [json.loads(row) for row in (folder / "soak" / "reloads.jsonl").read_text().splitlines()]
    assert (row["after_s"], row["result"], row["owner"]) == (90.0, "APPLIED", "desk")
    summary = (folder / "soak" / "summary.txt").read_text()
    (told,) = [line for line in summary.splitlines() if line.startswith("patch applied at 00:01:30: ")]
    assert "base_spread_bps_delta" in told
    repeated = json.loads((folder / "soak" / "patches.json").read_text())
    assert repeated["patches"][0]["after"] == f"{90 * SECOND}ns"
    arms = {arm.arm: arm for arm in result.arms}
    assert arms["static"].last_package.base_spread_bps_delta == 0.3


def test_a_run_with_patches_is_the_same_bytes_twice(tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    (root / "patches.yaml").write_text(YAML.split("  - at:")[0])
    words = (*QUICK, f"soak.patches_file={root / 'patches.yaml'}")
    folders = [soaked(root, *words)[1] for _ in range(2)]
    names = [
        sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.name != "timing.json")
        for folder in folders
    ]
    assert names[0] == names[1]
    for name in names[0]:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_a_schedule_names_instants_by_span_or_moment(tmp_path: Path) -> None:
    (tmp_path / "patches.yaml").write_text(YAML)
    (tmp_path / "later.yaml").write_text("reason: r\nowner: o\noverrides:\n  tail_age_ms: 800\n")
    start = 1_736_143_200 * SECOND  # 2025-01-06T06:00:00Z
    found = read_schedule(tmp_path / "patches.yaml", start_ns=start, end_ns=start + 3_600 * SECOND)
    assert [at_ns - start for at_ns, _ in found] == [90 * SECOND, 14 * 60 * SECOND + SECOND // 2]
    assert [offer.patch.values for _, offer in found] == [
        {"base_spread_bps_delta": 0.3},
        {"tail_age_ms": 800},
    ]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1h30m", 5_400 * SECOND),
        ("90s", 90 * SECOND),
        ("0.5h", 1_800 * SECOND),
        ("12.5ms", 12_500_000),
        ("3ns", 3),
        ("1h 30m", None),
        ("90", None),
        ("-1s", None),
        ("", None),
    ],
)
def test_spans_are_read_exactly_or_not_at_all(text: str, ns: int | None) -> None:
    assert span_ns(text) == ns


GOOD = {"after": "1s", "overrides": {"tail_age_ms": 800}, "reason": "r", "owner": "o"}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ({**GOOD, "after": "soon"}, "after is soon; allowed a span of tape time"),
        ({**GOOD, "after": "2h"}, "comes 7200 s after the start; allowed 0 s to less than 3600 s"),
        ({**GOOD, "at": "2025-01-06T06:00:00Z"}, "has after and at; allowed one of them"),
        ({k: v for k, v in GOOD.items() if k != "after"}, "has neither after nor at"),
        ({**GOOD, "file": "x.yaml"}, "has file and overrides; allowed one of them"),
        ({**GOOD, "offer": 1}, "offer is unknown; allowed after, at, file"),
        ({**GOOD, "overrides": {"tail_age_ms": 5}}, "tail_age_ms is 5; allowed 400 to 1000"),
        ({**GOOD, "overrides": {"exchange.feed_ms": 5.0}}, "takes effect at a restart only"),
        ({**GOOD, "owner": ""}, "owner is missing or empty"),
        ({"after": "1s", "file": "absent.yaml"}, "absent.yaml: cannot read"),
        ({"after": "1s", "file": "../secret.yaml"}, "file is ../secret.yaml; allowed a file beside the"),
        ({"after": "1s", "file": "/etc/hostname"}, "file is /etc/hostname; allowed a file beside the"),
        ("now", "is 'now'; allowed a mapping"),
    ],
)
def test_a_schedule_that_cannot_be_followed_is_one_line(tmp_path: Path, item: Any, said: str) -> None:
    from framework.errors import QuoteopsError

    path = tmp_path / "patches.json"
    path.write_text(json.dumps({"patches": [item]}))
    start = 1_736_143_200 * SECOND
    with pytest.raises(QuoteopsError) as refused:
        read_schedule(path, start_ns=start, end_ns=start + 3_600 * SECOND)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_schedule_out_of_order_or_empty_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patches.json"
    for listed, said in (([{**GOOD, "after": "2s"}, GOOD], "in the order of time"), ([], "holds no list")):
        path.write_text(json.dumps({"patches": listed}))
        with pytest.raises(SoakError, match=said):
            read_schedule(path, start_ns=0, end_ns=3_600 * SECOND)
