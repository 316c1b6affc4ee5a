"""Records and sizes that the compiled synthetic market and its driver share."""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.bundles import bundle
from framework.compiled.records import f8, i8, record

RING = 8192
POOL = 1 << 17
POOL_MARGIN = 1 << 13
OUT_MARGIN = 1 << 13
UNIFORM, SIZE, JUMP, LEVEL, TOUCH = 0, 1, 2, 3, 4
POOLS = 5
SIGNS = 256
LAGS = 4096
MOD_VOL, MOD_FLOW, MOD_DEPTH, MOD_DRIFT = 0, 1, 2, 3
MODS = 4


@record
class Row:
    """One event as the simulation writes it; the columns of a tape but for the receive time."""

    ts_ns: i8
    kind: i8
    side: i8
    price_ticks: i8
    qty_lots: i8


@record
class Model:
    """Constants of one simulated market; probabilities are per step, prices in ticks, quantities in lots."""

    step_ns: i8
    steps_per_mod: i8
    mods: i8
    levels: i8
    slack: i8
    order_base: f8
    order_mean: f8
    decay_fast: f8
    decay_mid: f8
    decay_slow: f8
    kick_fast: f8
    kick_mid: f8
    kick_slow: f8
    news_kick: f8
    wide_flow: f8
    sign_copy: f8
    size_median: f8
    order_levels: i8
    print_lots: f8
    max_prints: i8
    jump: f8
    jump_coupling: f8
    jump_ticks: f8
    jump_cap: f8
    leak: f8
    momentum: f8
    tilt: f8
    threshold: f8
    urgency: f8
    impact: f8
    informed: f8
    take_size: f8
    pull: f8
    follow: f8
    quick: f8
    catch_up: f8
    close: f8
    close_wide: f8
    close_full: i8
    close_skill: f8
    touch: f8
    touch_update: f8
    touch_coupling: f8
    touch_step: f8
    touch_pull: f8
    touch_redraw: f8
    touch_start: f8
    deplete: f8
    trim: f8
    flush: f8
    flush_levels: f8


@record
class State:
    """What moves between steps."""

    step: i8
    ts_ns: i8
    rows: i8
    rows_max: i8
    best_bid: i8
    best_ask: i8
    edge_bid: i8
    edge_ask: i8
    target_bid: f8
    target_ask: f8
    latent: f8
    lean: f8
    fast: f8
    mid: f8
    slow: f8
    depth: f8


@bundle
class World:
    """All that a simulated market works on.

    ``book`` is a ring of lots a side, ``profile`` what stands behind the touch by distance. ``signs`` holds
    the signs of the last orders, then where the next one goes; ``lags`` how far back one is copied from.
    ``cursor`` says how much of each ``pool`` of random numbers is used, ``out`` takes the events, ``mods``
    gives the moods second by second.
    """

    model: Model
    state: State
    book: list[i8]
    profile: Sequence[f8]
    signs: list[i8]
    lags: Sequence[i8]
    pool: list[f8]
    cursor: list[i8]
    out: list[Row]
    mods: Sequence[f8]
