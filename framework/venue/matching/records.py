"""What the simulated exchange knows: its rules, the orders resting with it, what they took, its clock."""

from __future__ import annotations

from collections.abc import Sequence

from framework.compiled.bundles import bundle
from framework.compiled.records import f8, i8, record
from framework.edge.ledger import Ledger
from framework.market.book import Book
from framework.market.records import Fill

RISK_AVERSE = 0
PROB_POWER = 1


@record
class VenueRules:
    """How the exchange behaves: fees as fractions of notional, queue model, conventions, cost model (0 knots:
    off).
    """

    tick: f8
    lot: f8
    maker_fee: f8
    taker_fee: f8
    fee_in_base: i8
    queue_model: i8
    queue_power: i8
    partial_fills: i8
    shared_queue: i8
    slippage_rate: f8
    cost_knots: i8


@record
class Order:
    """One order resting at the exchange; ``ahead_lots`` is the foreign quantity before it in the queue."""

    order_id: i8
    side: i8
    order_kind: i8
    price_ticks: i8
    leaves_lots: i8
    filled_lots: i8
    reduce_only: i8
    impact: f8
    ahead_lots: f8
    entry_lots: f8
    traded_lots: f8
    m0: f8
    quote_ts_ns: i8
    order_ts_ns: i8
    rested_ns: i8
    entry_latency_ns: i8
    params_version: i8
    link_id: i8
    route: i8


@record
class Taken:
    """Displayed liquidity that our orders have already consumed: until the feed next speaks of the level, or,
    while the level reaches an order of ours, until it is gone.
    """

    side: i8
    price_ticks: i8
    lots: i8


@record
class Exchange:
    """The exchange's clock, mids and counters, and how full its buffers are."""

    started: i8
    now_ns: i8
    reached_ns: i8
    event_i: i8
    funding_i: i8
    mid: f8
    mid_held: i8
    live: i8
    bid_high: i8
    bid_low: i8
    ask_low: i8
    ask_high: i8
    taken: i8
    fills: i8
    settled_100ms: i8
    settled_500ms: i8
    settled_1s: i8
    settled_5s: i8
    settled_30s: i8
    due_ns: i8
    rejects: i8
    first_ns: i8
    traded_lots: f8
    draws: i8
    no_mid: i8
    overflow: i8


@bundle
class Sim:
    """All that the simulated exchange holds of one symbol; funding is known from the start."""

    rules: VenueRules
    exchange: Exchange
    book: Book
    levels: list[i8]
    orders: list[Order]
    taken: list[Taken]
    fills: list[Fill]
    ledger: Ledger
    costs: Sequence[f8]
    funding_ts_ns: Sequence[i8]
    funding_rate: Sequence[f8]
    funding_mark: Sequence[f8]
