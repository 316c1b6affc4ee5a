"""What the desk measures as it goes: volatility, absorption of the touch, adverse moves, momentum."""

from __future__ import annotations

import math

from framework.compiled.jit import core, hot
from framework.quoting.records import FOREVER, Desk, Params, PendingMarkout, Snapshot
from framework.units import SECOND


@hot
def observe(now: int, p: Params, desk: Desk, view: Snapshot) -> None:
    """Update realised volatility and queue absorption from the current mid."""
    if view.usable == 0:
        return
    if desk.vol_mid == 0.0:
        desk.vol_mid = view.mid
        desk.vol_ns = now
        desk.adverse_ns = now
    elapsed = now - desk.vol_ns
    if elapsed >= SECOND:
        seconds = elapsed / SECOND
        move = (view.mid - desk.vol_mid) / desk.vol_mid * 1e4
        weight = seconds / (seconds + p.vol_tau_s)
        desk.vol_var += weight * (move * move / seconds - desk.vol_var)
        desk.vol_weight += weight * (1.0 - desk.vol_weight)
        desk.sigma_bps = math.sqrt(desk.vol_var / desk.vol_weight)
        desk.absorb_bid += weight * (desk.absorbed_bid / seconds - desk.absorb_bid)
        desk.absorb_ask += weight * (desk.absorbed_ask / seconds - desk.absorb_ask)
        desk.absorbed_bid = 0.0
        desk.absorbed_ask = 0.0
        desk.vol_mid = view.mid
        desk.vol_ns = now


@core
def learn_adverse(now: int, tau_ns: float, desk: Desk, mid: float, pending: list[PendingMarkout]) -> None:
    """Update the adverse move from the fills that are a second old, and note when the next will be."""
    desk.pending_due_ns = FOREVER
    k = 0
    while k < desk.pending:
        row = pending[k]
        if row.due_ns > now:
            desk.pending_due_ns = min(desk.pending_due_ns, row.due_ns)
            k += 1
            continue
        cost = -row.side * (mid - row.mid) / row.mid * 1e4
        gap = float(now - desk.adverse_ns)
        desk.adverse_bps += gap / (gap + tau_ns) * (cost - desk.adverse_bps)
        desk.adverse_ns = now
        last = pending[desk.pending - 1]
        row.due_ns = last.due_ns
        row.side = last.side
        row.mid = last.mid
        desk.pending -= 1


@core
def momentum(now: int, p: Params, desk: Desk, view: Snapshot) -> float:
    """Give the mid's deviation from its moving average, in standard deviations of a random walk's."""
    if desk.trend_mid == 0.0:
        desk.trend_mid = view.mid
        desk.trend_ns = now
    seconds = (now - desk.trend_ns) / SECOND
    desk.trend_mid += seconds / (seconds + p.momentum_tau_s) * (view.mid - desk.trend_mid)
    desk.trend_ns = now
    if desk.sigma_bps <= 0.0:
        return 0.0
    moved_bps = (view.mid - desk.trend_mid) / view.mid * 1e4
    return moved_bps / (desk.sigma_bps * math.sqrt(0.5 * p.momentum_tau_s))


@core
def tanh(x: float) -> float:
    """Give the hyperbolic tangent within 1e-12, by halving and Lambert's continued fraction: + - x / only."""
    if x > 20.0:
        return 1.0
    if x < -20.0:
        return -1.0
    halvings = 0
    while abs(x) > 1.0:
        x *= 0.5
        halvings += 1
    square = x * x
    part = 15.0
    for odd in range(13, 0, -2):
        part = odd + square / part
    result = x / part
    for _ in range(halvings):
        result = 2.0 * result / (1.0 + result * result)
    return result
