"""Everything a replay of a few thousand events leaves, as one digest; run as a program it prints it."""

from __future__ import annotations

import hashlib

import numpy as np

from framework.compiled.records import at
from framework.engine.replay import Replay
from framework.units import SECOND
from tests.engine.tapes import latency, quoter, venue, versions
from tests.properties.markets import market

EVENTS = 6_000


def replayed(*, play: bool = True) -> Replay:
    """Replay a random market with every feature in play: hot swap, signal, nudge, cost model, funding,
    base-coin fees.
    """
    values = {
        "base_half_spread_bps": 2.0,
        "inventory_skew": 1.0,
        "glft_risk": 0.5,
        "min_interval_ns": 50_000_000,
        "tick_interval_ns": 10_000_000,
        "replace_capacity": 50.0,
        "replace_per_ns": 5e-9,
        "max_delta_ratio": 0.14,
        "impact_cap_ratio": 0.5,
        "adverse_weight": 0.5,
        "adverse_tau_ns": 1.7e11,
        "slippage_penalty_coef": 0.1,
        "queue_nudge_ticks": 1,
        "queue_eta_target_ns": 3e9,
        "signal_weight_bps": 1.0,
        "signal_k": 1.0,
        "maker_fee_bps": 0.1,
        "backoff_ns": 100_000_000,
        "quote_notional": 20.0,
        "inflight_max": 10,
    }
    rng = np.random.default_rng(5)
    costs = np.concatenate([[1e-9, 1e-3, 1.0], [0.0, 1e-4, 0.1], [0.9, 0.7, 0.3], rng.random(256)])
    replay = quoter(
        market(seed=11, events=EVENTS),
        versions((0, values), (20_000, values | {"base_half_spread_bps": 1.0, "tail_age_ns": 400_000_000})),
        rules=venue(fee_in_base=1, queue_model=1, cost_knots=3),
        funding=[(30_000, 0.0001, 1000.0), (60_000, -0.0002, 1001.0)],
        delays=latency(feed=3.0, entry=11.0, response=7.0),
        costs=costs,
    )
    if play:
        replay.advance(int(replay.tape.end_ns) + 40 * SECOND)
    return replay


def digest(replay: Replay) -> str:
    """Digest fills, audit rows, samples and the ledger, field by field so that padding does not count."""
    total = hashlib.sha256()
    for rows in (replay.fill_rows(), replay.audit_rows(), replay.sample_rows()):
        for name in rows.dtype.names or ():
            total.update(np.ascontiguousarray(rows[name]).tobytes())
    ledger = at(replay.ledger, 0)
    for name in ("position", "cash", "fees", "funding", "turnover", "gross", "slippage", "fees_eff"):
        total.update(np.float64(getattr(ledger, name)).tobytes())
    return f"{at(replay.exchange, 0).fills} fills {total.hexdigest()}"


if __name__ == "__main__":
    print(digest(replayed()))
