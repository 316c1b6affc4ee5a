"""Fills and reports: one row, one ledger entry, one message each."""

from __future__ import annotations

from framework.compiled.jit import core, hot
from framework.edge.ledger import book_fill
from framework.market.events import BUY
from framework.market.records import (
    ACCEPTED,
    AMEND,
    AMENDED,
    CANCELLED,
    EXPIRED,
    FILLED,
    NO_REASON,
    NOT_REDUCING,
    REJECTED,
    Fill,
    Request,
)
from framework.market.wire import Wire, push_report
from framework.venue.matching.orders import open_lots, remove
from framework.venue.matching.records import Exchange, Order, Sim

NAN = float("nan")


@core
def trim_reducing(wire: Wire, sim: Sim) -> None:
    """Shrink reduce-only orders to the position that is left, and take off those that have nothing to
    reduce.
    """
    ex, orders = sim.exchange, sim.orders
    k = 0
    while k < ex.live:
        order = orders[k]
        if order.reduce_only == 1:
            order.leaves_lots = open_lots(order, sim.rules, sim.ledger)
        if order.leaves_lots > 0:
            k += 1
            continue
        report = push_report(ex.now_ns, wire)
        report.report_kind = EXPIRED
        report.reason = NOT_REDUCING
        report.order_id = order.order_id
        report.side = order.side
        report.sent_ns = order.quote_ts_ns
        report.price_ticks = order.price_ticks
        report.price = 0.0
        report.qty_lots = 0
        report.leaves_lots = 0
        report.is_maker = 0
        report.fee_quote = 0.0
        report.fee_base = 0.0
        report.link_id = order.link_id
        report.exec_id = 0
        report.route = order.route
        remove(k, ex, orders)


@core
def fill_order(k: int, lots: int, tick: int, is_maker: int, wire: Wire, sim: Sim) -> None:
    """Execute ``lots`` of an order at a price: one fill row, one ledger entry, one report."""
    ex, orders, fills = sim.exchange, sim.orders, sim.fills
    order = orders[k]
    if ex.fills >= len(fills):
        ex.overflow += 1
        remove(k, ex, orders)
        return
    fill = fills[ex.fills]
    ex.fills += 1
    _write_fill(fill, order, lots, tick, is_maker, sim)
    order.leaves_lots -= lots
    order.filled_lots += lots
    order.ahead_lots = 0.0
    book_fill(sim.ledger, fill)
    _report_fill(fill, order, wire, ex)
    if fill.exch_ts_ns + 100_000_000 < ex.due_ns:
        ex.due_ns = fill.exch_ts_ns + 100_000_000
    if order.leaves_lots == 0:
        remove(k, ex, orders)


@core
def _write_fill(fill: Fill, order: Order, lots: int, tick: int, is_maker: int, sim: Sim) -> None:
    """Write what is known of a fill when it happens; its marks come later."""
    rules, ex = sim.rules, sim.exchange
    fill.exch_ts_ns = ex.now_ns
    fill.order_id = order.order_id
    fill.side = order.side
    fill.price_ticks = tick
    fill.qty_lots = lots
    fill.is_maker = is_maker
    fill.price = tick * rules.tick
    if is_maker == 0:
        fill.price *= 1.0 + order.side * (rules.slippage_rate + order.impact)
    fill.qty = lots * rules.lot
    fill.m0 = order.m0
    fill.m = ex.mid
    fill.mid_held = ex.mid_held
    if not fill.m > 0.0:
        ex.no_mid += 1
    fill.m_100ms = NAN
    fill.m_500ms = NAN
    fill.m_1s = NAN
    fill.m_5s = NAN
    fill.m_30s = NAN
    rate = rules.maker_fee if is_maker == 1 else rules.taker_fee
    fill.fee_quote = 0.0
    fill.fee_base = 0.0
    if rules.fee_in_base == 1 and order.side == BUY:
        fill.fee_base = rate * fill.qty
    else:
        fill.fee_quote = rate * fill.qty * fill.price
    fill.quote_ts_ns = order.quote_ts_ns
    fill.order_ts_ns = order.order_ts_ns
    fill.queue_ahead_entry_lots = order.entry_lots
    fill.queue_ahead_fill_lots = order.ahead_lots
    fill.off_target_age_ns = -1
    fill.resting_age_ns = ex.now_ns - order.rested_ns
    fill.entry_latency_ns = order.entry_latency_ns
    fill.params_version = order.params_version
    fill.link_id = order.link_id
    fill.exec_id = ex.fills
    fill.route = order.route


@core
def _report_fill(fill: Fill, order: Order, wire: Wire, ex: Exchange) -> None:
    """Send the report of a fill, and note in its row when it will be heard."""
    report = push_report(ex.now_ns, wire)
    fill.local_ts_ns = report.arrive_ns
    fill.response_latency_ns = report.arrive_ns - ex.now_ns
    report.report_kind = FILLED
    report.reason = NO_REASON
    report.order_id = order.order_id
    report.side = order.side
    report.sent_ns = order.quote_ts_ns
    report.price_ticks = fill.price_ticks
    report.price = fill.price
    report.qty_lots = fill.qty_lots
    report.leaves_lots = order.leaves_lots
    report.is_maker = fill.is_maker
    report.fee_quote = fill.fee_quote
    report.fee_base = fill.fee_base
    report.link_id = order.link_id
    report.exec_id = fill.exec_id
    report.route = order.route


@hot
def answer(kind: int, reason: int, request: Request, leaves: int, wire: Wire, ex: Exchange) -> None:
    """Answer a request with one report."""
    report = push_report(ex.now_ns, wire)
    if request.action == AMEND and kind == ACCEPTED:
        kind = AMENDED
    if request.action == AMEND and kind == REJECTED:
        kind = CANCELLED
    report.report_kind = kind
    report.reason = reason
    report.order_id = request.order_id
    report.side = request.side
    report.sent_ns = request.sent_ns
    report.price_ticks = request.price_ticks
    report.price = 0.0
    report.qty_lots = request.qty_lots
    report.leaves_lots = leaves
    report.is_maker = 0
    report.fee_quote = 0.0
    report.fee_base = 0.0
    report.link_id = request.link_id
    report.exec_id = 0
    report.route = request.route
