"""Order size, liquidation distance and exit liquidity; pure and compiled.

Signals and quotes are dropped, never inflated to meet an exchange's minimum.
"""

from __future__ import annotations

from framework.compiled.jit import core
from framework.quoting.records import Params


@core
def compute_order_qty(free_balance: float, price: float, p: Params) -> int:
    """Give the order size in lots: floor(min(cap, free*leverage)/price/lot), 0 below any minimum.

    Source: spec "Sizing & Near-Liq Guard".
    """
    if price <= 0.0 or free_balance < p.min_free_balance:
        return 0
    cap_notional = min(p.quote_notional, p.notional_cap)
    lots = int(min(cap_notional, free_balance * p.leverage) / (price * p.lot) + 1e-12)
    if lots < p.min_lots or lots * p.lot * price < p.min_notional:
        return 0
    return lots


@core
def liquidation_distance(leverage: float, maintenance_margin: float) -> float:
    """Give the relative distance from entry to liquidation; the same for longs and shorts."""
    return 1.0 / leverage - maintenance_margin


@core
def near_liquidation(
    leverage: float, maintenance_margin: float, assumed_sl: float, sl_buffer_multiplier: float
) -> bool:
    """Tell whether liquidation lies nearer than the buffered stop-loss distance."""
    return liquidation_distance(leverage, maintenance_margin) < assumed_sl * sl_buffer_multiplier


@core
def exit_liquidity_suffices(exit_depth_lots: int, order_lots: int, alpha: float) -> bool:
    """Tell whether the side the order must later exit into shows at least alpha times its size."""
    return exit_depth_lots >= alpha * order_lots
