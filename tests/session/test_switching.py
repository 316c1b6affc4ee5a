"""Where profile switching would have led during a run."""

import json
from pathlib import Path

import pytest

from framework.session.errors import SoakError
from framework.session.reload import LiveSettings, Offer
from framework.session.switching import make_switch, switch_rows, switch_sentence
from framework.settings.compose import compose_run
from framework.settings.patch import parse_patch
from tests.command import private_copy, soaked
from tests.edge.builders import fill, window


def losing(halves: int, *, until_s: float | None = None) -> dict[str, object]:
    """Give fills that lose 10 bps in every half hour."""
    fills = [
        fill(k * 1800.0 + at, side, price, 1.0, m0=100.0, m=100.0, m_1s=100.0)
        for k in range(halves)
        for at, side, price in ((60.0, 1, 100.1), (120.0, -1, 99.9))
    ]
    mids = [(float(t), 100.0) for t in range(1, int(until_s or halves * 1800), 60)]
    return {"fills": fills, "mids": mids, "end_s": until_s or halves * 1800.0}


def test_the_third_losing_half_hour_would_switch_to_conservative() -> None:
    rows = switch_rows(window(**losing(4)))  # type: ignore[arg-type]
    assert [row.profile for row in rows] == ["moderate", "moderate", "conservative", "conservative"]
    assert rows[0].net_bps == pytest.approx(-10.0, rel=1e-3)
    assert switch_sentence(rows).endswith("would have gone to conservative after 1.5 h")


def test_only_whole_half_hours_are_judged() -> None:
    assert len(switch_rows(window(**losing(2, until_s=4000.0)))) == 2  # type: ignore[arg-type]
    assert switch_sentence([]) == "profile switching: no whole 30-minute window to judge"


def test_half_hours_without_fills_are_no_evidence() -> None:
    rows = switch_rows(window((), end_s=5400.0))
    assert {row.seen for row in rows} == {"no evidence"}
    assert switch_sentence(rows).endswith("would have kept moderate throughout")


ACT = ("soak.profile_switch=act", "soak.hours=2.5", "soak.iterations=5", "soak.auto_tune=false")


@pytest.mark.slow
def test_three_losing_half_hours_put_the_conservative_profile_in_force(tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    result, folder, said = soaked(root, *ACT)
    before, after = result.settings, result.versions[-1].settings
    start = result.market.start_ns
    assert next(v.start_ns - start for v in result.versions if v.settings is after) == 3 * 1800 * 10**9
    assert (after.profile.spread_multiplier, after.profile.inflight_max, after.profile.backoff_ms) == (
        1.5,
        5,
        200,
    )
    assert after.params == before.params
    assert after.config_sha != before.config_sha
    names = "profile.spread_multiplier,profile.inflight_max,profile.backoff_ms"
    line = next(line for line in said if line.startswith("| reload |"))
    assert line.startswith(
        f"| reload | APPLIED | commit=none config_sha={after.config_sha[:12]} fields={names} |"
    )
    assert line.endswith(
        "| profile.spread_multiplier 1.0 -> 1.5, profile.inflight_max 9 -> 5, profile.backoff_ms 100 -> 200 |"
    )
    (row,) = (json.loads(line) for line in (folder / "soak" / "reloads.jsonl").read_text().splitlines())
    assert (row["after_s"], row["owner"], row["reason"]) == (5400.0, "soak", "profile switch to conservative")
    assert any(line.endswith("has gone to conservative after 1.5 h") for line in said)
    assert result.whole is not None
    shas = {result.versions[int(v)].config_sha for v in result.whole.fills["params_version"]}
    assert shas == {before.config_sha, after.config_sha}


def test_switching_knows_the_documented_traits_and_stays_out_of_a_rollout(tmp_path: Path) -> None:
    root = private_copy(tmp_path)
    composed = compose_run(words=ACT, root=root, environ={})
    switch = make_switch(composed=composed, live=LiveSettings(composed.settings))
    assert switch is not None
    assert switch.traits == {
        "moderate": {"spread_multiplier": 1.0, "inflight_max": 10, "backoff_ms": 100},
        "conservative": {"spread_multiplier": 1.5, "inflight_max": 5, "backoff_ms": 200},
    }
    canary = compose_run(
        words=(*ACT, "rollout=canary", "rollout.candidate={base_spread_bps_delta:0.2}"), root=root, environ={}
    )
    with pytest.raises(SoakError, match=r"profile_switch: is act while rollout is canary; allowed with"):
        make_switch(composed=canary, live=LiveSettings(canary.settings))
    advice = compose_run(words=(), root=root, environ={})
    assert make_switch(composed=advice, live=LiveSettings(advice.settings)) is None


def test_the_runs_own_patch_keeps_what_a_patch_has_set_and_gives_way_to_none() -> None:
    composed = compose_run(words=(), environ={})
    live = LiveSettings(composed.settings, composed.patched)
    first = parse_patch(
        '{"overrides": {"base_spread_bps_delta": 0.2}, "reason": "r", "owner": "o"}', where="a", json=True
    )
    own = parse_patch(
        '{"overrides": {"profile.spread_multiplier": 1.5}, "reason": "r", "owner": "o"}', where="b", json=True
    )
    live.schedule.insert(10, Offer(first, "a"))
    live.schedule.insert(20, Offer(own, "b", partial=True))
    live.schedule.insert(15, Offer(first, "c"))
    assert [at_ns for at_ns, _ in live.schedule.entries] == [10, 15, 20]
    live.poll(30, flat=lambda: True)
    assert live.settings.params.base_spread_bps_delta == 0.2
    assert live.settings.profile.spread_multiplier == 1.5
    assert [offer.partial for _, offer in live.again().schedule.entries] == [False, False, True]
