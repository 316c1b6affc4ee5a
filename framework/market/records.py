"""Records that cross rooms: requests to an exchange, its reports, and one row per fill.

Prices and quantities that become orders are integer ticks and lots; statistics are floats. Times are UTC
nanoseconds, quantities ``*_qty`` are in base units, money is in quote currency.
"""

from __future__ import annotations

from framework.compiled.records import f8, i8, record

# what a request asks
NEW = 1
AMEND = 2
CANCEL = 3

# order kinds
LIMIT = 1
POST_ONLY = 2
IOC = 3
MARKET = 4

# what a report says
ACCEPTED = 1
AMENDED = 2
CANCELLED = 3
FILLED = 4
REJECTED = 5
AMEND_REJECTED = 6
CANCEL_REJECTED = 7
EXPIRED = 8
UNKNOWN = 9  # nobody knows yet whether the request was carried out

# why the exchange refused or cancelled
NO_REASON = 0
WOULD_TAKE = 1
UNKNOWN_ORDER = 2
NOT_REDUCING = 3
NO_LIQUIDITY = 4
TOO_MANY_ORDERS = 5
BAD_ORDER = 6
DUPLICATE = 7

REJECT_NAMES = {
    WOULD_TAKE: "would_take",
    UNKNOWN_ORDER: "unknown_order",
    NOT_REDUCING: "not_reducing",
    NO_LIQUIDITY: "no_liquidity",
    TOO_MANY_ORDERS: "too_many_orders",
    BAD_ORDER: "bad_order",
    DUPLICATE: "duplicate",
}

# which settings an order follows
REAL = 0
CANARY = 1
ROUTE_NAMES = {REAL: "real", CANARY: "canary"}


@record
class Request:
    """Ask the exchange for something; ``m0`` and ``quote_ts_ns`` belong to the decision that set the price.

    ``qty_lots`` of an amend is the order's new total, what has been filled included, so that a fill on its
    way cannot make the order larger than was meant. ``link_id`` counts the desk's requests from 1.
    """

    arrive_ns: i8
    sent_ns: i8
    action: i8
    order_id: i8
    side: i8
    order_kind: i8
    price_ticks: i8
    qty_lots: i8
    reduce_only: i8
    m0: f8
    quote_ts_ns: i8
    params_version: i8
    link_id: i8
    route: i8


@record
class Report:
    """Tell the trader what the exchange did; ``arrive_ns`` is when the trader learns it.

    ``link_id`` is that of the request it answers, or whose price was filled; ``exec_id`` counts the fills of
    the exchange from 1 and is 0 for any other report.
    """

    arrive_ns: i8
    exch_ts_ns: i8
    sent_ns: i8
    report_kind: i8
    reason: i8
    order_id: i8
    side: i8
    price_ticks: i8
    price: f8
    qty_lots: i8
    leaves_lots: i8
    is_maker: i8
    fee_quote: f8
    fee_base: f8
    link_id: i8
    exec_id: i8
    route: i8


@record
class Fill:
    """One fill with everything its attribution needs; markout mids are NaN until known."""

    exch_ts_ns: i8
    local_ts_ns: i8
    order_id: i8
    side: i8
    price_ticks: i8
    qty_lots: i8
    is_maker: i8
    price: f8
    qty: f8
    fee_quote: f8
    fee_base: f8
    m0: f8
    m: f8
    mid_held: i8
    m_100ms: f8
    m_500ms: f8
    m_1s: f8
    m_5s: f8
    m_30s: f8
    quote_ts_ns: i8
    order_ts_ns: i8
    queue_ahead_entry_lots: f8
    queue_ahead_fill_lots: f8
    off_target_age_ns: i8
    resting_age_ns: i8
    entry_latency_ns: i8
    response_latency_ns: i8
    params_version: i8
    position_after: f8
    link_id: i8
    exec_id: i8
    route: i8
