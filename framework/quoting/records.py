"""Records of the tick: parameters in force, what the desk knows, what it quotes and what it asks for.

Times are nanoseconds, distances basis points of the mid, money quote currency, positions base units.
"""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.bundles import bundle
from framework.compiled.records import f8, i8, record
from framework.market.book import Book
from framework.quoting.inputs import Account, Exposure, Signal

# what an audit row says
PLACE = 1
REPLACE = 2
CANCEL_QUOTE = 3
BLOCK = 4
REJECT = 5
HALT = 6
ACTION_NAMES = {
    PLACE: "PLACE",
    REPLACE: "REPLACE",
    CANCEL_QUOTE: "CANCEL",
    BLOCK: "BLOCK",
    REJECT: "REJECT",
    HALT: "HALT",
}

# why a side was blocked, in the order of the checks
NOT_BLOCKED = 0
RISK = 1
MIN_INTERVAL = 2
CONCURRENCY = 3
THROTTLE = 4
AT_LIMIT = 5  # the position limit holds the side, as it is meant to: counted apart from risk
BLOCK_NAMES = {RISK: "risk", MIN_INTERVAL: "min_interval", CONCURRENCY: "concurrency", THROTTLE: "throttle"}

# why a side is not quoted although nothing limits its rate
NOT_WITHHELD = 0
NO_MARKET = 1
STALE = 2
VOLATILITY = 3
LOSS = 4
QTY_ZERO = 5
NEAR_LIQUIDATION = 6
LIQUIDITY_INSUFFICIENT = 7
POSITION_LIMIT = 8
IMPACT = 9
REDUCE_ONLY = 10
STOPPED = 11
WITHHELD_NAMES = {
    NO_MARKET: "no_market",
    STALE: "stale",
    VOLATILITY: "volatility",
    LOSS: "loss",
    QTY_ZERO: "qty_zero",
    NEAR_LIQUIDATION: "near_liquidation",
    LIQUIDITY_INSUFFICIENT: "liquidity_insufficient",
    POSITION_LIMIT: "position_limit",
    IMPACT: "impact",
    REDUCE_ONLY: "reduce_only",
    STOPPED: "stopped",
}

FOREVER = 1 << 62
NO_TIME = -1


@record
class Params:
    """One version of every value the tick reads; a replay holds versions by the time they come into force."""

    from_ns: i8
    version: i8
    route: i8
    plan: i8
    tick_interval_ns: i8
    min_interval_ns: i8
    replace_per_ns: f8
    replace_capacity: f8
    base_spread_bps_delta: f8
    tail_age_ns: i8
    impact_cap_ratio: f8
    max_delta_ratio: f8
    inflight_max: i8
    spread_multiplier: f8
    backoff_ns: i8
    slippage_penalty_coef: f8
    inventory_tilt_cap: f8
    base_half_spread_bps: f8
    min_half_spread_bps: f8
    glft_base_bps: f8
    glft_risk: f8
    inventory_skew: f8
    adverse_weight: f8
    adverse_tau_ns: f8
    vol_tau_s: f8
    maker_fee_bps: f8
    signal_source: i8
    signal_weight_bps: f8
    signal_k: f8
    momentum_tau_s: f8
    queue_eta_target_ns: f8
    queue_nudge_ticks: i8
    requote_tolerance_bps: f8
    md_enabled: i8
    md_fresh_ns: i8
    md_jump_ticks: i8
    md_gap_ns: i8
    md_stale_ok: i8
    leverage: f8
    notional_cap: f8
    quote_notional: f8
    min_free_balance: f8
    equity_start: f8
    max_position_quotes: f8
    near_liq_enabled: i8
    sl_buffer_multiplier: f8
    assumed_sl: f8
    maintenance_margin: f8
    liquidity_enabled: i8
    liquidity_alpha: f8
    liquidity_levels: i8
    loss_halt: f8
    vol_halt_bps: f8
    stale_halt_ns: i8
    reduce_only: i8
    order_kind: i8
    tick: f8
    lot: f8
    min_lots: i8
    min_notional: f8


@record
class Snapshot:
    """The market data snapshot a tick is served from."""

    copied_ns: i8
    silent_ns: i8
    best_bid: i8
    best_ask: i8
    usable: i8
    hit: i8
    mid: f8
    mid_ticks: f8
    tick_bps: f8


@record
class Quote:
    """One side's resting order as the desk knows it, and what the tick wants of it."""

    order_id: i8
    cancelling: i8
    price_ticks: i8
    leaves_lots: i8
    filled_lots: i8
    m0: f8
    distance_bps: f8
    decided_ns: i8
    confirmed_ns: i8
    updated_ns: i8
    off_since_ns: i8
    left_target_ns: i8
    audit_row: i8
    backoff_until_ns: i8
    ahead_lots: f8
    want: i8
    want_ticks: i8
    want_lots: i8
    capped_lots: i8
    want_distance_bps: f8
    room_lots: i8
    withheld: i8
    unknown: i8
    run_reason: i8
    run_count: i8
    run_from_ns: i8
    last_want: i8
    last_withheld: i8
    last_lots: i8
    last_distance_bps: f8


@record
class PendingMarkout:
    """A fill whose next second the desk still watches."""

    due_ns: i8
    side: i8
    mid: f8


@record
class Repeat:
    """What the last tick that worked its stages out worked from, and until when that may stand."""

    until_ns: i8
    bid: i8
    ask: i8
    position: f8
    cash: f8
    drift_bps: f8
    usual_lots: f8
    score: f8
    version: i8


@record
class TickRow:
    """One sampled tick as collectors and loggers want it; ages and waits in ns, depth at the touch.

    How late it was in real time is the driver's to say: the desk reads no clock.
    """

    ts_ns: i8
    cache_hit: i8
    cache_age_ns: i8
    used_stale: i8
    waited_ns: i8
    mid: f8
    bid_lots: i8
    ask_lots: i8
    sigma_bps: f8
    absorbed_lots: f8
    half_spread_bps: f8
    score: f8
    position: f8
    loss: f8


@record
class Desk:
    """What the trading side knows of itself: money, requests under way, estimates, counters."""

    cash: f8
    funding: f8
    equity_open: f8
    loss: f8
    margin: f8
    opened: i8
    inflight: i8
    next_order_id: i8
    tokens: f8
    tokens_ns: i8
    wake_ns: i8
    sigma_bps: f8
    vol_var: f8
    vol_weight: f8
    vol_mid: f8
    vol_ns: i8
    trend_mid: f8
    trend_ns: i8
    lean_bps: f8
    adverse_bps: f8
    adverse_ns: i8
    drift_bps: f8
    absorb_bid: f8
    absorb_ask: f8
    absorbed_bid: f8
    absorbed_ask: f8
    pending: i8
    pending_due_ns: i8
    half_spread_bps: f8
    fair: f8
    quote_lots: i8
    usual_lots: f8
    halted: i8
    halted_before: i8
    audits: i8
    ticks: i8
    md_hits: i8
    md_misses: i8
    places: i8
    replaces: i8
    cancels: i8
    rejects: i8
    blocks_risk: i8
    blocks_min_interval: i8
    blocks_concurrency: i8
    blocks_throttle: i8
    halts: i8
    drops_no_market: i8
    drops_stale: i8
    drops_volatility: i8
    drops_loss: i8
    drops_qty_zero: i8
    drops_near_liquidation: i8
    drops_liquidity: i8
    drops_position_limit: i8
    drops_impact: i8
    drops_reduce_only: i8


@record
class DeskClock:
    """Where the desk stands: next market event and version of the parameters, last tick, news since then."""

    started: i8
    event_i: i8
    params_i: i8
    last_tick_ns: i8
    dirty: i8
    dirty_ns: i8
    due_ns: i8
    staged: i8
    same_instant: i8
    waited_ns: i8
    row_every: i8
    rows: i8


@record
class Intent:
    """What the tick asks the driver to send."""

    action: i8
    side: i8
    order_id: i8
    order_kind: i8
    reduce_only: i8
    price_ticks: i8
    qty_lots: i8
    m0: f8


@record
class Audit:
    """One action on a quote; BLOCK rows stand for ``count`` ticks in a row with one reason."""

    ts_ns: i8
    side: i8
    action: i8
    reason: i8
    count: i8
    order_id: i8
    price_ticks: i8
    qty_lots: i8
    off_target_age_ns: i8
    resting_age_ns: i8
    mid: f8
    params_version: i8
    route: i8


@bundle
class DeskState:
    """All that the trading side holds of one symbol, and the account, which several may share."""

    params: Sequence[Params]
    account: Account
    exposure: Exposure
    signal: Signal
    repeat: Repeat
    clock: DeskClock
    desk: Desk
    view: Snapshot
    quotes: list[Quote]
    pending: list[PendingMarkout]
    book: Book
    levels: list[i8]
    intents: list[Intent]
    audits: list[Audit]
    ticks: list[TickRow]
