"""A tick that repeats what the last one wanted leaves what a tick that works it out leaves."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from framework.compiled.records import at, interpreted
from framework.engine.replay import Replay
from framework.quoting.inputs import MODEL
from framework.quoting.records import LIQUIDITY_INSUFFICIENT, NOT_WITHHELD, REDUCE_ONLY
from framework.quoting.stages import STAGES
from framework.quoting.tick import pack_plan
from framework.units import MS
from tests.engine.tapes import Row, ask, bid, latency, ns, opening, quoter, quoting, venue, versions
from tests.properties.markets import conventions, knobs, market
from tests.properties.test_replay_properties import DELAYS, EVENTS, SEEDS, end_of, everything

NOTHING = max(STAGES.values()) + 1
SAME_STAGES = pack_plan([NOTHING, *STAGES.values()])
"""The usual stages behind one that does nothing: a plan of which no tick leaves out any."""


def more_knobs() -> st.SearchStrategy[dict[str, Any]]:
    """Draw what stops a repetition: silence, halts, limits, estimates that move it."""
    return st.fixed_dictionaries(
        {
            "md_gap_ns": st.sampled_from([0, 30_000_000, 10**12]),
            "md_stale_ok": st.sampled_from([0, 1]),
            "md_jump_ticks": st.sampled_from([1, 3]),
            "stale_halt_ns": st.sampled_from([40_000_000, 10**12]),
            "vol_halt_bps": st.sampled_from([1.0, 1e9]),
            "loss_halt": st.sampled_from([0.01, 1e9]),
            "reduce_only": st.sampled_from([0, 0, 1]),
            "adverse_weight": st.sampled_from([0.0, 0.5]),
            "slippage_penalty_coef": st.sampled_from([0.0, 0.5]),
            "liquidity_alpha": st.sampled_from([1.5, 8.0]),
            "near_liq_enabled": st.sampled_from([0, 1]),
            "assumed_sl": st.sampled_from([0.003, 0.3]),
            "tail_age_ns": st.sampled_from([50 * MS, 650 * MS]),
        }
    )


@settings(max_examples=25 if interpreted() else 200)
@given(
    SEEDS,
    knobs(),
    more_knobs(),
    conventions(),
    DELAYS,
    st.floats(200.0, 4_000.0),
    st.sampled_from([0.0, 0.004, -0.007]),
)
def test_what_is_repeated_is_what_the_stages_give_to_the_last_byte(
    seed: int,
    values: dict[str, Any],
    more: dict[str, Any],
    rules: dict[str, Any],
    delays: tuple[float, float, float],
    swap_ms: float,
    held: float,
) -> None:
    feed, entry, response = delays
    rows = market(seed=seed, events=EVENTS)

    def replayed(**plan: int) -> Replay:
        first = values | more | plan
        replay = quoter(
            rows,
            versions((0.0, first), (swap_ms, first | {"base_half_spread_bps": 1.0, "liquidity_alpha": 4.0})),
            rules=venue(**rules),
            delays=latency(feed=feed, entry=entry, response=response),
            funding=[(900.0, 0.001, 1000.0), (1_700.0, -0.002, 1000.0)],
        )
        at(replay.ledger, 0).position = at(replay.exposure, 0).position = held
        replay.advance(end_of(replay), end_runs=True)
        return replay

    assert everything(replayed()) == everything(replayed(plan=SAME_STAGES))


def told_not_to_bid(rows: list[Row], until_ms: float, score: float = 0.0, **values: int) -> Replay:
    """Play to 5 ms, forge what the desk kept for its bid, play on."""
    settled = bid(3, 9990, 900)  # the first tick changes the usual size: the second one keeps what it wants
    replay = quoter([*opening(), settled, *rows], quoting(md_gap_ns=10**12, **values))
    replay.advance(ns(5))
    at(replay.quotes, 0).last_want, at(replay.quotes, 0).last_withheld = 0, REDUCE_ONLY
    at(replay.desk_half.signal, 0).usable = 1
    at(replay.desk_half.signal, 0).score = score
    replay.advance(ns(until_ms))
    return replay


def test_where_only_depth_changes_what_was_kept_is_what_the_desk_follows() -> None:
    deeper = [bid(10, 9990, 700), ask(12, 10010, 500)]
    assert at(told_not_to_bid(deeper, 20).desk, 0).cancels == 1
    assert at(told_not_to_bid(deeper, 20, plan=SAME_STAGES).desk, 0).cancels == 0


def test_what_was_kept_falls_with_the_touch_with_a_second_of_time_and_with_the_signal() -> None:
    deeper = [bid(10, 9990, 700)]
    assert at(told_not_to_bid([bid(10, 10000, 700)], 20).desk, 0).cancels == 0
    assert at(told_not_to_bid([bid(1_100, 9990, 700)], 1_110, tail_age_ns=10**12).desk, 0).cancels == 0
    led = {"signal_weight_bps": 1, "signal_source": MODEL}
    assert at(told_not_to_bid(deeper, 20, score=0.5, **led).desk, 0).cancels == 0
    assert at(told_not_to_bid(deeper, 20, **led).desk, 0).cancels == 1  # the score is what it was
    assert at(told_not_to_bid(deeper, 20).quotes, 0).withheld == REDUCE_ONLY


def test_what_was_kept_falls_when_the_exit_has_become_too_thin_and_when_it_is_no_longer() -> None:
    thin, thick = [bid(10, 9999, 1), bid(11, 9990, 1)], bid(20, 9999, 1_000)
    replay = quoter(
        [*opening(), bid(3, 9990, 900), *thin, thick], quoting(md_gap_ns=10**12, liquidity_enabled=1)
    )
    replay.advance(ns(15))
    assert (at(replay.desk, 0).cancels, at(replay.quotes, 0).withheld) == (1, LIQUIDITY_INSUFFICIENT)
    replay.advance(ns(25))
    assert (at(replay.desk, 0).places, at(replay.quotes, 0).withheld) == (3, NOT_WITHHELD)
